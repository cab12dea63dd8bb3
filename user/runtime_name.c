// SPDX-License-Identifier: Apache-2.0
#include "runtime_name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runtime.h"

#define DOCKER     "/var/lib/docker/containers"
#define NERDCTL    "/var/lib/nerdctl"
#define CONFIG_MAX (1 << 20) /* docker's has some 10 KB; labels make it longer */
#define FOLDERS    8192      /* looked into, of all */

struct names {
	const char *name, *id; /* one of them is looked for */
	char found_name[TEROK_NAME_LEN], found_id[CONTAINER_ID_LEN];
	unsigned looked, found;
};

static int take_text(struct json_object *from, const char *key, size_t room, char *ret)
{
	struct json_object *text = json_member(from, key, json_type_string);

	if (!text || (size_t)json_object_get_string_len(text) >= room)
		return -EBADMSG;
	strcpy(ret, json_object_get_string(text));
	return 0;
}

int runtime_parse_docker(const char *json, size_t size, char id[static CONTAINER_ID_LEN],
			 char name[static TEROK_NAME_LEN])
{
	_cleanup_(json_putp) struct json_object *config = NULL;
	char called[TEROK_NAME_LEN + 1], of[CONTAINER_ID_LEN];

	if (json_parse(json, size, &config) || take_text(config, "ID", sizeof(of), of) ||
	    take_text(config, "Name", sizeof(called), called))
		return -EBADMSG;
	if (!container_is_id(of) || *called != '/' || !container_is_name(called + 1))
		return -EBADMSG;
	strcpy(id, of);
	strcpy(name, called + 1);
	return 0;
}

static void note(struct names *names, const char *id, const char *name)
{
	if (names->id ? strcmp(names->id, id) : strcmp(names->name, name))
		return;
	/* the same, told twice, is one */
	names->found += !names->found || strcmp(names->found_id, id) != 0;
	strcpy(names->found_id, id);
	strcpy(names->found_name, name);
}

/* A small file; its size, or a negative errno. @text is the caller's. */
static ssize_t file_read(int dir, const char *path, char **text)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ char *room = malloc(CONFIG_MAX);
	ssize_t n, at = 0;

	if (fd < 0 || !room)
		return -ENOENT;
	while ((n = read(fd, room + at, CONFIG_MAX - at)) > 0)
		at += n;
	if (n < 0 || at == CONFIG_MAX)
		return -EFBIG;
	*text = TAKE_PTR(room);
	return at;
}

static void look_at_docker(int dir, const char *folder, struct names *names)
{
	char path[CONTAINER_ID_LEN + 32], id[CONTAINER_ID_LEN], name[TEROK_NAME_LEN];
	_cleanup_free_ char *text = NULL;
	ssize_t n;

	if (!container_is_id(folder))
		return;
	snprintf(path, sizeof(path), "%.64s/config.v2.json", folder);
	n = file_read(dir, path, &text);
	/* a file of another folder's container is no word on either */
	if (n > 0 && !runtime_parse_docker(text, n, id, name) && !strcmp(id, folder))
		note(names, id, name);
}

static void look_at_nerdctl(int dir, const char *name, struct names *names)
{
	_cleanup_free_ char *text = NULL;
	char id[CONTAINER_ID_LEN];
	ssize_t n;

	if (!container_is_name(name) || strlen(name) >= TEROK_NAME_LEN)
		return;
	n = file_read(dir, name, &text);
	if (n < CONTAINER_ID_LEN - 1)
		return;
	snprintf(id, sizeof(id), "%.64s", text);
	if (container_is_id(id))
		note(names, id, name);
}

typedef void (*look_fn)(int dir, const char *entry, struct names *names);

static void each_entry(int at, const char *path, look_fn fn, struct names *names)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		closep(&fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && names->looked++ < FOLDERS)
			fn(dirfd(dir), entry->d_name, names);
	closedir(dir);
}

static void look_at_namespace(int dir, const char *entry, struct names *names)
{
	each_entry(dir, entry, look_at_nerdctl, names);
}

static void look_at_store(int dir, const char *entry, struct names *names)
{
	char path[NAME_MAX + 8];

	snprintf(path, sizeof(path), "%s/names", entry);
	each_entry(dir, path, look_at_namespace, names);
}

static void look(struct names *names)
{
	each_entry(AT_FDCWD, DOCKER, look_at_docker, names);
	each_entry(AT_FDCWD, NERDCTL, look_at_store, names);
}

int runtime_id_of_name(const char *name, char id[static CONTAINER_ID_LEN], struct problem *why)
{
	struct names names = { .name = name };

	if (!container_is_name(name) || strlen(name) >= TEROK_NAME_LEN)
		return problem(why, -EINVAL, "'%.80s' is no container name or id", name);
	look(&names);
	if (!names.found)
		return problem(why, -ENOENT, "no container is called '%s' by docker or nerdctl",
			       name);
	if (names.found > 1)
		return problem(why, -ENOTUNIQ,
			       "%u containers are called '%s' by docker and nerdctl: say the id",
			       names.found, name);
	strcpy(id, names.found_id);
	return 0;
}

void runtime_name_of_id(const char *id, char name[static TEROK_NAME_LEN])
{
	struct names names = { .id = id };

	snprintf(name, TEROK_NAME_LEN, "%.12s", id);
	look(&names);
	if (names.found)
		strcpy(name, names.found_name);
}
