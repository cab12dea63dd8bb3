// SPDX-License-Identifier: Apache-2.0
/* verb_audit.c - terok-gate audit: who cloned, fetched and pushed what, out of the audit file */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trail.h"
#include "base/addr.h"
#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "git_text.h"
#include "place.h"
#include "service/project.h"
#include "verbs.h"

#define SHORT_SHA 12

struct shown {
	unsigned n;
	bool as_json;
};

/* --- for people ----------------------------------------------------------------------- */

static void print_safe(const char *before, const char *text)
{
	char safe[256];

	printf("%s%s", before, log_safe(safe, sizeof(safe), text));
}

static void print_size(const char *what, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned unit = 0;
	double n = bytes;

	for (; n >= 1024 && unit + 1 < sizeof(units) / sizeof(*units); unit++)
		n /= 1024;
	printf(unit ? "  %.1f %s %s" : "  %.0f %s %s", n, units[unit], what);
}

/* The beginning of an object's name; zeros are a ref that is not there. */
static void print_sha(const char *before, const char *sha)
{
	char beginning[SHORT_SHA + 1];

	snprintf(beginning, sizeof(beginning), "%s", git_is_zero(sha) ? "none" : sha);
	print_safe(before, beginning);
}

static void print_line(const struct trail_line *line)
{
	struct trail_line_ref ref;

	print_safe("", line->time);
	print_safe("  ", line->what);
	print_safe("  ", line->project);
	print_safe("/", line->task);
	if (*line->container)
		print_safe("  in ", line->container);
	if (*line->token)
		print_safe("  by ", line->token);
	print_safe("  ", line->outcome);
	print_size("in", line->in);
	print_size("out", line->out);
	printf("  %" PRIu64 ".%03u s\n", line->ms / 1000, (unsigned)(line->ms % 1000));
	for (size_t i = 0; !trail_line_ref(line, i, &ref); i++) {
		print_sha("    ", ref.old);
		print_sha(" -> ", ref.new);
		print_safe("  ", ref.name);
		print_safe("  ", *ref.result ? ref.result : "git did not say");
		putchar('\n');
	}
	if (line->more_refs)
		printf("    and %" PRIu64 " more\n", line->more_refs);
}

/* --- the verb ------------------------------------------------------------------------- */

static int show(const char *text, const struct trail_line *line, void *user)
{
	struct shown *shown = user;

	shown->n++;
	if (shown->as_json)
		puts(text);
	else
		print_line(line);
	return ferror(stdout) ? 1 : 0; /* nobody reads any more */
}

/* As serve has it: beside the mirrors. */
static char *file_path(const char *said, const char *base)
{
	_cleanup_free_ char *folder = NULL;
	char *ret = NULL;

	if (said || !base)
		return place_absolute(said, PLACE_AUDIT);
	folder = place_absolute(base, PLACE_BASE);
	return !folder || asprintf(&ret, "%s/audit.jsonl", folder) < 0 ? NULL : ret;
}

static int take_since(const char *text, time_t *ret)
{
	struct problem why;
	uint64_t seconds;

	if (!text)
		return 0;
	if (duration_parse(text, &seconds, &why))
		return log_error(0, "--since: %s", why.text), -EINVAL;
	*ret = time(NULL) - (time_t)seconds;
	return 0;
}

static int show_all(const char *path, const struct trail_want *want, bool as_json)
{
	struct shown shown = { .as_json = as_json };
	struct problem why = {};
	unsigned broken = 0;
	int r = trail_read(path, want, show, &shown, &broken, &why);

	if (r < 0)
		return log_error(0, "%s", why.text), r == -EINVAL ? -EIO : r;
	if (broken)
		log_warn(0, "%u lines of %s are none of the gate's and are not shown", broken,
			 path);
	if (!shown.n && !as_json)
		log_info("No transfer of that is noted in %s.", path);
	return 0;
}

int verb_audit(int argc, char **argv)
{
	const char *since = NULL, *said = NULL, *base = NULL;
	_cleanup_free_ char *path = NULL;
	struct trail_want want = {};
	struct problem why;
	bool json = false;
	const struct cli_option options[] = {
		{ "since", "TIME", "what was in that time until now: 90s, 10m, 2h, 1d", CLI_STRING,
		  &since },
		{ "audit", "FILE", "what serve was told", CLI_STRING, &said },
		{ "base-path", "FOLDER", "where mirrors are", CLI_STRING, &base },
		{ "json", NULL, "a JSON object for each transfer", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	if (r && project_check(argv[1], &why))
		return log_error(0, "PROJECT: %s", why.text), -EINVAL;
	want.project = r ? argv[1] : NULL;
	if (take_since(since, &want.since))
		return -EINVAL;
	path = file_path(said, base);
	if (!path)
		return log_error(0, "where the audit is is not known: no home; say --audit FILE"),
		       -ENOENT;
	return show_all(path, &want, json);
}
