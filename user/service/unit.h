/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit.h - a service's units as text: made for one user, and read again when somebody asks
 *
 * Two units: NAME.socket listens, NAME.service serves all who come. Both are made from the files
 * beside the program that they are of, with where things are filled in, for each user: that is why
 * `make install` and terok-bpfd setup leave them alone. Line 1 of every unit has a mark with a
 * number, "# terok-gate-version: N", by which units of before are known, also under other names.
 * Threads: none.
 */
#ifndef SERVICE_UNIT_H
#define SERVICE_UNIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"
#include "service.h"

/*
 * The programs that were before these have counted to 13, and call a lower number outdated: ours
 * is above theirs, with room for what they may still count.
 */
#define UNIT_VERSION 20
#define UNIT_MAX     65536 /* bytes of a unit that we read */
#define UNIT_TCP     64    /* bytes of "[IPv6]:port" and a NUL */

enum unit_kind {
	UNIT_EXEC,    /* a word of ExecStart=, an absolute path behind .begin */
	UNIT_PROGRAM, /* the first of them, which can have only some characters */
	UNIT_SETTING, /* a word of another line, an absolute path behind .begin */
	UNIT_NUMBER,  /* a word of ExecStart=, any text behind .begin */
	UNIT_LINE,    /* all of a line */
};

/* What is filled in for @NAME@; words of one name stand there one after the other. */
struct unit_value {
	const char *name;
	enum unit_kind kind;
	const char *what; /* as people call it: "--base-path" */
	const char *begin, *value;
};

/**
 * unit_make() - both texts, the caller's to free
 * @values: what is filled in; a NULL name ends them
 *
 * @VERSION@ is the service's. Return: 0; -EINVAL a value that no unit can hold (a newline, CR or
 * other control character, a byte that is no UTF-8; of the program anything but letters, digits
 * and /._+-; a path that is not absolute), -ENOMEM, with @why.
 */
int unit_make(const struct service *service, const struct unit_value *values, char **ret_socket,
	      char **ret_unit, struct problem *why);

/**
 * unit_tcp() - an address and a port as ListenStream= has them
 * @bind: IPv4 or IPv6, as numbers
 *
 * Return: 0; -EINVAL with @why.
 */
int unit_tcp(const char *bind, unsigned port, char ret[static UNIT_TCP], struct problem *why);

/** unit_marked() - does its first line begin with that mark, with whatever number? */
bool unit_marked(const char *text, const char *mark);

/** unit_version() - the number of its first line, behind the mark; -ENOENT: none that can be read */
int unit_version(const char *text, const char *mark);

/**
 * unit_exec_word() - a word of its ExecStart= as the program gets it, the caller's to free
 * @begin: how the word begins ("--base-path="): what is behind that; "" is the program
 *
 * NULL: there is none, or no memory.
 */
char *unit_exec_word(const char *text, const char *begin);

/**
 * unit_listen() - where its first ListenStream= with a port is, else its first
 * @ret_port: 0: it is a unix socket
 *
 * Return: the address or path, the caller's to free; NULL: none that can be read.
 */
char *unit_listen(const char *text, unsigned *ret_port);

#endif
