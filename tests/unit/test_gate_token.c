// SPDX-License-Identifier: Apache-2.0
/*
 * test_gate_token.c - gate/token.c, gate/token_file.c, gate/pattern.c: what is a token, who may write
 * the file, what a reader makes of a bad one, patterns of refs and paths
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/dir.h"
#include "gate/pattern.h"
#include "gate/token_file.h"

#define ADMIN "an-admin-token-of-a-test"

static char folder[64], path[128];
static struct tokens *tokens;

static int setup(void **state)
{
	struct problem why;

	(void)state;
	strcpy(folder, "/tmp/terok-token-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/gate/tokens.json", folder);
	return tokens_open(path, NULL, &tokens, &why);
}

static int teardown(void **state)
{
	static const char *const names[] = { "tokens.json", "tokens.json.lock",
					     "tokens.json.corrupt", "" };
	char name[256];

	(void)state;
	tokens_free(tokens);
	tokens = NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(name, sizeof(name), "%s/gate/%s", folder, names[i]);
		remove(name);
	}
	return rmdir(folder);
}

static void put_file(const char *text)
{
	FILE *f;

	dir_make(folder);
	snprintf(path, sizeof(path), "%s/gate", folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/gate/tokens.json", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static bool is_there(const char *name)
{
	char whole[200];

	snprintf(whole, sizeof(whole), "%s/gate/%s", folder, name);
	return !access(whole, F_OK);
}

static int find(const char *text, struct token **ret)
{
	return tokens_find(tokens, text, strlen(text), ret);
}

static bool is_good(const char *text)
{
	_cleanup_(token_putp) struct token *token = NULL;

	return !find(text, &token);
}

static void create(const char *project, const char *task, char *ret)
{
	struct problem why = {}, warning;
	struct token want = {};

	strcpy(want.project, project);
	strcpy(want.task, task);
	if (token_create(path, &want, ret, &warning, &why))
		fail_msg("%s", why.text);
}

static int revoked(const char *project, const char *task, const char *text)
{
	const struct token_which which = { .project = project, .task = task, .text = text };
	struct problem why, warning;

	return token_revoke(path, &which, &warning, &why);
}

/* --- the file of before ----------------------------------------------------------------- */

static void a_token_of_the_file_is_of_its_project_and_others_are_of_none(void **state)
{
	struct token *token = NULL;

	(void)state;
	assert_false(is_good("terok-g-one00000")); /* no file */
	put_file("{\"terok-g-one00000\": {\"project\": \"p1\", \"task\": \"t1\"}}\n");
	assert_int_equal(find("terok-g-one00000", &token), 0);
	assert_string_equal(token->project, "p1");
	assert_string_equal(token->task, "t1");
	assert_false(token->read_only || token->force || token->remove || token->workflows);
	assert_int_equal(token->expires, 0);
	token_put(token);
	assert_int_equal(find("terok-g-two00000", &token), -ENOENT);
	assert_int_equal(find("terok-g-one0000", &token), -ENOENT);
	assert_int_equal(find("terok-g-one000000", &token), -ENOENT);
	assert_int_equal(find("", &token), -ENOENT);
	assert_int_equal(tokens_find(tokens, "terok-g-one00000\0", 17, &token), -ENOENT);
}

static void what_is_no_object_has_no_tokens(void **state)
{
	static const char *const bad[] = { "",        "[]",   "\"terok-g-one00000\"",
					   "{\"a\":", "null", "{} {}" };
	struct problem why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_file("{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\"}}");
		assert_true(is_good("terok-g-one00000"));
		put_file(bad[i]);
		assert_false(is_good("terok-g-one00000"));
		assert_true(tokens_complaint(tokens, &why));
		assert_non_null(strstr(why.text, "no JSON object"));
		assert_false(tokens_complaint(tokens, &why)); /* said once */
		assert_false(is_good("terok-g-one00000"));
		assert_false(tokens_complaint(tokens, &why));
	}
}

static void an_entry_without_project_and_task_is_left_out_alone(void **state)
{
	struct problem why;

	(void)state;
	put_file("{\"terok-g-good0000\": {\"project\": \"p\", \"task\": \"t\"},"
		 " \"terok-g-notask00\": {\"project\": \"p\"},"
		 " \"terok-g-number00\": {\"project\": 1, \"task\": \"t\"},"
		 " \"terok-g-nothing0\": null,"
		 " \"terok-g-scope000\": {\"scope\": \"q\", \"task\": \"t\"},"
		 " \"terok-g-admin000\": {\"project\": \"*\", \"task\": \"t\"},"
		 " \"short\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_true(is_good("terok-g-good0000"));
	assert_true(is_good("terok-g-scope000")); /* what project was called for a while */
	assert_false(is_good("terok-g-notask00"));
	assert_false(is_good("terok-g-number00"));
	assert_false(is_good("terok-g-nothing0"));
	assert_false(is_good("terok-g-admin000")); /* no file makes an admin */
	assert_false(is_good("short"));
	assert_true(tokens_complaint(tokens, &why));
	assert_non_null(strstr(why.text, "5 left out"));
}

static void a_limit_that_cannot_be_read_is_no_token_without_it(void **state)
{
	static const char *const bad[] = {
		"\"expires\": \"tomorrow\"", "\"expires\": -1",  "\"expires\": null",
		"\"read_only\": 1",          "\"push\": \"x\"",  "\"push\": [1]",
		"\"push\": [\"\"]",          "\"container\": 7", "\"container\": null",
		"\"force\": \"no\"",
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text),
			 "{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\", %s},"
			 " \"terok-g-two00000\": {\"project\": \"p\", \"task\": \"t\"}}",
			 bad[i]);
		put_file(text);
		if (is_good("terok-g-one00000"))
			fail_msg("%s", bad[i]);
		assert_true(is_good("terok-g-two00000"));
	}
}

static void what_a_token_may_is_read(void **state)
{
	struct token *token;

	(void)state;
	put_file(
	    "{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\", \"container\": \"c\","
	    " \"expires\": 99999999999, \"force\": true, \"workflows\": true, \"later\": [1],"
	    " \"push\": [\"agent/**\", \"refs/tags/v*\"]},"
	    " \"terok-g-two00000\": {\"project\": \"p\", \"task\": \"t\", \"push\": []},"
	    " \"terok-g-old00000\": {\"project\": \"p\", \"task\": \"t\", \"expires\": 1}}");
	assert_int_equal(find("terok-g-one00000", &token), 0);
	assert_true(token->force && token->workflows && !token->remove && !token->read_only);
	assert_int_equal(token->n_push, 2);
	assert_string_equal(token->push[1], "refs/tags/v*");
	assert_true(token_reaches(token, "p", "c"));
	assert_false(token_reaches(token, "p", "d"));
	assert_false(token_reaches(token, "p", NULL));
	assert_false(token_reaches(token, "q", "c"));
	token_put(token);
	assert_int_equal(find("terok-g-two00000", &token), 0);
	assert_true(token->read_only);
	assert_true(token_reaches(token, "p", "c"));
	token_put(token);
	assert_int_equal(find("terok-g-old00000", &token), -EKEYEXPIRED);
}

/* --- changes ---------------------------------------------------------------------------- */

static void a_change_is_seen_at_once_and_a_file_that_goes_takes_its_tokens(void **state)
{
	struct timespec now[2];

	(void)state;
	clock_gettime(CLOCK_REALTIME, &now[0]);
	now[1] = now[0];
	put_file("{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_int_equal(utimensat(AT_FDCWD, path, now, 0), 0);
	assert_true(is_good("terok-g-one00000"));
	/* the same size, the same inode, within one tick of the clock */
	put_file("{\"terok-g-two00000\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_int_equal(utimensat(AT_FDCWD, path, now, 0), 0);
	assert_false(is_good("terok-g-one00000"));
	assert_true(is_good("terok-g-two00000"));
	assert_int_equal(unlink(path), 0);
	assert_false(is_good("terok-g-two00000"));
}

static void a_settled_file_is_not_read_again_until_it_is_another(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	const struct timespec later[2] = { { .tv_sec = 1000, .tv_nsec = 1 },
					   { .tv_sec = 1000, .tv_nsec = 1 } };

	(void)state;
	put_file("{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_true(is_good("terok-g-one00000"));
	put_file("{\"terok-g-two00000\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_true(is_good("terok-g-one00000")); /* all that is looked at is the same */
	assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0); /* a nanosecond */
	assert_false(is_good("terok-g-one00000"));
	assert_true(is_good("terok-g-two00000"));
}

static void a_token_that_is_in_use_outlives_its_entry(void **state)
{
	struct token *token;

	(void)state;
	put_file("{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_int_equal(find("terok-g-one00000", &token), 0);
	unlink(path);
	assert_false(is_good("terok-g-one00000"));
	assert_string_equal(token->project, "p");
	token_put(token);
}

static void what_others_may_write_is_not_believed(void **state)
{
	struct problem why;

	(void)state;
	put_file("{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_true(is_good("terok-g-one00000"));
	assert_int_equal(chmod(path, 0660), 0);
	assert_false(is_good("terok-g-one00000"));
	assert_true(tokens_complaint(tokens, &why));
	assert_non_null(strstr(why.text, "chmod 0600"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_true(is_good("terok-g-one00000"));
}

static void the_admin_opens_every_project_beside_the_files_tokens(void **state)
{
	_cleanup_(tokens_freep) struct tokens *with = NULL;
	struct problem why;
	struct token *token;

	(void)state;
	put_file("{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_int_equal(tokens_open(path, ADMIN, &with, &why), 0);
	assert_int_equal(tokens_find(with, ADMIN, strlen(ADMIN), &token), 0);
	assert_true(token_reaches(token, "anything", NULL) && token_reaches(token, "p", "c"));
	token_put(token);
	assert_int_equal(tokens_find(with, "terok-g-one00000", 16, &token), 0);
	assert_false(token_reaches(token, "q", NULL));
	token_put(token);
	unlink(path);
	assert_int_equal(tokens_find(with, ADMIN, strlen(ADMIN), &token), 0);
	token_put(token);
	assert_false(is_good(ADMIN)); /* where none was given */
	assert_int_equal(tokens_open(path, "guess", &tokens, &why), -EINVAL);
}

/* --- writing ---------------------------------------------------------------------------- */

static bool looks_right(const char *text)
{
	return strlen(text) == 40 && !strncmp(text, "terok-g-", 8) &&
	       strspn(text + 8, "0123456789abcdef") == 32;
}

static void tokens_that_are_made_coexist_and_nothing_else_is_left(void **state)
{
	char one[TOKEN_SIZE], two[TOKEN_SIZE], three[TOKEN_SIZE], name[128];
	struct stat st;

	(void)state;
	create("p", "t", one);
	create("p", "t", two);
	create("q", "t", three);
	assert_true(looks_right(one) && looks_right(two) && looks_right(three));
	assert_string_not_equal(one, two);
	assert_true(is_good(one) && is_good(two) && is_good(three));
	assert_false(is_there(".tokens.json.new"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(name, sizeof(name), "%s/gate", folder);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void revoking_takes_all_of_a_task_and_only_those(void **state)
{
	char one[TOKEN_SIZE], two[TOKEN_SIZE], other[TOKEN_SIZE], shown[TOKEN_SIZE];
	struct stat before, after;

	(void)state;
	create("p", "t", one);
	create("p", "t", two);
	create("p", "u", other);
	assert_int_equal(revoked("p", "t", NULL), 2);
	assert_false(is_good(one) || is_good(two));
	assert_true(is_good(other));
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(revoked("p", "t", NULL), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* a file that is written is another */
	assert_int_equal(revoked(NULL, NULL, token_shown(other, shown)), 1);
	assert_false(is_good(other));
}

static void a_beginning_of_two_tokens_revokes_none(void **state)
{
	(void)state;
	put_file("{\"terok-g-12345678a\": {\"project\": \"p\", \"task\": \"t\"},"
		 " \"terok-g-12345678b\": {\"project\": \"p\", \"task\": \"t\"}}");
	assert_int_equal(revoked(NULL, NULL, "terok-g-12345678"), -EEXIST);
	assert_true(is_good("terok-g-12345678a") && is_good("terok-g-12345678b"));
	assert_int_equal(revoked(NULL, NULL, "terok-g-12345678b"), 1);
	assert_true(is_good("terok-g-12345678a"));
}

static void what_we_do_not_know_of_the_file_stays_in_it(void **state)
{
	_cleanup_free_ char *text = NULL;
	char made[TOKEN_SIZE];
	FILE *f;
	size_t n;

	(void)state;
	put_file("{\"terok-g-one00000\": {\"project\": \"p\", \"task\": \"t\", \"x\": [1, {}]},"
		 " \"odd\": 5}");
	create("p", "t", made);
	text = calloc(1, 4096);
	f = fopen(path, "r");
	n = fread(text, 1, 4095, f);
	fclose(f);
	assert_true(n > 0 && text[n - 1] == '\n');
	assert_non_null(strstr(text, "\"x\": ["));
	assert_non_null(strstr(text, "\"odd\": 5"));
	assert_non_null(strstr(text, "\"project\": \"p\""));
}

static void a_corrupt_file_is_set_aside_and_not_fatal(void **state)
{
	struct problem why, warning;
	struct token want = { .project = "p", .task = "t" };
	char made[TOKEN_SIZE];

	(void)state;
	put_file("{\"terok-g-one00000\": {\"pro");
	assert_int_equal(token_create(path, &want, made, &warning, &why), 0);
	assert_non_null(strstr(warning.text, "tokens.json.corrupt"));
	assert_true(is_there("tokens.json.corrupt"));
	assert_true(is_good(made));
	assert_int_equal(token_create(path, &want, made, &warning, &why), 0);
	assert_string_equal(warning.text, "");
}

static void names_that_cannot_be_make_nothing(void **state)
{
	struct token want = { .project = "../p", .task = "t" };
	struct problem why, warning;
	char made[TOKEN_SIZE];

	(void)state;
	assert_int_equal(token_create(path, &want, made, &warning, &why), -EINVAL);
	strcpy(want.project, "p");
	strcpy(want.task, "");
	assert_int_equal(token_create(path, &want, made, &warning, &why), -EINVAL);
	strcpy(want.task, "t");
	want.push[0] = (char *)"a b";
	want.n_push = 1;
	assert_int_equal(token_create(path, &want, made, &warning, &why), -EINVAL);
	assert_false(is_there("tokens.json"));
}

#define WRITERS 8
#define EACH    25

static int count_one(const struct token *token, void *user)
{
	(void)token;
	++*(int *)user;
	return 0;
}

static void writers_at_the_same_time_lose_nothing(void **state)
{
	char made[TOKEN_SIZE];
	int n = 0, status;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct problem why, warning;
			struct token want = { .project = "p", .task = "t" };
			int bad = 0;

			for (int j = 0; j < EACH; j++)
				bad |= token_create(path, &want, made, &warning, &why);
			_exit(!!bad);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		wait(&status);
		assert_int_equal(status, 0);
	}
	tokens_each(tokens, count_one, &n);
	assert_int_equal(n, WRITERS * EACH);
}

static void a_writer_that_does_not_end_is_named(void **state)
{
	const struct token_which which = { .project = "p", .task = "t" };
	char token[TOKEN_SIZE], lock[160], mine[64];
	struct problem warning, why;
	int fd;

	(void)state;
	create("p", "t", token);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	fd = open(lock, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0); /* as any program may */
	assert_int_equal(token_revoke(path, &which, &warning, &why), -EBUSY);
	snprintf(mine, sizeof(mine), "process %d, test_gate_token", getpid());
	assert_non_null(strstr(why.text, lock));
	assert_non_null(strstr(why.text, mine));
	close(fd);
	assert_int_equal(token_revoke(path, &which, &warning, &why), 1);
}

static void a_writer_that_is_killed_leaves_the_old_file_or_the_new(void **state)
{
	char made[TOKEN_SIZE];

	(void)state;
	create("p", "keep", made);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			struct problem why, warning;
			struct token want = { .project = "p", .task = "t" };
			char text[TOKEN_SIZE];

			for (;;)
				token_create(path, &want, text, &warning, &why);
		}
		usleep(300 * (i % 10)); /* where in its work it is killed is what varies */
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(is_good(made));
	}
	create("p", "after", made); /* neither its lock nor its half of a file is in the way */
	assert_true(is_good(made));
	assert_false(is_there(".tokens.json.new"));
}

static void more_tokens_than_may_be_are_refused_and_what_is_there_stays(void **state)
{
	struct problem why, warning;
	struct token want = { .project = "p", .task = "t" };
	char made[TOKEN_SIZE];
	int n = 0;
	FILE *f;

	(void)state;
	put_file("{}");
	f = fopen(path, "w");
	for (int i = 0; i < TOKENS_MAX - 1; i++)
		fprintf(f, "%s\"terok-g-%08x\": {\"project\": \"p\", \"task\": \"t\"}",
			i ? "," : "{", i);
	fputs("}", f);
	fclose(f);
	assert_int_equal(token_create(path, &want, made, &warning, &why), 0); /* N */
	assert_true(is_good(made) && is_good("terok-g-00000000"));
	assert_int_equal(token_create(path, &want, made, &warning, &why), -E2BIG); /* N + 1 */
	tokens_each(tokens, count_one, &n);
	assert_int_equal(n, TOKENS_MAX);
}

/* --- patterns --------------------------------------------------------------------------- */

static void patterns_match_what_they_say(void **state)
{
	static const struct {
		const char *pattern, *ref;
		bool is;
	} refs[] = {
		{ "main", "refs/heads/main", true },
		{ "main", "refs/heads/main2", false },
		{ "main", "refs/heads/a/main", false },
		{ "main", "refs/tags/main", false },
		{ "agent/*", "refs/heads/agent/x", true },
		{ "agent/*", "refs/heads/agent/x/y", false },
		{ "agent/*", "refs/heads/agent/", true },
		{ "agent/**", "refs/heads/agent/x/y", true },
		{ "agent/**", "refs/heads/agents/x", false },
		{ "agent/**", "refs/heads/agent", true },
		{ "refs/tags/v*", "refs/tags/v1.2", true },
		{ "refs/tags/v*", "refs/tags/w", false },
		{ "**", "refs/heads/a/b", true },
		{ "**", "refs/tags/a", false },
		{ "refs/**", "refs/tags/a", true },
		{ "*-fix", "refs/heads/a-fix", true },
		{ "*-fix", "refs/heads/a-fix-fix", true },
		{ "*-fix", "refs/heads/b/a-fix", false },
		{ "**/x*y", "refs/heads/a/b/xzzy", true },
		{ "**/x*y", "refs/heads/a/x/y", false },
		{ "Main", "refs/heads/main", false },
	};
	static const struct {
		const char *pattern, *path;
		bool is;
	} paths[] = {
		{ ".github/workflows/**", ".github/workflows/ci.yml", true },
		{ ".github/workflows/**", ".github/workflows/a/b", true },
		{ ".github/workflows/**", ".github/workflows", true },
		{ ".github/workflows/**", ".GitHub/Workflows/ci.yml", true },
		{ ".github/workflows/**", ".github/workflows2/ci.yml", false },
		{ ".github/workflows/**", "x/.github/workflows/ci.yml", false },
		{ "**/secrets/", "a/b/secrets/c", true },
		{ "**/Jenkinsfile", "a/b/Jenkinsfile", true },
		{ "*.key", "a.key", true },
		{ "*.key", "a/b.key", false },
		{ "**.key", "a/b.key", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refs) / sizeof(*refs); i++)
		if (pattern_ref(refs[i].pattern, refs[i].ref) != refs[i].is)
			fail_msg("%s %s", refs[i].pattern, refs[i].ref);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (pattern_path(paths[i].pattern, paths[i].path) != paths[i].is)
			fail_msg("%s %s", paths[i].pattern, paths[i].path);
	assert_true(pattern_below(".github/workflows/**", ".github"));
	assert_true(pattern_below(".github/workflows/**", ".github/workflows"));
	assert_false(pattern_below(".github/workflows/**", ".gitlab"));
	assert_false(pattern_below(".github/workflows/**", ".git"));
	assert_true(pattern_below("**/x", "anything"));
}

static void a_pattern_of_stars_ends_soon(void **state)
{
	char pattern[PATTERN_SIZE] = "", text[4096];
	clock_t begun = clock();

	(void)state;
	while (strlen(pattern) + 4 < sizeof(pattern))
		strcat(pattern, "**a*");
	strcat(pattern, "b");
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(pattern_path(pattern, text));
	assert_true(clock() - begun < 2 * CLOCKS_PER_SEC);
}

static void a_pattern_that_nobody_can_mean_is_refused(void **state)
{
	static const char *const bad[] = { "", "/x", "a//b", "a***", "a b", "a\nb" };
	char most[PATTERN_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pattern_check(bad[i], NULL), -EINVAL);
	memset(most, 'a', sizeof(most));
	most[PATTERN_SIZE] = '\0';
	assert_int_equal(pattern_check(most, NULL), -EINVAL);
	most[PATTERN_SIZE - 1] = '\0';
	assert_int_equal(pattern_check(most, NULL), 0);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(a_token_of_the_file_is_of_its_project_and_others_are_of_none),
		WITH_FILE(what_is_no_object_has_no_tokens),
		WITH_FILE(an_entry_without_project_and_task_is_left_out_alone),
		WITH_FILE(a_limit_that_cannot_be_read_is_no_token_without_it),
		WITH_FILE(what_a_token_may_is_read),
		WITH_FILE(a_change_is_seen_at_once_and_a_file_that_goes_takes_its_tokens),
		WITH_FILE(a_settled_file_is_not_read_again_until_it_is_another),
		WITH_FILE(a_token_that_is_in_use_outlives_its_entry),
		WITH_FILE(what_others_may_write_is_not_believed),
		WITH_FILE(the_admin_opens_every_project_beside_the_files_tokens),
		WITH_FILE(tokens_that_are_made_coexist_and_nothing_else_is_left),
		WITH_FILE(revoking_takes_all_of_a_task_and_only_those),
		WITH_FILE(a_beginning_of_two_tokens_revokes_none),
		WITH_FILE(what_we_do_not_know_of_the_file_stays_in_it),
		WITH_FILE(a_corrupt_file_is_set_aside_and_not_fatal),
		WITH_FILE(names_that_cannot_be_make_nothing),
		WITH_FILE(writers_at_the_same_time_lose_nothing),
		WITH_FILE(a_writer_that_does_not_end_is_named),
		WITH_FILE(a_writer_that_is_killed_leaves_the_old_file_or_the_new),
		WITH_FILE(more_tokens_than_may_be_are_refused_and_what_is_there_stays),
		cmocka_unit_test(patterns_match_what_they_say),
		cmocka_unit_test(a_pattern_of_stars_ends_soon),
		cmocka_unit_test(a_pattern_that_nobody_can_mean_is_refused),
	};

	return cmocka_run_group_tests_name("gate_token", tests, NULL, NULL);
}
