// SPDX-License-Identifier: Apache-2.0
#include "backend_env.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "git.h"

#define ASKED_NS  (10 * SECOND_NS) /* to say where its programs are */
#define SAFE_PATH "/usr/local/bin:/usr/bin:/bin"

/* --- which git ------------------------------------------------------------------------ */

/* The first of PATH that may be run; the caller's. */
static char *look_up(const char *path, const char *name)
{
	while (path && *path) {
		size_t n = strcspn(path, ":");
		char *at = NULL;

		if (*path == '/' && asprintf(&at, "%.*s/%s", (int)n, path, name) > 0 &&
		    !access(at, X_OK))
			return at;
		free(at);
		path += n + (path[n] == ':');
	}
	return NULL;
}

/* git's own http-backend, if it is a program by itself; the caller's. */
static char *backend_of(const struct backend_git *git, const char *program)
{
	const char *const argv[] = { program, "--exec-path", NULL };
	const char *const env[] = { git->path, git->exec_path, NULL };
	const struct spawn spawn = { argv, env, ASKED_NS, 4096, 0 };
	struct spawn_result result;
	char *at = NULL;

	if (spawn_run(&spawn, &result, NULL))
		return NULL;
	result.output[strcspn(result.output, "\n")] = '\0';
	if (result.status || *result.output != '/' ||
	    asprintf(&at, "%s/git-http-backend", result.output) < 0)
		at = NULL;
	spawn_result_done(&result);
	if (at && !access(at, X_OK))
		return at;
	free(at);
	return NULL;
}

static void find(struct backend_git *git)
{
	char *direct;

	git->git = look_up(git->path + strlen("PATH="), "git");
	if (!git->git)
		return;
	direct = backend_of(git, git->git);
	git->program = direct ?: git->git;
	git->argv[0] = git->program;
	git->argv[1] = direct ? NULL : "http-backend";
}

static char *inherited(const char *name, const char *otherwise)
{
	const char *value = getenv(name) ?: otherwise;
	char *ret = NULL;

	return value && asprintf(&ret, "%s=%s", name, value) < 0 ? NULL : ret;
}

int backend_git_open(struct backend_git *ret, const char *base, struct problem *why)
{
	int r = 0;

	*ret = (struct backend_git){ .base = strdup(base) };
	ret->path = inherited("PATH", SAFE_PATH);
	ret->exec_path = inherited("GIT_EXEC_PATH", NULL);
	if (!ret->base || !ret->path)
		r = problem(why, -ENOMEM, "no memory for the paths of git");
	if (!r)
		r = git_home(base, &ret->home, why);
	if (!r)
		r = push_hooks(base, &ret->hooks, why);
	if (r)
		backend_git_done(ret);
	else
		find(ret);
	return r;
}

void backend_git_done(struct backend_git *git)
{
	free(git->base);
	free(git->home);
	free(git->hooks);
	free(git->path);
	free(git->exec_path);
	if (git->program != git->git)
		free(git->program);
	free(git->git);
	*git = (struct backend_git){};
}

int backend_git_argv(struct backend_git *git, const char *const **ret, struct problem *why)
{
	if (!git->program)
		find(git);
	if (!git->program)
		return problem(why, -ENOENT, "there is no git in %s: install it", git->path);
	*ret = git->argv;
	return 0;
}

/* --- its environment ------------------------------------------------------------------ */

static void add(struct backend_env *env, const char *item)
{
	if (item && env->n < BACKEND_ENV_MAX - 1)
		env->item[env->n++] = item;
}

static int set(struct backend_env *env, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

static int set(struct backend_env *env, const char *fmt, ...)
{
	char *item = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&item, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	env->own[env->n_own++] = item;
	add(env, item);
	return 0;
}

/* A header under another name, if it is there and says something. */
static int pass(struct backend_env *env, struct http_request *request, const char *header,
		const char *as)
{
	const char *value = http_header(request, header, 0);

	return value && *value ? set(env, "%s=%s", as, value) : 0;
}

static int from_request(struct backend_env *env, struct http_request *request,
			const struct request_route *route)
{
	int64_t length = http_length(request);
	int r = set(env, "PATH_INFO=%s", route->path);

	if (!r)
		r = set(env, "QUERY_STRING=%s", route->query);
	if (!r)
		r = set(env, "REQUEST_METHOD=%s", http_method(request));
	if (!r)
		r = set(env, "CONTENT_TYPE=%s", http_header(request, "Content-Type", 0) ?: "");
	if (!r)
		r = set(env, "SERVER_PROTOCOL=%s", http_version(request));
	if (!r && length > 0) /* else it reads to the end of its input */
		r = set(env, "CONTENT_LENGTH=%" PRId64, length);
	if (!r)
		r = pass(env, request, "Content-Encoding", "HTTP_CONTENT_ENCODING");
	return r ?: pass(env, request, "Git-Protocol", "HTTP_GIT_PROTOCOL");
}

int backend_env(const struct backend_git *git, struct http_request *request,
		const struct request_route *route, const struct token *token,
		struct backend_env *ret, struct problem *why)
{
	_cleanup_free_ char *repository = NULL;
	int r;

	*ret = (struct backend_env){};
	if (asprintf(&repository, "%s/%s", git->base, route->name) < 0)
		return problem(why, -ENOMEM, "no memory for an environment");
	r = push_environment(token, repository, route->receives, &ret->push, why);
	if (r)
		return r;
	add(ret, git->path);
	add(ret, git->exec_path);
	add(ret, "GIT_HTTP_EXPORT_ALL=1");
	add(ret, "REMOTE_USER=token");
	r = set(ret, "HOME=%s", git->home);
	if (!r)
		r = set(ret, "GIT_PROJECT_ROOT=%s", git->base);
	if (!r)
		r = from_request(ret, request, route);
	for (unsigned i = 0; i < ret->push.n; i++)
		add(ret, ret->push.item[i]);
	return r ? problem(why, r, "no memory for an environment") : 0;
}

void backend_env_done(struct backend_env *env)
{
	for (unsigned i = 0; i < env->n_own; i++)
		free(env->own[i]);
	push_env_done(&env->push);
	*env = (struct backend_env){};
}
