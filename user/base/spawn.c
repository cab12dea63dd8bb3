// SPDX-License-Identifier: Apache-2.0
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"

#define SAFE_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define BITE      4096

/* One run: the child and the reading ends of its pipes. */
struct run {
	pid_t pid;
	int pidfd, out, err, failed; /* failed: errno of an exec() that did not happen */
	uint64_t until_ns;
	struct spawn_result result;
	size_t err_size, out_max;
};

void spawn_reset_signals(void)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &plain, NULL); /* fails for KILL and STOP, which is fine */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const struct spawn *spawn, int out, int err, int failed)
{
	static const char *const safe[] = { SAFE_PATH, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), e;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	spawn_reset_signals();
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(127);
	environ = (char **)(spawn->env ? spawn->env : safe);
	execvp(spawn->argv[0], (char **)spawn->argv);
	e = errno;
	if (write(failed, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

static int start(struct run *run, const struct spawn *spawn, struct problem *why)
{
	int out[2], err[2], failed[2], e = 0;

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(failed, O_CLOEXEC))
		return -errno; /* descriptors ran out: the program is about to end anyway */
	run->pid = fork();
	if (run->pid == 0)
		become(spawn, out[1], err[1], failed[1]);
	close(out[1]);
	close(err[1]);
	close(failed[1]);
	run->out = out[0];
	run->err = err[0];
	run->failed = failed[0];
	if (run->pid < 0)
		return -errno;
	run->pidfd = pidfd_open(run->pid, 0);
	if (run->pidfd < 0)
		return -errno;
	/* ends at once in either case: exec() closes the pipe, a failure writes to it */
	if (read(run->failed, &e, sizeof(e)) == sizeof(e))
		return problem(why, -e, "cannot run %s: %s", spawn->argv[0], strerror(e));
	if (fcntl(run->out, F_SETFL, O_NONBLOCK) || fcntl(run->err, F_SETFL, O_NONBLOCK))
		return -errno;
	return 0;
}

static void close_end(int *fd)
{
	closep(fd);
}

/* Take what is there, until it would block. -EFBIG: more than the caller wants. */
static int drain_out(struct run *run)
{
	for (;;) {
		char *bigger = realloc(run->result.output, run->result.size + BITE + 1);
		ssize_t n;

		if (!bigger)
			return -ENOMEM;
		run->result.output = bigger;
		n = read(run->out, bigger + run->result.size, BITE);
		bigger[run->result.size + (n > 0 ? n : 0)] = '\0';
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (n == 0) {
			close_end(&run->out);
			return 0;
		}
		run->result.size += n;
		if (run->result.size > run->out_max)
			return -EFBIG;
	}
}

static int drain_err(struct run *run)
{
	char bite[BITE];
	ssize_t n;

	while ((n = read(run->err, bite, sizeof(bite))) > 0) {
		size_t room = SPAWN_ERR_MAX - 1 - run->err_size;
		size_t take = (size_t)n < room ? (size_t)n : room;

		memcpy(run->result.error + run->err_size, bite, take);
		run->err_size += take;
	}
	if (n == 0)
		close_end(&run->err);
	return 0;
}

/* Until the program has ended; what it wrote before is all in the pipes by then. */
static int follow(struct run *run)
{
	bool ended = false;
	int r = 0;

	while (!r && !ended) {
		struct pollfd fds[] = { { .fd = run->pidfd, .events = POLLIN },
					{ .fd = run->out, .events = POLLIN },
					{ .fd = run->err, .events = POLLIN } };
		uint64_t now = now_boot_ns();

		if (now >= run->until_ns)
			return -ETIMEDOUT;
		if (poll(fds, 3, (run->until_ns - now) / 1000000 + 1) < 0 && errno != EINTR)
			return -errno;
		ended = fds[0].revents;
		if (run->err >= 0)
			drain_err(run);
		if (run->out >= 0)
			r = drain_out(run);
	}
	return r;
}

static void finish(struct run *run)
{
	siginfo_t info = { 0 };

	if (run->pid > 0) {
		kill(-run->pid, SIGKILL); /* before the reaping: until then the number is ours */
		kill(run->pid, SIGKILL);
		while (waitid(P_PID, run->pid, &info, WEXITED) && errno == EINTR)
			;
		run->result.status = info.si_code == CLD_EXITED ? info.si_status
								: 128 + info.si_status;
	}
	close_end(&run->pidfd);
	close_end(&run->out);
	close_end(&run->err);
	close_end(&run->failed);
}

int spawn_run(const struct spawn *spawn, struct spawn_result *ret, struct problem *why)
{
	struct run run = { .pid = -1, .pidfd = -1, .out = -1, .err = -1, .failed = -1 };
	int r;

	run.until_ns = now_boot_ns() + spawn->limit_ns;
	run.out_max = spawn->output_max;
	r = start(&run, spawn, why);
	if (!r) {
		r = follow(&run);
		if (r)
			problem(why, r,
				r == -ETIMEDOUT ? "%s did not end in time"
				: r == -EFBIG   ? "%s wrote more than it should"
						: "cannot follow %s",
				spawn->argv[0]);
	}
	finish(&run);
	if (r) {
		spawn_result_done(&run.result);
		return r;
	}
	*ret = run.result;
	return 0;
}

void spawn_result_done(struct spawn_result *result)
{
	free(result->output);
	*result = (struct spawn_result){ 0 };
}
