// SPDX-License-Identifier: Apache-2.0
#include "base/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* The program and verb that are running, for help and messages. */
static const struct cli_program *program;
static const struct cli_verb *verb;

static void program_help(void)
{
	size_t width = 0;

	for (const struct cli_verb *v = program->verbs; v->name; v++) {
		size_t n = strlen(v->name);

		width = n > width ? n : width;
	}
	printf("Usage: %s %s [ARGUMENTS]\n\n%s\n\nVerbs:\n", program->name,
	       program->default_verb ? "[VERB]" : "VERB", program->summary);
	for (const struct cli_verb *v = program->verbs; v->name; v++)
		printf("  %-*s  %s\n", (int)width, v->name, v->help);
	printf("\nOptions:\n  --help, --version; %s VERB --help\n", program->name);
	printf("\nSee %s(%s).\n", program->name, program->section ?: "1");
}

/* A name of one letter has one dash. */
static const char *option_dashes(const struct cli_option *option)
{
	return option->name[1] ? "--" : "-";
}

static void verb_help(const struct cli_option *options)
{
	printf("Usage: %s %s %s\n\n%s.\n", program->name, verb->name, verb->args, verb->help);
	if (options && options->name)
		printf("\nOptions:\n");
	for (; options && options->name; options++) {
		char left[40];

		snprintf(left, sizeof(left), "%s%s%s%s", option_dashes(options), options->name,
			 options->arg ? " " : "", options->arg ? options->arg : "");
		printf("  %-22s %s\n", left, options->help);
	}
}

static const struct cli_verb *verb_find(const char *name)
{
	for (const struct cli_verb *v = program->verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

/*
 * Descriptors 0 to 2 are taken also if we were started without them: else the next file that
 * is opened is where messages go. To read or write there still fails.
 */
static bool std_open(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			return false;
	return true;
}

int cli_main(const struct cli_program *p, int argc, char **argv)
{
	static char *default_argv[2];
	const char *first = argc > 1 ? argv[1] : "";
	int r;

	if (!std_open())
		return 1;
	program = p;
	if (!strcmp(first, "--help") || !strcmp(first, "-h")) {
		program_help();
		return 0;
	}
	if (!strcmp(first, "--version")) {
		printf("%s %s\n", p->name, p->version);
		return 0;
	}
	if (p->default_verb && (argc < 2 || *first == '-')) {
		verb = verb_find(p->default_verb);
		default_argv[0] = (char *)p->default_verb;
		if (argc < 2)
			argv = default_argv, argc = 1;
	} else {
		verb = argc > 1 ? verb_find(first) : NULL;
		argv++, argc--;
	}
	if (!verb) {
		if (*first)
			log_error(0, "no verb '%s' (see --help)", first);
		else
			log_error(0, "which verb? (see --help)");
		return 2;
	}
	r = verb->run(argc, argv);
	if (fflush(stdout) && !r)
		r = log_error(-errno, "write the output");
	return r >= 0 ? r : r == -EINVAL ? 2 : r == -ECANCELED ? 0 : 1;
}

static int mistake(const char *what, const char *text)
{
	return log_error(0, "%s: %s '%s' (see %s %s --help)", verb ? verb->name : "", what, text,
			 program ? program->name : "", verb ? verb->name : ""),
	       -EINVAL;
}

static int option_set(const struct cli_option *option, const char *value)
{
	struct cli_list *list = option->to;

	switch (option->kind) {
	case CLI_FLAG: *(bool *)option->to = true; return 0;
	case CLI_STRING: *(const char **)option->to = value; return 0;
	case CLI_LIST:
		if (list->n == CLI_LIST_MAX)
			return mistake("too many options", option->name);
		list->item[list->n++] = value;
		return 0;
	}
	return -EINVAL;
}

/* One option; @next is the argument after it. Returns how many arguments it took. */
static int option_parse(const struct cli_option *options, const char *text, const char *next)
{
	size_t dashes = strspn(text, "-");
	const char *name = text + dashes, *value = strchr(name, '=');
	size_t n = value ? (size_t)(value++ - name) : strlen(name);

	for (; options && options->name; options++)
		if (strlen(options->name) == n && !strncmp(options->name, name, n) &&
		    strlen(option_dashes(options)) == dashes)
			break;
	if (!options || !options->name)
		return mistake("no option", text);
	if (options->kind == CLI_FLAG)
		return value ? mistake("no value belongs to", text) : option_set(options, NULL) ?: 1;
	if (value)
		return option_set(options, value) ?: 1;
	if (!next)
		return mistake("a value is missing after", text);
	return option_set(options, next) ?: 2;
}

int cli_parse(int argc, char **argv, const struct cli_option *options, int min, int max)
{
	int n = 0;

	for (int i = 1; i < argc;) {
		int took = 1;

		if (!strcmp(argv[i], "--")) {
			while (++i < argc)
				argv[1 + n++] = argv[i];
			break;
		}
		if (!strcmp(argv[i], "--help")) {
			verb_help(options);
			return -ECANCELED;
		}
		if (argv[i][0] == '-' && argv[i][1]) {
			took = option_parse(options, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
			if (took < 0)
				return took;
		} else {
			argv[1 + n++] = argv[i];
		}
		i += took;
	}
	argv[1 + n] = NULL; /* the caller's argv has its own NULL at the end: never beyond it */
	if (n < min)
		return mistake("too few arguments; usage:", verb ? verb->args : "");
	if (n > max)
		return mistake("one argument too many:", argv[1 + max]);
	return n;
}

int cli_number(const char *option, const char *text, unsigned min, unsigned max, unsigned *ret)
{
	unsigned long n;
	char *end;

	if (!text)
		return 0;
	n = strtoul(text, &end, 10);
	if (*end || end == text || *text == '-' || n < min || n > max) {
		log_error(0, "--%s '%.20s' is no number from %u to %u", option, text, min, max);
		return -EINVAL;
	}
	*ret = n;
	return 0;
}

bool cli_colour(int fd)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb");
}
