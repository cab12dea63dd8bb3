/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - words over a stream socket, in both directions, without blocking
 *
 * Both ends have one. What cannot go now is kept; who of the peers makes that grow beyond
 * LINK_OWED is asked to wait by link_is_full(). Owns: the buffers; the descriptor until
 * link_done(). Threads: none.
 */
#ifndef SIGNER_LINK_H
#define SIGNER_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/event.h"
#include "wire.h"
#include "words.h"

#define LINK_OWED (4 << 20) /* bytes that wait to be sent: a number of the largest words */

struct link;

/** link_fn - one word; negative errno ends the link with it. It may say words, not end the link */
typedef int (*link_fn)(struct link *link, const struct word *word, struct span payload);

/** link_end_fn - the other end has gone (0), or broke the rules; link_done() is the owner's to call */
typedef void (*link_end_fn)(struct link *link, int error);

struct link {
	struct loop *loop;
	struct source source;
	int fd;
	link_fn said;
	link_end_fn ended;
	void (*drained)(struct link *link); /* there is room again; may be NULL */
	struct {
		uint8_t *bytes;
		size_t from, n, room; /* used: from..n */
	} in, out;
	bool full, over;
};

#define LINK_NONE ((struct link){ .fd = -1 })

/** link_begin() - speak over @fd, the link's from now; fill in said and ended first */
int link_begin(struct loop *loop, struct link *link, int fd);

/** link_say() - one word, whose payload is @head and @rest behind it. 0; -ENOMEM; -EPIPE: it is over */
int link_say(struct link *link, enum word_type type, uint64_t session, struct span head,
	     struct span rest);

/** link_is_full() - too much waits: say no more until drained() */
bool link_is_full(struct link *link);

void link_done(struct link *link);

#endif
