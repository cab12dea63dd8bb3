// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_container.c - who lives in a guard: where they are, what they may do, what they would reach
 *
 * Of a container, what would lead around the hooks is asked of its processes, now: whoever attached
 * it by hand did not ask (terok-hook does, before it starts).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "doctor.h"
#include "doctor_proc.h"
#include "explain.h"
#include "terok/names.h"

#define METADATA "169.254.169.254"
#define NOBODYS  "192.0.2.1" /* a documentation address: nobody allows it by itself */

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

/* What leads out by ways that no hook of a cgroup sees. */
static const struct {
	unsigned cap;
	const char *name;
} leads[] = {
	{ CAP_NET_ADMIN, "NET_ADMIN" },
	{ CAP_NET_RAW, "NET_RAW" },
	{ CAP_SYS_ADMIN, "SYS_ADMIN" },
	{ CAP_SYS_MODULE, "SYS_MODULE" },
	{ CAP_SYS_RAWIO, "SYS_RAWIO" },
	{ CAP_SYS_BOOT, "SYS_BOOT" },
	{ CAP_SYS_PTRACE, "SYS_PTRACE" },
	{ CAP_DAC_READ_SEARCH, "DAC_READ_SEARCH" },
	{ CAP_BPF, "BPF" },
	{ CAP_PERFMON, "PERFMON" },
	{ CAP_CHECKPOINT_RESTORE, "CHECKPOINT_RESTORE" },
};

struct crowd {
	unsigned n, unfiltered;
	uint64_t may; /* capabilities that any of them has or could get */
	pid_t first_unfiltered, first_mighty;
};

static int crowd_take(uint64_t id, pid_t pid, void *user)
{
	struct crowd *crowd = user;
	struct proc_status status;

	(void)id;
	if (!pid || proc_status(pid, &status) || status.state == 'Z')
		return 0; /* gone meanwhile */
	crowd->n++;
	if (!status.seccomp && !crowd->unfiltered++)
		crowd->first_unfiltered = pid;
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		uint64_t bit = UINT64_C(1) << leads[i].cap;

		if ((status.effective | status.bounding) & bit) {
			crowd->first_mighty = crowd->first_mighty ?: pid;
			crowd->may |= bit;
		}
	}
	return 0;
}

/* false: nobody lives in it, or it is no container and its processes are the host's. */
static bool crowd_look(struct doctor *doctor, struct crowd *ret)
{
	const struct guard *guard = doctor->guard;
	_cleanup_close_ int fd = -1;

	*ret = (struct crowd){};
	if (guard->info.kind != TEROK_KIND_CONTAINER)
		return false;
	fd = cgroup_open_id(guard->info.cgroup, NULL);
	return fd >= 0 && !cgroup_each(fd, crowd_take, ret) && ret->n;
}

static void check_powers(struct doctor *doctor)
{
	char text[256] = "";
	struct crowd crowd;
	size_t at = 0;

	if (!crowd_look(doctor, &crowd))
		return;
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (crowd.may >> leads[i].cap & 1)
			at += snprintf(text + at, sizeof(text) - at, " CAP_%s", leads[i].name);
	if (crowd.may)
		doctor_say(doctor, VERDICT_WARN,
			   "start it without --privileged and --cap-add; with the annotation it is "
			   "not started like that",
			   "pid %d has, or can get,%s: it may leave by ways that no hook sees",
			   (int)crowd.first_mighty, text);
	else
		doctor_say(doctor, VERDICT_OK, "",
			   "%u processes, none with a capability that leads out", crowd.n);
}

static void check_filter(struct doctor *doctor)
{
	struct crowd crowd;

	if (!crowd_look(doctor, &crowd))
		return;
	if (crowd.unfiltered)
		doctor_say(doctor, VERDICT_WARN, "start it without seccomp=unconfined",
			   "pid %d, and %u of %u processes in all, have no system call filter: "
			   "sockets that no hook sees can be made",
			   (int)crowd.first_unfiltered, crowd.unfiltered, crowd.n);
	else
		doctor_say(doctor, VERDICT_OK, "", "%u processes, each with a system call filter",
			   crowd.n);
}

/* --- where they are ------------------------------------------------------------------------------- */

struct strays {
	struct doctor *doctor;
	struct stat inside; /* the container's process namespace */
	unsigned n;
};

static bool namespace_of(pid_t pid, struct stat *ret)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return !stat(path, ret);
}

static int stray_look(pid_t pid, void *user)
{
	struct strays *strays = user;
	char path[TEROK_PATH_LEN];
	struct proc_status status;
	struct stat st;

	if (!namespace_of(pid, &st) || st.st_ino != strays->inside.st_ino ||
	    cgroup_of_pid(pid, path, NULL) ||
	    cgroup_is_within(path, strays->doctor->guard->info.path) || proc_status(pid, &status) ||
	    status.state == 'Z')
		return 0;
	strays->n++;
	doctor_say(strays->doctor, VERDICT_FAIL, "who moved it? stop the container",
		   "pid %d is of this container, and is in %s: no hook sees what it does", (int)pid,
		   path);
	return 0;
}

static void check_strays(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	_cleanup_close_ int fd = cgroup_open_id(guard->info.cgroup, NULL);
	pid_t pid = fd < 0 ? 0 : cgroup_first_pid(fd);
	struct strays strays = { .doctor = doctor };
	struct stat ours;

	if (guard->info.kind != TEROK_KIND_CONTAINER || !pid ||
	    !namespace_of(pid, &strays.inside) || !namespace_of(getpid(), &ours))
		return;
	if (strays.inside.st_ino == ours.st_ino) {
		doctor_say(doctor, VERDICT_WARN, "start it without --pid host",
			   "it shares the host's processes: which of them are its own cannot be "
			   "told");
		return;
	}
	proc_each(stray_look, &strays);
	if (!strays.n)
		doctor_say(doctor, VERDICT_OK, "", "all of its processes are in its cgroup");
}

/* --- what they would reach --------------------------------------------------------------------------- */

/* By the hooks' own code over their own maps: nothing is sent, and nobody hears of it. */
static struct explanation would(struct doctor *doctor, const char *addr, uint16_t port)
{
	struct dest dest;

	if (dest_parse(addr, &dest, NULL))
		return (struct explanation){};
	dest.port = port;
	dest.proto = IPPROTO_TCP;
	return explain_dest(doctor->kernel, &doctor->guard->value, &dest);
}

static void check_denied(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	struct explanation metadata, nobodys;

	if (!guard->alive || guard->state == TEROK_STATE_NONE)
		return;
	metadata = would(doctor, METADATA, 80);
	nobodys = would(doctor, NOBODYS, 443);
	if (metadata.action == TEROK_ALLOW)
		doctor_say(doctor, VERDICT_WARN,
			   "terok-bpfd explain says which rule; deny it, if it is not meant",
			   METADATA " port 80 would be allowed (%s): a cloud's machine gives its "
				    "credentials there",
			   terok_reason_name(metadata.reason));
	if (nobodys.action == TEROK_ALLOW && guard->value.state == TEROK_STATE_UP &&
	    guard->state == TEROK_STATE_UP)
		doctor_say(doctor, VERDICT_WARN, "terok-bpfd rules shows it",
			   "its rules allow what nobody named: " NOBODYS " port 443 would be "
			   "allowed (%s)",
			   terok_reason_name(nobodys.reason));
	if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "",
			   METADATA " would be refused (%s), " NOBODYS " %s (%s)",
			   terok_reason_name(metadata.reason),
			   nobodys.action == TEROK_ALLOW ? "allowed" : "too",
			   terok_reason_name(nobodys.reason));
}

const struct check doctor_container[] = {
	{ .name = "powers", .guard = check_powers },
	{ .name = "filter", .guard = check_filter },
	{ .name = "strays", .guard = check_strays },
	{ .name = "denied", .guard = check_denied },
	{},
};
