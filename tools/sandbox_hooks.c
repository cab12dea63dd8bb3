// SPDX-License-Identifier: Apache-2.0
#include "sandbox_hooks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/spawn.h"

static int say(int fd, const char *bytes, size_t n, void *user)
{
	(void)fd;
	(void)user;
	while (n) {
		ssize_t done = write(STDERR_FILENO, bytes, n);

		if (done <= 0)
			break; /* nobody reads: the command goes on all the same */
		bytes += done;
		n -= done;
	}
	return 0;
}

static void set(struct words *env, const char *name, const char *value)
{
	_cleanup_free_ char *pair = NULL;

	if (asprintf(&pair, "%s=%s", name, value) < 0) {
		pair = NULL;
		env->failed = true;
		return;
	}
	words_set(env, pair);
}

int hook_run(const struct spec *spec, enum spec_hook hook, const char *id, struct problem *why)
{
	const char *name = spec_hook_name[hook];
	_cleanup_words_ struct words env = {};
	struct problem said = {};
	struct spawn spawn = { .argv = (const char *const *)spec->hooks[hook].word,
			       .limit_ns = spec->hook_s * SECOND_NS };
	static const struct spawn_watch watch = { .bytes = say, .leaves_others = true };
	int status = 0, r;

	if (!spec->hooks[hook].n)
		return 0;
	for (char **pair = environ; *pair; pair++)
		words_add(&env, *pair);
	set(&env, "TEROK_HOOK", name);
	set(&env, "TEROK_CONTAINER", spec->name);
	set(&env, "TEROK_IMAGE", spec->image ?: "");
	if (id)
		set(&env, "TEROK_CONTAINER_ID", id);
	if (spec->task_dir)
		set(&env, "TEROK_TASK_DIR", spec->task_dir);
	if (words_error(&env))
		return -ENOMEM;
	spawn.env = (const char *const *)env.word;
	r = spawn_follow(&spawn, &watch, &status, &said);
	if (r == -ETIMEDOUT)
		return problem(why, r, "hook %s did not end in %u s", name, spec->hook_s);
	if (r)
		return problem(why, r, "hook %s: %.180s", name,
			       *said.text ? said.text : strerror(-r));
	return status ? problem(why, -EIO, "hook %s ended with %d", name, status) : 0;
}
