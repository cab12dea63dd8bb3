// SPDX-License-Identifier: Apache-2.0
/*
 * test_notifier.c - terok-clearance notifier between a hub and a desktop
 *
 * The program runs as people run it, and so do the hub, whose core is the test, and dbus-daemon.
 * The notification service is a mock (desktop_end.c), which says what it was asked to show;
 * test_dunst.c has a real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core_end.h"
#include "desktop_end.h"
#include "program.h"

#define CAN         "body body-markup actions persistence"
#define BOX_SESSION "Container: box\nUntil the container ends"
#define BOX         "Container: box\nProtocol: TCP\nProcess: /usr/bin/curl[4711]"

/* It is there, shows on a desktop that can @capabilities, and has heard what is open. */
static void notifier(const char *capabilities)
{
	desktop_end_own(capabilities);
	RUN(2, desktop_end_address(), "notifier", "--socket", core_end_path());
	/* both wait for each other: it connects to the hub when the service has answered */
	desktop_end_answers();
	core_end_lists();
}

static int setup(void **state)
{
	(void)state;
	if (core_end_start())
		return -1;
	return desktop_end_start(core_end_folder());
}

static int teardown(void **state)
{
	(void)state;
	program_stop();
	desktop_end_stop();
	core_end_stop();
	return 0;
}

static void is_shown(const struct shown *shown, const char *summary, const char *body)
{
	assert_string_equal(shown->summary, summary);
	assert_string_equal(shown->body, body);
}

/* --- tests ------------------------------------------------------------------------------ */

static void a_request_is_shown_and_a_click_answers_it(void **state)
{
	const struct shown *shown;
	struct msg_packet verdict;
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "example.com", 1);
	shown = desktop_end_shows();
	is_shown(shown, "Blocked: example.com:443", BOX);
	assert_string_equal(shown->app, "terok");
	assert_string_equal(shown->icon, "");
	assert_string_equal(shown->actions, "allow=Allow|deny=Deny|allow-once=Allow once|"
					    "allow-forever=Always allow|");
	assert_int_equal(shown->urgency, 2);
	assert_true(shown->resident && !shown->transient);
	assert_int_equal(shown->timeout_ms, 0);
	assert_int_equal(shown->replaces, 0);
	id = shown->id;

	desktop_end_click(id, "allow-once");
	verdict = core_end_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.ask, 5);
	assert_int_equal(verdict.VERDICT.action, TEROK_ALLOW);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_ONCE);
	core_end_results(&verdict, 0, "");
	shown = desktop_end_shows();
	assert_string_equal(shown->summary, "Allowed: example.com");
	assert_ptr_equal(strstr(shown->body, "Container: box\nUntil "), shown->body);
	assert_int_equal(shown->replaces, id);
	assert_string_equal(shown->actions, "");
	assert_int_equal(shown->urgency, 1);
	assert_true(shown->transient && !shown->resident);
	assert_int_equal(shown->timeout_ms, -1);
	desktop_end_quiet();
}

static void what_waits_already_is_shown_first(void **state)
{
	(void)state;
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	notifier(CAN);
	is_shown(desktop_end_shows(), "Blocked: 192.0.2.1:443", BOX);
}

static void an_answer_of_somebody_else_is_shown_and_a_container_that_goes_closes(void **state)
{
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_ATTACHED, TEROK_STATE_UP);
	is_shown(desktop_end_shows(), "Container started: box", "");
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	id = desktop_end_shows()->id;
	core_end_gone(1, "cgroup removed");
	assert_int_equal(desktop_end_closes(), id);
	is_shown(desktop_end_shows(), "Container stopped: box", "Reason: cgroup removed");
	desktop_end_quiet();
}

static void a_shield_that_goes_down_closes_what_waits_and_alerts(void **state)
{
	const struct shown *shown;
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	id = desktop_end_shows()->id;
	core_end_guard(1, "box", GUARD_STATE, TEROK_STATE_DOWN);
	shown = desktop_end_shows();
	assert_string_equal(shown->summary, "Shield down: box");
	assert_int_equal(shown->urgency, 2);
	assert_int_equal(desktop_end_closes(), id);
	id = shown->id;
	core_end_guard(1, "box", GUARD_STATE, TEROK_STATE_UP);
	is_shown(desktop_end_shows(), "Shield up: box", "Outbound firewall restored.");
	assert_int_equal(desktop_end_closes(), id);
	desktop_end_quiet();
}

static void a_container_without_a_guard_is_shown_until_it_has_one_or_ends(void **state)
{
	const struct shown *shown;
	uint32_t first, second;

	(void)state;
	core_end_alarm("old", "it began before the agent", false); /* what stands already */
	notifier(CAN);
	is_shown(desktop_end_shows(), "Container without a guard: old",
		 "it began before the agent");
	core_end_alarm("box", "no hook told of it", false);
	shown = desktop_end_shows();
	is_shown(shown, "Container without a guard: box", "no hook told of it");
	assert_int_equal(shown->urgency, 2);
	assert_false(shown->transient);
	assert_string_equal(shown->actions, "");
	first = shown->id;
	core_end_alarm("other", "so does <b>this</b>", false);
	shown = desktop_end_shows();
	is_shown(shown, "Container without a guard: other", "so does &lt;b&gt;this&lt;/b&gt;");
	second = shown->id;
	core_end_alarm("box", "it has a guard now", true);
	assert_int_equal(desktop_end_closes(), first);
	/* a hub that is back says those that stand: nobody is told twice, and the rest is closed */
	core_end_restart();
	core_end_alarm("old", "it began before the agent", false);
	core_end_lists();
	assert_int_equal(desktop_end_closes(), second);
	desktop_end_quiet();
}

static void a_click_is_heard_of_nobody_but_the_service(void **state)
{
	struct msg_packet verdict;
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	id = desktop_end_shows()->id;
	desktop_end_lie(id, "allow");
	desktop_end_mumble(id);
	desktop_end_click(id, "accept");
	desktop_end_click(id + 1, "allow");
	/* the first that is heard is the first that was one */
	desktop_end_click(id, "deny");
	verdict = core_end_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.action, TEROK_DENY);
	core_end_results(&verdict, 0, "");
	is_shown(desktop_end_shows(), "Denied: 192.0.2.1", BOX_SESSION);
	desktop_end_quiet();
}

static void a_failure_is_told_and_the_question_asked_again(void **state)
{
	const struct shown *shown;
	struct msg_packet verdict;
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	id = desktop_end_shows()->id;
	desktop_end_click(id, "allow");
	verdict = core_end_hears(MSG_VERDICT);
	core_end_results(&verdict, -ENOSPC, "the rule table is full");
	shown = desktop_end_shows();
	is_shown(shown, "Allow failed: 192.0.2.1", "Container: box\nthe rule table is full");
	assert_int_equal(shown->replaces, id);
	assert_int_equal(shown->urgency, 2);
	shown = desktop_end_shows();
	is_shown(shown, "Blocked: 192.0.2.1:443", BOX);
	desktop_end_click(shown->id, "allow");
	verdict = core_end_hears(MSG_VERDICT);
	core_end_results(&verdict, 0, "");
	is_shown(desktop_end_shows(), "Allowed: 192.0.2.1", BOX_SESSION);
	desktop_end_quiet();
}

static void a_repeat_is_the_same_notification(void **state)
{
	const struct shown *shown;
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	id = desktop_end_shows()->id;
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 4);
	shown = desktop_end_shows();
	assert_int_equal(shown->replaces, id);
	assert_non_null(strstr(shown->body, "\nBlocked 4 times since "));
	desktop_end_quiet();
}

static void many_are_a_few_and_one_that_counts(void **state)
{
	const struct shown *shown;
	char dest[32];

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	for (int i = 1; i <= 42; i++) {
		snprintf(dest, sizeof(dest), "192.0.2.%d", i);
		core_end_refuses(1, i, dest, 443, "", 1);
	}
	for (int i = 1; i <= 5; i++) {
		snprintf(dest, sizeof(dest), "Blocked: 192.0.2.%d:443", i);
		assert_string_equal(desktop_end_shows()->summary, dest);
	}
	do /* at first there are fewer */
		shown = desktop_end_shows();
	while (strcmp(shown->summary, "Blocked: 37 more"));
	assert_string_equal(shown->body, "Container: box\nand 37 more: terok-clearance");
	desktop_end_quiet();
}

static void text_is_no_markup(void **state)
{
	(void)state;
	notifier(CAN);
	core_end_guard(1, "<b>&\x1b[31m\xe2\x80\xaetext", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "<i>x</i>", 1);
	is_shown(desktop_end_shows(), "Blocked: ix/i:443",
		 "Container: &lt;b&gt;&amp; [31m text\nProtocol: TCP\nProcess: "
		 "/usr/bin/curl[4711]");
}

static void a_desktop_without_markup_and_buttons_gets_plain_text_and_a_command(void **state)
{
	const struct shown *shown;
	char line[256] = "";

	(void)state;
	notifier("body");
	assert_non_null(fgets(line, sizeof(line), program_said));
	assert_non_null(strstr(line, "answer with terok-clearance"));
	core_end_guard(1, "<b>&", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	shown = desktop_end_shows();
	is_shown(shown, "Blocked: 192.0.2.1:443",
		 "Container: b\nProtocol: TCP\nProcess: /usr/bin/curl[4711]\n"
		 "terok-clearance answer 000000000001:5 allow|deny");
	assert_string_equal(shown->actions, "");
}

static void a_service_that_is_back_shows_what_waits(void **state)
{
	const struct shown *shown;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	desktop_end_shows();
	desktop_end_leave();
	core_end_refuses(1, 6, "192.0.2.2", 443, "", 1);
	desktop_end_own("body actions");
	shown = desktop_end_shows();
	is_shown(shown, "Blocked: 192.0.2.1:443", BOX);
	assert_int_equal(shown->replaces, 0);
	assert_string_equal(desktop_end_shows()->summary, "Blocked: 192.0.2.2:443");
	desktop_end_click(shown->id, "deny");
	assert_int_equal(core_end_hears(MSG_VERDICT).VERDICT.ask, 5);
}

static void a_service_that_took_over_shows_each_once(void **state)
{
	const struct shown *shown;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	desktop_end_shows();
	/* the program hears of the request before it hears that the name has changed hands */
	kill(program, SIGSTOP);
	desktop_end_leave();
	core_end_refuses(1, 6, "192.0.2.2", 443, "", 1);
	core_end_told();
	desktop_end_own(CAN);
	kill(program, SIGCONT);
	assert_string_equal(desktop_end_shows()->summary, "Blocked: 192.0.2.1:443");
	shown = desktop_end_shows();
	assert_string_equal(shown->summary, "Blocked: 192.0.2.2:443");
	desktop_end_click(shown->id, "deny");
	assert_int_equal(core_end_hears(MSG_VERDICT).VERDICT.ask, 6);
	desktop_end_quiet();
}

static void a_bus_that_is_back_shows_what_waits(void **state)
{
	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	desktop_end_shows();
	desktop_end_restart();
	desktop_end_own(CAN);
	is_shown(desktop_end_shows(), "Blocked: 192.0.2.1:443", BOX);
}

static void a_hub_that_is_not_there_yet_is_waited_for(void **state)
{
	char line[256] = "";

	(void)state;
	core_end_down();
	desktop_end_own(CAN);
	RUN(2, desktop_end_address(), "notifier", "--socket", core_end_path());
	desktop_end_answers();
	assert_non_null(fgets(line, sizeof(line), program_said));
	assert_non_null(strstr(line, "waiting for it"));
	core_end_restart();
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	is_shown(desktop_end_shows(), "Blocked: 192.0.2.1:443", BOX);
}

static void a_click_without_a_hub_is_told(void **state)
{
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	id = desktop_end_shows()->id;
	core_end_down();
	/* it says so when it knows */
	assert_non_null(fgets((char[256]){ "" }, 256, program_said));
	desktop_end_click(id, "allow");
	is_shown(desktop_end_shows(), "Allow failed: 192.0.2.1", "Container: box\nthe hub is away");
	is_shown(desktop_end_shows(), "Blocked: 192.0.2.1:443", BOX);
}

static void a_hub_that_is_back_has_what_it_does_not_tell_closed(void **state)
{
	struct msg_packet verdict;
	uint32_t first, second;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	core_end_refuses(1, 6, "192.0.2.2", 443, "", 1);
	first = desktop_end_shows()->id;
	second = desktop_end_shows()->id;
	core_end_restart();
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 6, "192.0.2.2", 443, "", 1);
	core_end_lists();
	assert_int_equal(desktop_end_closes(), first);
	desktop_end_click(second, "deny");
	verdict = core_end_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.ask, 6);
	desktop_end_quiet();
}

static void what_was_missed_is_asked_for(void **state)
{
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_guard(2, "bag", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	id = desktop_end_shows()->id;
	/* that the container went is neither among the first nor among the last of many */
	kill(program, SIGSTOP);
	for (unsigned i = 1; i < 3000; i++)
		core_end_refuses(2, 6, "192.0.2.2", 443, "", i);
	core_end_gone(1, "cgroup removed");
	for (unsigned i = 3000; i < 6000; i++)
		core_end_refuses(2, 6, "192.0.2.2", 443, "", i);
	core_end_told();
	kill(program, SIGCONT);
	core_end_lists(); /* it has connected anew */
	assert_int_equal(desktop_end_closes(), id);
}

static void what_is_shown_is_closed_when_it_ends(void **state)
{
	uint32_t id;

	(void)state;
	notifier(CAN);
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	id = desktop_end_shows()->id;
	kill(program, SIGTERM);
	assert_int_equal(desktop_end_closes(), id);
	assert_int_equal(program_exits(), 0);
	assert_string_equal(program_last_words(), "");
}

static void without_a_service_it_says_so_once_and_waits_for_one(void **state)
{
	const struct shown *shown;
	char line[256] = "";
	const char *text;

	(void)state;
	desktop_end_startable(true);
	RUN(2, desktop_end_address(), "notifier", "--socket", core_end_path());
	assert_non_null(fgets(line, sizeof(line), program_said));
	assert_non_null(strstr(line, "nobody shows notifications here"));
	assert_non_null(strstr(line, "answer with terok-clearance in a terminal"));
	core_end_lists();
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
	for (int i = 1; i < 100; i++)
		core_end_refuses(1, 5, "192.0.2.1", 443, "", i);
	core_end_told();
	program_idles();
	desktop_end_own(CAN);
	shown = desktop_end_shows();
	assert_string_equal(shown->summary, "Blocked: 192.0.2.1:443");
	assert_non_null(strstr(shown->body, "\nBlocked 99 times since "));
	/* what nobody could start was not tried over and over */
	assert_int_equal(desktop_end_starts(), 1);
	desktop_end_click(shown->id, "deny");
	assert_int_equal(core_end_hears(MSG_VERDICT).VERDICT.ask, 5);
	kill(program, SIGTERM);
	assert_int_equal(desktop_end_closes(), shown->id);
	assert_int_equal(program_exits(), 0);
	text = program_last_words();
	assert_non_null(strstr(text, "notifications are shown"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void a_service_that_does_not_come_is_not_waited_for(void **state)
{
	(void)state;
	desktop_end_startable(false);
	RUN(2, desktop_end_address(), "notifier", "--socket", core_end_path());
	core_end_lists();
	assert_int_equal(desktop_end_starts(), 1);
}

static void without_a_bus_it_says_so_and_fails(void **state)
{
	const char *text;

	(void)state;
	RUN(2, NULL, "notifier", "--socket", core_end_path());
	assert_int_equal(program_exits(), 1);
	text = program_last_words();
	assert_non_null(strstr(text, "cannot reach the session bus"));
	assert_non_null(strstr(text, "use terok-clearance in a terminal"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void notify_shows_one_and_prints_its_number(void **state)
{
	const struct shown *shown;

	(void)state;
	desktop_end_own(CAN);
	RUN(1, desktop_end_address(), "notify", "a <b> title", "one < two\n& three", "-t", "5000");
	shown = desktop_end_shows();
	is_shown(shown, "a b title", "one &lt; two\n&amp; three");
	assert_int_equal(shown->timeout_ms, 5000);
	assert_string_equal(shown->actions, "");
	assert_int_equal(program_exits(), 0);
	assert_string_equal(program_last_words(), "1\n");
}

static void notify_without_a_desktop_prints_0_and_is_content(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) { /* no bus; a bus and nobody on it */
		for (int stream = 1; stream <= 2; stream++) {
			RUN(stream, i ? desktop_end_address() : NULL, "notify", "title");
			assert_int_equal(program_exits(), 0);
			assert_string_equal(program_last_words(), stream == 1 ? "0\n" : "");
			program_stop();
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_shown_and_a_click_answers_it),
		TEST(what_waits_already_is_shown_first),
		TEST(an_answer_of_somebody_else_is_shown_and_a_container_that_goes_closes),
		TEST(a_shield_that_goes_down_closes_what_waits_and_alerts),
		TEST(a_container_without_a_guard_is_shown_until_it_has_one_or_ends),
		TEST(a_click_is_heard_of_nobody_but_the_service),
		TEST(a_failure_is_told_and_the_question_asked_again),
		TEST(a_repeat_is_the_same_notification),
		TEST(many_are_a_few_and_one_that_counts),
		TEST(text_is_no_markup),
		TEST(a_desktop_without_markup_and_buttons_gets_plain_text_and_a_command),
		TEST(a_service_that_is_back_shows_what_waits),
		TEST(a_service_that_took_over_shows_each_once),
		TEST(a_bus_that_is_back_shows_what_waits),
		TEST(a_hub_that_is_not_there_yet_is_waited_for),
		TEST(a_click_without_a_hub_is_told),
		TEST(a_hub_that_is_back_has_what_it_does_not_tell_closed),
		TEST(what_was_missed_is_asked_for),
		TEST(what_is_shown_is_closed_when_it_ends),
		TEST(without_a_service_it_says_so_once_and_waits_for_one),
		TEST(a_service_that_does_not_come_is_not_waited_for),
		TEST(without_a_bus_it_says_so_and_fails),
		TEST(notify_shows_one_and_prints_its_number),
		TEST(notify_without_a_desktop_prints_0_and_is_content),
	};

	return cmocka_run_group_tests_name("notifier", tests, NULL, NULL);
}
