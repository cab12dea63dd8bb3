/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - what terok-gate can be told to do; gate/main.c has the table
 *
 * Each takes its command line, argv[0] is the verb, and returns as struct cli_verb says.
 */
#ifndef GATE_VERBS_H
#define GATE_VERBS_H

int verb_token(int argc, char **argv);

#endif
