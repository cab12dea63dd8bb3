// SPDX-License-Identifier: Apache-2.0
#include "setup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/spawn.h"
#include "setup_io.h"

#define COMMAND_LIMIT_NS (90ull * 1000000000) /* an agent that starts may load programs */
#define COMMAND_WORDS    8

static const char *const names[] = {
	[SETUP_MKDIR] = "make",      [SETUP_CHMOD] = "chmod",  [SETUP_WRITE] = "write",
	[SETUP_REPLACE] = "replace", [SETUP_EDIT] = "edit",    [SETUP_DELETE] = "remove",
	[SETUP_RMDIR] = "rmdir",     [SETUP_RUN] = "run",      [SETUP_RECORD] = "record",
	[SETUP_KEEP] = "keep",       [SETUP_WARN] = "warning", [SETUP_REFUSE] = "refuse",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == SETUP_ACT_MAX_, "all acts");

const char *setup_act_name(enum setup_act act)
{
	return names[act];
}

void setup_done(struct setup *setup)
{
	setup_place_done(&setup->place);
	record_done(&setup->had);
	record_done(&setup->have);
	while (setup->n) {
		struct setup_step *step = &setup->step[--setup->n];

		free(step->what);
		free(step->text);
	}
}

/* --- the plan ------------------------------------------------------------------------------ */

struct setup_step *setup_add(struct setup *setup, enum setup_act act, const char *what,
			     const char *fmt, ...)
{
	struct setup_step *step = &setup->step[setup->n];
	va_list args;

	if (setup->n == SETUP_STEPS_MAX)
		return NULL;
	*step = (struct setup_step){ .act = act, .what = strdup(what) };
	if (!step->what)
		return NULL;
	va_start(args, fmt);
	vsnprintf(step->why, sizeof(step->why), fmt, args);
	va_end(args);
	setup->n++;
	return step;
}

const char *setup_record_path(char buf[static SETUP_DIR_LEN + 16], const struct setup *setup)
{
	snprintf(buf, SETUP_DIR_LEN + 16, "%s/" RECORD_NAME, setup->place.state);
	return buf;
}

int setup_add_record(struct setup *setup, const struct setup_record *record)
{
	char path[SETUP_DIR_LEN + 16];
	struct setup_step *step =
	    setup_add(setup, SETUP_RECORD, setup_record_path(path, setup), "%s", "");

	if (!step)
		return -ENOMEM;
	step->like.st_mode = 0600;
	return record ? record_text(record, &step->text, &step->size) : 0;
}

unsigned setup_changes(const struct setup *setup)
{
	unsigned n = 0;

	for (unsigned i = 0; i < setup->n; i++)
		n += setup->step[i].act < SETUP_RECORD;
	return n;
}

unsigned setup_findings(const struct setup *setup)
{
	unsigned n = 0;

	for (unsigned i = 0; i < setup->n; i++)
		n += setup->step[i].act != SETUP_RECORD;
	return n;
}

/* Somebody else's record is none; ours tells what may be taken away. */
static int record_load(struct setup *setup, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	char path[SETUP_DIR_LEN + 16];
	struct stat st;
	size_t size;
	int r = setup_read(setup_record_path(path, setup), &text, &size, &st, why);

	if (r == -ENOENT || (r == -EACCES && geteuid()))
		return 0; /* a user may look at root's plan, without it */
	if (r)
		return r;
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return problem(
		    why, -EPERM,
		    "%.150s can be written by others, so it is not believed; try: remove it", path);
	r = record_parse(text, &setup->had);
	return r ?: record_parse(text, &setup->have);
}

static bool systemd_runs(enum setup_scope scope)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	char path[SETUP_DIR_LEN];

	if (scope == SETUP_ROOT)
		return !geteuid() && !access("/run/systemd/system", F_OK);
	snprintf(path, sizeof(path), "%s/systemd/private", run && *run == '/' ? run : "/nowhere");
	return !access(path, F_OK);
}

int setup_begin(enum setup_scope scope, bool force, struct setup *ret, struct problem *why)
{
	int r;

	*ret = (struct setup){ .force = force, .systemd = systemd_runs(scope) };
	r = setup_place_find(scope, &ret->place, why);
	if (!r)
		r = setup_programs_find(&ret->programs, why);
	return r ?: record_load(ret, why);
}

static int leftover(struct setup *setup, const char *dir, const char *name)
{
	char path[SETUP_PATH_LEN + SETUP_STAGE_LEN], stage[SETUP_STAGE_LEN];

	snprintf(path, sizeof(path), "%s/%s", dir, setup_stage(stage, name));
	if (access(path, F_OK))
		return 0;
	return setup_add(setup, SETUP_DELETE, path, "of a run that was ended") ? 0 : -ENOMEM;
}

int setup_add_leftovers(struct setup *setup)
{
	enum setup_kind unit = setup->place.scope == SETUP_ROOT ? SETUP_UNIT : SETUP_USER_UNIT;
	char dir[SETUP_DIR_LEN], *slash;
	int r = leftover(setup, setup->place.state, RECORD_NAME);

	snprintf(dir, sizeof(dir), "%s", setup->place.conf);
	slash = strrchr(dir, '/');
	*slash = '\0';
	r = r ?: leftover(setup, dir, slash + 1);
	for (const struct setup_file *file = setup_files; !r && file->name; file++) {
		if (file->kind == SETUP_HOOK)
			r = leftover(setup, setup->place.hooks, file->name);
		else if (file->kind == unit)
			r = leftover(setup, setup->place.units, file->name);
	}
	return r;
}

/* --- doing it ------------------------------------------------------------------------------ */

static const char *env_word(char *buf, size_t room, const char *name)
{
	const char *value = getenv(name);

	if (!value || snprintf(buf, room, "%s=%s", name, value) >= (int)room)
		return NULL;
	return buf;
}

/* @words have a space between each. Its exit code; negative errno: it could not be run. */
static int command_run(const char *words, struct problem *why)
{
	char run[SETUP_DIR_LEN], bus[SETUP_DIR_LEN], home[SETUP_DIR_LEN], copy[512], *save;
	const char *argv[COMMAND_WORDS + 1] = {},
					 *env[5] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin" };
	struct spawn spawn = {
		.argv = argv, .env = env, .limit_ns = COMMAND_LIMIT_NS, .output_max = 65536
	};
	struct spawn_result result;
	unsigned n = 0, e = 1;
	int r;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok_r(copy, " ", &save); word && n < COMMAND_WORDS;
	     word = strtok_r(NULL, " ", &save))
		argv[n++] = word;
	env[e] = env_word(home, sizeof(home), "HOME");
	e += !!env[e];
	env[e] = env_word(run, sizeof(run), "XDG_RUNTIME_DIR");
	e += !!env[e];
	env[e] = env_word(bus, sizeof(bus), "DBUS_SESSION_BUS_ADDRESS");
	r = spawn_run(&spawn, &result, why);
	if (r)
		return r;
	r = result.status;
	if (r) {
		result.error[strcspn(result.error, "\n")] = '\0';
		problem(why, -EIO, "%.60s: exit %d: %.150s", words, r, result.error);
	}
	spawn_result_done(&result);
	return r;
}

int setup_systemctl(const struct setup *setup, const char *words)
{
	char command[256];

	snprintf(command, sizeof(command), "systemctl %s%s",
		 setup->place.scope == SETUP_USER ? "--user " : "", words);
	return command_run(command, NULL);
}

static int step_make(const struct setup_step *step, struct problem *why)
{
	int r;

	switch (step->act) {
	case SETUP_MKDIR: return setup_mkdir(step->what, step->like.st_mode, why);
	case SETUP_CHMOD: return setup_chmod(step->what, step->like.st_mode, why);
	case SETUP_WRITE:
	case SETUP_REPLACE:
	case SETUP_EDIT: return setup_write(step->what, step->text, step->size, &step->like, why);
	case SETUP_DELETE: return setup_unlink(step->what, why);
	case SETUP_RMDIR:
		r = setup_rmdir(step->what, why);
		return r == -ENOTEMPTY || r == -EEXIST ? 0 : r; /* somebody else's now */
	case SETUP_RECORD:
		return step->text
			   ? setup_write(step->what, step->text, step->size, &step->like, why)
			   : setup_unlink(step->what, why);
	case SETUP_RUN:
	case SETUP_KEEP:
	case SETUP_WARN:
	case SETUP_REFUSE:
	case SETUP_ACT_MAX_: return 0;
	}
	return 0;
}

int setup_apply(struct setup *setup, setup_step_fn before, void *user, struct problem *why)
{
	int r = 0, ran = 0;

	for (unsigned i = 0; !r && i < setup->n; i++) {
		const struct setup_step *step = &setup->step[i];

		if (step->act != SETUP_RECORD)
			before(step, user);
		if (step->act == SETUP_RUN && command_run(step->what, why))
			ran = log_error(-EIO, "%s", why->text);
		r = step_make(step, why);
	}
	if (!r && ran)
		return problem(why, ran, "not all commands did what they should");
	return r;
}
