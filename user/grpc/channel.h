/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - gRPC's client side: one connection, and calls on it
 *
 * A channel is one attempt: it connects, is up once TLS and both SETTINGS are done, and goes down
 * exactly once, with the reason in words. Who wants another one makes another one, which is why
 * nothing is tried again here.
 * Owns: its connection and its calls. Threads: none.
 */
#ifndef GRPC_CHANNEL_H
#define GRPC_CHANNEL_H

#include <sys/socket.h>

#include "base/event.h"
#include "grpc/call.h"
#include "grpc/limits.h"
#include "grpc/tls.h"

struct grpc_channel;

struct grpc_channel_events {
	/** up() - calls can be made. May be NULL. */
	void (*up)(struct grpc_channel *channel, void *user);

	/**
	 * down() - it is of no more use than to be freed, which may be done here
	 *
	 * Its calls are over() before. @why: one line of ours and maybe of the peer's: log_safe().
	 * Not after grpc_channel_free().
	 */
	void (*down)(struct grpc_channel *channel, const char *why, void *user);
};

struct grpc_metadata {
	const char *name; /* in lower case; not one that gRPC itself says */
	const char *value;
};

/**
 * grpc_channel_new() - begin to connect
 * @tls:       for a client; it may be freed once this returns
 * @authority: what calls say that they are for; NULL: @tls's name
 * @events:    and @user must outlive it; never called from within this
 *
 * Return: 0; -EINVAL (limits), -ENOMEM, or what socket() says; all later trouble is down()'s.
 */
int grpc_channel_new(struct loop *loop, const struct sockaddr *addr, socklen_t size,
		     const struct grpc_tls *tls, const char *authority,
		     const struct grpc_limits *limits, const struct grpc_channel_events *events,
		     void *user, struct grpc_channel **ret);

/** grpc_channel_connect() - the same by a socket that is not connected, as of another network; @fd is ours now */
int grpc_channel_connect(struct loop *loop, int fd, const struct sockaddr *addr, socklen_t size,
			 const struct grpc_tls *tls, const char *authority,
			 const struct grpc_limits *limits, const struct grpc_channel_events *events,
			 void *user, struct grpc_channel **ret);

/** grpc_channel_adopt() - the same over a socket that is connected; @fd is ours now, in any case */
int grpc_channel_adopt(struct loop *loop, int fd, const struct grpc_tls *tls, const char *authority,
		       const struct grpc_limits *limits, const struct grpc_channel_events *events,
		       void *user, struct grpc_channel **ret);

/**
 * grpc_channel_free() - cut it: calls that are left are over(GRPC_CANCELLED), down() is not called
 *
 * Return: 0, or what close(2) said of its socket. NULL: nothing.
 */
int grpc_channel_free(struct grpc_channel *channel);
DEFINE_CLEANUP(struct grpc_channel, grpc_channel_free)

/** grpc_channel_close() - no more calls; down() once those that are there have ended */
void grpc_channel_close(struct grpc_channel *channel);

/** grpc_channel_peer() - who is at the other end: from up() on, and in down() what is known */
const struct grpc_peer *grpc_channel_peer(const struct grpc_channel *channel);

/**
 * grpc_call_new() - call a method
 * @md:         @n headers of ours ("authorization"), copied
 * @timeout_ns: from now; the server is told. 0: none
 * @events:     must outlive the call
 *
 * Return: 0; -ENOTCONN not up, -ESHUTDOWN the server or we are closing, -EAGAIN as many calls
 * as both sides allow, -EINVAL (headers), -ENOMEM.
 */
int grpc_call_new(struct grpc_channel *channel, const char *path, const struct grpc_metadata *md,
		  unsigned n, uint64_t timeout_ns, const struct grpc_events *events, void *mine,
		  struct grpc_call **ret);

#endif
