// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_verb_answer.c - verbs that answer a request, or take an answer back
 *
 * What is in force is said in the end: the rule that was made of it or, where somebody else was
 * first, that answer, which is a failure (exit 1) of ours.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "clearance.h"
#include "clearance_say.h"
#include "clearance_single.h"

/* A question and what was told about its answer; single is its first member. */
struct answered {
	struct single single;
	const char *key; /* of its id, in JSON */
	bool already;
	int64_t until_ns, uid;
	char action[8], scope[12], client[32], rule[320];
};

static void on_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user)
{
	struct answered *answered = user;

	(void)cookie;
	answered->already = outcome->already;
	answered->until_ns = outcome->until_ns;
	answered->uid = outcome->uid;
	text_copy(answered->action, sizeof(answered->action), outcome->action);
	text_copy(answered->scope, sizeof(answered->scope), outcome->scope);
	text_copy(answered->client, sizeof(answered->client), outcome->client);
	text_copy(answered->rule, sizeof(answered->rule), outcome->rule);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct single *single = user;
	char text[256];

	(void)cookie;
	single->done = true;
	if (!error)
		return;
	log_error(0, "%s: %s", single->id, log_safe(text, sizeof(text), problem));
	single->result = -EIO;
}

static void result_json(const struct answered *answered, const char *what)
{
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_string(&json, answered->key, answered->single.id);
	json_add_string(&json, "result", what);
	if (answered->already) {
		json_add_string(&json, "action", answered->action);
		json_add_string(&json, "scope", answered->scope);
		json_add_int(&json, "uid", answered->uid);
		json_add_string(&json, "client", answered->client);
	}
	if (answered->until_ns)
		json_add_int(&json, "until_ns", answered->until_ns);
	if (*answered->rule)
		json_add_string(&json, "rule", answered->rule);
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

/* @r: of all of it. What failed is on stderr already; in JSON who was first is said as well. */
static void result_print(const struct answered *answered, int r, const char *what)
{
	if (answered->single.json && (!r || answered->already))
		result_json(answered, answered->already ? "already_answered" : what);
	else if (!r)
		say("%s: %s%s%s", answered->single.id, what, *answered->rule ? ": " : "",
		    answered->rule);
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
	choice->scope = options->duration ? "time" : options->scope;
	choice->seconds = seconds;
	choice->reach = options->reach;
	choice->ports = options->ports && !strcmp(options->ports, "any") ? "any" : NULL;
	return 0;
}

/* @action NULL: it is the second argument. */
static int answer(int argc, char **argv, const char *action)
{
	static const struct hub_events events = { .outcome = on_outcome,
						  .answered = on_answered,
						  .closed = single_closed };
	int n = action ? 1 : 2, r;
	struct answer_options o = {};
	struct answer_choice choice;
	struct answered answered = { .key = "request_id" };
	struct single *single = &answered.single;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &single->json },
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
	single->id = argv[1];
	r = single_open(single, o.path, &events);
	if (!r) {
		r = hub_answer(&single->line, argv[1], &choice, 0);
		if (r)
			log_error(r, "the answer was not sent");
	}
	if (!r)
		r = single_wait(single);
	result_print(&answered, r, choice.allow ? "allowed" : "denied");
	hub_close(&single->line);
	return r;
}

int once_answer(int argc, char **argv)
{
	return answer(argc, argv, NULL);
}

int once_allow(int argc, char **argv)
{
	return answer(argc, argv, "allow");
}

int once_deny(int argc, char **argv)
{
	return answer(argc, argv, "deny");
}

int once_revoke(int argc, char **argv)
{
	static const struct hub_events events = { .revoked = on_answered, .closed = single_closed };
	struct answered answered = { .key = "grant" };
	struct single *single = &answered.single;
	const char *path = NULL;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &single->json },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &path },
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	single->id = argv[1];
	r = single_open(single, path, &events);
	if (!r && (r = hub_revoke(&single->line, argv[1], 0)))
		log_error(r, "the hub was not asked to revoke it");
	if (!r)
		r = single_wait(single);
	result_print(&answered, r, "revoked");
	hub_close(&single->line);
	return r;
}
