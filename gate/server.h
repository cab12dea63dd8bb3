/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - the gate's server: who may come in, and which git does what they ask
 *
 * Order of what is looked at: method (501), route (404), credential (401), token (403), its
 * project (403), limits (503); then a git http-backend has it. The server runs as the user and
 * holds no keys: all that it can give away is in the folder of mirrors.
 *
 * Owns: the HTTP server, the transfers. Called by: verb_serve.c. Threads: none.
 */
#ifndef GATE_SERVER_H
#define GATE_SERVER_H

#include "base/event.h"
#include "base/problem.h"
#include "http/http.h"
#include "place.h"
#include "token.h"

struct server_options {
	const char *base;   /* folder of the mirrors, absolute */
	const char *tokens; /* file of tokens */
	const char *admin;  /* token for all of them; NULL: none */
	const char *audit;  /* file, see audit.h; NULL: nothing is noted */
	struct http_limits limits;
	unsigned transfers;  /* at once, in all */
	unsigned per_token;  /* of one token */
	uint64_t silence_ns; /* of a git that neither reads nor writes; then it is killed */
};

#define SERVER_OPTIONS                                                                             \
	((struct server_options){ .limits = HTTP_LIMITS,                                           \
				  .transfers = 128,                                                \
				  .per_token = 64,                                                 \
				  .silence_ns = 600 * SECOND_NS })

struct server;

/**
 * server_new() - all is made that can fail later: hooks, a home for git, git itself
 * @options: strings are borrowed, and must outlive it
 *
 * Return: 0; negative errno with @why. That there is no git is no error here, but of requests.
 */
int server_new(struct loop *loop, const struct server_options *options, struct server **ret,
	       struct problem *why);
void server_free(struct server *server);

/** server_http() - to give it listeners; their owner is NULL or a struct door_owner */
struct http *server_http(struct server *server);

/** server_end() - take nobody new; when the last transfer is over, loop_stop() */
void server_end(struct server *server);

/** server_once() - loop_stop() when the last connection has gone */
void server_once(struct server *server);

#endif
