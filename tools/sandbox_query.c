// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_query.c - terok-sandbox state, list, wait, logs: what podman says, and when it says nothing
 *
 * What podman could not be asked is an error and nothing on standard output: "podman is down" never
 * looks like "there are none".
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "sandbox_hooks.h"
#include "sandbox_logs.h"
#include "sandbox_podman.h"
#include "sandbox_record.h"
#include "sandbox_verbs.h"

#define EXIT_LATE  124
#define FOREVER_NS (UINT64_C(3600) * 24 * 365 * SECOND_NS)

static int check_name(const char *name)
{
	struct problem why = {};

	return podman_text_check(name, &why) ? log_error(0, "%s", why.text), -EINVAL : 0;
}

/* --- state ---------------------------------------------------------------------------- */

static void print_state(const char *name, const struct podman_state *state)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "name", name);
	if (state->there) {
		json_add_string(&json, "state", state->status);
		json_add_string(&json, "id", state->id);
		json_add_bool(&json, "running", state->running);
		json_add_int(&json, "exit_code", state->exit_code);
	} else {
		json_add_null(&json, "state");
		json_add_bool(&json, "running", false);
	}
	json_close_object(&json);
	text = json_done(&json);
	puts(text ?: "null");
}

int verb_state(int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object; its state is null if there is none", CLI_FLAG,
		  &json },
		{},
	};
	struct podman_state state;
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = check_name(argv[1]);
	if (r)
		return r;
	r = podman_state(argv[1], &state, &why);
	if (r)
		return log_error(0, "%s", why.text), -EIO;
	if (json)
		print_state(argv[1], &state);
	else
		puts(state.there ? state.status : "absent");
	return 0;
}

/* --- list ----------------------------------------------------------------------------- */

/* One container as podman lists it; strings are of its JSON. */
struct row {
	const char *name, *id, *image;
	char state[24];
	bool ours;
};

static struct row take_row(struct json_object *one)
{
	struct json_object *names = json_member(one, "Names", json_type_array);
	const char *state = json_text(one, "State");
	struct record record;
	struct row row = { .id = json_text(one, "Id") ?: "",
			   .image = json_text(one, "Image") ?: "" };

	row.name = names ? json_object_get_string(json_object_array_get_idx(names, 0)) : NULL;
	row.name = row.name ?: "";
	snprintf(row.state, sizeof(row.state), "%s", state ?: "unknown");
	for (char *c = row.state; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	row.ours = !record_load(row.name, &record, NULL);
	if (row.ours)
		record_done(&record);
	return row;
}

static void list_json(struct json_object *list)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_array(&json, NULL);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct row row = take_row(json_object_array_get_idx(list, i));

		json_open_object(&json, NULL);
		json_add_string(&json, "name", row.name);
		json_add_string(&json, "state", row.state);
		json_add_string(&json, "id", row.id);
		json_add_string(&json, "image", row.image);
		json_add_bool(&json, "sandbox", row.ours);
		json_close_object(&json);
	}
	json_close_array(&json);
	text = json_done(&json);
	puts(text ?: "null");
}

static void list_text(struct json_object *list)
{
	int width = 4;

	for (size_t i = 0; i < json_object_array_length(list); i++) {
		int n = (int)strlen(take_row(json_object_array_get_idx(list, i)).name);

		width = n > width ? n : width;
	}
	printf("%-*s  %-10s  %-12s  %s\n", width, "NAME", "STATE", "ID", "IMAGE");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct row row = take_row(json_object_array_get_idx(list, i));
		char image[300];

		printf("%-*s  %-10s  %-12.12s  %s\n", width, row.name, row.state, row.id,
		       log_safe(image, sizeof(image), row.image));
	}
}

int verb_list(int argc, char **argv)
{
	_cleanup_(json_putp) struct json_object *list = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "a JSON list: name, state, id, image, sandbox", CLI_FLAG, &json },
		{},
	};
	char filter[PODMAN_NAME_LEN + 16];
	const char *args[] = { "ps", "-a", "--no-trunc", "--format", "json", NULL, NULL, NULL };
	struct problem why = {};
	int n = cli_parse(argc, argv, options, 0, 1), r;

	if (n < 0)
		return n;
	if (n) {
		r = check_name(argv[1]);
		if (r)
			return r;
		snprintf(filter, sizeof(filter), "name=^%s-", argv[1]);
		args[5] = "--filter";
		args[6] = filter;
	}
	r = podman_ask_json(args, PODMAN_PROBE_NS, &list, &why);
	if (!r && list && !json_object_is_type(list, json_type_array))
		r = problem(&why, -EIO, "podman ps: what it said is not understood");
	if (r)
		return log_error(0, "%s", why.text), -EIO;
	if (json)
		list_json(list);
	else
		list_text(list);
	return 0;
}

/* --- wait ----------------------------------------------------------------------------- */

static void print_wait(const char *name, int code, bool late, const struct problem *why)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "name", name);
	if (code >= 0)
		json_add_int(&json, "exit_code", code);
	else
		json_add_null(&json, "exit_code");
	json_add_bool(&json, "timed_out", late);
	if (*why->text)
		json_add_string(&json, "error", why->text);
	else
		json_add_null(&json, "error");
	json_close_object(&json);
	text = json_done(&json);
	puts(text ?: "null");
}

/* The container's exit code; negative errno: it is not known. */
static int await_end(const char *name, unsigned limit_s, struct problem *why)
{
	const char *const args[] = { "wait", "--", name, NULL };
	struct spawn_result result;
	unsigned code;
	char behind;
	int r = podman_ask(args, limit_s ? limit_s * SECOND_NS : FOREVER_NS, &result, why);

	if (r)
		return r;
	if (result.status)
		r = podman_unknown(&result) ? problem(why, -ENOENT, "no container '%.80s'", name)
					    : podman_failed("wait", &result, why);
	else if (sscanf(result.output, "%u %c", &code, &behind) != 1 || code > 255)
		r = problem(why, -EBADMSG, "podman wait: what it said is no exit code");
	else
		r = (int)code;
	spawn_result_done(&result);
	return r;
}

int verb_wait(int argc, char **argv)
{
	bool json = false;
	const char *timeout = NULL;
	const struct cli_option options[] = {
		{ "timeout", "SECONDS", "so long at most; then exit with 124", CLI_STRING,
		  &timeout },
		{ "json", NULL, "one JSON object, with exit_code, timed_out, error", CLI_FLAG,
		  &json },
		{},
	};
	struct problem why = {};
	unsigned limit_s = 0;
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = check_name(argv[1]) ?: cli_number("timeout", timeout, 1, SPEC_SECONDS_MAX, &limit_s);
	if (r)
		return r;
	r = await_end(argv[1], limit_s, &why);
	if (json)
		print_wait(argv[1], r, r == -ETIMEDOUT, &why);
	else if (r >= 0)
		printf("%d\n", r);
	else if (r == -ETIMEDOUT)
		log_error(0, "%s still runs after %u s", argv[1], limit_s);
	else
		log_error(0, "%s", why.text);
	return r >= 0 ? r : r == -ETIMEDOUT ? EXIT_LATE : -EIO;
}

/* --- logs ----------------------------------------------------------------------------- */

/* post_ready, the first time that it is seen to be ready. */
static int now_ready(struct record *record)
{
	struct problem why = {};
	int r;

	if (record->ready)
		return 0;
	r = hook_run(&record->spec, HOOK_POST_READY, record->id, &why);
	if (r)
		log_error(0, "%s", why.text);
	record->ready = true;
	if (record_save(record, &why))
		log_warn(0, "%s", why.text);
	return r;
}

static int show_logs(const struct logs_wish *wish, struct record *record)
{
	struct problem why = {};
	enum logs_end end = LOGS_ENDED;
	int r = logs_run(wish, &end, &why);

	if (r)
		return log_error(0, "%s", why.text), -EIO;
	if (end == LOGS_LATE) {
		log_error(0, "%s: %u s are over", wish->name, wish->limit_s);
		return EXIT_LATE;
	}
	if (!wish->marker)
		return 0;
	if (end == LOGS_ENDED)
		return log_error(0, "%s ended before it said '%s'", wish->name, wish->marker), -EIO;
	return record ? now_ready(record) : 0;
}

static int find(const char *text, struct podman_state *state)
{
	struct problem why = {};
	int r = podman_state(text, state, &why);

	if (!r && !state->there)
		r = problem(&why, -ENOENT, "no container '%.80s'", text);
	return r ? log_error(0, "%s", why.text), -EIO : 0;
}

int verb_logs(int argc, char **argv)
{
	struct logs_wish wish = {};
	bool until = false;
	const char *timeout = NULL, *marker = NULL;
	const struct cli_option options[] = {
		{ "follow", NULL, "go on until it ends", CLI_FLAG, &wish.follow },
		{ "f", NULL, "the same", CLI_FLAG, &wish.follow },
		{ "tail", "N", "the last so many lines", CLI_STRING, &wish.tail },
		{ "until-ready", NULL, "go on until it says that it is ready", CLI_FLAG, &until },
		{ "marker", "TEXT", "how it says so (>> init complete)", CLI_STRING, &marker },
		{ "timeout", "SECONDS", "so long at most; then exit with 124", CLI_STRING,
		  &timeout },
		{},
	};
	struct podman_state state;
	struct record record = {};
	unsigned lines = 0;
	bool kept;
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = check_name(argv[1]) ?: cli_number("timeout", timeout, 1, SPEC_SECONDS_MAX, &wish.limit_s)
		?: cli_number("tail", wish.tail, 0, 1000000, &lines);
	if (r)
		return r;
	if (marker && (!*marker || strlen(marker) > LOGS_CARRY || strchr(marker, '\n')))
		return log_error(0, "logs: a marker has 1 to %d bytes and no line end", LOGS_CARRY),
		       -EINVAL;
	r = find(argv[1], &state);
	if (r)
		return r;
	kept = !record_load(state.name, &record, NULL);
	wish.name = state.name;
	if (until || marker)
		wish.marker = kept ? record.spec.marker : SPEC_MARKER;
	if (marker)
		wish.marker = marker;
	r = show_logs(&wish, kept ? &record : NULL);
	if (kept)
		record_done(&record);
	return r;
}
