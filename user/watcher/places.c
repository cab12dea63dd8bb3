// SPDX-License-Identifier: Apache-2.0
#include "watcher/places.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "watcher/monitor.h"

#define CHANGES                                                                                    \
	(IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE_SELF |   \
	 IN_MOVE_SELF)
#define GONE (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)

struct place {
	char folder[MONITOR_PATH], name[64];
	enum place_kind kind;
	unsigned round; /* that wanted it last */
	int wd;         /* -1: not watched */
	bool above;     /* the folder is not there: what is watched is one above it */
	char next[64];  /* ... for this name */
};

struct places {
	struct loop *loop;
	places_fn changed;
	void *user;
	int fd;
	struct source source;
	unsigned round, n, room;
	struct place *place;
};

/* What a folder's path begins with is watched in its place. */
static void place_watch_above(struct places *places, struct place *place)
{
	char above[MONITOR_PATH];
	char *cut;

	strcpy(above, place->folder);
	while (place->wd < 0 && (cut = strrchr(above, '/'))) {
		snprintf(place->next, sizeof(place->next), "%s", cut + 1);
		*cut = '\0';
		place->wd = inotify_add_watch(places->fd, *above ? above : "/",
					      CHANGES | IN_MASK_ADD | IN_ONLYDIR);
	}
	place->above = place->wd >= 0;
}

static void place_watch(struct places *places, struct place *place)
{
	unsigned mask = place->kind == PLACE_LOOK ? CHANGES : CHANGES | IN_MODIFY;

	place->above = false;
	place->wd = inotify_add_watch(places->fd, place->folder, mask | IN_MASK_ADD | IN_ONLYDIR);
	if (place->wd < 0)
		place_watch_above(places, place);
}

static void place_unwatch(struct places *places, struct place *place)
{
	for (unsigned i = 0; i < places->n; i++)
		if (&places->place[i] != place && places->place[i].wd == place->wd)
			return;
	inotify_rm_watch(places->fd, place->wd);
}

static bool is_named(const char *want, const char *name)
{
	size_t n = strlen(name), tail = strlen(want) - 1;

	if (*want == '*')
		return n >= tail && !strcmp(name + n - tail, want + 1);
	return !*want || !strcmp(want, name);
}

/* Which kinds of places one event is about. */
static unsigned event_kinds(struct places *places, const struct inotify_event *event)
{
	const char *name = event->len ? event->name : "";
	unsigned kinds = 0;

	if (event->mask & IN_Q_OVERFLOW)
		return (1U << PLACE_KIND_MAX_) - 1;
	for (unsigned i = 0; i < places->n; i++) {
		struct place *place = &places->place[i];

		if (place->wd != event->wd)
			continue;
		if (event->mask & IN_IGNORED)
			place->wd = -1;
		if (place->above && is_named(place->next, name))
			kinds |= 1U << place->kind | 1U << PLACE_LOOK;
		else if (event->mask & GONE || (!place->above && is_named(place->name, name)))
			kinds |= 1U << place->kind;
	}
	return kinds;
}

static int on_events(struct source *source, uint32_t events)
{
	struct places *places = container_of(source, struct places, source);
	char buf[4096] __attribute__((__aligned__(__alignof__(struct inotify_event))));
	ssize_t n = read(places->fd, buf, sizeof(buf));
	unsigned kinds = 0;

	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event = (void *)(buf + at);

		kinds |= event_kinds(places, event);
		at += sizeof(*event) + event->len;
	}
	if (kinds)
		places->changed(kinds, places->user);
	return 0;
}

int places_new(struct loop *loop, places_fn changed, void *user, struct places **ret)
{
	struct places *places = calloc(1, sizeof(*places));
	int r;

	if (!places)
		return -ENOMEM;
	*places = (struct places){ .loop = loop, .changed = changed, .user = user };
	places->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = places->fd < 0 ? -errno
			   : source_add(loop, &places->source, places->fd, EPOLLIN, on_events);
	if (r) {
		places_free(places);
		return r;
	}
	*ret = places;
	return 0;
}

void places_free(struct places *places)
{
	if (!places)
		return;
	source_del(&places->source);
	closep(&places->fd);
	free(places->place);
	free(places);
}

void places_begin(struct places *places)
{
	places->round++;
}

void places_end(struct places *places)
{
	for (unsigned i = 0; i < places->n;) {
		struct place *place = &places->place[i];

		if (place->round == places->round) {
			i++;
			continue;
		}
		if (place->wd >= 0)
			place_unwatch(places, place);
		*place = places->place[--places->n];
	}
}

static struct place *place_get(struct places *places)
{
	unsigned room = places->room ? 2 * places->room : 16;
	struct place *more;

	if (places->n == PLACES_MAX)
		return NULL;
	if (places->n < places->room)
		return &places->place[places->n++];
	more = realloc(places->place, room * sizeof(*more));
	if (!more)
		return NULL;
	places->place = more;
	places->room = room;
	return &places->place[places->n++];
}

void places_want(struct places *places, enum place_kind kind, const char *folder, const char *name)
{
	struct place *place = NULL;

	if (strlen(folder) >= sizeof(place->folder) || strlen(name) >= sizeof(place->name))
		return;
	for (unsigned i = 0; i < places->n && !place; i++)
		if (places->place[i].kind == kind && !strcmp(places->place[i].folder, folder) &&
		    !strcmp(places->place[i].name, name))
			place = &places->place[i];
	if (!place) {
		place = place_get(places);
		if (!place)
			return;
		*place = (struct place){ .kind = kind, .wd = -1 };
		strcpy(place->folder, folder);
		strcpy(place->name, name);
	}
	place->round = places->round;
	if (place->wd < 0 || place->above) /* the folder may be there now */
		place_watch(places, place);
}
