/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_command.h - what people type where there is no screen
 *
 * "a N" and "d N" are what users of the system we replace type; for how long and how far may
 * follow. What is not understood as a whole is no command: nothing is answered by half of one.
 * Called by: clearance_plain.c, tests. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_COMMAND_H
#define TOOLS_CLEARANCE_COMMAND_H

#include "base/problem.h"
#include "clearance_hub.h"

#define COMMAND_MAX 128 /* of a line; no command is longer */

enum command_verb {
	COMMAND_NONE,
	COMMAND_ALLOW,
	COMMAND_DENY,
	COMMAND_LIST,
	COMMAND_GRANTS,
	COMMAND_REVOKE,
	COMMAND_PAST,
	COMMAND_HELP,
	COMMAND_QUIT,
	COMMAND_BAD
};

struct command {
	enum command_verb verb;
	unsigned number;             /* 0: what group names */
	char group[COMMAND_MAX];     /* of COMMAND_LIST: the text that is looked for */
	struct answer_choice choice; /* scope NULL: none was said */
};

/* All of them, for people; no newline at its end. */
extern const char command_help[];

/** command_parse() - one line as typed; COMMAND_BAD with @why for what is none */
struct command command_parse(const char *line, struct problem *why);

#endif
