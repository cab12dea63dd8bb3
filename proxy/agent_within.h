/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_within.h - what the files of the agent share, and nobody else includes
 *
 * Threads: none.
 */
#ifndef PROXY_AGENT_WITHIN_H
#define PROXY_AGENT_WITHIN_H

#include "agent.h"
#include "base/meter.h"
#include "base/sock.h"
#include "service/ask.h"
#include "signer/link.h"

struct agent_listener {
	struct agent_listener *next;
	struct agent *agent;
	const struct door_owner *owner; /* NULL: everybody's */
	char local[STORE_NAME_SIZE];    /* of this project, on the host; "": it takes a token */
	struct sock_place place;        /* of a local one */
	struct source source;
	struct timer rest; /* there are no descriptors left: not until then */
	int fd;
	unsigned strangers; /* that have not said who they are */
	bool listed;        /* agent_local.c's */
};

/* A signer: clients of one that is not the newest go on with it. */
struct agent_signer {
	struct agent_signer *next;
	struct agent *agent;
	struct link link;
	unsigned n; /* clients */
};

/* Who begins signers, and another of its kind where one has ended: this process cannot any more. */
#define AGENT_KEEPERS 2

struct agent_keeper {
	struct agent *agent;
	struct source source;
	int fd;    /* -1: it has ended */
	pid_t pid; /* 0: it is another's child */
};

enum client_state {
	CLIENT_LENGTH, /* of the token */
	CLIENT_TOKEN,
	CLIENT_OPENING, /* the signer looks who it is */
	CLIENT_READY,
	CLIENT_BUSY,    /* it waits for a reply */
	CLIENT_REPLIED, /* it takes it */
};

struct agent_client {
	struct agent_client *next;
	struct agent *agent;
	struct agent_listener *listener; /* NULL: it has said who it is */
	struct agent_signer *signer;     /* NULL: none yet */
	const struct door_owner *owner;
	struct source source;
	struct timer late;
	uint64_t id;
	enum client_state state;
	int fd;
	bool again; /* its signer was not the right one: that happens once */
	struct {
		uint8_t *bytes;
		size_t n, room;
	} in;
	struct wire_out out;
	size_t sent;
	struct word_open who;
	char project[STORE_NAME_SIZE], task[STORE_NAME_SIZE]; /* as the signer says */
	struct agent_question *question;
};

/* How often a person was asked for a project lately: it outlives its containers, and their signers. */
struct agent_asks {
	char project[STORE_NAME_SIZE];
	struct meter meter;
};
#define AGENT_ASKS_OF 64 /* that are told apart; others wait until one of them was quiet */

struct agent {
	struct loop *loop;
	struct agent_options options;
	struct agent_listener *listeners;
	struct agent_client *clients;
	unsigned n;
	uint64_t last_id, told_ns; /* when it was last said that somebody was not let in */
	unsigned untold;           /* how many came since */
	bool closing;
	/* agent_signer.c's */
	struct agent_keeper keeper[AGENT_KEEPERS];
	struct timer mend;
	uint64_t mended_ns;
	struct agent_signer *signers, *newest;
	uint64_t window_ns;
	unsigned starts;
	struct timer restart, reap;
	/* agent_ask.c's */
	struct agent_asks asks[AGENT_ASKS_OF];
	/* agent_local.c's */
	struct source watch;
	struct timer look;
	int inotify;
};

/** agent_client_new() - somebody has come, at @fd, the client's from now */
void agent_client_new(struct agent_listener *listener, int fd);

/** agent_client_free() - it goes, and the signer hears of it */
void agent_client_free(struct agent_client *client);

/** agent_client_opened() - what the signer says of who it is */
void agent_client_opened(struct agent_client *client, const struct word_opened *told);

/** agent_client_waits() - for its signer, from now on */
void agent_client_waits(struct agent_client *client);

/** agent_client_reply() - an agent message for it */
void agent_client_reply(struct agent_client *client, struct span message);

/** agent_client_fail() - what it waits for will not come: it is told so, and goes */
void agent_client_fail(struct agent_client *client);

/** agent_client_go() - the signer has room again */
void agent_client_go(struct agent_client *client);

/** agent_find() - a client by its number; NULL: it has gone */
struct agent_client *agent_find(struct agent *agent, uint64_t id);

/** agent_left() - a client is no stranger any more, or has gone: there may be room for others */
void agent_left(struct agent *agent, struct agent_listener *listener);

/** agent_may_ask() - has a person few enough questions of its owner before them? */
bool agent_may_ask(const struct agent_client *client);

/** agent_may_open() - is there room for one more of whose it is now? */
bool agent_may_open(const struct agent_client *client);

/** agent_keep() - begin the processes that begin signers; with @why */
int agent_keep(struct agent *agent, struct problem *why);

/** agent_signer_get() - the newest; NULL: there is none now */
struct agent_signer *agent_signer_get(struct agent *agent);

/** agent_signer_renew() - another, which may look where the newest may not; NULL: not now */
struct agent_signer *agent_signer_renew(struct agent *agent);

/** agent_signer_leave() - one client less: one that is not the newest ends with its last */
void agent_signer_leave(struct agent_signer *signer);

/** agent_signer_stuck() - it does not answer: it ends, its clients, and another begins */
void agent_signer_stuck(struct agent_signer *signer);

/** agent_signers_end() - all of them, and their keepers */
void agent_signers_end(struct agent *agent);

/** agent_ask() - ask a person; the client's signer is told what they say */
void agent_ask(struct agent_client *client, const struct word_confirm *confirm);

/** agent_ask_end() - it is over. NULL: nothing */
void agent_ask_end(struct agent_question *question);

/** agent_local_begin() - look which projects have sockets, and when that changes; with @why */
int agent_local_begin(struct agent *agent, struct problem *why);

/** agent_local_told() - one project of the list; "": it was the last */
void agent_local_told(struct agent *agent, const char *project);

/** agent_local_ask() - ask the signer for the list */
void agent_local_ask(struct agent *agent);

/** agent_local_end() - look no more; the sockets are listeners like others */
void agent_local_end(struct agent *agent);

/** agent_listener_new() - @fd is the listener's on success */
int agent_listener_new(struct agent *agent, int fd, struct agent_listener **ret);
void agent_listener_free(struct agent_listener *listener);

#endif
