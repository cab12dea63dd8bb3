/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_called.h - from what a person calls a guard to its number
 *
 * Called by: verbs that ask once. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_CALLED_H
#define TOOLS_CLEARANCE_CALLED_H

#include <stdbool.h>
#include <stdint.h>

/** called_is() - is @text its name, its container's id, or the first twelve digits or more of that? */
bool called_is(const char *text, const char *name, const char *container);

/**
 * called_guard() - its number; anything else is looked up among the guards of the hub at @path
 * @text: NULL: no guard was said: 0
 *
 * Return: 0; -EINVAL: it is nothing that a guard could be called; -ENOENT, -ENOTUNIQ, or why the hub
 * could not be asked; said.
 */
int called_guard(const char *text, const char *path, int64_t *ret);

#endif
