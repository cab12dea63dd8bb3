/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - an SSH agent for containers: who comes in, what they say, and the signer behind it
 *
 * A client says the token that it was given (four bytes of length, then the text), then it is spoken to
 * as ssh-agent(1) is. Nothing is said to one whose token is none, who is slow, or who breaks a rule: the
 * connection closes. Keys are never here: a process of its own has them (proxy/signer/), which
 * looks the token up itself and decides what is signed; this is its door, with limits for how many
 * may stand in it. Sockets of the host (one for each project, for its user alone) need no token.
 *
 *   agent.c         listeners, limits
 *   agent_client.c  one client: bytes to messages and back
 *   agent_signer.c  the signers that live, and who begins them
 *   agent_ask.c     what a person is asked, at the hub
 *   agent_local.c   the sockets of the host
 *
 * Called by: whoever serves. Owns: the listeners, the signers. Threads: none.
 */
#ifndef PROXY_AGENT_H
#define PROXY_AGENT_H

#include <stdbool.h>

#include "base/event.h"
#include "base/problem.h"
#include "service/doors.h"

#define AGENT_SESSIONS    512 /* at once, in all */
#define AGENT_PER_OWNER   64  /* of one container, or of one task */
#define AGENT_HANDSHAKES  64  /* of one listener, that have not said who they are */
#define AGENT_HANDSHAKE_S 5   /* for a length, and for the token behind it */
#define AGENT_QUESTIONS   4   /* of one owner, that a person has before them */
#define AGENT_ASKS        12  /* of one project, whose container or task it is, in a row */
#define AGENT_ASK_EACH_S  10  /* and one more each so many seconds */
#define AGENT_TAKE_S      30  /* for a client to take its reply */
#define AGENT_SIGNER_S    60  /* for a signer to answer */
#define AGENT_CONFIRM_S   120 /* for a person to answer */

struct agent_options {
	/* absolute paths; they stay until agent_free() */
	const char *store;           /* credentials.db */
	const char *keys_file;       /* ssh-keys.json; NULL: none */
	const char *key_file;        /* where the store's key is; NULL: where it is always */
	const char *passphrase_file; /* what that is made of; NULL: nobody said */
	const char *audit;           /* what was signed; NULL: nowhere */
	const char *local;           /* folder of the host's sockets; NULL: none */
	const char *runtime;         /* folder of the hub's sockets; NULL: nobody is asked */
	const char *program; /* the signer's; NULL: beside this one, or where it is installed */
};

struct agent;

/**
 * agent_new() - begin a signer, and listen to nobody yet
 *
 * To be called before the process gives up files or calls: the signer would not have them either.
 * Whoever confines itself later keeps what sends and receives descriptors and makes socket
 * pairs; with local or runtime also unix sockets, and their folders.
 * Return: 0; -ENOENT: the signer's program is nowhere; or another negative errno; with @why.
 */
int agent_new(struct loop *loop, const struct agent_options *options, struct agent **ret,
	      struct problem *why);

/**
 * agent_listen() - take who comes in at a listening socket, non-blocking, the agent's from now
 * @owner: whose alone it is; NULL: everybody's with a token. It stays until agent_unlisten()
 */
int agent_listen(struct agent *agent, int fd, const struct door_owner *owner);

/** agent_unlisten() - that container has gone: its listeners close, and its clients */
void agent_unlisten(struct agent *agent, const struct door_owner *owner);

/** agent_door() - the agent's port of each container, for doors_new() */
struct door_port agent_door(struct agent *agent);

/** agent_close() - take nobody new; who has come in goes on */
void agent_close(struct agent *agent);

/** agent_clients() - how many there are */
unsigned agent_clients(const struct agent *agent);

/** agent_free() - all of it ends. NULL: nothing */
void agent_free(struct agent *agent);

#endif
