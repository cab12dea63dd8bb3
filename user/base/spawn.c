// SPDX-License-Identifier: Apache-2.0
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/runner.h"

#define SAFE_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define BITE      4096
#define BITES     16 /* in a pipe */

/* One run: the child and the reading ends of its pipes. */
struct run {
	pid_t pid;
	int pidfd, out, err; /* pidfd: of one that a runner has, what says that it has ended */
	int input;           /* the caller's; 0: none */
	bool far;            /* a runner has it */
	int error;           /* of one that a runner has: it did not run, or the runner has gone */
	uint64_t until_ns;
	struct spawn_result result;
	size_t err_size, out_max;
	bool group_lives; /* what it left behind is not ended with it */
};

#define RUN_NONE ((struct run){ .pid = -1, .pidfd = -1, .out = -1, .err = -1 })

void spawn_reset_signals(void)
{
	static const char plain[64]; /* the kernel's struct sigaction: SIG_DFL */
	sigset_t none;

	/*
	 * Not by the C library, which keeps two for itself: whoever began us may ignore them. It
	 * fails for KILL and STOP, which is fine.
	 */
	for (int i = 1; i < NSIG; i++)
		syscall(SYS_rt_sigaction, i, plain, NULL, (NSIG - 1) / 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* @in: 0: there is none. @out: -1: its standard output is nobody's. */
static _Noreturn void become(const struct spawn *spawn, int in, int out, int err, int failed)
{
	static const char *const safe[] = { SAFE_PATH, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), e;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	spawn_reset_signals();
	if (null < 0 || dup2(in ? in : null, 0) < 0 || dup2(out < 0 ? null : out, 1) < 0 ||
	    dup2(err, 2) < 0)
		_exit(127);
	environ = (char **)(spawn->env ? spawn->env : safe);
	execvp(spawn->argv[0], (char **)spawn->argv);
	e = errno;
	if (write(failed, &e, sizeof(e)) < 0)
		_exit(126);
	_exit(127);
}

int spawn_fork(const struct spawn *spawn, int in, int out, int err, pid_t *ret, int *ret_pidfd,
	       struct problem *why)
{
	_cleanup_close_ int failed = -1, fails = -1;
	int ends[2], e = 0;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	failed = ends[0];
	fails = ends[1];
	*ret = fork();
	if (*ret == 0)
		become(spawn, in, out, err, fails);
	closep(&fails);
	if (*ret < 0)
		return -errno;
	*ret_pidfd = pidfd_open(*ret, 0);
	if (*ret_pidfd < 0)
		return -errno;
	/* ends at once in either case: exec() closes the pipe, a failure writes to it */
	if (read(failed, &e, sizeof(e)) == sizeof(e))
		return problem(why, -e, "cannot run %s: %s", spawn->argv[0], strerror(e));
	return 0;
}

enum { OUT, ERR, PIPES };

static int start_with(struct run *run, const struct spawn *spawn, bool quiet, int ends[PIPES][2],
		      struct problem *why)
{
	int r;

	for (int i = quiet ? ERR : OUT; i < PIPES; i++)
		if (pipe2(ends[i], O_CLOEXEC))
			return -errno;
	run->far = spawn->by > 0;
	r = run->far ? runner_ask(spawn->by, spawn->argv, ends[OUT][1], ends[ERR][1], &run->pidfd)
		     : spawn_fork(spawn, run->input, ends[OUT][1], ends[ERR][1], &run->pid,
				  &run->pidfd, why);
	for (int i = 0; i < PIPES; i++)
		closep(&ends[i][1]);
	run->out = TAKE_FD(ends[OUT][0]);
	run->err = TAKE_FD(ends[ERR][0]);
	if (r && run->far)
		problem(why, r, "cannot have %s run: %s", spawn->argv[0], strerror(-r));
	if (r)
		return r;
	if ((!quiet && fcntl(run->out, F_SETFL, O_NONBLOCK)) ||
	    fcntl(run->err, F_SETFL, O_NONBLOCK))
		return -errno;
	return 0;
}

static int start(struct run *run, const struct spawn *spawn, bool quiet, struct problem *why)
{
	int ends[PIPES][2] = { { -1, -1 }, { -1, -1 } }, r;

	run->until_ns = now_boot_ns() + spawn->limit_ns;
	run->out_max = spawn->output_max;
	r = start_with(run, spawn, quiet, ends, why);
	for (int i = 0; i < PIPES; i++) {
		closep(&ends[i][0]);
		closep(&ends[i][1]);
	}
	return r;
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

/* One bite; bytes taken, 0 at the end, negative when there is nothing now. */
static ssize_t err_take(struct run *run)
{
	size_t room = SPAWN_ERR_MAX - 1 - run->err_size;
	char bite[BITE];
	ssize_t n = read(run->err, bite, sizeof(bite));

	if (n > 0) {
		size_t take = (size_t)n < room ? (size_t)n : room;

		memcpy(run->result.error + run->err_size, bite, take);
		run->err_size += take;
	}
	return n;
}

/* What a pipe holds, and no more: who goes on writing must not keep us. */
static void drain_err(struct run *run)
{
	ssize_t n = 1;

	for (int i = 0; i < BITES && n > 0; i++)
		n = err_take(run);
	if (n == 0)
		close_end(&run->err);
}

static int left_ms(const struct run *run)
{
	uint64_t now = now_boot_ns(), left = run->until_ns > now ? run->until_ns - now : 0;

	return left / 1000000 < INT_MAX ? (int)(left / 1000000) + 1 : INT_MAX;
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
		if (now_boot_ns() >= run->until_ns)
			return -ETIMEDOUT;
		if (poll(fds, 3, left_ms(run)) < 0 && errno != EINTR)
			return -errno;
		ended = fds[0].revents;
		if (run->err >= 0)
			drain_err(run);
		if (run->out >= 0)
			r = drain_out(run);
	}
	return r;
}

int spawn_reap(pid_t pid)
{
	siginfo_t info = { 0 };

	kill(pid, SIGKILL);
	while (waitid(P_PID, pid, &info, WEXITED) && errno == EINTR)
		;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static void finish(struct run *run)
{
	if (run->far && run->pidfd >= 0)
		run->error = runner_ended(run->pidfd, &run->result.status);
	if (run->pid > 0) {
		if (!run->group_lives) /* before the reaping: until then the number is ours */
			kill(-run->pid, SIGKILL);
		run->result.status = spawn_reap(run->pid);
	}
	close_end(
	    &run->pidfd); /* of one that a runner has: it ends it and its group, if it lives */
	close_end(&run->out);
	close_end(&run->err);
}

static int follow_problem(int r, const struct spawn *spawn, struct problem *why)
{
	return r ? problem(why, r,
			   r == -ETIMEDOUT ? "%s did not end in time"
			   : r == -EFBIG   ? "%s wrote more than it should"
					   : "cannot follow %s",
			   spawn->argv[0])
		 : 0;
}

/* What the others write meanwhile is in their pipes, or they wait for room there. */
static int run_all(struct run *run, const struct spawn *spawn, unsigned n, struct problem *why)
{
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++)
		r = start(&run[i], &spawn[i], false, why);
	for (unsigned i = 0; !r && i < n; i++)
		r = follow_problem(follow(&run[i]), &spawn[i], why);
	return r;
}

int spawn_run_all(const struct spawn *spawn, unsigned n, struct spawn_result *ret,
		  struct problem *why)
{
	_cleanup_free_ struct run *run = calloc(n, sizeof(*run));
	int r;

	if (!run)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		run[i] = RUN_NONE;
	r = run_all(run, spawn, n, why);
	for (unsigned i = 0; i < n; i++) {
		finish(&run[i]);
		r = r ?: run[i].error;
		if (r)
			spawn_result_done(&run[i].result);
		else
			ret[i] = run[i].result;
	}
	return r;
}

int spawn_run(const struct spawn *spawn, struct spawn_result *ret, struct problem *why)
{
	return spawn_run_all(spawn, 1, ret, why);
}

void spawn_result_done(struct spawn_result *result)
{
	free(result->output);
	*result = (struct spawn_result){ 0 };
}

/* --- as it comes ---------------------------------------------------------------------- */

/* One bite of one pipe: 1: the caller has enough; 0, also at its end or without anything there. */
static int hand_over(const struct spawn_watch *watch, int *fd, int as, ssize_t *ret_n)
{
	char bite[BITE];
	ssize_t n = read(*fd, bite, sizeof(bite));

	if (ret_n)
		*ret_n = n;
	if (n > 0)
		return watch->bytes(as, bite, n, watch->user);
	if (n == 0)
		close_end(fd);
	return n < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}

/* What was written before it ended, and no more: who has the pipe still must not keep us. */
static int hand_over_rest(const struct spawn_watch *watch, int *fd, int as)
{
	ssize_t n = 1;
	int r = 0;

	for (int i = 0; i < BITES && !r && n > 0 && *fd >= 0; i++)
		r = hand_over(watch, fd, as, &n);
	return r;
}

static void pass_signal(int from, pid_t to)
{
	struct signalfd_siginfo info;

	if (read(from, &info, sizeof(info)) == sizeof(info))
		kill(to, (int)info.ssi_signo);
}

/* 0: it ended; 1: the caller has enough. */
static int follow_bytes(struct run *run, const struct spawn_watch *watch, int signals)
{
	bool ended = false;
	int r = 0;

	while (!r && !ended) {
		struct pollfd fds[] = { { .fd = run->pidfd, .events = POLLIN },
					{ .fd = run->out, .events = POLLIN },
					{ .fd = run->err, .events = POLLIN },
					{ .fd = signals, .events = POLLIN } };
		if (now_boot_ns() >= run->until_ns)
			return -ETIMEDOUT;
		if (poll(fds, 4, left_ms(run)) < 0 && errno != EINTR)
			return -errno;
		ended = fds[0].revents;
		if (fds[3].revents)
			pass_signal(signals, run->pid);
		if (fds[1].revents && run->out >= 0)
			r = hand_over(watch, &run->out, 1, NULL);
		if (!r && fds[2].revents && run->err >= 0)
			r = hand_over(watch, &run->err, 2, NULL);
	}
	if (!r)
		r = hand_over_rest(watch, &run->out, 1);
	return r ? r : hand_over_rest(watch, &run->err, 2);
}

int spawn_follow(const struct spawn *spawn, const struct spawn_watch *watch, int *ret_status,
		 struct problem *why)
{
	_cleanup_close_ int signals = -1;
	struct run run = RUN_NONE;
	sigset_t ours, before;
	int r;

	sigemptyset(&ours);
	if (watch->pass_signals) {
		sigaddset(&ours, SIGINT);
		sigaddset(&ours, SIGTERM);
		signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	}
	sigprocmask(SIG_BLOCK, &ours, &before);
	run.input = watch->input;
	r = start(&run, spawn, false, why);
	if (!r) {
		r = follow_bytes(&run, watch, signals);
		if (r == -ETIMEDOUT)
			problem(why, r, "%s did not end in time", spawn->argv[0]);
		else if (r < 0)
			problem(why, r, "cannot follow %s: %s", spawn->argv[0], strerror(-r));
	}
	run.group_lives = !r && watch->leaves_others;
	finish(&run);
	r = r ?: run.error;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (r >= 0)
		*ret_status = r ? -1 : run.result.status;
	return r < 0 ? r : 0;
}

/* --- in a loop ------------------------------------------------------------------------ */

struct spawn_child {
	struct run run;
	struct source ended, out, err;
	struct timer late;
	spawn_bytes_fn bytes; /* NULL: its output is kept for done() */
	spawn_fn done;
	void *user;
};

void spawn_end(struct spawn_child *child)
{
	if (!child)
		return;
	source_del(&child->ended);
	source_del(&child->out);
	source_del(&child->err);
	timer_disarm(&child->late);
	finish(&child->run);
	spawn_result_done(&child->run.result);
	free(child);
}

/* What it has written, to who wants it at once. */
static int take_out(struct spawn_child *child)
{
	int r = drain_out(&child->run), enough;

	if (!child->bytes || !child->run.result.size)
		return r;
	enough = child->bytes(1, child->run.result.output, child->run.result.size, child->user);
	child->run.result.size = 0;
	return r ?: enough > 0 ? -ECANCELED : enough;
}

/* It has ended, or has to: what is left of its group goes, then it is told. */
static int child_over(struct spawn_child *child, int error)
{
	struct spawn_result result;
	spawn_fn done = child->done;
	void *user = child->user;

	source_del(&child->out);
	source_del(&child->err);
	if (child->run.err >= 0)
		drain_err(&child->run);
	if (!error && child->run.out >= 0)
		error = take_out(child);
	source_del(&child->ended);
	finish(&child->run);
	error = error ?: child->run.error;
	result = child->run.result;
	child->run = RUN_NONE;
	spawn_end(child);
	done(&result, error, user);
	spawn_result_done(&result);
	return 0;
}

static int on_ended(struct source *source, uint32_t events)
{
	(void)events;
	return child_over(container_of(source, struct spawn_child, ended), 0);
}

static int on_late(struct timer *timer)
{
	return child_over(container_of(timer, struct spawn_child, late), -ETIMEDOUT);
}

static int on_err(struct source *source, uint32_t events)
{
	struct spawn_child *child = container_of(source, struct spawn_child, err);

	(void)events;
	if (err_take(&child->run) == 0) {
		source_del(&child->err);
		close_end(&child->run.err);
	}
	return 0;
}

static int on_out(struct source *source, uint32_t events)
{
	struct spawn_child *child = container_of(source, struct spawn_child, out);
	int fd = child->run.out, r = take_out(child);

	(void)events;
	if (r)
		return child_over(child, r);
	if (child->run.out !=
	    fd) /* its end: closed, which took it out of the loop's epoll as well */
		source_del(source);
	return 0;
}

int spawn_begin(struct loop *loop, const struct spawn *spawn, spawn_fn done, void *user,
		struct spawn_child **ret, struct problem *why)
{
	return spawn_begin_follow(loop, spawn, NULL, done, user, ret, why);
}

int spawn_begin_follow(struct loop *loop, const struct spawn *spawn, spawn_bytes_fn bytes,
		       spawn_fn done, void *user, struct spawn_child **ret, struct problem *why)
{
	struct spawn_child *child = calloc(1, sizeof(*child));
	int r;

	if (!child)
		return -ENOMEM;
	child->run = RUN_NONE;
	child->bytes = bytes;
	child->done = done;
	child->user = user;
	r = start(&child->run, spawn, !spawn->output_max, why);
	if (!r)
		r = source_add(loop, &child->ended, child->run.pidfd, EPOLLIN, on_ended);
	if (!r && spawn->output_max)
		r = source_add(loop, &child->out, child->run.out, EPOLLIN, on_out);
	if (!r)
		r = source_add(loop, &child->err, child->run.err, EPOLLIN, on_err);
	if (r) {
		spawn_end(child);
		return r;
	}
	timer_arm(loop, &child->late, child->run.until_ns, on_late);
	*ret = child;
	return 0;
}
