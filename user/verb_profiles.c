// SPDX-License-Identifier: Apache-2.0
/* verb_profiles.c - terok-bpfd profiles, profiles show, profiles lint */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sanitise.h"
#include "profile.h"
#include "verbs.h"

#define NAMES_MAX 64

static int json_print(struct json *json)
{
	const char *text = json_done(json);

	return text ? (puts(text), 0) : log_error(json->error, "too much for one JSON array");
}

/* --- list, show -------------------------------------------------------------------------- */

/* A profile that cannot be used is in the list too, with the reason. */
static void list_json(struct json *json, const char *name, bool shipped)
{
	_cleanup_profile_ struct profile profile = {};
	char path[PROFILE_PATH_LEN];
	struct problem why = {};
	int r = profile_load(name, &profile, &why);

	json_open_object(json, NULL);
	json_add_string(json, "name", name);
	json_add_string(json, "source", shipped ? "shipped" : "user");
	json_add_string(json, "path", profile_path(path, shipped, name));
	if (r) {
		json_add_null(json, "entries");
		json_add_string(json, "error", *why.text ? why.text : strerror(-r));
	} else {
		json_add_uint(json, "entries", profile.n);
	}
	json_close_object(json);
}

static int list_one(const char *name, bool shipped, void *user)
{
	struct json *json = user;

	if (!json)
		return puts(name) < 0 ? -EIO : 0;
	list_json(json, name, shipped);
	return 0;
}

static int list(bool as_json)
{
	_cleanup_json_ struct json json = {};
	struct problem why = {};
	int r;

	json_open_array(&json, NULL);
	r = profile_each(list_one, as_json ? &json : NULL, &why);
	json_close_array(&json);
	if (r)
		return verb_fail(r, &why);
	return as_json ? json_print(&json) : 0;
}

static int show(char **names, int n, bool as_json)
{
	_cleanup_profile_ struct profile profile = {};
	_cleanup_json_ struct json json = {};
	char text[PROFILE_TEXT_LEN];
	struct problem why = {};

	for (int i = 0; i < n; i++) {
		int r = profile_load(names[i], &profile, &why);

		if (r)
			return verb_fail(r == -EINVAL ? -EIO : r, &why);
	}
	json_open_array(&json, NULL);
	for (size_t i = 0; i < profile.n; i++) {
		profile_entry_format(text, &profile.entry[i]);
		if (as_json)
			json_add_string(&json, NULL, text);
		else
			puts(text);
	}
	json_close_array(&json);
	return as_json ? json_print(&json) : 0;
}

/* --- lint -------------------------------------------------------------------------------- */

struct lint {
	const char *path;
	struct profile seen; /* the whole file, each entry with its first line */
	struct json *json;
	unsigned errors, warnings;
};

/* @line: 0 is the file itself. */
static void lint_say(struct lint *lint, unsigned line, const char *kind, const char *text)
{
	char path[PROFILE_PATH_LEN], safe[512], number[16] = "";

	*(strcmp(kind, "error") ? &lint->warnings : &lint->errors) += 1;
	if (!lint->json) {
		if (line)
			snprintf(number, sizeof(number), ":%u", line);
		printf("%s%s: %s: %s\n",
		       sanitise(path, sizeof(path) - 1, lint->path, strlen(lint->path)), number,
		       kind, sanitise(safe, sizeof(safe) - 1, text, strlen(text)));
		return;
	}
	json_open_object(lint->json, NULL);
	json_add_string(lint->json, "file", lint->path);
	json_add_uint(lint->json, "line", line);
	json_add_string(lint->json, "kind", kind);
	json_add_string(lint->json, "text", text);
	json_close_object(lint->json);
}

static int lint_collect(unsigned line, const struct profile_entry *entry,
			const struct problem *wrong, void *user)
{
	struct lint *lint = user;

	(void)line, (void)wrong;
	return entry ? profile_add(&lint->seen, entry) : 0;
}

/* The deny of the same destination; NULL: none. */
static const struct profile_entry *denied_by(const struct profile *seen,
					     const struct profile_entry *entry)
{
	struct profile_entry deny = *entry;
	ssize_t at;

	deny.deny = true;
	at = profile_find(seen, &deny);
	return entry->deny || at < 0 ? NULL : &seen->entry[at];
}

/* The whole file is known: what makes a line useless may stand below it. */
static int lint_line(unsigned line, const struct profile_entry *entry, const struct problem *wrong,
		     void *user)
{
	char text[PROFILE_TEXT_LEN], said[PROFILE_TEXT_LEN + 64];
	const struct profile_entry *first, *deny;
	struct lint *lint = user;

	if (!entry) {
		lint_say(lint, line, "error", wrong->text);
		return 0;
	}
	first = &lint->seen.entry[profile_find(&lint->seen, entry)];
	deny = denied_by(&lint->seen, entry);
	profile_entry_format(text, entry);
	if (first->line != line)
		snprintf(said, sizeof(said), "'%s' is there already, in line %u", text,
			 first->line);
	else if (deny)
		snprintf(said, sizeof(said), "'%s' never matters: line %u denies it", text,
			 deny->line);
	if (deny || first->line != line)
		lint_say(lint, line, "warning", said);
	return 0;
}

static int lint_file(const char *name, struct lint *lint)
{
	_cleanup_free_ char *text = NULL;
	char path[PROFILE_PATH_LEN];
	struct problem why = {};
	size_t size;
	int r = profile_read(name, &text, &size, path, &why);

	lint->path = r ? name : path;
	if (r) {
		lint_say(lint, 0, "error", *why.text ? why.text : strerror(-r));
		return 0;
	}
	r = profile_parse(text, size, lint_collect, lint);
	if (!r)
		r = profile_parse(text, size, lint_line, lint);
	profile_done(&lint->seen);
	return r;
}

static int lint_one(const char *name, bool shipped, void *user)
{
	(void)shipped;
	return lint_file(name, user);
}

static int lint_all(char **names, int n, bool as_json)
{
	_cleanup_json_ struct json json = {};
	struct lint lint = { .json = as_json ? &json : NULL };
	struct problem why = {};
	int r = 0;

	json_open_array(&json, NULL);
	for (int i = 0; !r && i < n; i++)
		r = lint_file(names[i], &lint);
	if (!n)
		r = profile_each(lint_one, &lint, &why);
	json_close_array(&json);
	if (r)
		return verb_fail(r, &why);
	if (as_json)
		r = json_print(&json);
	else
		printf("%u error%s, %u warning%s\n", lint.errors, lint.errors == 1 ? "" : "s",
		       lint.warnings, lint.warnings == 1 ? "" : "s");
	return r ?: lint.errors ? 1 : 0;
}

int verb_profiles(int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON array", CLI_FLAG, &json },
		{},
	};
	int n = cli_parse(argc, argv, options, 0, NAMES_MAX);

	if (n < 0)
		return n;
	if (!n)
		return list(json);
	if (!strcmp(argv[1], "show") && n > 1)
		return show(argv + 2, n - 1, json);
	if (!strcmp(argv[1], "lint"))
		return lint_all(argv + 2, n - 1, json);
	return log_error(0, "profiles: show NAME..., lint [NAME|FILE...] or nothing, not '%s'%s",
			 argv[1], strcmp(argv[1], "show") ? "" : " alone"),
	       -EINVAL;
}
