/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.h - what watchers say of containers, as far as the kernel says it too
 *
 * A claim is a process and what it is the first of. Believed is: it lives, its cgroup carries that
 * id, and it is that user's (claim.h). From there on a watcher may say what its user's guards are
 * called, and what people are told of them; the worst that a lying one does is to mislead about
 * containers that are its user's own.
 *
 * A container that asks for a guard (annotations terok.guard, terok.shield.profiles) and runs
 * without one, because no hook came with it or because somebody detached it, is an alarm: until
 * it ends or has a guard. The guard is not attached here. Without the hook a container has
 * sockets from before and the means to lead around the hooks (terok-bpfd(8), OCI HOOKS): a guard
 * would say that it is confined, and it is not. People hear how to do either.
 *
 * Owns: the table. Called by: core. Threads: none.
 */
#ifndef TEROK_CONTAINERS_H
#define TEROK_CONTAINERS_H

#include <stdint.h>

#include "base/event.h"
#include "kernel.h"
#include "terok/core_msg.h"

#define CONTAINERS_UID_MAX 1024 /* of one user; more are not looked at */
#define CONTAINERS_MAX     8192

struct containers;

struct containers_events {
	/* an alarm begins, or .over: ends */
	void (*alarm)(const struct msg_alarm *alarm, void *user);
	/* the guard is called something else now, or its pairs were written */
	void (*renamed)(uint32_t guard, void *user);
	void (*described)(uint32_t guard, void *user);
	/* every container of that user that runs was told */
	void (*swept)(uint32_t uid, void *user);
	/* what the file of its dossier says; NULL: nothing */
	void (*file)(uint32_t guard, const struct terok_dossier *says, void *user);
};

int containers_new(struct loop *loop, const struct kernel *kernel,
		   const struct containers_events *events, void *user, struct containers **ret);
void containers_free(struct containers *containers);

/** containers_begin() - its watcher is a new one, and says all of them again */
void containers_begin(struct containers *containers, uint32_t uid);

/** containers_hear() - a message of that user's watcher */
void containers_hear(struct containers *containers, uint32_t uid, const struct msg_packet *packet);

/** containers_has() - does that user's watcher see it run? */
bool containers_has(struct containers *containers, uint32_t uid, const char *id);

/** containers_guard() - there is a guard of that container; containers_gone() - no more */
void containers_guard(struct containers *containers, const struct terok_info *info);
void containers_gone(struct containers *containers, uint32_t guard);

/** containers_alarms() - every alarm of that user's containers; of root: all there are */
void containers_alarms(struct containers *containers, uint32_t uid,
		       void (*fn)(const struct msg_alarm *alarm, void *user), void *user);

#endif
