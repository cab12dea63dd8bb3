// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sock.h"
#include "closer.h"

#define CONTROL_PAUSE_NS UINT64_C(100000000) /* before accepting again what could not be */
#define CONTROL_BITE     16                  /* who is accepted in one round of the loop */
#define INDEX_BITS       16 /* of a token: which place; above: which caller there */

/* A reply that there was no room for. */
struct owed {
	struct owed *next;
	uint32_t size;
	char bytes[];
};

enum peer_state { PEER_FREE, PEER_SILENT, PEER_ASKED, PEER_TAKES };

struct control_peer {
	struct source source;
	struct timer deadline; /* SILENT, and while something is owed */
	struct control *control;
	struct control_caller caller;
	enum peer_state state;
	int fd;
	struct owed *owed, **last_owed;
	unsigned n_owed;
};

struct control {
	struct source source;
	struct timer pause;
	struct loop *loop;
	int fd;
	char path[108];
	struct closer *closer; /* NULL: nobody can send us files (sock_no_fds()) */
	const struct control_events *events;
	void *user;
	uint64_t callers;   /* so far */
	uint64_t warned_ns; /* when somebody's bad word was last worth a line */
	struct control_peer peer[CONTROL_PEERS];
};

/* --- one peer ---------------------------------------------------------------------------- */

/* The other end sees it now; @fd is -1 then. */
static void connection_end(struct control *control, int *fd)
{
	if (control->closer && *fd >= 0)
		shutdown(*fd, SHUT_RDWR);
	closer_take(control->closer, fd);
}

static void peer_close(struct control_peer *peer)
{
	enum peer_state state = peer->state;
	uint64_t token = peer->caller.token;

	if (state == PEER_FREE)
		return;
	source_del(&peer->source);
	timer_disarm(&peer->deadline);
	connection_end(peer->control, &peer->fd);
	closep(&peer->caller.pidfd);
	while (peer->owed) {
		struct owed *owed = peer->owed;

		peer->owed = owed->next;
		free(owed);
	}
	peer->n_owed = 0;
	peer->state = PEER_FREE;
	if (state == PEER_ASKED && peer->control->events->gone)
		peer->control->events->gone(token, peer->control->user);
}

static int peer_is_late(struct timer *timer)
{
	peer_close(container_of(timer, struct control_peer, deadline));
	return 0;
}

/* In a log that everybody can write to, one line a second is enough. */
static void peer_is_wrong(struct control_peer *peer, const char *what)
{
	struct control *control = peer->control;
	uint64_t now = now_boot_ns();

	if (now - control->warned_ns >= SECOND_NS) {
		control->warned_ns = now;
		log_warn(0, "control socket: process %d of user %u says %s; closed",
			 peer->caller.pid, peer->caller.uid, what);
	}
	peer_close(peer);
}

static bool peer_may(const struct control_peer *peer, uint32_t type)
{
	enum control_may may = control_msg_may(type);

	return may == CONTROL_ALL ||
	       (may == CONTROL_ROOT && (!peer->caller.uid || peer->caller.uid == geteuid()));
}

static int peer_hear(struct control_peer *peer)
{
	struct control *control = peer->control;
	int look = control->closer ? MSG_PEEK : 0; /* what it carries stays where it is */
	struct control_packet word;
	ssize_t n = recv(peer->fd, &word, sizeof(word), MSG_DONTWAIT | MSG_TRUNC | look);
	struct problem why = {};

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		peer_close(peer);
		return 0;
	}
	if (n > (ssize_t)sizeof(word) || !control_msg_check(&word, n) ||
	    !control_msg_may(word.type)) {
		peer_is_wrong(peer, "what is no word of ours");
		return 0;
	}
	peer->state = PEER_ASKED;
	timer_disarm(&peer->deadline);
	if (peer_may(peer, word.type)) {
		control->events->word(&peer->caller, &word, control->user);
		/* who says more than one word is not heard: only its end is waited for */
		if (peer->state == PEER_ASKED && !peer->owed)
			return source_set(&peer->source, EPOLLRDHUP);
		return 0;
	}
	peer->state = PEER_TAKES; /* no word, nothing to take back */
	problem(&why, 0, "only root may say that");
	control_done(control, peer->caller.token, -EPERM, 0, &why);
	return 0;
}

static void peer_catch_up(struct control_peer *peer)
{
	while (peer->owed) {
		struct owed *owed = peer->owed;

		if (send(peer->fd, owed->bytes, owed->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN && errno != EINTR)
				peer_close(peer);
			return;
		}
		peer->owed = owed->next;
		peer->n_owed--;
		free(owed);
	}
	if (peer->state == PEER_TAKES) { /* that was the last */
		peer_close(peer);
		return;
	}
	timer_disarm(&peer->deadline);
	source_set(&peer->source, EPOLLRDHUP);
}

static int peer_ready(struct source *source, uint32_t events)
{
	struct control_peer *peer = container_of(source, struct control_peer, source);

	if (peer->state == PEER_SILENT && events & EPOLLIN)
		return peer_hear(peer);
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		peer_close(peer);
	else if (events & EPOLLOUT)
		peer_catch_up(peer);
	return 0;
}

/* --- who comes --------------------------------------------------------------------------- */

static int control_pause_over(struct timer *timer)
{
	struct control *control = container_of(timer, struct control, pause);

	return source_set(&control->source, EPOLLIN);
}

/* The caller waits in the backlog. */
static int control_accept_later(struct control *control)
{
	timer_arm(control->loop, &control->pause, now_boot_ns() + CONTROL_PAUSE_NS,
		  control_pause_over);
	return source_set(&control->source, 0);
}

/* Out of descriptors: the loop must not spin on it. */
static int control_accept_failed(struct control *control)
{
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return 0;
	log_warn(-errno, "control socket: accept");
	return control_accept_later(control);
}

/* A free place that @uid may have. */
static struct control_peer *place_for(struct control *control, uint32_t uid)
{
	bool is_root = !uid || uid == geteuid();
	unsigned theirs = 0, others = 0;
	struct control_peer *found = NULL;

	for (int i = 0; i < CONTROL_PEERS; i++) {
		struct control_peer *peer = &control->peer[i];

		if (peer->state == PEER_FREE) {
			found = found ?: peer;
			continue;
		}
		theirs += peer->caller.uid == uid;
		others += peer->caller.uid && peer->caller.uid != geteuid();
	}
	if (!is_root &&
	    (theirs >= CONTROL_PEERS_UID || others >= CONTROL_PEERS - CONTROL_PEERS_ROOT))
		return NULL;
	return found;
}

static void caller_refuse(int fd)
{
	struct control_packet busy = { .type = CONTROL_DONE,
				       .version = CONTROL_VERSION,
				       .DONE = { .result = -EAGAIN,
						 .problem = "too many speak at once" } };

	send(fd, &busy, control_msg_size(busy.type), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void caller_take(struct control *control, struct control_peer *peer, int *fd,
			const struct ucred *cred)
{
	if (source_add(control->loop, &peer->source, *fd, EPOLLIN | EPOLLRDHUP, peer_ready))
		return;
	peer->control = control;
	peer->state = PEER_SILENT;
	peer->fd = TAKE_FD(*fd);
	peer->last_owed = &peer->owed;
	peer->caller = (struct control_caller){ .token = ++control->callers << INDEX_BITS |
							 (uint64_t)(peer - control->peer),
						.uid = cred->uid,
						.pid = cred->pid,
						.pidfd = sock_peer_pidfd(peer->fd) };
	if (peer->caller.pidfd < 0)
		peer->caller.pidfd = -1;
	timer_arm(control->loop, &peer->deadline, now_boot_ns() + CONTROL_SILENT_NS, peer_is_late);
}

/* -1 is left in @fd where it is taken. */
static void caller_come(struct control *control, int *fd)
{
	struct control_peer *peer;
	struct ucred cred;

	if (sock_peer(*fd, &cred))
		return;
	peer = place_for(control, cred.uid);
	if (peer)
		caller_take(control, peer, fd, &cred);
	else
		caller_refuse(*fd);
}

static int control_accept(struct source *source, uint32_t events)
{
	struct control *control = container_of(source, struct control, source);

	(void)events;
	if (closer_is_behind(control->closer))
		return control_accept_later(control);
	for (int i = 0; i < CONTROL_BITE; i++) {
		int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return control_accept_failed(control);
		caller_come(control, &fd);
		connection_end(control, &fd);
	}
	return 0;
}

/* --- replies ----------------------------------------------------------------------------- */

static struct control_peer *peer_of(struct control *control, uint64_t token)
{
	struct control_peer *peer = &control->peer[token & ((1U << INDEX_BITS) - 1)];

	if (peer >= control->peer + CONTROL_PEERS || peer->state == PEER_FREE ||
	    peer->caller.token != token)
		return NULL;
	return peer;
}

/* Behind what is owed already. */
static int peer_owe(struct control_peer *peer, const struct control_packet *packet)
{
	uint32_t size = control_msg_size(packet->type);
	struct owed *owed = peer->n_owed <= CONTROL_PAGE ? malloc(sizeof(*owed) + size) : NULL;

	if (!owed)
		return -ENOBUFS;
	if (!peer->owed) {
		peer->last_owed = &peer->owed;
		timer_arm(peer->control->loop, &peer->deadline, now_boot_ns() + CONTROL_TAKE_NS,
			  peer_is_late);
		source_set(&peer->source, EPOLLOUT | EPOLLRDHUP);
	}
	owed->next = NULL;
	owed->size = size;
	memcpy(owed->bytes, packet, size);
	*peer->last_owed = owed;
	peer->last_owed = &owed->next;
	peer->n_owed++;
	return 0;
}

static int peer_say(struct control_peer *peer, const struct control_packet *packet)
{
	if (!peer->owed && send(peer->fd, packet, control_msg_size(packet->type),
				MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (!peer->owed && errno != EAGAIN && errno != EINTR)
		return -EPIPE;
	return peer_owe(peer, packet);
}

int control_reply(struct control *control, uint64_t token, const struct control_packet *reply)
{
	struct control_peer *peer = peer_of(control, token);
	struct control_packet packet = *reply;

	if (!peer)
		return -ENOENT;
	packet.version = CONTROL_VERSION;
	if (!peer_say(peer, &packet))
		return 0;
	peer->state = PEER_TAKES; /* whoever calls us knows that it has gone */
	peer_close(peer);
	return -ENOENT;
}

int control_hand(struct control *control, uint64_t token, const struct control_packet *reply,
		 int fd)
{
	struct control_peer *peer = peer_of(control, token);
	struct control_packet packet = *reply;

	if (!peer)
		return -ENOENT;
	packet.version = CONTROL_VERSION;
	if (!peer->owed && !sock_send(peer->fd, &packet, control_msg_size(packet.type), &fd, 1))
		return 0;
	peer->state = PEER_TAKES; /* it has taken nothing before: it has gone */
	peer_close(peer);
	return -ENOENT;
}

int control_done(struct control *control, uint64_t token, int result, uint32_t guard,
		 const struct problem *why)
{
	struct control_packet packet = { .type = CONTROL_DONE,
					 .DONE = { .result = result, .guard = guard } };
	struct control_peer *peer;
	int r;

	snprintf(packet.DONE.problem, sizeof(packet.DONE.problem), "%s", why ? why->text : "");
	r = control_reply(control, token, &packet);
	if (r)
		return r;
	peer = peer_of(control, token);
	peer->state = PEER_TAKES;
	if (!peer->owed)
		peer_close(peer);
	return 0;
}

int control_take(struct control *control, uint64_t token)
{
	struct control_peer *peer = peer_of(control, token);
	int fd;

	if (!peer || peer->owed)
		return -ENOENT;
	fd = fcntl(peer->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETFL, 0))
		return closep(&fd), -EIO;
	peer->state = PEER_TAKES;
	source_del(&peer->source);
	closer_take(control->closer, &peer->fd); /* it goes on: no shutdown */
	peer_close(peer);
	return fd;
}

/* --- the socket -------------------------------------------------------------------------- */

int control_serve(struct loop *loop, const struct control_events *events, void *user,
		  struct control **ret, struct problem *why)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (!control)
		return -ENOMEM;
	for (int i = 0; i < CONTROL_PEERS; i++)
		control->peer[i].fd = control->peer[i].caller.pidfd = -1;
	control->loop = loop;
	control->fd = -1;
	control->events = events;
	control->user = user;
	strcpy(control->path, control_path());
	r = sock_listen_packets(control->path, 0666, &control->fd, why);
	if (!r && sock_no_fds(control->fd) && (r = closer_new(loop, &control->closer)))
		problem(why, r, "start who closes connections: %s", strerror(-r));
	if (!r)
		r = source_add(loop, &control->source, control->fd, EPOLLIN, control_accept);
	if (r) {
		closer_free(control->closer);
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
		control->peer[i].state = control->peer[i].state ? PEER_TAKES : PEER_FREE;
		peer_close(&control->peer[i]);
	}
	timer_disarm(&control->pause);
	source_del(&control->source);
	closer_take(control->closer, &control->fd); /* with all that nobody has accepted */
	closer_free(control->closer);
	unlink(control->path);
	free(control);
}
