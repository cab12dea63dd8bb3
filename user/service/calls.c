// SPDX-License-Identifier: Apache-2.0
#include "calls.h"

#include "base/confine.h"

/* By what they would do. */
static const char *const calls[] = {
	/* those up to OF_PROGRAMS are left out of it where programs are begun: they are, and git makes them */
	"execve", "execveat",
	/* files of which only the name is asked, wherever Landlock lets nothing be opened */
	"truncate", "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "setxattr",
	"lsetxattr", "setxattrat", "removexattr", "lremovexattr", "removexattrat",
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
#define OF_PROGRAMS 15

int calls_give_up(const int *families, enum calls_may may)
{
	return confine_calls_but(may == CALLS_PROGRAMS ? calls + OF_PROGRAMS : calls, families);
}
