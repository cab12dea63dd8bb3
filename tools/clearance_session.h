/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_session.h - one person's view of the hub: requests, grants, what has happened
 *
 * Connects, and again when the hub goes away; keeps the list (clearance_list.h) as events tell
 * it, sends answers one behind the other, and asks for grants and history while a face shows
 * them. When the hub says that events were lost it asks anew what is open. A face hears what
 * changed and draws.
 * Owns: the connection, the list, grants, entries. Called by: the faces. Threads: none, all on
 * one loop.
 */
#ifndef TOOLS_CLEARANCE_SESSION_H
#define TOOLS_CLEARANCE_SESSION_H

#include "base/event.h"
#include "base/problem.h"
#include "clearance_hub.h"
#include "clearance_list.h"
#include "clearance_past.h"

#define HISTORY_PAGE 200 /* entries that are asked for at once */

struct session_face {
	void (*item)(struct item *item, bool fresh, void *user);
	/* connection, guards: one line */
	void (*note)(const char *text, void *user);
	/* every event as it came */
	void (*event)(const struct terok_event *event, void *user);
	/* grants or entries are others than before */
	void (*listed)(void *user);
};

enum session_watch { WATCH_REQUESTS, WATCH_GRANTS, WATCH_HISTORY };

/* Answers that wait for those before them. */
struct answers {
	struct {
		unsigned number;
		struct answer_choice choice;
	} waiting[ITEMS_MAX];
	unsigned head, n, sent;
};

#define UNGUARDED_MAX 32

/* Containers that ask for a guard and have none; what is beyond the room is a number. */
struct unguarded {
	struct {
		char container[72], name[72];
	} one[UNGUARDED_MAX];
	unsigned n, more;
};

struct session {
	struct loop *loop;
	const char *path;
	bool reconnect;
	const struct session_face *face;
	void *user;
	/* for the faces to read */
	struct list list;
	struct grants grants;
	struct history history;
	bool connected;
	struct unguarded unguarded;
	int64_t lost;           /* events that we were too slow for, of all connections */
	char grants_said[128];  /* why there are no grants to show; "": there could be */
	char history_said[128]; /* the same for history */
	/* below: clearance_session.c's */
	struct hub_line line;
	struct source source;
	struct timer again, refresh;
	enum session_watch watch;
	struct answers answers;
	struct grants grants_coming;
	struct history history_coming;
	bool older; /* the page of history on its way follows what is known */
	unsigned tries;
	int64_t lost_here; /* of this connection */
	uint64_t refreshed_ns, connected_ns;
	bool closed, told, stale, asking, resync;
};

/** session_start() - connect and subscribe; fill loop, path, reconnect, face, user first */
int session_start(struct session *session, struct problem *why);
void session_stop(struct session *session);

/**
 * session_answer() - answer an open item, behind the answers before it
 *
 * Return: 0; -ENOTCONN: no hub; -EALREADY: it is not open.
 */
int session_answer(struct session *session, struct item *item, const struct answer_choice *choice);

/** session_watch() - what the face shows: it is asked for now and kept up to date */
void session_watch(struct session *session, enum session_watch watch);

/** session_older() - more of the history, if there is */
void session_older(struct session *session);

/** session_revoke() - end a grant; what becomes of it is a note. 0 or negative errno */
int session_revoke(struct session *session, const char *grant);

/**
 * session_socket() - where the hub is; static
 *
 * TEROK_RUN's if that is set. Else root's is the agent's own, and a user's the one in their
 * runtime folder, whichever hub put it there, the agent's or one of their session.
 */
const char *session_socket(void);

#endif
