// SPDX-License-Identifier: Apache-2.0
#include "steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 10000000

static bool bpf_changes(uint64_t command)
{
	switch (command) {
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_OBJ_PIN:
	case BPF_PROG_ATTACH:
	case BPF_PROG_DETACH:
	case BPF_PROG_BIND_MAP:
	case BPF_LINK_CREATE:
	case BPF_LINK_UPDATE:
	case BPF_LINK_DETACH: return true;
	default: return false;
	}
}

static bool call_changes(uint64_t call, const uint64_t args[static 6])
{
	switch (call) {
	case SYS_bpf: return bpf_changes(args[0]);
	case SYS_write: return args[0] > 2;
	case SYS_pwrite64:
	case SYS_fdatasync:
	case SYS_fsync:
	case SYS_ftruncate:
	case SYS_mkdir:
	case SYS_mkdirat:
	case SYS_rmdir:
	case SYS_unlink:
	case SYS_unlinkat:
	case SYS_rename:
	case SYS_renameat2:
	case SYS_symlinkat:
	case SYS_sendto:
	case SYS_sendmsg: return true;
	default: return false;
	}
}

/* Is it at the entry of a step? */
static bool at_step(pid_t pid)
{
	struct __ptrace_syscall_info info;

	return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       call_changes(info.entry.nr, (const uint64_t *)info.entry.args);
}

/* What a stop asks for: the signal to hand on when it goes on, -1: it was killed at @n. */
static int stop_handle(pid_t pid, int status, unsigned *seen, unsigned n)
{
	int sig = WSTOPSIG(status);

	if (sig != (SIGTRAP | 0x80)) /* no call: a signal of its own, or the stop of an exec */
		return sig == SIGTRAP || status >> 16 ? 0 : sig;
	if (at_step(pid) && ++*seen == n) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;
	}
	return 0;
}

bool steps_run(const char *const argv[], unsigned n)
{
	unsigned seen = 0;
	int status, sig;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot under ptrace */
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execv(argv[0], (char **)argv);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (sig = 0;;) {
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFSTOPPED(status))
			break;
		sig = stop_handle(pid, status, &seen, n);
		if (sig < 0)
			return true;
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

void steps_seize(pid_t pid)
{
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
}

static void let_go(pid_t pid)
{
	int status;

	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_DETACH, pid, 0, 0);
}

bool steps_go(pid_t pid, unsigned n, bool (*done)(void))
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	unsigned seen = 0;
	int status, sig;

	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	for (;;) {
		pid_t stopped = waitpid(pid, &status, WNOHANG);

		if (!stopped) {
			if (done()) {
				let_go(pid);
				return false;
			}
			nanosleep(&pause, NULL); /* between two looks at a descriptor of ours */
			continue;
		}
		assert_true(WIFSTOPPED(status));
		sig = stop_handle(pid, status, &seen, n);
		if (sig < 0)
			return true;
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
}
