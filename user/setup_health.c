// SPDX-License-Identifier: Apache-2.0
/*
 * setup_health.c - for status: would podman of whoever asks call hooks of ours?
 */
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "setup_io.h"

/* Hooks of one folder: how many of ours are there, and the least of their versions. */
struct seen {
	unsigned files, of;
	int least, ours;
	char lost[SETUP_DIR_LEN]; /* a program that one calls and that is not there */
};

static struct seen look(const char *dir)
{
	struct seen seen = { .least = 1 << 30 };

	for (const struct setup_file *file = setup_files; file->name; file++) {
		_cleanup_free_ char *text = NULL;
		char path[SETUP_PATH_LEN], program[SETUP_DIR_LEN];
		int version;
		size_t size;

		if (file->kind != SETUP_HOOK)
			continue;
		seen.of++;
		seen.ours = setup_version(SETUP_HOOK, file->text, strlen(file->text));
		snprintf(path, sizeof(path), "%s/%s", dir, file->name);
		if (setup_read(path, &text, &size, NULL, NULL))
			continue;
		seen.files++;
		version = setup_version(SETUP_HOOK, text, size);
		seen.least = version < seen.least ? version : seen.least;
		if (!setup_hook_program(text, size, program) && access(program, X_OK))
			snprintf(seen.lost, sizeof(seen.lost), "%s", program);
	}
	return seen;
}

/* @least unknown is stale: what cannot be read is not well. */
static void judge(struct setup_health *health, const struct seen *seen)
{
	health->version = seen->least;
	if (seen->files == seen->of && seen->least == seen->ours && !*seen->lost) {
		health->health = "ok";
		health->hint = "";
		return;
	}
	health->health = "stale-hooks";
	if (seen->files < seen->of)
		snprintf(health->issue, sizeof(health->issue), "%u of %u hooks are in %.180s",
			 seen->files, seen->of, health->dir);
	else if (*seen->lost)
		snprintf(health->issue, sizeof(health->issue),
			 "%.150s is not there: no guarded container starts", seen->lost);
	else if (seen->least < 0)
		snprintf(health->issue, sizeof(health->issue),
			 "a hook in %.180s has no version that can be read", health->dir);
	else
		snprintf(health->issue, sizeof(health->issue),
			 "hooks in %.180s have version %d, this program %d", health->dir,
			 seen->least, seen->ours);
}

void setup_health(struct setup_health *ret)
{
	enum setup_scope scope = geteuid() ? SETUP_USER : SETUP_ROOT;
	struct setup_place place = {};
	struct problem why = {};

	*ret = (struct setup_health){ .hooks = "not-installed",
				      .health = "setup-needed",
				      .version = -ENOENT,
				      .hint = geteuid() ? "terok-bpfd setup --user"
							: "terok-bpfd setup --root" };
	if (setup_place_find(scope, &place, &why))
		snprintf(ret->issue, sizeof(ret->issue), "%s", why.text);
	/* of two files of one name the later counts */
	for (unsigned i = place.looks.n; !*ret->issue && !*ret->dir && i--;) {
		struct seen seen = look(place.looks.dir[i]);

		if (!seen.files)
			continue;
		ret->hooks = scope == SETUP_USER && !strcmp(place.looks.dir[i], place.hooks)
				 ? "global-user"
				 : "global-system";
		snprintf(ret->dir, sizeof(ret->dir), "%s", place.looks.dir[i]);
		judge(ret, &seen);
	}
	if (!*ret->dir && !*ret->issue)
		snprintf(ret->issue, sizeof(ret->issue),
			 "podman looks for hooks in %u folders, and ours are in none of them",
			 place.looks.n);
	setup_place_done(&place);
}
