/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the proxy's HTTP side: who may send what where, with which secret
 *
 * Order of what is looked at: /-/health (no token, no store); the request's form; a token (401);
 * its route (404); what it is good for (403); the credential (502, 503 of a locked store); its
 * budget (429). Then forward.c has it, or websocket.c. Tokens and credentials are read again as
 * soon as anybody has written to the store; routes as soon as their file is another one.
 *
 * Called by: verb_serve.c. Owns: the HTTP server, upstreams, requests that are open, what it read of
 * the store. Threads: none.
 */
#ifndef PROXY_SERVER_H
#define PROXY_SERVER_H

#include "base/event.h"
#include "base/problem.h"
#include "http/http.h"
#include "store/store.h"

struct server_options {
	struct store *store; /* borrowed, open for writing */
	const char *routes;  /* routes.json */
	const char *audit;   /* file, see audit.h; NULL: nothing is noted */
	const char *ca_file; /* who is trusted of upstreams; NULL: whom the system trusts */
	const char *locks;   /* folder of refresh.h */
	struct http_limits limits;
};

/* Idle connections are cheap, and models are slow. */
#define SERVER_OPTIONS                                                                             \
	((struct server_options){ .limits = { .head = HTTP_HEAD_MAX,                               \
					      .connections = 4096,                                 \
					      .per_owner = 1024,                                   \
					      .head_ns = 20 * SECOND_NS,                           \
					      .keep_ns = 300 * SECOND_NS,                          \
					      .idle_ns = 1200 * SECOND_NS } })

struct server;

/** server_new() - 0; negative errno with @why, which names a route that cannot be */
int server_new(struct loop *loop, const struct server_options *options, struct server **ret,
	       struct problem *why);
void server_free(struct server *server);

/** server_http() - to give it listeners; their owner is NULL or a struct door_owner */
struct http *server_http(struct server *server);

/** server_mine() - the owner of a listener that is its user's alone, who also sees GET /-/counters */
void *server_mine(struct server *server);

/** server_end() - take nobody new; loop_stop() when the last request is over */
void server_end(struct server *server);

#endif
