/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin.h - whose program is it: what a program in the kernel says of its maps
 *
 * Every program of ours has terok_meta among its maps, and that names the pin and runtime
 * folders it was loaded for. So a program on a cgroup is known for ours without any pin,
 * and another terok-bpfd's, with folders of its own, for another's.
 * Called by: hooks.c and kernel.c. Threads: none.
 */
#ifndef TEROK_ORIGIN_H
#define TEROK_ORIGIN_H

#include <stdint.h>

#include "terok/abi.h"

struct origin {
	uint32_t meta_id; /* of the map: programs with the same share all maps */
	struct terok_meta meta;
};

/** origin_of() - where a program comes from; -ENOENT: it is none of terok-bpfd's */
int origin_of(int prog_fd, struct origin *ret);

/** origin_map() - a descriptor of the program's map of that name, the caller's; -ENOENT */
int origin_map(int prog_fd, const char *name);

/**
 * origin_each() - every program in the kernel that was loaded for @instance
 * @fn: not 0 ends the walk; a negative errno is an error
 */
int origin_each(uint64_t instance, int (*fn)(int prog_fd, const struct origin *origin, void *user),
		void *user);

#endif
