// SPDX-License-Identifier: Apache-2.0
#include "push.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "policy.h"
#include "push_note.h"

static const char *const hooks[] = { "pre-receive", "post-receive" };

/* --- the folder of hooks -------------------------------------------------------------- */

/* This program's path; one that was replaced while it runs is what is there now. */
static int own_path(char *ret, size_t size, struct problem *why)
{
	static const char gone[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", ret, size - 1);

	if (n < 0)
		return problem(why, -errno, "/proc/self/exe: %s", strerror(errno));
	ret[n] = '\0';
	if ((size_t)n > sizeof(gone) && !strcmp(ret + n - (sizeof(gone) - 1), gone))
		ret[n - (sizeof(gone) - 1)] = '\0';
	if (strchr(ret, '\'') || strchr(ret, '\n'))
		return problem(
		    why, -EINVAL,
		    "the program's path has a quote or a newline: no hook can be made; install it "
		    "elsewhere");
	return 0;
}

static bool hook_is(int dir, const char *name, const char *text, size_t size)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	char have[PATH_MAX + 64];
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0700 &&
	       size < sizeof(have) && read(fd, have, size + 1) == (ssize_t)size &&
	       !memcmp(have, text, size);
}

/* Never there without being one that can be run: git would go on without it. */
static int put_hook(int dir, const char *name, const char *text, size_t size, struct problem *why)
{
	_cleanup_close_ int fd = -1;
	char stage[64];
	int r = 0;

	snprintf(stage, sizeof(stage), ".%s.%d", name, getpid());
	unlinkat(dir, stage, 0); /* of one that died here */
	fd = openat(dir, stage, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
	if (fd < 0)
		return problem(why, -errno, "make %s: %s", stage, strerror(errno));
	if (write(fd, text, size) != (ssize_t)size || fchmod(fd, 0700) || fsync(fd))
		r = -(errno ?: EIO);
	closep(&fd); /* nobody runs what is still open for writing */
	if (!r && renameat(dir, stage, dir, name))
		r = -errno;
	if (!r)
		return 0;
	unlinkat(dir, stage, 0);
	return problem(why, r, "write %s: %s", name, strerror(-r));
}

static int write_hook(int dir, const char *name, const char *program, struct problem *why)
{
	char text[PATH_MAX + 64];
	int n = snprintf(text, sizeof(text), "#!/bin/sh\nexec '%s' hook %s\n", program, name);

	if (n < 0 || (size_t)n >= sizeof(text))
		return problem(why, -ENAMETOOLONG, "%s: too long for a hook", program);
	return hook_is(dir, name, text, n) ? 0 : put_hook(dir, name, text, n, why);
}

/*
 * git runs a hook that it may execute, and goes on without one that it may not: so that is asked
 * for as git asks. It is not there for a folder that is mounted noexec, for example.
 */
static int check_hooks(int dir, const char *path, struct problem *why)
{
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
		if (faccessat(dir, hooks[i], X_OK, 0))
			return problem(
			    why, -EACCES,
			    "%s/%s cannot be run: %s; git would push without it, so nobody pushes",
			    path, hooks[i], strerror(errno));
	return 0;
}

int push_hooks(const char *base, char **ret, struct problem *why)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int dir = -1;
	char program[PATH_MAX];
	int r = own_path(program, sizeof(program), why);

	if (r)
		return r;
	if (asprintf(&path, "%s/%s", base, PUSH_HOOKS) < 0) {
		path = NULL;
		return problem(why, -ENOMEM, "no memory for hooks");
	}
	dir_make(base);
	dir = dir_open(AT_FDCWD, path, why);
	if (dir < 0)
		return dir;
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks) && !r; i++)
		r = write_hook(dir, hooks[i], program, why);
	r = r ?: check_hooks(dir, path, why);
	if (!r)
		*ret = TAKE_PTR(path);
	return r;
}

/* --- the environment ------------------------------------------------------------------ */

__attribute__((__format__(__printf__, 2, 3))) static int add(struct push_env *env, const char *fmt,
							     ...)
{
	va_list ap;
	int n;

	if (env->n == PUSH_ENV_MAX)
		return -E2BIG;
	va_start(ap, fmt);
	n = vasprintf(&env->item[env->n], fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	env->n++;
	return 0;
}

/* Settings of the command, which win over the repository's. */
struct settings {
	struct push_env *env;
	unsigned n;
	int error;
};

static void set(struct settings *settings, const char *key, const char *value)
{
	if (!settings->error)
		settings->error = add(settings->env, "GIT_CONFIG_KEY_%u=%s", settings->n, key);
	if (!settings->error)
		settings->error = add(settings->env, "GIT_CONFIG_VALUE_%u=%s", settings->n, value);
	settings->n++;
}

static void set_number(struct settings *settings, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	set(settings, key, text);
}

/* What git itself refuses, keeps and shows, whatever the repository's configuration says. */
static void set_receiving(struct settings *settings, const struct policy *policy)
{
	set(settings, "receive.fsckObjects", "true");
	set_number(settings, "receive.maxInputSize", policy->max_push);
	set(settings, "receive.shallowUpdate", "false");
	set(settings, "receive.denyDeleteCurrent", "refuse");
	set(settings, "receive.denyCurrentBranch", "refuse");
	set(settings, "receive.autogc", "false"); /* sync tidies, and waits for it */
	set(settings, "receive.advertisePushOptions", "false");
	/* large files are not held in memory, but written as they come */
	set(settings, "core.bigFileThreshold", "16m");
	/* what the pusher was told is on the disk */
	set(settings, "core.fsync", "committed,reference");
	set(settings, "core.logAllRefUpdates", "always");
}

static int split(const char *repository, char **base, char **project, struct problem *why)
{
	const char *slash = strrchr(repository, '/'), *name = slash ? slash + 1 : "";
	size_t n = strlen(name);

	if (*repository != '/' || n < 5 || strcmp(name + n - 4, ".git"))
		return problem(why, -EINVAL, "%s is no repository of the gate", repository);
	*base = strndup(repository, slash - repository);
	*project = strndup(name, n - 4);
	if (!*base || !*project)
		return problem(why, -ENOMEM, "no memory for a push");
	return project_check(*project, why);
}

static int check_may(const struct token *token, const char *project, struct problem *why)
{
	if (token->read_only)
		return problem(why, -EACCES, "this token may clone and fetch, not push");
	if (!token_reaches(token, project, token->container))
		return problem(why, -EACCES, "this token is of another project");
	return 0;
}

static int add_receiving(struct push_env *env, struct settings *settings, const char *base,
			 const char *project, const struct token *token, struct problem *why)
{
	_cleanup_(policy_done) struct policy policy = {};
	_cleanup_free_ char *path = NULL, *note = NULL;
	int r = check_may(token, project, why) ?: policy_read(base, project, &policy, why);

	r = r ?: push_hooks(base, &path, why);
	if (r)
		return r;
	set(settings, "core.hooksPath", path);
	set_receiving(settings, &policy);
	note = push_note_text(base, project, token);
	if (!note || add(env, "%s", note))
		return problem(why, -ENOMEM, "no memory for a push");
	return 0;
}

int push_environment(const struct token *token, const char *repository, bool receives,
		     struct push_env *ret, struct problem *why)
{
	_cleanup_(push_env_done) struct push_env env = {};
	_cleanup_free_ char *base = NULL, *project = NULL;
	struct settings settings = { .env = &env };
	int r = split(repository, &base, &project, why);

	if (r)
		return r;
	if (receives)
		r = add_receiving(&env, &settings, base, project, token, why);
	else
		set(&settings, "core.hooksPath", "/dev/null");
	if (r)
		return r;
	set(&settings, "uploadpack.allowFilter", "true"); /* partial clones */
	set(&settings, "transfer.hideRefs", "refs/terok");
	r = settings.error ?: add(&env, "GIT_CONFIG_COUNT=%u", settings.n)
				      ?: add(&env, "GIT_CONFIG_NOSYSTEM=1")
				      ?: add(&env, "GIT_CONFIG_GLOBAL=/dev/null")
				      ?: add(&env, "GIT_NO_REPLACE_OBJECTS=1");
	if (r)
		return problem(why, r, "no memory for a push");
	*ret = env;
	env = (struct push_env){};
	return 0;
}

void push_env_done(struct push_env *env)
{
	for (unsigned i = 0; i < env->n; i++)
		free(env->item[i]);
	env->n = 0;
}
