/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_relay.h - the hub's guards and open requests, for faces that speak a protocol of
 * their own: clearance_bridge.c (D-Bus), clearance_lines.c (JSON lines)
 *
 * relay.c connects to the hub, again when it goes away, and knows which guards there are and
 * which of their requests wait. The hub stays the only truth: what a face says came from it,
 * and an answer is nobody's but the hub's to judge.
 *
 * A hub that went away takes its guards along, at once. Requests stay, closed, under what the
 * face called them: they open again when a hub says so. After lost events the hub is asked
 * anew, and what it no longer knows is removed without a flicker of the rest.
 * Owns: guards, requests. Threads: none, all on one loop.
 */
#ifndef TOOLS_CLEARANCE_RELAY_H
#define TOOLS_CLEARANCE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "base/problem.h"
#include "terok/clearance.h"

#define RELAY_REQUESTS_MAX 4096 /* a hub has 1024 open; the rest waits to be opened again */
#define RELAY_GUARDS_MAX   4096
#define RELAY_BUCKETS      256
#define RELAY_TEXT         264 /* an id, container or destination: a hub's have 256 characters */

struct relay_guard {
	struct relay_guard *next;
	int64_t number; /* 0: of a hub without an agent; told apart by container */
	char container[RELAY_TEXT], name[72];
	bool seen; /* by the hub that is there now */
	bool gone; /* it ends; or has, while guards were being listed: the list may still have it */
	void *of;  /* the face's */
};

struct relay_request {
	struct relay_request *next; /* in its bucket */
	uint64_t order;             /* of first telling */
	int64_t guard;              /* 0: its hub has no guards, only containers */
	bool open;                  /* the hub that is there now waits for an answer */
	unsigned number;            /* the face's; 0 until it gives one */
	uint16_t port, proto;
	char id[RELAY_TEXT], container[RELAY_TEXT], dest[RELAY_TEXT], domain[RELAY_TEXT];
};

/**
 * struct relay_face - what a face is told; all but named must be there
 * @guard:	 a guard came, or it ends (then it is freed)
 * @named:	 what it is called became known later
 * @request:	 a request is open; told again when it is repeated, or opened again
 * @verdict:	 an answer of somebody's was applied or failed; @request NULL: one we do not
 *		 know; it is removed afterwards when event->ok
 * @answered:	 what became of relay_answer(): @error NULL: applied; else a varlink error's name
 * @unanswered:	 answers that are on their way will never be heard of
 * @listed:	 the guards that a hub has were all told of; a negative errno ends the loop
 * @lost:	 the hub went away, and its guards have ended; negative errno as well
 */
struct relay_face {
	void (*guard)(struct relay_guard *guard, bool here, void *user);
	void (*named)(struct relay_guard *guard, void *user);
	void (*request)(struct relay_request *request, struct relay_guard *guard, void *user);
	void (*verdict)(struct relay_request *request, const struct terok_event *event, void *user);
	void (*answered)(const char *error, const char *problem, uint64_t cookie, void *user);
	void (*unanswered)(void *user);
	int (*listed)(void *user);
	int (*lost)(void *user);
};

struct relay {
	struct loop *loop;
	const char *path;  /* the hub's socket */
	const char *scope; /* of answers */
	const struct relay_face *face;
	void *user;
	/* below: clearance_relay.c's */
	struct terok_client *client;
	struct source source;
	struct timer again;
	unsigned tries, n_guards, n_requests;
	bool closed, listing, listed, missed;
	bool asking; /* the hub anew, after lost events: it has not gone away */
	int64_t lost;
	uint64_t order;
	struct relay_guard *guards;
	struct relay_request *requests[RELAY_BUCKETS];
};

/**
 * relay_start() - connect; fill loop, path, scope, face and user first
 * @wait: a hub that is not there is waited for
 *
 * Return: 0; negative errno with @why, then nothing was started.
 */
int relay_start(struct relay *relay, bool wait, struct problem *why);

/** relay_stop() - disconnect, free guards and requests; tells nobody */
void relay_stop(struct relay *relay);

/**
 * relay_answer() - answer an open request
 *
 * Return: 0, then face->answered or face->unanswered follows; -ENOTCONN no hub, -ENOENT not
 * open, -EBUSY too many on their way, other negative errno.
 */
int relay_answer(struct relay *relay, const struct relay_request *request, bool allow,
		 uint64_t cookie);

/** relay_guard_find(), relay_request_find() - borrowed until the loop goes on; NULL */
struct relay_guard *relay_guard_find(struct relay *relay, int64_t number, const char *container);
struct relay_request *relay_request_find(struct relay *relay, const char *id);

/** relay_lists_guards() - has the hub guards? a session's has none, only containers that ask */
bool relay_lists_guards(const struct relay *relay);

/** relay_each() - every request, in the order of first telling */
void relay_each(struct relay *relay, void (*fn)(struct relay_request *request, void *arg),
		void *arg);

/**
 * relay_is_told() - does a verdict event tell everybody what became of the answer?
 * @error: of face->answered
 *
 * Also of one that could not be applied, or that came second: the event is of the first.
 */
bool relay_is_told(const char *error);

/** relay_scope() - is @text a scope that answers may have: once, session, forever? */
bool relay_scope(const char *text);

/** relay_action() - "accept" and "allow", or "deny"; -EINVAL: neither */
int relay_action(const char *text, bool *ret_allow);

#endif
