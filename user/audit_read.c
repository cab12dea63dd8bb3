// SPDX-License-Identifier: Apache-2.0
#include "audit_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "base/json.h"
#include "base/dir.h"
#include "guard_dir.h"

#define LINE_BYTES 65536 /* ours are far shorter */

struct reader {
	int (*fn)(const char *text, struct json_object *line, void *user);
	void *user;
};

const char *audit_line_text(struct json_object *line, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(line, key, &value))
		return "";
	return json_object_get_string(value) ?: "";
}

bool audit_line_is_of(struct json_object *line, const char *guard)
{
	const char *id = audit_line_text(line, "id");

	return !strcmp(audit_line_text(line, "container"), guard) ||
	       (*id && strlen(guard) >= 12 && !strncmp(id, guard, strlen(id)));
}

static int line_read(const struct reader *reader, const char *text, size_t n)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	bool good = n < LINE_BYTES && !json_parse(text, n, &object) &&
		    json_object_get_type(object) == json_type_object &&
		    *audit_line_text(object, "ts");

	return reader->fn(text, good ? object : NULL, reader->user);
}

static int file_read(const struct reader *reader, int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	_cleanup_fclose_ FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int r = 0;

	if (!in)
		return 0;
	TAKE_FD(fd);
	while (!r && (n = getline(&line, &room, in)) > 0) {
		if (line[n - 1] == '\n')
			line[--n] = '\0';
		if (n)
			r = line_read(reader, line, n);
	}
	return r;
}

static int folder_read(const struct reader *reader, int room, const char *name)
{
	_cleanup_close_ int dir =
	    openat(room, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (dir < 0)
		return 0;
	r = file_read(reader, dir, AUDIT_OLDER);
	return r ? r : file_read(reader, dir, AUDIT_FILE);
}

/* @room: "containers" or "cgroups"; @name: of one folder in it, NULL: all */
static int room_read(const struct reader *reader, const char *room, const char *name)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	char path[4096];
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", state_dir(), room);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	if (name)
		return folder_read(reader, dirfd(dir), name);
	while (!r && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			r = folder_read(reader, dirfd(dir), entry->d_name);
	return r;
}

int audit_read(const struct terok_info *guard,
	       int (*fn)(const char *text, struct json_object *line, void *user), void *user)
{
	struct reader reader = { fn, user };
	char name[GUARD_DIR_LEN];
	int r;

	if (guard && (!guard_dir_room(guard) || !guard_dir_name(guard, name)))
		return 0;
	if (guard)
		return room_read(&reader, guard_dir_room(guard), name);
	r = room_read(&reader, "containers", NULL);
	return r ? r : room_read(&reader, "cgroups", NULL);
}
