// SPDX-License-Identifier: Apache-2.0
/*
 * hook_means_place.c - where a container was put: its mounts and its process namespace, by the kernel
 *
 * Asked of the kernel and not of the configuration, as a mount's source may be a link, may hold
 * other mounts, and may change; what is mounted is what there is.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "hook_means.h"

struct mount_line {
	unsigned id, parent, major, minor;
	char *root, *point, *type;
};

/* \040 and its like, for blanks. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		*to = *text;
		if (*text == '\\' && strspn(text + 1, "01234567") >= 3) {
			*to = (text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0');
			text += 3;
		}
	}
	*to = '\0';
}

/* "id parent MAJOR:MINOR ROOT POINT options... - TYPE source options" */
static bool line_read(char *line, struct mount_line *ret)
{
	char *field[5], *save = NULL, *behind = strstr(line, " - ");

	if (!behind)
		return false;
	*behind = '\0';
	ret->type = strtok_r(behind + 3, " \n", &save);
	for (int i = 0; i < 5; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return false;
	}
	ret->root = field[3];
	ret->point = field[4];
	unescape(ret->root);
	unescape(ret->point);
	return ret->type && sscanf(field[0], "%u", &ret->id) == 1 &&
	       sscanf(field[1], "%u", &ret->parent) == 1 &&
	       sscanf(field[2], "%u:%u", &ret->major, &ret->minor) == 2;
}

/* All of them, as a later one may cover an earlier one. */
struct lines {
	struct mount_line *mount;
	char **text; /* that they point into */
	size_t n;
};

static void lines_free(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->text[i]);
	free(lines->text);
	free(lines->mount);
}

static int line_add(struct lines *lines, const char *line)
{
	struct mount_line *mount = reallocarray(lines->mount, lines->n + 1, sizeof(*mount));
	char **text;

	if (!mount)
		return -ENOMEM;
	lines->mount = mount;
	text = reallocarray(lines->text, lines->n + 1, sizeof(*text));
	if (!text)
		return -ENOMEM;
	lines->text = text;
	text[lines->n] = strdup(line);
	if (!text[lines->n])
		return -ENOMEM;
	lines->n++;
	return line_read(text[lines->n - 1], &mount[lines->n - 1]) ? 0 : -EBADMSG;
}

static bool is_within(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

static int mount_check(const struct mount_line *mount, const struct means_place *place,
		       struct problem *why)
{
	const char *inside = mount->point + strlen(place->root);

	/* to start a process in a cgroup it is enough to see it: clone3() asks for no writable
	   mount; below its own cgroup a container is guarded as it is in it */
	if (!strcmp(mount->type, "cgroup2") && !is_within(mount->root, place->cgroup))
		return problem(why, -EPERM,
			       "the host's cgroups are mounted at its %.80s: leave that mount "
			       "out, or start it with --cgroupns=private",
			       inside);
	if (!strcmp(mount->type, "bpf"))
		return problem(why, -EPERM,
			       "a BPF file system is mounted at its %.80s: the tables of its own "
			       "guard may be there",
			       inside);
	if (!strcmp(mount->type, "proc") && makedev(mount->major, mount->minor) == place->proc)
		return problem(why, -EPERM,
			       "the host's /proc is mounted at its %.80s: it leads to processes "
			       "and settings outside",
			       inside);
	return 0;
}

static const struct mount_line *parent_of(const struct lines *lines, const struct mount_line *mount)
{
	for (size_t i = 0; i < lines->n; i++)
		if (lines->mount[i].id == mount->parent)
			return &lines->mount[i];
	return NULL;
}

/* What is mounted at the root itself, or above, is left behind by pivot_root(). */
static bool is_inside(const char *point, const char *root)
{
	return is_within(point, root) && strcmp(point, root);
}

/* Another one, in the mount that it is on itself, at a folder above it. */
static bool is_below_one(const struct lines *lines, const struct mount_line *mount,
			 const char *root)
{
	for (size_t i = 0; i < lines->n; i++)
		if (lines->mount[i].parent == mount->parent &&
		    strcmp(lines->mount[i].point, mount->point) &&
		    is_inside(lines->mount[i].point, root) &&
		    is_within(mount->point, lines->mount[i].point))
			return true;
	return false;
}

/*
 * Is another mount at its root, or above it or what it is on? Then no path leads to it: to uncover
 * it takes CAP_SYS_ADMIN, and in a user namespace of its own they are one.
 */
static bool is_covered(const struct lines *lines, const struct mount_line *mount, const char *root)
{
	for (size_t i = 0; i < lines->n; i++)
		if (lines->mount[i].parent == mount->id &&
		    !strcmp(lines->mount[i].point, mount->point) && is_inside(mount->point, root))
			return true;
	for (size_t depth = 0; mount && depth < lines->n; depth++) {
		if (is_below_one(lines, mount, root))
			return true;
		mount = parent_of(lines, mount);
	}
	return false;
}

static int lines_check(const struct lines *lines, const struct means_place *place,
		       struct problem *why)
{
	size_t n = 0;

	for (size_t i = 0; i < lines->n; i++) {
		const struct mount_line *mount = &lines->mount[i];
		int r;

		if (!is_within(mount->point, place->root))
			continue;
		n++;
		if (is_covered(lines, mount, place->root))
			continue;
		r = mount_check(mount, place, why);
		if (r)
			return r;
	}
	/* its root and its /proc at least: else it was too early to look */
	return n < 2 ? problem(why, -EPERM, "its mounts are not there yet, so none can be checked")
		     : 0;
}

static int mounts_check(const struct means_place *place, struct problem *why)
{
	_cleanup_(lines_free) struct lines lines = {};
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, place->mountinfo) > 0)
		if (line_add(&lines, line))
			return problem(why, -EBADMSG, "its mounts cannot be read");
	if (ferror(place->mountinfo))
		return problem(why, -EIO, "its mounts cannot be read");
	return lines_check(&lines, place, why);
}

/*
 * "NSpid: 4711 1" is the first process of a namespace below ours. Any other number is in a
 * namespace of others, whose sockets it could take.
 */
static int first_check(FILE *status, struct problem *why)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, status) > 0) {
		char *save = NULL, *last = NULL;
		unsigned n = 0;

		if (strncmp(line, "NSpid:", 6))
			continue;
		for (char *pid = strtok_r(line + 6, " \t\n", &save); pid;
		     pid = strtok_r(NULL, " \t\n", &save), n++)
			last = pid;
		if (n >= 2 && !strcmp(last, "1"))
			return 0;
		return problem(why, -EPERM,
			       "it shares a process namespace: start it without --pid");
	}
	return problem(why, -EBADMSG, "its process namespace cannot be read");
}

int means_check_place(const struct means_place *place, struct problem *why)
{
	int r = first_check(place->status, why);

	return r ?: mounts_check(place, why);
}
