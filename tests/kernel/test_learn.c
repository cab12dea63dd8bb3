// SPDX-License-Identifier: Apache-2.0
/*
 * test_learn.c - `learn-session`: nothing fails, and what was reached is the profile
 *
 * The command is this test again: "test_learn tcp ADDRESS", "udp ADDRESS" and "sort ADDRESS"
 * (a datagram socket that sends nothing) do one thing and exit with the errno.
 */
#include "programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cgroup.h"

static char self[480], profile[65536], path[120];

/* The agent that the session started ends with its guard. */
static void await_no_agent(void)
{
	pid_t pid = kernel_agent_pid();
	struct pollfd end = { .fd = pid ? pidfd_open(pid, 0) : -1, .events = POLLIN };

	if (end.fd < 0)
		return;
	if (poll(&end, 1, LIMIT_MS) != 1)
		kill(pid, SIGKILL);
	close(end.fd);
}

static int setup(void **state)
{
	programs_setup(state);
	snprintf(path, sizeof(path), "%s/learned.txt", world->dir);
	return 0;
}

static int teardown(void **state)
{
	await_no_agent();
	cgroup_rmdir("/terok");
	return programs_teardown(state);
}

/* Run a shell's text in a session; its exit code. The profile is in @profile, the rest in said. */
static int learn(const char *options, const char *script)
{
	char command[2000];
	FILE *file;
	size_t n;
	int code;

	snprintf(command, sizeof(command),
		 "umask 022; me='%s'; export me; '%s' learn-session %s -- sh -c '%s' >'%s'", self,
		 bpfd, options, script, path);
	code = verb((const char *const[]){ "/bin/sh", "-c", command, NULL });
	file = fopen(path, "re");
	assert_non_null(file);
	n = fread(profile, 1, sizeof(profile) - 1, file);
	profile[n] = '\0';
	fclose(file);
	return code;
}

static void has(const char *text)
{
	if (!strstr(profile, text))
		fail_msg("'%s' is missing in:\n%s\nand it said:\n%s", text, profile, said);
}

static void has_not(const char *text)
{
	if (strstr(profile, text))
		fail_msg("'%s' is in:\n%s", text, profile);
}

static void what_was_reached_is_the_profile_and_is_enough(void **state)
{
	(void)state;
	/* control: without learning the first of them fails */
	assert_int_equal(VERB("exec", "--no-ask", "--", self, "tcp", TEST_FAR), EHOSTUNREACH);
	assert_int_equal(learn("", "\"$me\" tcp " TEST_FAR " && \"$me\" tcp " TEST_FAR
				   " && \"$me\" udp " TEST_FAR6 " && \"$me\" sort 203.0.113.5"),
			 0);
	has("# addresses without a known name\n");
	has("# reached 2 times by test_learn, last 20");
	has("\n" TEST_FAR ":7777/tcp\n");
	has("# reached 1 time by test_learn, last 20");
	has("\n[" TEST_FAR6 "]:7777/udp\n");
	has_not("203.0.113.5"); /* nothing went there */
	has_not("left out");
	assert_works("profiles", "lint", path);
	assert_said("0 errors, 0 warnings");
	assert_works("attach", world->cgroup_path, "--name", "box", "--profile", path);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_udp(world, TEST_FAR6), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_tcp(world, "203.0.113.5"), EHOSTUNREACH);
}

static void private_ranges_and_metadata_stay_refused_and_are_told(void **state)
{
	(void)state;
	assert_int_equal(learn("", "\"$me\" tcp 10.0.0.5; a=$?; \"$me\" tcp 169.254.169.254; "
				   "exit $(( a == 113 && $? == 113 ))"),
			 1);
	has("# WARNING: private or link-local");
	has("# refused 1 time by test_learn, last 20");
	has("\n# 10.0.0.5:7777/tcp\n");
	has("\n# 169.254.169.254:7777/tcp\n");
	has_not("\n10.");
	has_not("\n169.");
}

static void with_private_they_are_open_and_comments_still(void **state)
{
	(void)state;
	assert_int_equal(learn("--private", "\"$me\" tcp 10.0.0.5 && \"$me\" tcp 169.254.169.254"),
			 0);
	has("# reached 1 time by test_learn, last 20");
	has("\n# 10.0.0.5:7777/tcp\n");
	has("\n# 169.254.169.254:7777/tcp\n");
	has_not("refused");
}

static void what_is_denied_is_closed_and_no_part_of_it(void **state)
{
	(void)state;
	assert_int_equal(learn("--deny " TEST_FAR " --private", "\"$me\" tcp " TEST_FAR),
			 EHOSTUNREACH);
	has("# left out: 1 that a rule denies\n");
	has("# nothing is left to propose\n");
}

/* Its resolver answers there; nothing else of that address is open. */
static void a_private_name_server_is_the_agents_own(void **state)
{
	(void)state;
	assert_int_equal(learn("", "\"$me\" tcp 10.0.0.53 53"), 0);
	has_not("10.0.0.53");
	assert_int_equal(learn("", "\"$me\" tcp 10.0.0.53"), EHOSTUNREACH);
}

static void standard_output_is_the_profile_alone(void **state)
{
	(void)state;
	assert_int_equal(learn("--name job", "echo hello; exit 7"), 7);
	assert_said("hello\n");
	has_not("hello");
	assert_int_equal(
	    strncmp(profile, "# learned by terok-bpfd learn-session: what job reached\n", 50), 0);
	assert_int_equal(learn("--json", "\"$me\" tcp " TEST_FAR "; kill -TERM $$"), 128 + SIGTERM);
	assert_int_equal(*profile, '{');
	has("\"exit_code\":143,\"missed\":0,");
	has("{\"domain\":null,\"all\":null,\"entries\":[{\"entry\":\"" TEST_FAR
	    ":7777/tcp\",\"proposed\":true,\"reached\":1,\"refused\":0,\"last\":\"20");
}

static void what_it_left_behind_ends_before_the_table_is_read(void **state)
{
	struct terok_reached_key key;

	(void)state;
	assert_int_equal(learn("", "mkfifo \"$TEROK_RUN/ready\"; "
				   "(\"$me\" tcp " TEST_FAR "; echo >\"$TEROK_RUN/ready\"; "
				   "exec sleep 1000) & read x <\"$TEROK_RUN/ready\""),
			 0);
	assert_said("left behind");
	has("\n" TEST_FAR ":7777/tcp\n");
	assert_int_equal(bpf_map_get_next_key(world->kernel->map[MAP_REACHED], NULL, &key),
			 -ENOENT);
	await_no_agent();
	assert_works("status");
	assert_said("guards:  none");
	assert_int_equal(cgroup_open("/terok", NULL), -ENOENT);
}

static void wrong_command_lines_are_one_line(void **state)
{
	(void)state;
	assert_mistake(VERB("learn-session"), 2, "which command?");
	assert_mistake(VERB("learn-session", "--allow", "192.0.2.1", "--", "true"), 2, "--allow");
	assert_mistake(VERB("learn-session", "--deny", "192.0.2.300", "--", "true"), 2,
		       "192.0.2.300");
	assert_int_equal(VERB("learn-session", "--", "terok-no-such-program"), 127);
	assert_said("No such file");
}

static int part(int argc, char **argv)
{
	struct test_dest dest = { .addr = argc > 2 ? argv[2] : "", .port = TEST_PORT };

	if (argc > 3)
		dest.port = atoi(argv[3]);
	if (argc > 2 && !strcmp(argv[1], "tcp"))
		return test_connect(&dest);
	dest.type = SOCK_DGRAM;
	if (argc > 2 && !strcmp(argv[1], "udp"))
		return test_sendto(&dest);
	if (argc > 2 && !strcmp(argv[1], "sort"))
		return test_connect(&dest);
	return -1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_was_reached_is_the_profile_and_is_enough),
		T(private_ranges_and_metadata_stay_refused_and_are_told),
		T(with_private_they_are_open_and_comments_still),
		T(what_is_denied_is_closed_and_no_part_of_it),
		T(a_private_name_server_is_the_agents_own),
		T(standard_output_is_the_profile_alone),
		T(what_it_left_behind_ends_before_the_table_is_read),
		T(wrong_command_lines_are_one_line),
	};
	int r = part(argc, argv);
	ssize_t n;

	if (r >= 0)
		return r;
	test_require("kernel/learn");
	programs_find();
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = '\0';
	return cmocka_run_group_tests_name("kernel/learn", tests, NULL, NULL);
}
