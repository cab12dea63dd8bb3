// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_services.c - the checks of services that containers find at the host's loopback
 *
 * The gate serves git, the proxy credentials and an SSH agent. Their own programs are asked, since
 * a connection would begin a server that nobody uses; and who listens at the port may be anybody.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/spawn.h"
#include "sandbox_doctor.h"

#define ASK_NS     (20 * SECOND_NS)
#define OUTPUT_MAX 65536
#define PATH_LEN   4096

struct asked {
	const char *program, *label;
	const char *ports[2]; /* keys of its status */
	int port[2];          /* that guards of containers let through, if nothing else is said */
};

static const struct asked gate = { "terok-gate", "Gate (git)", { "port" }, { 9418 } };
static const struct asked proxy = {
	"terok-proxy", "Credential proxy", { "port", "ssh_agent_port" }, { 18731, 18732 }
};

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
		    why, -EIO, "%s status: %.*s",
		    strrchr(program, '/') ? strrchr(program, '/') + 1 : program,
		    (int)strcspn(result.error, "\n") < 200 ? (int)strcspn(result.error, "\n") : 200,
		    *result.error ? result.error : "no JSON");
	spawn_result_done(&result);
	return r;
}

/* What was installed beside this program, else of the PATH. -ENOENT: neither. */
static int ask(const char *program, struct json_object **ret, struct problem *why)
{
	char path[PATH_LEN + 32];
	ssize_t n = readlink("/proc/self/exe", path, PATH_LEN - 1);

	path[n > 0 ? n : 0] = '\0';
	if (n > 0)
		strcpy(strrchr(path, '/') + 1, program);
	return ask_one(n > 0 && !access(path, X_OK) ? path : program, ret, why);
}

static bool is_true(struct json_object *life, const char *key)
{
	return json_object_get_boolean(json_member(life, key, json_type_boolean));
}

static int number(struct json_object *life, const char *key)
{
	return key ? json_object_get_int(json_member(life, key, json_type_int)) : 0;
}

/* 0, or a port that it has and that is not the one of containers; its place in @ret. */
static int other_port(const struct asked *asked, struct json_object *life, unsigned *ret)
{
	for (unsigned i = 0; i < 2; i++) {
		int port = number(life, asked->ports[i]);

		*ret = i;
		if (port && port != asked->port[i])
			return port;
	}
	return 0;
}

__attribute__((__format__(__printf__, 5, 6))) static void
say(struct doctor *doctor, const struct asked *asked, enum severity severity, const char *verb,
    const char *fmt, ...)
{
	char fix[64] = "", text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (*verb)
		snprintf(fix, sizeof(fix), "%s %s", asked->program, verb);
	if (!strcmp(verb, "stop"))
		snprintf(fix, sizeof(fix), "%s stop; %s start", asked->program, asked->program);
	doctor_say(doctor, severity, "network", asked->label, fix, "%s", text);
}

static void judge(struct doctor *doctor, const struct asked *asked, struct json_object *life)
{
	const char *mode = json_text(life, "mode"), *outdated = json_text(life, "outdated");
	const char *unknown = json_text(life, "unknown");
	bool told = json_member(life, "healthy", json_type_boolean);
	unsigned i = 0;
	int other = other_port(asked, life, &i);

	if (!mode)
		say(doctor, asked, SEVERITY_ERROR, "", "%s status: what it said is not understood",
		    asked->program);
	else if (unknown)
		say(doctor, asked, SEVERITY_ERROR, "", "%s", unknown);
	else if (!is_true(life, "running") && !is_true(life, "installed"))
		say(doctor, asked, SEVERITY_OK, "", "not set up");
	else if (!is_true(life, "running"))
		say(doctor, asked, SEVERITY_ERROR, "start",
		    "its units are there, and it does not run");
	else if (told && !is_true(life, "healthy"))
		say(doctor, asked, SEVERITY_ERROR, "stop", "it runs (%s) and does not answer",
		    mode);
	else if (outdated)
		say(doctor, asked, SEVERITY_WARN, strcmp(mode, "systemd") ? "stop" : "install",
		    "%s", outdated);
	else if (other)
		say(doctor, asked, SEVERITY_WARN, "install",
		    "it runs (%s) at port %d; containers are let through to %d", mode, other,
		    asked->port[i]);
	else
		say(doctor, asked, SEVERITY_OK, "", "it runs (%s) at port %d", mode,
		    number(life, asked->ports[0]));
}

static void check(struct doctor *doctor, const struct asked *asked)
{
	_cleanup_(json_putp) struct json_object *life = NULL;
	struct problem why = {};
	int r = ask(asked->program, &life, &why);

	if (r == -ENOENT)
		say(doctor, asked, SEVERITY_OK, "", "not installed");
	else if (r) /* -EACCES is also a folder of the PATH that may not be looked into */
		say(doctor, asked, r == -EACCES ? SEVERITY_WARN : SEVERITY_ERROR, "", "%s",
		    why.text);
	else
		judge(doctor, asked, life);
}

void doctor_services(struct doctor *doctor)
{
	check(doctor, &gate);
	check(doctor, &proxy);
}
