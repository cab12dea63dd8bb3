/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recall.h - who asks what happened: one page of the journal at a time, for one after the other
 *
 * The journal is the core's, which has other things to do: one question is on its way to it at
 * any time, for one page, and users take turns: each waits for one page of every other's at most,
 * however often those ask. A question is answered by its one page, so that whoever waits holds
 * no entries.
 * Owned by: hub.c. Called by: serve_history.c. Threads: none.
 */
#ifndef HUB_RECALL_H
#define HUB_RECALL_H

#include <stdbool.h>
#include <stdint.h>

#include "terok/core_msg.h"

/* One question; embedded in whoever asks it. */
struct recall {
	struct recall *next;
	uint32_t uid, guard; /* guard 0: all that the user may see */
	uint64_t after;      /* only entries before that number; 0: from the newest */
	uint32_t limit;      /* entries; MSG_HISTORY_MAX come at most */
	uint64_t round;      /* its turn */
	/* one entry; false: that is enough, there are more */
	bool (*entry)(struct recall *recall, const struct msg_entry *entry);
	/* the last; @error: negative errno. May free @recall. */
	void (*done)(struct recall *recall, bool more, int error);
};

struct recalls {
	int (*ask)(const struct msg_history *wanted, void *user); /* NULL: there is no journal */
	void *user;
	struct recall *waiting;
	struct recall *now; /* for whom the core was asked; NULL: nobody, or he was forgotten */
	uint64_t token;     /* of that */
	bool busy;          /* the core owes the rest of an answer */
	uint64_t round;     /* that is being served */
	uint32_t last_uid;  /* whose turn was it? */
	bool enough;        /* the rest of what the core sends is not wanted */
};

/** recall_begin() - ask; done() is called once, maybe from within, unless recall_end() is */
void recall_begin(struct recalls *recalls, struct recall *recall);

/** recall_end() - forget it, also before it is done */
void recall_end(struct recalls *recalls, struct recall *recall);

/** recall_entry() - one that was asked for; recall_done() - no more; those of others are passed over */
void recall_entry(struct recalls *recalls, const struct msg_entry *entry);
void recall_done(struct recalls *recalls, const struct msg_listed *listed);

#endif
