/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - what the tests' name server says to one message
 *
 * Right answers and wrong ones: everything about a behaviour that is in the bytes is done
 * here, what is about time and order is done by the server. Called by: server.c. Threads: none.
 */
#ifndef TESTS_NAMES_REPLY_H
#define TESTS_NAMES_REPLY_H

#include <stddef.h>

#include "names/zone.h"

#define REPLY_MAX 65535

struct reply {
	struct zone_name *name; /* who says how it is answered; NULL: no such name */
	char asked[ZONE_NAME];  /* lower case, the root as "." */
	uint16_t type;
	size_t size;
	uint8_t bytes[REPLY_MAX];
};

/**
 * reply_build() - what @zone says to @query
 * @tcp: else by UDP: 512 bytes or what the query takes, TC and whole records when that is less
 *
 * Return: 0; -1: it is no question, and nothing is said.
 */
int reply_build(const struct zone *zone, const uint8_t *query, size_t size, bool tcp,
		struct reply *ret);

/** reply_forge() - as @right, but with another id, and an address of the forger's */
void reply_forge(const struct reply *right, struct reply *ret);

#define REPLY_FORGED  "192.0.2.66"
#define REPLY_FORGED6 "2001:db8::66"

#endif
