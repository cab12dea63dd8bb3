// SPDX-License-Identifier: Apache-2.0
/*
 * test_library.c - libclearance as somebody else has it: installed, found by pkg-config, linked
 *
 * The example is built from what `make install` puts into an empty folder, and nothing else,
 * and runs against a hub.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "core_end.h"

static char folder[] = "/tmp/test_library.XXXXXX", library[64];
static pid_t example;

static int run(const char *fmt, const char *arg)
{
	char command[256];

	snprintf(command, sizeof(command), fmt, arg);
	fflush(NULL);
	return system(command);
}

static int group_setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(library, sizeof(library), "%s/opt/lib", folder);
	return run("tests/hub/library %s", folder) ? -1 : 0;
}

static int group_teardown(void **state)
{
	(void)state;
	return run("rm -r %s", folder);
}

static int setup(void **state)
{
	(void)state;
	example = -1;
	return core_end_start();
}

static int teardown(void **state)
{
	(void)state;
	if (example > 0) {
		kill(example, SIGKILL);
		waitpid(example, NULL, 0);
	}
	core_end_stop();
	return 0;
}

/* What a shell says to it; at most a screen of text. */
static const char *said_by(const char *fmt, const char *arg)
{
	static char text[2][4096];
	static unsigned turn;
	char command[512];
	size_t n;
	FILE *f;

	turn = !turn;
	snprintf(command, sizeof(command), fmt, arg);
	f = popen(command, "r");
	assert_non_null(f);
	n = fread(text[turn], 1, sizeof(text[turn]) - 1, f);
	text[turn][n] = '\0';
	assert_int_equal(pclose(f), 0);
	return text[turn];
}

/* Its output comes as a stream of lines; it dies with the test. */
static FILE *example_start(const char *name)
{
	char program[96];
	int out[2];

	snprintf(program, sizeof(program), "%s/%s", folder, name);
	assert_int_equal(pipe(out), 0);
	fflush(NULL);
	example = fork();
	if (!example) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(2 * CORE_END_WAIT_S);
		setenv("LD_LIBRARY_PATH", library, 1);
		dup2(out[1], 1);
		execl(program, name, "--deny", core_end_path(), NULL);
		_exit(127);
	}
	assert_true(example > 0);
	close(out[1]);
	return fdopen(out[0], "r");
}

static void says(FILE *from, const char *line)
{
	char got[256] = "";

	assert_non_null(fgets(got, sizeof(got), from));
	assert_string_equal(got, line);
}

static void hears_and_answers(const char *name)
{
	struct msg_packet verdict;
	FILE *out;

	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	out = example_start(name);
	says(out, "000000000001:5: box wants 192.0.2.1 port 443 (curl)\n");
	verdict = core_end_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.ask, 5);
	assert_int_equal(verdict.VERDICT.action, TEROK_DENY);
	core_end_results(&verdict, 0, "");
	says(out, "000000000001:5: deny, in force\n");
	fclose(out);
}

static void the_example_hears_and_answers(void **state)
{
	(void)state;
	hears_and_answers("watch");
}

static void the_archive_does_as_well(void **state)
{
	(void)state;
	hears_and_answers("watch_static");
	assert_string_equal(
	    said_by("readelf -d %s/watch_static | grep -c libclearance || true", folder), "0\n");
}

static void a_hub_that_is_not_there_is_an_error(void **state)
{
	(void)state;
	core_end_stop();
	assert_int_equal(fgetc(example_start("watch")), EOF);
}

/* What the header declares, each once. */
static const char *declared(void)
{
	return said_by("grep -o 'terok_client_[a-z_]*(' %s/opt/include/terok/clearance.h | "
		       "tr -d '(' | sort -u",
		       folder);
}

static void what_the_header_declares_is_exported_and_nothing_else(void **state)
{
	(void)state;
	assert_string_equal(said_by("nm -D --defined-only %s/libclearance.so.0 | "
				    "sed -n 's/.* T \\(.*\\)@@LIBCLEARANCE_0/\\1/p' | sort",
				    library),
			    declared());
	assert_string_equal(said_by("nm -D --defined-only %s/libclearance.so.0 | "
				    "grep -v ' T terok_client_' | sed 's/.* //'",
				    library),
			    "LIBCLEARANCE_0\n");
	assert_string_equal(said_by("nm -g --defined-only %s/libclearance.a | "
				    "sed -n 's/.* [A-Z] //p' | sort",
				    library),
			    declared());
}

static void what_the_header_declares_is_in_the_manual(void **state)
{
	(void)state;
	assert_string_equal(said_by("grep -o '^\\.BI .*terok_client_[a-z_]*(' "
				    "%s/opt/man/man3/libclearance.3 | "
				    "sed 's/.*\\(terok_client_[a-z_]*\\)(/\\1/' | sort",
				    folder),
			    declared());
}

static void it_needs_json_and_nothing_else(void **state)
{
	const char *needs = said_by("readelf -d %s/libclearance.so.0 | "
				    "sed -n 's/.*NEEDED.*\\[\\(.*\\)\\.so.*/\\1/p' | "
				    "grep -v 'libasan\\|libubsan\\|ld-linux' | sort",
				    library);

	(void)state;
	assert_string_equal(needs, "libc\nlibjson-c\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_example_hears_and_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(the_archive_does_as_well, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hub_that_is_not_there_is_an_error, setup,
						teardown),
		cmocka_unit_test(what_the_header_declares_is_exported_and_nothing_else),
		cmocka_unit_test(what_the_header_declares_is_in_the_manual),
		cmocka_unit_test(it_needs_json_and_nothing_else),
	};

	return cmocka_run_group_tests_name("library", tests, group_setup, group_teardown);
}
