// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_verbs.c - verbs that ask the hub once and list what it says
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "clearance.h"
#include "clearance_called.h"
#include "clearance_say.h"
#include "clearance_single.h"

#define HISTORY_LINES 50 /* that `history` prints unless told otherwise */

#define OPTION_SOCKET                                                                              \
	{                                                                                          \
		"socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &path         \
	}
#define OPTION_JSON                                                                                \
	{                                                                                          \
		"json", NULL, "one JSON object a line", CLI_FLAG, &single.json                     \
	}
#define OPTION_GUARD                                                                               \
	{                                                                                          \
		"guard", "GUARD", "of that guard only", CLI_STRING, &guard_text                    \
	}

static int number_parse(const char *what, const char *text, int64_t *ret)
{
	unsigned long long value;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value > INT32_MAX)
		return log_error(0, "%s '%s' is no number", what, text), -EINVAL;
	*ret = value;
	return 0;
}

/* --- guards ---------------------------------------------------------------------------- */

static void guards_one(const struct terok_guard_status *guard, void *user)
{
	struct single *single = user;

	if (!guard) {
		single->done = true;
		return;
	}
	if (single->json) {
		puts(guard->json);
		return;
	}
	if (!single->n++)
		say("%5s  %-20s  %-8s  %9s  %9s  %9s", "GUARD", "NAME", "STATE", "ATTEMPTS",
		    "REFUSED", "UNTOLD");
	say("%5" PRId64 "  %-20.20s  %-8s  %9" PRId64 "  %9" PRId64 "  %9" PRId64, guard->guard,
	    guard->name, guard->state, guard->counters.attempts, guard->counters.refused,
	    guard->counters.limited + guard->counters.lost);
}

int once_guards(int argc, char **argv)
{
	static const struct hub_events events = { .guard = guards_one, .closed = single_closed };
	struct single single = {};
	const char *path = NULL;
	const struct cli_option options[] = { OPTION_JSON, OPTION_SOCKET, {} };
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	r = single_open(&single, path, &events);
	if (!r)
		r = terok_client_list_guards(single.line.client);
	if (!r)
		r = single_wait(&single);
	if (!r && !single.json && !single.n)
		puts("no guards");
	hub_close(&single.line);
	return r;
}

/* --- requests -------------------------------------------------------------------------- */

/* Its id first, which is what is typed to answer it. */
static void list_print(const struct terok_event *event)
{
	char where[TARGET_LEN], who[200], why[40] = "", times[32] = "";
	struct item item = {};

	item_fill(&item, event);
	if (item.count > 1)
		snprintf(times, sizeof(times), "  %" PRId64 " times", item.count);
	item_who(who, sizeof(who), &item);
	if (*item.reason)
		snprintf(why, sizeof(why), "  (%s)", item_reason(&item));
	say("%s  %s  %s%s%s%s%s", event->request_id, item_where(where, &item), item.name,
	    *who ? "  " : "", who, why, times);
}

/* What nobody can answer here, and everybody should know. */
static void list_alarm(const struct terok_event *event)
{
	say("UNGUARDED: container %s (%.12s) of user %" PRId64 ": %s", event->name,
	    event->container, event->uid, event->problem);
}

static void list_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct single *single = user;

	(void)lost;
	if (strcmp(event->type, "request") && strcmp(event->type, "alarm"))
		return;
	if (single->json)
		puts(event->json);
	else if (*event->type == 'a')
		list_alarm(event);
	if (*event->type == 'a')
		return;
	single->n++;
	if (!single->json)
		list_print(event);
}

/*
 * The replay is over when an answer to something asked after it has come: it is asked when
 * the subscription stands, and by then the replay is on its way to us.
 */
static void list_subscribed(void *user)
{
	struct single *single = user;

	single->result = terok_client_list_guards(single->line.client);
	single->done = single->result != 0;
}

static void list_end(const struct terok_guard_status *guard, void *user)
{
	struct single *single = user;

	single->done = !guard;
}

int once_list(int argc, char **argv)
{
	static const struct hub_events events = { .subscribed = list_subscribed,
						  .event = list_event,
						  .guard = list_end,
						  .closed = single_closed };
	struct single single = {};
	const char *path = NULL;
	const struct cli_option options[] = { OPTION_JSON, OPTION_SOCKET, {} };
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	r = single_open(&single, path, &events);
	if (!r)
		r = terok_client_monitor(single.line.client, 0, true);
	if (!r)
		r = single_wait(&single);
	if (!r)
		r = single_drain(&single);
	if (!r && !single.json && !single.n)
		puts("nothing waits for an answer");
	hub_close(&single.line);
	return r;
}

/* --- grants ---------------------------------------------------------------------------- */

static void grants_one(const struct grant *grant, bool more, const char *problem, void *user)
{
	struct single *single = user;
	char line[640];

	if (!grant) {
		if (more)
			log_warn(0, "there are more than these; ask for one guard's: --guard N");
		single_end(single, problem);
		return;
	}
	if (single->json) {
		puts(grant->json);
		return;
	}
	if (!single->n++)
		say("%-16s  %-6s  %-9s  %-20s  %s", "GRANT", "ACTION", "HOLDS", "CONTAINER",
		    "WHERE");
	say("%-16s  %s", grant->grant, grant_format(line, sizeof(line), grant));
}

int once_grants(int argc, char **argv)
{
	static const struct hub_events events = { .grant = grants_one, .closed = single_closed };
	const char *path = NULL, *guard_text = NULL;
	struct single single = {};
	const struct cli_option options[] = { OPTION_JSON, OPTION_GUARD, OPTION_SOCKET, {} };
	int64_t guard = 0;
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r >= 0)
		r = called_guard(guard_text, path, &guard);
	if (r < 0)
		return r;
	r = single_open(&single, path, &events);
	if (!r && (r = hub_list_grants(&single.line, guard)))
		log_error(r, "the hub was not asked for grants");
	if (!r)
		r = single_wait(&single);
	if (!r && !single.json && !single.n)
		puts("no grants");
	hub_close(&single.line);
	return r;
}

/* --- history --------------------------------------------------------------------------- */

static void history_one(const struct entry *entry, bool more, const char *problem, void *user)
{
	struct single *single = user;
	char line[1024];

	if (!entry) {
		single->more = more;
		single_end(single, problem);
		return;
	}
	single->last = entry->number;
	single->left--;
	single->n++;
	if (single->json)
		puts(entry->json);
	else
		say("%s", entry_format(line, sizeof(line), entry));
}

/* Page by page, until there is no more or enough. */
static int history_run(struct single *single, const char *path, int64_t guard)
{
	static const struct hub_events events = { .entry = history_one, .closed = single_closed };
	int r = single_open(single, path, &events);
	int64_t last;

	do {
		last = single->last;
		single->done = false;
		if (!r && (r = hub_history(&single->line, guard, last,
					   single->left < 1000 ? single->left : 1000)))
			log_error(r, "the hub was not asked for its history");
		if (!r)
			r = single_wait(single);
	} while (!r && single->more && single->left > 0 && single->last != last);
	if (!r && !single->json && !single->n)
		puts("nothing has happened");
	hub_close(&single->line);
	return r;
}

int once_history(int argc, char **argv)
{
	const char *path = NULL, *guard_text = NULL, *limit = NULL;
	struct single single = { .left = HISTORY_LINES };
	const struct cli_option options[] = {
		OPTION_JSON,
		OPTION_GUARD,
		{ "limit", "N", "so many lines, the newest (50)", CLI_STRING, &limit },
		OPTION_SOCKET,
		{},
	};
	int64_t guard = 0;
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r >= 0)
		r = called_guard(guard_text, path, &guard);
	if (!r)
		r = number_parse("limit", limit, &single.left);
	return r < 0 ? r : history_run(&single, path, guard);
}

int once_export(int argc, char **argv)
{
	const char *path = NULL, *guard_text = NULL;
	struct single single = { .left = INT64_MAX };
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object a line; the only form there is", CLI_FLAG,
		  &single.json },
		OPTION_GUARD,
		OPTION_SOCKET,
		{},
	};
	int64_t guard = 0;
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r >= 0)
		r = called_guard(guard_text, path, &guard);
	if (!r && !single.json)
		return log_error(0, "export: in which form? say --json"), -EINVAL;
	return r < 0 ? r : history_run(&single, path, guard);
}
