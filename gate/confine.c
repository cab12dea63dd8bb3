// SPDX-License-Identifier: Apache-2.0
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "push.h"
#include "service/reach.h"

/* git and what its hooks are: on the PATH, where git says, where we are. */
static int add_programs(struct reach *reach)
{
	const char *exec_path = getenv("GIT_EXEC_PATH");
	int r = reach_programs(reach);

	return r || !exec_path ? r : reach_folder(reach, exec_path, CONFINE_RUN);
}

static int add_all(struct reach *reach, const struct gate_confine *confine)
{
	int r = add_programs(reach);
	char hooks[PATH_MAX];

	if (!r)
		r = reach_folder(reach, "/etc", CONFINE_LOOK);
	if (!r)
		r = reach_folder(reach, "/proc", CONFINE_LOOK); /* who works in a mirror */
	if (!r)
		r = reach_folder(reach, "/dev", CONFINE_WRITE); /* null */
	if (!r)
		r = reach_folder(reach, confine->base, CONFINE_WORK);
	/* our hooks, and no repository's */
	snprintf(hooks, sizeof(hooks), "%s/%s", confine->base, PUSH_HOOKS);
	if (!r)
		r = reach_folder(reach, hooks, CONFINE_RUN);
	if (!r)
		r = reach_parent(reach, confine->tokens, CONFINE_KEEP);
	if (!r)
		r = reach_parent(reach, confine->audit, CONFINE_KEEP);
	if (!r && confine->socket_folder >= 0) {
		int fd = fcntl(confine->socket_folder, F_DUPFD_CLOEXEC, 3);

		r = fd < 0 ? -errno : reach_fd(reach, fd, CONFINE_REMOVE);
	}
	for (unsigned i = 0; !r && i < confine->reach->n; i++)
		r = reach_folder(reach, confine->reach->item[i], CONFINE_WORK);
	return r;
}

int gate_confine(const struct gate_confine *confine, struct problem *why)
{
	_cleanup_reach_ struct reach reach = {};
	int r = add_all(&reach, confine);

	if (!r)
		r = confine_files_but(reach.item, reach.n);
	if (r == -EOPNOTSUPP)
		return 0;
	if (r)
		return problem(why, r, "give up the files that are none of the mirrors': %s",
			       strerror(-r));
	return 1;
}

/* By what they would do; a list of what git needs would be one for each of its versions. */
static const char *const calls[] = {
	/* other processes */
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
	/* large parts of the kernel that nobody here uses */
	"bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "vmsplice", "remap_file_pages", "memfd_secret", "fanotify_init",
	"lookup_dcookie", "modify_ldt", "personality", "uselib", "_sysctl",
	/* keys */
	"keyctl", "add_key", "request_key",
	/* file systems */
	"mount", "umount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig",
	"fspick", "mount_setattr", "pivot_root", "chroot", "open_by_handle_at", "quotactl",
	"quotactl_fd", "mknod", "mknodat",
	/* the machine */
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot",
	"swapon", "swapoff", "acct", "syslog", "settimeofday", "clock_settime", "clock_adjtime",
	"adjtimex", "iopl", "ioperm", "sethostname", "setdomainname", "vhangup", NULL
};

int gate_confine_calls(struct problem *why)
{
	int r = confine_calls_but(calls);

	return r ? problem(why, r, "give up calls that git never makes: %s", strerror(-r)) : 0;
}
