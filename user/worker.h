/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - start, restart and talk to a worker: this program again, without privileges
 *
 * A worker is /proc/self/exe --worker NAME with descriptor 3 its end of a SOCK_SEQPACKET
 * pair and, for the hub, 4 the listening socket. It is started anew when it dies, at most
 * WORKER_RESTARTS times in WORKER_WINDOW_NS; after that the core says so, waits a window,
 * and tries again: decisions do not need workers.
 * Sending never blocks. What a busy worker cannot take is kept for it, but for refusals:
 * those are dropped, and worker_events.ready is called when it can be told everything anew.
 * Owns: the pair and the child. Called by: core. Threads: none.
 */
#ifndef TEROK_WORKER_H
#define TEROK_WORKER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/event.h"
#include "terok/core_msg.h"

#define WORKER_RESTARTS  5
#define WORKER_FDS       MSG_SOCKETS
#define WORKER_WINDOW_NS (10 * UINT64_C(1000000000))

struct worker_events {
	/* it has started, or has room again after a message was dropped: tell it all */
	void (*ready)(void *user);
	/* one checked message from it */
	void (*message)(const struct msg_packet *packet, void *user);
};

/* Asked and answered in messages of its own: is it alive? Nobody asks unless .answered is set. */
struct worker_pulse {
	/* it has done all that it was told before it was asked */
	void (*answered)(void *user);
	void *user;
	uint64_t token;    /* of the last question */
	bool waiting;      /* it is not answered yet */
	bool alive;        /* this incarnation has answered one */
	unsigned unheeded; /* worker_ping() came so often and it was waiting still */
};

struct worker {
	struct loop *loop;
	const char *name;
	enum msg_direction peer; /* who it is, so what it may say */
	int listen_fd;           /* handed to every incarnation; stays the owner's; -1: none */
	const struct worker_events *events;
	void *user;
	pid_t pid;      /* 0: none */
	int fd, pid_fd; /* our end; the child */
	struct source source, exit_source;
	struct timer restart, rest; /* rest: armed: it is not heard */
	uint64_t window_ns;         /* when the restarts began to be counted */
	unsigned starts;            /* in this window */
	bool dropped, telling;      /* telling: inside ready(), nothing is dropped */
	struct owed *owed, *last_owed;
	unsigned n_owed;
	uint64_t lost; /* messages that it could not take */
	struct worker_pulse pulse;
	void (*gone)(void *user); /* it is dismissed */
};

/** worker_start() - start it; fill loop, name, peer, listen_fd, events and user first */
int worker_start(struct worker *worker);

/** worker_stop() - close its pipe, which ends it; kill it if it has not gone in a second */
void worker_stop(struct worker *worker);

/** worker_attend() - @answered is told of each answer; a worker that starts is asked at once */
void worker_attend(struct worker *worker, void (*answered)(void *user), void *user);

/**
 * worker_ping() - ask again whether it is alive; who leaves several unanswered is killed
 *
 * For a beat: how long "several" are is the caller's. It is started anew as after any other end.
 */
void worker_ping(struct worker *worker);

#define WORKER_UNHEEDED 2 /* beats: the loop turned between them, so it is not we who were late */
#define WORKER_UNENDING 4 /* ... and after so many that it was killed is said again */

/**
 * worker_dismiss() - kill it, now, and start no other; @gone is told when it has ended
 *
 * Nothing is waited for: it may read a file whose user does not answer. @gone may be called from
 * here, if there is none.
 */
void worker_dismiss(struct worker *worker, void (*gone)(void *user));

/** worker_end() - kill it, now: for one that has nothing to finish; also of one that is dismissed */
void worker_end(struct worker *worker);

/**
 * worker_rest() - hear nothing of it until @until_ns: it says too much
 *
 * What it says meanwhile waits in its socket, and when that is full, it does.
 */
void worker_rest(struct worker *worker, uint64_t until_ns);

/** worker_send() - one message; @packet needs its type and payload; dropped ones are counted */
void worker_send(struct worker *worker, struct msg_packet *packet);

/** worker_send_fds() - the same, with copies of @n descriptors, WORKER_FDS at most */
void worker_send_fds(struct worker *worker, struct msg_packet *packet, const int *fd, unsigned n);

#endif
