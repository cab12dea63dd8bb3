/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hooks.h - the programs on one cgroup: attach, find, exchange, take off
 *
 * They are attached to the cgroup itself, not by a link that a pin holds: so the cgroup
 * keeps them, and they keep the maps, whatever becomes of pins, agent and BPF file system.
 * What is ours is asked of the kernel (origin.h), never of a note about it.
 * Called by: guard.c and kernel.c, which hold policy.lock. Threads: none.
 */
#ifndef TEROK_HOOKS_H
#define TEROK_HOOKS_H

#include <stdbool.h>

#include "kernel.h"

/** hooks_type() - a hook's place on a cgroup (enum bpf_attach_type); negative: no hook */
int hooks_type(enum terok_hook hook);

/** hooks_type_name() - the same as bpftool calls it */
const char *hooks_type_name(enum terok_hook hook);

/**
 * hooks_attach() - attach what is missing, backstop first
 *
 * A program of another build, or over the maps of a load that was lost, is exchanged for
 * this one without a gap. Return: 0; -EBUSY a foreign program keeps ours out. On error what
 * was attached stays.
 */
int hooks_attach(const struct kernel *kernel, int cgroup_fd, struct problem *why);

/** hooks_renew() - the same, but only where one of ours is attached already */
int hooks_renew(const struct kernel *kernel, int cgroup_fd, struct problem *why);

/**
 * hooks_detach() - take every program of ours off, backstop last
 * @kernel: NULL: nothing is open, ask the kernel about each
 *
 * Return: how many there were, or a negative errno.
 */
int hooks_detach(const struct kernel *kernel, int cgroup_fd, struct problem *why);

/** hooks_count() - how many hooks have a program over these maps; negative: the kernel won't say */
int hooks_count(const struct kernel *kernel, int cgroup_fd);

#endif
