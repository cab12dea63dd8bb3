// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_gate.c - the check of the gate, which serves git to containers at the host's loopback
 *
 * Its own program is asked, since a connection would begin a server that nobody uses; and who
 * listens at the port may be anybody.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/spawn.h"
#include "sandbox_doctor.h"

#define PROGRAM    "terok-gate"
#define LABEL      "Gate (git)"
#define PORT       9418 /* that guards of containers let through, if nothing else is said */
#define ASK_NS     (20 * SECOND_NS)
#define OUTPUT_MAX 65536
#define PATH_LEN   4096

static int ask_one(const char *program, struct json_object **ret, struct problem *why)
{
	const char *const argv[] = { program, "status", "--json", NULL };
	struct spawn_result result;
	int r = spawn_run(&(struct spawn){ .argv = argv,
					   .env = (const char *const *)environ,
					   .limit_ns = ASK_NS,
					   .output_max = OUTPUT_MAX },
			  &result, why);

	if (r)
		return r;
	if (json_parse(result.output, result.size, ret))
		r = problem(
		    why, -EIO, PROGRAM " status: %.*s",
		    (int)strcspn(result.error, "\n") < 200 ? (int)strcspn(result.error, "\n") : 200,
		    *result.error ? result.error : "no JSON");
	spawn_result_done(&result);
	return r;
}

/* What was installed beside this program, else of the PATH. -ENOENT: neither. */
static int ask(struct json_object **ret, struct problem *why)
{
	char path[PATH_LEN + sizeof(PROGRAM)];
	ssize_t n = readlink("/proc/self/exe", path, PATH_LEN - 1);

	path[n > 0 ? n : 0] = '\0';
	if (n > 0)
		strcpy(strrchr(path, '/') + 1, PROGRAM);
	return ask_one(n > 0 && !access(path, X_OK) ? path : PROGRAM, ret, why);
}

static bool is_true(struct json_object *life, const char *key)
{
	return json_object_get_boolean(json_member(life, key, json_type_boolean));
}

static void judge(struct doctor *doctor, struct json_object *life)
{
	const char *mode = json_text(life, "mode"), *outdated = json_text(life, "outdated");
	const char *unknown = json_text(life, "unknown");
	int port = json_object_get_int(json_member(life, "port", json_type_int));

	if (!mode)
		doctor_say(doctor, SEVERITY_ERROR, "network", LABEL, "",
			   PROGRAM " status: what it said is not understood");
	else if (unknown)
		doctor_say(doctor, SEVERITY_ERROR, "network", LABEL, "", "%s", unknown);
	else if (!is_true(life, "running") && !is_true(life, "installed"))
		doctor_say(doctor, SEVERITY_OK, "network", LABEL, "", "not set up");
	else if (!is_true(life, "running"))
		doctor_say(doctor, SEVERITY_ERROR, "network", LABEL, PROGRAM " start",
			   "its units are there, and it does not run");
	else if (outdated)
		doctor_say(doctor, SEVERITY_WARN, "network", LABEL,
			   strcmp(mode, "systemd") ? PROGRAM " stop; " PROGRAM " start"
						   : PROGRAM " install",
			   "%s", outdated);
	else if (port && port != PORT)
		doctor_say(doctor, SEVERITY_WARN, "network", LABEL, PROGRAM " install",
			   "it runs (%s) at port %d; containers are let through to %d", mode, port,
			   PORT);
	else
		doctor_say(doctor, SEVERITY_OK, "network", LABEL, "", "it runs (%s) at port %d",
			   mode, port);
}

void doctor_gate(struct doctor *doctor)
{
	_cleanup_(json_putp) struct json_object *life = NULL;
	struct problem why = {};
	int r = ask(&life, &why);

	if (r == -ENOENT)
		doctor_say(doctor, SEVERITY_OK, "network", LABEL, "", "not installed");
	else if (r) /* -EACCES is also a folder of the PATH that may not be looked into */
		doctor_say(doctor, r == -EACCES ? SEVERITY_WARN : SEVERITY_ERROR, "network", LABEL,
			   "", "%s", why.text);
	else
		judge(doctor, life);
}
