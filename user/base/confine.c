// SPDX-License-Identifier: Apache-2.0
#include "base/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NOBODY   65534
#define FAMILIES 64 /* of sockets: more than there are (AF_MAX) */

/*
 * No core dump with secrets in it, no ptrace by a process of the same user. Under
 * AddressSanitizer the leak check is such a ptrace.
 */
static int dump_forbid(void)
{
#ifdef CONFINE_SANITIZED
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) ? -errno : 0;
#else
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
#endif
}

#ifdef CONFINE_SANITIZED
/* Its run time's question: leaks are looked for by calls that the filter of a service's unit refuses. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0;
}
#endif

int confine_privs(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : dump_forbid();
}

int confine_early(int last_fd)
{
	int r = confine_privs();

	umask(077);
	if (r)
		return r;
	return syscall(SYS_close_range, last_fd + 1, ~0U, 0) ? -errno : 0;
}

/* Needs CAP_SETPCAP, so it comes before the uid or that capability goes. */
static int bounding_drop(uint64_t keep)
{
	for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EPERM)
			return -errno;
	return 0;
}

int confine_caps(uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	int r = bounding_drop(keep);

	if (r)
		return r;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return -errno;
	if (syscall(SYS_capget, &head, data))
		return -errno;
	for (int i = 0; i < 2; i++) { /* what it does not have it cannot keep */
		data[i].permitted &= keep >> 32 * i;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

int confine_become(uid_t uid, gid_t gid)
{
	int r, at_parents_end = 0;

	if (geteuid())
		return 0;
	r = bounding_drop(0);
	if (r)
		return r;
	if (prctl(PR_GET_PDEATHSIG, &at_parents_end) || setgroups(0, NULL) ||
	    setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return -errno;
	/* with the uid the kernel has reset both: this one and dumpable */
	if (prctl(PR_SET_PDEATHSIG, at_parents_end))
		return -errno;
	return dump_forbid();
}

int confine_user(void)
{
	return confine_become(NOBODY, NOBODY);
}

int confine_files(void)
{
	return confine_files_but(NULL, 0);
}

#define FIRST_RIGHTS   ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define RIGHT_REFER    (UINT64_C(1) << 13) /* linux/landlock.h of 5.19: moved from folder to folder */

#define RIGHT_TRUNCATE (UINT64_C(1) << 14) /* of 6.2: made empty, by its name alone as well */

#ifndef CONFINE_SANITIZED
static long landlock_version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* ..._RULESET_VERSION */);
}
#endif

bool confine_files_can(void)
{
#ifdef CONFINE_SANITIZED
	return true;
#else
	return landlock_version() > 0;
#endif
}

int confine_files_but(const struct confine_folder *folders, unsigned n)
{
#ifdef CONFINE_SANITIZED /* its leak check reads /proc */
	(void)folders, (void)n;
	return 0;
#else
	static const uint64_t allowed[] = {
		[CONFINE_REMOVE] = LANDLOCK_ACCESS_FS_REMOVE_FILE,
		[CONFINE_READ] = LANDLOCK_ACCESS_FS_READ_FILE,
		[CONFINE_LOOK] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		[CONFINE_KEEP] = LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
				 LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				 LANDLOCK_ACCESS_FS_READ_DIR,
		[CONFINE_SERVE] = LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
				  LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_READ_FILE |
				  LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		[CONFINE_WRITE] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE,
		[CONFINE_RUN] = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
				LANDLOCK_ACCESS_FS_READ_DIR,
		[CONFINE_WORK] = (FIRST_RIGHTS & ~LANDLOCK_ACCESS_FS_EXECUTE) | RIGHT_REFER,
	};
	/* every right of Landlock's first version, and what empties a file that cannot be opened */
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = FIRST_RIGHTS,
	};
	_cleanup_close_ int fd = -1;

	for (unsigned i = 0; i < n; i++)
		if (folders[i].may == CONFINE_WORK)
			attr.handled_access_fs |= RIGHT_REFER;
	if (attr.handled_access_fs & RIGHT_REFER && landlock_version() < 2)
		return -EOPNOTSUPP;
	if (landlock_version() >= 3)
		attr.handled_access_fs |= RIGHT_TRUNCATE;
	fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	for (unsigned i = 0; i < n; i++) {
		struct landlock_path_beneath_attr beneath = {
			.allowed_access = allowed[folders[i].may],
			.parent_fd = folders[i].fd,
		};

		if (beneath.allowed_access & LANDLOCK_ACCESS_FS_WRITE_FILE)
			beneath.allowed_access |= attr.handled_access_fs & RIGHT_TRUNCATE;
		if (syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0))
			return -errno;
	}
	return syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
#endif
}

int confine_calls(const char *const *names)
{
#ifdef CONFINE_SANITIZED /* its run time makes calls of its own choice */
	(void)names;
	return 0;
#else
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = filter ? 0 : -ENOMEM;
	char once;

	/* glibc from 2.41 on makes a state for it at the first call, by calls that nobody listed */
	if (getrandom(&once, sizeof(once), 0) < 0)
		r = -errno;
	for (; !r && *names; names++) {
		bool unix_only = !strcmp(*names, "socket(unix)");
		int nr = seccomp_syscall_resolve_name(unix_only ? "socket" : *names);

		if (unix_only) {
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 1,
					     SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
			continue;
		}
		/* not on this architecture, or newer than the library: then it is not made */
		if (nr != __NR_SCMP_ERROR)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
	}
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
#endif
}

#ifndef CONFINE_SANITIZED
/* Flags of clone() are looked at; clone3() has them in memory, and is "not there": libc takes clone(). */
static int namespaces_refuse(scmp_filter_ctx filter)
{
	static const unsigned flags[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
					  CLONE_NEWPID, CLONE_NEWNET,    CLONE_NEWUSER };
	int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0)
		    ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0)
		    ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(setns), 0);

	for (size_t i = 0; !r && i < sizeof(flags) / sizeof(*flags); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
	return r;
}

/* Some are newer than the library: those have one number on every architecture that Debian builds for. */
static int number_of(const char *name)
{
	static const struct {
		const char *name;
		int nr;
	} late[] = { { "fchmodat2", 452 }, { "setxattrat", 463 }, { "removexattrat", 466 } };
	int nr = seccomp_syscall_resolve_name(name);

	for (size_t i = 0; nr == __NR_SCMP_ERROR && i < sizeof(late) / sizeof(*late); i++)
		nr = strcmp(late[i].name, name) ? nr : late[i].nr;
	return nr;
}

static bool has(const int *families, int family)
{
	while (*families && *families != family)
		families++;
	return *families;
}

/* One by one: a rule compares an argument once. A family is an int, of which the filter sees more. */
static int families_refuse(scmp_filter_ctx filter, const int *families)
{
	int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
				 SCMP_A0(SCMP_CMP_GE, FAMILIES, 0));

	for (int family = 0; !r && family < FAMILIES; family++)
		if (!has(families, family))
			r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
					     SCMP_A0(SCMP_CMP_EQ, (unsigned)family, 0));
	return r;
}
#endif

int confine_calls_but(const char *const *names, const int *families)
{
#ifdef CONFINE_SANITIZED /* its run time makes calls of its own choice */
	(void)names, (void)families;
	return 0;
#else
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? namespaces_refuse(filter) : -ENOMEM;

	if (!r)
		r = families_refuse(filter, families);
	for (; !r && *names; names++) {
		int nr = number_of(*names);

		/* one that has no number on this architecture cannot be called */
		if (nr > 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
#endif
}
