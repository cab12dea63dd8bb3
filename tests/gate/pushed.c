// SPDX-License-Identifier: Apache-2.0
#include "gate/pushed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

char pushed_folder[64], pushed_said[65536];

/* What scripts below begin with: push, and commits that differ. */
static const char prelude[] =
    "set -e; export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 LC_ALL=C\n"
    "export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com\n"
    "export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com\n"
    "push() { git push --receive-pack=\"$PWD/../receive\" \"$PWD/../base/p.git\" \"$@\"; }\n"
    "tip() { git -C ../base/p.git rev-parse -q --verify \"$1\"; }\n"
    "commit() { mkdir -p \"$(dirname \"$1\")\"; echo \"${2:-$1}\" >\"$1\"; git add -A; "
    "git commit -qm \"$1\"; }\n"
    "backups() { git -C ../base/p.git for-each-ref --format='%(refname)' refs/terok/; }\n";

/* Run it in the clone; its exit code, and what it printed is in pushed_said. */
int pushed_sh(const char *script)
{
	char path[128];
	size_t n;
	FILE *f;
	int status;

	snprintf(path, sizeof(path), "%s/script", pushed_folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "cd %s/work; exec 2>&1\n%s%s\n", pushed_folder, prelude, script);
	fclose(f);
	snprintf(path, sizeof(path), "exec timeout 60 sh %s/script", pushed_folder);
	f = popen(path, "r");
	assert_non_null(f);
	n = fread(pushed_said, 1, sizeof(pushed_said) - 1, f);
	pushed_said[n] = '\0';
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

void pushed_works(const char *script)
{
	int status = pushed_sh(script);

	if (status)
		fail_msg("exit %d of: %s\n%s", status, script, pushed_said);
}

void pushed_says(const char *text)
{
	if (!strstr(pushed_said, text))
		fail_msg("not said: %s\nbut: %s", text, pushed_said);
}

/* The script's push is refused, and the pusher is told @text. */
void pushed_refused(const char *script, const char *text)
{
	int status = pushed_sh(script);

	if (!status)
		fail_msg("not refused: %s\n%s", script, pushed_said);
	pushed_says(text);
}

void pushed_never_says(const char *text)
{
	if (strstr(pushed_said, text))
		fail_msg("said: %s\nin: %s", text, pushed_said);
}

void pushed_policy(const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/base/p.policy.json", pushed_folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

int pushed_try_as(const struct token *token, bool receives, struct problem *why)
{
	struct push_env env = {};
	char repository[128], path[128];
	FILE *f;
	int r;

	snprintf(repository, sizeof(repository), "%s/base/p.git", pushed_folder);
	r = push_environment(token, repository, receives, &env, why);
	if (r)
		return r;
	snprintf(path, sizeof(path), "%s/receive", pushed_folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nexec env -i PATH=\"$PATH\" HOME=%s/base", pushed_folder);
	for (unsigned i = 0; i < env.n; i++)
		fprintf(f, " '%s'", env.item[i]);
	fputs(" git receive-pack \"$@\"\n", f);
	fclose(f);
	push_env_done(&env);
	return chmod(path, 0700);
}

/* From now on pushes are this token's. */
void pushed_as(const struct token *token)
{
	struct problem why = {};

	if (pushed_try_as(token, true, &why))
		fail_msg("%s", why.text);
}

int pushed_setup(void **state)
{
	char command[512];

	(void)state;
	strcpy(pushed_folder, "/tmp/terok-push-XXXXXX");
	if (!mkdtemp(pushed_folder))
		return -1;
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -m 700 base && git init -q --bare -b main base/p.git && "
		 "git init -q -b main work",
		 pushed_folder);
	if (system(command))
		return -1;
	/* what was there before: an operator's push by path, which runs no hook of ours */
	return pushed_sh("commit a; git push -q ../base/p.git main; git branch start");
}

int pushed_teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", pushed_folder);
	return system(command);
}
