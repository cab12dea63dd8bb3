// SPDX-License-Identifier: Apache-2.0
#include "base/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/spawn.h"

/* What comes with a question, in this order; the last may be left out. */
enum { LEASH, ERR, LINE, OUT, PASSED };

/* How one ended, on its leash. */
struct end {
	int32_t error, status;
};

/* --- who asks ---------------------------------------------------------------------------- */

/* Words with a NUL behind each. */
static int line_write(int fd, const char *const *argv)
{
	size_t all = 0;

	for (; *argv; argv++) {
		size_t n = strlen(*argv) + 1;

		all += n;
		if (all > RUNNER_LINE_MAX)
			return -E2BIG;
		if (write(fd, *argv, n) != (ssize_t)n)
			return -errno;
	}
	return 0;
}

static int pass(int to, const int *fds, unsigned n)
{
	char control[CMSG_SPACE(PASSED * sizeof(int))] = "", byte = '.';
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(head), fds, n * sizeof(int));
	return sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int runner_ask(int runner, const char *const *argv, int out, int err, int *ret)
{
	_cleanup_close_ int line = memfd_create("line", MFD_CLOEXEC), ours = -1, theirs = -1;
	int leash[2], r;

	if (line < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, leash))
		return -errno;
	ours = leash[0];
	theirs = leash[1];
	r = line_write(line, argv);
	if (!r)
		r = pass(runner,
			 (const int[PASSED]){
			     [LEASH] = theirs, [ERR] = err, [LINE] = line, [OUT] = out },
			 out < 0 ? OUT : PASSED);
	if (!r)
		*ret = TAKE_FD(ours);
	return r;
}

int runner_ended(int fd, int *ret_status)
{
	struct end end;
	ssize_t n = recv(fd, &end, sizeof(end), MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (n != sizeof(end))
		return -ECONNRESET;
	*ret_status = end.status;
	return end.error;
}

/* --- the runner -------------------------------------------------------------------------- */

struct runner {
	const struct runner_use *use;
	struct loop *loop;
	struct source asks;
	struct job *jobs;
	unsigned n;
};

/* A program that runs. */
struct job {
	struct job *next, **slot;
	struct runner *runner;
	struct source ended, leash;
	pid_t pid;
};

static void leash_say(int leash, int error, int status)
{
	const struct end end = { error, status };

	(void)!send(leash, &end, sizeof(end), MSG_NOSIGNAL | MSG_DONTWAIT); /* or nobody listens */
	close(leash);
}

static void job_over(struct job *job)
{
	int pidfd = job->ended.fd, leash = job->leash.fd, status;

	source_del(&job->ended);
	source_del(&job->leash);
	kill(-job->pid, SIGKILL); /* before it is waited for: until then the number is its own */
	status = spawn_reap(job->pid);
	close(pidfd);
	leash_say(leash, 0, status);
	*job->slot = job->next;
	if (job->next)
		job->next->slot = job->slot;
	job->runner->n--;
	free(job);
}

static int on_ended(struct source *source, uint32_t events)
{
	(void)events;
	job_over(container_of(source, struct job, ended));
	return 0;
}

/* Nothing is ever said on it: who has the other end has closed it. */
static int on_leash(struct source *source, uint32_t events)
{
	(void)events;
	job_over(container_of(source, struct job, leash));
	return 0;
}

/* The words of a memfd, which its owner may still write to: a copy of them; NULL: they are none. */
static const char **line_read(int fd, char **ret_text)
{
	_cleanup_free_ const char **argv = calloc(RUNNER_WORDS_MAX + 1, sizeof(*argv));
	_cleanup_free_ char *text = malloc(RUNNER_LINE_MAX + 1);
	struct stat st;
	unsigned n = 0;
	ssize_t size;

	if (!argv || !text || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return NULL;
	size = pread(fd, text, RUNNER_LINE_MAX + 1, 0);
	if (size <= 0 || size > RUNNER_LINE_MAX || text[size - 1])
		return NULL;
	for (const char *at = text; at < text + size; at += strlen(at) + 1) {
		if (n == RUNNER_WORDS_MAX)
			return NULL;
		argv[n++] = at;
	}
	*ret_text = TAKE_PTR(text);
	return TAKE_PTR(argv);
}

static int job_begin(struct runner *runner, const int *fds, int out)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ const char **argv = line_read(fds[LINE], &text);
	_cleanup_free_ struct job *job = calloc(1, sizeof(*job));
	struct spawn spawn = { .argv = argv, .env = runner->use->env };
	_cleanup_close_ int pidfd = -1;
	int r;

	if (!argv)
		return -EINVAL;
	if (!runner->use->may(argv))
		return -EPERM;
	if (!job)
		return -ENOMEM;
	if (runner->n == RUNNER_MAX)
		return -EAGAIN;
	r = spawn_fork(&spawn, 0, out, fds[ERR], &job->pid, &pidfd, NULL);
	if (!r)
		r = source_add(runner->loop, &job->ended, pidfd, EPOLLIN, on_ended)
			?: source_add(runner->loop, &job->leash, fds[LEASH], EPOLLIN, on_leash);
	if (r) {
		source_del(&job->ended);
		if (job->pid > 0)
			spawn_reap(job->pid);
		return r;
	}
	job->runner = runner;
	job->next = runner->jobs;
	job->slot = &runner->jobs;
	if (job->next)
		job->next->slot = &job->next;
	runner->jobs = job;
	runner->n++;
	TAKE_FD(pidfd);
	TAKE_PTR(job);
	return 0;
}

static _Noreturn void owner_gone(const struct runner *runner)
{
	for (const struct job *job = runner->jobs; job; job = job->next)
		kill(-job->pid, SIGKILL);
	_exit(0);
}

static int on_asks(struct source *source, uint32_t events)
{
	struct runner *runner = container_of(source, struct runner, asks);
	char control[CMSG_SPACE(PASSED * sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(source->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	int fds[PASSED] = { -1, -1, -1, -1 }, r;
	size_t passed = 0;

	(void)events;
	if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
		owner_gone(runner);
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
		passed = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(head), passed * sizeof(int));
	}
	r = passed > LINE ? job_begin(runner, fds, fds[OUT]) : -EINVAL;
	if (r && passed > LEASH)
		leash_say(TAKE_FD(fds[LEASH]), r, 0);
	for (size_t i = ERR; i < PASSED; i++)
		closep(&fds[i]);
	return 0;
}

/* Nothing of ours is open in it: a port that we listen at is free when we end. */
static _Noreturn void serve(const struct runner_use *use, int asks)
{
	struct runner runner = { .use = use };

	prctl(PR_SET_NAME, use->name);
	/* who sends them means us, and it ends with us */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (dup2(asks, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) ||
	    syscall(SYS_close_range, 4, ~0U, 0) || loop_new(&runner.loop) ||
	    source_add(runner.loop, &runner.asks, 3, EPOLLIN, on_asks))
		_exit(1);
	loop_run(runner.loop);
	_exit(1);
}

int runner_begin(const struct runner_use *use, int *ret, struct problem *why)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return problem(why, -errno, "make a socket: %s", strerror(errno));
	pid = fork();
	if (!pid)
		serve(use, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		int r = problem(why, -errno, "start a process: %s", strerror(errno));

		close(ends[0]);
		return r;
	}
	*ret = ends[0];
	return 0;
}
