// SPDX-License-Identifier: Apache-2.0
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"

#define SEND_BUFFER (2 << 20) /* bytes; some 1,500 refusals while the worker is busy */
#define STOP_MS     1000
#define END_MS      100 /* for one that is killed to be gone */
/* Messages; who takes none of so many never will. A new resolver is told every domain at once. */
#define OWED_MAX (4 * TEROK_MAX_GUARDS + 2 * TEROK_MAX_DOMAINS)

/* Said, and not yet taken by the kernel. */
struct owed {
	struct owed *next;
	int fd[WORKER_FDS]; /* our copies */
	unsigned n_fds;
	struct msg_packet packet; /* so much of it as its type has */
};

static int worker_spawn(struct worker *worker);

static void owed_drop_first(struct worker *worker)
{
	struct owed *owed = worker->owed;

	worker->owed = owed->next;
	worker->n_owed--;
	while (owed->n_fds)
		closep(&owed->fd[--owed->n_fds]);
	free(owed);
}

static void worker_forget(struct worker *worker)
{
	while (worker->owed)
		owed_drop_first(worker);
	timer_disarm(&worker->rest);
	source_del(&worker->source);
	source_del(&worker->exit_source);
	closep(&worker->fd);
	closep(&worker->pid_fd);
	worker->pid = 0;
	worker->pulse.waiting = worker->pulse.alive = false;
	worker->pulse.unheeded = 0;
}

static int worker_again(struct timer *timer)
{
	struct worker *worker = container_of(timer, struct worker, restart);
	int r = worker_spawn(worker);

	if (r) {
		log_error(r, "start worker %s; trying again", worker->name);
		timer_arm(worker->loop, &worker->restart, now_boot_ns() + WORKER_WINDOW_NS,
			  worker_again);
	}
	return 0;
}

/* Restart at once, unless it dies too often: then wait, and say so. */
static void worker_schedule(struct worker *worker)
{
	uint64_t now = now_boot_ns(), at = now;

	if (now - worker->window_ns > WORKER_WINDOW_NS) {
		worker->window_ns = now;
		worker->starts = 0;
	}
	if (++worker->starts > WORKER_RESTARTS) {
		log_error(0,
			  "worker %s died %u times in a row: it is away for a while; "
			  "decisions go on",
			  worker->name, WORKER_RESTARTS);
		at = now + WORKER_WINDOW_NS;
	}
	timer_arm(worker->loop, &worker->restart, at, worker_again);
}

static int worker_exited(struct source *source, uint32_t events)
{
	struct worker *worker = container_of(source, struct worker, exit_source);
	siginfo_t info = {};

	(void)events;
	waitid(P_PIDFD, worker->pid_fd, &info, WEXITED | WNOHANG);
	if (!worker->gone)
		log_warn(0, "worker %s ended (%s %d)", worker->name,
			 info.si_code == CLD_EXITED ? "exit" : "signal", info.si_status);
	worker_forget(worker);
	if (worker->gone)
		worker->gone(worker->user);
	else
		worker_schedule(worker);
	return 0;
}

/* A worker that breaks the protocol is a worker that was taken over. */
static void worker_kill(struct worker *worker, const char *reason)
{
	log_error(0, "worker %s: %s; it is killed", worker->name, reason);
	syscall(SYS_pidfd_send_signal, worker->pid_fd, SIGKILL, NULL, 0);
	source_del(&worker->source);
}

/* Who does not take what we owe is not heard either: so what we owe has an end. */
static void worker_interest(struct worker *worker)
{
	if (!worker->source.loop) /* it is ending */
		return;
	source_set(&worker->source, worker->owed        ? EPOLLOUT
				    : worker->rest.loop ? 0
				    : worker->dropped   ? EPOLLIN | EPOLLOUT
							: EPOLLIN);
}

static int worker_rested(struct timer *timer)
{
	worker_interest(container_of(timer, struct worker, rest));
	return 0;
}

void worker_rest(struct worker *worker, uint64_t until_ns)
{
	timer_arm(worker->loop, &worker->rest, until_ns, worker_rested);
	worker_interest(worker);
}

static bool worker_pass(struct worker *worker, const struct msg_packet *packet, const int *fd,
			unsigned n)
{
	return !sock_send(worker->fd, packet, core_msg_size(packet->type), fd, n);
}

static void worker_tell_all(struct worker *worker)
{
	worker->dropped = false;
	worker->telling = true;
	worker->events->ready(worker->user);
	worker->telling = false;
	worker_interest(worker);
}

/* It has room again. */
static void worker_catch_up(struct worker *worker)
{
	while (worker->owed &&
	       worker_pass(worker, &worker->owed->packet, worker->owed->fd, worker->owed->n_fds))
		owed_drop_first(worker);
	if (!worker->owed && worker->dropped)
		worker_tell_all(worker);
	else
		worker_interest(worker);
}

/* Keep it until there is room, behind what is kept already. */
static bool worker_owe(struct worker *worker, const struct msg_packet *packet, const int *fd,
		       unsigned n)
{
	size_t size = core_msg_size(packet->type);
	struct owed *owed;

	if (worker->n_owed == OWED_MAX || !(owed = calloc(1, offsetof(struct owed, packet) + size)))
		return false;
	memcpy(&owed->packet, packet, size);
	for (unsigned i = 0; i < n; i++) {
		owed->fd[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 3);
		if (owed->fd[i] < 0) {
			while (i)
				closep(&owed->fd[--i]);
			free(owed);
			return false;
		}
		owed->n_fds = i + 1;
	}
	if (worker->owed)
		worker->last_owed->next = owed;
	else
		worker->owed = owed;
	worker->last_owed = owed;
	worker->n_owed++;
	worker_interest(worker);
	return true;
}

static void worker_answered(struct worker *worker, const struct msg_ping *pong)
{
	struct worker_pulse *pulse = &worker->pulse;

	if (!pulse->waiting || pong->token != pulse->token)
		return;
	pulse->waiting = false;
	pulse->alive = true;
	pulse->unheeded = 0;
	pulse->answered(pulse->user);
}

static int worker_receive(struct worker *worker)
{
	struct msg_packet packet;
	ssize_t n = recv(worker->fd, &packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (!n) { /* it ended, or will: exit_source takes it from here */
		syscall(SYS_pidfd_send_signal, worker->pid_fd, SIGKILL, NULL, 0);
		return -EPIPE;
	}
	if (n > (ssize_t)sizeof(packet) || !core_msg_check(&packet, n, worker->peer)) {
		worker_kill(worker, "said something that is not in the vocabulary");
		return -EPROTO;
	}
	if (packet.type == MSG_PONG)
		worker_answered(worker, &packet.PONG);
	else
		worker->events->message(&packet, worker->user);
	return 0;
}

static int worker_ready(struct source *source, uint32_t events)
{
	struct worker *worker = container_of(source, struct worker, source);

	if (events & EPOLLIN && worker_receive(worker)) {
		source_del(&worker->source);
		return 0;
	}
	if (events & (EPOLLHUP | EPOLLERR) && !(events & EPOLLIN))
		source_del(&worker->source);
	else if (events & EPOLLOUT)
		worker_catch_up(worker);
	return 0;
}

/* In the child: descriptors 3 and 4 and nothing else, then this program again. */
static void __attribute__((__noreturn__)) worker_exec(const struct worker *worker, int fd)
{
	sigset_t none;
	int listen_fd = -1;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getpriority(PRIO_PROCESS, 0) <
	    0) /* the core's alone: who serves strangers has their time */
		setpriority(PRIO_PROCESS, 0, 0);
	/* out of the way of 3 and 4, whatever they are now */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	if (worker->listen_fd >= 0)
		listen_fd = fcntl(worker->listen_fd, F_DUPFD_CLOEXEC, 10);
	if (fd < 0 || dup2(fd, 3) != 3 || (listen_fd >= 0 && dup2(listen_fd, 4) != 4))
		_exit(126);
	syscall(SYS_close_range, listen_fd >= 0 ? 5 : 4, ~0U, 0);
	execl("/proc/self/exe", "terok-bpfd", "--worker", worker->name, NULL);
	_exit(127);
}

static int worker_spawn(struct worker *worker)
{
	_cleanup_close_ int ours = -1;
	int pair[2], size = SEND_BUFFER, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ours = pair[0];
	setsockopt(ours, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(pair[1]);
		return r;
	}
	if (!pid)
		worker_exec(worker, pair[1]);
	close(pair[1]);

	worker->pid = pid;
	worker->fd = TAKE_FD(ours);
	worker->pid_fd = syscall(SYS_pidfd_open, pid, 0);
	r = worker->pid_fd < 0 ? -errno : 0;
	if (!r)
		r = source_add(worker->loop, &worker->exit_source, worker->pid_fd, EPOLLIN,
			       worker_exited);
	if (!r)
		r = source_add(worker->loop, &worker->source, worker->fd, EPOLLIN, worker_ready);
	if (r) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		worker_forget(worker);
		return r;
	}
	worker_tell_all(worker);
	if (worker->pulse.answered)
		worker_ping(worker);
	return 0;
}

int worker_start(struct worker *worker)
{
	worker->fd = worker->pid_fd = -1;
	worker->window_ns = now_boot_ns();
	worker->starts = 1;
	return worker_spawn(worker);
}

void worker_stop(struct worker *worker)
{
	struct pollfd gone = { .fd = worker->pid_fd, .events = POLLIN };

	if (!worker->loop)
		return;
	timer_disarm(&worker->restart);
	if (worker->pid > 0) {
		source_del(&worker->source);
		closep(&worker->fd); /* the end of file is the word to stop */
		if (poll(&gone, 1, STOP_MS) != 1)
			kill(worker->pid, SIGKILL);
		waitpid(worker->pid, NULL, 0);
	}
	worker_forget(worker);
}

void worker_attend(struct worker *worker, void (*answered)(void *user), void *user)
{
	worker->pulse = (struct worker_pulse){ .answered = answered, .user = user };
	worker_ping(worker);
}

void worker_ping(struct worker *worker)
{
	struct msg_packet packet = { .type = MSG_PING };
	struct worker_pulse *pulse = &worker->pulse;

	if (!worker->pid) /* it has ended */
		return;
	if (!worker->source.loop) { /* it was killed */
		if (++pulse->unheeded == WORKER_UNENDING)
			log_error(0,
				  "worker %s (process %d) was killed and does not end: a file that "
				  "it reads does not answer; another begins when it has gone",
				  worker->name, worker->pid);
		return;
	}
	if (pulse->waiting) {
		if (++pulse->unheeded == WORKER_UNHEEDED)
			worker_kill(worker, "does not answer");
		return;
	}
	pulse->waiting = true;
	packet.PING.token = ++pulse->token;
	worker_send(worker, &packet);
}

void worker_dismiss(struct worker *worker, void (*gone)(void *user))
{
	timer_disarm(&worker->restart);
	if (worker->pid <= 0) {
		gone(worker->user);
		return;
	}
	worker->gone = gone;
	source_del(&worker->source);
	syscall(SYS_pidfd_send_signal, worker->pid_fd, SIGKILL, NULL, 0);
}

/* One that waits for a file of its user's may never end: whoever waits for it waits as long. */
void worker_end(struct worker *worker)
{
	struct pollfd gone = { .fd = worker->pid_fd, .events = POLLIN };

	if (!worker->loop)
		return;
	timer_disarm(&worker->restart);
	if (worker->pid > 0) {
		syscall(SYS_pidfd_send_signal, worker->pid_fd, SIGKILL, NULL, 0);
		poll(&gone, 1, END_MS);
		waitpid(worker->pid, NULL, WNOHANG);
	}
	worker_forget(worker);
}

void worker_send(struct worker *worker, struct msg_packet *packet)
{
	worker_send_fds(worker, packet, NULL, 0);
}

void worker_send_fds(struct worker *worker, struct msg_packet *packet, const int *fd, unsigned n)
{
	/* refusals are many, and those that ask are told anew; anything else is said once */
	bool must = packet->type != MSG_REFUSED || worker->telling;
	bool may = !worker->owed && (must || !worker->dropped);

	packet->pad = 0;
	if (!worker->pid || (may && worker_pass(worker, packet, fd, n)))
		return;
	if (may && errno != EAGAIN) /* it is ending */
		return;
	if (must && worker_owe(worker, packet, fd, n))
		return;
	worker->lost++;
	worker->dropped = true;
	if (must && worker->source.loop)
		worker_kill(worker, "takes nothing of what it is told");
	else
		worker_interest(worker);
}
