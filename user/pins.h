/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pins.h - the pin folder as a folder: paths, staging, versions, removal
 *
 * Owns: directory operations under kernel_pins() and its parent, nothing inside BPF.
 * Called by: kernel.c and guard.c. bpffs refuses names with a dot, so guards are numbers.
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

/** pins_exist() - is something of this version pinned? */
bool pins_exist(void);

/** pins_mount() - mount bpffs at its usual place if nothing is there; *@mounted: we did */
int pins_mount(bool *mounted, struct problem *why);

/** pins_check_version() - -EEXIST with its name if pins of another version are there */
int pins_check_version(struct problem *why);

/** pins_stage_begin() - an empty folder to build in; what a dead agent left there goes */
int pins_stage_begin(struct problem *why);

/** pins_stage_publish() - one rename: it is all there or not at all */
int pins_stage_publish(struct problem *why);

/** pins_guard_dir() - make guards/@id */
int pins_guard_dir(uint32_t id, struct problem *why);

/** pins_guard_remove() - remove guards/@id and the links in it, backstop last */
int pins_guard_remove(uint32_t id, struct problem *why);

/**
 * pins_sweep() - remove the folders of guards whose cgroup is gone with its last socket
 *
 * The caller holds policy.lock.
 */
void pins_sweep(void);

/** pins_each_guard() - every number under guards/, in no order; stops at fn's first non-zero */
int pins_each_guard(int (*fn)(uint32_t id, void *user), void *user);

/** pins_remove() - everything of this version, links first; counts maps, programs, guards */
int pins_remove(unsigned *maps, unsigned *progs, unsigned *guards, struct problem *why);

#endif
