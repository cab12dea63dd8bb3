// SPDX-License-Identifier: Apache-2.0
#include "sandbox_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/json.h"
#include "base/paths.h"

#define FILE_NAME "meta.json"
#define FILE_MAX  (256 << 10)

/* The folder of all, made if it is missing. */
static int open_runs(struct problem *why)
{
	_cleanup_free_ char *path = path_below(ROOT_STATE, "runs");

	if (!path)
		return problem(why, -ENOENT, "there is no home for what is kept of a container");
	dir_make(path);
	return dir_open(AT_FDCWD, path, why);
}

static void put_hooks(struct json *json, const struct spec *spec)
{
	json_open_object(json, "hooks");
	for (unsigned i = 0; i < HOOK_MAX_; i++) {
		if (!spec->hooks[i].n)
			continue;
		json_open_array(json, spec_hook_name[i]);
		for (unsigned w = 0; w < spec->hooks[i].n; w++)
			json_add_string(json, NULL, spec->hooks[i].word[w]);
		json_close_array(json);
	}
	json_close_object(json);
}

int record_save(const struct record *record, struct problem *why)
{
	_cleanup_json_ struct json json = {};
	_cleanup_close_ int runs = open_runs(why), dir = -1;
	const struct spec *spec = &record->spec;
	const char *text;

	if (runs < 0)
		return runs;
	dir = dir_open(runs, spec->name, why);
	if (dir < 0)
		return dir;
	json_open_object(&json, NULL);
	json_add_string(&json, "container_name", spec->name);
	json_add_string(&json, "id", record->id);
	json_add_string(&json, "image", spec->image);
	if (spec->task_dir)
		json_add_string(&json, "task_dir", spec->task_dir);
	json_add_bool(&json, "shield", !spec->no_guard);
	json_add_string(&json, "ready_marker", spec->marker);
	json_add_bool(&json, "ready", record->ready);
	json_add_uint(&json, "shutdown_timeout", spec->grace_s);
	json_add_uint(&json, "hook_timeout", spec->hook_s);
	put_hooks(&json, spec);
	json_close_object(&json);
	text = json_done(&json);
	return text ? dir_replace(dir, FILE_NAME, text, json.n, why) : -ENOMEM;
}

static void take_hooks(struct json_object *hooks, struct spec *spec)
{
	for (unsigned i = 0; i < HOOK_MAX_; i++) {
		struct json_object *list = json_member(hooks, spec_hook_name[i], json_type_array);

		for (size_t w = 0; list && w < json_object_array_length(list); w++)
			words_add(&spec->hooks[i],
				  json_object_get_string(json_object_array_get_idx(list, w)) ?: "");
	}
}

static int take_record(struct json_object *object, const char *name, struct record *ret)
{
	struct record record = {};
	const char *id = json_text(object, "id"), *marker = json_text(object, "ready_marker");
	const char *image = json_text(object, "image"), *dir = json_text(object, "task_dir");
	struct json_object *shield = json_member(object, "shield", json_type_boolean);
	struct json_object *grace = json_member(object, "shutdown_timeout", json_type_int);
	struct json_object *hook = json_member(object, "hook_timeout", json_type_int);
	struct spec *spec = &record.spec;
	int r = spec_init(spec) ?: spec_set_name(spec, name, NULL);

	if (!r && image)
		r = spec_set_text(&spec->image, "image", image, NULL);
	if (!r && marker)
		r = spec_set_text(&spec->marker, "marker", marker, NULL);
	if (!r && dir)
		r = spec_set_text(&spec->task_dir, "task_dir", dir, NULL);
	snprintf(record.id, sizeof(record.id), "%s", id ?: "");
	spec->no_guard = shield && !json_object_get_boolean(shield);
	if (grace && json_object_get_int64(grace) >= 0 &&
	    json_object_get_int64(grace) <= SPEC_SECONDS_MAX)
		spec->grace_s = json_object_get_int64(grace);
	if (hook && json_object_get_int64(hook) > 0 &&
	    json_object_get_int64(hook) <= SPEC_SECONDS_MAX)
		spec->hook_s = json_object_get_int64(hook);
	record.ready = json_object_get_boolean(json_member(object, "ready", json_type_boolean));
	take_hooks(json_member(object, "hooks", json_type_object), spec);
	if (r)
		record_done(&record);
	else
		*ret = record;
	return r;
}

int record_load(const char *name, struct record *ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_free_ char *root = path_below(ROOT_STATE, "runs"), *path = NULL,
			    *text = malloc(FILE_MAX);
	_cleanup_fclose_ FILE *file = NULL;
	size_t n;

	if (spec_name_check(name, why))
		return -ENOENT; /* and never a path */
	if (!root || !text)
		return -ENOMEM;
	if (asprintf(&path, "%s/%s/" FILE_NAME, root, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	file = fopen(path, "re");
	if (!file)
		return problem(why, -errno, "%.150s: %s", path, strerror(errno));
	n = fread(text, 1, FILE_MAX, file);
	if (json_parse(text, n, &object) || take_record(object, name, ret))
		return problem(why, -EBADMSG, "%.150s is damaged; remove it", path);
	return 0;
}

void record_forget(const char *name)
{
	_cleanup_free_ char *root = path_below(ROOT_STATE, "runs");
	char path[4096];

	if (!root || spec_name_check(name, NULL))
		return;
	snprintf(path, sizeof(path), "%s/%s/" FILE_NAME, root, name);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

int record_each(int (*fn)(const char *name, long age_s, void *user), void *user)
{
	_cleanup_free_ char *root = path_below(ROOT_STATE, "runs");
	_cleanup_(closedirp) DIR *dir = root ? opendir(root) : NULL;
	struct dirent *entry;
	int r = 0;

	while (dir && !r && (entry = readdir(dir))) {
		char path[4096];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s/" FILE_NAME, root, entry->d_name);
		if (!spec_name_check(entry->d_name, NULL) && !stat(path, &st))
			r = fn(entry->d_name, (long)(time(NULL) - st.st_mtime), user);
	}
	return r;
}

void record_done(struct record *record)
{
	spec_done(&record->spec);
}
