/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/clearance.h - libclearance: speak to the hub (org.terok.Firewall1)
 *
 * A client holds two connections to one hub socket, one for the endless stream of events
 * and one for calls, hidden behind one descriptor to poll. It reads and writes without
 * blocking; callbacks run inside terok_client_process(). One client belongs to one thread.
 */
#ifndef TEROK_CLEARANCE_H
#define TEROK_CLEARANCE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TEROK_CLEARANCE_SOCKET "/run/terok/clearance.sock"

#define TEROK_PARENTS          8 /* of one process, at most */

struct terok_client;

struct terok_process {
	int64_t pid, thread, start_ns, uid, gid, parent_pid;
	const char *comm, *exe, *cmdline, *exe_inode, *exe_device, *parent_comm;
};

/* One event; strings are never NULL, live until the callback returns, and are printable ASCII. */
struct terok_event {
	int64_t sequence, boot_ns, wall_ns, guard, port, proto, source_port, count, until_ns, uid;
	const char *type, *container, *name, *request_id, *dest, *domain, *reason, *hook, *source;
	const char *said, *socket_cookie, *netns_cookie, *cgroup, *state, *action, *scope, *problem;
	const char *rule, *client;
	struct terok_process process;
	const char *parent[TEROK_PARENTS]; /* what its ancestors call themselves, nearest first */
	unsigned parents;                  /* how many there are */
	bool ok;
	const char *json; /* the event as it came, one line */
};

struct terok_guard_status {
	int64_t guard, uid;
	const char *container, *name, *cgroup, *kind, *state;
	struct {
		int64_t attempts, allowed, refused, delivered, limited, lost, dropped;
	} counters;
	const char *json;
};

/* An answer that is in force: this client's, or of @already whoever was first. */
struct terok_outcome {
	bool already;     /* somebody else's: what follows is of that one, else only until_ns */
	int64_t until_ns; /* when it ends, CLOCK_BOOTTIME; 0: no end of its own */
	int64_t uid;      /* who answered */
	const char *action, *scope, *client; /* of another's; else "" */
	const char *rule;                    /* of this client's: what was made; else "" */
};

/* A rule that an answer made and that is in force; strings as those of an event. */
struct terok_grant_status {
	int64_t guard, port, proto, uid; /* port, proto 0: all; uid: who answered */
	int64_t until_ns, since_ns;      /* CLOCK_BOOTTIME; until_ns 0: no end of its own */
	const char *grant;               /* what terok_client_revoke() names */
	const char *container, *name, *dest, *action, *scope;
	const char *json;
};

/* One entry of the journal; strings as those of an event. Times are CLOCK_REALTIME. */
struct terok_entry {
	int64_t number, wall_ns, guard, port, proto, until_ns, uid, count;
	const char *type, *container, *name, *request_id, *dest, *domain, *action, *scope;
	const char *client, *process;
	bool ok;
	const char *json;
};

/**
 * struct terok_client_events - what a client is told, each may be NULL
 * @subscribed: the subscription stands; events from now on arrive
 * @event:	one event; @lost: how many this client missed so far for being slow
 * @outcome:	before @answered: what is in force, if something is
 * @answered:	what became of terok_client_answer(): @error NULL on success, else the
 *		varlink error's name; @problem: for people; @cookie: the caller's
 * @guard:	one guard of terok_client_list_guards(); NULL after the last
 * @grant:	one grant of terok_client_list_grants(); NULL after the last, with @more: there
 *		are more than one call tells, and @problem: NULL, or why there are none
 * @revoked:	what became of terok_client_revoke(), as @answered
 * @entry:	one entry of terok_client_history(), newest first; NULL after the last, with
 *		@more: there are older ones, and @problem: NULL, or why they cannot be read
 * @closed:	the hub went away (0) or broke the protocol (negative errno); the client
 *		may only be closed after this
 */
struct terok_client_events {
	void (*subscribed)(void *user);
	void (*event)(const struct terok_event *event, int64_t lost, void *user);
	void (*outcome)(const struct terok_outcome *outcome, uint64_t cookie, void *user);
	void (*answered)(const char *error, const char *problem, uint64_t cookie, void *user);
	void (*guard)(const struct terok_guard_status *guard, void *user);
	void (*grant)(const struct terok_grant_status *grant, bool more, const char *problem,
		      void *user);
	void (*revoked)(const char *error, const char *problem, uint64_t cookie, void *user);
	void (*entry)(const struct terok_entry *entry, bool more, const char *problem, void *user);
	void (*closed)(int error, void *user);
};

/**
 * terok_client_open() - connect to a hub
 * @path: its socket; NULL: TEROK_CLEARANCE_SOCKET
 *
 * Return: 0; -ENOENT or -ECONNREFUSED when no hub is there, -EACCES when it is not for
 * this user, other negative errno.
 */
int terok_client_open(const char *path, const struct terok_client_events *events, void *user,
		      struct terok_client **ret);

/** terok_client_close() - disconnect and free; NULL is fine; not from a callback */
void terok_client_close(struct terok_client *client);

/** terok_client_fd() - readable when terok_client_process() has something to do */
int terok_client_fd(const struct terok_client *client);

/** terok_client_process() - read, write and call back, without blocking; 0 or negative errno */
int terok_client_process(struct terok_client *client);

/** terok_client_monitor() - subscribe, once; @guard 0: all that the user may see */
int terok_client_monitor(struct terok_client *client, int64_t guard, bool replay);

/**
 * terok_client_answer() - answer a request
 * @action: "allow" or "deny"; @scope: "once", "time" (@seconds), "session" or
 *	    "forever"
 *
 * Return: 0 when sent (events->answered tells the rest), negative errno.
 */
int terok_client_answer(struct terok_client *client, const char *request_id, const char *action,
			const char *scope, int64_t seconds, uint64_t cookie);

/* What is answered; a text that is NULL means what the hub takes without it. */
struct terok_answer {
	const char *action; /* "allow" or "deny" */
	const char *scope;  /* "once", "time", "session" (the default) or "forever" */
	int64_t seconds;    /* of "time" */
	const char *reach;  /* "address", "name" or "children" */
	const char *ports;  /* "same" (the default) or "any" */
};

/** terok_client_answer_with() - the same, and how much of what was asked is meant */
int terok_client_answer_with(struct terok_client *client, const char *request_id,
			     const struct terok_answer *answer, uint64_t cookie);

/** terok_client_list_guards() - ask for all guards, each through events->guard */
int terok_client_list_guards(struct terok_client *client);

/** terok_client_list_grants() - ask what answers have made, each through events->grant; 0: all guards */
int terok_client_list_grants(struct terok_client *client, int64_t guard);

/** terok_client_revoke() - take that one back; events->revoked tells the rest */
int terok_client_revoke(struct terok_client *client, const char *grant, uint64_t cookie);

/**
 * terok_client_history() - ask for what happened, each through events->entry
 * @guard: 0: all; @after: only entries before that number, 0: from the newest
 * @limit: 1 to 1000; fewer may come although there are more
 */
int terok_client_history(struct terok_client *client, int64_t guard, int64_t after, int64_t limit);

#ifdef __cplusplus
}
#endif

#endif
