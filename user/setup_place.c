// SPDX-License-Identifier: Apache-2.0
#include "setup_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "kernel.h"
#include "setup_io.h"

void setup_place_done(struct setup_place *place)
{
	conf_dirs_done(&place->looks);
	conf_dirs_done(&place->wants);
}

static int place_set(char to[static SETUP_DIR_LEN], const char *base, const char *rest,
		     struct problem *why)
{
	int n = snprintf(to, SETUP_DIR_LEN, "%s%s", base, rest);

	if (*base != '/' || strchr(base, '\n'))
		return problem(why, -EINVAL, "'%.100s' is no absolute path", base);
	return n < SETUP_DIR_LEN ? 0 : problem(why, -ENAMETOOLONG, "%.100s: too long", base);
}

/* --- what podman's configuration says ------------------------------------------------------ */

/* One file, also behind a link, as podman reads it. */
static int conf_load(const char *path, struct setup_place *place, struct problem *why)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *text = malloc(CONF_SIZE_MAX + 1);
	struct problem wrong = {};
	struct conf conf;
	size_t n;
	int r;

	if (!f)
		return errno == ENOENT || errno == ENOTDIR
			   ? 0
			   : problem(why, -errno, "%.200s: %s", path, strerror(errno));
	if (!text)
		return -ENOMEM;
	n = fread(text, 1, CONF_SIZE_MAX + 1, f);
	r = ferror(f) ? problem(&wrong, -EIO, "cannot be read") : conf_read(text, n, &conf, &wrong);
	if (r) {
		if (!ferror(f))
			conf_done(&conf);
		return problem(why, r, "%.120s: %.100s", path, wrong.text);
	}
	if (conf.set) {
		if (!conf.append)
			conf_dirs_done(&place->looks);
		for (unsigned i = 0; !r && i < conf.dirs.n; i++)
			r = conf_dirs_add(&place->looks, conf.dirs.dir[i]);
		place->set = true;
		place->set_line = conf.number;
		snprintf(place->set_by, sizeof(place->set_by), "%s", path);
	}
	conf_done(&conf);
	return r ? problem(why, r, "%.200s: too many folders", path) : 0;
}

static int is_conf(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && !strcmp(entry->d_name + n - 5, ".conf");
}

/*
 * What the line of ours says: what was looked at before it, which it stands in for, and ours. Where
 * nothing was said both folders are named that people know, also of a user: what root sets up
 * later is looked at as well.
 */
static int wants_find(struct setup_place *place, struct problem *why)
{
	int r = 0;

	for (unsigned i = 0; place->set && !r && i < place->looks.n; i++)
		r = conf_dirs_add(&place->wants, place->looks.dir[i]);
	if (!place->set)
		r = conf_dirs_add(&place->wants, SETUP_HOOKS_SHARED)
			?: conf_dirs_add(&place->wants, SETUP_HOOKS_ROOT);
	if (!r)
		r = conf_dirs_add(&place->wants,
				  place->scope == SETUP_ROOT ? SETUP_HOOKS_ROOT : place->hooks);
	return r ? problem(why, r, "too many folders of hooks") : 0;
}

/* FOLDER/containers.conf, then FOLDER/containers.conf.d in the order of names. */
static int confs_load(const char *folder, struct setup_place *place, struct problem *why)
{
	char path[SETUP_PATH_LEN + 256], parts[SETUP_PATH_LEN];
	struct dirent **list = NULL;
	int n, r;

	snprintf(path, sizeof(path), "%s/containers.conf", folder);
	r = strcmp(path, place->conf) ? 0 : wants_find(place, why);
	if (!r)
		r = conf_load(path, place, why);
	snprintf(parts, sizeof(parts), "%s/containers.conf.d", folder);
	n = scandir(parts, &list, is_conf, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", parts, list[i]->d_name);
		if (!r)
			r = conf_load(path, place, why);
		free(list[i]);
	}
	free(list);
	return r;
}

static int looks_find(struct setup_place *place, struct problem *why)
{
	char folder[SETUP_DIR_LEN];
	int r = 0;

	if (place->scope == SETUP_ROOT)
		r = conf_dirs_add(&place->looks, SETUP_HOOKS_SHARED);
	if (!r)
		r = conf_load("/usr/share/containers/containers.conf", place, why);
	if (!r)
		r = confs_load("/etc/containers", place, why);
	if (r || place->scope == SETUP_ROOT)
		return r;
	snprintf(folder, sizeof(folder), "%s", place->conf);
	*strrchr(folder, '/') = '\0';
	return confs_load(folder, place, why);
}

/* --- root's, a user's ---------------------------------------------------------------------- */

static const char *from(const char *env, const char *otherwise)
{
	const char *value = getenv(env);

	return value && *value ? value : otherwise;
}

static int root_places(struct setup_place *place, struct problem *why)
{
	int r = place_set(place->conf, "/etc/containers/containers.conf", "", why);

	if (!r)
		r = place_set(place->units, "/etc/systemd/system", "", why);
	if (!r)
		r = place_set(place->config, from("TEROK_CONFIG", "/etc/terok"), "", why);
	if (!r)
		r = place_set(place->state, state_dir(), "", why);
	return r ?: place_set(place->run, kernel_run_dir(), "", why);
}

/* Where ours go: where podman looks, if something tells it to. */
static int root_hooks(struct setup_place *place, struct problem *why)
{
	const char *in = SETUP_HOOKS_ROOT;

	if (place->set && !place->looks.n)
		return problem(
		    why, -EINVAL,
		    "%.120s:%u: hooks_dir is empty, so podman calls no hook; try: name " SETUP_HOOKS_ROOT,
		    place->set_by, place->set_line);
	if (place->set && !conf_dirs_has(&place->looks, in))
		in = place->looks.dir[place->looks.n - 1];
	/* without one a user's podman looks nowhere, also where hooks are packaged */
	place->line = !place->set;
	return place_set(place->hooks, in, "", why);
}

static int user_places(struct setup_place *place, struct problem *why)
{
	char config[SETUP_DIR_LEN], data[SETUP_DIR_LEN];
	const char *home = getenv("HOME");
	int r;

	if (!home || *home != '/')
		return problem(why, -EINVAL, "HOME is not set: where are your files?");
	r = place_set(config, home, "/.config", why);
	if (!r)
		r = place_set(data, home, "/.local/share", why);
	if (!r)
		r = place_set(place->conf, from("XDG_CONFIG_HOME", config),
			      "/containers/containers.conf", why);
	if (!r)
		r = place_set(place->units, from("XDG_CONFIG_HOME", config), "/systemd/user", why);
	if (!r)
		r = place_set(place->state, from("XDG_DATA_HOME", data), "/terok", why);
	return r
		   ?: place_set(place->hooks, from("XDG_DATA_HOME", data),
				"/containers/oci/hooks.d", why);
}

int setup_place_find(enum setup_scope scope, struct setup_place *ret, struct problem *why)
{
	int r;

	*ret = (struct setup_place){ .scope = scope };
	r = scope == SETUP_ROOT ? root_places(ret, why) : user_places(ret, why);
	if (!r)
		r = looks_find(ret, why);
	if (!r && scope == SETUP_ROOT)
		r = root_hooks(ret, why);
	else if (!r)
		ret->line = !conf_dirs_has(&ret->looks, ret->hooks);
	return r;
}

/* --- what is packaged ---------------------------------------------------------------------- */

static const char *const unit_dirs[] = { "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
					 "/lib/systemd/system", NULL };
static const char *const user_unit_dirs[] = { "/etc/systemd/user", "/usr/local/lib/systemd/user",
					      "/usr/lib/systemd/user", NULL };

const char *setup_provided(const struct setup_file *file, int *version)
{
	const char *const *dirs = file->kind == SETUP_UNIT        ? unit_dirs
				  : file->kind == SETUP_USER_UNIT ? user_unit_dirs
								  : NULL;

	for (; dirs && *dirs; dirs++) {
		_cleanup_fclose_ FILE *f = NULL;
		char path[SETUP_PATH_LEN], text[16384];
		size_t n;

		snprintf(path, sizeof(path), "%s/%s", *dirs, file->name);
		f = fopen(path, "re");
		if (!f)
			continue;
		n = fread(text, 1, sizeof(text), f);
		*version = setup_version(file->kind, text, n);
		return *dirs;
	}
	return NULL;
}
