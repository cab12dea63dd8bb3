/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_serve.h - the verbs that serve, and the name under which scripts know them
 *
 * terok-clearance-hub is a link to terok-clearance. By that name a verb must be given, and
 * `clearance` is the live list, as in the program that it replaces. Called by: clearance.c.
 * Threads: none.
 */
#ifndef TOOLS_CLEARANCE_SERVE_H
#define TOOLS_CLEARANCE_SERVE_H

#include "base/cli.h"

int verb_serve(int argc, char **argv);
int verb_serve_verdict(int argc, char **argv);

/** serve_main() - cli_main() of @program, by whichever name it was called; the exit code */
int serve_main(const struct cli_program *program, int argc, char **argv);

#endif
