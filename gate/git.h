/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git.h - how git is run: one command, to its end, with nothing of the user's in it
 *
 * No shell. The environment is made here: PATH and GIT_EXEC_PATH of ours, a home that is empty
 * (no configuration, no keys, no credential helper of the user's), the C locale, no prompt, no
 * hooks, and only those ways to another repository that the caller names, so that "ext::" and
 * its like never run. What git says on standard error becomes one line, without passwords of
 * URLs. A signal that wants us to end is handed to git, which takes its lock files away then.
 *
 * Called by: everything of the gate that asks git something and waits. The server's transfers
 * are gate/backend.c. Threads: none (it forks).
 */
#ifndef GATE_GIT_H
#define GATE_GIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define GIT_SECOND     UINT64_C(1000000000)
#define GIT_LIMIT_NS   (60 * GIT_SECOND) /* for what needs no network */
#define GIT_OUTPUT_MAX (64 << 20)        /* bytes; 100,000 refs are a tenth of it */

/* What is added to the environment of git: "NAME=value", NULL after the last. */
struct git_env {
	char **item;
	size_t n;
};

/** git_env_add() - one more, as printf() makes it. Return: 0 or -ENOMEM. */
int git_env_add(struct git_env *env, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** git_env_clear() - git_env_done(), for _cleanup_ */
void git_env_clear(struct git_env *env);

/**
 * git_home() - the empty home of git: <base>/.home, 0700, made if it is missing
 *
 * Its name begins with a dot, so that no request names it. Return: 0 and a path that the caller
 * frees; a negative errno with @why, if it is another user's or others may write there.
 */
int git_home(const char *base, char **ret, struct problem *why);

/**
 * struct git_run - one command
 * @dir:    the repository, which is its current folder; NULL: none
 * @home:   as git_home() says
 * @args:   after "git", NULL after the last. What others chose stands behind "--", or is
 *	    checked: git takes options everywhere
 * @env:    more of the environment, which wins; NULL: no more
 * @allow:  ways to another repository as GIT_ALLOW_PROTOCOL has them ("https:ssh"); NULL: none
 * @input:  its standard input of @input_size bytes; NULL: none
 * @take:   has what it writes as it comes, and returns 0, 1 (that was enough, which is status 0)
 *	    or a negative errno; then nothing is kept for @ret
 * @limit_ns: from now; 0: GIT_LIMIT_NS
 * @says:   what it is doing, for people: said on standard error, with git's progress, when it
 *	    takes longer than a second; NULL: nothing is said
 * @scratch: the repository is nobody's yet: references are not put on the disk one by one, and
 *	     have no logs; who makes it public calls syncfs() before
 * @personal: git is the user's: their home, configuration, agent. Only when they said so
 */
struct git_run {
	const char *dir, *home;
	const char *const *args;
	const struct git_env *env;
	const char *allow;
	const char *input;
	size_t input_size;
	int (*take)(const char *bytes, size_t n, void *user);
	void *user;
	uint64_t limit_ns;
	const char *says;
	bool scratch, personal;
};

/**
 * git_run() - run and wait
 * @ret: what it wrote, NUL-terminated, the caller's to free, also when its status is not 0;
 *	 NULL: nobody wants it
 * @ret_size: bytes of it, without that NUL; may be NULL
 *
 * Return: 0: done; git's exit status (1 to 255), with @why: what it said, one line;
 * -ETIMEDOUT, -EFBIG, -EINTR (it was told to end), -ENOSPC (no room on the disk), -ENOENT (git
 * is not installed) or what else kept it from running, with @why. @ret is NULL where it is negative.
 */
int git_run(const struct git_run *run, char **ret, size_t *ret_size, struct problem *why);

/**
 * git_failed() - @r of git_run() as a negative errno: -EIO for any exit status
 */
int git_failed(int r);

/* GIT(...) - the arguments of a command, for struct git_run */
#define GIT(...)          ((const char *const[]){ __VA_ARGS__, NULL })

#define _cleanup_git_env_ _cleanup_(git_env_clear)

#endif
