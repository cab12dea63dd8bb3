// SPDX-License-Identifier: Apache-2.0
/* test_setup_conf.c - hooks_dir of a containers.conf: found, put in, and taken out to the byte */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "setup_conf.h"

#define PUT "hooks_dir = [\"/usr/a\", \"/b \\\"c\\\\\"] " CONF_MARK

static void reads(const char *text, struct conf *conf)
{
	struct problem why = {};

	if (conf_read(text, strlen(text), conf, &why))
		fail_msg("'%s': %s", text, why.text);
}

static void is_bad(const char *text, const char *said)
{
	struct problem why = {};
	struct conf conf;

	if (conf_read(text, strlen(text), &conf, &why) != -EBADMSG || !strstr(why.text, said))
		fail_msg("'%s': '%s' is not in: %s", text, said, why.text);
	conf_done(&conf);
}

/* What is put into @text: @want, if it is known; and taken out again it is @text. */
static void there_and_back(const char *text, const char *want)
{
	struct conf_dirs dirs = { .dir = { "/usr/a", "/b \"c\\" }, .n = 2 };
	_cleanup_free_ char *put = NULL, *taken = NULL;
	struct problem why = {};
	struct conf conf;
	size_t n, m;

	reads(text, &conf);
	assert_false(conf.set);
	assert_int_equal(conf_put(text, strlen(text), &conf, &dirs, &put, &n, &why), 0);
	conf_done(&conf);
	if (want)
		assert_string_equal(put, want);
	reads(put, &conf);
	assert_true(conf.set && conf.ours && conf.dirs.n == 2);
	assert_string_equal(conf.dirs.dir[1], "/b \"c\\");
	assert_int_equal(conf_take(put, n, &conf, &taken, &m), 0);
	conf_done(&conf);
	assert_int_equal(m, strlen(text));
	assert_string_equal(taken, text);
}

static void what_is_put_in_is_taken_out_to_the_byte(void **state)
{
	(void)state;
	there_and_back("", "[engine] " CONF_MARK "\n" PUT "\n");
	there_and_back("[engine]", "[engine]\n" PUT);
	there_and_back("[engine]\nruntime = \"crun\" # mine\n",
		       "[engine]\n" PUT "\nruntime = \"crun\" # mine\n");
	there_and_back("# a\n[ engine ] # b\n\n\n", "# a\n[ engine ] # b\n" PUT "\n\n\n");
	there_and_back("[containers]\npids_limit = 0",
		       "[containers]\npids_limit = 0\n[engine] " CONF_MARK "\n" PUT);
	there_and_back("[containers]\r\nx = 1\r\n",
		       "[containers]\r\nx = 1\r\n[engine] " CONF_MARK "\r\n" PUT "\r\n");
	there_and_back("[engine]\r\nx = 1\r\n[network]\r\n", NULL);
	there_and_back("[engine.runtimes]\nx = [ \"[engine]\", # ]\n 'hooks_dir = [' ]\n", NULL);
	there_and_back("x = \"\"\"\n[engine]\nhooks_dir = []\n\\\"\"\"\"\"\"\n", NULL);
	there_and_back("x = '''\n[engine]\n\\'''\n", NULL);
	there_and_back("#hooks_dir = [\n#  \"/usr/share\",\n#]\n", NULL);
	there_and_back("\xef\xbb\xbf[\"engine\"]\n", NULL);
	there_and_back(
	    "[engine]\nx = { hooks_dir = [1, { y = \"}\" }], z = 1979-05-27T07:32:00Z }\n", NULL);
	there_and_back("[[engine]]\n", NULL);
	there_and_back("\n\n \t\n", NULL);
}

static void what_is_set_is_found(void **state)
{
	struct conf conf;

	(void)state;
	reads("a = 1\n[engine]\nhooks_dir = [ # here\n '/x', # and\n \"/y\",\n] # there\n", &conf);
	assert_true(conf.set && !conf.ours && !conf.append);
	assert_int_equal(conf.number, 3);
	assert_int_equal(conf.dirs.n, 2);
	assert_string_equal(conf.dirs.dir[0], "/x");
	assert_string_equal(conf.dirs.dir[1], "/y");
	conf_done(&conf);
	reads("engine.hooks_dir = []", &conf);
	assert_true(conf.set && !conf.dirs.n);
	conf_done(&conf);
	reads("[engine]\n\"hooks_dir\"=['/x', {append=true}]", &conf);
	assert_true(conf.set && conf.append && conf.dirs.n == 1);
	conf_done(&conf);
	reads("[engine.x]\nhooks_dir = []\n[network]\nhooks_dir = []", &conf);
	assert_false(conf.set);
	conf_done(&conf);
}

static void what_is_not_ours_is_not_taken(void **state)
{
	const char *text = "[engine]\nhooks_dir = [\"/x\"] # mine\n";
	char *taken = NULL;
	struct conf conf;
	size_t n;

	(void)state;
	reads(text, &conf);
	assert_int_equal(conf_take(text, strlen(text), &conf, &taken, &n), -ENOENT);
	assert_null(taken);
	conf_done(&conf);
}

static void a_section_that_others_use_stays(void **state)
{
	const char *text = "[engine] " CONF_MARK "\n" PUT "\nruntime = \"crun\"\n";
	_cleanup_free_ char *taken = NULL;
	struct conf conf;
	size_t n;

	(void)state;
	reads(text, &conf);
	assert_int_equal(conf_take(text, strlen(text), &conf, &taken, &n), 0);
	assert_string_equal(taken, "[engine] " CONF_MARK "\nruntime = \"crun\"\n");
	conf_done(&conf);
}

static void what_cannot_be_read_is_named_with_its_line(void **state)
{
	(void)state;
	is_bad("\n[engine\n", "line 2: ] is expected");
	is_bad("[engine]\nx\n", "line 2: = is expected");
	is_bad("[engine]\nx =\n", "line 2: a value is expected");
	is_bad("[engine]\nx = \"a\n", "line 2: a string does not end");
	is_bad("x = '''\n\n", "several lines does not end");
	is_bad("x = [1, [2]\ny = 3\n", "a bracket is not closed");
	is_bad("[engine]\n[engine]\n", "line 2: [engine] for a second time");
	is_bad("[engine]\nhooks_dir = []\nhooks_dir = []\n", "line 3: hooks_dir for a second time");
	is_bad("[engine]\nhooks_dir = \"/x\"\n", "hooks_dir is no array");
	is_bad("[engine]\nhooks_dir = [1]\n", "no array of strings");
	is_bad("[engine]\nhooks_dir = [\"\\u0041\"]\n", "an escape");
	is_bad("engine = { hooks_dir = [] }\n", "outside of [engine]");
	is_bad("x = 1 2\n", "more than one thing");
	is_bad("x = [[[[[[[[[[[[[[[[[[[[[[", "nested too deep");
	is_bad("= 1\n", "a key is expected");
	is_bad("x = 1 # a\r", "more than one thing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_in_is_taken_out_to_the_byte),
		cmocka_unit_test(what_is_set_is_found),
		cmocka_unit_test(what_is_not_ours_is_not_taken),
		cmocka_unit_test(a_section_that_others_use_stays),
		cmocka_unit_test(what_cannot_be_read_is_named_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
