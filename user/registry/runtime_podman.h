/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime_podman.h - podman's words: a list of ids, and what it inspects, to structs
 *
 * Called by: runtime_podman.c, tests. Threads: no state, any.
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

#endif
