/* SPDX-License-Identifier: Apache-2.0 */
/*
 * annotation.h - terok.guard, the annotation that guards a container: its words
 *
 *   [STATE] [profiles=NAME:NAME...] [publish=PORT:PORT...] [host-ports=PORT:PORT...]
 *   [resolver=ADDR]... [gateway=ADDR]...
 *
 * One annotation has it all. An image may bring annotations, and podman merges them with those
 * of its command line; where both have terok.guard the command line's stands in as a whole, so
 * an image can guard its own container but never add to what the operator said.
 *
 * Called by: verb_hook.c. Threads: none.
 */
#ifndef TEROK_ANNOTATION_H
#define TEROK_ANNOTATION_H

#include "attach.h"

#define ANNOTATION_KEY "terok.guard"
#define ANNOTATION_MAX 4096

struct annotation {
	struct attach_plan plan; /* .profiles points into text */
	enum terok_state state;
	bool state_said;
	char text[ANNOTATION_MAX];
};

/**
 * annotation_parse() - the words of @text; "", "1" and "true" are the same as none
 *
 * @ret must stay where it is. Return: 0; -EINVAL with @why, which names the word.
 */
int annotation_parse(const char *text, struct annotation *ret, struct problem *why);

#endif
