/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - command lines: verbs, options, one way to be wrong
 *
 * A program is a table of verbs, a verb's options are a table too; --help is made from
 * both. Results go to stdout, everything else to stderr. A wrong command line is one line
 * that names the mistake and exit 2; a failure is exit 1; done is 0.
 * Threads: none.
 */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct cli_verb - one verb
 * @name: NULL ends the table
 * @run:  argv[0] is the verb. Return: 0 done; a positive exit code of its own; -EINVAL a
 *	  wrong command line (said already); any other negative errno: failed (said already)
 */
struct cli_verb {
	const char *name, *args, *help;
	int (*run)(int argc, char **argv);
};

struct cli_program {
	const char *name, *version, *summary;
	const struct cli_verb *verbs;
	const char *default_verb; /* run when none is given; NULL: that is a mistake */
	const char *section;      /* of its manual page; NULL: 1 */
};

enum cli_kind { CLI_FLAG, CLI_STRING, CLI_LIST };

#define CLI_LIST_MAX 64 /* how often one option may be repeated */

struct cli_list {
	const char *item[CLI_LIST_MAX];
	unsigned n;
};

/**
 * struct cli_option - one option of a verb
 * @name: without the dashes, of which one letter has one; NULL ends the table
 * @arg:  what the value is called in help; NULL for CLI_FLAG
 * @to:	  bool *, const char ** or struct cli_list *
 */
struct cli_option {
	const char *name, *arg, *help;
	enum cli_kind kind;
	void *to;
};

/** cli_main() - find the verb and run it; the exit code */
int cli_main(const struct cli_program *program, int argc, char **argv);

/**
 * cli_parse() - options and positional arguments of a verb
 * @options: may be NULL; --help is always understood
 * @min, @max: positional arguments; after "--" all are positional
 *
 * Options may stand anywhere before "--"; --name=value and --name value are the same.
 * Positional arguments are moved together at argv[1]; their number is the return value.
 * Return: that number; -EINVAL, said; -ECANCELED: --help was printed, return 0 to the shell.
 */
int cli_parse(int argc, char **argv, const struct cli_option *options, int min, int max);

/**
 * cli_number() - an option's value as a whole number from @min to @max
 * @text: NULL: it was not given, and @ret stays as it is
 *
 * Return: 0; -EINVAL, said.
 */
int cli_number(const char *option, const char *text, unsigned min, unsigned max, unsigned *ret);

/** cli_colour() - may @fd be written colours to? a terminal, no NO_COLOR, not dumb */
bool cli_colour(int fd);

#endif
