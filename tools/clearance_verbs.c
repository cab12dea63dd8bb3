// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_verbs.c - verbs that ask the hub once and print what it says
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
		"guard", "N", "of that guard only", CLI_STRING, &guard_text                        \
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
		printf("%5s  %-20s  %-8s  %9s  %9s  %9s\n", "GUARD", "NAME", "STATE", "ATTEMPTS",
		       "REFUSED", "UNTOLD");
	printf("%5" PRId64 "  %-20.20s  %-8s  %9" PRId64 "  %9" PRId64 "  %9" PRId64 "\n",
	       guard->guard, guard->name, guard->state, guard->counters.attempts,
	       guard->counters.refused, guard->counters.limited + guard->counters.lost);
}

int verb_guards(int argc, char **argv)
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

static void list_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct single *single = user;
	char where[TARGET_LEN];

	(void)lost;
	if (strcmp(event->type, "request"))
		return;
	single->n++;
	if (single->json)
		puts(event->json);
	else
		printf("%-24s  %s  %s  %s[%" PRId64 "] %s  (%s)  %" PRId64 " times\n",
		       event->request_id,
		       target_format(where, *event->domain ? event->domain : event->dest,
				     event->port, event->proto),
		       event->name, event->process.comm, event->process.pid, event->process.exe,
		       event->reason, event->count);
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

int verb_list(int argc, char **argv)
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

/* --- answers --------------------------------------------------------------------------- */

static void answer_done(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct single *single = user;

	(void)cookie;
	single->done = true;
	if (!error)
		return;
	log_error(0, "%s: %s", single->id, problem);
	single->result = -EIO;
}

static void result_print(const struct single *single, const char *key, const char *what)
{
	_cleanup_json_ struct json json = {};

	if (!single->json) {
		printf("%s: %s\n", single->id, what);
		return;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, key, single->id);
	json_add_string(&json, "result", what);
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

struct answer_options {
	const char *path, *scope, *duration, *reach, *ports;
};

static bool is_one_of(const char *text, const char *const words[])
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

/* What the options say, into @choice; -EINVAL, said. */
static int answer_choose(const struct answer_options *options, struct answer_choice *choice)
{
	static const char *const scopes[] = { "once", "session", "task", "forever", NULL };
	static const char *const reaches[] = { "address", "name", "children", NULL };
	static const char *const ports[] = { "same", "any", NULL };
	uint64_t seconds = 0;
	struct problem why = {};

	if (options->scope && options->duration)
		return log_error(0, "--scope and --for exclude each other"), -EINVAL;
	if (options->scope && !is_one_of(options->scope, scopes))
		return log_error(0, "scope '%s' is none of once, session, forever", options->scope),
		       -EINVAL;
	if (options->duration && duration_parse(options->duration, &seconds, &why))
		return log_error(0, "%s", why.text), -EINVAL;
	if (options->reach && !is_one_of(options->reach, reaches))
		return log_error(0, "reach '%s' is none of address, name, children",
				 options->reach),
		       -EINVAL;
	if (options->ports && !is_one_of(options->ports, ports))
		return log_error(0, "ports '%s' are none of same, any", options->ports), -EINVAL;
	choice->scope = options->duration ? "time" : options->scope ?: "session";
	if (!strcmp(choice->scope, "task"))
		choice->scope = "session";
	choice->seconds = seconds;
	choice->reach = options->reach;
	choice->ports = options->ports && !strcmp(options->ports, "any") ? "any" : NULL;
	return 0;
}

/* @action NULL: it is the second argument. */
static int answer(int argc, char **argv, const char *action)
{
	static const struct hub_events events = { .answered = answer_done,
						  .closed = single_closed };
	int n = action ? 1 : 2, r;
	struct answer_options o = {};
	struct answer_choice choice;
	struct single single = {};
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &single.json },
		{ "scope", "SCOPE", "once (a minute), session (default) or forever", CLI_STRING,
		  &o.scope },
		{ "for", "TIME", "for so long: 90s, 10m, 2h, 1d", CLI_STRING, &o.duration },
		{ "reach", "REACH", "address, name (default) or children", CLI_STRING, &o.reach },
		{ "ports", "PORTS", "same (default) or any", CLI_STRING, &o.ports },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &o.path },
		{},
	};

	r = cli_parse(argc, argv, options, n, n);
	if (r < 0)
		return r;
	action = action ?: argv[2];
	if (strcmp(action, "allow") && strcmp(action, "deny"))
		return log_error(0, "'%s' is no answer: allow or deny", action), -EINVAL;
	r = answer_choose(&o, &choice);
	if (r)
		return r;
	choice.allow = !strcmp(action, "allow");
	single.id = argv[1];
	r = single_open(&single, o.path, &events);
	if (!r) {
		r = hub_answer(&single.line, argv[1], &choice, 0);
		if (r)
			log_error(r, "the answer was not sent");
	}
	if (!r)
		r = single_wait(&single);
	if (!r)
		result_print(&single, "request_id", choice.allow ? "allowed" : "denied");
	hub_close(&single.line);
	return r;
}

int verb_answer(int argc, char **argv)
{
	return answer(argc, argv, NULL);
}

int verb_allow(int argc, char **argv)
{
	return answer(argc, argv, "allow");
}

int verb_deny(int argc, char **argv)
{
	return answer(argc, argv, "deny");
}

/* --- grants ---------------------------------------------------------------------------- */

static void grants_one(const struct grant *grant, const char *problem, void *user)
{
	struct single *single = user;
	char where[TARGET_LEN], left[32] = "", age[16];
	uint64_t now = now_boot_ns();

	if (!grant) {
		single_end(single, problem);
		return;
	}
	if (single->json) {
		puts(grant->json);
		return;
	}
	if (grant->until_ns)
		snprintf(left, sizeof(left), "%s left",
			 age_format(age, grant->until_ns > now ? grant->until_ns - now : 0));
	else
		snprintf(left, sizeof(left), "%s", grant->scope);
	if (!single->n++)
		printf("%-16s  %-6s  %-20s  %-10s  %6s  %s\n", "GRANT", "ACTION", "CONTAINER",
		       "HOLDS", "UID", "WHERE");
	printf("%-16s  %-6s  %-20.20s  %-10s  %6" PRId64 "  %s\n", grant->grant, grant->action,
	       grant->name, left, grant->uid,
	       target_format(where, grant->dest, grant->port, grant->proto));
}

int verb_grants(int argc, char **argv)
{
	static const struct hub_events events = { .grant = grants_one, .closed = single_closed };
	const char *path = NULL, *guard_text = NULL;
	struct single single = {};
	const struct cli_option options[] = { OPTION_JSON, OPTION_GUARD, OPTION_SOCKET, {} };
	int64_t guard = 0;
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r >= 0)
		r = number_parse("guard", guard_text, &guard);
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

int verb_revoke(int argc, char **argv)
{
	static const struct hub_events events = { .revoked = answer_done, .closed = single_closed };
	struct single single = {};
	const char *path = NULL;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &single.json },
		OPTION_SOCKET,
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	single.id = argv[1];
	r = single_open(&single, path, &events);
	if (!r && (r = hub_revoke(&single.line, argv[1], 0)))
		log_error(r, "the hub was not asked to revoke it");
	if (!r)
		r = single_wait(&single);
	if (!r)
		result_print(&single, "grant", "revoked");
	hub_close(&single.line);
	return r;
}

/* --- history --------------------------------------------------------------------------- */

static void entry_print(const struct entry *entry)
{
	time_t seconds = entry->wall_ns / (int64_t)SECOND_NS;
	char wall[32] = "", where[TARGET_LEN] = "";
	bool verdict = !strcmp(entry->type, "verdict");
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(wall, sizeof(wall), "%Y-%m-%d %H:%M:%S", &tm);
	if (*entry->dest)
		target_format(where, *entry->domain ? entry->domain : entry->dest, entry->port,
			      entry->proto);
	printf("%s  %-14s  %-20.20s  %s", wall,
	       !verdict    ? entry->type
	       : entry->ok ? entry->action
			   : "not applied",
	       entry->name, where);
	if (verdict)
		printf("  %s, uid %" PRId64 " %s", entry->scope, entry->uid, entry->client);
	else if (*entry->process)
		printf("  %s, %" PRId64 " times", entry->process, entry->count);
	putchar('\n');
}

static void history_one(const struct entry *entry, bool more, const char *problem, void *user)
{
	struct single *single = user;

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
		entry_print(entry);
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

int verb_history(int argc, char **argv)
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
		r = number_parse("guard", guard_text, &guard);
	if (!r)
		r = number_parse("limit", limit, &single.left);
	return r < 0 ? r : history_run(&single, path, guard);
}

int verb_export(int argc, char **argv)
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
		r = number_parse("guard", guard_text, &guard);
	if (!r && !single.json)
		return log_error(0, "export: in which form? say --json"), -EINVAL;
	return r < 0 ? r : history_run(&single, path, guard);
}
