// SPDX-License-Identifier: Apache-2.0
#include "sandbox_doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/log.h"
#include "sandbox_bpfd.h"
#include "sandbox_podman.h"
#include "sandbox_record.h"
#include "sandbox_verbs.h"

#define DETAIL_LEN 1024
#define SHIELD     "Shield state"

static const char *const severities[SEVERITY_MAX_] = { "ok", "warn", "error" };
static const char *const shown[SEVERITY_MAX_] = { "ok", "WARN", "ERROR" };

void doctor_say(struct doctor *doctor, enum severity severity, const char *category,
		const char *label, const char *fix, const char *fmt, ...)
{
	char detail[DETAIL_LEN], text[DETAIL_LEN];
	struct json *json = &doctor->json;
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	doctor->said++;
	if (severity > doctor->worst)
		doctor->worst = severity;
	if (!doctor->as_json) {
		printf("  %s .... %s (%s)\n", label, shown[severity],
		       log_safe(text, sizeof(text), detail));
		if (*fix)
			printf("      fix: %s\n", log_safe(text, sizeof(text), fix));
		fflush(stdout); /* the next may take its seconds */
		return;
	}
	json_open_object(json, NULL);
	json_add_string(json, "category", category);
	json_add_string(json, "label", label);
	json_add_string(json, "severity", severities[severity]);
	json_add_string(json, "detail", detail);
	json_add_bool(json, "fixable", *fix);
	json_add_string(json, "fix", fix);
	json_close_object(json);
}

void doctor_container(struct doctor *doctor)
{
	struct podman_state state;
	struct problem why = {};

	if (podman_state(doctor->container, &state, &why))
		doctor_say(doctor, SEVERITY_ERROR, "env", "Container", "", "%s", why.text);
	else if (!state.there)
		doctor_say(doctor, SEVERITY_ERROR, "env", "Container", "", "no container %s",
			   doctor->container);
	else
		doctor_say(doctor, state.running ? SEVERITY_OK : SEVERITY_ERROR, "env", "Container",
			   "", "%s", state.status);
}

/* Was it started here, with a guard? */
static bool wants_guard(const char *name)
{
	struct record record = {};
	bool wants;

	if (record_load(name, &record, NULL))
		return false;
	wants = !record.spec.no_guard;
	record_done(&record);
	return wants;
}

void doctor_shield(struct doctor *doctor)
{
	const char *name = doctor->container, *desired = doctor->desired;
	struct podman_state state;
	struct problem why = {};
	char actual[BPFD_STATE_LEN] = "none", fix[128] = "";
	int r = name ? podman_state(name, &state, &why) : 0;

	if (!r && name && !state.there)
		r = problem(&why, -ESRCH, "no container %s", name);
	if (r) {
		doctor_say(doctor, SEVERITY_ERROR, "shield", SHIELD, "", "%s", why.text);
		return;
	}
	if (!name || (!desired && !wants_guard(state.name))) {
		doctor_say(doctor, SEVERITY_OK, "shield", SHIELD, "", "not managed");
		return;
	}
	r = bpfd_guard(state.id, actual, &why);
	if (r && r != -ENOENT) {
		doctor_say(doctor, SEVERITY_ERROR, "shield", SHIELD, "", "%s", why.text);
	} else if (r) {
		doctor_say(doctor, SEVERITY_ERROR, "shield", SHIELD,
			   "stop it and run it again: what it did without a guard nobody saw", "%s",
			   why.text);
	} else if (!desired || !strcmp(actual, desired)) {
		doctor_say(doctor, SEVERITY_OK, "shield", SHIELD, "", "%s", actual);
	} else {
		snprintf(fix, sizeof(fix), "restore to desired: terok-bpfd %s %.70s%s",
			 !strcmp(desired, "down_all") ? "down" : desired, name,
			 !strcmp(desired, "down_all") ? " --all" : "");
		doctor_say(doctor, SEVERITY_WARN, "shield", SHIELD, fix,
			   "shield state mismatch: actual='%s', desired='%s'", actual, desired);
	}
}

static void run_checks(struct doctor *doctor)
{
	if (doctor->container)
		doctor_container(doctor);
	doctor_network(doctor);
	if (!doctor->container) {
		doctor_services(doctor);
		doctor_host(doctor);
		doctor_agent(doctor);
	}
	doctor_shield(doctor);
}

int verb_doctor(int argc, char **argv)
{
	struct doctor doctor = {};
	const char *proxy = NULL, *agent = NULL, *text;
	const struct cli_option options[] = {
		{ "proxy-port", "N", "look whether the credential proxy answers there", CLI_STRING,
		  &proxy },
		{ "ssh-agent-port", "N", "the same of the SSH agent", CLI_STRING, &agent },
		{ "shield-state", "STATE", "up, down, down_all: what its guard should be",
		  CLI_STRING, &doctor.desired },
		{ "json", NULL, "one JSON object", CLI_FLAG, &doctor.as_json },
		{},
	};
	struct problem why = {};
	int n = cli_parse(argc, argv, options, 0, 1);

	if (n < 0)
		return n;
	if (cli_number("proxy-port", proxy, 1, 65535, &doctor.proxy_port) ||
	    cli_number("ssh-agent-port", agent, 1, 65535, &doctor.agent_port))
		return -EINVAL;
	if (n && podman_text_check(argv[1], &why))
		return log_error(0, "%s", why.text), -EINVAL;
	if (doctor.desired && !n)
		return log_error(0, "doctor: --shield-state is of a container: name it"), -EINVAL;
	doctor.container = n ? argv[1] : NULL;
	if (doctor.as_json) {
		json_open_object(&doctor.json, NULL);
		json_open_array(&doctor.json, "checks");
	}
	run_checks(&doctor);
	if (doctor.as_json) {
		json_close_array(&doctor.json);
		json_add_string(&doctor.json, "severity", severities[doctor.worst]);
		json_close_object(&doctor.json);
		text = json_done(&doctor.json);
		puts(text ?: "null");
	}
	json_free(&doctor.json);
	return doctor.worst;
}
