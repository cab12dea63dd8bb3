/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feeder.h - what the runtime does with containers of this house, as events, and who acts on them
 *
 * podman's events are followed for as long as we live, from just before its containers were listed:
 * what happens meanwhile is told by one of the two, or by both, in its order. When the stream ends it
 * is begun anew, from the last that was heard of, so that nothing between is lost. A container of an
 * agent that starts is dialled, one that stops is not any more, and the row of one that is removed
 * goes. Those who act are called here and not by the bus, which drops what is too much.
 *
 * Owns: podman's processes. Called by: sessions. Threads: none.
 */
#ifndef REGISTRY_FEEDER_H
#define REGISTRY_FEEDER_H

#include "base/event.h"
#include "base/problem.h"
#include "bus.h"

#define FEEDER_EVICTS 5         /* that fail one after the other are an error that is said once */
#define FEEDER_LINE   (1 << 20) /* bytes of one event: a container's labels */
#define FEEDER_ROUND  512 /* containers of a list that are told in one round: the bus has an end */

struct feeder;

struct feeder_use {
	struct loop *loop;
	struct bus *bus;
	void (*dial)(void *user, const char *container);
	void (*cancel)(void *user, const char *container);
	int (*evict)(void *user, const char *container, struct problem *why);
	/* before those: it has stopped or gone; NULL: any may have, while nobody told us */
	void (*moved)(void *user, const char *container);
	void *user;
	int by;                              /* as runtime_podman_new() has it */
	uint64_t backoff_ns, backoff_max_ns; /* 0: 1 s, 30 s */
};

/** feeder_new() - begin; all of @use must be, -EINVAL */
int feeder_new(const struct feeder_use *use, struct feeder **ret);

/** feeder_free() - NULL: nothing */
void feeder_free(struct feeder *feeder);

/**
 * feeder_take_list() - what `podman ps --format json` says, FEEDER_ROUND of it now. For tests, too
 *
 * Return: containers; -EBADMSG: it is no list, and nothing of it is taken.
 */
int feeder_take_list(struct feeder *feeder, const char *text, size_t size);

/** feeder_take_event() - one line of `podman events --format json`; 0; -EBADMSG */
int feeder_take_event(struct feeder *feeder, const char *text, size_t size);

#endif
