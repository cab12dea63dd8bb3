/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bearer.h - an assertion exchanged for an access token, at an OAuth2 server (RFC 7521, RFC 7523)
 *
 * One POST over TLS 1.3 to a server that shows the control plane's name. It is made by a child: it
 * may wait as long as BEARER_S, and what it reads is not read by whoever has the sessions.
 * Called by: register_rpc.c. Owns: the child. Threads: none (it forks).
 */
#ifndef AGENTD_BEARER_H
#define AGENTD_BEARER_H

#include <stdbool.h>

#include "bootstrap.h"
#include "reaper.h"

#define BEARER_S   10 /* for all of it */
#define BEARER_MAX (8 << 10)

struct bearer;

/**
 * bearer_fn - once, from the loop; what asked may be freed here
 * @token:    NULL: there is none, and @error says why
 * @consumed: the server has answered: the assertion is used up
 */
typedef void (*bearer_fn)(void *user, const char *token, const char *error, bool consumed);

/** bearer_new() - @url: "https://HOST[:PORT]", to which /oauth2/token is added */
int bearer_new(struct loop *loop, struct reaper *reaper, const char *url,
	       const struct bootstrap *bootstrap, bearer_fn fn, void *user, struct bearer **ret,
	       struct problem *why);

/** bearer_free() - fn() is not called any more. NULL: nothing */
void bearer_free(struct bearer *token);

/**
 * bearer_reply() - what an HTTP reply to that POST says
 * @token: BEARER_MAX bytes and a NUL
 *
 * Return: 0; -EBADMSG: no reply that can be read, -EACCES: a refusal; with @why.
 */
int bearer_reply(const char *bytes, size_t n, char *token, struct problem *why);

#endif
