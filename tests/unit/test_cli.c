// SPDX-License-Identifier: Apache-2.0
/* test_cli.c - base/cli.c, base/log.c: options as typed, one line for a mistake, closed ends */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cli.h"
#include "base/log.h"

static struct {
	bool flag;
	const char *text;
	struct cli_list list;
	const char *arg[3];
	int n;
} got;

static int verb_take(int argc, char **argv)
{
	const struct cli_option options[] = {
		{ "flag", NULL, "a flag", CLI_FLAG, &got.flag },
		{ "text", "T", "a text", CLI_STRING, &got.text },
		{ "t", "T", "the same", CLI_STRING, &got.text },
		{ "list", "L", "a list", CLI_LIST, &got.list },
		{},
	};

	got.n = cli_parse(argc, argv, options, 0, 3);
	for (int i = 0; i < got.n; i++)
		got.arg[i] = argv[1 + i];
	return got.n < 0 ? got.n : 0;
}

/* The first descriptor that is free. */
static int verb_open(int argc, char **argv)
{
	int fd = dup(1);

	(void)argc;
	(void)argv;
	if (fd < 0) /* none: it is closed, and what comes next would be the first */
		fd = open("/dev/null", O_RDONLY);
	return fd < 0 ? 100 : fd;
}

static int verb_say(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return puts("something") < 0 ? -EIO : 0;
}

static const struct cli_verb verbs[] = {
	{ "take", "[OPTIONS]", "Take options", verb_take },
	{ "open", "", "Open something", verb_open },
	{ "say", "", "Say something", verb_say },
	{},
};
static const struct cli_program program = {
	.name = "test", .version = "1", .summary = "A test.", .verbs = verbs
};

static int run(char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	memset(&got, 0, sizeof(got));
	return cli_main(&program, argc, argv);
}
#define RUN(...) run((char *[]){ "test", __VA_ARGS__, NULL })

/* What goes to stderr meanwhile. */
static int said_by(char *buf, size_t size, char **argv)
{
	int pair[2], saved = dup(2), r;
	ssize_t n;

	assert_int_equal(pipe(pair), 0);
	assert_int_equal(dup2(pair[1], 2), 2);
	close(pair[1]);
	r = run(argv);
	assert_int_equal(dup2(saved, 2), 2);
	close(saved);
	n = read(pair[0], buf, size - 1);
	close(pair[0]);
	assert_true(n >= 0);
	buf[n] = '\0';
	return r;
}

static void options_stand_anywhere_before_the_dashes(void **state)
{
	(void)state;
	assert_int_equal(
	    RUN("take", "a", "--flag", "b", "--text", "--flag", "--list=1", "--list", "2"), 0);
	assert_true(got.flag);
	assert_string_equal(got.text, "--flag");
	assert_int_equal(got.list.n, 2);
	assert_string_equal(got.list.item[1], "2");
	assert_int_equal(got.n, 2);
	assert_string_equal(got.arg[1], "b");

	assert_int_equal(RUN("take", "-", "--text=", "--", "--flag", "--"), 0);
	assert_false(got.flag);
	assert_string_equal(got.text, "");
	assert_int_equal(got.n, 3);
	assert_string_equal(got.arg[0], "-");
	assert_string_equal(got.arg[1], "--flag");
	assert_string_equal(got.arg[2], "--");
}

static void a_name_of_one_letter_has_one_dash(void **state)
{
	(void)state;
	assert_int_equal(RUN("take", "a", "-t", "-1", "--flag"), 0);
	assert_string_equal(got.text, "-1");
	assert_true(got.flag);
	assert_int_equal(got.n, 1);
	assert_int_equal(RUN("take", "-t=2"), 0);
	assert_string_equal(got.text, "2");
}

static void a_mistake_is_one_line_and_exit_2(void **state)
{
	static char *lines[][8] = {
		{ "test" },
		{ "test", "" },
		{ "test", "--" },
		{ "test", "no\nsuch\x1b[31m" },
		{ "test", "take", "--no\nsuch" },
		{ "test", "take", "-f" },
		{ "test", "take", "-flag" },
		{ "test", "take", "--t", "1" },
		{ "test", "take", "-t" },
		{ "test", "take", "---text", "1" },
		{ "test", "take", "--=x" },
		{ "test", "take", "--flag=1" },
		{ "test", "take", "--fla" },
		{ "test", "take", "--text" },
		{ "test", "take", "1", "2", "3", "4\r\xc2\x9b" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		size_t n;

		assert_int_equal(said_by(text, sizeof(text), lines[i]), 2);
		n = strlen(text);
		assert_true(n > 1);
		assert_ptr_equal(strchr(text, '\n'), text + n - 1);
		assert_null(strpbrk(text, "\r\x1b\x9b"));
	}
}

static int exit_code_of(int closed, char **argv)
{
	int status, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		dup2(null, 1);
		close(null);
		for (int fd = 0; fd < 3; fd++)
			if (closed & 1 << fd)
				close(fd);
		_exit(run(argv));
	}
	close(null);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void what_is_opened_is_never_the_place_for_messages(void **state)
{
	char *opens[] = { "test", "open", NULL }, *says[] = { "test", "say", NULL };

	(void)state;
	for (int closed = 0; closed < 8; closed++) {
		assert_in_range(exit_code_of(closed, opens), 3, 99);
		/* and what was to be written there is not lost in silence */
		assert_int_equal(exit_code_of(closed, says), closed & 2 ? 1 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_anywhere_before_the_dashes),
		cmocka_unit_test(a_name_of_one_letter_has_one_dash),
		cmocka_unit_test(a_mistake_is_one_line_and_exit_2),
		cmocka_unit_test(what_is_opened_is_never_the_place_for_messages),
	};

	log_setup("test", LOG_INFO, false);
	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
