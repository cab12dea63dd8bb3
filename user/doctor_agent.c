// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_agent.c - the agent: is it there, is it this build, does it answer, are its workers well?
 */
#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/json.h"
#include "base/sock.h"
#include "control.h"
#include "core.h"
#include "doctor.h"
#include "doctor_proc.h"
#include "names.h"

#define HUB_MS      2000
#define WORKERS     32
#define BEGIN_TRIES 25
#define BEGIN_MS    20
#define START_IT    "terok-bpfd run, or the systemd unit terok-bpfd"

#ifdef CONFINE_SANITIZED
#define FILTERED 0 /* its run time makes calls of its own choice */
#else
#define FILTERED 2
#endif

/* --- is it there? ------------------------------------------------------------------------------ */

static int count_domain(const struct domain_rule *rule, void *user)
{
	(void)rule;
	++*(size_t *)user;
	return 0;
}

struct count {
	const struct kernel *kernel;
	size_t domains;
};

static int count_guard(const struct guard *guard, void *user)
{
	struct count *count = user;

	names_domains(count->kernel, guard->id, count_domain, &count->domains);
	return 0;
}

static void say_no_agent(struct doctor *doctor)
{
	struct count count = { .kernel = doctor->kernel };

	if (doctor->kernel)
		guard_each(doctor->kernel, count_guard, &count);
	if (!doctor->kernel && !doctor->closed)
		doctor_say(doctor, VERDICT_WARN, "terok-bpfd load", "nothing is loaded");
	else
		doctor_say(doctor, count.domains ? VERDICT_FAIL : VERDICT_WARN, START_IT,
			   "not running: the kernel goes on deciding, but no name resolves in any "
			   "guard, and nobody is asked");
}

static void check_agent(struct doctor *doctor)
{
	pid_t pid = kernel_agent_pid();
	struct proc_status status;
	int r = pid ? proc_status(pid, &status) : 0;
	char fix[32];

	snprintf(fix, sizeof(fix), "kill -CONT %d", (int)pid);
	if (!pid)
		say_no_agent(doctor);
	else if (r == -ESRCH)
		doctor_say(doctor, VERDICT_FAIL, "stop what holds it, then " START_IT,
			   "%s/agent.lock is held, and names pid %d, which is no process here",
			   kernel_run_dir(), (int)pid);
	else if (!r && (status.state == 'T' || status.state == 't'))
		doctor_say(doctor, VERDICT_FAIL, fix,
			   "pid %d is stopped: nobody is asked, and no name is learned", (int)pid);
	else
		doctor_say(doctor, VERDICT_OK, "", "running, pid %d", (int)pid);
}

/* --- is it this build? ------------------------------------------------------------------------- */

static bool same_bytes(const char *a, const char *b)
{
	_cleanup_fclose_ FILE *one = fopen(a, "re"), *other = fopen(b, "re");
	char x[16384], y[sizeof(x)];
	size_t n = 0;

	while (one && other && (n = fread(x, 1, sizeof(x), one)) == fread(y, 1, sizeof(y), other) &&
	       n && !memcmp(x, y, n))
		;
	return one && other && !n && !ferror(one) && feof(other);
}

static void check_build(struct doctor *doctor)
{
	char path[40], exe[PATH_MAX];
	pid_t pid = kernel_agent_pid();
	struct stat mine, its;
	ssize_t n;

	if (!pid)
		return;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	if (n < 0 || stat(path, &its) || stat("/proc/self/exe", &mine))
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell: %s: %s", path, strerror(errno));
	else if (!strstr(strrchr(exe, '/') ?: exe, "bpfd"))
		doctor_say(doctor, VERDICT_FAIL, "stop it, then " START_IT,
			   "the lock is held by %s, which is no terok-bpfd", exe);
	else if ((its.st_dev == mine.st_dev && its.st_ino == mine.st_ino) ||
		 same_bytes(path, "/proc/self/exe"))
		doctor_say(doctor, VERDICT_OK, "", "%s, " TEROK_VERSION, exe);
	else
		doctor_say(doctor, VERDICT_WARN,
			   "start the agent again: guards hold meanwhile, and nothing is lost",
			   "the agent runs %s, another build than this", exe);
}

/* --- does it answer? ---------------------------------------------------------------------------- */

static void check_control(struct doctor *doctor)
{
	pid_t pid = kernel_agent_pid();
	int r = pid ? control_notify(0) : 0;

	if (!pid)
		return;
	if (!r || r == -EPERM)
		doctor_say(doctor, VERDICT_OK, "", "%s answers", control_path());
	else if (r == -ENOENT)
		doctor_say(doctor, VERDICT_FAIL, "start the agent again",
			   "%s is not there: verbs change the kernel, and the agent does not hear",
			   control_path());
	else
		doctor_say(doctor, VERDICT_FAIL, "its log says what it does; start it again",
			   "%s does not answer: %s", control_path(), strerror(-r));
}

static void hub_path(pid_t agent, char ret[static PATH_MAX])
{
	if (!proc_option(agent, "socket", ret, PATH_MAX))
		snprintf(ret, PATH_MAX, "%s", core_socket_path());
}

/* 0 and its version; -EBADMSG: it says something else. */
static int hub_ask(const char *path, char *version, size_t size)
{
	static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	_cleanup_close_ int fd = sock_connect(path);
	struct json_object *reply = NULL;
	const char *text;
	char raw[8192];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = proc_talk(fd, call, sizeof(call), '\0', raw, sizeof(raw), HUB_MS);
	if (n < 0)
		return n;
	if (json_parse(raw, strlen(raw), &reply))
		return -EBADMSG;
	text = json_text(json_member(reply, "parameters", json_type_object), "version");
	if (text)
		snprintf(version, size, "%s", text);
	json_object_put(reply);
	return text ? 0 : -EBADMSG;
}

static void check_hub(struct doctor *doctor)
{
	pid_t pid = kernel_agent_pid();
	char path[PATH_MAX], version[32];
	int r;

	if (!pid)
		return;
	hub_path(pid, path);
	r = hub_ask(path, version, sizeof(version));
	if (!r) {
		doctor_say(doctor, VERDICT_OK, "", "%s answers, %s", path, version);
		return;
	}
	if (r == -ETIMEDOUT)
		doctor_can(doctor, "end the agent's worker hub; it starts another, and clients "
				   "connect again");
	doctor_say(doctor, VERDICT_FAIL,
		   r == -ETIMEDOUT ? "end its worker hub: the agent starts another"
				   : "start the agent again",
		   "%s does not answer: %s; nobody is told, nobody can answer", path, strerror(-r));
}

static int mend_hub(struct doctor *doctor, struct problem *why)
{
	(void)doctor;
	return proc_worker_replace(kernel_agent_pid(), "hub", 0, why);
}

/* --- are its workers well? ----------------------------------------------------------------------- */

/* A watcher is the user whose podman it hears. */
static bool has_rights(const struct proc_worker *worker)
{
	const struct proc_status *status = &worker->status;

	return status->effective || !status->no_new_privs || status->seccomp != FILTERED ||
	       (!status->uid && strcmp(worker->name, "watcher"));
}

static bool is_known(const struct proc_worker *worker)
{
	return !strcmp(worker->name, "hub") || !strcmp(worker->name, "resolver") ||
	       !strcmp(worker->name, "watcher");
}

static void say_worker(struct doctor *doctor, const struct proc_worker *worker)
{
	const struct proc_status *status = &worker->status;
	bool ours = is_known(worker);

	if (status->state == 'T' || status->state == 't') {
		if (ours)
			doctor_can(doctor, "end worker %s, pid %d: the agent starts another",
				   worker->name, (int)worker->pid);
		doctor_say(doctor, VERDICT_FAIL, "kill it: the agent starts another",
			   "worker %s, pid %d, is stopped", worker->name, (int)worker->pid);
	} else if (ours && has_rights(worker)) {
		doctor_say(doctor, VERDICT_FAIL,
			   "start the agent again; if it stays so, that is a mistake of ours",
			   "worker %s, pid %d, has more rights than it should: user %u, "
			   "capabilities %llx, no_new_privs %d, seccomp %d",
			   worker->name, (int)worker->pid, status->uid,
			   (unsigned long long)status->effective, status->no_new_privs,
			   status->seccomp);
	} else if (!status->no_new_privs) {
		doctor_say(doctor, VERDICT_WARN, "start the agent again",
			   "worker %s, pid %d, may gain privileges", worker->name,
			   (int)worker->pid);
	}
}

static bool has_worker(const struct proc_worker *worker, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(worker[i].name, name))
			return true;
	return false;
}

static bool all_begun(const struct proc_worker *worker, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (is_known(&worker[i]) && worker[i].status.state != 'T' && has_rights(&worker[i]))
			return false;
	return has_worker(worker, n, "hub") && has_worker(worker, n, "resolver");
}

/* Capabilities that the core gives up first of all: by them it could do anything. */
#define GIVEN_UP                                                                                   \
	(1ULL << CAP_SYS_MODULE | 1ULL << CAP_SYS_RAWIO | 1ULL << CAP_NET_RAW |                    \
	 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_SYS_BOOT)

static void check_workers(struct doctor *doctor)
{
	static const char *const needed[] = { "hub", "resolver" };
	struct proc_worker worker[WORKERS];
	pid_t pid = kernel_agent_pid();
	struct proc_status core;
	unsigned n, confined = 0;

	if (!pid)
		return;
	n = proc_workers(pid, worker, WORKERS);
	/* one that has just begun has no name yet, or its rights still */
	for (int i = 0; i < BEGIN_TRIES && !all_begun(worker, n); i++) {
		poll(NULL, 0, BEGIN_MS);
		n = proc_workers(pid, worker, WORKERS);
	}
	for (unsigned i = 0; i < n; i++) {
		say_worker(doctor, &worker[i]);
		confined +=
		    is_known(&worker[i]); /* not one that waits for a container, to guard it */
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!has_worker(worker, n, needed[i]))
			doctor_say(doctor, VERDICT_FAIL,
				   "the agent's log says why it ended; it is tried again",
				   "worker %s does not run", needed[i]);
	if (!proc_status(pid, &core) && (!core.no_new_privs || core.effective & GIVEN_UP))
		doctor_say(doctor, VERDICT_FAIL, "start the agent again",
			   "the core has not given up what it does not need: no_new_privs %d, "
			   "capabilities %llx",
			   core.no_new_privs, (unsigned long long)core.effective);
	if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "", "%u, without privileges", confined);
}

static int mend_workers(struct doctor *doctor, struct problem *why)
{
	struct proc_worker worker[WORKERS];
	pid_t pid = kernel_agent_pid();
	unsigned n = pid ? proc_workers(pid, worker, WORKERS) : 0;
	int r = 0;

	(void)doctor;
	for (unsigned i = 0; !r && i < n; i++)
		if (worker[i].status.state == 'T' || worker[i].status.state == 't')
			r = proc_worker_replace(pid, worker[i].name, worker[i].pid, why);
	return r;
}

const struct check doctor_agent[] = {
	{ .name = "agent", .host = check_agent },
	{ .name = "build", .host = check_build },
	{ .name = "control", .host = check_control },
	{ .name = "workers", .host = check_workers, .mend = mend_workers, .asks = true },
	{ .name = "hub", .host = check_hub, .mend = mend_hub, .asks = true },
	{},
};
