/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit_dir.h - the folder of a user's units, and what a service has there
 *
 * Threads: none shared.
 */
#ifndef SERVICE_UNIT_DIR_H
#define SERVICE_UNIT_DIR_H

#include <stdbool.h>

#include "base/problem.h"
#include "service.h"

/**
 * unit_dir_path() - $XDG_CONFIG_HOME or ~/.config, /systemd/user: the caller's; NULL: no home
 *
 * Root's, of a service that root has: the system's, /etc/systemd/system.
 */
char *unit_dir_path(const struct service *service);

/**
 * unit_dir_open() - open it to write there, made if it is missing
 * @make: else it must be there already
 *
 * Return: a descriptor, the caller's; -EPERM: we are root, who has none; or it is outside the home, or others
 * may write to it; -ENOENT; with @why.
 */
int unit_dir_open(const struct service *service, const char *path, bool make, struct problem *why);

/**
 * unit_dir_check() - could unit_dir_open() be done? Nothing is made
 *
 * Return: 0; -EPERM with @why.
 */
int unit_dir_check(const struct service *service, const char *path, struct problem *why);

/** unit_dir_read() - a unit's text, the caller's to free; NULL: it is not there */
char *unit_dir_read(const char *path, const char *name);

/**
 * unit_dir_orphan_fn - a unit that the service put there, and that is none of the two
 *
 * Return: 0 to go on, else that is returned.
 */
typedef int (*unit_dir_orphan_fn)(const char *name, void *user);

/** unit_dir_orphans() - each file named as a kind of its units is, with that kind's mark in line 1 */
int unit_dir_orphans(const struct service *service, const char *path, unit_dir_orphan_fn fn,
		     void *user);

#endif
