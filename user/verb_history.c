// SPDX-License-Identifier: Apache-2.0
/*
 * verb_history.c - terok-bpfd history and export: the journal, read from its file
 *
 * Needs neither kernel nor agent, so that it can be read when both are gone, and writes
 * nothing. Entries are read in pages: a reader that stops, as one before a pager does, keeps
 * nothing of the writer's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/event.h"
#include "base/log.h"
#include "base/sanitise.h"
#include "hub/history_db.h"
#include "hub/wire_entry.h"
#include "verbs.h"

#define LINES_DEFAULT 50
#define LINES_MAX     100000
#define PAGE          1000

/* One page of entries, in the order that was asked for. */
struct page {
	struct msg_entry *entry;
	unsigned n, room;
	int error;
};

static void page_take(const struct msg_entry *entry, void *user)
{
	struct page *page = user;

	if (page->n == page->room) {
		unsigned room = page->room ? 2 * page->room : 64;
		struct msg_entry *more = reallocarray(page->entry, room, sizeof(*more));

		if (!more) {
			page->error = -ENOMEM;
			return;
		}
		page->entry = more;
		page->room = room;
	}
	page->entry[page->n++] = *entry;
}

static void page_free(struct page *page)
{
	free(page->entry);
}

/* 1: there are more. */
static int page_read(sqlite3 *db, const struct history_query *query, struct page *page,
		     struct problem *why)
{
	int r;

	page->n = 0;
	r = history_db_read(db, query, page_take, page, why);
	return page->error ? problem(why, page->error, "read history: %s", strerror(ENOMEM)) : r;
}

/* --- lines --------------------------------------------------------------------------------- */

static void time_print(uint64_t wall_ns)
{
	time_t seconds = wall_ns / SECOND_NS;
	struct tm utc;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
	fputs(text, stdout);
}

/* Text that a container may have chosen, behind @before; nothing at all if it is empty. */
static void part_print(const char *before, const char *text)
{
	char safe[SANITISE_MAX + 1];

	if (*text)
		printf("%s%s", before, sanitise(safe, SANITISE_MAX, text, strlen(text)));
}

static void dest_print(const struct msg_entry *entry)
{
	char number[8];

	part_print("  ", entry->dest);
	if (entry->port)
		printf(" port %u", entry->port);
	if (entry->proto)
		printf("%s%s", entry->port ? "/" : " ", proto_name(entry->proto, number));
	if (strcmp(entry->dest, entry->domain))
		part_print(" ", entry->domain);
}

static void verdict_print(const struct msg_entry *entry)
{
	printf("  %s", wire_entry_action(entry));
	part_print(" ", wire_entry_scope(entry));
	if (entry->until_ns) {
		printf(" until ");
		time_print(entry->until_ns);
	}
	printf("  by user %u", entry->uid);
	part_print(" with ", entry->client);
	if (!entry->ok)
		printf("  NOT APPLIED");
}

static void line_print(const struct msg_entry *entry)
{
	char request[32];

	wire_entry_request(request, entry);
	time_print(entry->wall_ns);
	part_print("  ", entry->name);
	printf("  %s", wire_entry_type(entry));
	part_print("  ", *entry->request ? entry->request : request);
	dest_print(entry);
	if (entry->type == ENTRY_VERDICT || entry->type == ENTRY_REVOKED)
		verdict_print(entry);
	if (entry->type == ENTRY_MISSED)
		printf("  %llu entries", (unsigned long long)entry->count);
	part_print("  ", entry->process);
	putchar('\n');
}

static int entry_print(const struct msg_entry *entry, bool as_json)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	if (!as_json) {
		line_print(entry);
		return 0;
	}
	wire_entry(&json, NULL, entry);
	text = json_done(&json);
	return text ? (puts(text), 0) : json.error;
}

/* --- verbs --------------------------------------------------------------------------------- */

/* The newest, the last of them last. */
static int print_last(sqlite3 *db, struct history_query *query, bool as_json, struct problem *why)
{
	_cleanup_(page_free) struct page page = {};
	int r = query->limit ? page_read(db, query, &page, why) : 0;

	for (unsigned i = page.n; r >= 0 && i--;)
		r = entry_print(&page.entry[i], as_json);
	return r < 0 ? r : 0;
}

/* From the oldest on. */
static int print_all(sqlite3 *db, struct history_query *query, bool as_json, struct problem *why)
{
	_cleanup_(page_free) struct page page = {};
	int more = 1, r = 0;

	query->oldest_first = true;
	query->limit = PAGE;
	while (!r && more > 0) {
		more = page_read(db, query, &page, why);
		for (unsigned i = 0; !r && i < page.n; i++)
			r = entry_print(&page.entry[i], as_json);
		if (page.n)
			query->after = page.entry[page.n - 1].number;
		if (ferror(stdout)) /* nobody reads any more */
			return 0;
	}
	return more < 0 ? more : r;
}

static int print(struct history_query *query, bool last, bool as_json)
{
	struct problem why = {};
	sqlite3 *db = NULL;
	int r = history_db_reader(&db, &why);

	if (r == -ENOENT)
		return log_info("No history found."), 0;
	if (!r)
		r = last ? print_last(db, query, as_json, &why)
			 : print_all(db, query, as_json, &why);
	sqlite3_close(db);
	return r ? verb_fail(r == -EINVAL ? -EIO : r, &why) : 0;
}

static int since_parse(const char *text, uint64_t *ret_ns, struct problem *why)
{
	uint64_t seconds;
	int r = duration_parse(text, &seconds, why);

	if (!r)
		*ret_ns = (time(NULL) - seconds) * SECOND_NS;
	return r;
}

static int lines_parse(const char *text, unsigned *ret, struct problem *why)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text || *end || n < 0)
		return problem(why, -EINVAL, "'%.20s' is no number of lines", text);
	*ret = n > LINES_MAX ? LINES_MAX : n;
	return 0;
}

int verb_history(int argc, char **argv)
{
	const char *since = NULL, *lines = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "since", "TIME", "what happened in that time until now: 90s, 10m, 2h, 1d",
		  CLI_STRING, &since },
		{ "lines", "N", "the last N (50; with --since all)", CLI_STRING, &lines },
		{ "json", NULL, "a JSON object for each entry", CLI_FLAG, &json },
		{},
	};
	struct history_query query = { .limit = LINES_DEFAULT };
	char called[TEROK_PATH_LEN] = "";
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	if (r && (r = verb_called(argv[1], called)))
		return r;
	query.text = *called ? called : NULL;
	r = since ? since_parse(since, &query.since_ns, &why) : 0;
	if (!r && lines)
		r = lines_parse(lines, &query.limit, &why);
	if (r)
		return verb_fail(r, &why);
	return print(&query, lines || !since, json);
}

int verb_export(int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "as JSON, which is the only form there is", CLI_FLAG, &json },
		{},
	};
	struct history_query query = {};
	int r = cli_parse(argc, argv, options, 0, 0);

	return r < 0 ? r : print(&query, false, true);
}
