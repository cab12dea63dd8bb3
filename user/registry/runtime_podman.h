/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime_podman.h - podman's words: a list of ids, and what it inspects, to structs
 *
 * Called by: runtime_podman.c, feeder, tests. Threads: no state, any.
 */
#ifndef REGISTRY_RUNTIME_PODMAN_H
#define REGISTRY_RUNTIME_PODMAN_H

#include <stddef.h>

#include "runtime.h"

/** podman_ids() - one id a line into @ret of RUNTIME_MAX; how many, or -EBADMSG, -EFBIG */
int podman_ids(const char *text, size_t size, struct runtime_container *ret);

/**
 * podman_inspected() - the array of `podman container inspect`, of the containers that it has
 * @container: @n of them, of which ids are known; those that are found are first afterwards
 *
 * Return: how many were found, whole; -EBADMSG.
 */
int podman_inspected(const char *text, size_t size, const char *network,
		     struct runtime_container *container, unsigned n);

#define PODMAN_ENV 7 /* with a NULL */

/** podman_environment() - what podman finds itself and its containers by; borrowed from ours */
void podman_environment(const char *env[static PODMAN_ENV]);

#endif
