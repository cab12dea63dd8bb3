// SPDX-License-Identifier: Apache-2.0
/*
 * verb_logs.c - terok-bpfd logs: the last lines of the audit files, of one guard or of all
 *
 * Needs neither kernel nor agent, so that what a container did can be read when it is gone.
 * Lines that are no JSON object are passed over.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "guard_dir.h"
#include "verbs.h"

#define LINES_DEFAULT 50
#define LINES_MAX     1000000
#define LINE_BYTES    65536 /* ours are far shorter */

/* The newest lines so far, oldest first; more than twice as many as asked for are thinned. */
struct tail {
	char **line;
	size_t n, room, most;
	const char *guard; /* NULL: all */
};

static const char *field(struct json_object *line, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(line, key, &value))
		return "";
	return json_object_get_string(value) ?: "";
}

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
	return tail->line[tail->n++] ? 0 : -ENOMEM;
}

/* Is it a line of the guard that was asked for, by name or by the first digits of its id? */
static bool line_is_asked(const struct tail *tail, struct json_object *line)
{
	const char *id = field(line, "id");

	if (json_object_get_type(line) != json_type_object || !*field(line, "ts"))
		return false;
	return !tail->guard || !strcmp(field(line, "container"), tail->guard) ||
	       (*id && strlen(tail->guard) >= 12 && !strncmp(id, tail->guard, strlen(id)));
}

/* Lines of one file are in order: the last of them are enough. */
static int file_read(struct tail *tail, int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	_cleanup_fclose_ FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	int r = 0;

	if (!in)
		return 0;
	TAKE_FD(fd);
	while (!r && getline(&line, &room, in) > 0) {
		_cleanup_(json_putp) struct json_object *object = NULL;
		size_t n = strcspn(line, "\n");

		line[n] = '\0';
		if (n < LINE_BYTES && !json_parse(line, n, &object) && line_is_asked(tail, object))
			r = tail_add(tail, line);
	}
	return r;
}

static int folder_read(struct tail *tail, int room, const char *name)
{
	_cleanup_close_ int dir =
	    openat(room, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (dir < 0)
		return 0;
	r = file_read(tail, dir, AUDIT_OLDER);
	if (!r)
		r = file_read(tail, dir, AUDIT_FILE);
	if (!r && tail->n) {
		qsort(tail->line, tail->n, sizeof(*tail->line), compare);
		tail_thin(tail);
	}
	return r;
}

/* @room: "containers" or "cgroups" */
static int room_read(struct tail *tail, const char *room)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	char path[4096];
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", state_dir(), room);
	dir = opendir(path);
	if (!dir && errno != ENOENT)
		return log_error(-errno, "%s", path);
	while (dir && !r && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			r = folder_read(tail, dirfd(dir), entry->d_name);
	return r;
}

static void line_print(const char *text)
{
	_cleanup_(json_putp) struct json_object *line = NULL;
	char where[400] = "";
	const char *port, *detail;

	if (json_parse(text, strlen(text), &line))
		return;
	port = field(line, "port");
	if (*field(line, "dest") || *port)
		snprintf(where, sizeof(where), "  %s%s%s%s%s", field(line, "dest"),
			 *port ? " port " : "", port, *field(line, "proto") ? "/" : "",
			 field(line, "proto"));
	detail = *field(line, "detail") ? field(line, "detail") : field(line, "reason");
	printf("%s  %s  %s%s%s%s%s%s\n", field(line, "ts"), field(line, "container"),
	       field(line, "action"), where, *detail ? "  " : "", detail,
	       *field(line, "comm") ? "  " : "", field(line, "comm"));
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
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	tail.guard = r ? argv[1] : NULL;
	r = lines ? lines_parse(lines, &tail.most) : 0;
	if (r)
		return r;
	r = room_read(&tail, "containers");
	if (!r)
		r = room_read(&tail, "cgroups");
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
