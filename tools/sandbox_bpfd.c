// SPDX-License-Identifier: Apache-2.0
#include "sandbox_bpfd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/spawn.h"

#define ASK_NS     (30 * SECOND_NS)
#define OUTPUT_MAX (4U << 20)
#define ARGS_MAX   8
#define ID_MIN     12 /* so many digits of an id are one */

int bpfd_find(char *ret, struct problem *why)
{
	/* a user's PATH has no sbin */
	static const char places[] = "/usr/local/sbin:/usr/sbin";
	const char *path = getenv("PATH");
	_cleanup_free_ char *list = NULL;
	char *save;

	if (asprintf(&list, "%s:%s", path ?: "", places) < 0) {
		list = NULL;
		return -ENOMEM;
	}
	for (char *one = strtok_r(list, ":", &save); one; one = strtok_r(NULL, ":", &save)) {
		if (*one != '/' ||
		    snprintf(ret, BPFD_PATH_MAX, "%s/terok-bpfd", one) >= BPFD_PATH_MAX)
			continue;
		if (!access(ret, X_OK))
			return 0;
	}
	return problem(why, -ENOENT, "no program terok-bpfd in %s or in the PATH", places);
}

/* One verb of it with --json. Its exit status says how bad it is, not whether there is an answer. */
static int ask(const char *verb, struct json_object **ret, struct problem *why)
{
	char path[BPFD_PATH_MAX];
	const char *const argv[] = { path, verb, "--json", NULL };
	struct spawn spawn = { .argv = argv,
			       .env = (const char *const *)environ,
			       .limit_ns = ASK_NS,
			       .output_max = OUTPUT_MAX };
	struct spawn_result result;
	int r = bpfd_find(path, why);

	if (r)
		return r;
	r = spawn_run(&spawn, &result, why);
	if (r)
		return r == -ENOENT ? -EIO : r;
	if (json_parse(result.output, result.size, ret))
		r = problem(why, -EIO, "%.200s", *result.error ? result.error : "no JSON");
	spawn_result_done(&result);
	return r;
}

int bpfd_doctor(struct json_object **ret, struct problem *why)
{
	return ask("doctor", ret, why);
}

int bpfd_parse_guards(struct json_object *status, const char *id, char *ret, struct problem *why)
{
	struct json_object *guards = json_member(status, "guards", json_type_array);

	if (!guards)
		return problem(why, -EBADMSG, "terok-bpfd status: what it said is not understood");
	for (size_t i = 0; i < json_object_array_length(guards); i++) {
		struct json_object *one = json_object_array_get_idx(guards, i);
		const char *container = json_text(one, "container");
		size_t n = container ? strlen(container) : 0;

		if (n < ID_MIN || n > strlen(id) || strncmp(id, container, n))
			continue;
		snprintf(ret, BPFD_STATE_LEN, "%s", json_text(one, "state") ?: "error");
		return 0;
	}
	return problem(why, -ENOENT, "container %.12s has no guard", id);
}

int bpfd_guard(const char *id, char *ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *status = NULL;
	int r = ask("status", &status, why);

	if (r == -ENOENT) /* the program, not the guard */
		return -EIO;
	return r ?: bpfd_parse_guards(status, id, ret, why);
}

int bpfd_exec(const char *const *args, struct problem *why)
{
	char path[BPFD_PATH_MAX];
	const char *argv[ARGS_MAX] = { "terok-bpfd" };
	int r = bpfd_find(path, why);

	if (r)
		return r;
	for (unsigned i = 0; args[i] && i + 2 < ARGS_MAX; i++)
		argv[i + 1] = args[i];
	execv(path, (char **)argv);
	return problem(why, -errno, "%.150s: %s", path, strerror(errno));
}
