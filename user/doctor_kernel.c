// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_kernel.c - can this kernel do what guarding needs? Where are cgroups and the pins' place?
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup.h"
#include "doctor.h"
#include "pins.h"
#include "probe.h"

#define FILES_GUARD 8 /* descriptors that the agent keeps for one guard */

/* The first line of a small file of the kernel's; false: it is not there. */
static bool line_read(const char *path, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file || !fgets(ret, size, file))
		return false;
	ret[strcspn(ret, "\n")] = '\0';
	return true;
}

/* --- what it can do -------------------------------------------------------------------------- */

struct asking {
	struct doctor *doctor;
	bool hooks;
	unsigned n;
};

static int ask(const struct probe *probe, void *user)
{
	struct asking *asking = user;
	struct problem why = {};
	int r;

	if (asking->hooks != (probe->hook != 0) || !strcmp(probe->name, "pins"))
		return 0;
	asking->n++;
	r = probe->ask(probe, &why);
	if (r == -EOPNOTSUPP)
		doctor_say(asking->doctor, VERDICT_FAIL, probe->fix, "%s (%s) is not there%s%s",
			   probe->name, probe->need, *why.text ? ": " : "", why.text);
	else if (r)
		doctor_say(asking->doctor, VERDICT_WARN, "", "cannot tell of %s: %s", probe->name,
			   why.text);
	return 0;
}

static void check_hooks(struct doctor *doctor)
{
	struct asking asking = { doctor, true, 0 };

	probe_each(ask, &asking);
	if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "",
			   "all %u hooks: their kinds of programs, places on a cgroup and helpers",
			   asking.n);
}

static void check_features(struct doctor *doctor)
{
	struct asking asking = { doctor, false, 0 };
	struct utsname host = {};

	uname(&host);
	probe_each(ask, &asking);
	if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "", "Linux %s has all %u: BTF, programs, maps",
			   host.release, asking.n);
}

/* --- where things are ------------------------------------------------------------------------ */

static bool is_v1_beside(void)
{
	_cleanup_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (mounts && getline(&line, &size, mounts) > 0)
		if (strstr(line, " - cgroup "))
			return true;
	return false;
}

static void check_cgroups(struct doctor *doctor)
{
	_cleanup_close_ int fd = -1;
	char root[CGROUP_ROOT_LEN];
	struct problem why = {};

	if (cgroup_root(root, &why) || (fd = cgroup_root_open(&why)) < 0)
		doctor_say(doctor, VERDICT_FAIL, "", "%s", why.text);
	else
		doctor_say(doctor, VERDICT_OK, "", "version 2%s, at %s",
			   is_v1_beside() ? " beside version 1 (hybrid)" : "", root);
}

/* The pins' folder, or the one that it will be made in. */
static void place_of_pins(char ret[static PINS_PATH_LEN])
{
	struct stat st;
	char *slash;

	snprintf(ret, PINS_PATH_LEN, "%s", kernel_pins());
	while (stat(ret, &st) && (slash = strrchr(ret, '/')) && slash != ret)
		*slash = '\0';
}

/* Where the file system of @place is mounted: the last folder upwards on the same device. */
static void mount_of(char place[static PINS_PATH_LEN])
{
	char above[PINS_PATH_LEN], *slash;
	struct stat here, there;

	snprintf(above, sizeof(above), "%s", place);
	while ((slash = strrchr(above, '/')) && slash != above) {
		*slash = '\0';
		if (stat(place, &here) || stat(above, &there) || here.st_dev != there.st_dev)
			return;
		snprintf(place, PINS_PATH_LEN, "%s", above);
	}
}

static void check_bpffs(struct doctor *doctor)
{
	char place[PINS_PATH_LEN], fix[PINS_PATH_LEN + 40];
	struct statfs fs;

	place_of_pins(place);
	if (statfs(place, &fs)) {
		doctor_say(doctor, VERDICT_FAIL, "", "%s: %s", place, strerror(errno));
	} else if (fs.f_type != BPF_FS_MAGIC) {
		doctor_say(doctor, doctor->kernel ? VERDICT_FAIL : VERDICT_WARN,
			   "mount -t bpf bpf /sys/fs/bpf (terok-bpfd load and run do it)",
			   "no BPF file system at %s, where %s should be", place, kernel_pins());
	} else if (fs.f_flags & ST_RDONLY) {
		mount_of(place);
		snprintf(fix, sizeof(fix), "mount -o remount,rw %s", place);
		doctor_say(doctor, VERDICT_FAIL, fix,
			   "the BPF file system at %s is mounted read-only", place);
	} else {
		doctor_say(doctor, VERDICT_OK, "", "a BPF file system, writable, at %s", place);
	}
}

/* --- what may be in the way ------------------------------------------------------------------- */

static void check_lockdown(struct doctor *doctor)
{
	char line[128];

	if (!line_read("/sys/kernel/security/lockdown", line, sizeof(line)))
		doctor_say(doctor, VERDICT_OK, "", "not seen (no securityfs)");
	else if (strstr(line, "[confidentiality]"))
		doctor_say(doctor, VERDICT_FAIL, "boot with lockdown=integrity, or without",
			   "the kernel is locked down to keep its memory secret: programs that "
			   "name processes cannot be loaded");
	else
		doctor_say(doctor, VERDICT_OK, "",
			   strstr(line, "[integrity]") ? "integrity, which is no hindrance"
						       : "none");
}

static void check_unprivileged(struct doctor *doctor)
{
	char line[16];

	if (!line_read("/proc/sys/kernel/unprivileged_bpf_disabled", line, sizeof(line)))
		return;
	if (*line == '0')
		doctor_say(doctor, VERDICT_WARN, "sysctl kernel.unprivileged_bpf_disabled=2",
			   "every user may load BPF programs, containers' too");
	else
		doctor_say(doctor, VERDICT_OK, "", "BPF programs are root's alone");
}

static void check_jit(struct doctor *doctor)
{
	char line[16];

	if (!line_read("/proc/sys/net/core/bpf_jit_enable", line, sizeof(line)))
		return;
	if (*line == '0')
		doctor_say(doctor, VERDICT_WARN, "sysctl net.core.bpf_jit_enable=1",
			   "BPF programs are interpreted: each connect and packet takes longer");
	else
		doctor_say(doctor, VERDICT_OK, "", "BPF programs are compiled");
}

static int count(const struct guard *guard, void *user)
{
	(void)guard;
	++*(unsigned *)user;
	return 0;
}

/* Of the agent, which keeps them; of ourselves where there is none, as a hint. */
static void check_limits(struct doctor *doctor)
{
	pid_t pid = kernel_agent_pid();
	struct rlimit files;
	unsigned guards = 0;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &files)) {
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell: %s", strerror(errno));
		return;
	}
	if (doctor->kernel)
		guard_each(doctor->kernel, count, &guards);
	if (!pid)
		doctor_say(doctor, VERDICT_OK, "", "the agent is not running");
	else if (files.rlim_cur < (rlim_t)(guards + 16) * FILES_GUARD)
		doctor_say(doctor, VERDICT_WARN, "LimitNOFILE= of its unit, then start it again",
			   "the agent may open %llu files: too few for %u guards",
			   (unsigned long long)files.rlim_cur, guards);
	else
		doctor_say(doctor, VERDICT_OK, "", "%llu open files for %u guards",
			   (unsigned long long)files.rlim_cur, guards);
}

const struct check doctor_kernel[] = {
	{ .name = "features", .host = check_features },
	{ .name = "hooks", .host = check_hooks },
	{ .name = "cgroups", .host = check_cgroups },
	{ .name = "bpffs", .host = check_bpffs },
	{ .name = "lockdown", .host = check_lockdown },
	{ .name = "unpriv", .host = check_unprivileged },
	{ .name = "jit", .host = check_jit },
	{ .name = "limits", .host = check_limits },
	{},
};
