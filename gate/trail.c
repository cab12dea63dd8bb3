// SPDX-License-Identifier: Apache-2.0
#include "trail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/json.h"
#include "service/audit_line.h"
#include "service/own_file.h"

#define FILE_MAX (4 * AUDIT_SIZE) /* a file ends with the line that filled it */
#define LOOKS    8                /* at files that make way while they are looked at */

/* --- a line --------------------------------------------------------------------------- */

static int parse_time(const char *text, time_t *ret)
{
	struct tm tm = {};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!end || (*end != '.' && *end != 'Z'))
		return -EINVAL;
	*ret = timegm(&tm);
	return 0;
}

static uint64_t number(struct json_object *object, const char *key)
{
	struct json_object *value = json_member(object, key, json_type_int);

	return value ? json_object_get_uint64(value) : 0;
}

int trail_line_parse(const char *text, size_t size, struct trail_line *ret)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct trail_line line = {};

	for (size_t i = 0; i < size; i++)
		if (text[i] < ' ' || text[i] > '~')
			return -EINVAL;
	if (json_parse(text, size, &object))
		return -EINVAL;
	line.time = json_text(object, "time") ?: "";
	line.what = json_text(object, "what") ?: "";
	line.project = json_text(object, "project") ?: "";
	line.task = json_text(object, "task") ?: "";
	line.container = json_text(object, "container") ?: "";
	line.token = json_text(object, "token") ?: "";
	line.outcome = json_text(object, "outcome") ?: "";
	if (!*line.what || !*line.project || parse_time(line.time, &line.at))
		return -EINVAL;
	line.in = number(object, "in");
	line.out = number(object, "out");
	line.ms = number(object, "ms");
	line.more_refs = number(object, "more_refs");
	line.refs = json_member(object, "refs", json_type_array);
	line.object = TAKE_PTR(object);
	*ret = line;
	return 0;
}

void trail_line_done(struct trail_line *line)
{
	json_putp(&line->object);
	*line = (struct trail_line){};
}

int trail_line_ref(const struct trail_line *line, size_t i, struct trail_line_ref *ret)
{
	struct json_object *ref;

	if (!line->refs || i >= json_object_array_length(line->refs))
		return -ENOENT;
	ref = json_object_array_get_idx(line->refs, i);
	*ret = (struct trail_line_ref){
		.name = json_text(ref, "ref") ?: "",
		.old = json_text(ref, "old") ?: "",
		.new = json_text(ref, "new") ?: "",
		.result = json_text(ref, "result") ?: "",
	};
	return 0;
}

/* --- files ---------------------------------------------------------------------------- */

/* A file as it was at one moment; NULL: there is none. */
struct copy {
	char *text;
	size_t size;
	struct stat st;
};

static void copy_done(struct copy *copy)
{
	free(copy->text);
	*copy = (struct copy){};
}
#define _cleanup_copy_ _cleanup_(copy_done)

/* Both of them: the newer first, and again if it has become the older meanwhile. */
static int read_both(const char *path, const char *before, struct copy *now, struct copy *older,
		     struct problem *why)
{
	int r = 0;

	for (int i = 0; i < LOOKS && !r; i++) {
		copy_done(now);
		copy_done(older);
		r = own_file_read(path, FILE_MAX, &now->text, &now->size, &now->st, why)
			?: own_file_read(before, FILE_MAX, &older->text, &older->size, &older->st,
					 why);
		if (!r && (!now->text || !older->text || now->st.st_ino != older->st.st_ino ||
			   now->st.st_dev != older->st.st_dev))
			return 0;
	}
	return r ?: problem(why, -EBUSY, "%s makes way for another again and again", path);
}

static int read_line(char *text, size_t size, const struct trail_want *want, trail_line_fn fn,
		     void *user, unsigned *broken)
{
	_cleanup_(trail_line_done) struct trail_line line = {};

	if (trail_line_parse(text, size, &line)) {
		(*broken)++;
		return 0;
	}
	if (line.at < want->since || (want->project && strcmp(line.project, want->project) != 0))
		return 0;
	return fn(text, &line, user);
}

/* What stands behind the last newline is being written. */
static int read_lines(const struct copy *copy, const struct trail_want *want, trail_line_fn fn,
		      void *user, unsigned *broken)
{
	char *at = copy->text, *end;
	size_t left = copy->size;
	int r = 0;

	while (!r && left && (end = memchr(at, '\n', left))) {
		size_t n = (size_t)(end - at);

		*end = '\0';
		r = read_line(at, n, want, fn, user, broken);
		at += n + 1;
		left -= n + 1;
	}
	return r;
}

int trail_read(const char *path, const struct trail_want *want, trail_line_fn fn, void *user,
	       unsigned *ret_broken, struct problem *why)
{
	_cleanup_copy_ struct copy now = {}, older = {};
	_cleanup_free_ char *before = NULL;
	unsigned broken = 0;
	int r;

	if (asprintf(&before, "%s.1", path) < 0)
		return before = NULL, problem(why, -ENOMEM, "no memory for %s", path);
	r = read_both(path, before, &now, &older, why);
	r = r ?: read_lines(&older, want, fn, user, &broken);
	r = r ?: read_lines(&now, want, fn, user, &broken);
	if (!r)
		*ret_broken = broken;
	return r;
}
