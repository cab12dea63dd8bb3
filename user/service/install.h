/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install.h - a service's units, put into a user's folder and taken away again
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
 * Return: 0; -EPERM (root, the folder), -EINVAL (a value), -EALREADY a daemon serves, -ENOTCONN no
 * service manager: nothing is written then; or -EIO what systemd said; with @why.
 */
int install_units(const struct service *service, const struct install *install,
		  struct problem *why);

/** install_remove() - stop, disable and remove all units of a service. 0 also if there are none */
int install_remove(const struct service *service, const struct life_place *place,
		   struct problem *why);

#endif
