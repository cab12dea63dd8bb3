/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hidden.h - refs of ours out of the list that git's oldest clients read
 *
 * git leaves out what transfer.hideRefs says of what it tells by its own protocols, but not of
 * the plain list (GET info/refs without a service): what is under refs/terok/ is left out here,
 * line by line, as it passes. Called by: server.c. Threads: none.
 */
#ifndef GATE_HIDDEN_H
#define GATE_HIDDEN_H

#include <stdbool.h>
#include <stddef.h>

#define HIDDEN_ROOM 96 /* bytes of a line that say whether it is one: an id, a tab, the prefix */

/* Zero: at the beginning of a line. */
struct hidden {
	char begin[HIDDEN_ROOM];
	size_t n;     /* bytes of it that are held back */
	bool decided; /* the rest of this line goes the same way */
	bool leave;   /* ... which is nowhere */
};

/**
 * hidden_pass() - the next @n bytes
 * @ret: room for @n + HIDDEN_ROOM; may be HIDDEN_ROOM bytes or more before @bytes in one buffer
 *
 * Return: bytes of @ret that may be told.
 */
size_t hidden_pass(struct hidden *hidden, const char *bytes, size_t n, char *ret);

#endif
