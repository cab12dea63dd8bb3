// SPDX-License-Identifier: Apache-2.0
/* verb_start.c - terok-cp start, stop: by systemd where the units are, else in the background */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "control_plane.h"
#include "service/run.h"
#include "verbs.h"

struct line {
	char *word[CP_WORDS + 1];
};

static void line_done(struct line *line)
{
	for (unsigned i = 0; i < CP_WORDS; i++)
		free(line->word[i]);
}

/* Something beside --daemon and --pid-file, which units would not hear of. */
static bool is_told(const struct cp_said *said)
{
	struct cp_said nothing = { .pid_file = said->pid_file };

	return said->pid_file || memcmp(&nothing, said, sizeof(nothing)) != 0;
}

static int start_cp(const struct cp_said *said, const struct cp_files *files,
		    const struct cp_ports *ports, bool daemon, struct problem *why)
{
	_cleanup_place_ struct life_place place = {};
	_cleanup_(line_done) struct line line = {};
	struct cp_words words;
	int r = cp_place(files, &place, why);

	if (r)
		return r;
	cp_words_make(said, files, ports, &words);
	for (unsigned i = 0; i < words.n; i++)
		if (asprintf(&line.word[i], "%s%s", words.word[i].begin, words.word[i].value) < 0) {
			line.word[i] = NULL;
			return problem(why, -ENOMEM, "no memory");
		}
	return run_start(&cp_service,
			 &(struct run_start){ .place = &place,
					      .words = (const char *const *)line.word,
					      .port = ports->agent,
					      .told = is_told(said),
					      .daemon = daemon,
					      .prepare = cp_prepare,
					      .prepared = files },
			 why);
}

int verb_start(int argc, char **argv)
{
	_cleanup_cp_files_ struct cp_files files = {};
	struct cp_said said = {};
	struct cp_ports ports = {};
	struct problem why = {};
	bool daemon = false;
	const struct cli_option options[] = {
		CP_OPTIONS(said),
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &said.pid_file },
		{ "daemon", NULL, "in the background, also if there are units", CLI_FLAG, &daemon },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0) ?: cp_ports_read(&said, "start", &ports);

	if (r)
		return r;
	r = cp_files_find(&said, &files, &why) ?: start_cp(&said, &files, &ports, daemon, &why);
	if (r)
		log_error(0, "start: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}

int verb_stop(int argc, char **argv)
{
	_cleanup_cp_files_ struct cp_files files = {};
	_cleanup_place_ struct life_place place = {};
	struct cp_said said = {};
	struct problem why = {};
	const struct cli_option options[] = {
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING, &said.pid_file },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	r = cp_files_find(&said, &files, &why)
		?: cp_place(&files, &place, &why) ?: run_stop(&cp_service, &place, &why);
	if (r)
		log_error(0, "stop: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
