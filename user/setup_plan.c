// SPDX-License-Identifier: Apache-2.0
/*
 * setup_plan.c - what is missing or outdated: folders, units, hooks, the line in containers.conf
 */
#include "setup.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "setup_io.h"

#define AGENT    "terok-bpfd.service"
#define NOTIFIER "terok-clearance-notifier.service"

/* --- folders ------------------------------------------------------------------------------- */

static bool planned(const struct setup *setup, enum setup_act act, const char *what)
{
	for (unsigned i = 0; i < setup->n; i++)
		if (setup->step[i].act == act && !strcmp(setup->step[i].what, what))
			return true;
	return false;
}

static int dir_step(struct setup *setup, const char *path, mode_t mode, bool for_record)
{
	struct setup_step *step = setup_add(setup, SETUP_MKDIR, path, "mode %04o", mode);

	if (!step)
		return -ENOMEM;
	step->like.st_mode = mode;
	step->for_record = for_record;
	return record_add(&setup->have, RECORD_DIR, 0, path);
}

/* @path and the folders above it, as far as they are missing; those are open to all. */
static int dir_plan(struct setup *setup, const char *path, mode_t mode, bool for_record)
{
	char part[SETUP_DIR_LEN];
	struct stat st;
	int r = 0;

	for (const char *slash = path; !r && slash;) {
		slash = strchr(slash + 1, '/');
		snprintf(part, sizeof(part), "%.*s", slash ? (int)(slash - path) : SETUP_DIR_LEN,
			 path);
		if (!stat(part, &st)) {
			if (!S_ISDIR(st.st_mode))
				return setup_add(setup, SETUP_REFUSE, part, "it is no directory")
					   ? 0
					   : -ENOMEM;
		} else if (!planned(setup, SETUP_MKDIR, part)) {
			r = dir_step(setup, part, slash ? 0755 : mode, for_record);
		}
	}
	return r;
}

/* What is in it is nobody else's. */
static int dir_close(struct setup *setup, const char *path)
{
	struct setup_step *step;
	struct stat st;

	if (lstat(path, &st) || !S_ISDIR(st.st_mode) || !(st.st_mode & 077))
		return 0;
	step = setup_add(setup, SETUP_CHMOD, path, "mode %04o, others can look into it",
			 st.st_mode & 07777);
	if (step)
		step->like.st_mode = 0700;
	return step ? 0 : -ENOMEM;
}

static int root_dirs(struct setup *setup)
{
	char profiles[SETUP_DIR_LEN + 16];
	int r = dir_plan(setup, setup->place.config, 0755, false);

	snprintf(profiles, sizeof(profiles), "%s/profiles", setup->place.config);
	if (!r)
		r = dir_plan(setup, profiles, 0755, false);
	if (!r)
		r = dir_plan(setup, setup->place.run, 0755, false);
	return r ?: dir_close(setup, setup->place.state);
}

/* --- files --------------------------------------------------------------------------------- */

struct found {
	const struct setup_file *file;
	const char *path, *text, *want;
	size_t size;
	int version, ours;
};

/* Why the file that is there is outdated, or "": it is left alone, and a step says so. */
static int file_judge(struct setup *setup, const struct found *found, const char **reason)
{
	bool moved = setup_sum_anywhere(found->text, found->size) ==
		     setup_sum_anywhere(found->want, strlen(found->want));
	bool listed = record_has(&setup->had, RECORD_FILE, 0, found->path);
	bool same =
	    record_has(&setup->had, RECORD_FILE, setup_sum(found->text, found->size), found->path);

	*reason = "";
	if (found->version < 0 && !same &&
	    !setup_known(found->file->name, found->text, found->size))
		return setup_add(setup, SETUP_REFUSE, found->path,
				 "it has no version and is no file of ours; try: move it away")
			   ? 0
			   : -ENOMEM;
	if (found->version > found->ours)
		return setup_add(setup, SETUP_KEEP, found->path,
				 "version %d is newer than version %d of this program",
				 found->version, found->ours)
			   ? 0
			   : -ENOMEM;
	if (found->version < 0 || same || moved || (!listed && found->version < found->ours))
		*reason = found->version < 0 ? "it has no version" : "outdated";
	else if (setup->force)
		*reason = "it was changed";
	else
		return setup_add(setup, SETUP_KEEP, found->path,
				 "it was changed since it was installed; --force replaces it")
			   ? 0
			   : -ENOMEM;
	return 0;
}

static int file_step(struct setup *setup, enum setup_act act, const char *path, const char *text,
		     const char *why)
{
	struct setup_step *step = setup_add(setup, act, path, "%s", why);

	if (!step)
		return -ENOMEM;
	step->text = strdup(text);
	step->size = strlen(text);
	step->like.st_mode = 0644;
	record_drop(&setup->have, RECORD_FILE, path);
	return step->text ? record_add(&setup->have, RECORD_FILE, setup_sum(text, step->size), path)
			  : -ENOMEM;
}

static int file_replace(struct setup *setup, const struct found *found)
{
	const char *reason;
	char why[128];
	int r = file_judge(setup, found, &reason);

	if (r || !*reason)
		return r;
	/* it may stay for now, if this run does not end well: the next one has to know it */
	r = record_add(&setup->had, RECORD_FILE, setup_sum(found->text, found->size), found->path);
	if (r)
		return r;
	if (found->version == found->ours && !strcmp(reason, "outdated"))
		snprintf(why, sizeof(why), "programs are in another place now");
	else if (found->version >= 0)
		snprintf(why, sizeof(why), "%s: version %d, now %d", reason, found->version,
			 found->ours);
	else
		snprintf(why, sizeof(why), "%s, now %d", reason, found->ours);
	return file_step(setup, SETUP_REPLACE, found->path, found->want, why);
}

static int file_plan(struct setup *setup, const char *dir, const struct setup_file *file)
{
	_cleanup_free_ char *want = NULL, *text = NULL;
	struct found found = { .file = file };
	struct problem wrong = {};
	char path[SETUP_PATH_LEN];
	int r = setup_fill(file, &setup->programs, &want);

	snprintf(path, sizeof(path), "%s/%s", dir, file->name);
	if (!r)
		r = setup_read(path, &text, &found.size, NULL, &wrong);
	if (r == -ENOENT)
		return dir_plan(setup, dir, 0755, false)
			   ?: file_step(setup, SETUP_WRITE, path, want, "missing");
	if (r)
		return setup_add(setup, SETUP_REFUSE, path, "%s", wrong.text) ? 0 : r;
	if (found.size == strlen(want) && !memcmp(text, want, found.size))
		return 0;
	found.path = path;
	found.text = text;
	found.want = want;
	found.version = setup_version(file->kind, text, found.size);
	found.ours = setup_version(file->kind, want, strlen(want));
	return file_replace(setup, &found);
}

/* One that is not needed here any more, if it is ours. */
static int file_drop(struct setup *setup, const char *dir, const char *name, const char *why)
{
	_cleanup_free_ char *text = NULL;
	char path[SETUP_PATH_LEN];
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (setup_read(path, &text, &size, NULL, NULL))
		return 0;
	if (!record_has(&setup->had, RECORD_FILE, setup_sum(text, size), path) &&
	    !setup_known(name, text, size))
		return setup_add(setup, SETUP_KEEP, path, "%s, and it was changed: look at it", why)
			   ? 0
			   : -ENOMEM;
	record_drop(&setup->have, RECORD_FILE, path);
	return setup_add(setup, SETUP_DELETE, path, "%s", why) ? 0 : -ENOMEM;
}

static int unit_plan(struct setup *setup, const struct setup_file *file)
{
	int ours = setup_version(file->kind, file->text, strlen(file->text)), version = -1;
	const char *packaged = setup_provided(file, &version);
	char why[128];

	if (!packaged || version < ours)
		return file_plan(setup, setup->place.units, file);
	snprintf(why, sizeof(why), "it hides the one in %s", packaged);
	return file_drop(setup, setup->place.units, file->name, why);
}

/* Are hooks of ours, as new as these, elsewhere where podman looks: packaged, or for a user root's? */
static bool hooks_provided(const struct setup *setup)
{
	for (unsigned i = 0; i < setup->place.looks.n; i++) {
		bool all = strcmp(setup->place.looks.dir[i], setup->place.hooks);

		for (const struct setup_file *file = setup_files; all && file->name; file++) {
			_cleanup_free_ char *text = NULL;
			char path[SETUP_PATH_LEN];
			size_t size;

			if (file->kind != SETUP_HOOK)
				continue;
			snprintf(path, sizeof(path), "%s/%s", setup->place.looks.dir[i],
				 file->name);
			all = !setup_read(path, &text, &size, NULL, NULL) &&
			      setup_version(SETUP_HOOK, text, size) >=
				  setup_version(SETUP_HOOK, file->text, strlen(file->text));
		}
		if (all)
			return true;
	}
	return false;
}

static int files_plan(struct setup *setup, enum setup_kind kind)
{
	int r = 0;

	for (const struct setup_file *file = setup_files; !r && file->name; file++) {
		if (file->kind == kind)
			r = kind == SETUP_HOOK ? file_plan(setup, setup->place.hooks, file)
					       : unit_plan(setup, file);
	}
	return r;
}

static int hooks_plan(struct setup *setup)
{
	bool provided = hooks_provided(setup);
	int r = provided ? 0 : files_plan(setup, SETUP_HOOK);

	for (const struct setup_file *file = setup_files; provided && !r && file->name; file++)
		if (file->kind == SETUP_HOOK)
			r = file_drop(setup, setup->place.hooks, file->name,
				      "it hides one that is provided");
	for (const char *const *name = setup_outdated_names; !r && *name; name++)
		r = file_drop(setup, setup->place.hooks, *name, "what it calls is no more");
	return r;
}

/* --- containers.conf ----------------------------------------------------------------------- */

/* podman does not look where our hooks are, and it is not for us to say where it does. */
static int line_warn(struct setup *setup)
{
	const struct setup_place *place = &setup->place;

	return setup_add(
		   setup, SETUP_WARN, place->set_by,
		   "line %u: hooks_dir does not have %.150s, so podman calls no hook of ours; "
		   "try: add it",
		   place->set_line, place->hooks)
		   ? 0
		   : -ENOMEM;
}

static int line_step(struct setup *setup, const char *text, size_t size, const struct stat *st,
		     bool exists)
{
	const struct setup_place *place = &setup->place;
	struct setup_step *step = setup_add(setup, exists ? SETUP_EDIT : SETUP_WRITE, place->conf,
					    "hooks_dir: podman does not look into %s",
					    place->hooks);
	struct conf conf = {};
	int r;

	if (!step)
		return -ENOMEM;
	step->text = strndup(text, size);
	step->size = size;
	step->like = *st;
	r = step->text ? conf_read(text, size, &conf, NULL) : -ENOMEM;
	if (!r)
		r = record_add(&setup->have, RECORD_LINE,
			       setup_sum(text + conf.line, conf.line_end - conf.line), place->conf);
	conf_done(&conf);
	if (!r && !exists)
		r = record_add(&setup->have, RECORD_FILE, setup_sum(text, size), place->conf);
	return r;
}

/* A line of ours that says something else is taken out before. */
static int line_make(const struct setup_place *place, const char *text, size_t size, char **ret,
		     size_t *ret_size, struct problem *why)
{
	_cleanup_free_ char *without = NULL;
	struct conf conf;
	size_t n = size;
	int r = conf_read(text, size, &conf, why);

	if (!r && conf.set) {
		r = conf_take(text, size, &conf, &without, &n);
		conf_done(&conf);
		text = without;
		if (!r)
			r = conf_read(text, n, &conf, why);
	}
	if (!r)
		r = conf_put(text, n, &conf, &place->wants, ret, ret_size, why);
	conf_done(&conf);
	return r;
}

static int line_plan(struct setup *setup, struct problem *why)
{
	const struct setup_place *place = &setup->place;
	struct stat st = { .st_mode = 0644 };
	_cleanup_free_ char *text = NULL, *new = NULL;
	struct problem wrong = {};
	char dir[SETUP_DIR_LEN];
	size_t size = 0, n;
	int r;

	if (!place->line)
		return 0;
	snprintf(dir, sizeof(dir), "%s", place->conf);
	*strrchr(dir, '/') = '\0';
	/* what a file beside it says stands above what we could put into it */
	if (place->set && !strncmp(place->set_by, dir, strlen(dir)) &&
	    strcmp(place->set_by, place->conf))
		return line_warn(setup);
	r = setup_read(place->conf, &text, &size, &st, &wrong);
	if (r && r != -ENOENT)
		return setup_add(setup, SETUP_REFUSE, place->conf, "%s", wrong.text) ? 0 : r;
	if (r)
		st = (struct stat){ .st_mode = 0644 };
	r = line_make(place, text ?: "", size, &new, &n, why);
	if (r == -ENOENT)
		return line_warn(setup);
	if (!r)
		r = dir_plan(setup, dir, 0755, false);
	return r ?: line_step(setup, new, n, &st, text != NULL);
}

/* --- the service manager, the kernel ------------------------------------------------------- */

static bool units_change(const struct setup *setup)
{
	size_t n = strlen(setup->place.units);

	for (unsigned i = 0; i < setup->n; i++)
		if (setup->step[i].act >= SETUP_WRITE && setup->step[i].act <= SETUP_DELETE &&
		    !strncmp(setup->step[i].what, setup->place.units, n))
			return true;
	return false;
}

static int command_plan(struct setup *setup, const char *words, const char *why)
{
	return setup_add(setup, SETUP_RUN, words, "%s", why) ? 0 : -ENOMEM;
}

static int systemd_plan(struct setup *setup)
{
	bool user = setup->place.scope == SETUP_USER, change = units_change(setup);
	const char *unit = user ? NOTIFIER : AGENT;
	char words[128];
	int r = 0;

	if (!setup->systemd)
		return 0;
	snprintf(words, sizeof(words), "systemctl%s daemon-reload", user ? " --user" : "");
	if (change)
		r = command_plan(setup, words, "units have changed");
	snprintf(words, sizeof(words), "is-enabled --quiet %s", unit);
	if (r || !setup_systemctl(setup, words))
		return r;
	snprintf(words, sizeof(words), "systemctl%s enable --now %s", user ? " --user" : "", unit);
	r = command_plan(setup, words, "it does not begin by itself");
	return r ?: record_add(&setup->have, RECORD_UNIT, 0, unit);
}

static int bpffs_plan(struct setup *setup)
{
	struct statfs fs;

	if (!statfs("/sys/fs/bpf", &fs) && fs.f_type == BPF_FS_MAGIC)
		return 0;
	return setup_add(setup, SETUP_WARN, "/sys/fs/bpf",
			 "no BPF file system is mounted there; try: mount -t bpf bpf /sys/fs/bpf")
		   ? 0
		   : -ENOMEM;
}

/* --- all of it ----------------------------------------------------------------------------- */

static bool only_for_record(const struct setup *setup)
{
	for (unsigned i = 0; i < setup->n; i++)
		if (setup->step[i].act < SETUP_RECORD && !setup->step[i].for_record)
			return false;
	return true;
}

/* Nothing is made: no record either, and no folder for it. */
static void steps_forget(struct setup *setup)
{
	unsigned n = 0;

	for (unsigned i = 0; i < setup->n; i++) {
		struct setup_step *step = &setup->step[i];

		if (step->act <= SETUP_RECORD)
			free(step->what), free(step->text);
		else
			setup->step[n++] = *step;
	}
	setup->n = n;
}

static int user_units_plan(struct setup *setup)
{
	char path[SETUP_PATH_LEN];

	snprintf(path, sizeof(path), "%s/terok-clearance", setup->programs.bin);
	if (access(path, X_OK))
		return setup_add(setup, SETUP_WARN, path, "it is not there, so no user's unit is")
			   ? 0
			   : -ENOMEM;
	return files_plan(setup, SETUP_USER_UNIT);
}

static int scope_plan(struct setup *setup, struct problem *why)
{
	int r;

	if (setup->place.scope == SETUP_ROOT) {
		r = root_dirs(setup) ?: files_plan(setup, SETUP_UNIT);
		if (!r)
			r = hooks_plan(setup) ?: line_plan(setup, why);
		return r ?: bpffs_plan(setup) ?: systemd_plan(setup);
	}
	r = user_units_plan(setup);
	if (!r)
		r = hooks_plan(setup);
	if (!r && !hooks_provided(setup))
		r = line_plan(setup, why);
	return r ?: systemd_plan(setup);
}

/* The first record is of all that may be there when something ends us in between. */
static int record_before(struct setup *setup, unsigned at)
{
	struct setup_step *first = &setup->step[at];
	struct setup_record both = {};
	int r = 0;

	for (unsigned i = 0; !r && i < setup->had.n; i++)
		r = record_add(&both, setup->had.entry[i].kind, setup->had.entry[i].sum,
			       setup->had.entry[i].what);
	for (unsigned i = 0; !r && i < setup->have.n; i++)
		r = record_add(&both, setup->have.entry[i].kind, setup->have.entry[i].sum,
			       setup->have.entry[i].what);
	free(TAKE_PTR(first->text));
	if (!r)
		r = record_text(&both, &first->text, &first->size);
	record_done(&both);
	return r;
}

int setup_plan(enum setup_scope scope, bool force, struct setup *ret, struct problem *why)
{
	int r = setup_begin(scope, force, ret, why);
	unsigned at;

	if (!r)
		r = dir_plan(ret, ret->place.state, 0700, scope == SETUP_USER);
	at = ret->n;
	if (!r)
		r = setup_add_record(ret, NULL) ?: setup_add_leftovers(ret);
	if (!r)
		r = scope_plan(ret, why);
	if (!r && only_for_record(ret))
		steps_forget(ret);
	else if (!r)
		r = record_before(ret, at) ?: setup_add_record(ret, &ret->have);
	if (r && why && !*why->text)
		problem(why, r, "plan what is to be done: %s", strerror(-r));
	return r;
}
