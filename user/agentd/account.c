// SPDX-License-Identifier: Apache-2.0
#include "account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FIELDS 7 /* of a line of passwd; of group there are four */

/* The fields of a line, in place; how many there are. */
static unsigned split(char *line, char *field[FIELDS])
{
	unsigned n = 0;

	line[strcspn(line, "\n")] = '\0';
	while (line && n < FIELDS)
		field[n++] = strsep(&line, ":");
	return n;
}

static bool number(const char *text, unsigned *ret)
{
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	/* the largest is "leave it as it is" to the kernel */
	if (*end || errno || n >= UINT32_MAX)
		return false;
	*ret = n;
	return true;
}

static void groups_read(struct account *account)
{
	_cleanup_fclose_ FILE *file = fopen(ACCOUNT_GROUP, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	account->groups[account->n_groups++] = account->gid;
	while (file && *account->name && getline(&line, &size, file) > 0) {
		char *field[FIELDS], *names, *name;
		unsigned gid;

		if (split(line, field) < 4 || !number(field[2], &gid) || gid == account->gid)
			continue;
		for (names = field[3]; (name = strsep(&names, ","));)
			if (!strcmp(name, account->name))
				break;
		if (name && account->n_groups < ACCOUNT_GROUPS)
			account->groups[account->n_groups++] = gid;
	}
}

/* The first line that names @name or, without one, @uid. */
static int account_read(const char *name, uid_t uid, struct account *ret)
{
	_cleanup_fclose_ FILE *file = fopen(ACCOUNT_FILE, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		char *field[FIELDS];
		unsigned u, g;

		if (split(line, field) < FIELDS || !number(field[2], &u) || !number(field[3], &g) ||
		    (name ? strcmp(field[0], name) != 0 : u != uid) ||
		    strlen(field[0]) >= sizeof(ret->name) ||
		    strlen(field[5]) >= sizeof(ret->home) || strlen(field[6]) >= sizeof(ret->shell))
			continue;
		*ret = (struct account){ .uid = u, .gid = g };
		strcpy(ret->name, field[0]);
		strcpy(ret->home, field[5]);
		strcpy(ret->shell, field[6]);
		groups_read(ret);
		return 0;
	}
	return -ENOENT;
}

int account_by_uid(uid_t uid, struct account *ret)
{
	int r = account_read(NULL, uid, ret);

	if (r)
		*ret = (struct account){ .uid = uid, .gid = uid, .groups = { uid }, .n_groups = 1 };
	return r;
}

int account_by_name(const char *name, struct account *ret, struct problem *why)
{
	char first[16] = "";
	const char *colon = strchr(name, ':');
	unsigned uid, gid;

	if (strlen(name) < 32)
		snprintf(first, sizeof(first), "%.*s", colon ? (int)(colon - name) : 15, name);
	if (!number(first, &uid)) {
		if (account_read(name, 0, ret))
			return problem(why, -ENOENT, ACCOUNT_FILE " has no user '%.40s'", name);
		return 0;
	}
	if (colon && !number(colon + 1, &gid))
		return problem(why, -EINVAL, "'%.40s' is no UID:GID", name);
	account_by_uid(uid, ret);
	if (colon) {
		ret->gid = gid;
		ret->groups[0] = gid;
	}
	return 0;
}

/* --- environments --- */

void account_env_free(char **env)
{
	for (char **at = env; at && *at; at++)
		free(*at);
	free(env);
}

/* NAME=value into @env, which has room, in the place of one of that name. */
static int env_set(char **env, const char *name, const char *value)
{
	size_t n = strlen(name);
	char *text;

	if (!n || strchr(name, '='))
		return 0; /* no program could find it */
	if (asprintf(&text, "%s=%s", name, value) < 0)
		return -ENOMEM;
	for (; *env; env++)
		if (!strncmp(*env, name, n) && (*env)[n] == '=')
			break;
	free(*env);
	*env = text;
	return 0;
}

/* Ours, with room for @more. */
static char **env_ours(size_t more)
{
	size_t n = 0;
	char **env;

	while (environ && environ[n])
		n++;
	env = calloc(n + more + 1, sizeof(*env));
	for (size_t i = 0; env && i < n; i++) {
		env[i] = strdup(environ[i]);
		if (!env[i]) {
			account_env_free(env);
			return NULL;
		}
	}
	return env;
}

static int env_account(char **env, const struct account *account)
{
	/* a home of root's would be read, and written to, as somebody else */
	int r = env_set(env, "HOME", *account->home ? account->home : "/");

	if (!r && *account->name)
		r = env_set(env, "USER", account->name);
	if (!r && *account->name)
		r = env_set(env, "LOGNAME", account->name);
	if (!r && *account->shell)
		r = env_set(env, "SHELL", account->shell);
	return r;
}

#define ENV_ACCOUNT 4

int account_env_of(const struct account *account, char ***ret)
{
	char **env = env_ours(ENV_ACCOUNT);
	int r = env ? env_account(env, account) : -ENOMEM;

	if (r)
		account_env_free(env);
	else
		*ret = env;
	return r;
}

int account_env(const Clawker__Clawkerd__V1__PipeStage *stage, char ***ret)
{
	struct account account;
	char **env;
	int r;

	if (stage->n_env > ACCOUNT_SETS)
		return -E2BIG;
	env = env_ours(ENV_ACCOUNT + stage->n_env);
	r = env ? 0 : -ENOMEM;
	if (!r && stage->uid != geteuid()) {
		account_by_uid(stage->uid, &account);
		r = env_account(env, &account);
	}
	for (size_t i = 0; !r && i < stage->n_env; i++)
		r = env_set(env, stage->env[i]->key, stage->env[i]->value);
	if (r)
		account_env_free(env);
	else
		*ret = env;
	return r;
}
