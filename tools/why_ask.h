/* SPDX-License-Identifier: Apache-2.0 */
/*
 * why_ask.h - ask, from inside a guard, what was refused and why
 *
 * Uses libc and nothing else, so that terok-why can be linked statically and copied into any
 * image; terok-clearance why is the same code.
 * Threads: none. Blocks, for WHY_ASK_S seconds at most.
 */
#ifndef TOOLS_WHY_ASK_H
#define TOOLS_WHY_ASK_H

#include <stdbool.h>

#define WHY_ASK_S 5

/**
 * why_ask() - print what the guard's agent says to stdout
 * @dest: only of that address or name; NULL: all
 *
 * Return: 0; -EINVAL: @dest is neither; -ECONNREFUSED, -ENETUNREACH and others: nobody is there
 * to ask, which is said on stderr; -EPROTO: it answered with an error, which was printed there.
 */
int why_ask(const char *dest, bool json);

#endif
