/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why_ask.h - ask, from inside a guard, what was refused and why
 *
 * Uses libc and nothing else, so that terok-why can be linked statically and copied into any
 * image; terok-clearance why is the same code.
 * Threads: none. Blocks, for WHY_ASK_S seconds at most, or as long as it is told to wait.
 */
#ifndef TOOLS_WHY_ASK_H
#define TOOLS_WHY_ASK_H

#include <stdbool.h>

#define WHY_ASK_S  5 /* one question */
#define WHY_WAIT_S 86400

/* Exit codes, for scripts. */
enum why_exit {
	WHY_RETRY = 0, /* nothing of that was refused, or it is allowed now */
	WHY_ALONE = 1, /* nobody is there to ask */
	WHY_WRONG = 2, /* the command line */
	WHY_LATER = 3, /* it waits for somebody, or for an end: ask again */
	WHY_NEVER = 4, /* refused, and nobody is asked */
};

struct why_wish {
	const char *dest; /* only of that address or name; NULL: all */
	bool json;
	unsigned wait_s; /* so long while the answer would be WHY_LATER; 0: not at all */
};

/**
 * why_ask() - print what the guard's agent says to stdout, and what is wrong to stderr
 *
 * Return: what the newest refusal that was asked about is worth.
 */
enum why_exit why_ask(const struct why_wish *wish);

/** why_wait_parse() - "90" or "90s" to "24h"; false: it is no such time */
bool why_wait_parse(const char *text, unsigned *ret_s);

#endif
