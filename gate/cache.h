/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - a clone with a work tree, made from the mirror, that a task's folder begins with
 *
 * <state>/clone-cache/<project>. What it is missing or has too much of is put right in place; if
 * that fails it is made anew, beside its place. No object is shared with the mirror by a hard
 * link: who writes to the cache must not write to the mirror.
 * Threads: none (git is run).
 */
#ifndef GATE_CACHE_H
#define GATE_CACHE_H

#include "mirror.h"

/**
 * cache_refresh() - make it what the mirror's HEAD is
 * @folder: of caches; NULL: the default one
 * @anew: what is there goes
 *
 * Return: 0; a negative errno with @why, and then the cache is as before, or there is none.
 */
int cache_refresh(const struct mirror *mirror, const char *folder, bool anew, struct problem *why);

#endif
