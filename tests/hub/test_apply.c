// SPDX-License-Identifier: Apache-2.0
/*
 * test_apply.c - org.terok.ClearanceVerdict1 of the agent: a helper whose shield is the core
 */
#include "served.h"
#include "session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEST "192.0.2.1"
#define INFO "{\"method\":\"org.varlink.service.GetInfo\"}"
#define APPLY(container, dest, action)                                                             \
	"{\"method\":\"org.terok.ClearanceVerdict1.Apply\",\"parameters\":{\"container\":"         \
	"\"" container "\",\"dest\":\"" dest "\",\"action\":\"" action "\"}}"
#define APPLY_SAYS(ok, text) "{\"parameters\":{\"ok\":" ok ",\"stderr\":\"" text "\"}}"
#define NOT_ASKED            APPLY_SAYS("false", "no request of that container waits for that destination")

static int monitor, caller;

/* What is asked is told: who listens has heard it. */
static void asks(uint64_t ask)
{
	core_refuses(ask);
	while (!strstr(heard(monitor), "\"type\":\"request\"")) /* what became of those before */
		;
}

static int setup(void **state)
{
	if (served_setup(state))
		return -1;
	monitor = dial();
	caller = dial();
	say(monitor, "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true}");
	heard(monitor);
	core_guard(0);
	return 0;
}

static void the_agent_serves_it_beside_the_others(void **state)
{
	(void)state;
	say(caller, INFO);
	assert_non_null(strstr(heard(caller), "[\"org.terok.Clearance1\",\"org.terok."
					      "ClearanceVerdict1\",\"org.terok.Firewall1\","
					      "\"org.varlink.service\"]"));
	say(caller, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		    "\"parameters\":{\"interface\":\"org.terok.ClearanceVerdict1\"}}");
	assert_non_null(strstr(heard(caller), "method Apply(container: string, dest: string, "
					      "action: string) -> (ok: bool, stderr: string)"));
}

static void it_answers_for_ever_what_waits_for_that_destination(void **state)
{
	struct msg_packet verdict;

	(void)state;
	asks(5);
	say(caller, APPLY(CONTAINER, DEST, "deny"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.ask, 5);
	assert_int_equal(verdict.VERDICT.action, TEROK_DENY);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_FOREVER);
	assert_int_equal(verdict.VERDICT.uid, getuid());
	assert_int_equal(verdict.VERDICT.pid, getpid());
	core_results(&verdict, 0, "");
	hear(caller, APPLY_SAYS("true", ""));
	assert_non_null(strstr(heard(monitor), "\"type\":\"verdict\""));
	/* it is answered */
	say(caller, APPLY(CONTAINER, DEST, "deny"));
	hear(caller, NOT_ASKED);
}

static void all_that_waits_is_answered_before_the_reply(void **state)
{
	struct msg_packet first, second;

	(void)state;
	asks(5);
	asks(6);
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	first = core_hears(MSG_VERDICT);
	second = core_hears(MSG_VERDICT);
	assert_int_equal(first.VERDICT.ask, 5);
	assert_int_equal(second.VERDICT.ask, 6);
	core_results(&second, 0, "");
	assert_non_null(strstr(heard(monitor), "\"type\":\"verdict\""));
	core_results(&first, 0, "");
	hear(caller, APPLY_SAYS("true", ""));
	/* there was one reply */
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	hear(caller, NOT_ASKED);
}

static void one_that_fails_is_told_and_waits_again(void **state)
{
	struct msg_packet first, second;

	(void)state;
	asks(5);
	asks(6);
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	first = core_hears(MSG_VERDICT);
	second = core_hears(MSG_VERDICT);
	core_results(&first, -ENOSPC, "the table is full");
	core_results(&second, 0, "");
	hear(caller, APPLY_SAYS("false", "the table is full"));
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	first = core_hears(MSG_VERDICT);
	assert_int_equal(first.VERDICT.ask, 5);
	core_results(&first, 0, "");
	hear(caller, APPLY_SAYS("true", ""));
}

/* One rule may be the answer to both: of the second there is no question any more. */
static void what_the_first_answer_settles_is_no_failure(void **state)
{
	struct msg_packet first, second, settled = { .type = MSG_SETTLED };

	(void)state;
	asks(5);
	asks(6);
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	first = core_hears(MSG_VERDICT);
	second = core_hears(MSG_VERDICT);
	core_results(&first, 0, "");
	settled.SETTLED.ask = 6;
	settled.SETTLED.guard = 1;
	settled.SETTLED.action = TEROK_ALLOW;
	settled.SETTLED.scope = SCOPE_FOREVER;
	core_says(&settled);
	core_results(&second, -ENOENT, "nothing was asked by that number, or it is answered");
	hear(caller, APPLY_SAYS("true", ""));
	/* but what has gone in another way is one */
	asks(7);
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	first = core_hears(MSG_VERDICT);
	core_results(&first, -ENOENT, "gone");
	hear(caller, APPLY_SAYS("false", "gone"));
}

static void what_nobody_asked_for_is_not_decided(void **state)
{
	struct msg_packet verdict;

	(void)state;
	asks(5);
	say(caller, APPLY(CONTAINER, "192.0.2.2", "allow"));
	hear(caller, NOT_ASKED);
	say(caller, APPLY("0123456789ac", DEST, "allow"));
	hear(caller, NOT_ASKED);
	say(caller, APPLY("0123456789a", DEST, "allow"));
	hear(caller, NOT_ASKED);
	say(caller, APPLY("", DEST, "allow"));
	hear(caller, NOT_ASKED);
	say(caller, APPLY(CONTAINER, DEST, "accept"));
	hear(caller, APPLY_SAYS("false", "the action is allow or deny"));
	/* control: the core has heard nothing until now */
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.ask, 5);
	core_results(&verdict, 0, "");
	hear(caller, APPLY_SAYS("true", ""));
}

/* As a shield takes it: twelve digits, as readers have them, or what people call it. */
static void a_container_is_known_by_its_short_id_and_by_its_name(void **state)
{
	static const char *const calls[] = { APPLY(CONTAINER, DEST, "allow"),
					     APPLY("0123456789ab", DEST, "allow"),
					     APPLY("box", DEST, "allow") };
	struct msg_packet verdict;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		asks(5 + i);
		say(caller, calls[i]);
		verdict = core_hears(MSG_VERDICT);
		assert_int_equal(verdict.VERDICT.ask, 5 + i);
		core_results(&verdict, 0, "");
		hear(caller, APPLY_SAYS("true", ""));
		assert_non_null(strstr(heard(monitor), "\"type\":\"verdict\""));
	}
}

/* A reader that knows no names has the address of what the agent asked about by name. */
static void a_request_by_name_may_be_answered_by_its_address(void **state)
{
	struct msg_packet verdict;

	(void)state;
	core_refuses_name(5, "example.com");
	assert_non_null(strstr(heard(monitor), "\"domain\":\"example.com\""));
	say(caller, APPLY(CONTAINER, "192.0.2.2", "allow"));
	hear(caller, NOT_ASKED);
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.reach, REACH_ADDRESS);
	core_results(&verdict, -ENOSPC, "not now");
	hear(caller, APPLY_SAYS("false", "not now"));
	say(caller, APPLY(CONTAINER, "example.com", "allow"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.reach, REACH_ASKED);
	core_results(&verdict, 0, "");
	hear(caller, APPLY_SAYS("true", ""));
}

static void who_leaves_has_answered_all_the_same(void **state)
{
	struct msg_packet first, second;

	(void)state;
	asks(5);
	asks(6);
	say(caller, APPLY(CONTAINER, DEST, "allow"));
	first = core_hears(MSG_VERDICT);
	second = core_hears(MSG_VERDICT);
	assert_int_equal(shutdown(caller, SHUT_RDWR), 0);
	core_results(&first, 0, "");
	assert_non_null(strstr(heard(monitor), "\"ok\":true"));
	core_results(&second, 0, "");
	assert_non_null(strstr(heard(monitor), "\"ok\":true"));
}

/* Reader, session's hub, agent's hub, core: one answer goes all the way and comes back. */
static void a_sessions_hub_may_have_the_agent_for_its_helper(void **state)
{
	struct msg_packet verdict;
	int stream, calls;

	assert_int_equal(session_setup(state), 0);
	assert_int_equal(symlink(served_path(), session.helper), 0);
	session_hub();
	stream = session_subscribe();
	calls = session_dial(session.clients);
	asks(5);
	session_line(session_dial(session.readers),
		     PENDING(CONTAINER, "x:1", "\"dest\":\"" DEST "\",\"port\":443,\"proto\":6"));
	session_hear(stream, BLOCKED(CONTAINER, "x:1", FLOW(DEST, "443", "6", "")));
	session_say(calls, VERDICT(CONTAINER, "x:1", DEST, "allow"));
	verdict = core_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.ask, 5);
	core_results(&verdict, 0, "");
	session_hear(calls, OK);
	session_hear(stream, APPLIED(CONTAINER, "x:1", "allow", "true"));
	/* what nobody asked the agent is a failure, and told */
	session_line(session_dial(session.readers),
		     PENDING(CONTAINER, "x:2", "\"dest\":\"192.0.2.7\",\"port\":443,\"proto\":6"));
	session_hear(stream, BLOCKED(CONTAINER, "x:2", FLOW("192.0.2.7", "443", "6", "")));
	session_ask(calls, VERDICT(CONTAINER, "x:2", "192.0.2.7", "allow"),
		    ERROR("ShieldCliFailed",
			  "\"action\":\"allow\",\"stderr\":\"no request of that container waits "
			  "for that destination\""));
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	assert_int_equal(unlink(session.helper), 0);
	assert_int_equal(session_teardown(state), 0);
}

static void a_sessions_hub_itself_does_not_serve_it(void **state)
{
	int calls;

	assert_int_equal(session_setup(state), 0);
	session_hub();
	calls = session_dial(session.clients);
	session_say(calls, INFO);
	assert_null(strstr(session_heard(calls), "ClearanceVerdict1"));
	session_ask(calls, APPLY("c1", DEST, "allow"),
		    "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":"
		    "{\"interface\":\"org.terok.ClearanceVerdict1\"}}");
	assert_int_equal(session_teardown(state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, served_teardown)
		T(the_agent_serves_it_beside_the_others),
		T(it_answers_for_ever_what_waits_for_that_destination),
		T(all_that_waits_is_answered_before_the_reply),
		T(one_that_fails_is_told_and_waits_again),
		T(what_the_first_answer_settles_is_no_failure),
		T(what_nobody_asked_for_is_not_decided),
		T(a_container_is_known_by_its_short_id_and_by_its_name),
		T(a_request_by_name_may_be_answered_by_its_address),
		T(who_leaves_has_answered_all_the_same),
		T(a_sessions_hub_may_have_the_agent_for_its_helper),
		T(a_sessions_hub_itself_does_not_serve_it),
	};

	return cmocka_run_group_tests_name("apply", tests, NULL, NULL);
}
