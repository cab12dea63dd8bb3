// SPDX-License-Identifier: Apache-2.0
#include "harvest.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "audit_read.h"
#include "base/sanitise.h"
#include "base/suffix.h"
#include "explain.h"

void harvest_done(struct harvest *harvest)
{
	profile_done(&harvest->index);
	free(harvest->item);
	free(harvest->sorted);
	*harvest = (struct harvest){};
}

bool harvest_is_probe(const struct dest *dest)
{
	return dest->proto == IPPROTO_UDP && (!dest->port || dest->port == 65535) && dest->bits;
}

/* Nothing but a name: the reader of entries would take a port, a deny or a star as well. */
bool harvest_domain(const char *text, char ret[static PROFILE_DOMAIN_LEN])
{
	struct profile_entry entry;

	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '.')
			return false;
	if (!*text || profile_entry_parse(text, &entry, NULL) || !*entry.domain)
		return false;
	strcpy(ret, entry.domain);
	return true;
}

/* --- adding ------------------------------------------------------------------------------ */

static void keep_first(char *kept, const char *text)
{
	if (*text && (!*kept || strcmp(text, kept) < 0))
		strcpy(kept, text);
}

static void keep_time(char kept[static HARVEST_WHEN_LEN], const char *when, bool last)
{
	int order = strcmp(when, kept);

	if (*when && (!*kept || (last ? order > 0 : order < 0)))
		strcpy(kept, when);
}

/* Whatever order they come in, the first by alphabet stay. */
static void add_process(struct harvest_item *item, const char *text)
{
	char name[HARVEST_PROCESS_LEN], next[HARVEST_PROCESS_LEN];

	sanitise(name, sizeof(name) - 1, text, strlen(text));
	for (int i = 0; *name && i < HARVEST_PROCESSES; i++) {
		int order = *item->process[i] ? strcmp(name, item->process[i]) : -1;

		if (!order)
			return;
		if (order > 0)
			continue;
		strcpy(next, item->process[i]);
		strcpy(item->process[i], name);
		strcpy(name, next);
	}
	item->more_processes |= *name != '\0';
}

static int item_get(struct harvest *harvest, const struct profile_entry *entry,
		    struct harvest_item **ret)
{
	size_t n = harvest->index.n;
	int r;

	if (n == harvest->room) {
		size_t room = n ? 2 * n : 32;
		struct harvest_item *more = reallocarray(harvest->item, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		harvest->item = more;
		harvest->room = room;
	}
	r = profile_add(&harvest->index, entry);
	if (r)
		return r;
	if (harvest->index.n > n)
		harvest->item[n] = (struct harvest_item){ .entry = *entry };
	*ret = &harvest->item[profile_find(&harvest->index, entry)];
	return 0;
}

int harvest_add(struct harvest *harvest, const struct harvest_wish *wish)
{
	bool address = wish->dest.bits, local = address && explain_is_special(wish->dest.addr);
	struct profile_entry entry = { .dest = { .port = wish->dest.port,
						 .proto = wish->dest.proto } };
	char when[HARVEST_WHEN_LEN] = "";
	struct harvest_item *item;
	int r;

	if (harvest_is_probe(&wish->dest))
		return 0;
	if (!harvest_domain(wish->domain ?: "", entry.domain) && !address) {
		harvest->left[HARVEST_UNSAYABLE] += wish->count;
		return 0;
	}
	if (local || !*entry.domain)
		entry = (struct profile_entry){ .dest = wish->dest };
	r = item_get(harvest, &entry, &item);
	if (r)
		return r;
	if (local && harvest_domain(wish->domain ?: "", entry.domain))
		keep_first(item->name, entry.domain);
	item->local = local;
	*(wish->refused ? &item->refused : &item->reached) += wish->count;
	if (wish->when)
		sanitise(when, sizeof(when) - 1, wish->when, strlen(wish->when));
	keep_time(item->when, when, true);
	keep_time(harvest->from, when, false);
	keep_time(harvest->to, when, true);
	add_process(item, wish->process ?: "");
	return 0;
}

/* --- lines of an audit file -------------------------------------------------------------- */

/* What a rule could have let out. Lines of others than us give no reason at all. */
static enum harvest_left reason_left(const char *reason)
{
	static const char *const mendable[] = { "",          "default",   "expired",  "private",
						"hard_deny", "rule_deny", "name_deny" };

	if (!strcmp(reason, "blocked"))
		return HARVEST_BLOCKED;
	for (size_t i = 0; i < sizeof(mendable) / sizeof(mendable[0]); i++)
		if (!strcmp(reason, mendable[i]))
			return HARVEST_LEFT_MAX_;
	return HARVEST_NO_RULE;
}

static bool line_dest(struct json_object *line, struct dest *ret)
{
	const char *addr = json_text(line, "dest"), *proto = json_text(line, "proto");
	struct json_object *port = json_member(line, "port", json_type_int);
	int64_t number = port ? json_object_get_int64(port) : 0;

	*ret = (struct dest){};
	if ((!port && json_object_object_get_ex(line, "port", NULL)) || number < 0 ||
	    number > UINT16_MAX)
		return false;
	if (addr && (dest_parse(addr, ret, NULL) || ret->bits != 128 || ret->port || ret->proto))
		return false;
	ret->port = number;
	return !proto || !proto_parse(proto, &ret->proto, NULL);
}

int harvest_line(struct json_object *line, struct harvest_wish *ret, enum harvest_left *left)
{
	*left = HARVEST_LEFT_MAX_;
	*ret = (struct harvest_wish){ .count = 1, .refused = true };
	if (strcmp(audit_line_text(line, "action"), "blocked"))
		return 0;
	*left = reason_left(audit_line_text(line, "reason"));
	if (*left == HARVEST_LEFT_MAX_ && json_object_object_get_ex(line, "from", NULL))
		*left = HARVEST_NO_RULE;
	if (*left != HARVEST_LEFT_MAX_)
		return 0;
	ret->domain = json_text(line, "domain");
	ret->process = json_text(line, "exe") ?: json_text(line, "comm");
	ret->when = json_text(line, "ts");
	if (line_dest(line, &ret->dest) && (ret->dest.bits || ret->domain))
		return 1;
	*left = HARVEST_UNREADABLE;
	return 0;
}

/* --- order and groups -------------------------------------------------------------------- */

/* Names, then addresses, then those of the host's own neighbourhood. */
static int kind(const struct harvest_item *item)
{
	return *item->entry.domain ? 0 : item->local ? 2 : 1;
}

static int compare(const void *a, const void *b)
{
	const struct harvest_item *x = *(const struct harvest_item *const *)a;
	const struct harvest_item *y = *(const struct harvest_item *const *)b;
	const struct dest *p = &x->entry.dest, *q = &y->entry.dest;
	int order = kind(x) - kind(y);

	if (!order && *x->entry.domain)
		order = strcmp(x->owner, y->owner);
	if (!order)
		order = strcmp(x->entry.domain, y->entry.domain);
	if (!order)
		order = memcmp(p->addr, q->addr, sizeof(p->addr));
	if (!order)
		order = p->port - q->port;
	return order ?: p->proto - q->proto;
}

/*
 * A name that was asked for and is then connected to is both a name alone and one with a port:
 * the one that says more stands for both. It is behind the other.
 */
static size_t drop_vague(const struct harvest_item **item, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct profile_entry *this = &item[i]->entry;

		if (!*this->domain || this->dest.port || this->dest.proto || i + 1 == n ||
		    strcmp(this->domain, item[i + 1]->entry.domain))
			item[kept++] = item[i];
	}
	return kept;
}

int harvest_sort(struct harvest *harvest)
{
	size_t n = harvest->index.n;

	free(harvest->sorted);
	harvest->sorted = calloc(n + 1, sizeof(*harvest->sorted));
	if (!harvest->sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *domain = harvest->item[i].entry.domain;

		/* a name that is a public suffix itself is a group of its own */
		harvest->item[i].owner = suffix_registrable(domain) ?: domain;
		harvest->sorted[i] = &harvest->item[i];
	}
	qsort(harvest->sorted, n, sizeof(*harvest->sorted), compare);
	harvest->n_sorted = drop_vague(harvest->sorted, n);
	return 0;
}

static bool same_group(const struct harvest_item *a, const struct harvest_item *b)
{
	return kind(a) == kind(b) && (kind(a) || !strcmp(a->owner, b->owner));
}

/* With the port and protocol that all of them have. */
static void offer_all(struct harvest_group *group, const struct harvest_item *const *item)
{
	struct profile_entry all = { .dest = item[0]->entry.dest };
	const char *domain = suffix_registrable(item[0]->entry.domain);

	if (!domain || group->names < HARVEST_NAMES_MIN)
		return;
	for (size_t i = 1; i < group->n; i++) {
		if (item[i]->entry.dest.port != all.dest.port)
			all.dest.port = 0;
		if (item[i]->entry.dest.proto != all.dest.proto)
			all.dest.proto = 0;
	}
	snprintf(all.domain, sizeof(all.domain), "*.%s", domain);
	profile_entry_format(group->all, &all);
}

bool harvest_next(const struct harvest *harvest, struct harvest_group *group)
{
	size_t at = group->from + group->n;
	const struct harvest_item *const *item = harvest->sorted + at;

	if (at == harvest->n_sorted)
		return false;
	*group = (struct harvest_group){ .from = at, .local = item[0]->local };
	if (!kind(item[0]))
		group->domain = item[0]->owner;
	while (at + group->n < harvest->n_sorted && same_group(item[0], item[group->n])) {
		group->names += !group->n || strcmp(item[group->n]->entry.domain,
						    item[group->n - 1]->entry.domain);
		group->n++;
	}
	if (group->domain)
		offer_all(group, item);
	return true;
}
