// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_run.c - terok-sandbox run: from a spec to a container that is guarded, or to none
 *
 * In this order: what was said, what the host has, can a guard be had (else nothing is started),
 * the command shown, pre_start, podman, is the guard there (else it is ended again), post_start, its
 * log until it is ready, post_ready.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "sandbox_bpfd.h"
#include "sandbox_hooks.h"
#include "sandbox_host.h"
#include "sandbox_launch.h"
#include "sandbox_logs.h"
#include "sandbox_options.h"
#include "sandbox_record.h"
#include "sandbox_redact.h"
#include "sandbox_verbs.h"

#define EXIT_LATE 124

static void banner(const char *name)
{
	fprintf(stderr,
		"**********************************************************************\n"
		"** NO GUARD: container %.40s reaches everything that this host can,\n"
		"** the network around it as well, and nobody is asked or told.\n"
		"** --no-shield (bypass_firewall_no_protection) was said.\n"
		"**********************************************************************\n",
		name);
}

static void show_json(const struct run_options *options, const struct command *command,
		      const char *id)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "name", options->spec.name);
	if (id)
		json_add_string(&json, "id", id);
	else
		json_add_null(&json, "id");
	json_add_bool(&json, "guarded", !options->spec.no_guard);
	json_open_array(&json, "command");
	for (unsigned i = 0; i < command->shown.n; i++)
		json_add_string(&json, NULL, command->shown.word[i]);
	json_close_array(&json);
	json_close_object(&json);
	text = json_done(&json);
	if (text)
		puts(text);
}

static int show_command(const struct command *command)
{
	_cleanup_free_ char *line = redact_line(&command->shown);

	if (!line)
		return log_error(-ENOMEM, "run");
	printf("$ %s\n", line);
	fflush(stdout); /* before what podman and hooks write */
	return 0;
}

/* Nothing is started without a guard, unless that was said. */
static int check_guard(const struct run_options *options, const struct host *host)
{
	struct problem why = {};
	int r;

	if (options->spec.no_guard) {
		banner(options->spec.name);
		return 0;
	}
	r = host_guard(host, &why);
	if (!r)
		return 0;
	if (options->dry_run) {
		log_warn(0, "this would not be started: %s", why.text);
		return 0;
	}
	log_error(0, "no guard can be had, so nothing is started: %s", why.text);
	log_error(0, "terok-sandbox doctor says more; --no-shield starts it without a guard");
	return r;
}

/* A name that is taken is podman's error, but for pre_start, which would have been run by then. */
static int check_name(const struct spec *spec)
{
	return spec->hooks[HOOK_PRE_START].n ? launch_check_name(spec) : 0;
}

/* Removed at once: what was started and is not as it was wanted. */
static void take_back(const char *id)
{
	const char *const args[] = { "rm", "-f", "-t", "0", "--", id, NULL };
	struct spawn_result result;
	struct problem why = {};

	if (podman_ask(args, 2 * PODMAN_PROBE_NS, &result, &why))
		log_error(0, "container %.12s RUNS ON: %s", id, why.text);
	else
		spawn_result_done(&result);
}

/* The hook says whether it could guard it; that the hook was called at all is seen here. */
static int verify_guard(const struct spec *spec, const char *id)
{
	struct podman_state now;
	struct problem why = {};
	char state[BPFD_STATE_LEN];
	int r;

	if (spec->no_guard)
		return 0;
	r = bpfd_guard(id, state, &why);
	if (!r || (r == -ENOENT && !podman_state(id, &now, NULL) && !now.running))
		return 0; /* the guard of what has ended already went with it */
	log_error(0, "%s; it is ended", why.text);
	take_back(id);
	return r;
}

static int run_hook(const struct spec *spec, enum spec_hook hook, const char *id)
{
	struct problem why = {};
	int r = hook_run(spec, hook, id, &why);

	if (!r)
		return 0;
	if (hook == HOOK_PRE_START)
		log_error(0, "%s; nothing is started", why.text);
	else
		log_error(0, "%s; container %s runs on: terok-sandbox stop %s", why.text,
			  spec->name, spec->name);
	return r;
}

static int save(const struct spec *spec, const char *id, bool ready)
{
	struct record record = { .spec = *spec, .ready = ready }; /* borrowed */
	struct problem why = {};
	int r;

	snprintf(record.id, sizeof(record.id), "%s", id);
	r = record_save(&record, &why);
	if (r)
		log_warn(0, "nothing is kept of %s (%s): stop will not run its post_stop",
			 spec->name, why.text);
	return r;
}

/* Its log is shown meanwhile. 0, 124 or an errno. */
static int wait_ready(const struct run_options *options, const char *id)
{
	const struct spec *spec = &options->spec;
	const struct logs_wish wish = { .name = id,
					.marker = spec->marker,
					.to_stderr = options->json || options->quiet,
					.limit_s = spec->ready_s };
	struct problem why = {};
	enum logs_end end = LOGS_ENDED;
	int r = logs_run(&wish, &end, &why);

	if (r)
		return log_error(0, "wait for '%s': %s", spec->marker, why.text), r;
	if (end == LOGS_LATE) {
		log_error(0, "%s did not say '%s' in %u s; it runs on", spec->name, spec->marker,
			  spec->ready_s);
		return EXIT_LATE;
	}
	if (end == LOGS_ENDED)
		return log_error(0, "%s ended before it said '%s'", spec->name, spec->marker), -EIO;
	r = run_hook(spec, HOOK_POST_READY, id);
	save(spec, id, true);
	return r;
}

static int start(const struct run_options *options, const struct command *command)
{
	const struct spec *spec = &options->spec;
	char id[PODMAN_ID_LEN];
	int r = check_name(spec) ?: run_hook(spec, HOOK_PRE_START, NULL)
		?: launch_run(command, spec, id);

	if (!r)
		r = verify_guard(spec, id);
	if (r)
		return r;
	save(spec, id, false);
	if (options->json)
		show_json(options, command, id);
	else
		printf("%s\n", id);
	fflush(stdout);
	r = run_hook(spec, HOOK_POST_START, id);
	return r || !spec->wait_ready ? r : wait_ready(options, id);
}

static int run_on(const struct run_options *options, const struct host *host)
{
	struct command command;
	struct problem why = {};
	int r = command_build(&options->spec, &host->command, environ, &command, &why);

	if (r) {
		if (*why.text)
			log_error(0, "run: %s", why.text);
		else
			log_error(r, "run");
		return r;
	}
	r = check_guard(options, host);
	if (!r && !options->json && !options->quiet)
		r = show_command(&command);
	if (!r && options->dry_run && options->json)
		show_json(options, &command, NULL);
	if (!r && !options->dry_run)
		r = start(options, &command);
	command_done(&command);
	return r;
}

/* Which devices there are podman says anew: they come and go. */
static bool wants_gpu(const struct spec *spec)
{
	bool any = spec->gpu_all;

	for (unsigned i = 0; i < GPU_MAX_; i++)
		any |= spec->gpu[i] != NULL;
	return any;
}

static int run(const struct run_options *options)
{
	struct problem why = {};
	struct host host;
	int r = host_ask(wants_gpu(&options->spec), &host, &why);

	if (r)
		return log_error(0, "%s", why.text), r;
	r = run_on(options, &host);
	host_done(&host);
	return r;
}

int verb_run(int argc, char **argv)
{
	struct run_options options;
	int r = options_parse(argc, argv, &options);

	if (!r)
		r = run(&options);
	spec_done(&options.spec);
	/* -EINVAL of what podman was asked is no wrong command line */
	return r;
}
