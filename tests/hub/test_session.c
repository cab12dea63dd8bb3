// SPDX-License-Identifier: Apache-2.0
/*
 * test_session.c - terok-clearance session --json, on pipes, from a real hub
 *
 * The test is the hub's core (pretend.h) and the program at the other end of the pipes.
 */
#include "pretend.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY "0123456789ab"
#define ONE KEY "cdef"

#define PENDING(id, dest)                                                                          \
	"{\"type\":\"pending\",\"id\":" id ",\"dest\":\"" dest                                     \
	"\",\"port\":443,\"proto\":6,\"domain\":\"\"}\n"
#define APPLIED(id, dest, action, ok)                                                              \
	"{\"type\":\"verdict_applied\",\"id\":" id ",\"dest\":\"" dest "\",\"action\":\"" action   \
	"\",\"ok\":" ok "}\n"
#define VERDICT(id, action) "{\"type\":\"verdict\",\"id\":" id ",\"action\":\"" action "\"}\n"

static struct program session;

static int setup(void **state)
{
	(void)state;
	return pretend_start();
}

static int teardown(void **state)
{
	(void)state;
	return pretend_end();
}

static void session_start(const char *container)
{
	START(&session, "./terok-clearance", "session", "--json", "--socket", pretend_socket,
	      container);
}

/* A session of a container that has one request. */
static void one_request(void)
{
	pretend_adopt(1, ONE, "box");
	pretend_adopt(2, "ba9876543210fedc", "other");
	pretend_refuses(1, 5);
	session_start("box");
	await(session.n_said > 0);
	assert_string_equal(session.said, PENDING("1", "192.0.2.5"));
}

/* What was said since @before, when @text is the end of it. */
static void assert_said_after(size_t before, const char *text)
{
	await(session.n_said - before >= strlen(text));
	assert_string_equal(session.said + before, text);
}

/* --- lines --------------------------------------------------------------------------- */

static void a_request_is_a_line_and_so_are_its_answer_and_its_outcome(void **state)
{
	size_t n;

	(void)state;
	one_request();
	n = session.n_said;
	program_write(&session, VERDICT("1", "accept"));
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 5);
	assert_int_equal(pretend_verdicts[0].action, TEROK_ALLOW);
	assert_int_equal(pretend_verdicts[0].scope, SCOPE_FOREVER);
	assert_int_equal(session.n_said, n);
	pretend_results(0, "");
	assert_said_after(n, APPLIED("1", "192.0.2.5", "accept", "true"));
	assert_string_equal(session.told, "");
}

static void ids_count_this_containers_requests_only(void **state)
{
	size_t n;

	(void)state;
	one_request();
	n = session.n_said;
	pretend_refuses(2, 6);
	pretend_refuses(1, 7);
	pretend_refuses(1, 7); /* counted again */
	pretend_refuses_name(1, 8, "evil.example.net");
	assert_said_after(
	    n,
	    PENDING(
		"2",
		"192.0.2.7") "{\"type\":\"pending\",\"id\":3,\"dest\":\"evil.example.net\",\"port\":0,"
			     "\"proto\":0,\"domain\":\"evil.example.net\"}\n");
	n = session.n_said;
	program_write(&session, VERDICT("3", "deny"));
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 8);
	assert_int_equal(pretend_verdicts[0].action, TEROK_DENY);
	pretend_results(0, "");
	assert_said_after(n, APPLIED("3", "evil.example.net", "deny", "true"));
}

static void a_container_is_named_by_name_or_id(void **state)
{
	static const char *const names[] = { "box", KEY, ONE };

	(void)state;
	pretend_adopt(1, ONE, "box");
	pretend_refuses(1, 5);
	for (unsigned i = 0; i < 3; i++) {
		session_start(names[i]);
		await(session.n_said > 0);
		assert_int_equal(program_end(&session, SIGTERM), 0);
	}
	session_start("0123456789a"); /* no prefix of another length */
	assert_int_equal(program_end(&session, 0), 1);
	assert_non_null(strstr(session.told, "no guarded container '0123456789a'"));
	assert_string_equal(session.said, "");
}

static void what_is_no_answer_is_said_and_not_replied_to(void **state)
{
	static const char *const bad[][2] = {
		{ "nonsense\n", "it is not JSON" },
		{ "{\"type\":\"verdict\",\"id\":1,\"action\":\"accept\"\n", "it is not JSON" },
		{ VERDICT("1", "\xff"), "it is not JSON" },
		{ "[]\n", "it is no object" },
		{ "1\n", "it is no object" },
		{ "null\n", "it is no object" },
		{ "{}\n", "its type is not" },
		{ "{\"type\":1,\"id\":1,\"action\":\"accept\"}\n", "its type is not" },
		{ "{\"type\":\"pending\",\"id\":1,\"action\":\"accept\"}\n", "its type is not" },
		{ VERDICT("true", "accept"), "its id is no whole number" },
		{ VERDICT("\"1\"", "accept"), "its id is no whole number" },
		{ VERDICT("1.0", "accept"), "its id is no whole number" },
		{ VERDICT("null", "accept"), "its id is no whole number" },
		{ "{\"type\":\"verdict\",\"action\":\"accept\"}\n", "its id is no whole number" },
		{ VERDICT("1", "Accept"), "its action is neither" },
		{ VERDICT("1", "accept\\u0000"), "its action is neither" },
		{ "{\"type\":\"verdict\",\"id\":1,\"action\":1}\n", "its action is neither" },
		{ "{\"type\":\"verdict\",\"id\":1}\n", "its action is neither" },
		{ VERDICT("2", "accept"), "id 2: no such request" },
		{ VERDICT("0", "accept"), "id 0: no such request" },
		{ VERDICT("-1", "accept"), "id -1: no such request" },
		{ VERDICT("4294967297", "accept"), "id 4294967297: no such request" },
		{ VERDICT("99999999999999999999", "accept"), "no such request" },
	};
	size_t n, told;

	(void)state;
	one_request();
	n = session.n_said;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		told = session.n_told;
		program_write(&session, bad[i][0]);
		await(session.n_told > told && session.told[session.n_told - 1] == '\n');
		if (!strstr(session.told + told, bad[i][1]))
			fail_msg("%s: %s", bad[i][0], session.told + told);
	}
	/* nothing came of all that; other keys, other spaces and empty lines do no harm */
	told = session.n_told;
	program_write(
	    &session,
	    "\n  \r\n {\"x\":[1], \"action\":\"allow\", \"id\":1, \"type\":\"verdict\"}\r\n");
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].action, TEROK_ALLOW);
	pretend_results(0, "");
	assert_said_after(n, APPLIED("1", "192.0.2.5", "accept", "true"));
	assert_int_equal(session.n_told, told);
}

static void a_line_without_end_is_dropped_and_the_next_is_read(void **state)
{
	static char bites[100][4000];

	(void)state;
	one_request();
	memset(bites, 'x', sizeof(bites));
	for (unsigned i = 0; i < 100; i++) {
		bites[i][sizeof(bites[i]) - 1] = '\0';
		program_write(&session, bites[i]);
	}
	program_write(&session, "\n" VERDICT("1", "accept"));
	await(pretend_n_verdicts == 1);
	await(strstr(session.told, "it is too long"));
}

static void lines_may_come_in_pieces_and_many_at_once(void **state)
{
	static const char text[] = VERDICT("1", "accept") VERDICT("2", "deny");

	(void)state;
	one_request();
	pretend_refuses(1, 6);
	await(strstr(session.said, "\"id\":2"));
	for (const char *p = text; *p; p++) {
		const char byte[2] = { *p };

		program_write(&session, byte);
	}
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 5);
	pretend_results(0, ""); /* a hub takes one after the other of one client */
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 6);
}

/* --- outcomes ------------------------------------------------------------------------ */

static void an_answer_that_failed_can_be_given_again(void **state)
{
	size_t n;

	(void)state;
	one_request();
	n = session.n_said;
	program_write(&session, VERDICT("1", "accept"));
	await(pretend_n_verdicts == 1);
	program_write(&session, VERDICT("1", "deny")); /* one at a time */
	await(strstr(session.told, "id 1: an answer is on its way already"));
	pretend_results(-ENOSPC, "the rule table is full");
	assert_said_after(n, APPLIED("1", "192.0.2.5", "accept", "false"));
	await(strstr(session.told, "id 1: the rule table is full"));
	n = session.n_said;
	program_write(&session, VERDICT("1", "accept"));
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	assert_said_after(n, APPLIED("1", "192.0.2.5", "accept", "true"));
	/* that was the end of it */
	program_write(&session, VERDICT("1", "accept"));
	await(strstr(session.told, "id 1: no such request, or it was answered"));
}

static void an_answer_of_somebody_else_is_told(void **state)
{
	static struct program answer; /* also for the fixture */
	size_t n;

	(void)state;
	one_request();
	n = session.n_said;
	START(&answer, "./terok-clearance", "answer", "--socket", pretend_socket, KEY ":5", "deny");
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	assert_said_after(n, APPLIED("1", "192.0.2.5", "deny", "true"));
	program_end(&answer, 0);
}

static void an_answer_whose_hub_dies_did_not_hold_and_ids_stay(void **state)
{
	size_t n;

	(void)state;
	one_request();
	n = session.n_said;
	program_write(&session, VERDICT("1", "accept"));
	await(pretend_n_verdicts == 1);
	pretend_hub_kill();
	assert_said_after(n, APPLIED("1", "192.0.2.5", "accept", "false"));
	await(strstr(session.told, "it may have applied the answer"));
	n = session.n_said;
	program_write(&session, VERDICT("1", "accept"));
	assert_said_after(n, APPLIED("1", "192.0.2.5", "accept", "false"));
	n = session.n_said;
	pretend_hub_start();
	pretend_adopt(1, ONE, "box");
	pretend_refuses(1, 5);
	pretend_refuses(1, 6);
	/* the old one is open again, under its id, and not told twice */
	assert_said_after(n, PENDING("2", "192.0.2.6"));
	n = session.n_said;
	program_write(&session, VERDICT("1", "accept"));
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 5);
	pretend_results(0, "");
	assert_said_after(n, APPLIED("1", "192.0.2.5", "accept", "true"));
}

static void a_container_may_go_and_come_back(void **state)
{
	size_t n;

	(void)state;
	one_request();
	n = session.n_said;
	pretend_gone(1);
	await(strstr(session.told, "box is not guarded any more"));
	program_write(&session, VERDICT("1", "accept"));
	await(strstr(session.told, "id 1: no such request"));
	pretend_attach(3, "bbbbbbbbbbbbcccc", "box");
	pretend_refuses(3, 9);
	assert_said_after(n, PENDING("2", "192.0.2.9"));
}

/* --- ends ---------------------------------------------------------------------------- */

static void the_end_of_the_input_ends_it_when_answers_are_back(void **state)
{
	(void)state;
	one_request();
	program_write(&session,
		      "{\"type\":\"verdict\",\"id\":1,\"action\":\"accept\"}"); /* no newline */
	close(session.in);
	session.in = -1;
	await(pretend_n_verdicts == 1);
	assert_int_equal(session.code, -1);
	pretend_results(0, "");
	assert_int_equal(program_end(&session, 0), 0);
	assert_string_equal(session.said,
			    PENDING("1", "192.0.2.5") APPLIED("1", "192.0.2.5", "accept", "true"));
}

static void signals_and_readers_that_go_end_it(void **state)
{
	(void)state;
	one_request();
	assert_int_equal(program_end(&session, SIGTERM), 0);
	session_start("box");
	await(session.n_said > 0);
	assert_int_equal(program_end(&session, SIGINT), 0);
	/* input from a file: read to its end */
	START(&session, "sh", "-c",
	      "echo '"
	      "{\"type\":\"verdict\",\"id\":7,\"action\":\"deny\"}"
	      "' >\"$1/in\"; "
	      "\"$2\" session --json --socket \"$1/clearance.sock\" box <\"$1/in\"; "
	      "echo $?; rm \"$1/in\"",
	      "sh", pretend_folder, program_path("./terok-clearance"));
	assert_int_equal(program_end(&session, 0), 0);
	assert_string_equal(session.said, PENDING("1", "192.0.2.5") "0\n");
	assert_non_null(strstr(session.told, "id 7: no such request"));
}

static void a_wrong_command_line_is_one(void **state)
{
	(void)state;
	START(&session, "./terok-clearance", "session", "box");
	assert_int_equal(program_end(&session, 0), 2);
	assert_non_null(strstr(session.told, "session --json box"));
	START(&session, "./terok-clearance", "session", "--json");
	assert_int_equal(program_end(&session, 0), 2);
	START(&session, "./terok-clearance", "session", "--json", "--scope", "ever", "box");
	assert_int_equal(program_end(&session, 0), 2);
	assert_non_null(strstr(session.told, "scope 'ever' is none of"));
	START(&session, "./terok-clearance", "session", "--json", "--socket", "/nowhere", "box");
	assert_int_equal(program_end(&session, 0), 1);
	pretend_adopt(1, ONE, "box");
	pretend_refuses(1, 5);
	START(&session, "./terok-clearance", "session", "--json", "--scope", "once", "--socket",
	      pretend_socket, "box");
	await(session.n_said > 0);
	program_write(&session, VERDICT("1", "accept"));
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].scope, SCOPE_ONCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_request_is_a_line_and_so_are_its_answer_and_its_outcome),
		T(ids_count_this_containers_requests_only),
		T(a_container_is_named_by_name_or_id),
		T(what_is_no_answer_is_said_and_not_replied_to),
		T(a_line_without_end_is_dropped_and_the_next_is_read),
		T(lines_may_come_in_pieces_and_many_at_once),
		T(an_answer_that_failed_can_be_given_again),
		T(an_answer_of_somebody_else_is_told),
		T(an_answer_whose_hub_dies_did_not_hold_and_ids_stay),
		T(a_container_may_go_and_come_back),
		T(the_end_of_the_input_ends_it_when_answers_are_back),
		T(signals_and_readers_that_go_end_it),
		T(a_wrong_command_line_is_one),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
