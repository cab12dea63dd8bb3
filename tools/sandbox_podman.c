// SPDX-License-Identifier: Apache-2.0
#include "sandbox_podman.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX   24
#define OUTPUT_MAX (8U << 20) /* of a listing: thousands of containers */

static void fill(struct spawn *spawn, const char **argv, const char *const *args, uint64_t limit_ns)
{
	*spawn = (struct spawn){ .argv = argv,
				 .env = (const char *const *)environ,
				 .limit_ns = limit_ns,
				 .output_max = OUTPUT_MAX };
	argv[0] = "podman";
	for (unsigned i = 0; i + 2 < ARGS_MAX && args[i]; i++)
		argv[i + 1] = args[i];
}

static int no_answer(int r, const char *what, uint64_t limit_ns, struct problem *why)
{
	if (r == -ENOENT)
		return problem(why, r, "podman not found; install it (apt-get install podman)");
	if (r == -ETIMEDOUT)
		return problem(why, r, "podman %s gave no answer in %u s", what,
			       (unsigned)(limit_ns / SECOND_NS));
	return r;
}

int podman_ask(const char *const *args, uint64_t limit_ns, struct spawn_result *ret,
	       struct problem *why)
{
	const char *argv[ARGS_MAX] = {};
	struct spawn spawn;

	fill(&spawn, argv, args, limit_ns);
	return no_answer(spawn_run(&spawn, ret, why), args[0], limit_ns, why);
}

int podman_ask_both(const char *const *first, const char *const *second, uint64_t limit_ns,
		    struct spawn_result ret[static 2], struct problem *why)
{
	const char *argv[2][ARGS_MAX] = {};
	struct spawn spawn[2];

	fill(&spawn[0], argv[0], first, limit_ns);
	fill(&spawn[1], argv[1], second, limit_ns);
	return no_answer(spawn_run_all(spawn, 2, ret, why), first[0], limit_ns, why);
}

/* What podman says last is what it ended with; before it are warnings. */
int podman_failed(const char *what, const struct spawn_result *result, struct problem *why)
{
	char said[SPAWN_ERR_MAX];
	size_t n = strlen(result->error);
	const char *last;

	while (n && isspace((unsigned char)result->error[n - 1]))
		n--;
	memcpy(said, result->error, n);
	said[n] = '\0';
	last = strrchr(said, '\n');
	last = last ? last + 1 : said;
	if (!strncmp(last, "Error: ", 7))
		last += 7;
	return problem(why, -EIO, "podman %s failed (%d): %.180s", what, result->status, last);
}

bool podman_unknown(const struct spawn_result *result)
{
	return result->status && (strstr(result->error, "no such container") ||
				  strstr(result->error, "no such object"));
}

int podman_take_json(const char *what, const struct spawn_result *result, struct json_object **ret,
		     struct problem *why)
{
	if (result->status)
		return podman_failed(what, result, why);
	if (json_parse(result->output, result->size, ret))
		return problem(why, -EIO, "podman %s: what it said is no JSON", what);
	return 0;
}

int podman_ask_json(const char *const *args, uint64_t limit_ns, struct json_object **ret,
		    struct problem *why)
{
	struct spawn_result result;
	int r = podman_ask(args, limit_ns, &result, why);

	if (r)
		return r;
	r = podman_take_json(args[0], &result, ret, why);
	spawn_result_done(&result);
	return r;
}

int podman_text_check(const char *text, struct problem *why)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !(i && strchr("_.-", text[i])))
			n = 0;
	return n && n < PODMAN_NAME_LEN
		   ? 0
		   : problem(why, -EINVAL, "'%.80s' is no container's name or id", text);
}

static int take_state(const char *line, struct podman_state *ret, struct problem *why)
{
	struct podman_state state = { .there = true };

	if (sscanf(line, "%64s %255s %23s %d %" SCNd64, state.id, state.name, state.status,
		   &state.exit_code, &state.made_s) != 5)
		return problem(why, -EIO, "podman inspect: what it said is not understood");
	for (char *c = state.status; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	state.running = !strcmp(state.status, "running") || !strcmp(state.status, "paused") ||
			!strcmp(state.status, "stopping");
	*ret = state;
	return 0;
}

int podman_state(const char *name, struct podman_state *ret, struct problem *why)
{
	const char *const args[] = { "inspect",
				     "--type",
				     "container",
				     "--format",
				     "{{.Id}} {{.Name}} {{.State.Status}} {{.State.ExitCode}} "
				     "{{.Created.Unix}}",
				     "--",
				     name,
				     NULL };
	struct spawn_result result;
	int r = podman_ask(args, PODMAN_PROBE_NS, &result, why);

	if (r)
		return r;
	if (!result.status)
		r = take_state(result.output, ret, why);
	else if (podman_unknown(&result))
		*ret = (struct podman_state){};
	else
		r = podman_failed("inspect", &result, why);
	spawn_result_done(&result);
	return r;
}
