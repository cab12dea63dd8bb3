/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line.h - connections to upstreams that speak HTTP/1.1, kept for the next request
 *
 * libcurl finds names and connects, and hands over what it made; from there on a line is a
 * descriptor on our loop, in the clear or with TLS (tls.h), and what goes over it is its taker's.
 * One that is kept waits for LINES_KEEP_NS at most; it is closed if it says anything meanwhile,
 * and the last that was kept is the first that is taken. A line that is being made or that is
 * taken and does not move is told so.
 *
 * Which origins speak HTTP/1.1 is known for a while, from requests that went by libcurl.
 *
 * Called by: forward_line.c, forward.c. Owns: connections, what was learnt. Threads: none.
 */
#ifndef PROXY_LINE_H
#define PROXY_LINE_H

#include <sys/uio.h>

#include "route.h"
#include "upstream.h"

#define LINES_KEEP_NS  (UPSTREAM_KEEP_S * SECOND_NS)
#define LINES_KEPT     256               /* that nobody has taken */
#define LINES_KNOWN    256               /* origins; two of one place take turns */
#define LINES_KNOWN_NS (600 * SECOND_NS) /* then libcurl asks again what is spoken there */

struct lines;
struct line;

/* Who has taken a line. Neither is called from within line_take(). */
struct line_use {
	/** can() - it is open, or can be read or written */
	void (*can)(struct line *line, void *user);

	/**
	 * failed() - it was not made, or has not moved for too long; line_free() is all that is left
	 * @r: -EPROTO: TLS did not begin; -ETIMEDOUT; else why there is no connection
	 */
	void (*failed)(struct line *line, int r, void *user);
};

/** lines_new() - @upstream must outlive it. @ca_file: as tls_new(), borrowed. 0; -ENOMEM */
int lines_new(struct upstream *upstream, const char *ca_file, struct lines **ret);
/** lines_free() - those that are taken were freed before. NULL: nothing */
void lines_free(struct lines *lines);

/** lines_speak() - is it known that HTTP/1.1 is spoken there? Of http: always */
bool lines_speak(const struct lines *lines, const struct route_place *place);
/** lines_learn() - that it is, or is not */
void lines_learn(struct lines *lines, const struct route_place *place, bool speaks);
/** lines_doubt() - TLS did not begin with us: it is not learnt again for a while */
void lines_doubt(struct lines *lines, const struct route_place *place);

/** line_take() - one to there, which may still have to be made; @fresh: it is. 0; -ENOMEM, -EIO */
int line_take(struct lines *lines, const struct route_place *place, bool fresh,
	      const struct line_use *use, void *user, struct line **ret);

/** line_is_open() - else can() says when */
bool line_is_open(const struct line *line);

/** line_send() - of @n pieces, in one call. Bytes taken; -EAGAIN; else it has gone */
ssize_t line_send(struct line *line, const struct iovec *iov, int n);
/** line_recv() - bytes; 0: the other side has ended; -EAGAIN: can() says when; else it has gone */
ssize_t line_recv(struct line *line, char *bytes, size_t size);

/** line_wait() - can() is called for EPOLLIN (which is so at first), EPOLLOUT, both or nothing */
void line_wait(struct line *line, bool in, bool out);

/** line_keep() - for whoever comes next: a reply has come, whole, and nothing after it */
void line_keep(struct line *line);
/** line_free() - close it. NULL: nothing */
void line_free(struct line *line);

#endif
