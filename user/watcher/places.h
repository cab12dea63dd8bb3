/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/places.h - files and folders whose changes mean something, also before they are there
 *
 * A place is wanted anew in each round and forgotten when it was not. As long as a folder is not
 * there the one above it is watched, for that name. One inotify descriptor; nothing is read but
 * its events. Threads: none.
 */
#ifndef TEROK_WATCHER_PLACES_H
#define TEROK_WATCHER_PLACES_H

#include "base/event.h"

#define PLACES_MAX 4096 /* more are not watched: what changes there is seen in the next round */

enum place_kind {
	PLACE_LOOK, /* something may have begun or ended: look at all */
	PLACE_LOG,  /* podman's log of events */
	PLACE_META, /* a file that stands over a dossier */
	PLACE_KIND_MAX_,
};

struct places;

/** places_fn - something changed at a place of each kind of @kinds (bit 1 << kind) */
typedef void (*places_fn)(unsigned kinds, void *user);

int places_new(struct loop *loop, places_fn changed, void *user, struct places **ret);
void places_free(struct places *places);

/** places_begin() - a round; places_end() - what was not wanted since is not watched any more */
void places_begin(struct places *places);
void places_end(struct places *places);

/**
 * places_want() - watch that folder
 * @name: only what is called so in it; "" anything; one that begins with '*': what ends so
 */
void places_want(struct places *places, enum place_kind kind, const char *folder, const char *name);

#endif
