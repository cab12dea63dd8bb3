// SPDX-License-Identifier: Apache-2.0
/*
 * setup_remove.c - the way back: what takes away all that setup made, and nothing that others did
 */
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "setup_io.h"

static int keep(struct setup *setup, const char *path)
{
	return setup_add(setup, SETUP_KEEP, path,
			 "it was changed since it was installed; --force removes it")
		   ? 0
		   : -ENOMEM;
}

static int drop(struct setup *setup, const char *path, const char *why)
{
	record_drop(&setup->have, RECORD_FILE, path);
	return setup_add(setup, SETUP_DELETE, path, "%s", why) ? 0 : -ENOMEM;
}

/* --- files --------------------------------------------------------------------------------- */

/* A file that the record has. */
static int listed_plan(struct setup *setup, const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = setup_read(path, &text, &size, NULL, NULL);

	if (r == -ENOENT)
		return record_drop(&setup->have, RECORD_FILE, path), 0;
	if (!r &&
	    (setup->force || record_has(&setup->had, RECORD_FILE, setup_sum(text, size), path)))
		return drop(setup, path, "setup made it");
	return keep(setup, path);
}

/* One that it has not, where ours belong: its version and its text say whose it is. */
static int stamped_plan(struct setup *setup, const char *dir, const struct setup_file *file)
{
	_cleanup_free_ char *want = NULL, *text = NULL;
	char path[SETUP_PATH_LEN];
	size_t size;
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, file->name);
	if (record_has(&setup->had, RECORD_FILE, 0, path) ||
	    setup_read(path, &text, &size, NULL, NULL))
		return 0;
	if (setup_version(file->kind, text, size) < 0)
		return 0; /* nobody's that we know */
	r = setup_fill(file, &setup->programs, &want);
	if (r)
		return r;
	if (setup->force ||
	    setup_sum_anywhere(text, size) == setup_sum_anywhere(want, strlen(want)))
		return drop(setup, path, "it is a file of ours");
	return keep(setup, path);
}

static int files_plan(struct setup *setup)
{
	enum setup_kind unit = setup->place.scope == SETUP_ROOT ? SETUP_UNIT : SETUP_USER_UNIT;
	int r = 0;

	for (unsigned i = 0; !r && i < setup->had.n; i++) {
		const struct record_entry *entry = &setup->had.entry[i];

		/* two sums are one file; containers.conf is looked at by line_plan() */
		if (entry->kind == RECORD_FILE && strcmp(entry->what, setup->place.conf) &&
		    !(i && entry[-1].kind == RECORD_FILE && !strcmp(entry->what, entry[-1].what)))
			r = listed_plan(setup, entry->what);
	}
	for (const struct setup_file *file = setup_files; !r && file->name; file++) {
		if (file->kind == SETUP_HOOK)
			r = stamped_plan(setup, setup->place.hooks, file);
		else if (file->kind == unit)
			r = stamped_plan(setup, setup->place.units, file);
	}
	return r;
}

/* --- containers.conf ----------------------------------------------------------------------- */

static int line_step(struct setup *setup, const char *text, size_t size, const struct conf *conf,
		     const struct stat *st)
{
	const char *path = setup->place.conf;
	struct setup_step *step;
	char *without;
	size_t n;
	int r = conf_take(text, size, conf, &without, &n);

	if (r)
		return r;
	step = setup_add(setup, SETUP_EDIT, path, "without the line of ours");
	if (!step)
		return free(without), -ENOMEM;
	step->text = without;
	step->size = n;
	step->like = *st;
	record_drop(&setup->have, RECORD_FILE, path);
	record_drop(&setup->have, RECORD_LINE, path);
	return 0;
}

static int line_plan(struct setup *setup, struct problem *why)
{
	const char *path = setup->place.conf;
	_cleanup_free_ char *text = NULL;
	struct problem wrong = {};
	struct conf conf = {};
	struct stat st;
	size_t size;
	int r = setup_read(path, &text, &size, &st, &wrong);

	if (r)
		return r == -ENOENT ? (record_drop(&setup->have, RECORD_FILE, path),
				       record_drop(&setup->have, RECORD_LINE, path), 0)
		       : record_has(&setup->had, RECORD_LINE, 0, path)
			   ? problem(why, r, "%s", wrong.text)
			   : 0;
	if (record_has(&setup->had, RECORD_FILE, setup_sum(text, size), path)) {
		record_drop(&setup->have, RECORD_LINE, path);
		return drop(setup, path, "setup made it");
	}
	r = conf_read(text, size, &conf, why);
	if (!r && conf.ours) {
		uint64_t sum = setup_sum(text + conf.line, conf.line_end - conf.line);

		if (setup->force || !record_has(&setup->had, RECORD_LINE, 0, path) ||
		    record_has(&setup->had, RECORD_LINE, sum, path))
			r = line_step(setup, text, size, &conf, &st);
		else
			r = keep(setup, path);
	}
	conf_done(&conf);
	return r;
}

/* --- the service manager, folders ---------------------------------------------------------- */

static int command(struct setup *setup, const char *words, const char *unit)
{
	char text[256];

	if (!setup->systemd)
		return 0;
	snprintf(text, sizeof(text), "systemctl %s%s%s",
		 setup->place.scope == SETUP_USER ? "--user " : "", words, unit);
	return setup_add(setup, SETUP_RUN, text, "setup enabled it") ? 0 : -ENOMEM;
}

static int units_plan(struct setup *setup)
{
	int r = 0;

	for (unsigned i = 0; !r && i < setup->had.n; i++) {
		const struct record_entry *entry = &setup->had.entry[i];

		if (entry->kind == RECORD_UNIT)
			r = command(setup, "disable --now ", entry->what);
	}
	return r;
}

static int reload_plan(struct setup *setup)
{
	for (unsigned i = 0; setup->systemd && i < setup->n; i++) {
		const struct setup_step *step = &setup->step[i];
		size_t n = strlen(setup->place.units);

		if (step->act == SETUP_DELETE && !strncmp(step->what, setup->place.units, n)) {
			step = setup_add(setup, SETUP_RUN,
					 setup->place.scope == SETUP_USER
					     ? "systemctl --user daemon-reload"
					     : "systemctl daemon-reload",
					 "units have changed");
			return step ? 0 : -ENOMEM;
		}
	}
	return 0;
}

/* Is the record in it? Then it goes when the record has gone. */
static bool has_record(const struct setup *setup, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(setup->place.state, dir, n) &&
	       (!setup->place.state[n] || setup->place.state[n] == '/');
}

/* Folders that setup made, the last first, as far as they are there. */
static int dirs_plan(struct setup *setup, bool of_record)
{
	for (unsigned i = setup->had.n; i--;) {
		const struct record_entry *entry = &setup->had.entry[i];

		if (entry->kind != RECORD_DIR || has_record(setup, entry->what) != of_record ||
		    access(entry->what, F_OK))
			continue;
		record_drop(&setup->have, RECORD_DIR, entry->what);
		if (!setup_add(setup, SETUP_RMDIR, entry->what, "if nothing else is in it"))
			return -ENOMEM;
	}
	return 0;
}

/* Something was kept: that and its folders are still ours to take away another time. */
static int record_rest(struct setup *setup)
{
	int r = 0;

	for (unsigned i = 0; !r && i < setup->had.n; i++)
		if (setup->had.entry[i].kind == RECORD_DIR)
			r = record_add(&setup->have, RECORD_DIR, 0, setup->had.entry[i].what);
	for (unsigned i = 0; !r && i < setup->had.n; i++)
		if (setup->had.entry[i].kind == RECORD_UNIT)
			record_drop(&setup->have, RECORD_UNIT, setup->had.entry[i].what);
	return r ?: setup_add_record(setup, &setup->have);
}

static bool kept(const struct setup *setup)
{
	for (unsigned i = 0; i < setup->n; i++)
		if (setup->step[i].act == SETUP_KEEP)
			return true;
	return false;
}

int setup_plan_removal(enum setup_scope scope, bool force, struct setup *ret, struct problem *why)
{
	int r = setup_begin(scope, force, ret, why);

	if (!r)
		r = units_plan(ret) ?: setup_add_leftovers(ret);
	if (!r)
		r = files_plan(ret);
	if (!r)
		r = line_plan(ret, why);
	if (!r)
		r = reload_plan(ret) ?: dirs_plan(ret, false);
	if (!r && kept(ret))
		r = ret->had.n ? record_rest(ret) : 0;
	else if (!r && ret->had.n)
		r = setup_add_record(ret, NULL) ?: dirs_plan(ret, true);
	if (r && why && !*why->text)
		problem(why, r, "plan what is to be removed: %s", strerror(-r));
	return r;
}
