// SPDX-License-Identifier: Apache-2.0
#include "guard_share.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "guard_dir.h"

#define TO_SPARE 16 /* a part of the bound is free then, so that it is not looked at each time */

struct folder {
	char name[GUARD_DIR_LEN];
	time_t written;
	uint64_t bytes;
};

struct folders {
	struct folder *folder;
	unsigned n, room;
	uint64_t bytes;
};

static DIR *folder_list(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		closep(&fd);
	return dir;
}

static bool is_other(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static void folder_weigh(int room, struct folder *folder)
{
	DIR *dir = folder_list(room, folder->name);
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir))) {
		if (!is_other(entry) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		folder->bytes += st.st_size;
		if (st.st_mtime > folder->written)
			folder->written = st.st_mtime;
	}
	if (dir)
		closedir(dir);
}

/* Folders hold files, and nothing below them. */
static bool folder_remove(int room, const char *name)
{
	DIR *dir = folder_list(room, name);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_other(entry))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	return !unlinkat(room, name, AT_REMOVEDIR);
}

static struct folder *folder_add(struct folders *all)
{
	unsigned room = all->room ? 2 * all->room : 64;
	struct folder *more;

	if (all->n == all->room) {
		more = realloc(all->folder, room * sizeof(*more));
		if (!more)
			return NULL;
		all->folder = more;
		all->room = room;
	}
	return &all->folder[all->n++];
}

/* All of that user but @name. */
static void folders_read(int room, uint32_t uid, const char *name, struct folders *all)
{
	DIR *dir = folder_list(room, ".");
	struct folder *folder;
	struct dirent *entry;
	char whose[16];

	snprintf(whose, sizeof(whose), "@%u", uid);
	while (dir && (entry = readdir(dir))) {
		const char *at = strrchr(entry->d_name, '@');

		if (!at || strcmp(at, whose) || !strcmp(entry->d_name, name))
			continue;
		folder = folder_add(all);
		if (!folder)
			break;
		*folder = (struct folder){};
		snprintf(folder->name, sizeof(folder->name), "%s", entry->d_name);
		folder_weigh(room, folder);
		all->bytes += folder->bytes;
	}
	if (dir)
		closedir(dir);
}

static int by_age(const void *a, const void *b)
{
	const struct folder *one = a, *two = b;

	return one->written < two->written ? -1 : one->written > two->written;
}

void guard_share_make(int room, uint32_t uid, const char *name)
{
	struct folders all = {};
	unsigned n = 0;

	folders_read(room, uid, name, &all);
	if (all.n < GUARD_USER_FOLDERS && all.bytes <= GUARD_USER_BYTES) {
		free(all.folder);
		return;
	}
	qsort(all.folder, all.n, sizeof(*all.folder), by_age);
	for (unsigned i = 0; i < all.n; i++) {
		const struct folder *oldest = &all.folder[i];

		if (all.n - n <= GUARD_USER_FOLDERS - GUARD_USER_FOLDERS / TO_SPARE &&
		    all.bytes <= GUARD_USER_BYTES - GUARD_USER_BYTES / TO_SPARE)
			break;
		if (!folder_remove(room, oldest->name))
			continue;
		all.bytes -= oldest->bytes;
		n++;
	}
	log_warn(0,
		 "user %u had %u folders with audit of containers; no user has more than %u, or %u "
		 "MiB in them: the %u that nothing was written to for longest are removed",
		 uid, all.n, GUARD_USER_FOLDERS, (unsigned)(GUARD_USER_BYTES >> 20), n);
	free(all.folder);
}
