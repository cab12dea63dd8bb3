/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub_reader.h - the back end of a user's session: readers tell, a verdict helper carries out
 *
 * Lines of readers become events, as the contract maps them. A blocked connection with an id
 * is a request of its container; its target is the name if the reader knows one, else the
 * address. A container that ends, or whose shield is taken down, takes its requests with it,
 * whichever of its names it was called by (reader_names.h).
 * An answer goes to the helper; what became of it goes to everybody. The helper knows allow and
 * deny, without an end: an answer for once or for a time is not taken.
 *
 * Requests, answers, and what ended go into the journal (history.h), in which containers have no
 * numbers.
 *
 * Everything belongs to the user whose session it is: there are no guards.
 * Owns: the hub, and the helper's client. Called by: standalone.c. Threads: none.
 */
#ifndef HUB_HUB_READER_H
#define HUB_HUB_READER_H

#include "base/event.h"
#include "history.h"
#include "hub.h"
#include "reader_line.h"

struct hub_reader;

/**
 * hub_reader_new()
 * @helper:  path of the verdict helper's socket; stays the caller's
 * @history: what happens is noted there; outlives it; NULL: no history is kept
 */
int hub_reader_new(struct loop *loop, const char *helper, struct history *history,
		   struct hub_reader **ret);
void hub_reader_free(struct hub_reader *reader);
DEFINE_CLEANUP(struct hub_reader, hub_reader_free)

/** hub_reader_hub() - the hub that it is the back end of */
struct hub *hub_reader_hub(struct hub_reader *reader);

/** hub_reader_hear() - one line of a reader; an ingest_fn, @user is the struct hub_reader */
void hub_reader_hear(const struct reader_line *line, void *user);

/** hub_reader_close() - @idle is called when no answer is with the helper, which may be at once */
void hub_reader_close(struct hub_reader *reader, void (*idle)(void *user), void *user);

#endif
