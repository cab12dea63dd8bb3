// SPDX-License-Identifier: Apache-2.0
/*
 * test_audit.c - audit.jsonl and `logs`: what was done and refused, bounded, on a real disk
 */
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "base/event.h"

static int setup(void **state)
{
	programs_setup(state);
	attach_box();
	return 0;
}

static const char *audit_path(const char *name)
{
	static char path[400];

	snprintf(path, sizeof(path), "%s/cgroups/%s/%s", getenv("TEROK_STATE"),
		 strrchr(world->cgroup_path, '/') + 1, name);
	return path;
}

/* Line @n of what the last verb printed, as JSON; the caller puts it. */
static struct json_object *line(unsigned n)
{
	const char *at = said;
	struct json_object *object;
	char *copy;

	while (n--) {
		at = strchr(at, '\n');
		assert_non_null(at);
		at++;
	}
	copy = strndup(at, strcspn(at, "\n"));
	object = json_tokener_parse(copy);
	if (!object)
		fail_msg("no JSON: %s", copy);
	free(copy);
	return object;
}

static void assert_field(struct json_object *object, const char *key, const char *want)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value) ||
	    strcmp(json_object_get_string(value), want))
		fail_msg("%s is not %s in %s", key, want, json_object_to_json_string(object));
}

static unsigned lines_said(void)
{
	unsigned n = 0;

	for (const char *p = said; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

static void what_verbs_do_is_a_line_each(void **state)
{
	static const struct {
		const char *action, *dest, *detail;
	} want[] = {
		{ "setup", NULL, "profiles=" },
		{ "allowed", "192.0.2.1", "target=192.0.2.1:443/tcp" },
		{ "denied", "192.0.2.0/24", "target=192.0.2.0/24 for=10m" },
		{ "removed", "192.0.2.1", "allow target=192.0.2.1:443/tcp" },
		{ "shield_down", NULL, "allow_all=True" },
		{ "shield_block", NULL, NULL },
		{ "shield_up", NULL, NULL },
		{ "shield_bypass", NULL, "for=600" },
		{ "published", NULL, NULL },
		{ "detached", NULL, NULL },
	};
	const unsigned n = sizeof(want) / sizeof(want[0]);
	struct json_object *port;
	struct stat st;

	(void)state;
	setenv("SUDO_UID", "1234", 1);
	assert_works("allow", "box", "192.0.2.1:443/tcp");
	unsetenv("SUDO_UID");
	assert_works("deny", "box", "192.0.2.0/24", "--for", "10m");
	assert_works("allow", "box", "192.0.2.1:443/tcp", "--remove");
	assert_works("down", "box", "--all");
	assert_works("block", "box");
	assert_works("up", "box");
	assert_works("bypass", "box", "--for", "10m");
	assert_works("publish", "box", "8080");
	assert_mistake(VERB("allow", "box", "192.0.2.1", "--remove"), 1, "no such rule");
	assert_works("detach", "box");
	/* it reads files: nothing needs to be loaded or guarded */
	assert_works("unload");
	assert_works("logs", "box", "--json");
	assert_int_equal(lines_said(), n);
	for (unsigned i = 0; i < n; i++) {
		struct json_object *object = line(i);

		assert_field(object, "container", "box");
		assert_field(object, "action", want[i].action);
		if (want[i].dest)
			assert_field(object, "dest", want[i].dest);
		if (want[i].detail)
			assert_field(object, "detail", want[i].detail);
		assert_field(object, "uid", i == 1 ? "1234" : "0");
		json_object_put(object);
	}
	port = line(1);
	assert_field(port, "port", "443");
	assert_field(port, "proto", "tcp");
	json_object_put(port);
	assert_int_equal(stat(audit_path(AUDIT_FILE), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_works("logs");
	assert_said("box  shield_down  allow_all=True\n");
	assert_said("box  allowed  192.0.2.1 port 443/tcp  target=192.0.2.1:443/tcp\n");
}

/* Wait until `logs box` has that text. */
static void await_log(const char *text)
{
	for (int i = 0; i < LIMIT_MS / 10; i++) {
		assert_works("logs", "box", "--json", "--lines", "100000");
		if (strstr(said, text))
			return;
		usleep(10000); /* the agent tells nobody that it wrote a line */
	}
	fail_msg("'%s' never came: %s", text, said);
}

static void a_refusal_is_a_line_with_its_process(void **state)
{
	struct json_object *object;

	(void)state;
	agent_start();
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH); /* within 30 s: only counted */
	assert_int_equal(test_udp(world, TEST_FAR6), EPERM);
	await_log(TEST_FAR6);
	assert_int_equal(lines_said(), 3); /* setup is the first */
	object = line(1);
	assert_field(object, "action", "blocked");
	assert_field(object, "dest", TEST_FAR);
	assert_field(object, "port", "7777");
	assert_field(object, "proto", "tcp");
	assert_field(object, "reason", "default");
	assert_field(object, "comm", "test_audit");
	json_object_put(object);
	agent_end(SIGTERM);
}

struct flood {
	unsigned from, n;
};

static int many(const void *arg)
{
	const struct flood *flood = arg;
	char addr[32];

	for (unsigned i = flood->from; i < flood->from + flood->n; i++) {
		struct test_dest dest = { addr, 9, SOCK_DGRAM, 0 };

		snprintf(addr, sizeof(addr), "203.0.%u.%u", i / 250, 1 + i % 250);
		if (test_sendto(&dest) != EPERM)
			return 1;
	}
	return 0;
}

/* Lines of the file that have this text. */
static unsigned count(const char *text)
{
	FILE *file = fopen(audit_path(AUDIT_FILE), "re");
	char buf[1024];
	unsigned n = 0;

	assert_non_null(file);
	while (fgets(buf, sizeof(buf), file))
		n += strstr(buf, text) != NULL;
	fclose(file);
	return n;
}

/* A process that tries everywhere must not push out what was done about it. */
static void a_flood_of_refusals_is_cut_and_counted(void **state)
{
	/* within the budget of records, which is 2,000 at once */
	const struct flood flood = { 0, AUDIT_BURST + AUDIT_BURST / 2 };
	struct flood more = { AUDIT_BURST * 2, 1 };

	(void)state;
	agent_start();
	assert_int_equal(test_inside(world, many, &flood), 0);
	for (int i = 0; i < LIMIT_MS / 10 && count("blocked") < AUDIT_BURST; i++)
		usleep(10000); /* the agent tells nobody that it wrote a line */
	/* a second later there is room for one more, which says how many had none */
	for (int i = 0; i < LIMIT_MS / 100 && !count("\"missed\":"); i++) {
		usleep(100000);
		assert_int_equal(test_inside(world, many, &more), 0);
		more.from++;
	}
	assert_int_equal(count("\"missed\":"), 1);
	agent_end(SIGTERM);
	assert_in_range(count("blocked"), AUDIT_BURST, AUDIT_BURST + 20);
	assert_works("logs", "box", "--json", "--lines", "1");
	assert_int_equal(lines_said(), 1);
}

static void fill(const char *name, off_t size)
{
	static const char old[] = "{\"ts\":\"2020-01-01T00:00:00+00:00\",\"container\":\"box\","
				  "\"action\":\"shield_up\"}\n";
	FILE *file = fopen(audit_path(name), "we");

	assert_non_null(file);
	for (off_t n = 0; n + (off_t)sizeof(old) < size; n += sizeof(old) - 1)
		fputs(old, file);
	fclose(file);
}

static void a_full_file_makes_room_for_one_more(void **state)
{
	struct stat st;

	(void)state;
	fill(AUDIT_FILE, AUDIT_MAX);
	assert_works("block", "box");
	assert_int_equal(stat(audit_path(AUDIT_OLDER), &st), 0);
	assert_in_range(st.st_size, AUDIT_MAX - 200, AUDIT_MAX);
	assert_int_equal(stat(audit_path(AUDIT_FILE), &st), 0);
	assert_in_range(st.st_size, 10, 400);
	fill(AUDIT_FILE, AUDIT_MAX);
	assert_works("up", "box");
	assert_works("logs", "box", "--lines", "2");
	assert_int_equal(lines_said(), 2);
	assert_said("2020-01-01T00:00:00+00:00  box  shield_up\n");
	assert_int_equal(stat(audit_path(AUDIT_FILE), &st), 0);
	assert_in_range(st.st_size, 10, 400);
}

static void half_a_line_costs_only_itself(void **state)
{
	FILE *file;

	(void)state;
	file = fopen(audit_path(AUDIT_FILE), "we");
	assert_non_null(file);
	fputs("{\"ts\":\"2020-01-01T00:00:00+00:00\",\"conta", file);
	fclose(file);
	assert_works("block", "box");
	assert_works("logs", "--json");
	assert_int_equal(lines_said(), 1);
	assert_said("shield_block");
}

/* A process chose its name, and a terminal obeys. */
static void no_name_of_a_process_reaches_the_terminal_as_it_is(void **state)
{
	FILE *file;

	(void)state;
	file = fopen(audit_path(AUDIT_FILE), "we");
	assert_non_null(file);
	fputs("{\"ts\":\"2020-01-01T00:00:00+00:00\",\"container\":\"box\",\"action\":\"blocked\","
	      "\"domain\":\"api.example.com\",\"comm\":\"x\\u001b[2J\\ny\"}\n",
	      file);
	fclose(file);
	assert_works("logs", "box");
	assert_string_equal(said, "2020-01-01T00:00:00+00:00  box  blocked  api.example.com  "
				  "x [2J y\n");
}

static void a_folder_that_cannot_be_written_stops_nothing(void **state)
{
	char dir[400];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/cgroups", getenv("TEROK_STATE"));
	assert_int_equal(mount("none", dir, "tmpfs", MS_RDONLY, NULL), 0);
	assert_works("block", "box");
	assert_said("up -> block");
	assert_said("cannot be written");
	assert_works("deny", "box", "192.0.2.1");
	assert_said("not up to date");
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	/* whoever may write there could have written the lines */
	assert_int_equal(chmod(dir, 0777), 0);
	assert_works("up", "box");
	assert_said("chmod 0700");
}

static void only_what_was_asked_for_is_printed(void **state)
{
	(void)state;
	assert_works("logs", "nobody");
	assert_said("No audit logs found.");
	assert_works("logs", "--lines", "0");
	assert_string_equal(said, "");
	assert_works("logs", "--lines", "-3");
	assert_string_equal(said, "");
	assert_mistake(VERB("logs", "--lines", "ten"), 2, "'ten'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, programs_teardown)
		T(what_verbs_do_is_a_line_each),
		T(a_refusal_is_a_line_with_its_process),
		T(a_flood_of_refusals_is_cut_and_counted),
		T(a_full_file_makes_room_for_one_more),
		T(half_a_line_costs_only_itself),
		T(no_name_of_a_process_reaches_the_terminal_as_it_is),
		T(a_folder_that_cannot_be_written_stops_nothing),
		T(only_what_was_asked_for_is_printed),
	};

	test_require("kernel/audit");
	programs_find();
	return cmocka_run_group_tests_name("kernel/audit", tests, NULL, NULL);
}
