/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.h - the gate's units as text: made for one user, and read again when somebody asks
 *
 * Two units: terok-gate.socket listens, terok-gate.service serves all who come. Both are made
 * from the files beside this one, with where things are filled in, for each user: that is
 * why `make install` and terok-bpfd setup leave them alone. Line 1 of every unit of a gate is
 * "# terok-gate-version: N", by which a gate knows units of before, also under other names.
 * Threads: none.
 */
#ifndef GATE_UNIT_H
#define GATE_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"

/*
 * The programs that were before this one have counted to 13, and call a lower number outdated:
 * ours is above theirs, with room for what they may still count.
 */
#define UNIT_VERSION 20
#define UNIT_MARK    "# terok-gate-version:"
#define UNIT_SOCKET  "terok-gate.socket"
#define UNIT_SERVICE "terok-gate.service"
#define UNIT_MAX     65536 /* bytes of a unit that we read */

/* What is filled in; paths are absolute. */
struct unit_values {
	const char *program;
	const char *bind; /* IPv4 or IPv6, as numbers */
	unsigned port;
	const char *state; /* root of the state, as this user's programs find it */
	const char *base, *tokens;
};

/**
 * unit_make() - both texts, the caller's to free
 *
 * Return: 0; -EINVAL a value that no unit can hold (a newline, CR or other control character, a
 * byte that is no UTF-8; of the program anything but letters, digits and /._+-; an address
 * that is none), -ENOMEM, with @why.
 */
int unit_make(const struct unit_values *values, char **ret_socket, char **ret_service,
	      struct problem *why);

/** unit_marked() - is its first line the one of a gate's unit, with whatever number? */
bool unit_marked(const char *text);

/** unit_version() - the number of its first line; -ENOENT: none that can be read */
int unit_version(const char *text);

/**
 * unit_exec_word() - a word of its ExecStart= as the program gets it, the caller's to free
 * @begin: how the word begins ("--base-path="): what is behind that; "" is the program
 *
 * NULL: there is none, or no memory.
 */
char *unit_exec_word(const char *text, const char *begin);

/**
 * unit_listen() - where its first ListenStream= is
 * @ret_port: 0: it is a unix socket
 *
 * Return: the address or path, the caller's to free; NULL: none that can be read.
 */
char *unit_listen(const char *text, unsigned *ret_port);

#endif
