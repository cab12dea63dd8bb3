// SPDX-License-Identifier: Apache-2.0
#include "keys_json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/lock.h"
#include "service/own_file.h"

#define PATH_LEN     4096
#define WRITERS_S    10
#define READER_TRIES 100

/* --- reading -------------------------------------------------------------------------- */

static void entry_done(struct keys_entry *entry)
{
	free(entry->private_key);
	free(entry->public_key);
	limits_done(&entry->limits);
}

void keys_entries_done(struct keys_entries *entries)
{
	while (entries->n)
		entry_done(&entries->entry[--entries->n]);
	free(entries->entry);
	*entries = (struct keys_entries){};
}

static int path_take(struct json_object *from, const char *key, char **ret, struct problem *why)
{
	struct json_object *value = json_member(from, key, json_type_string);
	const char *text = value ? json_object_get_string(value) : "";

	if (*text != '/' || strlen(text) != (size_t)json_object_get_string_len(value) ||
	    strlen(text) >= PATH_LEN)
		return problem(why, -EINVAL, "%s is no absolute path", key);
	*ret = strdup(text);
	return *ret ? 0 : problem(why, -ENOMEM, "no memory for a path");
}

static int entry_read(struct json_object *from, struct keys_entry *ret, struct problem *why)
{
	struct keys_entry entry = {};
	int r;

	if (!json_object_is_type(from, json_type_object))
		return problem(why, -EINVAL, "it is no object");
	r = path_take(from, "private_key", &entry.private_key, why);
	if (!r && json_object_object_get_ex(from, "public_key", NULL))
		r = path_take(from, "public_key", &entry.public_key, why);
	if (!r)
		r = limits_read(from, &entry.limits, why);
	if (!r && entry.limits.total)
		r = problem(why, -EINVAL, "total is for keys in the store, which counts");
	if (r) {
		entry_done(&entry);
		return r;
	}
	*ret = entry;
	return 0;
}

static int entries_read(struct json_object *list, struct keys_entries *ret, struct problem *why)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	struct problem first;

	if (!n)
		return 0;
	if (n > KEYS_JSON_ENTRIES) {
		ret->left_out = (unsigned)n - KEYS_JSON_ENTRIES;
		problem(why, 0, "more than %d are too many", KEYS_JSON_ENTRIES);
		n = KEYS_JSON_ENTRIES;
	}
	ret->entry = calloc(n, sizeof(*ret->entry));
	if (!ret->entry)
		return problem(why, -ENOMEM, "no memory for keys");
	for (size_t i = 0; i < n; i++) {
		if (!entry_read(json_object_array_get_idx(list, i), &ret->entry[ret->n], &first)) {
			ret->n++;
			continue;
		}
		if (!ret->left_out++)
			problem(why, 0, "entry %zu: %s", i + 1, first.text);
	}
	return 0;
}

/* An empty file is an empty object. */
static int object_of(const char *text, size_t size, struct json_object **ret, struct problem *why)
{
	struct json_object *object = NULL;

	if (!size || strspn(text, " \t\r\n") == size) {
		object = json_object_new_object();
		if (!object)
			return problem(why, -ENOMEM, "no memory for JSON");
	} else if (json_parse(text, size, &object) ||
		   !json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return problem(why, -EINVAL, "it is no JSON object of projects");
	}
	*ret = object;
	return 0;
}

int keys_json_parse(const char *text, size_t size, const char *project, struct keys_entries *ret,
		    struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct keys_entries entries = {};
	struct json_object *list = NULL;
	int r = object_of(text, size, &object, why);

	if (!r && json_object_object_get_ex(object, project, &list))
		r = entries_read(list, &entries, why);
	if (r)
		keys_entries_done(&entries);
	else
		*ret = entries;
	return r;
}

/* --- the file ------------------------------------------------------------------------- */

/* Who writes has it for moments: a signer waits for those, and no longer. */
static int lock_shared(int fd)
{
	const struct timespec moment = { .tv_nsec = 5000000 };

	for (int i = 0; i < READER_TRIES; i++) {
		if (!flock(fd, LOCK_SH | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		nanosleep(&moment, NULL);
	}
	return -EBUSY;
}

/* Whoever writes holds the file's own lock; it was checked when it was read behind that. */
static int file_lock(const char *path, bool write, int *ret, struct problem *why)
{
	_cleanup_close_ int fd = open(path,
				      (write ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW |
					  O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				      0600);
	int r;

	if (fd < 0)
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	r = write ? lock_take(fd, WRITERS_S) : lock_shared(fd);
	if (r)
		return problem(why, r, "%s is locked by somebody who writes it: %s", path,
			       strerror(-r));
	*ret = TAKE_FD(fd);
	return 0;
}

static int file_read(const char *path, char **text, size_t *size, struct problem *why)
{
	_cleanup_close_ int fd = -1;
	int r = file_lock(path, false, &fd, why);

	*text = NULL;
	*size = 0;
	if (r)
		return r == -ENOENT ? 0 : r;
	return own_file_read(path, KEYS_JSON_MAX, text, size, NULL, why);
}

/* What is wrong with a file's text, behind its name. */
static int named(const char *path, int r, const struct problem *said, struct problem *why)
{
	return problem(why, r, "%s: %.*s", path, (int)sizeof(said->text) - 64, said->text);
}

int keys_json_load(const char *path, const char *project, struct keys_entries *ret,
		   struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	struct problem said = {};
	size_t size;
	int r = file_read(path, &text, &size, why);

	if (r)
		return r;
	r = keys_json_parse(text ?: "", size, project, ret, &said);
	return r || ret->left_out ? named(path, r, &said, why) : 0;
}

int keys_json_each(const char *path, int (*fn)(const char *project, void *user), void *user,
		   struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_free_ char *text = NULL;
	struct problem said = {};
	size_t size;
	int r = file_read(path, &text, &size, why);

	if (r)
		return r;
	r = object_of(text ?: "", size, &object, &said);
	if (r)
		return named(path, r, &said, why);
	json_object_object_foreach(object, project, list)
	{
		if (json_object_is_type(list, json_type_array))
			r = fn(project, user);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- writing -------------------------------------------------------------------------- */

/* In place, as every program that writes it: another inode would have another lock. */
static int file_put(int fd, const char *path, struct json_object *object, struct problem *why)
{
	const char *json = json_object_to_json_string_ext(
	    object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t n = json ? strlen(json) : 0;
	int r;

	if (!json || n + 1 > KEYS_JSON_MAX)
		return problem(why, -EFBIG, "%s would be too large", path);
	r = lseek(fd, 0, SEEK_SET) ? -errno : dir_write(fd, json, n);
	r = r ?: dir_write(fd, "\n", 1);
	if (!r && (ftruncate(fd, (off_t)n + 1) || fsync(fd)))
		r = -errno;
	return r ? problem(why, r, "write %s: %s", path, strerror(-r)) : 0;
}

struct change {
	int fd;
	struct json_object *object, *list; /* the file's, and the project's in it */
};

static void change_done(struct change *change)
{
	closep(&change->fd);
	json_object_put(change->object);
}

static int change_begin(const char *path, const char *project, struct change *change,
			struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	struct problem said = {};
	size_t size;
	int r = file_lock(path, true, &change->fd, why);

	if (!r)
		r = own_file_read(path, KEYS_JSON_MAX, &text, &size, NULL, why);
	if (r)
		return r;
	r = object_of(text ?: "", size, &change->object, &said);
	if (r)
		return named(path, r, &said, why);
	if (!json_object_object_get_ex(change->object, project, &change->list)) {
		change->list = json_object_new_array();
		if (!change->list || json_object_object_add(change->object, project, change->list))
			return problem(why, -ENOMEM, "no memory for keys");
	}
	if (!json_object_is_type(change->list, json_type_array))
		return problem(why, -EINVAL, "%s: what it has of %s is no list", path, project);
	return 0;
}

/* The entry with that private key; -1: none */
static int find(struct json_object *list, const char *private_key)
{
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		const char *have = json_text(json_object_array_get_idx(list, i), "private_key");

		if (have && !strcmp(have, private_key))
			return (int)i;
	}
	return -1;
}

static struct json_object *entry_object(const struct keys_entry *entry)
{
	_cleanup_json_ struct json json = {};
	struct json_object *ret = NULL;
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "private_key", entry->private_key);
	if (entry->public_key)
		json_add_string(&json, "public_key", entry->public_key);
	limits_write(&entry->limits, &json);
	json_close_object(&json);
	text = json_done(&json);
	return text && !json_parse(text, strlen(text), &ret) ? ret : NULL;
}

int keys_json_put(const char *path, const char *project, const struct keys_entry *entry,
		  struct problem *why)
{
	_cleanup_(change_done) struct change change = { .fd = -1 };
	struct json_object *object;
	int r = change_begin(path, project, &change, why), at;

	if (r)
		return r;
	at = find(change.list, entry->private_key);
	if (at < 0 && json_object_array_length(change.list) >= KEYS_JSON_ENTRIES)
		return problem(why, -E2BIG, "%s has %d keys: no more are read", project,
			       KEYS_JSON_ENTRIES);
	object = entry_object(entry);
	if (!object)
		return problem(why, -ENOMEM, "no memory for a key's entry");
	r = at < 0 ? json_object_array_add(change.list, object)
		   : json_object_array_put_idx(change.list, (size_t)at, object);
	if (r)
		return problem(why, -ENOMEM, "no memory for a key's entry");
	return file_put(change.fd, path, change.object, why);
}

int keys_json_remove(const char *path, const char *project, const char *private_key,
		     struct problem *why)
{
	_cleanup_(change_done) struct change change = { .fd = -1 };
	int r, at;

	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	r = change_begin(path, project, &change, why);
	at = r ? -1 : find(change.list, private_key);
	if (at < 0)
		return r;
	json_object_array_del_idx(change.list, (size_t)at, 1);
	if (!json_object_array_length(change.list))
		json_object_object_del(change.object, project);
	return file_put(change.fd, path, change.object, why) ?: 1;
}
