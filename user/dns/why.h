/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why.h - a process in a guard asks what it was refused: HTTP on the resolver's connections
 *
 * Hooks send 169.254.84.75 port 80 to the same sockets as port 53 (bpf/steer.h), and the first
 * two bytes say which of the two it is. One request a connection; the core is asked each time
 * and looks whether the connection is of the guard, then the reply is written and the
 * connection ends. A guard asks WHY_RATE times a second at most, so that no container keeps
 * the core busy, and WHY_BUSY at a time.
 *
 * Called by: listen.c. Threads: none.
 */
#ifndef TEROK_DNS_WHY_H
#define TEROK_DNS_WHY_H

#include "base/json.h"
#include "dns/resolver.h"
#include "dns/why_text.h"

#define WHY_RATE  5  /* questions a second of a guard, for ever ... */
#define WHY_BURST 20 /* ... and at once */
#define WHY_BUSY  64 /* on their way to the core, of all guards */

struct why; /* a request that waits for the core */

/**
 * why_ask() - some bytes of a connection
 * @conn: its number; @port: of its other end
 * @ret: what waits now; @out: else the reply, if there is one
 *
 * Return: 0 more of the request is needed; 1 it waits; 2 @out is the reply.
 */
int why_ask(struct served *served, uint64_t conn, uint16_t port, bool v6, const uint8_t *bytes,
	    size_t n, struct why **ret, struct json *out);

/** why_add() - one refusal of the core's answer */
void why_add(struct why *why, const struct msg_because *because);

/** why_end() - the core's last word: the reply to @out */
void why_end(struct why *why, const struct msg_becauses *last, struct json *out);

void why_free(struct why *why);

#endif
