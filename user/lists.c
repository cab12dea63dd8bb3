// SPDX-License-Identifier: Apache-2.0
#include "lists.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dir.h"
#include "base/log.h"
#include "guard_dir.h"
#include "journal.h"
#include "domains.h"
#include "policy.h"

enum list { PROFILE_ALLOWED, PROFILE_DOMAINS, LIVE_ALLOWED, LIVE_DOMAINS, DENY, DENIED_DOMAINS };

static const char *const files[] = {
	[PROFILE_ALLOWED] = "profile.allowed",
	[PROFILE_DOMAINS] = "profile.domains",
	[LIVE_ALLOWED] = "live.allowed",
	[LIVE_DOMAINS] = "live.domains",
	[DENY] = "deny.list",
	[DENIED_DOMAINS] = "denied.domains",
};
#define LISTS (sizeof(files) / sizeof(files[0]))

struct lines {
	char **line;
	size_t n, room;
};

struct lists {
	struct lines of[LISTS];
};

static int line_add(struct lines *lines, const struct profile_entry *entry)
{
	char text[PROFILE_TEXT_LEN];

	if (lines->n == lines->room) {
		size_t room = lines->room ? 2 * lines->room : 64;
		char **more = reallocarray(lines->line, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		lines->line = more;
		lines->room = room;
	}
	lines->line[lines->n] = strdup(profile_entry_format(text, entry));
	return lines->line[lines->n++] ? 0 : -ENOMEM;
}

/* @of: PROFILE_ALLOWED or PROFILE_DOMAINS; the others follow in pairs. */
static enum list list_of(enum list of, const struct terok_rule *value)
{
	if (value->action == TEROK_DENY)
		return of + DENY;
	return value->author == TEROK_AUTHOR_PROFILE ? of : of + LIVE_ALLOWED;
}

static int rule_add(const struct rule *rule, void *user)
{
	const struct profile_entry entry = { .dest = rule->dest };
	struct lists *lists = user;

	/* a domain's addresses are not the domain, and the resolver is no destination */
	if (rule->value.until_ns || rule->value.author == TEROK_AUTHOR_NAME ||
	    rule->value.author == TEROK_AUTHOR_INFRA)
		return 0;
	return line_add(&lists->of[list_of(PROFILE_ALLOWED, &rule->value)], &entry);
}

static int name_add(const struct domain_rule *name, void *user)
{
	struct profile_entry entry = { .dest = name->dest };
	struct lists *lists = user;

	if (name->value.until_ns)
		return 0;
	memcpy(entry.domain, name->domain, sizeof(entry.domain));
	return line_add(&lists->of[list_of(PROFILE_DOMAINS, &name->value)], &entry);
}

static int port_pass(const struct publish *port, void *user)
{
	(void)port;
	(void)user;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_write(int dir, const char *name, struct lines *lines, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	if (lines->n)
		qsort(lines->line, lines->n, sizeof(*lines->line), compare);
	for (size_t i = 0; i < lines->n; i++)
		fprintf(out, "%s\n", lines->line[i]);
	if (fclose(out))
		return -ENOMEM;
	return dir_replace(dir, name, text, size, why);
}

static int id_write(int dir, const struct terok_info *guard, struct problem *why)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%.12s\n", guard->container);

	return guard->kind == TEROK_KIND_CONTAINER ? dir_replace(dir, "container.id", text, n, why)
						   : 0;
}

static int lists_read(const struct terok_info *guard, struct lists *lists, struct problem *why)
{
	const struct journal_reader reader = { rule_add, port_pass, lists };
	char key[JOURNAL_KEY_LEN];
	enum terok_state state;
	int r;

	if (!journal_key(guard, key))
		return 0;
	r = journal_read(key, &reader, &state, why);
	return r ? r : journal_each_domain(key, name_add, lists, why);
}

void lists_write(const struct terok_info *guard)
{
	struct lists lists = {};
	struct problem why = {};
	_cleanup_close_ int dir = -1;
	int r;

	if (!guard_dir_room(guard))
		return;
	dir = guard_dir_open(guard, &why);
	r = dir < 0 ? dir : lists_read(guard, &lists, &why);
	if (!r)
		r = id_write(dir, guard, &why);
	for (size_t i = 0; i < LISTS; i++) {
		if (!r)
			r = list_write(dir, files[i], &lists.of[i], &why);
		for (size_t k = 0; k < lists.of[i].n; k++)
			free(lists.of[i].line[k]);
		free(lists.of[i].line);
	}
	if (r)
		log_warn(0, "the text files of %s are not up to date: %s", guard->name,
			 *why.text ? why.text : strerror(-r));
}
