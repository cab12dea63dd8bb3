/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec_options.h - the command lines of "terok-bpfd exec" and of "learn-session"
 *
 * Called by: verb_exec.c, verb_learn_session.c. Pure: no files, no kernel. Threads: none.
 */
#ifndef TEROK_EXEC_OPTIONS_H
#define TEROK_EXEC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/cli.h"
#include "profile.h"
#include "terok/abi.h"

#define EXEC_RULES_MAX (3 * CLI_LIST_MAX) /* --allow and --deny of one command line; or less */

struct exec_options {
	struct {
		char domain[PROFILE_DOMAIN_LEN]; /* "": an address */
		struct dest dest;                /* of a domain: port and protocol only */
		bool allow;
	} rule[EXEC_RULES_MAX];
	size_t n_rules;
	const char *name;       /* NULL: none given */
	enum terok_state state; /* of the guard while CMD runs */
	bool notes;             /* it notes where it goes */
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

/** learn_options_parse() - the same for @argv[0] "learn-session": open, and noting where it goes */
int learn_options_parse(int argc, char **argv, struct exec_options *ret, struct problem *why);

#endif
