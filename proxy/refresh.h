/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refresh.h - OAuth's tokens are made new before they end, or when an upstream refuses one
 *
 * Every REFRESH_EVERY_NS each credential whose route says how, and that ends within REFRESH_MARGIN_S,
 * or does not say when. A refresh token is good once: who refreshes holds a lock that other
 * processes of the user know, and reads the credential again once it has it. A refresh that fails
 * leaves the credential as it was. Nothing that an upstream replies gets into a log.
 *
 * Called by: server.c. Owns: calls that run. Threads: none.
 */
#ifndef PROXY_REFRESH_H
#define PROXY_REFRESH_H

#include "route.h"
#include "store/store.h"
#include "upstream.h"

#define REFRESH_EVERY_NS  (300 * SECOND_NS)
#define REFRESH_MARGIN_S  600
#define REFRESH_TOTAL_MS  15000L
#define REFRESH_EXPIRES_S 28800            /* if nobody says */
#define REFRESH_PAUSE_NS  (30 * SECOND_NS) /* between refreshes of one that upstreams refuse */

struct refresh;

struct refresh_use {
	/* the routes as they are now */
	const struct routes *(*routes)(void *user);
	/* it is over; @r: 0: the credential is another one now */
	void (*done)(void *user, const char *set, const char *provider, int r);
	void *user;
};

/**
 * refresh_new() - begins at once
 * @locks: folder of locks, 0700, made if it is not there; borrowed
 */
int refresh_new(struct loop *loop, struct upstream *upstream, struct store *store,
		const char *locks, const struct refresh_use *use, struct refresh **ret);
void refresh_free(struct refresh *refresh);

/**
 * refresh_now() - an upstream has refused that credential
 *
 * Return: 0: done() follows; -EALREADY: it was refreshed a moment ago; -ENOENT, -EWOULDBLOCK and
 * others: it will not be.
 */
int refresh_now(struct refresh *refresh, const char *set, const char *provider);

#endif
