/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watched.h - the guards as a running agent knows them: news, own addresses, ends
 *
 * The truth is in the pinned maps; this table remembers what people were last told, so
 * that a change (by a verb, by a dying cgroup) becomes one piece of news. For each guard
 * it holds a watch on the cgroup (it ends: detach) and one on the addresses of its
 * network namespace (they change: write them as the guard's own).
 * Called by: core. Threads: none.
 */
#ifndef TEROK_WATCHED_H
#define TEROK_WATCHED_H

#include "base/cleanup.h"
#include "base/event.h"
#include "guard.h"
#include "terok/core_msg.h"

struct watched;

struct watched_events {
	void (*guard)(const struct guard *guard, enum guard_news news, uint64_t token, void *user);
	void (*gone)(uint32_t id, const char *reason, void *user);
	/* its processes are in that network namespace, -1: ours; also when a verb changed it */
	void (*placed)(uint32_t id, int netns_fd, void *user);
	/* its last process has ended; its namespace is left to end as well */
	void (*emptied)(uint32_t id, void *user);
};

int watched_new(struct loop *loop, const struct kernel *kernel, const struct watched_events *events,
		void *user, struct watched **ret);
void watched_free(struct watched *watched);

/** watched_adopt() - look at every guard there is; those whose cgroup has gone are detached */
void watched_adopt(struct watched *watched);

/** watched_meet() - look at a guard only if it is not known yet; cheap if it is */
void watched_meet(struct watched *watched, uint32_t id);

/** watched_look() - look at one guard again; news if it is new, changed or gone */
void watched_look(struct watched *watched, uint32_t id);

/** watched_check() - has its cgroup gone meanwhile? Then it ends */
void watched_check(struct watched *watched, uint32_t id);

/** watched_end() - its container has ended; what is left of its cgroup is empty */
void watched_end(struct watched *watched, uint32_t id);

/** watched_renamed() - news that it is called something else */
void watched_renamed(struct watched *watched, uint32_t id);

/** watched_list() - tell every guard as it is now (GUARD_LISTED), with @token */
void watched_list(struct watched *watched, uint64_t token);

/** watched_netns() - where the first process of that guard lived; borrowed; -1: not known, or empty */
int watched_netns(const struct watched *watched, uint32_t id);

/** watched_count() - how many there are */
unsigned watched_count(const struct watched *watched);

#endif
