// SPDX-License-Identifier: Apache-2.0
/*
 * test_grants.c - what answers have made: looked at and taken back, each user of their own guards
 *
 * The agent is the one that ships; every socket is the guard's own. Frames are by hand, so that
 * what is on the wire is what is tested.
 */
#include "lookup.h"
#include "persons.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONE      "203.0.113.10"
#define TWO      "203.0.113.11"
#define REFUSED  EHOSTUNREACH
#define ALICE    4001
#define BOB      4002
#define FIREWALL "org.terok.Firewall1"
#define LIST     "{\"method\":\"" FIREWALL ".ListGrants\"}"
#define NONE     "{\"parameters\":{\"grants\":[],\"more\":false}}"
#define UNKNOWN  "{\"error\":\"" FIREWALL ".UnknownGrant\",\"parameters\":{\"grant\":\"%s\"}}"

static const char zone[] = "one.example A 60 " ONE "\n"
			   "two.example A 60 " TWO "\n";

static int setup(void **state)
{
	programs_setup(state);
	lookup_begin(zone, "learn");
	people_listen();
	return 0;
}

static int teardown(void **state)
{
	people_leave();
	lookup_end();
	return programs_teardown(state);
}

static const char *call_as(uid_t uid, const char *frame)
{
	static char answer[64 << 10];
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	fd = person_dial(uid, path);
	assert_true(fd >= 0);
	snprintf(answer, sizeof(answer), "%s", person_call(fd, frame));
	close(fd);
	return answer;
}

/* What the only grant is called; it is a copy. */
static const char *grant_id(const char *list)
{
	static char id[24];
	const char *at = strstr(list, "\"grant\":\"");

	assert_non_null(at);
	snprintf(id, sizeof(id), "%.*s", (int)strspn(at + 9, "0123456789"), at + 9);
	assert_null(strstr(at + 9, "\"grant\":\""));
	return id;
}

static const char *revoke_as(uid_t uid, const char *grant)
{
	char frame[128];

	snprintf(frame, sizeof(frame),
		 "{\"method\":\"" FIREWALL ".Revoke\",\"parameters\":{\"grant\":\"%s\"}}", grant);
	return call_as(uid, frame);
}

static void assert_unknown_grant(uid_t uid, const char *grant)
{
	char want[128];

	snprintf(want, sizeof(want), UNKNOWN, grant);
	assert_string_equal(revoke_as(uid, grant), want);
}

static void assert_has(const char *list, const char *text)
{
	if (!strstr(list, text))
		fail_msg("'%s' is not in: %s", text, list);
}

static void answer_allow(const char *what, const char *scope)
{
	people_await("request", what);
	people_answer(what, "allow", scope);
}

static void an_answer_is_a_grant_until_it_is_taken_back(void **state)
{
	char id[24];

	(void)state;
	assert_string_equal(call_as(0, LIST), NONE);
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	answer_allow(ONE, "session");
	assert_int_equal(reach(ONE, TEST_PORT), 0);
	assert_has(call_as(0, LIST), "\"name\":\"box\",\"grant\":\"");
	assert_has(call_as(0, LIST), "\"dest\":\"" ONE "\",\"port\":7777,\"proto\":6,"
				     "\"action\":\"allow\",\"scope\":\"session\",\"until_ns\":0,"
				     "\"uid\":0,\"since_ns\":");
	assert_string_equal(call_as(0, "{\"method\":\"" FIREWALL ".ListGrants\","
				       "\"parameters\":{\"guard\":99}}"),
			    NONE);
	snprintf(id, sizeof(id), "%s", grant_id(call_as(0, LIST)));
	assert_string_equal(revoke_as(0, id), "{}");
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	assert_string_equal(call_as(0, LIST), NONE);
	people_await("revoked", ONE);
	assert_string_equal(people_last("revoked", ONE)->rule, "allow " ONE " port 7777 tcp");
	assert_unknown_grant(0, id);
}

static void a_deny_is_a_grant_as_well(void **state)
{
	(void)state;
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	people_await("request", ONE);
	people_answer(ONE, "deny", "forever");
	assert_has(call_as(0, LIST), "\"action\":\"deny\",\"scope\":\"forever\"");
	assert_string_equal(revoke_as(0, grant_id(call_as(0, LIST))), "{}");
	assert_works("rules", "box");
	assert_null(strstr(said, ONE));
}

static void a_connection_that_only_a_grant_allowed_ends_with_it(void **state)
{
	int fd = inside_socket(AF_INET, SOCK_STREAM);

	(void)state;
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	answer_allow(ONE, "session");
	assert_int_equal(connect(fd, to(ONE, TEST_PORT), to_size(to(ONE, TEST_PORT))), 0);
	assert_string_equal(revoke_as(0, grant_id(call_as(0, LIST))), "{}");
	assert_int_not_equal(stream_moves(fd, 500), 0);
	close(fd);
}

/* What was said of a name, and kept: another agent finds it, and takes it back from the disk. */
static void a_grant_for_ever_outlives_the_agent_and_can_be_taken_back(void **state)
{
	char id[24];

	(void)state;
	assert_unknown("one.example");
	answer_allow("one.example", "forever");
	assert_found("one.example", ONE);
	assert_int_equal(reach(ONE, TEST_PORT), 0);
	snprintf(id, sizeof(id), "%s", grant_id(call_as(0, LIST)));
	people_leave();
	agent_end(SIGTERM);
	agent_start();
	assert_has(call_as(0, LIST), "\"dest\":\"one.example\",\"port\":0,\"proto\":0,"
				     "\"action\":\"allow\",\"scope\":\"forever\",\"until_ns\":0,");
	assert_string_not_equal(grant_id(call_as(0, LIST)), id);
	assert_unknown_grant(0, id);
	assert_string_equal(revoke_as(0, grant_id(call_as(0, LIST))), "{}");
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	assert_string_equal(call_as(0, LIST), NONE);
	assert_works("rules", "box");
	assert_null(strstr(said, "one.example"));
}

static void a_grant_that_has_ended_is_none(void **state)
{
	const struct terok_answer second = { .action = "allow", .scope = "time", .seconds = 1 };
	char id[24];

	(void)state;
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	people_await("request", ONE);
	people_say(ONE, &second);
	assert_has(call_as(0, LIST), "\"scope\":\"time\",\"until_ns\":");
	assert_null(strstr(call_as(0, LIST), "\"until_ns\":0"));
	snprintf(id, sizeof(id), "%s", grant_id(call_as(0, LIST)));
	while (!reach(ONE, TEST_PORT))
		usleep(10000); /* the kernel's clock ends it */
	assert_string_equal(call_as(0, LIST), NONE);
	assert_unknown_grant(0, id);
}

static void what_a_verb_said_is_no_grant(void **state)
{
	char id[24];

	(void)state;
	assert_works("allow", "box", TWO);
	assert_works("allow", "box", "two.example");
	assert_string_equal(call_as(0, LIST), NONE);
	assert_int_equal(reach(ONE, TEST_PORT), REFUSED);
	answer_allow(ONE, "session");
	snprintf(id, sizeof(id), "%s", grant_id(call_as(0, LIST)));
	assert_works("allow", "box", ONE, "--port", "7777", "--proto", "tcp");
	assert_string_equal(call_as(0, LIST), NONE);
	assert_unknown_grant(0, id);
	assert_int_equal(reach(ONE, TEST_PORT), 0);
}

static void nothing_is_called_so(void **state)
{
	static const char *const ids[] = {
		"", "0", "-1", "1 ", "x", "01", "18446744073709551616", "999999999999999"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_unknown_grant(0, ids[i]);
}

/* --- users ---------------------------------------------------------------------------------- */

static int users_setup(void **state)
{
	struct guard_spec spec = { .netns_fd = -1,
				   .kind = TEROK_KIND_CGROUP,
				   .uid = ALICE,
				   .name = "alices",
				   .state = TEROK_STATE_UP };
	struct guard guard;
	char path[128];
	bool existing;

	programs_setup(state);
	spec.cgroup_fd = world->cgroup_fd;
	if (guard_attach(world->kernel, &spec, &guard, &existing, NULL))
		return -1;
	agent_start();
	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	if (chmod(path, 0666) || chmod(getenv("TEROK_RUN"), 0755) || chmod(world->dir, 0755))
		return -1;
	people_listen();
	return 0;
}

static int users_teardown(void **state)
{
	people_leave();
	return programs_teardown(state);
}

/* Alice answers as herself. */
static void alice_allows(const char *what)
{
	char frame[256];

	people_await("request", what);
	snprintf(frame, sizeof(frame),
		 "{\"method\":\"" FIREWALL
		 ".Answer\",\"parameters\":{\"request_id\":\"%s\",\"action\":\"allow\"}}",
		 people_last("request", what)->id);
	assert_has(call_as(ALICE, frame), "\"until_ns\":0");
}

static void a_user_sees_and_takes_back_their_own(void **state)
{
	char id[24];

	(void)state;
	assert_int_equal(test_tcp(world, ONE), REFUSED);
	alice_allows(ONE);
	snprintf(id, sizeof(id), "%s", grant_id(call_as(ALICE, LIST)));
	assert_has(call_as(ALICE, LIST), "\"uid\":4001");
	assert_has(call_as(0, LIST), id);
	/* for others it is not there, in the same words as what never was */
	assert_string_equal(call_as(BOB, LIST), NONE);
	assert_unknown_grant(BOB, id);
	assert_unknown_grant(BOB, "123456789012345");
	assert_int_equal(test_tcp(world, ONE), 0);
	assert_string_equal(revoke_as(ALICE, id), "{}");
	assert_int_equal(test_tcp(world, ONE), REFUSED);
}

static void what_root_answered_only_root_takes_back(void **state)
{
	char id[24];

	(void)state;
	assert_int_equal(test_tcp(world, ONE), REFUSED);
	people_await("request", ONE);
	people_answer(ONE, "deny", "session");
	snprintf(id, sizeof(id), "%s", grant_id(call_as(ALICE, LIST)));
	assert_has(revoke_as(ALICE, id), FIREWALL ".NotRevoked");
	assert_has(call_as(ALICE, LIST), id);
	assert_string_equal(revoke_as(0, id), "{}");
	assert_string_equal(call_as(ALICE, LIST), NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define U(name) cmocka_unit_test_setup_teardown(name, users_setup, users_teardown)
		T(an_answer_is_a_grant_until_it_is_taken_back),
		T(a_deny_is_a_grant_as_well),
		T(a_connection_that_only_a_grant_allowed_ends_with_it),
		T(a_grant_for_ever_outlives_the_agent_and_can_be_taken_back),
		T(a_grant_that_has_ended_is_none),
		T(what_a_verb_said_is_no_grant),
		T(nothing_is_called_so),
		U(a_user_sees_and_takes_back_their_own),
		U(what_root_answered_only_root_takes_back),
	};

	test_require("kernel/grants");
	programs_find();
	return cmocka_run_group_tests_name("kernel/grants", tests, NULL, NULL);
}
