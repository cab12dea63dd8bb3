// SPDX-License-Identifier: Apache-2.0
/*
 * test_gate_push.c - gate/update.c, scan.c, content.c, policy.c, push_note.c, push.c: what is said of a push
 * without a repository
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "gate/content.h"
#include "gate/policy.h"
#include "gate/push.h"
#include "gate/push_note.h"
#include "gate/scan.h"
#include "gate/update.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define Z "0000000000000000000000000000000000000000"

/* --- a hook's lines --------------------------------------------------------------------- */

static int parse(const char *text, struct updates *ret)
{
	struct problem why = {};
	int r = updates_parse(text, strlen(text), ret, &why);

	assert_true(!r || *why.text);
	return r;
}

static void lines_of_a_hook_are_updates(void **state)
{
	struct updates updates;

	(void)state;
	assert_int_equal(parse(Z " " A " refs/heads/new\n" A " " B " refs/heads/x\n" A " " Z
				 " refs/tags/t\n" Z " " Z " refs/terok/x\n",
			       &updates),
			 0);
	assert_int_equal(updates.n, 4);
	assert_int_equal(updates.item[0].kind, UPDATE_CREATE);
	assert_string_equal(update_branch(&updates.item[0]), "new");
	assert_int_equal(updates.item[1].kind, UPDATE_MOVE);
	assert_string_equal(updates.item[1].old, A);
	assert_string_equal(updates.item[1].new, B);
	assert_int_equal(updates.item[2].kind, UPDATE_DELETE);
	assert_null(update_branch(&updates.item[2]));
	assert_int_equal(updates.item[3].kind, UPDATE_DELETE);
	updates_done(&updates);
	assert_int_equal(parse("", &updates), 0);
	assert_int_equal(updates.n, 0);
	updates_done(&updates);
}

static void what_is_no_such_line_is_refused_as_a_whole(void **state)
{
	static const char *const bad[] = {
		"\n",
		A " " B " refs/heads/x", /* cut off */
		A " " B "\n",
		A " " B " \n",
		A "  " B " refs/heads/x\n",
		A " " B " heads/x\n",
		A " " B " refs/heads/a b\n",
		A " " B " refs/heads/a\x7f\n",
		A " bbbb refs/heads/x\n",
		"g" A " " B " refs/heads/x\n",
		A " " B " refs/heads/x\nmore\n",
		A A " " B " refs/heads/x\n",
	};
	struct updates updates;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(bad[i], &updates) != -EINVAL)
			fail_msg("%s", bad[i]);
}

/* --- by name ---------------------------------------------------------------------------- */

static enum refusal judge(const char *line, const struct token *token, const char *policy_text)
{
	struct policy policy;
	struct problem why = {};
	struct updates updates;
	enum refusal about;

	assert_int_equal(policy_parse(policy_text, strlen(policy_text), &policy, &why), 0);
	assert_int_equal(parse(line, &updates), 0);
	about = update_judge(updates.item, token, &policy, &why);
	assert_true(!about == !*why.text);
	updates_done(&updates);
	policy_done(&policy);
	return about;
}

static void a_name_alone_can_be_enough_to_refuse(void **state)
{
	const struct token plain = { .project = "p" };
	const struct token all = {
		.project = "p", .force = true, .remove = true, .workflows = true
	};
	const struct token reads = { .project = "p", .read_only = true };
	const struct token some = { .project = "p",
				    .n_push = 2,
				    .push = { (char *)"agent/**", (char *)"refs/tags/v*" } };
	const char *const strict = "{\"protected\": [\"main\"]}";

	(void)state;
	assert_int_equal(judge(Z " " A " refs/heads/x\n", &plain, "{}"), REFUSED_NOT);
	assert_int_equal(judge(A " " B " refs/heads/x\n", &plain, "{}"), REFUSED_NOT);
	assert_int_equal(judge(Z " " A " refs/heads/x\n", &reads, "{}"), REFUSED_ALWAYS);
	assert_int_equal(judge(A " " Z " refs/heads/x\n", &plain, "{}"), REFUSED_REMOVE);
	assert_int_equal(judge(A " " Z " refs/heads/x\n", &all, "{}"), REFUSED_NOT);
	assert_int_equal(judge(A " " B " refs/tags/x\n", &plain, "{}"), REFUSED_FORCE);
	assert_int_equal(judge(A " " B " refs/tags/x\n", &all, "{}"), REFUSED_NOT);
	assert_int_equal(judge(Z " " A " refs/terok/x\n", &all, "{}"), REFUSED_ALWAYS);
	assert_int_equal(judge(Z " " A " refs/TEROK/x\n", &all, "{}"), REFUSED_ALWAYS);
	assert_int_equal(judge(Z " " A " refs/terok\n", &all, "{}"), REFUSED_ALWAYS);
	assert_int_equal(judge(Z " " A " refs/notes/x\n", &all, "{}"), REFUSED_ALWAYS);
	assert_int_equal(judge(Z " " A " refs/notes/x\n", &all, "{\"push\": [\"refs/**\"]}"),
			 REFUSED_NOT);
	assert_int_equal(judge(Z " " A " refs/terok/x\n", &all, "{\"push\": [\"refs/**\"]}"),
			 REFUSED_ALWAYS);
	assert_int_equal(judge(Z " " A " refs/TEROK/x\n", &all, "{\"push\": [\"refs/**\"]}"),
			 REFUSED_ALWAYS);
	assert_int_equal(judge(A " " B " refs/heads/main\n", &all, strict), REFUSED_REF);
	assert_int_equal(judge(A " " B " refs/heads/main2\n", &all, strict), REFUSED_NOT);
	assert_int_equal(judge(Z " " A " refs/heads/agent/x\n", &some, "{}"), REFUSED_NOT);
	assert_int_equal(judge(Z " " A " refs/tags/v1\n", &some, "{}"), REFUSED_NOT);
	assert_int_equal(judge(Z " " A " refs/tags/w1\n", &some, "{}"), REFUSED_REF);
	assert_int_equal(judge(A " " B " refs/heads/main\n", &some, "{}"), REFUSED_REF);
	assert_int_equal(judge(Z " " A " refs/heads/-x\n", &all, "{}"), REFUSED_ALWAYS);
}

/* --- paths ------------------------------------------------------------------------------ */

static struct policy scan_policy;

static void scan_all(struct scan *scan, const char *bytes, size_t n, size_t step)
{
	for (size_t i = 0; i < n; i += step)
		assert_int_equal(scan_bytes(bytes + i, n - i < step ? n - i : step, scan), 0);
	assert_int_equal(scan_end(scan), 0);
}

static struct scan scan_of(struct scan_merge *merge, size_t n)
{
	return (struct scan){ .policy = &scan_policy,
			      .forbidden = true,
			      .links = true,
			      .modules = true,
			      .merge = merge,
			      .n_merges = n };
}

#define FILE_AT(path)  ":000000 100644 " Z " " A " A\0" path "\0"
#define LINK_AT(path)  ":000000 120000 " Z " " B " A\0" path "\0"
#define GONE_AT(path)  ":120000 000000 " B " " Z " D\0" path "\0"
#define BYTES(literal) literal, sizeof(literal) - 1

static int scan_setup(void **state)
{
	struct problem why;

	(void)state;
	return policy_parse("{}", 2, &scan_policy, &why);
}

static int scan_teardown(void **state)
{
	(void)state;
	policy_done(&scan_policy);
	return 0;
}

static void what_must_be_looked_at_is_kept_however_it_comes(void **state)
{
	static const char text[] = A "\0" FILE_AT("a") FILE_AT(".github/workflows/x") LINK_AT("l")
	    FILE_AT(".gitmodules") B "\0" GONE_AT("l") GONE_AT(".github/workflows/x")
		LINK_AT(".gitmodules") LINK_AT(".github");

	(void)state;
	for (size_t step = 1; step < 200; step += 7) {
		struct scan scan = scan_of(NULL, 0);

		scan_all(&scan, text, sizeof(text) - 1, step);
		assert_int_equal(scan.paths, 8);
		assert_int_equal(scan.n, 8);
		assert_int_equal(scan.found[0].what, SCAN_FORBIDDEN);
		assert_string_equal(scan.found[0].commit, A);
		assert_int_equal(scan.found[1].what, SCAN_LINK);
		assert_string_equal(scan.found[1].blob, B);
		assert_int_equal(scan.found[2].what, SCAN_MODULES);
		assert_int_equal(scan.found[3].what, SCAN_FORBIDDEN); /* to remove it is a change */
		assert_string_equal(scan.found[3].commit, B);
		assert_int_equal(scan.found[4].what, SCAN_MODULES_LINK);
		assert_int_equal(scan.found[5].what, SCAN_LINK);
		assert_int_equal(scan.found[6].what, SCAN_FORBIDDEN); /* a link above it */
		assert_string_equal(scan.found[6].path, ".github");
		scan_done(&scan);
	}
}

static void a_merge_brings_new_what_no_parent_has(void **state)
{
	static const char text[] = C "\0" LINK_AT("both") LINK_AT("one")
	    FILE_AT(".github/workflows/x") C "\0" LINK_AT("both");
	struct scan_merge merge = { .commit = C, .parents = 2 };
	struct scan scan = scan_of(&merge, 1);

	(void)state;
	scan_all(&scan, text, sizeof(text) - 1, sizeof(text));
	assert_int_equal(scan.n, 2);
	assert_string_equal(scan.found[0].path, "both");
	assert_string_equal(scan.found[1].path, ".github/workflows/x");
	assert_true(scan.found[1].merge);
	scan_done(&scan);
}

static void what_git_does_not_say_is_no_answer(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} bad[] = {
		{ BYTES(FILE_AT("a")) }, /* of no commit */
		{ BYTES("x\0") },
		{ BYTES(A "\0:100644 100644 " A " " B "\0a\0") },
		{ BYTES(A "\0:100644 100644 " A " " B " R100\0a\0b\0") },
		{ BYTES(A "\0:100644 100644 " A " short M\0a\0") },
		{ BYTES(A "\0" FILE_AT("")) },
	};
	static const char cut[] = A "\0:000000 100644 " Z " " A " A\0half";
	struct scan scan = scan_of(NULL, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct scan one = scan_of(NULL, 0);

		assert_int_equal(scan_bytes(bad[i].text, bad[i].n, &one), -EBADMSG);
		scan_done(&one);
	}
	assert_int_equal(scan_bytes(cut, sizeof(cut) - 1, &scan), 0);
	assert_int_equal(scan_end(&scan), -EBADMSG);
	scan_done(&scan);
}

static void a_path_has_a_length_that_it_may_not_pass(void **state)
{
	static char text[256 + SCAN_RECORD_MAX];
	struct scan scan = scan_of(NULL, 0), more = scan_of(NULL, 0);
	size_t head;

	(void)state;
	head = sprintf(text, "%s", A) + 1;
	head += sprintf(text + head, ":000000 100644 %s %s A", Z, A) + 1;
	memset(text + head, 'x', SCAN_RECORD_MAX);
	text[head + SCAN_RECORD_MAX - 1] = '\0';
	assert_int_equal(scan_bytes(text, head + SCAN_RECORD_MAX, &scan), 0); /* N */
	text[head + SCAN_RECORD_MAX - 1] = 'x';
	text[head + SCAN_RECORD_MAX] = '\0';
	assert_int_equal(scan_bytes(text, head + SCAN_RECORD_MAX + 1, &more), -E2BIG); /* N + 1 */
	scan_done(&scan);
	scan_done(&more);
}

/* --- what stands in files --------------------------------------------------------------- */

static void a_link_stays_in_the_tree_whatever_else_is_there(void **state)
{
	static const struct {
		const char *path, *target;
		int r;
	} links[] = {
		{ "l", "a", 0 },
		{ "l", "a/b/c", 0 },
		{ "l", "./a", 0 },
		{ "l", ".", 0 },
		{ "d/l", "../a", 0 },
		{ "d/l", "..", 0 },
		{ "d/e/l", "../../a", 0 },
		{ "l", "a.b/..c", 0 },
		{ "l", ".github/x", 0 },
		{ "l", "", -EPERM },
		{ "l", "/a", -EPERM },
		{ "l", "..", -EPERM },
		{ "l", "../a", -EPERM },
		{ "d/l", "../../a", -EPERM },
		{ "d/l", ".././../a", -EPERM },
		{ "d/e/l", "a/../../b", -EPERM },
		{ "d/e/l", "a/..", -EPERM },
		{ "l", "C:/x", -EPERM },
		{ "l", "..\\x", -EPERM },
		{ "l", "\\\\host\\x", -EPERM },
		{ "l", "~/x", -EPERM },
		{ "l", ".git/hooks/x", -EPERM },
		{ "l", "a/.GIT", -EPERM },
		{ "l", "a\nb", -EPERM },
	};
	char most[CONTENT_LINK_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (content_link(links[i].path, links[i].target, strlen(links[i].target), NULL) !=
		    links[i].r)
			fail_msg("%s -> %s", links[i].path, links[i].target);
	assert_int_equal(content_link("l", "a\0b", 3, NULL), -EPERM);
	memset(most, 'a', sizeof(most));
	assert_int_equal(content_link("l", most, CONTENT_LINK_MAX, NULL), 0);
	assert_int_equal(content_link("l", most, CONTENT_LINK_MAX + 1, NULL), -EPERM);
}

static void a_submodule_comes_from_a_host_or_from_beside(void **state)
{
	static const char *const good[] = { "https://h/x.git",   "http://h/x", "ssh://git@h/x",
					    "git@h.example:o/r", "git://h/x",  "../x",
					    "../../o/x",         "./x" };
	static const char *const bad[] = {
		"",    "/x",         "file:///x",    "ext::sh -c id",  "fd::3",
		"-x",  "ssh://-x/y", "-h:x",         "../../../x",     "../x/../../y",
		"../", "..",         "https://h/\n", "https://h/%0Ax", "x\\y",
		"c:x", "foo://h/x",  "ssh://u@-x/y", "../..",          "transport::address",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (content_submodule(good[i], NULL))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (content_submodule(bad[i], NULL) != -EPERM)
			fail_msg("%s", bad[i]);
}

static void the_file_of_submodules_is_read_to_its_end(void **state)
{
	static const char good[] = "submodule.s.path\ns\0submodule.s.url\nhttps://h/x\0"
				   "submodule.s.ignore\0other.key\n!x\0";
	static const struct {
		const char *text;
		size_t n;
	} bad[] = {
		{ BYTES("submodule.s.url\nhttps://h/x\0submodule.t.url\n/x\0") },
		{ BYTES("submodule.s.url\0") },
		{ BYTES("submodule.s.url\nhttps://h/x") }, /* cut off */
		{ BYTES("submodule.s.path\n../x\0") },
		{ BYTES("submodule.s.path\n-x\0") },
		{ BYTES("submodule.s.path\na/.git/b\0") },
		{ BYTES("submodule.s.update\n!id\0") },
		{ BYTES("submodule.../x.url\nhttps://h/x\0") },
		{ BYTES("submodule.a/../x.url\nhttps://h/x\0") },
	};

	(void)state;
	assert_int_equal(content_modules(good, sizeof(good) - 1, NULL), 0);
	assert_int_equal(content_modules("", 0, NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (content_modules(bad[i].text, bad[i].n, NULL) != -EPERM)
			fail_msg("%s", bad[i].text);
}

/* --- policy ----------------------------------------------------------------------------- */

static void a_policy_is_the_defaults_and_what_the_file_says(void **state)
{
	static const char text[] =
	    "{\"protected\": [\"main\"], \"forbidden\": [], \"max_push\": 5, \"max_object\": 0,"
	    " \"max_refs\": 7, \"check_seconds\": 9, \"ask_seconds\": 11, \"symlinks\": \"any\","
	    " \"submodules\": \"safe\"}";
	struct problem why = {};
	struct policy policy;

	(void)state;
	assert_int_equal(policy_parse("{}", 2, &policy, &why), 0);
	assert_string_equal(policy.forbidden.item[0], ".github/workflows/**");
	assert_int_equal(policy.push.n, 2);
	assert_int_equal(policy.protect.n, 0);
	assert_int_equal(policy.ask_seconds, 0);
	assert_false(policy.any_symlinks || policy.any_submodules);
	policy_done(&policy);
	assert_int_equal(policy_parse(text, strlen(text), &policy, &why), 0);
	assert_int_equal(policy.push.n, 2);
	assert_string_equal(policy.protect.item[0], "main");
	assert_int_equal(policy.forbidden.n, 0);
	assert_int_equal(policy.max_push, 5);
	assert_int_equal(policy.max_object, 0);
	assert_int_equal(policy.max_refs, 7);
	assert_int_equal(policy.check_seconds, 9);
	assert_int_equal(policy.ask_seconds, 11);
	assert_true(policy.any_symlinks && !policy.any_submodules);
	policy_done(&policy);
}

static void a_policy_with_a_mistake_is_none(void **state)
{
	static const struct {
		const char *text, *key;
	} bad[] = {
		{ "", "JSON" },
		{ "[]", "JSON" },
		{ "{\"proteced\": []}", "proteced" },
		{ "{\"protected\": \"main\"}", "protected" },
		{ "{\"protected\": [1]}", "protected" },
		{ "{\"protected\": [\"\"]}", "protected" },
		{ "{\"forbidden\": null}", "forbidden" },
		{ "{\"max_push\": 0}", "max_push" },
		{ "{\"max_push\": -1}", "max_push" },
		{ "{\"max_push\": \"1\"}", "max_push" },
		{ "{\"max_refs\": 1.5}", "max_refs" },
		{ "{\"check_seconds\": 0}", "check_seconds" },
		{ "{\"check_seconds\": 86401}", "check_seconds" },
		{ "{\"symlinks\": \"some\"}", "symlinks" },
		{ "{\"submodules\": true}", "submodules" },
	};
	struct policy policy;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct problem why = {};

		if (policy_parse(bad[i].text, strlen(bad[i].text), &policy, &why) != -EINVAL ||
		    !strstr(why.text, bad[i].key))
			fail_msg("%s: %s", bad[i].text, why.text);
	}
}

/* --- what the hook is told -------------------------------------------------------------- */

static void a_note_says_the_token_again_without_its_text(void **state)
{
	struct token token = { .text = "terok-g-secret00",
			       .project = "*",
			       .task = "t\"\n",
			       .container = "c",
			       .force = true,
			       .n_push = 1,
			       .push = { (char *)"agent/**" } };
	_cleanup_free_ char *text = push_note_text("/base", "p", &token);
	struct push_note note;
	struct problem why;

	(void)state;
	assert_non_null(text);
	assert_null(strstr(text, "secret"));
	assert_int_equal(push_note_read(text + strlen(PUSH_NOTE "="), &note, &why), 0);
	assert_string_equal(note.base, "/base");
	assert_string_equal(note.project, "p");
	assert_string_equal(note.token->project, "*");
	assert_string_equal(note.token->task, "t\"\n");
	assert_string_equal(note.token->container, "c");
	assert_true(note.token->force && !note.token->remove && !note.token->workflows);
	assert_int_equal(note.token->n_push, 1);
	assert_string_equal(note.token->push[0], "agent/**");
	push_note_done(&note);
}

static void half_a_note_is_none(void **state)
{
	static const char *const bad[] = { NULL, "", "{}", "{\"base\":\"/b\",\"project\":\"p\"}",
					   "{\"base\":\"b\",\"project\":\"p\"}" };
	struct push_note note;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct problem why = {};

		assert_int_equal(push_note_read(bad[i], &note, &why), -EINVAL);
		assert_true(*why.text);
	}
}

static bool env_has(const struct push_env *env, const char *item)
{
	for (unsigned i = 0; i < env->n; i++)
		if (!strcmp(env->item[i], item))
			return true;
	return false;
}

/* Is this setting of git's in it, with a number below the count? */
static bool env_sets(const struct push_env *env, const char *key, const char *value)
{
	char item[512];

	for (unsigned i = 0; i < env->n; i++) {
		snprintf(item, sizeof(item), "GIT_CONFIG_KEY_%u=%s", i, key);
		if (!env_has(env, item))
			continue;
		snprintf(item, sizeof(item), "GIT_CONFIG_VALUE_%u=%s", i, value);
		return env_has(env, item);
	}
	return false;
}

/* Every number below the count has a key and a value, and no other has. */
static bool env_counts(const struct push_env *env)
{
	unsigned keys = 0, values = 0;
	char item[32];

	for (unsigned i = 0; i < env->n; i++) {
		keys += !strncmp(env->item[i], "GIT_CONFIG_KEY_", 15);
		values += !strncmp(env->item[i], "GIT_CONFIG_VALUE_", 17);
	}
	snprintf(item, sizeof(item), "GIT_CONFIG_COUNT=%u", keys);
	return keys == values && env_has(env, item);
}

static void an_environment_has_every_setting_that_it_counts(void **state)
{
	const struct token token = { .project = "p", .task = "t" };
	char base[] = "/tmp/terok-env-XXXXXX", repository[64], hooks[64], command[64];
	struct problem why = {};
	struct push_env env;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(repository, sizeof(repository), "%s/p.git", base);
	snprintf(hooks, sizeof(hooks), "%s/.terok-hooks", base);
	assert_int_equal(push_environment(&token, repository, false, &env, &why), 0);
	assert_true(env_counts(&env));
	assert_true(env_sets(&env, "core.hooksPath", "/dev/null"));
	assert_true(env_sets(&env, "transfer.hideRefs", "refs/terok"));
	assert_int_not_equal(access(hooks, F_OK), 0);
	push_env_done(&env);
	assert_int_equal(push_environment(&token, repository, true, &env, &why), 0);
	assert_true(env_sets(&env, "core.hooksPath", hooks));
	assert_true(env_sets(&env, "transfer.hideRefs", "refs/terok"));
	assert_true(env_sets(&env, "receive.fsckObjects", "true"));
	assert_true(env_sets(&env, "receive.maxInputSize", "8589934592"));
	assert_true(env_counts(&env));
	assert_true(env_has(&env, "GIT_CONFIG_GLOBAL=/dev/null"));
	push_env_done(&env);
	assert_int_equal(push_environment(&token, "p.git", true, &env, &why), -EINVAL);
	assert_int_equal(push_environment(&token, "/base/p", true, &env, &why), -EINVAL);
	assert_int_equal(push_environment(&token, "/base/q.git", true, &env, &why), -EACCES);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	assert_int_equal(system(command), 0);
}

#define SCANS(test) cmocka_unit_test_setup_teardown(test, scan_setup, scan_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_a_hook_are_updates),
		cmocka_unit_test(what_is_no_such_line_is_refused_as_a_whole),
		cmocka_unit_test(a_name_alone_can_be_enough_to_refuse),
		SCANS(what_must_be_looked_at_is_kept_however_it_comes),
		SCANS(a_merge_brings_new_what_no_parent_has),
		SCANS(what_git_does_not_say_is_no_answer),
		SCANS(a_path_has_a_length_that_it_may_not_pass),
		cmocka_unit_test(a_link_stays_in_the_tree_whatever_else_is_there),
		cmocka_unit_test(a_submodule_comes_from_a_host_or_from_beside),
		cmocka_unit_test(the_file_of_submodules_is_read_to_its_end),
		cmocka_unit_test(a_policy_is_the_defaults_and_what_the_file_says),
		cmocka_unit_test(a_policy_with_a_mistake_is_none),
		cmocka_unit_test(a_note_says_the_token_again_without_its_text),
		cmocka_unit_test(half_a_note_is_none),
		cmocka_unit_test(an_environment_has_every_setting_that_it_counts),
	};

	return cmocka_run_group_tests_name("gate_push", tests, NULL, NULL);
}
