/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - one client of the agent: who it is, what it may see, what is signed for it
 *
 * It knows three messages: which keys there are, sign this, and where the connection leads
 * (bind.h). Everything else is answered with FAILURE, and the session goes on. Who a token is for, and
 * whether a key is still the project's, is looked up each time: what is revoked is revoked at
 * once. Each signature is a line of the audit file, and so is each that was refused, up to a number.
 *
 * Owns: what the client said of its connections. Called by: signer.c. Threads: none.
 */
#ifndef SIGNER_SESSION_H
#define SIGNER_SESSION_H

#include "bind.h"
#include "keyring.h"
#include "refusals.h"
#include "words.h"

#define AGENT_SSH_PROVIDER "ssh" /* of a token that is for keys */

/* What all sessions share. */
struct signing {
	struct keyrings rings;
	struct store *store;      /* NULL: only host-local sessions */
	struct refusals refusals; /* and the file of audit */
	bool local;               /* are those without a token let in? */
	uint64_t told_ns;         /* when a refusal was last logged; each is in the audit file */
};

struct session;

/**
 * session_open() - who has come
 * @token: its text; empty if it comes without one
 * @told:  filled in: project, task, or what is wrong
 *
 * Return: 0; -EACCES: no such token, or not one for here; -ENOKEY: the project has no keys; other negative
 * errno: they cannot be known.
 */
int session_open(struct signing *signing, const struct word_open *who, struct span token,
		 struct session **ret, struct word_opened *told);

/**
 * session_message() - one message, and the reply
 * @confirmed: a person said yes to this very message
 *
 * Return: 0 with @reply; 1: a person is to be asked first, for @ask (but its number); -ENOMEM.
 */
int session_message(struct session *session, struct span message, bool confirmed,
		    struct wire_out *reply, struct word_confirm *ask);

/** session_refuse() - the reply to a message that nobody confirmed; @reason: why */
int session_refuse(struct session *session, struct span message, const char *reason,
		   struct wire_out *reply);

void session_free(struct session *session);

#endif
