/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_line.h - a line to an agent's peer: one connection, one Session on it, messages as bytes
 *
 * Whoever the peer is has a line: who that was is told and not judged here, for the control plane
 * must be able to command one that was taken over. An interface, so that tests can have peers that
 * lie and descriptors that cannot be closed; lines_grpc_new() is the one there is. Threads: none.
 */
#ifndef REGISTRY_SESSION_LINE_H
#define REGISTRY_SESSION_LINE_H

#include "base/event.h"
#include "grpc/tls.h"

#define LINE_PORT 7700

struct line;

/* What its owner hears; never from within open(), send() or close(), never after close(). */
struct line_events {
	/* messages can be sent; @peer is ours until this returns. May close it, as all of these */
	void (*up)(void *user, const struct grpc_peer *peer);
	void (*message)(void *user, const uint8_t *bytes, size_t n);
	/* once: @eof: the peer has ended the session well; else @why, of the peer's choosing: log_safe() */
	void (*over)(void *user, bool eof, const char *why);
};

/* Who makes them. */
struct lines {
	/* @fd: the lines' in any case, a socket of the network that has @addr, not connected; -1: ours */
	int (*open)(struct lines *lines, int fd, const uint8_t addr[static 16],
		    const struct line_events *events, void *user, struct line **ret);
	/* as grpc_send() */
	int (*send)(struct line *line, const void *bytes, size_t n);
	/* 0, or what close(2) said; the line is no more in any case */
	int (*close)(struct line *line);
	/* once there are no lines */
	void (*free)(struct lines *lines);
	uint16_t port; /* of peers */
};

/** lines_grpc_new() - @tls: a client's that captures; theirs from now, on success only */
int lines_grpc_new(struct loop *loop, struct grpc_tls *tls, uint16_t port, struct lines **ret);

/** lines_grpc_tls() - the same for lines that are opened from now on: certificates were renewed */
void lines_grpc_tls(struct lines *lines, struct grpc_tls *tls);

/** lines_free() - NULL: nothing */
void lines_free(struct lines *lines);

#endif
