/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance.h - the live list of requests that terok-clearance's faces show
 *
 * session.c holds it: connects to the hub, again when it goes away, keeps one item per
 * request, sends answers. A face (clearance_plain.c, clearance_tui.c, the JSON lines of
 * clearance.c) hears what changed and draws. Threads: none, all on one loop.
 */
#ifndef TOOLS_CLEARANCE_H
#define TOOLS_CLEARANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "base/problem.h"
#include "terok/clearance.h"

#define TARGET_LEN 288 /* a name has 253 bytes */
#define ITEMS_MAX  256 /* requests that one person looks at; the oldest finished one gives way */

enum item_state {
	ITEM_OPEN,     /* waits for an answer; an answer that failed leads back here */
	ITEM_ANSWERED, /* ours is on its way */
	ITEM_ALLOWED,
	ITEM_DENIED,
	ITEM_GONE, /* nobody can answer it any more */
};

struct item {
	unsigned number; /* what a person types; from 1, never reused */
	enum item_state state;
	uint64_t seen_ns, ended_ns; /* CLOCK_BOOTTIME */
	int64_t guard, count, port, pid, uid, parent_pid;
	uint8_t proto;
	char request_id[40], name[72], dest[256], reason[24], hook[16];
	char comm[20], parent[20], exe[160], cmdline[160];
	char problem[128]; /* why the last answer failed */
};

struct scope_choice {
	const char *label, *scope;
	int64_t seconds;
};
#define SCOPES        5
#define SCOPE_DEFAULT 3 /* session */
extern const struct scope_choice scope_choices[SCOPES];

struct session;

struct session_face {
	void (*item)(struct item *item, bool fresh, void *user);
	/* connection, guards: one line */
	void (*note)(const char *text, void *user);
	/* every event as it came */
	void (*event)(const struct terok_event *event, void *user);
};

struct session {
	struct loop *loop;
	const char *path;
	bool reconnect;
	const struct session_face *face;
	void *user;
	/* below: session.c's */
	struct terok_client *client;
	struct source source;
	struct timer again;
	unsigned tries, numbers, n;
	bool closed, connected;
	int64_t lost;
	struct item *items[ITEMS_MAX]; /* oldest first */
};

/** session_start() - connect and subscribe; fill loop, path, reconnect, face, user first */
int session_start(struct session *session, struct problem *why);
void session_stop(struct session *session);

/** session_answer() - send an answer to an open item; 0 or negative errno */
int session_answer(struct session *session, struct item *item, bool allow,
		   const struct scope_choice *scope);

/** session_find() - by number; NULL */
struct item *session_find(struct session *session, unsigned number);

/** session_socket() - where the hub is: TEROK_RUN's or the usual place; static */
const char *session_socket(void);

/** item_state_name() - "open", "answered", "allowed", "denied", "gone" */
const char *item_state_name(enum item_state state);

/** target_format() - "192.0.2.1:443/tcp", "[2001:db8::1]:443/tcp" or a name; returns @buf */
const char *target_format(char buf[static TARGET_LEN], const char *dest, int64_t port,
			  int64_t proto);

/* Faces: run until the end, return a cli.h result. */
int plain_run(const char *path, bool follow, bool reconnect);
int tui_run(const char *path);

/* For clearance_plain.c and its test. */
enum plain_verb {
	PLAIN_NONE,
	PLAIN_ALLOW,
	PLAIN_DENY,
	PLAIN_LIST,
	PLAIN_HELP,
	PLAIN_QUIT,
	PLAIN_BAD
};
struct plain_command {
	enum plain_verb verb;
	unsigned number;
	struct scope_choice scope;
};
/** plain_parse() - one line as typed; PLAIN_BAD with @why for what is none */
struct plain_command plain_parse(const char *line, struct problem *why);
/** plain_format() - an item as one line, without colours; returns @buf */
const char *plain_format(char *buf, size_t size, const struct item *item);

#endif
