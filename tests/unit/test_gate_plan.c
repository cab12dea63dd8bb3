// SPDX-License-Identifier: Apache-2.0
/* test_gate_plan.c - gate/plan.c, backup.c, refs.c, ssh.c: what needs no git */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "gate/backup.h"
#include "gate/plan.h"
#include "gate/ssh.h"

/*
 * A history: o is old, o-u-v the upstream's line, o-x rewritten from o, o-a and u-b an agent's
 * commits on it. The pairs that are in each other's history, but for themselves.
 */
static const char *const histories[][2] = {
	{ "o", "u" }, { "o", "v" }, { "u", "v" }, { "o", "a" }, { "u", "b" },
	{ "o", "b" }, { "o", "x" }, { "o", "y" }, { "x", "y" },
};

static unsigned asked;

static int ancestor(const char *a, const char *b, void *user)
{
	(void)user;
	asked++;
	if (!strcmp(b, "broken"))
		return -EIO;
	if (!strcmp(a, b))
		return 1;
	for (size_t i = 0; i < sizeof(histories) / sizeof(*histories); i++)
		if (!strcmp(histories[i][0], a) && !strcmp(histories[i][1], b))
			return 1;
	return 0;
}

struct row {
	const char *gate, *upstream, *attic;
	enum plan_state state;
	enum plan_reason reason;
	bool keep;
	const char *word;
};

static const struct row rows[] = {
	{ NULL, NULL, "o", PLAN_GONE, 0, false, "gone" },
	{ NULL, "u", NULL, PLAN_CREATE, 0, false, "new" },
	{ NULL, "u", "x", PLAN_CREATE, 0, false, "new" },
	{ "u", "u", NULL, PLAN_SAME, 0, false, "same" },
	{ "u", "u", "x", PLAN_SAME, 0, false, "same" },
	{ "o", "v", NULL, PLAN_FORWARD, 0, false, "behind" },
	{ "o", "v", "o", PLAN_FORWARD, 0, false, "behind" },
	/* what an agent pushed on top of the upstream's stays */
	{ "a", "o", NULL, PLAN_AHEAD, 0, false, "ahead" },
	{ "b", "u", "o", PLAN_AHEAD, 0, false, "ahead" },
	/* only the gate has it, and no upstream ever had */
	{ "a", NULL, NULL, PLAN_ALONE, 0, false, "gate-only" },
	/* the upstream had it */
	{ "a", NULL, "o", PLAN_DELETE, PLAN_DELETED, true, "pending" },
	{ "u", NULL, "u", PLAN_DELETE, PLAN_DELETED, true, "pending" },
	/* both went on */
	{ "a", "u", NULL, PLAN_REPLACE, PLAN_UNKNOWN, false, "diverged" },
	{ "a", "u", "o", PLAN_REPLACE, PLAN_UNKNOWN, false, "diverged" },
	/* rewritten: u became x, and the gate has u or what an agent put on it, or less */
	{ "u", "x", "u", PLAN_REPLACE, PLAN_REWRITTEN, true, "pending" },
	{ "b", "x", "u", PLAN_REPLACE, PLAN_REWRITTEN, true, "pending" },
	{ "u", "x", "v", PLAN_REPLACE, PLAN_REWRITTEN, true, "pending" },
	{ "a", "x", "u", PLAN_REPLACE, PLAN_REWRITTEN, true, "pending" },
	/* nobody noted what it was */
	{ "u", "x", NULL, PLAN_REPLACE, PLAN_UNKNOWN, false, "diverged" },
	/* the upstream went back from v to u: what it dropped is no agent's */
	{ "v", "u", "v", PLAN_REPLACE, PLAN_REWRITTEN, true, "pending" },
	/* ... but who stands on the new line is only ahead */
	{ "y", "x", "u", PLAN_AHEAD, 0, false, "ahead" },
	/* ... and who is behind it goes forward, wherever it came from */
	{ "o", "x", "u", PLAN_FORWARD, 0, false, "behind" },
};

static void a_branch_is_one_of_these(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		const struct plan_branch branch = { row->gate, row->upstream, row->attic };
		struct plan plan = {};

		assert_int_equal(plan_branch(&branch, ancestor, NULL, &plan), 0);
		if (plan.state != row->state || plan.reason != row->reason ||
		    plan.keep_attic != row->keep || strcmp(plan_word(&plan), row->word))
			fail_msg("row %zu: %d %d %d %s", i, plan.state, plan.reason,
				 plan.keep_attic, plan_word(&plan));
	}
}

static void only_a_new_one_and_a_fast_forward_are_done_at_once(void **state)
{
	(void)state;
	assert_string_equal(plan_kind(PLAN_CREATE), "create");
	assert_string_equal(plan_kind(PLAN_FORWARD), "fast_forward");
	assert_string_equal(plan_kind(PLAN_REPLACE), "force_update");
	assert_string_equal(plan_kind(PLAN_DELETE), "delete");
	assert_null(plan_kind(PLAN_AHEAD));
	assert_null(plan_kind(PLAN_ALONE));
	assert_null(plan_kind(PLAN_SAME));
}

static void what_is_the_same_is_not_asked_about(void **state)
{
	const struct plan_branch same = { "u", "u", NULL };
	struct plan plan;

	(void)state;
	asked = 0;
	assert_int_equal(plan_branch(&same, ancestor, NULL, &plan), 0);
	assert_int_equal(asked, 0);
}

static void a_history_that_cannot_be_read_is_no_plan(void **state)
{
	const struct plan_branch broken = { "u", "broken", NULL };
	struct plan plan = { .state = PLAN_SAME };

	(void)state;
	assert_int_equal(plan_branch(&broken, ancestor, NULL, &plan), -EIO);
	assert_int_equal(plan.state, PLAN_SAME);
}

/* --- backups -------------------------------------------------------------------------- */

#define SHA "0123456789abcdef0123456789abcdef01234567"

static void a_backups_name_says_of_what_and_when(void **state)
{
	char ref[BACKUP_REF_MAX];
	struct backup backup = { .sha = SHA };

	(void)state;
	assert_int_equal(backup_ref(ref, "refs/heads/a/b", SHA, 1795255872), 0);
	assert_string_equal(ref, "refs/terok/backup/a/b/20261121T101112Z-0123456789ab");
	assert_int_equal(backup_parse(ref, &backup), 0);
	assert_string_equal(backup.ref, ref);
	assert_string_equal(backup.of, "refs/heads/a/b");
	assert_string_equal(backup.sha, SHA);
	assert_int_equal(backup.saved_at, 1795255872);
	assert_int_equal(backup_ref(ref, "refs/tags/v1", SHA, 1795255872), 0);
	assert_string_equal(ref, "refs/terok/backup-tags/tags/v1/20261121T101112Z-0123456789ab");
	assert_int_equal(backup_parse(ref, &backup), 0);
	assert_string_equal(backup.of, "refs/tags/v1");
	assert_int_equal(backup_ref(ref, "main", SHA, 1795255872), -ENAMETOOLONG);
}

static void the_longest_branch_has_a_backup(void **state)
{
	char branch[GIT_BRANCH_MAX + 16] = REFS_HEADS, ref[BACKUP_REF_MAX];
	struct backup backup = {};

	(void)state;
	memset(branch + strlen(REFS_HEADS), 'b', GIT_BRANCH_MAX + 1);
	assert_int_equal(backup_ref(ref, branch, SHA, 1795255872), -ENAMETOOLONG);
	branch[strlen(REFS_HEADS) + GIT_BRANCH_MAX] = '\0';
	assert_int_equal(backup_ref(ref, branch, SHA, 1795255872), 0);
	assert_int_equal(backup_parse(ref, &backup), 0);
	assert_string_equal(backup.of, branch);
}

static void what_is_not_of_that_form_is_no_backup(void **state)
{
	static const char *const bad[] = {
		"refs/terok/backup/20261121T101112Z-0123456789ab",
		"refs/terok/backup//20261121T101112Z-0123456789ab",
		"refs/terok/backup/a/20261121T101112Z-0123456789a",
		"refs/terok/backup/a/20261121T101112Z-0123456789abc",
		"refs/terok/backup/a/20261121T101112-0123456789abc",
		"refs/terok/backup/a/20260231T101112Z-0123456789ab",
		"refs/terok/backup/a/00261121T101112Z-0123456789ab",
		"refs/terok/backup/a/20261321T101112Z-0123456789ab",
		"refs/terok/backup/a/20261121T101112Z-0123456789ag",
		"refs/terok/backup/a..b/20261121T101112Z-0123456789ab",
		"refs/terok/backup/-a/20261121T101112Z-0123456789ab",
		"refs/terok/backup-tags/20261121T101112Z-0123456789ab",
		"refs/terok/backup-tags/tags/20261121T101112Z-0123456789ab",
		"refs/terok/backup-tags/tags/-v/20261121T101112Z-0123456789ab",
		"refs/terok/backup-tags/heads/a/20261121T101112Z-0123456789ab",
		"refs/terok/backup-tags/terok/upstream/a/20261121T101112Z-0123456789ab",
		"refs/terok/upstream/a/20261121T101112Z-0123456789ab",
		"refs/heads/a",
		"a",
		"",
	};
	struct backup backup = {};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!backup_parse(bad[i], &backup))
			fail_msg("'%s' was taken", bad[i]);
}

static void a_list_of_references_has_each_name_once(void **state)
{
	_cleanup_refs_ struct refs refs = {};
	char name[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "b%03d", (i * 7) % 1000);
		assert_int_equal(refs_add(&refs, name, strlen(name), SHA), 0);
	}
	assert_int_equal(refs_add(&refs, "b007xx", 4, SHA), 0);
	refs_sort(&refs);
	assert_int_equal(refs.n, 1000);
	assert_string_equal(refs.item[7].name, "b007");
	assert_string_equal(refs_find(&refs, "b999"), SHA);
	assert_null(refs_find(&refs, "b99"));
}

/* --- ssh ------------------------------------------------------------------------------ */

static void a_path_reaches_ssh_as_it_is_or_not_at_all(void **state)
{
	static const char *const bad[] = { "/a'b", "/a\"b", "/a\\b", "/a$b", "/a`b", "/a\nb" };
	char buf[64];

	(void)state;
	assert_int_equal(ssh_option(buf, sizeof(buf), "IdentityFile", "/k e/y%h"), 0);
	assert_string_equal(buf, " -o 'IdentityFile=\"/k e/y%%h\"'");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ssh_option(buf, sizeof(buf), "IdentityFile", bad[i]), -EINVAL);
	assert_int_equal(ssh_option(buf, 25, "IdentityFile", "/k e/y%h"), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_branch_is_one_of_these),
		cmocka_unit_test(only_a_new_one_and_a_fast_forward_are_done_at_once),
		cmocka_unit_test(what_is_the_same_is_not_asked_about),
		cmocka_unit_test(a_history_that_cannot_be_read_is_no_plan),
		cmocka_unit_test(a_backups_name_says_of_what_and_when),
		cmocka_unit_test(the_longest_branch_has_a_backup),
		cmocka_unit_test(what_is_not_of_that_form_is_no_backup),
		cmocka_unit_test(a_list_of_references_has_each_name_once),
		cmocka_unit_test(a_path_reaches_ssh_as_it_is_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
