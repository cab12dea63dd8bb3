/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.h - users as the container's own files name them, and the environment they get
 *
 * This program is linked into itself, so nothing of the C library's lookups is there: passwd and
 * group of /etc are read here, and nothing else is asked. Called by: pipeline.c, init.c.
 * Owns nothing. Threads: none.
 */
#ifndef AGENTD_ACCOUNT_H
#define AGENTD_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/problem.h"
#include "proto/clawkerd.pb-c.h"

#define ACCOUNT_GROUPS 64   /* that one user is in, beside the own one; more are left out */
#define ACCOUNT_SETS   4096 /* variables of one stage: each is looked for among those before it */
#define ACCOUNT_FILE   "/etc/passwd"
#define ACCOUNT_GROUP  "/etc/group"

struct account {
	uid_t uid;
	gid_t gid;
	char name[64], home[256], shell[128]; /* "" if it is in no file */
	gid_t groups[ACCOUNT_GROUPS];
	unsigned n_groups; /* the own one included */
};

/** account_by_uid() - 0; -ENOENT: no file names it, and @ret has its number alone */
int account_by_uid(uid_t uid, struct account *ret);

/** account_by_name() - a name, or numbers "UID" or "UID:GID"; -ENOENT, -EINVAL with @why */
int account_by_name(const char *name, struct account *ret, struct problem *why);

/**
 * account_env() - our environment, with what a stage wants over it
 *
 * Of another user's program HOME, USER and LOGNAME are that user's, unless the stage says so.
 * Return: 0, @ret NULL-terminated and the caller's to account_env_free(); -E2BIG, -ENOMEM.
 */
int account_env(const Clawker__Clawkerd__V1__PipeStage *stage, char ***ret);

/** account_env_of() - the same for a program of @account, and nothing over it */
int account_env_of(const struct account *account, char ***ret);

void account_env_free(char **env);

static inline void account_env_freep(char ***env)
{
	account_env_free(*env);
	*env = NULL;
}

#endif
