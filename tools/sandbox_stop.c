// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_stop.c - terok-sandbox stop: end containers and remove them, each step with its bound
 *
 * The grace is the caller's and is never cut short; then it is killed, for which podman has 15 s, and
 * removed, for which it has 60. What is not there is removed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "sandbox_hooks.h"
#include "sandbox_podman.h"
#include "sandbox_record.h"
#include "sandbox_verbs.h"

#define KILL_NS   (15 * SECOND_NS)
#define REMOVE_NS (60 * SECOND_NS)

/* One podman command; 0 also if there is no such container any more. */
static int step(const char *const *args, uint64_t limit_ns, struct problem *why)
{
	struct spawn_result result;
	int r = podman_ask(args, limit_ns, &result, why);

	if (r)
		return r;
	if (result.status && !podman_unknown(&result))
		r = podman_failed(args[0], &result, why);
	spawn_result_done(&result);
	return r;
}

/* SIGTERM and the grace, then SIGKILL: podman does both, and has the ceiling of the second on top. */
static void end(const char *name, unsigned grace_s)
{
	char seconds[16];
	const char *const stop[] = { "stop", "--time", seconds, "--", name, NULL };
	const char *const kill[] = { "kill", "--signal", "KILL", "--", name, NULL };
	struct problem why = {};

	snprintf(seconds, sizeof(seconds), "%u", grace_s);
	if (step(stop, grace_s * SECOND_NS + KILL_NS, &why) != -ETIMEDOUT)
		return; /* of what failed otherwise the removal says more */
	log_warn(0, "%s: %s; it is killed", name, why.text);
	if (step(kill, KILL_NS, &why))
		log_warn(0, "%s: %s", name, why.text);
}

/* 0: it is not there any more. @state: as it was */
static int stop_one(const struct podman_state *state, unsigned grace_s, struct problem *why)
{
	const char *const args[] = { "rm", "--force", "--time", "0", "--", state->id, NULL };
	struct podman_state now;
	int r;

	if (!state->there)
		return 0;
	if (state->running)
		end(state->id, grace_s);
	r = step(args, REMOVE_NS, why) ?: podman_state(state->id, &now, why);
	return r || !now.there ? r : problem(why, -EBUSY, "podman rm left it %s", now.status);
}

struct stopping {
	const char *grace;
	bool json;
	struct json out;
};

/* Its hook, once, and nothing is kept of it any more. */
static int finish(const char *name, struct record *record, struct problem *why)
{
	int r = hook_run(&record->spec, HOOK_POST_STOP, *record->id ? record->id : NULL, why);

	record_forget(name);
	return r;
}

static void report(struct stopping *stopping, const char *name, bool removed, bool there,
		   const struct problem *why)
{
	if (!stopping->json) {
		if (*why->text)
			log_error(0, "%s: %s", name, why->text);
		if (removed)
			printf(there ? "%s removed\n" : "%s is not there\n", name);
		return;
	}
	json_open_object(&stopping->out, NULL);
	json_add_string(&stopping->out, "name", name);
	json_add_bool(&stopping->out, "removed", removed);
	if (*why->text)
		json_add_string(&stopping->out, "error", why->text);
	else
		json_add_null(&stopping->out, "error");
	json_close_object(&stopping->out);
}

/* By its name or its id; what is kept of it goes by its name. */
static int stop_named(struct stopping *stopping, const char *text)
{
	struct podman_state state = {};
	struct record record = {};
	struct problem why = {};
	unsigned grace_s = SPEC_GRACE_S;
	int r = podman_text_check(text, &why) ?: podman_state(text, &state, &why);
	const char *name = state.there ? state.name : text;
	bool kept = !r && !record_load(name, &record, NULL), removed;

	if (kept)
		grace_s = record.spec.grace_s;
	cli_number("grace", stopping->grace, 0, SPEC_SECONDS_MAX, &grace_s);
	if (!r)
		r = stop_one(&state, grace_s, &why);
	removed = !r;
	if (!r && kept)
		r = finish(name, &record, &why);
	report(stopping, text, removed, state.there, &why);
	if (kept)
		record_done(&record);
	return r ? -EIO : 0;
}

int verb_stop(int argc, char **argv)
{
	struct stopping stopping = {};
	const struct cli_option options[] = {
		{ "grace", "SECONDS", "to end by itself (10, or what run was told)", CLI_STRING,
		  &stopping.grace },
		{ "json", NULL, "a JSON list: name, removed, error", CLI_FLAG, &stopping.json },
		{},
	};
	int n = cli_parse(argc, argv, options, 1, 1000), r = 0;
	unsigned ignored = 0;
	const char *text;

	if (n < 0)
		return n;
	if (cli_number("grace", stopping.grace, 0, SPEC_SECONDS_MAX, &ignored))
		return -EINVAL;
	if (stopping.json)
		json_open_array(&stopping.out, NULL);
	for (int i = 1; i <= n; i++)
		r = stop_named(&stopping, argv[i]) ?: r;
	if (stopping.json) {
		json_close_array(&stopping.out);
		text = json_done(&stopping.out);
		puts(text ?: "null");
	}
	json_free(&stopping.out);
	return r;
}
