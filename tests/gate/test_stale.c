// SPDX-License-Identifier: Apache-2.0
/* test_stale.c - gate/stale.c, git.c: what is known of an upstream, and what a git that fails leaves known */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/event.h"
#include "gate/stale.h"
#include "gate/sync.h"

static char folder[64], base[80], url[80];

/* In the folder, with a git that is nobody's. */
static void works(const char *script)
{
	char *line;
	int status;

	assert_true(asprintf(&line,
			     "cd %s; export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 LC_ALL=C "
			     "GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com "
			     "GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com; set -e; "
			     "commit() { git -C up commit -q --allow-empty -m \"$1\"; }; %s",
			     folder, script) > 0);
	status = system(line);
	free(line);
	if (status)
		fail_msg("exit %d of: %s", WEXITSTATUS(status), script);
}

static void synced(void)
{
	const struct sync_options options = { .upstream = url, .allow = "file", .retention = -1 };
	struct sync_result result = {};
	struct problem why = {};

	if (sync_run(base, "p", &options, &result, &why) || !result.success)
		fail_msg("%s", result.errors.n ? result.errors.item[0] : why.text);
	sync_result_clear(&result);
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/terok-stale-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(base, sizeof(base), "%s/base", folder);
	snprintf(url, sizeof(url), "%s/up", folder);
	works("git init -q -b main up; commit one; commit two; git -C up branch dev");
	synced();
	return 0;
}

static int teardown(void **state)
{
	char line[100];

	(void)state;
	unsetenv("GIT_EXEC_PATH");
	snprintf(line, sizeof(line), "rm -rf %s", folder);
	return system(line);
}

static void check(const char *branch, struct staleness *ret)
{
	struct mirror *mirror;
	struct problem why = {};

	if (mirror_open(base, "p", &mirror, &why))
		fail_msg("%s", why.text);
	stale_check(mirror, branch, ret);
	mirror_free(mirror);
}

static void is(const struct staleness *now, bool stale, int64_t behind, int64_t ahead,
	       const char *error)
{
	if (now->is_stale != stale || now->behind != behind || now->ahead != ahead ||
	    strncmp(now->error, error, strlen(error)) || (!*error && *now->error))
		fail_msg("%d %d %d '%s'", now->is_stale, (int)now->behind, (int)now->ahead,
			 now->error);
	assert_int_equal(strlen(now->last_checked), strlen("2026-11-21T10:11:12+0000"));
}

static void how_far_a_branch_is_from_the_upstreams_is_counted(void **state)
{
	struct staleness now;

	(void)state;
	check(NULL, &now);
	assert_string_equal(now.branch, "main");
	assert_string_equal(now.gate_head, now.upstream_head);
	is(&now, false, 0, 0, "");
	works("commit three");
	check(NULL, &now);
	is(&now, true, -1, -1, ""); /* the gate has not got what it would count */
	synced();
	works("git -C base/p.git update-ref refs/heads/main main~2");
	check("main", &now);
	is(&now, true, 2, 0, "");
	works("git clone -q base/p.git agent; git -C agent commit -q --allow-empty -m mine; "
	      "git -C agent push -q origin HEAD:main");
	check("main", &now);
	is(&now, true, 2, 1, "");
	synced();
	works("git -C base/p.git update-ref refs/heads/dev $(git -C up rev-parse main)");
	check("dev", &now);
	is(&now, false, 0, 1, ""); /* only ahead: a sync has nothing to do */
}

static void what_cannot_be_had_is_a_short_error(void **state)
{
	struct staleness now;

	(void)state;
	check("a..b", &now);
	is(&now, false, -1, -1, "No branch configured");
	check("nowhere", &now);
	is(&now, false, 0, 0, "The upstream has no such branch");
	works("mv up away");
	check(NULL, &now);
	is(&now, false, -1, -1, "Could not reach upstream: ");
	assert_int_equal(strlen(now.gate_head), 40);
	assert_string_equal(now.upstream_head, "");
	works("git -C base/p.git config --unset remote.origin.url");
	check(NULL, &now);
	is(&now, false, -1, -1, "No upstream URL configured");
	works("git -C base/p.git update-ref --no-deref HEAD main");
	check(NULL, &now);
	is(&now, false, -1, -1, "No branch configured");
}

/* A program in git's place; the mirror is opened before. */
static void git_is(const char *script, struct staleness *ret)
{
	struct mirror *mirror;
	char path[4096], *before = strdup(getenv("PATH"));
	FILE *file;

	assert_int_equal(mirror_open(base, "p", &mirror, NULL), 0);
	works("mkdir -p fake");
	snprintf(path, sizeof(path), "%s/fake/git", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	fclose(file);
	works("chmod 755 fake/git");
	snprintf(path, sizeof(path), "%s/fake:%s", folder, before);
	setenv("PATH", path, 1);
	stale_check(mirror, "main", ret);
	setenv("PATH", before, 1);
	free(before);
	mirror_free(mirror);
}

static void a_git_that_fails_or_says_nothing_leaves_nothing_known(void **state)
{
	struct staleness now;

	(void)state;
	git_is("echo 'fatal: https://u:p@h/ is no good' >&2; exit 128", &now);
	is(&now, false, -1, -1,
	   "Could not reach upstream: git ls-remote: https://***@h/ is no good");
	assert_string_equal(now.gate_head, "");
	git_is("exit 0", &now);
	is(&now, false, 0, 0, "The upstream has no such branch");
	git_is("echo nonsense", &now);
	is(&now, false, -1, -1, "Could not reach upstream: ");
	git_is("kill -9 $$", &now);
	is(&now, false, -1, -1, "Could not reach upstream: ");
	git_is("case \"$*\" in *rev-list*) exit 128; esac; "
	       "printf '%040d\\trefs/heads/main\\n' 1; ",
	       &now);
	is(&now, true, -1, -1, "");
}

static void a_git_that_hangs_is_ended_with_what_it_began(void **state)
{
	const struct git_run run = { .home = folder,
				     .args = GIT("-c", "alias.hang=!sleep 1000", "hang"),
				     .limit_ns = GIT_SECOND / 5 };
	uint64_t begun_ns = now_boot_ns();
	struct problem why = {};
	char *text = NULL;

	(void)state;
	assert_int_equal(git_run(&run, &text, NULL, &why), -ETIMEDOUT);
	assert_null(text);
	assert_true(now_boot_ns() - begun_ns < 30 * GIT_SECOND);
	assert_non_null(strstr(why.text, "did not end in"));
}

static void git_has_nothing_of_the_users(void **state)
{
	const struct git_run run = { .home = folder, .args = GIT("-c", "alias.told=!env", "told") };
	static const char *const none[] = { "SECRET=", "SSH_AUTH_SOCK=", "GIT_DIR=",
					    "XDG_CONFIG_HOME=", "GIT_SSH_COMMAND=" };
	char *text = NULL, home[100];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		char name[32];

		snprintf(name, sizeof(name), "%.*s", (int)strlen(none[i]) - 1, none[i]);
		setenv(name, "x", 1);
	}
	assert_int_equal(git_run(&run, &text, NULL, NULL), 0);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		if (strstr(text, none[i]))
			fail_msg("%s is in %s", none[i], text);
	}
	snprintf(home, sizeof(home), "HOME=%s\n", folder);
	if (!strstr(text, home))
		fail_msg("%s is not in %s", home, text);
	assert_non_null(strstr(text, "GIT_ALLOW_PROTOCOL=\n"));
	assert_non_null(strstr(text, "GIT_TERMINAL_PROMPT=0\n"));
	free(text);
}

static void the_form_in_json_is_the_known_one(void **state)
{
	_cleanup_json_ struct json json = {};
	struct staleness now = { .branch = "main", .behind = -1, .ahead = 3, .last_checked = "t" };

	(void)state;
	stale_add(&json, NULL, &now);
	assert_string_equal(json_done(&json),
			    "{\"branch\":\"main\",\"gate_head\":null,\"upstream_head\":null,"
			    "\"is_stale\":false,\"commits_behind\":null,\"commits_ahead\":3,"
			    "\"last_checked\":\"t\",\"error\":null}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(how_far_a_branch_is_from_the_upstreams_is_counted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_had_is_a_short_error, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
		    a_git_that_fails_or_says_nothing_leaves_nothing_known, setup, teardown),
		cmocka_unit_test_setup_teardown(a_git_that_hangs_is_ended_with_what_it_began, setup,
						teardown),
		cmocka_unit_test_setup_teardown(git_has_nothing_of_the_users, setup, teardown),
		cmocka_unit_test(the_form_in_json_is_the_known_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
