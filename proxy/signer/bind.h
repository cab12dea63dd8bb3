/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind.h - which SSH connections a client of ours is used for: session-bind@openssh.com
 *
 * ssh(1) tells its agent the host's key and the connection's id, signed by that host: so it is known
 * where a login leads before it is signed. Each hop of a forwarded agent adds one. What is kept
 * was proved; what could not be is refused, as OpenSSH's own agent does. Threads: none shared.
 */
#ifndef SIGNER_BIND_H
#define SIGNER_BIND_H

#include <stdbool.h>

#include "wire.h"

#define BIND_EXTENSION "session-bind@openssh.com"
#define BIND_MAX       16   /* hops */
#define BIND_SESSION   128  /* bytes of an id: a digest */
#define BIND_HOST      4096 /* bytes of a host's key */

struct bound {
	uint8_t *host; /* the key's blob, owned */
	size_t host_n, session_n;
	uint8_t session[BIND_SESSION];
	bool forwarded; /* the agent goes on to that host */
};

/* Zero: none. */
struct bindings {
	struct bound bound[BIND_MAX];
	unsigned n;
};

/**
 * bind_add() - one more, as the extension's contents (behind its name) have it
 *
 * Return: 0, also if it is there already; -EBADMSG: not as it must be; -EKEYREJECTED: the host did
 * not sign it; -EOPNOTSUPP: its key is of a kind that we do not know; -EPERM: this client is bound for a
 * login already, or to another host with that id; -E2BIG: BIND_MAX are there; -ENOMEM.
 */
int bind_add(struct bindings *bindings, struct span contents);

/** bind_last() - where a login leads now; NULL: nobody said */
const struct bound *bind_last(const struct bindings *bindings);

void bind_done(struct bindings *bindings);

#endif
