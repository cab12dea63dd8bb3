// SPDX-License-Identifier: Apache-2.0
#include "watcher/look.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/container.h"
#include "base/event.h"
#include "watcher/file.h"
#include "watcher/scan.h"
#include "watcher/text.h"

#define CONFIG_MAX (1 << 20) /* config.json: usually 11 KB */
#define LIST_MAX   (8 << 20) /* the storage's list: 600 bytes a container */
#define META_MAX   (64 << 10)
#define LIST_NAMES "*containers.json" /* also volatile-containers.json */

/* What is before the last so many components; "": there are not so many. */
static const char *folder_above(const char *path, unsigned n, char ret[static MONITOR_PATH])
{
	snprintf(ret, MONITOR_PATH, "%s", path);
	while (n--) {
		char *cut = strrchr(ret, '/');

		if (!cut || cut == ret) {
			*ret = '\0';
			break;
		}
		*cut = '\0';
	}
	return ret;
}

/* PATH: a folder and a name, together at most MONITOR_PATH; "" when they are more. */
static const char *path_join(const char *folder, const char *name, char ret[static MONITOR_PATH])
{
	if (snprintf(ret, MONITOR_PATH, "%s/%s", folder, name) >= MONITOR_PATH)
		*ret = '\0';
	return ret;
}

void look_begin(struct look *look, const char *run)
{
	look->tail.fd = -1;
	if (*run) {
		path_join(run, "containers/overlay-containers", look->storage);
		path_join(run, "libpod/tmp", look->libpod);
	} else {
		strcpy(look->storage, "/run/containers/storage/overlay-containers");
		strcpy(look->libpod, "/run/libpod");
	}
}

/* --- what it is called --------------------------------------------------------------- */

static uint64_t ns_of(const struct timespec *time)
{
	return time->tv_sec * SECOND_NS + time->tv_nsec;
}

/* The monitor knows the name that it had when it was started; the storage has the present one. */
static void on_name(const char *id, const char *name, void *user)
{
	struct look *look = user;

	for (struct entry *entry = look->table.entry; entry; entry = entry->next) {
		if (entry->ended || strcmp(entry->monitor.id, id) || !strcmp(entry->name, name))
			continue;
		strcpy(entry->name, name);
		entry->untold = true;
	}
}

static void list_read(struct look *look, struct look_list *list)
{
	_cleanup_free_ char *text = NULL;
	struct stat st = {};
	size_t size;

	if (stat(list->path, &st))
		return;
	if (!look->unnamed && list->inode == st.st_ino && list->size == (uint64_t)st.st_size &&
	    list->changed_ns == ns_of(&st.st_mtim))
		return;
	list->inode = st.st_ino;
	list->size = st.st_size;
	list->changed_ns = ns_of(&st.st_mtim);
	if (!file_read(list->path, LIST_MAX, &text, &size))
		text_names(text, size, on_name, look);
}

static void list_want(struct look *look, const char *folder, const char *file)
{
	struct look_list *list = look->list;
	char path[MONITOR_PATH];

	if (!*folder || !*path_join(folder, file, path))
		return;
	while (list < look->list + look->n_lists && strcmp(list->path, path))
		list++;
	if (list == look->list + LOOK_LISTS || list < look->list + look->n_lists)
		return;
	*list = (struct look_list){};
	strcpy(list->path, path);
	look->n_lists++;
}

/* --- what is watched ----------------------------------------------------------------- */

/* A container's pid is written into its own folder, which is there before its monitor is. */
static void want_storage(struct look *look, const char *storage)
{
	DIR *dir;
	struct dirent *entry;

	places_want(look->places, PLACE_LOOK, storage, "");
	dir = opendir(storage);
	while (dir && (entry = readdir(dir))) {
		char path[MONITOR_PATH], folder[MONITOR_PATH];

		if (container_is_id(entry->d_name))
			places_want(
			    look->places, PLACE_LOOK,
			    path_join(path_join(storage, entry->d_name, path), "userdata", folder),
			    "pidfile");
	}
	if (dir)
		closedir(dir);
}

static void want_usual(struct look *look)
{
	char path[MONITOR_PATH];

	want_storage(look, look->storage);
	places_want(look->places, PLACE_LOOK, path_join(look->libpod, "exits", path), "");
	places_want(look->places, PLACE_LOG, path_join(look->libpod, "events", path), "events.log");
	tail_follow(&look->tail, path_join(look->libpod, "events/events.log", path));
}

/* Somebody runs podman with folders of their own. */
static void want_unusual(struct look *look, const struct monitor *monitor)
{
	char path[MONITOR_PATH], libpod[MONITOR_PATH];

	if (strcmp(folder_above(monitor->pidfile, 3, path), look->storage) && *path)
		want_storage(look, path);
	if (strcmp(folder_above(monitor->exits, 1, libpod), look->libpod) && *libpod) {
		places_want(look->places, PLACE_LOOK, monitor->exits, "");
		places_want(look->places, PLACE_LOOK, path_join(libpod, "events", path),
			    "events.log");
	}
	list_want(look, folder_above(monitor->pidfile, 3, path), "volatile-containers.json");
	list_want(look, folder_above(monitor->bundle, 2, path), "containers.json");
	if (*path) /* renaming is written there, and nowhere else */
		places_want(look->places, PLACE_LOOK, path, LIST_NAMES);
}

/* --- what is said of one ------------------------------------------------------------- */

static void entry_config(struct entry *entry)
{
	_cleanup_free_ char *text = NULL;
	char path[MONITOR_PATH];
	size_t size;

	entry->annotated = false;
	memset(&entry->pairs, 0, sizeof(entry->pairs));
	if (*entry->monitor.bundle &&
	    !file_read(path_join(entry->monitor.bundle, "config.json", path), CONFIG_MAX, &text,
		       &size))
		text_config(text, size, &entry->annotated, &entry->pairs);
}

static void entry_file(struct entry *entry)
{
	_cleanup_free_ char *text = NULL;
	struct terok_dossier file = {};
	bool there;
	size_t size;

	if (!*entry->pairs.meta_path)
		return;
	there = !file_read(entry->pairs.meta_path, META_MAX, &text, &size) &&
		!text_meta(text, size, &file);
	if (there == entry->there && !memcmp(&file, &entry->file, sizeof(file)))
		return;
	entry->there = there;
	entry->file = file;
	entry->unsaid = true;
}

void look_at_files(struct look *look)
{
	for (struct entry *entry = look->table.entry; entry; entry = entry->next)
		if (!entry->ended)
			entry_file(entry);
}

static void want_file(struct look *look, const struct entry *entry)
{
	const char *path = entry->pairs.meta_path, *name = strrchr(path, '/');
	char folder[MONITOR_PATH];

	if (!name || strlen(path) >= MONITOR_PATH)
		return;
	folder_above(path, 1, folder);
	places_want(look->places, PLACE_META, *folder ? folder : "/", name + 1);
}

static void on_monitor(const struct monitor *monitor, pid_t pid, void *user)
{
	struct look *look = user;
	struct entry *entry;
	pid_t first;
	bool fresh;

	want_unusual(look, monitor); /* first: what changes from here on is seen */
	first = scan_pid(monitor->pidfile);
	entry = first ? table_see(&look->table, monitor, pid, first, &fresh) : NULL;
	if (!entry)
		return;
	if (fresh) {
		entry_config(entry);
		entry->unsaid = *entry->pairs.meta_path;
		strcpy(entry->name, monitor->name);
		look->unnamed = true;
	}
	want_file(look, entry);
}

int look_around(struct look *look)
{
	int r;

	places_begin(look->places);
	table_begin(&look->table);
	want_usual(look);
	r = scan_monitors(on_monitor, look);
	if (r) /* nobody has ended because we could not look */
		return r;
	table_end(&look->table);
	for (unsigned i = 0; i < look->n_lists; i++)
		list_read(look, &look->list[i]);
	look->unnamed = false;
	places_end(look->places);
	look_at_files(look);
	return 0;
}

void look_end(struct look *look)
{
	tail_end(&look->tail);
	table_free(&look->table);
}
