/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install.h - the gate's units, put into a user's folder and taken away again
 *
 * Called by: verb_install.c. Threads: none (systemctl is run).
 */
#ifndef GATE_INSTALL_H
#define GATE_INSTALL_H

#include <stdbool.h>

#include "life.h"

/**
 * install_program() - this program as a unit names it, the caller's to free
 *
 * Return: 0; -ENOENT it is not there any more (it was replaced while it ran), with @why.
 */
int install_program(char **ret, struct problem *why);

/** install_base() - the folder of mirrors, made if it is missing. 0; -ENOTDIR or why not, with @why */
int install_base(const char *base, struct problem *why);

/**
 * install_units() - write both, take away what older gates left, enable the socket, start it anew
 * @dry: say what would be done, and do nothing
 *
 * A service that runs is ended and begins again with the next who comes in: so it is never the
 * program of before. Says on standard output what is done.
 * Return: 0; -EPERM (root, the folder), -EINVAL (a value), -EALREADY a daemon serves, -ENOTCONN no
 * service manager: nothing is written then; or -EIO what systemd said; with @why.
 */
int install_units(const struct life_place *place, const char *bind, unsigned port, bool dry,
		  struct problem *why);

/** install_remove() - stop, disable and remove all units of a gate. 0 also if there are none */
int install_remove(const struct life_place *place, struct problem *why);

#endif
