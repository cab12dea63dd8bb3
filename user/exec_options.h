/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_options.h - the command line of "terok-bpfd exec"
 *
 * Called by: verb_exec.c. Pure: no files, no kernel. Threads: none.
 */
#ifndef TEROK_EXEC_OPTIONS_H
#define TEROK_EXEC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/cli.h"

#define EXEC_RULES_MAX (2 * CLI_LIST_MAX) /* --allow and --deny of one command line */

struct exec_options {
	struct {
		struct dest dest;
		bool allow;
	} rule[EXEC_RULES_MAX];
	size_t n_rules;
	const char *name; /* NULL: none given */
	bool json, no_ask;
	char **argv; /* CMD, NULL-terminated */
};

/**
 * options_parse() - @argv[0] is "exec", its end is a NULL
 *
 * Options end at "--" or at the first word that is none: CMD's own are not looked at.
 * Return: 0; -EINVAL, with @why or already said; -ECANCELED: --help was printed.
 */
int options_parse(int argc, char **argv, struct exec_options *ret, struct problem *why);

#endif
