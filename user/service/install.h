/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install.h - a service's units, put into a user's folder (root's: the system's) and taken away again
 *
 * Called by: the verbs install and uninstall of each. Threads: none (systemctl is run).
 */
#ifndef SERVICE_INSTALL_H
#define SERVICE_INSTALL_H

#include <stdbool.h>

#include "life.h"
#include "unit.h"

/**
 * install_program() - this program as a unit names it, the caller's to free
 *
 * Return: 0; -ENOENT it is not there any more (it was replaced while it ran), with @why.
 */
int install_program(char **ret, struct problem *why);

/** install_target() - what wants a service that is enabled */
const char *install_target(const struct service *service);

/* Where files are, as this user's programs find them: the service manager's environment is another. */
struct install_roots {
	char *credentials, *state, *runtime;
};

#define INSTALL_ROOTS 3

/** install_roots_find() - 0 and @ret, the caller's to install_roots_done(); -ENOENT no home, with @why */
int install_roots_find(struct install_roots *ret, struct problem *why);
void install_roots_done(struct install_roots *roots);

/** install_roots_values() - @CREDENTIALS@, @STATE@, @RUNTIME@: INSTALL_ROOTS of them into @ret; how many */
unsigned install_roots_values(const struct install_roots *roots, struct unit_value *ret);

/* What the units are made of. */
struct install {
	const struct life_place *place;
	const struct unit_value *values; /* see unit_make() */
	/* makes what has to be there before anybody is begun; negative errno with @why. NULL: nothing */
	int (*prepare)(const void *prepared, struct problem *why);
	const void *prepared;
	bool dry; /* say what would be done, and do nothing */
};

/**
 * install_units() - write both, take away what older ones left, enable the socket, start it anew
 *
 * A service that runs is ended and begins again with the next who comes in: so it is never the
 * program of before. Says on standard output what is done.
 * Return: 0; -EPERM (root, of a service that it has not; the folder), -EINVAL (a value), -EALREADY a daemon serves, -ENOTCONN no
 * service manager: nothing is written then; or -EIO what systemd said; with @why.
 */
int install_units(const struct service *service, const struct install *install,
		  struct problem *why);

/** install_remove() - stop, disable and remove all units of a service. 0 also if there are none */
int install_remove(const struct service *service, const struct life_place *place,
		   struct problem *why);

#endif
