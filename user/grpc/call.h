/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - one remote procedure call of gRPC, from either side
 *
 * A call is two streams of messages, bytes to us, and one status at its end. All four kinds of
 * methods are the same here: who wants one message takes one. On the server's side a call begins
 * in its method's start() (server.h), on the client's with grpc_call_new() (channel.h). It is
 * gone when over() has returned, or grpc_end(): exactly one of the two ends each call, and
 * nothing of it may be used afterwards.
 *
 *   status.c   codes, texts of trailers, deadlines of headers: bytes to structs
 *   frame.c    messages in a stream of bytes
 *   call.c     the way of a call through its HTTP/2 stream
 *   session.c  HTTP/2 by nghttp2, what a peer may cost
 *   conn.c     a connection: the socket, TLS, who is late
 *   tls.c      who we are, and whom we take; peer.c who that was
 *   server.c, channel.c  connections that come, and one that we make
 *
 * What is sent is copied and waits in a queue of the call, whose length has an end; what comes
 * is told as soon as it is whole, unless the call is held: then the peer's flow control stops
 * it. A deadline (grpc-timeout) is kept on both sides. Compressed messages are refused.
 * Owns: calls. Threads: none; callbacks come from the loop, or from within the call to us that
 * caused them (over() never from within grpc_send()).
 */
#ifndef GRPC_CALL_H
#define GRPC_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grpc/tls.h"

struct grpc_call;

/* As on the wire. */
enum grpc_code {
	GRPC_OK,
	GRPC_CANCELLED,
	GRPC_UNKNOWN,
	GRPC_INVALID_ARGUMENT,
	GRPC_DEADLINE_EXCEEDED,
	GRPC_NOT_FOUND,
	GRPC_ALREADY_EXISTS,
	GRPC_PERMISSION_DENIED,
	GRPC_RESOURCE_EXHAUSTED,
	GRPC_FAILED_PRECONDITION,
	GRPC_ABORTED,
	GRPC_OUT_OF_RANGE,
	GRPC_UNIMPLEMENTED,
	GRPC_INTERNAL,
	GRPC_UNAVAILABLE,
	GRPC_DATA_LOSS,
	GRPC_UNAUTHENTICATED,
	GRPC_CODE_MAX_,
};

/** grpc_code_name() - "UNAVAILABLE"; "UNKNOWN" for what is no code */
const char *grpc_code_name(enum grpc_code code);

/* What whoever has a call hears of it. All but over() may be NULL. */
struct grpc_events {
	/** message() - one is whole; @bytes are its own until this returns. NULL: they wait. */
	void (*message)(struct grpc_call *call, const uint8_t *bytes, size_t n);

	/** half_closed() - for a server: the client has said all, after its last message() */
	void (*half_closed)(struct grpc_call *call);

	/** drained() - after -ENOBUFS: grpc_send() takes some again */
	void (*drained)(struct grpc_call *call);

	/**
	 * over() - the call has ended, and not by grpc_end()
	 * @code: client: what the server said, or why it could not; server: GRPC_CANCELLED,
	 *	GRPC_DEADLINE_EXCEEDED, GRPC_UNAVAILABLE (the connection), or what the client did wrong
	 * @text: for people, of the peer's choosing: log_safe(); never NULL
	 *
	 * A client has been told every message before, and if it holds them waits for a status
	 * until it does not; but not for the end of the connection or of the time.
	 */
	void (*over)(struct grpc_call *call, enum grpc_code code, const char *text);
};

/** grpc_call_events() - who has the call from now on; messages that waited are told from the loop */
void grpc_call_events(struct grpc_call *call, const struct grpc_events *events, void *mine);

/** grpc_call_mine() - as given to grpc_call_events() or grpc_call_new(); NULL at first */
void *grpc_call_mine(const struct grpc_call *call);

/**
 * grpc_send() - one message; all of it is copied
 *
 * Return: 0; -ENOBUFS too much waits already (limits.queue): not taken, drained() says when;
 * -EMSGSIZE longer than limits.message; -EPIPE after grpc_half_close(); -ENOMEM.
 */
int grpc_send(struct grpc_call *call, const void *bytes, size_t n);

/** grpc_queued() - bytes that wait for the peer */
size_t grpc_queued(const struct grpc_call *call);

/** grpc_half_close() - for a client: no more messages from us */
void grpc_half_close(struct grpc_call *call);

/**
 * grpc_end() - end it from our side; over() is not called, @call is gone
 * @code: server: the status, sent after what is queued; client: nobody hears it, the server
 *	hears that the call was cancelled
 * @text: for the client's people; NULL: none
 */
void grpc_end(struct grpc_call *call, enum grpc_code code, const char *text);

/** grpc_hold() - @hold: tell no messages; the peer stops when its window is full. Else go on. */
void grpc_hold(struct grpc_call *call, bool hold);

/** grpc_path() - "/package.Service/Method" */
const char *grpc_path(const struct grpc_call *call);

/**
 * grpc_header() - the @nth value, from 0, of what the peer said before or after its messages
 * @name: in lower case, as all are; of those that end in "-bin" the value is base64
 *
 * Return: borrowed from the call; NULL: none.
 */
const char *grpc_header(const struct grpc_call *call, const char *name, unsigned nth);

/** grpc_call_peer() - who is at the other end; the connection's */
const struct grpc_peer *grpc_call_peer(const struct grpc_call *call);

/**
 * grpc_call_kept() - for a server: a place for what is known of the connection, NULL at first
 *
 * The server's gone() is told of it when that has ended. Return: NULL: it has.
 */
void **grpc_call_kept(const struct grpc_call *call);

/** grpc_call_fd() - its connection, borrowed: to ask the kernel who that is; -1 when it has gone */
int grpc_call_fd(const struct grpc_call *call);

/** grpc_deadline_ns() - CLOCK_BOOTTIME; 0: none */
uint64_t grpc_deadline_ns(const struct grpc_call *call);

#endif
