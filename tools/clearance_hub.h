/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_hub.h - the hub's calls as the faces know them
 *
 * The one place that knows how libclearance says grants, history and answers with a reach.
 * What a hub hands over lives only in its callback: here it becomes something that stays.
 * Called by: clearance_session.c, clearance_item.c, clearance_verbs.c. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_HUB_H
#define TOOLS_CLEARANCE_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "terok/clearance.h"

/* What is answered. */
struct answer_choice {
	bool allow;
	const char *scope;         /* once, time, session, forever */
	int64_t seconds;           /* of time */
	const char *reach, *ports; /* NULL: the name where there is one; the same port */
};

/* A rule that somebody's answer made and that holds still. */
struct grant {
	int64_t guard, port, proto, uid;
	uint64_t until_ns, since_ns; /* CLOCK_BOOTTIME; until_ns 0: no end of its own */
	const char *json;            /* as it came; only in the callback */
	char grant[80], container[72], name[72], dest[256], action[8], scope[12];
};

/* One line of what has happened. */
struct entry {
	int64_t number, guard, port, proto, uid, count;
	int64_t wall_ns, until_ns; /* CLOCK_REALTIME */
	bool ok;
	const char *json; /* as it came; only in the callback */
	char type[20], container[72], name[72], request_id[80], dest[256], domain[256];
	char action[8], scope[12], client[32], process[160];
};

/* What an event says beyond its oldest fields; texts live as long as the event. */
struct hub_more {
	const char *rule, *client;
	char parents[160]; /* "bash < node", nearest first */
};

/** hub_more() - of an event; all empty where the hub says nothing of it */
void hub_more(const struct terok_event *event, struct hub_more *ret);

/* As struct terok_client_events, with what stays. */
struct hub_events {
	void (*subscribed)(void *user);
	void (*event)(const struct terok_event *event, int64_t lost, void *user);
	void (*outcome)(const struct terok_outcome *outcome, uint64_t cookie, void *user);
	void (*answered)(const char *error, const char *problem, uint64_t cookie, void *user);
	void (*guard)(const struct terok_guard_status *guard, void *user);
	/* NULL after the last; then @more: one call did not tell all; @problem: why not any */
	void (*grant)(const struct grant *grant, bool more, const char *problem, void *user);
	void (*revoked)(const char *error, const char *problem, uint64_t cookie, void *user);
	/* NULL after the last; then @more: there are older ones */
	void (*entry)(const struct entry *entry, bool more, const char *problem, void *user);
	void (*closed)(int error, void *user);
};

/* A connection; must stay put while it is open. */
struct hub_line {
	struct terok_client *client; /* NULL: closed */
	const struct hub_events *events;
	void *user;
};

/** hub_open() - as terok_client_open(); fill events and user first */
int hub_open(struct hub_line *line, const char *path);
void hub_close(struct hub_line *line);

/** hub_answer() - as terok_client_answer_with() */
int hub_answer(struct hub_line *line, const char *request_id, const struct answer_choice *choice,
	       uint64_t cookie);

/** hub_list_grants() - each through events->grant; hub_revoke() - the end through ->revoked */
int hub_list_grants(struct hub_line *line, int64_t guard);
int hub_revoke(struct hub_line *line, const char *grant, uint64_t cookie);

/** hub_history() - what is older than entry @after (0: the newest), at most @limit, newest first */
int hub_history(struct hub_line *line, int64_t guard, int64_t after, int64_t limit);

#endif
