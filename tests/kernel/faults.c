// SPDX-License-Identifier: Apache-2.0
#include "faults.h"

#include "programs.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 10000000

/* --- registers ---------------------------------------------------------------------------- */

#if defined(__x86_64__) || defined(__aarch64__)

void faults_require(const char *suite)
{
	(void)suite;
}

static void regs_move(enum __ptrace_request request, pid_t pid, struct user_regs_struct *regs)
{
	struct iovec io = { regs, sizeof(*regs) };

	assert_int_equal(ptrace(request, pid, NT_PRSTATUS, &io), 0);
}

static void call_drop(pid_t pid)
{
#ifdef __x86_64__
	struct user_regs_struct regs;

	regs_move(PTRACE_GETREGSET, pid, &regs);
	regs.orig_rax = -1;
	regs_move(PTRACE_SETREGSET, pid, &regs);
#else
	int none = -1;
	struct iovec io = { &none, sizeof(none) };

	assert_int_equal(ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &io), 0);
#endif
}

static void call_result(pid_t pid, int error)
{
	struct user_regs_struct regs;

	regs_move(PTRACE_GETREGSET, pid, &regs);
#ifdef __x86_64__
	regs.rax = -(long long)error;
#else
	regs.regs[0] = -(long long)error;
#endif
	regs_move(PTRACE_SETREGSET, pid, &regs);
}

#else

void faults_require(const char *suite)
{
	printf("SKIP %s: the registers of this machine are not known\n", suite);
	exit(77);
}

static void call_drop(pid_t pid)
{
	(void)pid;
}

static void call_result(pid_t pid, int error)
{
	(void)pid;
	(void)error;
}

#endif

/* --- kinds of calls ----------------------------------------------------------------------- */

bool fault_load(pid_t pid, uint64_t call, const uint64_t args[6])
{
	(void)pid;
	return call == SYS_bpf &&
	       (args[0] == BPF_MAP_CREATE || args[0] == BPF_PROG_LOAD || args[0] == BPF_BTF_LOAD);
}

bool fault_bpf(pid_t pid, uint64_t call, const uint64_t args[6])
{
	return call == SYS_bpf && !fault_load(pid, call, args);
}

bool fault_update(pid_t pid, uint64_t call, const uint64_t args[6])
{
	(void)pid;
	return call == SYS_bpf && args[0] == BPF_MAP_UPDATE_ELEM;
}

static bool is_kept(const char *path)
{
	const char *dir = getenv("TEROK_STATE");

	return !strncmp(path, dir, strlen(dir));
}

static bool path_is_kept(pid_t pid, uint64_t at)
{
	char path[128] = "";
	struct iovec here = { path, sizeof(path) - 1 }, there = { (void *)at, sizeof(path) - 1 };

	/* it may lie at the end of what can be read */
	while (there.iov_len && process_vm_readv(pid, &here, 1, &there, 1, 0) < 0)
		there.iov_len--;
	return is_kept(path);
}

static bool fd_is_kept(pid_t pid, int fd)
{
	char link[48], path[128] = "";

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
	return readlink(link, path, sizeof(path) - 1) > 0 && is_kept(path);
}

bool fault_disk(pid_t pid, uint64_t call, const uint64_t args[6])
{
	switch (call) {
	case SYS_openat:
	case SYS_mkdirat:
	case SYS_unlinkat:
	case SYS_renameat: return path_is_kept(pid, args[1]);
#ifdef SYS_open
	case SYS_open:
	case SYS_mkdir:
	case SYS_unlink:
	case SYS_rename: return path_is_kept(pid, args[0]);
#endif
	case SYS_write:
	case SYS_pwrite64:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_fallocate:
	case SYS_ftruncate: return fd_is_kept(pid, args[0]);
	default: return false;
	}
}

/* --- the tracer --------------------------------------------------------------------------- */

struct tracer {
	pid_t pid;
	const struct fault *fault;
	unsigned n, seen;
	bool dropped; /* the call it is in */
};

/* What a stop asks for: the signal to hand on. */
static int stop_handle(struct tracer *tracer, int status)
{
	struct __ptrace_syscall_info info;
	int sig = WSTOPSIG(status);

	if (sig != (SIGTRAP | 0x80)) /* no call: a signal of its own, or the stop of an exec */
		return sig == SIGTRAP || status >> 16 ? 0 : sig;
	assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, tracer->pid, sizeof(info), &info) > 0);
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && tracer->dropped) {
		call_result(tracer->pid, tracer->fault->error);
		tracer->dropped = false;
	} else if (info.op == PTRACE_SYSCALL_INFO_ENTRY && tracer->seen < tracer->n &&
		   tracer->fault->hits(tracer->pid, info.entry.nr,
				       (const uint64_t *)info.entry.args) &&
		   ++tracer->seen == tracer->n) {
		call_drop(tracer->pid);
		tracer->dropped = true;
	}
	return 0;
}

static int trace(struct tracer *tracer)
{
	int status, sig = 0;

	for (;;) {
		ptrace(PTRACE_SYSCALL, tracer->pid, 0, sig);
		assert_int_equal(waitpid(tracer->pid, &status, 0), tracer->pid);
		if (!WIFSTOPPED(status))
			return status;
		sig = stop_handle(tracer, status);
	}
}

static void traced(const char *const argv[], int out)
{
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(out, 2);
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot under ptrace */
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	execv(argv[0], (char **)argv);
	_exit(99);
}

/* A file, not a pipe: nobody reads while it is traced. */
static int paper(void)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/said", world->dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
	assert_true(fd >= 0);
	return fd;
}

bool faults_run(const char *const argv[], const struct fault *fault, unsigned n, int *code)
{
	struct tracer tracer = { .fault = fault, .n = n };
	int out = paper(), status;
	ssize_t size;

	tracer.pid = fork();
	if (!tracer.pid)
		traced(argv, out);
	assert_int_equal(waitpid(tracer.pid, &status, 0), tracer.pid);
	ptrace(PTRACE_SETOPTIONS, tracer.pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	status = trace(&tracer);
	size = pread(out, said, sizeof(said) - 1, 0);
	assert_true(size >= 0);
	said[size] = '\0';
	close(out);
	if (!WIFEXITED(status))
		fail_msg("%s ended by signal %d at call %u: %s", argv[1], WTERMSIG(status), n,
			 said);
	*code = WEXITSTATUS(status);
	return tracer.seen == n;
}

void assert_clear(const char *const argv[], int code, const struct fault *fault, unsigned n)
{
	char *end = strchr(said, '\n');

	if (!code)
		return;
	if (code != 1 || !end || end[1] || strncmp(said, "terok-bpfd: ", 12))
		fail_msg("%s, %s at call %u, exit %d: not one clear line: %s", argv[1],
			 strerror(fault->error), n, code, said);
	if (getenv("SURVIVE_SHOW"))
		printf("%s %s %u: %s", argv[1], strerror(fault->error), n, said);
}

void faults_seize(pid_t pid)
{
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), 0);
}

bool faults_go(pid_t pid, const struct fault *fault, unsigned n, bool (*done)(void))
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	struct tracer tracer = { .pid = pid, .fault = fault, .n = n };
	int status, sig = 0;

	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	for (;;) {
		pid_t stopped = waitpid(pid, &status, WNOHANG);

		if (!stopped) {
			if (done())
				break;
			nanosleep(&pause, NULL); /* between two looks at a descriptor of ours */
			continue;
		}
		assert_true(WIFSTOPPED(status));
		sig = stop_handle(&tracer, status);
		ptrace(PTRACE_SYSCALL, pid, 0, sig);
	}
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	waitpid(pid, &status, 0);
	ptrace(PTRACE_DETACH, pid, 0, 0);
	return tracer.seen == n;
}
