// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_sandbox_spec.c - whatever a spec says, its command has no secret of its environment where it is shown,
 * and no variable where it is run
 *
 * A refusal says something. The first byte says what host it is for; what is no JSON is words behind a "--".
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/sandbox_command.h"
#include "tools/sandbox_passed.h"
#include "tools/sandbox_redact.h"

/* What stands for a secret is no place to look for one. */
static char *without_marks(const char *word)
{
	char *copy = strdup(word);

	if (!copy)
		abort();
	for (char *at = copy; (at = strstr(at, REDACTED));)
		memset(at, 1, strlen(REDACTED));
	return copy;
}

static void check_shown(const struct spec *spec, const struct words *shown)
{
	for (unsigned w = 0; w < shown->n; w++) {
		char *word = without_marks(shown->word[w]);

		for (unsigned e = 0; e < spec->env.n; e++) {
			const char *pair = spec->env.word[e], *value = strchr(pair, '=');

			if (!value || strlen(value + 1) < 6 || strchr(value, 1) ||
			    !redact_name(pair, value - pair))
				continue;
			if (strstr(word, value + 1))
				abort();
		}
		free(word);
	}
}

static void check_run(const struct spec *spec, const struct words *argv)
{
	unsigned end =
	    argv->n - spec->command.n; /* what a person says there is said to the container */

	for (unsigned w = 0; w < end; w++)
		for (unsigned e = 0; e < spec->env.n; e++)
			if (strchr(spec->env.word[e], '=') &&
			    strncmp(spec->env.word[e], "NVIDIA_", 7) &&
			    !strcmp(argv->word[w], spec->env.word[e]) && w &&
			    !strcmp(argv->word[w - 1], "-e"))
				abort();
}

static void build(const struct spec *spec, uint8_t kind)
{
	static char *none[] = { NULL };
	const struct command_host host = { .root = kind & 1,
					   .pasta = kind & 2,
					   .podman = kind & 4 ? 4 : 5,
					   .cgroup_parent = kind & 8 ? "/x" : NULL };
	struct command command;
	struct problem why = {};
	char *line;
	int r = command_build(spec, &host, none, &command, &why);

	if (r) {
		if (!*why.text)
			abort();
		return;
	}
	check_shown(spec, &command.shown);
	check_run(spec, &command.argv);
	line = redact_line(&command.shown);
	for (const char *c = line; c && *c; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
			abort();
	free(line);
	command_done(&command);
}

/* Words, each to its NUL. */
static int take_words(struct spec *spec, const char *text, size_t size, struct problem *why)
{
	_cleanup_words_ struct words words = {};

	for (size_t at = 0; at < size; at += strnlen(text + at, size - at) + 1)
		words_addn(&words, text + at, strnlen(text + at, size - at));
	return passed_command(spec, &words, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problem why = {};
	struct spec spec;
	int r;

	if (!size || spec_init(&spec))
		return 0;
	r = size > 1 && data[1] == '{' ? spec_parse(&spec, (const char *)data + 1, size - 1, &why)
				       : take_words(&spec, (const char *)data + 1, size - 1, &why);
	if (r && !*why.text)
		abort();
	if (!r && !spec.name)
		spec_set_name(&spec, "x", NULL);
	if (!r && !spec_check(&spec, NULL))
		build(&spec, *data);
	spec_done(&spec);
	return 0;
}
