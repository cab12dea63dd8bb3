// SPDX-License-Identifier: Apache-2.0
/*
 * test_harvest.c - `harvest`: from refusals of a real guard to a profile that opens just those
 */
#include "programs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"

#define TS "{\"ts\":\"2026-01-01T00:00:00+00:00\",\"container\":\"box\",\"action\":\"blocked\""

static char *profile;

static int setup(void **state)
{
	programs_setup(state);
	attach_box();
	return 0;
}

static int teardown(void **state)
{
	free(profile);
	profile = NULL;
	return programs_teardown(state);
}

static const char *folder(const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/cgroups/%s%s%s", getenv("TEROK_STATE"),
		 strrchr(world->cgroup_path, '/') + 1, *name ? "/" : "", name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(folder(name), "ae");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* The verb's standard output in a file, as people paste it. */
static const char *harvest(const char *more)
{
	static char path[120];
	char command[900];

	snprintf(path, sizeof(path), "%s/harvest.txt", world->dir);
	snprintf(command, sizeof(command), "umask 022; '%s' harvest box %s >%s", bpfd, more, path);
	assert_int_equal(verb((const char *const[]){ "/bin/sh", "-c", command, NULL }), 0);
	return path;
}

static void has(const char *text)
{
	if (!strstr(profile, text))
		fail_msg("'%s' is missing in:\n%s", text, profile);
}

static void has_not(const char *text)
{
	if (strstr(profile, text))
		fail_msg("'%s' is in:\n%s", text, profile);
}

/* What it prints is a profile: it is linted each time. */
static void reap(const char *more)
{
	const char *path = harvest(more);
	FILE *file = fopen(path, "re");
	char complaint[65536];
	size_t n;

	free(profile);
	profile = calloc(1, 65536);
	assert_non_null(file);
	n = fread(profile, 1, 65535, file);
	profile[n] = '\0';
	fclose(file);
	strcpy(complaint, said);
	assert_works("profiles", "lint", path);
	assert_said("0 errors, 0 warnings");
	strcpy(said, complaint);
}

static void refused(const char *addr, int want)
{
	assert_int_equal(test_tcp(world, addr), want);
}

static void await_line(const char *text)
{
	for (int i = 0; i < LIMIT_MS / 10; i++) {
		assert_works("logs", "box", "--json", "--lines", "100000");
		if (strstr(said, text))
			return;
		usleep(10000); /* the agent tells nobody that it wrote a line */
	}
	fail_msg("'%s' never came: %s", text, said);
}

static void what_it_proposes_opens_what_was_refused_and_no_more(void **state)
{
	char path[200];

	(void)state;
	agent_start();
	refused(TEST_FAR, EHOSTUNREACH);
	assert_int_equal(test_udp(world, TEST_FAR6), EPERM);
	await_line(TEST_FAR6);
	reap("");
	has("# addresses without a known name\n# refused at least 1 time by ");
	has("test_harvest, last 20");
	has("\n" TEST_FAR ":7777/tcp\n");
	has("\n[" TEST_FAR6 "]:7777/udp\n");
	assert_works("detach", "box");
	snprintf(path, sizeof(path), "%s/harvest.txt", world->dir);
	assert_works("attach", world->cgroup_path, "--name", "box", "--profile", path);
	refused(TEST_FAR, 0);
	assert_int_equal(test_udp(world, TEST_FAR6), 0);
	/* all of it is allowed by now */
	reap("");
	has("# left out: 2 that is allowed by now\n");
	has("# nothing is left to propose\n");
	/* and nothing else */
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	agent_end(SIGTERM);
}

static void what_rules_say_by_now_is_left_out(void **state)
{
	(void)state;
	put(AUDIT_FILE, TS ",\"dest\":\"192.0.2.1\",\"port\":443,\"proto\":\"tcp\"}\n" TS
			   ",\"dest\":\"192.0.2.2\",\"port\":443,\"proto\":\"tcp\"}\n" TS
			   ",\"dest\":\"192.0.2.3\",\"port\":443,\"proto\":\"tcp\"}\n" TS
			   ",\"dest\":\"192.0.2.4\",\"port\":443,\"proto\":\"tcp\"}\n");
	assert_works("allow", "box", "192.0.2.1");
	assert_works("deny", "box", "192.0.2.2/32");
	assert_works("allow", "box", "192.0.2.3", "--for", "10m"); /* it ends: still to be said */
	/* open for a while is not allowed */
	assert_works("down", "box");
	reap("");
	has("\n192.0.2.3:443/tcp\n");
	has("\n192.0.2.4:443/tcp\n");
	has("# left out: 1 that is allowed by now\n");
	has("# left out: 1 that a rule denies\n");
	has_not("\n192.0.2.1:");
	has_not("\n192.0.2.2:");
}

static void domains_of_the_guard_are_its_rules_too(void **state)
{
	char path[200];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/domains.txt", world->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("*.example.com:443/tcp\n!bad.example.org\n", file);
	fclose(file);
	assert_int_equal(chmod(path, 0644), 0);
	/* nobody answers here: the domain is a rule all the same */
	assert_works("detach", "box");
	assert_works("attach", world->cgroup_path, "--name", "box", "--profile", path);
	put(AUDIT_FILE, TS ",\"domain\":\"api.example.com\",\"port\":443,\"proto\":\"tcp\"}\n" TS
			   ",\"domain\":\"example.com\"}\n" TS
			   ",\"domain\":\"example.com\",\"port\":22,\"proto\":\"tcp\"}\n" TS
			   ",\"domain\":\"notexample.com\",\"dest\":\"192.0.2.9\",\"port\":443,"
			   "\"proto\":\"tcp\"}\n" TS ",\"domain\":\"bad.example.org\"}\n");
	reap("");
	has("# example.com\n# refused at least 1 time, last 2026-01-01T00:00:00+00:00\n"
	    "example.com:22/tcp\n");
	has("\nnotexample.com:443/tcp\n");
	has("# left out: 2 that is allowed by now\n");
	has("# left out: 1 that a rule denies\n");
	has_not("\napi.");
	has_not("\nbad.");
}

static void both_files_are_read_and_what_is_no_line_is_named_once(void **state)
{
	(void)state;
	put(AUDIT_OLDER, TS ",\"domain\":\"a.example.co.uk\",\"comm\":\"git\"}\n");
	put(AUDIT_FILE, "half a line {\n" TS ",\"domain\":\"b.example.co.uk\"}\n\xff\xfe\n[1]\n" TS
			",\"dest\":\"nowhere\"}\n" TS ",\"domain\":\"c.example.co.uk\"}\n");
	reap("");
	has("# example.co.uk\n# in place of these 3 names, all below it, those of tomorrow as "
	    "well:\n# *.example.co.uk\n# refused at least 1 time by git, last "
	    "2026-01-01T00:00:00+00:00\na.example.co.uk\n");
	has("# left out: 4 that cannot be read\n");
	assert_said("4 lines of the audit log cannot be read: passed over\n");
	assert_ptr_equal(strchr(said, '\n') + 1, said + strlen(said));
	assert_works("harvest", "box", "--json");
	assert_said("\"name\":\"box\",\"gone\":false,");
	assert_said("\"all\":\"*.example.co.uk\"");
}

static void since_passes_over_what_is_older(void **state)
{
	(void)state;
	put(AUDIT_FILE, TS ",\"domain\":\"old.example.com\"}\n"
			   "{\"ts\":\"2999-01-01T00:00:00+00:00\",\"container\":\"box\","
			   "\"action\":\"blocked\",\"domain\":\"new.example.com\"}\n");
	reap("--since 1h");
	has("\nnew.example.com\n");
	has_not("\nold.");
	reap("");
	has("\nold.example.com\n");
	assert_mistake(VERB("harvest", "box", "--since", "yesterday"), 2, "yesterday");
	assert_mistake(VERB("harvest"), 2, "too few");
}

/* Nothing of it is in the kernel any more, and perhaps nothing at all. */
static void a_guard_that_is_gone_is_found_by_its_lines(void **state)
{
	(void)state;
	put(AUDIT_FILE, TS ",\"dest\":\"192.0.2.1\",\"port\":443,\"proto\":\"tcp\"}\n" TS
			   ",\"dest\":\"192.0.2.2\",\"reason\":\"rule_deny\"}\n");
	assert_works("allow", "box", "192.0.2.1");
	assert_works("detach", "box");
	assert_works("unload");
	reap("");
	has("(it is gone: its rules are not known)");
	has("\n192.0.2.1:443/tcp\n");
	has("# left out: 1 that a rule denies\n");
	assert_mistake(VERB("harvest", "nobody"), 1, "no guard 'nobody'");
}

static void to_read_makes_no_folder(void **state)
{
	struct stat st;
	char command[500];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", folder(""));
	assert_int_equal(system(command), 0);
	reap("");
	has("# nothing is left to propose\n");
	assert_int_equal(stat(folder(""), &st), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_it_proposes_opens_what_was_refused_and_no_more),
		T(what_rules_say_by_now_is_left_out),
		T(domains_of_the_guard_are_its_rules_too),
		T(both_files_are_read_and_what_is_no_line_is_named_once),
		T(since_passes_over_what_is_older),
		T(a_guard_that_is_gone_is_found_by_its_lines),
		T(to_read_makes_no_folder),
	};

	test_require("kernel/harvest");
	programs_find();
	return cmocka_run_group_tests_name("kernel/harvest", tests, NULL, NULL);
}
