// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "kernel.h"

#define CONTROL_PEERS     8 /* verbs that speak at once; the others wait in the backlog */
#define CONTROL_PAUSE_NS  UINT64_C(100000000) /* before accepting again what could not be */
#define CONTROL_ANSWER_MS 2000                /* how long a verb waits for a busy agent */

enum control_type { CONTROL_CHANGED = 1 };

struct control_word {
	uint32_t type, guard;
};

struct control_peer {
	struct source source;
	struct control *control;
	int fd; /* -1: free */
};

struct control {
	struct source source;
	struct timer pause;
	struct loop *loop;
	int fd;
	char path[108];
	void (*changed)(uint32_t guard, void *user);
	void *user;
	struct control_peer peer[CONTROL_PEERS];
};

static void control_path(char path[static 108])
{
	snprintf(path, 108, "%s/control.sock", kernel_run_dir());
}

static void peer_close(struct control_peer *peer)
{
	bool full = true;

	for (int i = 0; i < CONTROL_PEERS; i++)
		full = full && peer->control->peer[i].fd >= 0;
	source_del(&peer->source);
	closep(&peer->fd);
	if (full) /* there is room again for those in the backlog */
		source_set(&peer->control->source, EPOLLIN);
}

static int peer_ready(struct source *source, uint32_t events)
{
	struct control_peer *peer = container_of(source, struct control_peer, source);
	struct control_word word;
	uint32_t done = 0;
	ssize_t n = recv(peer->fd, &word, sizeof(word), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == sizeof(word) && word.type == CONTROL_CHANGED) {
		peer->control->changed(word.guard, peer->control->user);
		send(peer->fd, &done, sizeof(done), MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (n) {
		log_warn(0, "control socket: a word of %zd bytes that is none; closed", n);
	}
	peer_close(peer);
	return 0;
}

static int control_pause_over(struct timer *timer)
{
	struct control *control = container_of(timer, struct control, pause);

	return source_set(&control->source, EPOLLIN);
}

/* Out of descriptors: the caller waits in the backlog, and the loop must not spin on it. */
static int control_accept_failed(struct control *control)
{
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return 0;
	log_warn(-errno, "control socket: accept");
	timer_arm(control->loop, &control->pause, now_boot_ns() + CONTROL_PAUSE_NS,
		  control_pause_over);
	return source_set(&control->source, 0);
}

static int control_accept(struct source *source, uint32_t events)
{
	struct control *control = container_of(source, struct control, source);
	struct control_peer *peer = NULL;
	_cleanup_close_ int fd = -1;
	struct ucred cred;

	(void)events;
	for (int i = 0; !peer && i < CONTROL_PEERS; i++)
		if (control->peer[i].fd < 0)
			peer = &control->peer[i];
	if (!peer)
		return source_set(source, 0);
	fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return control_accept_failed(control);
	if (sock_peer(fd, &cred) || (cred.uid != 0 && cred.uid != geteuid()))
		return 0;
	peer->control = control;
	if (!source_add(control->loop, &peer->source, fd, EPOLLIN | EPOLLRDHUP, peer_ready))
		peer->fd = TAKE_FD(fd);
	return 0;
}

int control_serve(struct loop *loop, void (*changed)(uint32_t guard, void *user), void *user,
		  struct control **ret, struct problem *why)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return -ENOMEM;
	for (int i = 0; i < CONTROL_PEERS; i++)
		control->peer[i].fd = -1;
	control->loop = loop;
	control->fd = -1;
	control->changed = changed;
	control->user = user;
	control_path(control->path);
	r = sock_listen(control->path, 0600, &control->fd, why);
	if (!r)
		r = source_add(loop, &control->source, control->fd, EPOLLIN, control_accept);
	if (r) {
		closep(&control->fd);
		free(control);
		return r;
	}
	*ret = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	for (int i = 0; i < CONTROL_PEERS; i++) {
		source_del(&control->peer[i].source);
		closep(&control->peer[i].fd);
	}
	timer_disarm(&control->pause);
	source_del(&control->source);
	closep(&control->fd);
	unlink(control->path);
	free(control);
}

int control_notify(uint32_t guard)
{
	struct control_word word = { .type = CONTROL_CHANGED, .guard = guard };
	/* for connect() too, where many others wait already */
	const struct timeval patience = { .tv_sec = CONTROL_ANSWER_MS / 1000 };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	struct pollfd answer;
	uint32_t done;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)))
		return -errno;
	control_path(sun.sun_path);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return errno == ECONNREFUSED ? -ENOENT : errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (send(fd, &word, sizeof(word), MSG_NOSIGNAL) != sizeof(word))
		return -errno;
	answer = (struct pollfd){ .fd = fd, .events = POLLIN };
	if (poll(&answer, 1, CONTROL_ANSWER_MS) != 1)
		return -ETIMEDOUT;
	return recv(fd, &done, sizeof(done), 0) == sizeof(done) ? 0 : -EPIPE;
}
