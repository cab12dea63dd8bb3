// SPDX-License-Identifier: Apache-2.0
/*
 * verb_logs.c - terok-bpfd logs: the last lines of the audit files, of one guard or of all
 *
 * Needs neither kernel nor agent, so that what a container did can be read when it is gone.
 * Lines that are no JSON object are passed over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_read.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sanitise.h"
#include "verbs.h"

#define LINES_DEFAULT 50
#define LINES_MAX     1000000
#define LINE_PART_MAX 400
#define LINES_SPARE   256 /* so that few of them are not sorted again and again */

/* The newest lines so far, oldest first; more than twice as many as asked for are thinned. */
struct tail {
	char **line;
	size_t n, room, most;
	const char *guard; /* NULL: all */
};

/* Every line begins with its time: {"ts":"2026-..." */
static int compare(const void *a, const void *b)
{
	return strncmp(*(char *const *)a, *(char *const *)b,
		       sizeof("{\"ts\":\"2026-01-01T00:00:00") - 1);
}

static void tail_thin(struct tail *tail)
{
	size_t over = tail->n > tail->most ? tail->n - tail->most : 0;

	for (size_t i = 0; i < over; i++)
		free(tail->line[i]);
	memmove(tail->line, tail->line + over, (tail->n - over) * sizeof(*tail->line));
	tail->n -= over;
}

static int tail_add(struct tail *tail, const char *line)
{
	if (tail->n == tail->room) {
		size_t room = tail->room ? 2 * tail->room : 256;
		char **more = reallocarray(tail->line, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		tail->line = more;
		tail->room = room;
	}
	tail->line[tail->n] = strdup(line);
	if (!tail->line[tail->n])
		return -ENOMEM;
	tail->n++;
	return 0;
}

static void tail_sort(struct tail *tail)
{
	if (tail->n)
		qsort(tail->line, tail->n, sizeof(*tail->line), compare);
	tail_thin(tail);
}

static int line_take(const char *text, struct json_object *line, void *user)
{
	struct tail *tail = user;

	if (!line || (tail->guard && !audit_line_is_of(line, tail->guard)))
		return 0;
	if (tail->n >= 2 * tail->most + LINES_SPARE)
		tail_sort(tail);
	return tail_add(tail, text);
}

/* Part of a line, behind @before; nothing at all if it is empty. */
static void part_print(const char *before, const char *text)
{
	char safe[LINE_PART_MAX + 1];

	if (*text)
		printf("%s%s", before, sanitise(safe, LINE_PART_MAX, text, strlen(text)));
}

static void line_print(const char *text)
{
	_cleanup_(json_putp) struct json_object *line = NULL;
	const char *dest, *port;

	if (json_parse(text, strlen(text), &line))
		return;
	dest = audit_line_text(line, *audit_line_text(line, "dest") ? "dest" : "domain");
	port = audit_line_text(line, "port");
	part_print("", audit_line_text(line, "ts"));
	part_print("  ", audit_line_text(line, "container"));
	part_print("  ", audit_line_text(line, "action"));
	if (*dest || *port) {
		printf("  ");
		part_print("", dest);
		part_print(" port ", port);
		part_print("/", audit_line_text(line, "proto"));
	}
	part_print("  ", *audit_line_text(line, "detail") ? audit_line_text(line, "detail")
							  : audit_line_text(line, "reason"));
	part_print("  ", audit_line_text(line, "comm"));
	putchar('\n');
}

static int lines_parse(const char *text, size_t *ret)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text || *end)
		return log_error(0, "'%.20s' is no number of lines", text), -EINVAL;
	*ret = n < 0 ? 0 : n > LINES_MAX ? LINES_MAX : n;
	return 0;
}

int verb_logs(int argc, char **argv)
{
	const char *lines = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "lines", "N", "the last N (50)", CLI_STRING, &lines },
		{ "json", NULL, "the lines as they stand in the files", CLI_FLAG, &json },
		{},
	};
	struct tail tail = { .most = LINES_DEFAULT };
	char called[TEROK_PATH_LEN] = "";
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	if (r && (r = verb_called(argv[1], called)))
		return r;
	tail.guard = *called ? called : NULL;
	r = lines ? lines_parse(lines, &tail.most) : 0;
	if (r)
		return r;
	r = audit_read(NULL, line_take, &tail);
	if (r)
		log_error(r, "read the audit logs");
	tail_sort(&tail);
	for (size_t i = 0; i < tail.n; i++) {
		if (!r && json)
			puts(tail.line[i]);
		else if (!r)
			line_print(tail.line[i]);
		free(tail.line[i]);
	}
	if (!r && !tail.n && tail.most)
		log_info("No audit logs found.");
	free(tail.line);
	return r;
}
