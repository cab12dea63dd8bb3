// SPDX-License-Identifier: Apache-2.0
/*
 * profile_file.c - the files of profiles: found by name, believed or not, read, listed
 *
 * Verbs run as root: a folder or a file that others can write is refused, with its path.
 */
#include "profile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sanitise.h"

static bool name_check(const char *name)
{
	return isalnum((unsigned char)*name) && strlen(name) < PROFILE_NAME_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		   strlen(name);
}

static const char *base_path(bool shipped)
{
	const char *env = getenv(shipped ? "TEROK_DATA" : "TEROK_CONFIG");

	return env && *env ? env : shipped ? TEROK_DATADIR : "/etc/terok";
}

/* The folder's path. */
static const char *folder_path(char buf[static PROFILE_PATH_LEN], bool shipped)
{
	snprintf(buf, PROFILE_PATH_LEN, "%s/profiles", base_path(shipped));
	return buf;
}

const char *profile_path(char buf[static PROFILE_PATH_LEN], bool shipped, const char *name)
{
	size_t n = strlen(folder_path(buf, shipped));

	snprintf(buf + n, PROFILE_PATH_LEN - n, "/%s.txt", name);
	return buf;
}

/* Nobody but root and the caller can write it. */
static int owner_check(const struct stat *st, const char *path, struct problem *why)
{
	if ((!st->st_uid || st->st_uid == geteuid()) && !(st->st_mode & 022))
		return 0;
	return problem(why, -EPERM,
		       "%s: can be written by others (user %u, mode %04o), so it is not believed; "
		       "try: chown root and chmod go-w",
		       path, st->st_uid, st->st_mode & 07777);
}

/* -ENOENT: there is none, which is nobody's mistake. */
static int folder_open(const char *path, int *ret, struct problem *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT
				       : problem(why, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st))
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	r = owner_check(&st, path, why);
	if (!r)
		*ret = TAKE_FD(fd);
	return r;
}

/*
 * A regular file, also behind a link: administrators use them. -ENOENT: no such name; a link
 * to nothing is another error, else the shipped profile would quietly stand in for it.
 */
static int file_open(int dir, const char *name, const char *path, int *ret, struct problem *why)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW)
			   ? -ENOENT
			   : problem(why, -ENOLINK, "%s: a link to nothing", path);
	if (fd < 0 || fstat(fd, &st))
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return problem(why, -EINVAL, "%s: no regular file", path);
	r = owner_check(&st, path, why);
	if (!r)
		*ret = TAKE_FD(fd);
	return r;
}

/* To its end, whatever its size was said to be: half a file may be without its denies. */
static int file_read(int fd, const char *path, char **ret, size_t *size, struct problem *why)
{
	_cleanup_free_ char *text = malloc(PROFILE_FILE_MAX + 1);
	size_t n = 0;
	ssize_t got;

	if (!text)
		return -ENOMEM;
	do {
		got = read(fd, text + n, PROFILE_FILE_MAX + 1 - n);
		if (got < 0)
			return problem(why, -errno, "%s: %s", path, strerror(errno));
		n += got;
	} while (got && n <= PROFILE_FILE_MAX);
	if (n > PROFILE_FILE_MAX)
		return problem(why, -EFBIG, "%s: larger than %d bytes", path, PROFILE_FILE_MAX);
	*size = n;
	*ret = TAKE_PTR(text);
	return 0;
}

static int named_open(const char *name, bool shipped, int *ret, struct problem *why)
{
	char path[PROFILE_PATH_LEN], file[PROFILE_NAME_LEN + 4];
	_cleanup_close_ int dir = -1;
	int r = folder_open(folder_path(path, shipped), &dir, why);

	if (r)
		return r;
	snprintf(file, sizeof(file), "%s.txt", name);
	return file_open(dir, file, profile_path(path, shipped, name), ret, why);
}

struct naming {
	char text[120];
	size_t n;
};

static int name_append(const char *name, bool shipped, void *user)
{
	struct naming *naming = user;
	size_t room = sizeof(naming->text) - naming->n;

	(void)shipped;
	if (strlen(name) + 6 > room) { /* ", " now, and "..." if more are to come */
		strcpy(naming->text + naming->n, " ...");
		return 1;
	}
	naming->n += sprintf(naming->text + naming->n, "%s%s", naming->n ? ", " : "", name);
	return 0;
}

static int name_unknown(const char *name, struct problem *why)
{
	struct naming naming = {};
	int r = profile_each(name_append, &naming, why);

	if (r < 0)
		return r;
	return problem(why, -ENOENT, "no profile '%s'; terok-bpfd profiles lists them: %s", name,
		       *naming.text ? naming.text : "there are none");
}

int profile_read(const char *text, char **ret, size_t *size, char path[static PROFILE_PATH_LEN],
		 struct problem *why)
{
	_cleanup_close_ int fd = -1;
	char safe[81];
	int r = -ENOENT;

	if (strchr(text, '/')) {
		snprintf(path, PROFILE_PATH_LEN, "%s", text);
		r = file_open(AT_FDCWD, text, text, &fd, why);
		if (r == -ENOENT)
			return problem(why, r, "%s: no such file", text);
		return r ?: file_read(fd, path, ret, size, why);
	}
	if (!name_check(text))
		return problem(why, -EINVAL,
			       "'%s' is no profile's name: letters, digits, '.', '_', '-'",
			       sanitise(safe, sizeof(safe) - 1, text, strlen(text)));
	for (int shipped = 0; r == -ENOENT && shipped <= 1; shipped++) {
		profile_path(path, shipped, text);
		r = named_open(text, shipped, &fd, why);
	}
	if (r == -ENOENT)
		return name_unknown(text, why);
	return r ?: file_read(fd, path, ret, size, why);
}

struct loading {
	struct profile *profile;
	const char *path;
	struct problem *why;
};

static int load_line(unsigned line, const struct profile_entry *entry, const struct problem *wrong,
		     void *user)
{
	struct loading *loading = user;

	if (!entry)
		return problem(loading->why, -EINVAL, "%s:%u: %s", loading->path, line,
			       wrong->text);
	return profile_add(loading->profile, entry);
}

int profile_load(const char *name, struct profile *profile, struct problem *why)
{
	_cleanup_profile_ struct profile loaded = {};
	struct loading loading = { .profile = &loaded, .why = why };
	_cleanup_free_ char *text = NULL;
	char path[PROFILE_PATH_LEN];
	size_t size;
	int r = profile_read(name, &text, &size, path, why);

	loading.path = path;
	if (!r)
		r = profile_parse(text, size, load_line, &loading);
	for (size_t i = 0; !r && i < loaded.n; i++)
		r = profile_add(profile, &loaded.entry[i]);
	return r;
}

/* --- the default ------------------------------------------------------------------------ */

/* Words of a file, with a colon between; what is behind a # says nothing. */
static int names_join(char *text, char *names, size_t room, const char *path, struct problem *why)
{
	size_t n = 0;
	char *save;

	*names = '\0';
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "#\r")] = '\0';
		line += strspn(line, " \t");
		line[strcspn(line, " \t")] = '\0';
		if (!*line)
			continue;
		if (strcmp(line, PROFILE_NONE) && !name_check(line))
			return problem(why, -EINVAL,
				       "%s: names of profiles are expected, one a line", path);
		if (n + strlen(line) + 2 > room)
			return problem(why, -EFBIG, "%s: too many names", path);
		n += sprintf(names + n, "%s%s", n ? ":" : "", line);
	}
	return 0;
}

int profile_default(char *names, size_t room, struct problem *why)
{
	char path[PROFILE_PATH_LEN];
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int dir = -1, fd = -1;
	size_t size;
	int r = folder_open(base_path(false), &dir, why);

	snprintf(path, sizeof(path), "%s/default-profiles", base_path(false));
	if (!r)
		r = file_open(dir, "default-profiles", path, &fd, why);
	if (r == -ENOENT)
		return snprintf(names, room, PROFILE_DEFAULT) < 0 ? -EINVAL : 0;
	if (!r)
		r = file_read(fd, path, &text, &size, why);
	if (r)
		return r;
	text[size] = '\0';
	return names_join(text, names, room, path, why);
}

/* --- listing ----------------------------------------------------------------------------- */

struct listed {
	char name[PROFILE_NAME_LEN];
	bool shipped;
};

struct listing {
	struct listed *item;
	size_t n, room;
};

/* @file: a name in a folder; one that cannot be a profile is passed over. */
static int list_add(struct listing *list, const char *file, bool shipped)
{
	struct listed item = { .shipped = shipped };
	size_t len = strlen(file);

	if (len < 5 || len - 4 >= PROFILE_NAME_LEN || strcmp(file + len - 4, ".txt"))
		return 0;
	memcpy(item.name, file, len - 4);
	if (!name_check(item.name))
		return 0;
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 32;
		struct listed *more = reallocarray(list->item, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->item = more;
		list->room = room;
	}
	list->item[list->n++] = item;
	return 0;
}

static int list_folder(bool shipped, struct listing *list, struct problem *why)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	_cleanup_close_ int fd = -1;
	char path[PROFILE_PATH_LEN];
	struct dirent *entry;
	int r = folder_open(folder_path(path, shipped), &fd, why);

	if (r)
		return r == -ENOENT ? 0 : r;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	TAKE_FD(fd);
	while (!r && (entry = readdir(dir)))
		r = list_add(list, entry->d_name, shipped);
	return r;
}

/* By name, and the user's first of two. */
static int listed_compare(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	return strcmp(x->name, y->name) ?: x->shipped - y->shipped;
}

int profile_each(int (*fn)(const char *name, bool shipped, void *user), void *user,
		 struct problem *why)
{
	struct listing list = {};
	int r = list_folder(false, &list, why);

	if (!r)
		r = list_folder(true, &list, why);
	if (!r && list.n)
		qsort(list.item, list.n, sizeof(*list.item), listed_compare);
	for (size_t i = 0; !r && i < list.n; i++)
		if (!i || strcmp(list.item[i].name, list.item[i - 1].name))
			r = fn(list.item[i].name, list.item[i].shipped, user);
	free(list.item);
	return r;
}
