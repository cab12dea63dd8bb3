/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - gRPC's server side: one listening socket, methods, and who may call them
 *
 * The way of a call: its path is looked up (UNIMPLEMENTED), admit() says yes, now or later, then
 * start() of its method has it. Messages wait until somebody sets events with a message().
 * Owns: the listening socket, its connections and their calls. Threads: none.
 */
#ifndef GRPC_SERVER_H
#define GRPC_SERVER_H

#include "base/event.h"
#include "grpc/call.h"
#include "grpc/limits.h"
#include "grpc/tls.h"

struct grpc_server;

struct grpc_method {
	const char *path; /* "/package.Service/Method" */

	/** start() - it was called: grpc_call_events() or grpc_end(), before this returns */
	void (*start)(struct grpc_call *call, void *user);
};

/* What a server is for. All of it must outlive it. */
struct grpc_server_use {
	const struct grpc_method *methods;
	unsigned n_methods;

	/**
	 * admit() - before every start(): grpc_admit() or grpc_end(), now or later; NULL: all
	 *
	 * Who answers later sets events, without message(): over() says that nobody waits any more.
	 */
	void (*admit)(struct grpc_call *call, void *user);

	/** gone() - a connection has, and what grpc_call_kept() has of it; its calls before. May be NULL. */
	void (*gone)(void *kept, void *user);

	/** refused() - a connection that came to nothing, for the log; may be NULL */
	void (*refused)(const struct grpc_peer *peer, const char *why, void *user);

	/** empty() - the last connection has gone. May be NULL; may free the server. */
	void (*empty)(void *user);

	void *user;
};

/**
 * grpc_server_new() - take connections from this listening socket
 * @fd:  TCP or unix, non-blocking; the server's now, also if this fails; -1: grpc_server_add() only
 * @tls: for a server; it may be freed once this returns
 *
 * Return: 0; -EINVAL (limits, methods), -ENOMEM, or what epoll says.
 */
int grpc_server_new(struct loop *loop, int fd, const struct grpc_tls *tls,
		    const struct grpc_server_use *use, const struct grpc_limits *limits,
		    struct grpc_server **ret);

/** grpc_server_free() - cut all connections: calls are over(GRPC_UNAVAILABLE). NULL: nothing. */
void grpc_server_free(struct grpc_server *server);
DEFINE_CLEANUP(struct grpc_server, grpc_server_free)

/** grpc_server_add() - a connection that is there already, whose @fd is the server's now */
int grpc_server_add(struct grpc_server *server, int fd);

/** grpc_server_tls() - for connections that come from now on: certificates were renewed */
void grpc_server_tls(struct grpc_server *server, const struct grpc_tls *tls);

/** grpc_server_cut() - all connections, now: calls are over(GRPC_UNAVAILABLE); new ones may come */
void grpc_server_cut(struct grpc_server *server, const char *why);

/** grpc_server_close() - no more connections nor calls; those that are there end by themselves */
void grpc_server_close(struct grpc_server *server);

/** grpc_server_connections() - how many there are */
unsigned grpc_server_connections(const struct grpc_server *server);

/** grpc_admit() - it may: its method's start() is called from within this */
void grpc_admit(struct grpc_call *call);

#endif
