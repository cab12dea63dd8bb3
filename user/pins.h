/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pins.h - the pin folder as a folder: paths, staging, versions, removal
 *
 * Owns: directory operations under kernel_pins() and its parent, nothing inside BPF.
 * Called by: kernel.c, guard.c and hooks.c.
 * Threads: none; callers hold policy.lock.
 */
#ifndef TEROK_PINS_H
#define TEROK_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"

#define PINS_PATH_LEN 192

/** pins_path() - a path below the pin folder of this version; returns @buf */
const char *pins_path(char buf[static PINS_PATH_LEN], const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** pins_stage_path() - the same below the folder that is being built */
const char *pins_stage_path(char buf[static PINS_PATH_LEN], const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/**
 * pins_instance() - the pin and runtime folders in use, as a number; never 0
 *
 * Whoever has the same shares policy.lock with us, so what is theirs is ours.
 */
uint64_t pins_instance(void);

/** pins_exist() - is something of this version pinned? */
bool pins_exist(void);

/** pins_mount() - mount bpffs at its usual place if nothing is there; *@mounted: we did */
int pins_mount(bool *mounted, struct problem *why);

/** pins_check_version() - -EEXIST with its name if pins of another version are there */
int pins_check_version(struct problem *why);

/** pins_stage_begin() - an empty folder to build in; what a dead agent left there goes */
int pins_stage_begin(struct problem *why);

/** pins_stage_drop() - remove it with what is in it */
void pins_stage_drop(void);

/** pins_stage_publish() - one rename: it is all there or not at all */
int pins_stage_publish(struct problem *why);

/**
 * pins_links_remove() - remove guards/@id, where a build before this one kept links
 *
 * The backstop goes last. Hooks are attached without links now (hooks.h).
 */
int pins_links_remove(uint32_t id, struct problem *why);

/** pins_links_stand() - is the backstop of such a folder still on a cgroup? */
bool pins_links_stand(uint32_t id);

/** pins_each_links() - every number under guards/, in no order; stops at fn's first non-zero */
int pins_each_links(int (*fn)(uint32_t id, void *user), void *user);

/** pins_remove() - everything, of every version, old links first; counts maps, programs, guards */
int pins_remove(unsigned *maps, unsigned *progs, unsigned *guards, struct problem *why);

#endif
