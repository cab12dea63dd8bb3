// SPDX-License-Identifier: Apache-2.0
/* test_service_daemon.c - service/daemon.c: a server in the background that ends early, hangs, or serves */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "service/daemon.h"
#include "service/pid_file.h"

static const struct service service = { .program = "terok-test", .noun = "test" };
static char folder[64], program[96], pid_file[96];
static struct problem why;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_service_daemon.XXXXXX");
	if (!mkdtemp(folder) || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		return -1;
	snprintf(program, sizeof(program), "%s/serve", folder);
	snprintf(pid_file, sizeof(pid_file), "%s/pid", folder);
	why = (struct problem){};
	return 0;
}

/* Whatever a case has left behind ends here. */
static int teardown(void **state)
{
	_cleanup_pid_ struct pid_process process = PID_PROCESS_NONE;
	char command[96];

	(void)state;
	pid_file_read(pid_file, &process, NULL);
	if (process.fd >= 0)
		kill(process.pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* A server that is this script; "background" is one that has the pid file, and does what it is told. */
static int start(const char *script)
{
	FILE *file = fopen(program, "we");
	pid_t pid = 0;
	int r;

	assert_non_null(file);
	fprintf(
	    file,
	    "#!/bin/sh\nfor a; do case $a in --pid-file=*) f=${a#*=} ;; esac; done\n"
	    /* it is itself when it says so: before, its command line is none or another's */
	    "background() { mkfifo \"$f.up\"; sh -c \"echo >\\\"$f.up\\\"; $1\" test \"--pid-file=$f\" >/dev/null 2>&1 &\n"
	    "printf %%s $! >\"$f\"; read x <\"$f.up\"; }\n%s\n",
	    script);
	fclose(file);
	assert_int_equal(chmod(program, 0700), 0);
	r = daemon_start(&service,
			 &(struct daemon_options){ .program = program,
						   .words = (const char *const[]){ "--a=b", NULL },
						   .pid_file = pid_file,
						   .limit_ns = SECOND_NS },
			 &pid, &why);
	assert_int_equal(r == 0, pid > 0);
	return r;
}

static void one_that_ends_before_it_is_in_the_background_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(start("exit 1"), -EIO);
	assert_non_null(strstr(why.text, "did not begin"));
}

static void one_that_ends_there_is_an_error_that_says_where_to_look(void **state)
{
	(void)state;
	assert_int_equal(start("background 'exit 1'"), -EIO);
	assert_non_null(strstr(why.text, "journalctl -t terok-test"));
}

static void one_that_hangs_is_an_error_and_can_be_stopped(void **state)
{
	(void)state;
	assert_int_equal(start("mkfifo \"$f.never\"; background 'read x <\"${1#*=}.never\"; :'"),
			 -ETIMEDOUT);
	assert_non_null(strstr(why.text, "does not say that it serves; try: terok-test stop"));
	assert_int_equal(start("exit 0"), -EALREADY);
	assert_int_equal(daemon_stop(pid_file, &why), 1);
	assert_int_equal(access(pid_file, F_OK), -1);
	assert_int_equal(daemon_stop(pid_file, &why), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_that_ends_before_it_is_in_the_background_is_an_error),
		TEST(one_that_ends_there_is_an_error_that_says_where_to_look),
		TEST(one_that_hangs_is_an_error_and_can_be_stopped),
	};

	return cmocka_run_group_tests_name("service_daemon", tests, NULL, NULL);
}
