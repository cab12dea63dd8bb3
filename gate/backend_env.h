/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_env.h - which git is run for a request, and in which environment
 *
 * git is looked for once. What it runs for `git http-backend` is run without it in between, where
 * git says that this is a program of its own (git --exec-path): a process fewer for each request.
 * The environment is made of nothing but what is named here: of ours PATH and GIT_EXEC_PATH go
 * along, no more. HOME is git_home(), so that nothing of the user's configuration of git, and no
 * key, is used by accident.
 * Threads: none.
 */
#ifndef GATE_BACKEND_ENV_H
#define GATE_BACKEND_ENV_H

#include "base/problem.h"
#include "http/http.h"
#include "push.h"
#include "request.h"
#include "token.h"

struct backend_git {
	char *base, *home, *hooks; /* absolute folders */
	char *path, *exec_path;    /* "PATH=...", "GIT_EXEC_PATH=..."; NULL: not set */
	char *program;             /* absolute; NULL: none was found yet */
	char *git;                 /* git itself, absolute; NULL: none was found yet */
	const char *argv[3];
};

#define BACKEND_ENV_MAX (24 + PUSH_ENV_MAX)

struct backend_env {
	struct push_env push;
	char *own[24]; /* freed with it */
	unsigned n_own;
	const char *item[BACKEND_ENV_MAX]; /* NULL-terminated */
	unsigned n;
};

/** backend_git_open() - 0, also without a git; negative errno with @why */
int backend_git_open(struct backend_git *ret, const char *base, struct problem *why);
void backend_git_done(struct backend_git *git);

/** backend_git_argv() - what to run, borrowed of @git; -ENOENT with @why: there is no git */
int backend_git_argv(struct backend_git *git, const char *const **ret, struct problem *why);

/**
 * backend_env() - the environment of one request
 *
 * Return: 0 with @ret the caller's to backend_env_done() (also after an error); as
 * push_environment(), -ENOMEM, with @why.
 */
int backend_env(const struct backend_git *git, struct http_request *request,
		const struct request_route *route, const struct token *token,
		struct backend_env *ret, struct problem *why);
void backend_env_done(struct backend_env *env);

#endif
