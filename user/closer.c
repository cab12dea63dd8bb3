// SPDX-License-Identifier: Apache-2.0
#include "closer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#define LINGERS_US 1000 /* of one connection, whatever it carries */
#define END_MS     100

struct closer {
	struct loop *loop;
	struct source ended;
	struct timer again;
	pid_t pid;
	int pid_fd;
	int order[2]; /* a pipe of numbers: its reader shares our descriptors */
};

/* --- the child ------------------------------------------------------------------------- */

static void on_alarm(int signal)
{
	(void)signal; /* that it comes ends the call */
}

static void signals_set(void)
{
	static const int others[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction act = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		sigaction(others[i], &act, NULL);
	act.sa_handler = on_alarm;
	sigaction(SIGALRM, &act, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void tick(long us)
{
	const struct itimerval every = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &every, NULL);
}

/* Without what it carries, so that the other end is not told of something unread (ECONNRESET). */
static void empty_and_close(int fd)
{
	char byte;

	tick(LINGERS_US);
	while (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) > 0 || errno == EINTR)
		errno = 0;
	close(fd); /* also when it says EINTR */
	tick(0);
}

static void __attribute__((__noreturn__)) child_main(int orders, pid_t core)
{
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "terok-closer");
	signals_set();
	setpriority(PRIO_PROCESS, 0, 0); /* the core's alone */
	if (getppid() != core)
		_exit(0);
	for (;;) {
		ssize_t n = read(orders, &fd, sizeof(fd));

		if (n == sizeof(fd))
			empty_and_close(fd);
		else if (n >= 0 || errno != EINTR)
			_exit(1);
	}
}

/* --- the core -------------------------------------------------------------------------- */

static int on_ended(struct source *source, uint32_t events);

/* fork() with one difference. Not clone3(), which a unit with RestrictNamespaces= has not. */
static pid_t fork_with_files(void)
{
#ifdef __s390__ /* the stack comes first there */
	return syscall(SYS_clone, 0, CLONE_FILES | SIGCHLD, 0, 0, 0);
#else
	return syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
#endif
}

static int child_start(struct closer *closer)
{
	pid_t core = getpid();
	int r;

	closer->pid = fork_with_files();
	if (!closer->pid)
		child_main(closer->order[0], core);
	if (closer->pid < 0) {
		closer->pid = 0;
		return -errno;
	}
	closer->pid_fd = syscall(SYS_pidfd_open, closer->pid, 0);
	r = closer->pid_fd < 0
		? -errno
		: source_add(closer->loop, &closer->ended, closer->pid_fd, EPOLLIN, on_ended);
	if (r) {
		kill(closer->pid, SIGKILL);
		waitpid(closer->pid, NULL, 0);
		closer->pid = 0;
		closep(&closer->pid_fd);
	}
	return r;
}

static int start_again(struct timer *timer)
{
	struct closer *closer = container_of(timer, struct closer, again);
	int r = child_start(closer);

	if (r) {
		log_error(r, "start who closes connections; trying again");
		timer_arm(closer->loop, timer, now_boot_ns() + SECOND_NS, start_again);
	}
	return 0;
}

/* What waits for it waits in the pipe for the next. */
static int on_ended(struct source *source, uint32_t events)
{
	struct closer *closer = container_of(source, struct closer, ended);

	(void)events;
	source_del(source);
	waitpid(closer->pid, NULL, 0);
	closep(&closer->pid_fd);
	closer->pid = 0;
	log_warn(0, "who closes connections ended; another begins");
	timer_arm(closer->loop, &closer->again, now_boot_ns() + SECOND_NS, start_again);
	return 0;
}

int closer_new(struct loop *loop, struct closer **ret)
{
	struct closer *closer = calloc(1, sizeof(*closer));
	int r;

	if (!closer)
		return -ENOMEM;
	*closer = (struct closer){ .loop = loop, .pid_fd = -1, .order = { -1, -1 } };
	r = pipe2(closer->order, O_CLOEXEC) ? -errno : 0;
	if (!r && fcntl(closer->order[1], F_SETFL, O_NONBLOCK))
		r = -errno;
	if (!r)
		r = child_start(closer);
	if (r) {
		closer_free(closer);
		return r;
	}
	*ret = closer;
	return 0;
}

void closer_free(struct closer *closer)
{
	struct pollfd gone;

	if (!closer)
		return;
	timer_disarm(&closer->again);
	source_del(&closer->ended);
	if (closer->pid > 0) {
		gone = (struct pollfd){ .fd = closer->pid_fd, .events = POLLIN };
		kill(closer->pid, SIGKILL);
		poll(&gone, 1, END_MS);
		waitpid(closer->pid, NULL, WNOHANG);
	}
	closep(&closer->pid_fd);
	closep(&closer->order[0]);
	closep(&closer->order[1]);
	free(closer);
}

void closer_take(struct closer *closer, int *fd)
{
	if (!closer)
		closep(fd);
	else if (*fd >= 0 && write(closer->order[1], fd, sizeof(*fd)) != sizeof(*fd))
		log_error(-errno, "a connection stays open that nobody closes");
	*fd = -1;
}

bool closer_is_behind(const struct closer *closer)
{
	int bytes = 0;

	return closer && !ioctl(closer->order[0], FIONREAD, &bytes) &&
	       (unsigned)bytes >= CLOSER_BEHIND * sizeof(int);
}
