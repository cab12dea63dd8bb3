/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth.h - may whoever calls call this at all? A bearer token, and the scope of the method
 *
 * The token is one that an OAuth2 server issued and is asked about (RFC 7662), or, without such a
 * server, an assertion that is read here and is worth something to one certificate (agents.h notes
 * which). A method that is in no table is nobody's. Who the caller is comes after this.
 *
 * Owns: what is asked of the server. Called by: serve. Threads: none.
 */
#ifndef REGISTRY_AUTH_H
#define REGISTRY_AUTH_H

#include "agents.h"
#include "assertion.h"
#include "base/event.h"
#include "leaf.h"
#include "reply.h"

#define AUTH_CLIENT_AGENT "clawker-agent"
#define AUTH_CLIENT_CLI   "clawker-cli"
#define AUTH_TOKEN_MAX    8192 /* bytes of a token */

struct auth_method {
	const char *path;   /* NULL ends a table */
	const char *scope;  /* "": anybody */
	const char *client; /* whose tokens alone; NULL: any client's */
};

/* What is served, and who may call it. */
extern const struct auth_method auth_methods[];

/* What a server says of a token. */
struct introspected {
	bool active;
	char scope[512], client[128];
};

/** auth_introspected_read() - its reply; -EBADMSG: it is none, and nobody is let in */
int auth_introspected_read(const char *text, size_t size, struct introspected *ret);

/** auth_has_scope() - is it one of the words of @scopes? */
bool auth_has_scope(const char *scopes, const char *scope);

struct auth;

/*
 * An assertion that was read, for who shows the same bytes again on the same connection: that it is
 * whole, signed by a key of ours and for us is not looked at a second time. All that can change is,
 * at each call: which keys are ours, the time, whose it is and whether another has used it, and what
 * its client may. Zero is none.
 */
struct auth_proof {
	char *token; /* NULL: none */
	size_t n;
	uint64_t generation; /* of the keys by which it was read */
	struct assertion assertion;
};

/** auth_proof_done() - it is forgotten */
void auth_proof_done(struct auth_proof *proof);

struct auth_ask {
	/* from here on who asks fills in; all of it stays until done() */
	const char *path;
	const char *header;       /* "authorization"; NULL: there is none */
	const struct leaf *leaf;  /* of the connection */
	struct auth_proof *proof; /* the same one's, from call to call; NULL: nothing is kept */
	/* once, also from within auth_begin() */
	void (*done)(struct auth_ask *ask, const struct reply *reply);
	/* from here on it is the module's */
	struct assertion assertion; /* by which it was let in; .client "": by none */
	const struct auth_method *method;
	struct introspection *introspection; /* NULL: none is out */
};

/** auth_spent() - what has to be noted with what the call does; false: nothing */
bool auth_spent(const struct auth_ask *ask, struct spent *ret);

struct auth_use {
	const struct auth_method *methods;
	/* a server's address, https; NULL: assertions are read here */
	const char *introspect, *ca_file;
	/* else: who signs, for whom, and which were used */
	const struct assertion_keys *keys;
	const char *audience;
	struct agents *agents;
};

/** auth_new() - @use and what it names are borrowed; -EINVAL, -ENOMEM with @why */
int auth_new(struct loop *loop, const struct auth_use *use, struct auth **ret, struct problem *why);

/** auth_free() - nobody is told any more. NULL: nothing */
void auth_free(struct auth *auth);

/** auth_begin() - and done() is called */
void auth_begin(struct auth *auth, struct auth_ask *ask);

/** auth_forget() - done() is not called; nothing if it was */
void auth_forget(struct auth_ask *ask);

#endif
