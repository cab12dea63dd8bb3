// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_checks.c - the checks of terok-sandbox doctor: services, host, agent
 *
 * From the host a service is looked for at 127.0.0.1, where it listens; from within a container as
 * the container finds it, by programs that are in most images.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/knock.h"
#include "sandbox_bpfd.h"
#include "sandbox_doctor.h"
#include "sandbox_podman.h"
#include "sandbox_record.h"

#define PROXY      "Credential proxy (TCP)"
#define SSH_AGENT  "SSH agent (TCP)"
#define EXEC_NS    (10 * SECOND_NS) /* the probe's own limit is 3 s */
#define CONNECT_MS 2000
#define STRAY_S    3600
#define NO_PROBE   "probe command unavailable or timed out"

/* --- services ------------------------------------------------------------------------- */

/* 0: it answered. In @container, by a command that is there or not. */
static int probe_inside(const char *container, const char *const *probe, char *why, size_t size)
{
	const char *args[12] = { "exec", "--", container };
	struct problem problem = {};
	struct spawn_result result;
	int status;

	for (unsigned i = 0; probe[i]; i++)
		args[3 + i] = probe[i];
	if (podman_ask(args, EXEC_NS, &result, &problem)) {
		snprintf(why, size, "%s", NO_PROBE);
		return 1;
	}
	status = result.status;
	if (status == 127 || status == 126) {
		snprintf(why, size, "%s: no %s in the container", NO_PROBE, probe[0]);
	} else if (status == 125) { /* podman's own */
		podman_failed("exec", &result, &problem);
		snprintf(why, size, "%s", problem.text);
	} else if (*result.error) {
		snprintf(why, size, "%.*s", (int)strcspn(result.error, "\n"), result.error);
	}
	spawn_result_done(&result);
	return status;
}

/*
 * How a container finds a service: the host by its name, or a listener of its own that the agent
 * has handed over to the service, which is on its loopback.
 */
static const char *const inside_at[] = { "host.containers.internal", "127.0.0.1" };

static bool proxy_inside(struct doctor *doctor, const char *host, char *why, size_t size)
{
	char url[80];
	const char *const probe[] = { "wget", "-q", "--spider", "-T", "3", url, NULL };
	const char *const second[] = { "curl", "-fsS", "-m", "3", "-o", "/dev/null", url, NULL };
	int status;

	snprintf(url, sizeof(url), "http://%s:%u" KNOCK_HEALTH, host, doctor->proxy_port);
	status = probe_inside(doctor->container, probe, why, size);
	if (status == 126 || status == 127) /* an image has the one or the other */
		status = probe_inside(doctor->container, second, why, size);
	return !status;
}

static void check_proxy(struct doctor *doctor)
{
	char why[300] = "no answer of a healthy one", other[300];
	bool good;

	if (doctor->container)
		good = proxy_inside(doctor, inside_at[0], why, sizeof(why)) ||
		       proxy_inside(doctor, inside_at[1], other, sizeof(other));
	else
		good = !knock_http(doctor->proxy_port, KNOCK_HEALTH, KNOCK_GOOD, CONNECT_MS);
	if (good)
		doctor_say(doctor, SEVERITY_OK, "network", PROXY, "", "proxy reachable at port %u",
			   doctor->proxy_port);
	else
		doctor_say(doctor, SEVERITY_ERROR, "network", PROXY, "",
			   "proxy unreachable at http://%s:%u" KNOCK_HEALTH " (%s)",
			   doctor->container ? inside_at[0] : "127.0.0.1", doctor->proxy_port, why);
}

static bool agent_inside(struct doctor *doctor, const char *host, char *why, size_t size)
{
	char command[80];
	const char *const probe[] = { "bash", "-c", command, NULL };

	snprintf(command, sizeof(command), "echo | nc -w2 %s %u", host, doctor->agent_port);
	return !probe_inside(doctor->container, probe, why, size);
}

static void check_ssh_agent(struct doctor *doctor)
{
	char why[300] = "nobody listens", other[300];
	_cleanup_close_ int fd = -1;
	bool good;

	if (doctor->container) {
		good = agent_inside(doctor, inside_at[0], why, sizeof(why)) ||
		       agent_inside(doctor, inside_at[1], other, sizeof(other));
	} else {
		fd = knock_port(doctor->agent_port, CONNECT_MS);
		good = fd >= 0;
	}
	if (good)
		doctor_say(doctor, SEVERITY_OK, "network", SSH_AGENT, "",
			   "SSH agent reachable at port %u", doctor->agent_port);
	else
		doctor_say(doctor, SEVERITY_ERROR, "network", SSH_AGENT, "",
			   "SSH agent unreachable at port %u (%s)", doctor->agent_port, why);
}

void doctor_network(struct doctor *doctor)
{
	if (doctor->proxy_port)
		check_proxy(doctor);
	if (doctor->agent_port)
		check_ssh_agent(doctor);
}

/* --- host ----------------------------------------------------------------------------- */

static void check_cgroup(struct doctor *doctor, const struct host *host)
{
	if (*host->cgroup_problem)
		doctor_say(doctor, SEVERITY_ERROR, "host", "Container cgroup",
			   "loginctl enable-linger, and log in again", "%s", host->cgroup_problem);
	else
		doctor_say(doctor, SEVERITY_OK, "host", "Container cgroup", "", "%s%s%s",
			   *host->manager ? host->manager : "unknown",
			   *host->cgroup_parent ? ", below " : "", host->cgroup_parent);
}

static void check_guard(struct doctor *doctor)
{
	char path[HOST_PATH_MAX];
	struct problem why = {};

	if (host_hook(NULL, path, &why))
		doctor_say(doctor, SEVERITY_ERROR, "host", "Container hook", "terok-bpfd setup",
			   "%s", why.text);
	else
		doctor_say(doctor, SEVERITY_OK, "host", "Container hook", "", "%.500s", path);
	if (host_agent(&why))
		doctor_say(doctor, SEVERITY_ERROR, "host", "Agent", "systemctl start terok-bpfd",
			   "%s", why.text);
	else
		doctor_say(doctor, SEVERITY_OK, "host", "Agent", "", "it answers");
}

/* "  uid:  usage nkeys/nikeys qnkeys/maxkeys qnbytes/maxbytes" */
enum severity doctor_keyring(const char *text, unsigned uid, char *detail, size_t size)
{
	const char *line = text;

	for (; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		unsigned of, keys, max_keys, bytes, max_bytes;

		if (sscanf(line, " %u: %*u %*u/%*u %u/%u %u/%u", &of, &keys, &max_keys, &bytes,
			   &max_bytes) != 5 ||
		    of != uid)
			continue;
		snprintf(detail, size, "%u of %u keys, %u of %u bytes", keys, max_keys, bytes,
			 max_bytes);
		return keys >= max_keys * 0.95 || bytes >= max_bytes * 0.95 ? SEVERITY_WARN
									    : SEVERITY_OK;
	}
	snprintf(detail, size, "no keys");
	return SEVERITY_OK;
}

static void check_keyring(struct doctor *doctor)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/key-users", "re");
	char text[65536] = "", detail[160];
	enum severity severity;

	if (file)
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	severity = doctor_keyring(text, geteuid(), detail, sizeof(detail));
	doctor_say(doctor, severity, "host", "Kernel keyring quota",
		   severity == SEVERITY_OK
		       ? ""
		       : "reboot, or 'keyring = false' below [containers] in containers.conf",
		   "%s", detail);
}

/* What is kept of containers that podman does not know any more. */
struct stray {
	unsigned n;
	char first[SPEC_NAME_MAX + 1];
	bool silent; /* podman could not be asked */
};

static int look_at_record(const char *name, long age_s, void *user)
{
	struct stray *stray = user;
	struct podman_state state;

	if (age_s < STRAY_S) /* it may be being started */
		return 0;
	if (podman_state(name, &state, NULL)) {
		stray->silent = true;
		return 1;
	}
	if (!state.there && !stray->n++)
		snprintf(stray->first, sizeof(stray->first), "%s", name);
	return 0;
}

static void check_records(struct doctor *doctor)
{
	struct stray stray = {};
	char fix[128] = "";

	record_each(look_at_record, &stray);
	if (stray.n)
		snprintf(fix, sizeof(fix), "terok-sandbox stop %s", stray.first);
	if (stray.silent)
		doctor_say(doctor, SEVERITY_WARN, "env", "Stray run records", "",
			   "podman could not be asked: nothing is concluded");
	else if (stray.n)
		doctor_say(doctor, SEVERITY_WARN, "env", "Stray run records", fix,
			   "%u of containers that are gone, the first of %s", stray.n, stray.first);
	else
		doctor_say(doctor, SEVERITY_OK, "env", "Stray run records", "", "none");
}

void doctor_host(struct doctor *doctor)
{
	struct problem why = {};
	struct host host;
	unsigned major = 0, minor = 0;

	if (host_ask(true, &host, &why)) {
		doctor_say(doctor, SEVERITY_ERROR, "host", "Podman", "apt-get install podman", "%s",
			   why.text);
	} else {
		sscanf(host.version, "%u.%u", &major, &minor);
		doctor_say(doctor,
			   major > 4 || (major == 4 && minor >= 3) ? SEVERITY_OK : SEVERITY_ERROR,
			   "host", "Podman", "", "%s, %s, at least 4.3 is needed", host.version,
			   host.command.root ? "root's" : "rootless");
		check_cgroup(doctor, &host);
		host_done(&host);
	}
	check_guard(doctor);
	check_keyring(doctor);
	check_records(doctor);
}

/* --- the agent's own ------------------------------------------------------------------ */

static void take_finding(struct doctor *doctor, struct json_object *one)
{
	const char *verdict = json_text(one, "verdict") ?: "fail", *name = json_text(one, "name");
	const char *detail = json_text(one, "detail") ?: "", *fix = json_text(one, "fix") ?: "";
	char label[80];

	snprintf(label, sizeof(label), "terok-bpfd: %.50s", json_text(one, "check") ?: "?");
	doctor_say(doctor,
		   !strcmp(verdict, "ok")     ? SEVERITY_OK
		   : !strcmp(verdict, "warn") ? SEVERITY_WARN
					      : SEVERITY_ERROR,
		   "agent", label, fix, "%s%s%s", name ?: "", name ? ": " : "", detail);
}

void doctor_agent(struct doctor *doctor)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_object *checks;
	struct problem why = {};
	int r = bpfd_doctor(&object, &why);

	if (r == -ENOENT) {
		doctor_say(doctor, SEVERITY_WARN, "agent", "terok-bpfd", "install it", "%s",
			   why.text);
		return;
	}
	checks = json_member(object, "checks", json_type_array);
	if (!checks) {
		/* some of what it looks at is root's to see */
		doctor_say(doctor, geteuid() ? SEVERITY_OK : SEVERITY_ERROR, "agent", "terok-bpfd",
			   geteuid() ? "sudo terok-bpfd doctor" : "",
			   "its doctor says nothing here: %s", why.text);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(checks); i++)
		take_finding(doctor, json_object_array_get_idx(checks, i));
}
