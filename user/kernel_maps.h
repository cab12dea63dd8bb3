/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_maps.h - the maps of a load: which there are, and those of a build before this one
 *
 * A map that is there is used as it is, so that rules, guards and records stay; one that this
 * build has and the other had not is made, empty. Every map is looked at before anything is
 * changed: pins that this build cannot use stay as they were, with all that they guard.
 * Called by: kernel.c, which holds policy.lock. Threads: none.
 */
#ifndef TEROK_KERNEL_MAPS_H
#define TEROK_KERNEL_MAPS_H

#include <stdbool.h>

#include "kernel.h"
#include "pins.h"

struct bpf_object;

/** kernel_map_name() - as the kernel and its pin have it */
const char *kernel_map_name(enum kernel_map map);

/**
 * kernel_maps_adopt() - let @object use the maps that are there; before it is loaded
 * @lost: a program of a guard that stands without pins: its maps; -1: those that are pinned
 * @news: maps that are not there, which its load will make
 *
 * Return: 0; -EUCLEAN one is missing that none can do without; -EEXIST one has another layout.
 */
int kernel_maps_adopt(struct bpf_object *object, int lost, unsigned *news, struct problem *why);

/** kernel_maps_pin_new() - pin what kernel_maps_adopt() did not find */
int kernel_maps_pin_new(const struct kernel *kernel, struct problem *why);

/** kernel_maps_open() - open all that are pinned; -EUCLEAN: one is missing */
int kernel_maps_open(struct kernel *kernel, struct problem *why);

/** kernel_pin_problem() - why a pin cannot be opened, from errno; missing among others: -EUCLEAN */
int kernel_pin_problem(const char *path, const char *cure, struct problem *why);

#endif
