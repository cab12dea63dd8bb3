// SPDX-License-Identifier: Apache-2.0
/* test_gate_text.c - gate/git_text.c: URLs, what git said, names of branches */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "gate/git_text.h"

static void a_url_goes_one_way(void **state)
{
	static const struct {
		const char *url;
		enum git_way way;
	} good[] = {
		{ "https://example.org/a.git", GIT_WAY_HTTPS },
		{ "HTTPS://user:pass@example.org/a", GIT_WAY_HTTPS },
		{ "ssh://git@example.org:22/a.git", GIT_WAY_SSH },
		{ "git+ssh://example.org/a", GIT_WAY_SSH },
		{ "git@example.org:a/b.git", GIT_WAY_SSH },
		{ "ab:c", GIT_WAY_SSH },
		{ "http://example.org/a", GIT_WAY_HTTP },
		{ "git://example.org/a", GIT_WAY_GIT },
		{ "file:///srv/a.git", GIT_WAY_FILE },
		{ "/srv/a.git", GIT_WAY_FILE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		enum git_way way = GIT_WAY_NONE;

		assert_int_equal(git_url_way(good[i].url, &way, NULL), 0);
		assert_int_equal(way, good[i].way);
	}
}

static void what_would_run_or_read_something_else_is_no_url(void **state)
{
	static const char *const bad[] = {
		"ext::sh -c id",
		"ext::sh",
		"fd::3",
		"ext://a",
		"persistent-https://a/b",
		"-oProxyCommand=id",
		"ssh://-oProxyCommand=id/a",
		"ssh://u@-oProxyCommand=id/a",
		"-u@host:a",
		"user@-oProxyCommand=id:a",
		"host:-a",
		"file://host/a",
		"file://",
		"https://",
		"https:///a",
		"a:b",
		"c:/x",
		"repo",
		"../repo",
		"host:",
		"",
		"https://a/b\nc",
		"https://a/b c",
		"https://a/\xc3\xa9",
		"file::/a",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		enum git_way way = GIT_WAY_NONE;
		struct problem why = {};

		if (!git_url_way(bad[i], &way, &why))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(way, GIT_WAY_NONE);
		assert_true(*why.text);
	}
}

static void a_url_has_a_longest(void **state)
{
	char url[GIT_URL_MAX + 2];
	enum git_way way;

	(void)state;
	memset(url, 'a', sizeof(url));
	memcpy(url, "https://h/", 10);
	url[GIT_URL_MAX] = '\0';
	assert_int_equal(git_url_way(url, &way, NULL), 0);
	url[GIT_URL_MAX] = 'a';
	url[GIT_URL_MAX + 1] = '\0';
	assert_int_equal(git_url_way(url, &way, NULL), -EINVAL);
}

static void no_password_of_a_url_is_shown(void **state)
{
	char buf[200], small[8];

	(void)state;
	assert_string_equal(git_text_redact(buf, sizeof(buf), "at https://me:s3cr@t@h.org/a: no"),
			    "at https://***@h.org/a: no");
	assert_string_equal(git_text_redact(buf, sizeof(buf), "https://h/a@b https://t@x/"),
			    "https://h/a@b https://***@x/");
	assert_string_equal(git_text_redact(buf, sizeof(buf), "a\x1b[2J\tb"), "a [2J b");
	assert_string_equal(git_text_redact(small, sizeof(small), "0123456789"), "0123456");
	assert_string_equal(git_text_redact(small, sizeof(small), "a://secret@h"), "a://***");
}

static void what_was_wrong_becomes_one_line(void **state)
{
	char buf[300];

	(void)state;
	git_text_error(buf, sizeof(buf),
		       "git@h: Permission denied (publickey).\n"
		       "fatal: Could not read from remote repository.\n\n"
		       "Please make sure you have the correct access rights\n"
		       "and the repository exists.\n");
	assert_string_equal(buf,
			    "git@h: Permission denied (publickey).; Could not read from remote "
			    "repository.");
	git_text_error(buf, sizeof(buf),
		       "From https://u:p@h/a\n * [new branch] x -> y\n"
		       "Receiving objects: 100% (3/3), done.\nhint: try\n"
		       "fatal: unable to access 'https://u:p@h/a/': 404\n");
	assert_string_equal(buf, "unable to access 'https://***@h/a/': 404");
	assert_string_equal(git_text_error(buf, sizeof(buf), ""), "");
	assert_string_equal(git_text_error(buf, 8, "fatal: 0123456789\n"), "0123456");
}

static void names_of_branches_are_gits(void **state)
{
	static const char *const good[] = { "main", "a/b/c", "v1.0",   "f\xc3\xbc",
					    "a@b",  "HEAD",  "x.lockx" };
	static const char *const bad[] = { "",     "-a",     "/a",       "a/",    "a//b", ".a",
					   "a/.b", "a.lock", "a.lock/b", "a..b",  "a b",  "a~1",
					   "a^",   "a:b",    "a?",       "a*",    "a[",   "a\\b",
					   "@",    "a@{1}",  "a.",       "a\x7f", "a\n" };
	char name[GIT_BRANCH_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(git_branch_check(good[i], NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!git_branch_check(bad[i], NULL))
			fail_msg("'%s' was taken", bad[i]);
	memset(name, 'a', sizeof(name));
	name[GIT_BRANCH_MAX] = '\0';
	assert_int_equal(git_branch_check(name, NULL), 0);
	name[GIT_BRANCH_MAX] = 'a';
	name[GIT_BRANCH_MAX + 1] = '\0';
	assert_int_equal(git_branch_check(name, NULL), -EINVAL);
	assert_int_equal(git_ref_check("refs/heads/a", NULL), 0);
	assert_int_equal(git_ref_check("refs/tags/v1/x", NULL), 0);
	assert_int_equal(git_ref_check("refs/notes/x", NULL), 0);
	assert_int_equal(git_ref_check("refs/heads/-a", NULL), -EINVAL);
	assert_int_equal(git_ref_check("refs/tags/a.lock", NULL), -EINVAL);
	assert_int_equal(git_ref_check("refs/", NULL), -EINVAL);
	assert_int_equal(git_ref_check("refs/heads", NULL), -EINVAL);
	assert_int_equal(git_ref_check("refs/tags", NULL), -EINVAL);
	assert_int_equal(git_ref_check("heads/a", NULL), -EINVAL);
}

static void an_object_has_40_digits_or_64(void **state)
{
	(void)state;
	assert_true(git_is_sha("0123456789abcdef0123456789abcdef01234567"));
	assert_false(git_is_sha("0123456789ABCDEF0123456789abcdef01234567"));
	assert_false(git_is_sha("0123456789abcdef0123456789abcdef0123456"));
	assert_false(git_is_sha("0123456789abcdef0123456789abcdef012345678"));
	assert_true(git_is_zero("0000000000000000000000000000000000000000"));
	assert_false(git_is_zero("0000000000000000000000000000000000000001"));
	assert_false(git_is_zero(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_goes_one_way),
		cmocka_unit_test(what_would_run_or_read_something_else_is_no_url),
		cmocka_unit_test(a_url_has_a_longest),
		cmocka_unit_test(no_password_of_a_url_is_shown),
		cmocka_unit_test(what_was_wrong_becomes_one_line),
		cmocka_unit_test(names_of_branches_are_gits),
		cmocka_unit_test(an_object_has_40_digits_or_64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
