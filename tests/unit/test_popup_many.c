// SPDX-License-Identifier: Apache-2.0
/* test_popup_many.c - tools/clearance_popup.c: more than anybody looks at, ends that go away */
#include "popup_ends.h"

/* --- many ------------------------------------------------------------------------------------- */

static void many(unsigned n)
{
	char id[32], dest[32];

	for (unsigned i = 1; i <= n; i++) {
		snprintf(id, sizeof(id), "box:%u", i);
		snprintf(dest, sizeof(dest), "192.0.%u.%u", i / 256, i % 256);
		blocks(id, dest, "", 443);
		if (n_sent && popups.first) /* the service keeps up */
			for (unsigned k = 0; k < n_sent; k++)
				popups_sent(&popups, sent[k].call, sent[k].replaces ?: k + 1);
	}
}

static void beyond_a_few_of_a_container_there_is_one_that_counts(void **state)
{
	unsigned before;

	(void)state;
	many(42);
	quiet_is_over();
	assert_int_equal(n_sent, POPUPS_SHOWN + 2);
	said("Blocked: 37 more", "Container: box\nand 37 more: terok-clearance");
	assert_int_equal(sent[POPUPS_SHOWN].replaces, 0);
	assert_int_equal(sent[POPUPS_SHOWN + 1].replaces, POPUPS_SHOWN + 1);
	assert_false(sent[n_sent - 1].actions);
	popups_sent(&popups, sent[n_sent - 1].call, POPUPS_SHOWN + 1);

	/* one is answered: the oldest of the others comes forward */
	before = n_sent;
	decides("box:2", "allow", true, "");
	assert_string_equal(sent[before].summary, "Allowed: 192.0.0.2");
	assert_string_equal(sent[before + 1].summary, "Blocked: 192.0.0.6:443");
	assert_int_equal(n_sent, before + 2);
	quiet_is_over();
	said("Blocked: 36 more", "Container: box\nand 36 more: terok-clearance");
	/* one that nobody sees is answered elsewhere: no popup */
	before = n_sent;
	decides("box:30", "deny", true, "");
	assert_int_equal(n_sent, before);
	guard_is("guard_detached", "", "");
	assert_int_equal(popups.n_waiting, 0);
}

static void the_counting_one_ends_when_there_are_no_more(void **state)
{
	(void)state;
	many(POPUPS_SHOWN + 1);
	assert_string_equal(sent[POPUPS_SHOWN].summary, "Blocked: 1 more");
	decides("box:1", "deny", true, "");
	assert_int_equal(n_closed, 1);
	assert_int_equal(closed[0], POPUPS_SHOWN + 1);
}

static void the_counting_one_that_was_put_away_comes_back_when_there_are_more(void **state)
{
	uint32_t id = POPUPS_SHOWN + 1;
	unsigned before;

	(void)state;
	many(POPUPS_SHOWN + 3);
	quiet_is_over();
	popups_sent(&popups, sent[n_sent - 1].call, id);
	said("Blocked: 3 more", "Container: box\nand 3 more: terok-clearance");
	popups_closed(&popups, id, CLOSED_DISMISSED);
	before = n_sent;
	decides("box:8", "deny", true, ""); /* fewer */
	quiet_is_over();
	assert_int_equal(n_sent, before);
	blocks("box:x", "192.0.2.100", "", 443);
	blocks("box:y", "192.0.2.101", "", 443);
	quiet_is_over();
	said("Blocked: 4 more", "Container: box\nand 4 more: terok-clearance");
}

static void of_many_containers_a_few_are_shown_and_one_counts_the_rest_of_all(void **state)
{
	char id[32], container[16];

	(void)state;
	for (unsigned i = 0; i < 9; i++) {
		snprintf(container, sizeof(container), "box%u", i / 3);
		snprintf(id, sizeof(id), "%s:%u", container, i);
		blocks_in(1 + i / 3, container, id, id);
	}
	assert_int_equal(n_sent, 9);
	for (unsigned i = 9; i < 40; i++) {
		snprintf(container, sizeof(container), "box%u", i);
		snprintf(id, sizeof(id), "%s:%u", container, i);
		blocks_in(1 + i, container, id, id);
	}
	assert_int_equal(n_sent, POPUPS_SEEN + 1);
	popups_sent(&popups, sent[POPUPS_SEEN].call, 77);
	quiet_is_over();
	said("Blocked: 30 more", "Several containers\nand 30 more: terok-clearance");
	assert_int_equal(sent[n_sent - 1].replaces, 77);
	assert_int_equal(n_sent, POPUPS_SEEN + 2);
}

static void what_nobody_is_asked_about_is_counted_as_well(void **state)
{
	struct terok_event event = event_of("held");
	unsigned before;

	(void)state;
	event.count = 12;
	popups_event(&popups, &event); /* nothing waits: no popup */
	assert_int_equal(n_sent, 0);
	many(POPUPS_SHOWN + 2);
	quiet_is_over();
	said("Blocked: 2 more", "Container: box\nand 2 more: terok-clearance");
	popups_sent(&popups, sent[n_sent - 1].call, POPUPS_SHOWN + 1);
	popups_event(&popups, &event);
	popups_event(&popups, &event);
	quiet_is_over();
	said("Blocked: 2 more", "Container: box\nand 2 more: terok-clearance\n"
				"24 beyond those: nobody is asked yet");
	popups_sent(&popups, sent[n_sent - 1].call, POPUPS_SHOWN + 1);
	before = n_sent;
	event.count = 0; /* nothing new */
	popups_event(&popups, &event);
	quiet_is_over();
	assert_int_equal(n_sent, before);
	event.count = 12;
	decides("box:1", "deny", true, "");
	said("Blocked: 1 more", "Container: box\nand 1 more: terok-clearance\n"
				"24 beyond those: nobody is asked yet");
	popups_sent(&popups, sent[n_sent - 1].call, POPUPS_SHOWN + 1);
	decides("box:2", "deny", true, "");
	assert_int_equal(popups.held, 0);
	assert_int_equal(n_closed, 1);
	assert_int_equal(closed[0], POPUPS_SHOWN + 1);
	popups_event(&popups, &event);
	guard_is("guard_detached", "", "");
	assert_int_equal(popups.held, 0);
}

static void a_container_that_asks_much_leaves_room_for_others(void **state)
{
	(void)state;
	many(100);
	blocks_in(2, "bag", "bag:1", "192.0.2.1");
	said("Blocked: 192.0.2.1:443", "Container: bag\nProtocol: TCP");
}

static void those_of_another_container_come_forward_when_one_goes(void **state)
{
	struct terok_event event = event_of("guard_state");
	char id[32], container[16];

	(void)state;
	for (unsigned i = 0; i < POPUPS_SEEN + 1; i++) {
		snprintf(container, sizeof(container), "box%u", i);
		snprintf(id, sizeof(id), "%s:1", container);
		blocks_in(10 + i, container, id, container);
	}
	assert_int_equal(n_sent, POPUPS_SEEN + 1);
	for (unsigned i = 0; i < n_sent; i++)
		popups_sent(&popups, sent[i].call, i + 1);
	event.guard = 10;
	event.container = event.name = "box0";
	event.state = "off";
	popups_event(&popups, &event);
	said("Blocked: box10:443", "Container: box10\nProtocol: TCP");
	assert_int_equal(n_closed, 2); /* that of box0, and the one that counted */
}

static void more_than_a_burst_is_shown_one_by_one(void **state)
{
	uint64_t began_ns = now_boot_ns();

	(void)state;
	/* answered as fast as they are asked */
	for (unsigned i = 0; i < BURST; i++) {
		blocks("box:1", "192.0.2.1", "", 443);
		shows();
		decides("box:1", "deny", true, "");
		shows();
	}
	assert_int_equal(n_sent, 2 * BURST);
	assert_true(popups.paced_ns >= began_ns);
	popups.paced_ns += 100 * SECOND_NS; /* also on a machine that took its time */
	blocks("box:2", "192.0.2.2", "", 443);
	decides("box:2", "deny", true, ""); /* nobody saw it: nothing to tell */
	blocks("box:3", "192.0.2.3", "", 443);
	assert_int_equal(n_sent, 2 * BURST);
	assert_non_null(popups.later.loop);
	quiet_is_over();
	assert_int_equal(n_sent, 2 * BURST + 1);
	said("Blocked: 192.0.2.3:443", "Container: box\nProtocol: TCP");
	shows();
}

static void as_many_are_kept_as_a_hub_has_and_no_more(void **state)
{
	char id[32], dest[32];

	(void)state;
	for (unsigned i = 0; i < POPUPS_MAX + 1; i++) {
		assert_int_equal(popups.n_waiting, i);
		snprintf(id, sizeof(id), "box:%u", i);
		snprintf(dest, sizeof(dest), "10.0.%u.%u", i / 256, i % 256);
		blocks(id, dest, "", 443);
		if (i == POPUPS_MAX - 1)
			break;
	}
	assert_int_equal(popups.n_waiting, POPUPS_MAX);
	blocks("box:x", "192.0.2.1", "", 443);
	assert_int_equal(popups.n_waiting, POPUPS_MAX);
	/* of those that nobody sees the oldest went */
	assert_non_null(find_request(&popups, "box:0"));
	assert_null(find_request(&popups, "box:5"));
	assert_non_null(find_request(&popups, "box:6"));
}

static void news_that_a_slow_service_does_not_take_is_not_piled_up(void **state)
{
	(void)state;
	for (int i = 0; i < POPUPS_PASSING + 5; i++)
		guard_is("guard_attached", "up", "");
	quiet_is_over();
	assert_int_equal(n_sent, POPUPS_PASSING);
	for (unsigned i = 0; i < n_sent; i++)
		popups_sent(&popups, sent[i].call, i + 1);
	guard_is("guard_attached", "up", "");
	assert_int_equal(n_sent, POPUPS_PASSING + 1);
	shows();
	notify_result = -ENOBUFS;
	guard_is("guard_attached", "up", "");
	assert_null(popups.first);
}

/* --- services and hubs that go ------------------------------------------------------------------- */

static void a_service_that_is_back_is_shown_what_waits(void **state)
{
	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	shows();
	blocks("box:2", "192.0.2.2", "", 443); /* its reply is lost with the service */
	guard_is("guard_attached", "up", "");
	assert_int_equal(n_sent, 3);
	popups_lost(&popups);
	assert_int_equal(n_wakes, 1);
	popups_sent(&popups, sent[1].call, 2); /* nobody's */
	popups_action(&popups, 1, "allow");
	assert_int_equal(n_answers, 0);
	blocks("box:3", "192.0.2.3", "", 443);
	guard_is("guard_attached", "up", ""); /* nobody to tell, and no news later */
	assert_int_equal(n_sent, 3);
	popups_ready(&popups, true);
	assert_int_equal(n_sent, 6);
	for (unsigned i = 3; i < 6; i++) {
		assert_int_equal(sent[i].replaces, 0);
		assert_true(sent[i].actions);
		popups_sent(&popups, sent[i].call, i);
	}
	popups_action(&popups, 3, "allow");
	assert_string_equal(answered, "box:1 allow session");
}

static void what_a_hub_that_is_back_does_not_tell_is_closed(void **state)
{
	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	shows();
	blocks("box:2", "192.0.2.2", "", 443);
	shows();
	popups_action(&popups, 1, "allow");
	popups_hub_lost(&popups);
	popups_replay(&popups, true);
	blocks("box:1", "192.0.2.1", "", 443);
	popups_replay(&popups, false);
	assert_int_equal(n_sent, 2);
	assert_int_equal(n_closed, 1);
	assert_int_equal(closed[0], 2);
	popups_action(&popups, 1, "allow"); /* that answer was lost with the hub */
	assert_int_equal(n_answers, 2);
}

static void what_is_shown_is_closed_at_the_end_also_what_has_no_name_yet(void **state)
{
	(void)state;
	blocks("box:1", "192.0.2.1", "", 443);
	shows();
	assert_true(popups_close(&popups));
	assert_int_equal(n_closed, 1);
	blocks("box:2", "192.0.2.2", "", 443);
	guard_is("guard_attached", "up", "");
	assert_false(popups_close(&popups));
	popups_sent(&popups, sent[1].call, 9);
	assert_int_equal(closed[1], 9);
	assert_true(popups_close(&popups));
}

static void an_alert_of_a_guard_that_a_hub_does_not_have_down_is_closed(void **state)
{
	struct terok_guard_status guard = { .guard = 1,
					    .container = "0123456789ab",
					    .state = "down" };
	uint32_t id;

	(void)state;
	guard_is("guard_state", "down", "");
	id = shows();
	popups_replay(&popups, true);
	popups_guard(&popups, &guard);
	popups_replay(&popups, false);
	assert_int_equal(n_closed, 0);
	/* another state; of another guard; none at all */
	popups_replay(&popups, true);
	guard.state = "up";
	popups_guard(&popups, &guard);
	guard.state = "down";
	guard.guard = 2;
	popups_guard(&popups, &guard);
	popups_replay(&popups, false);
	assert_int_equal(n_closed, 1);
	assert_int_equal(closed[0], id);
	assert_null(popups.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(beyond_a_few_of_a_container_there_is_one_that_counts),
		TEST(the_counting_one_ends_when_there_are_no_more),
		TEST(the_counting_one_that_was_put_away_comes_back_when_there_are_more),
		TEST(of_many_containers_a_few_are_shown_and_one_counts_the_rest_of_all),
		TEST(what_nobody_is_asked_about_is_counted_as_well),
		TEST(a_container_that_asks_much_leaves_room_for_others),
		TEST(those_of_another_container_come_forward_when_one_goes),
		TEST(more_than_a_burst_is_shown_one_by_one),
		TEST(as_many_are_kept_as_a_hub_has_and_no_more),
		TEST(news_that_a_slow_service_does_not_take_is_not_piled_up),
		TEST(a_service_that_is_back_is_shown_what_waits),
		TEST(what_is_shown_is_closed_at_the_end_also_what_has_no_name_yet),
		TEST(what_a_hub_that_is_back_does_not_tell_is_closed),
		TEST(an_alert_of_a_guard_that_a_hub_does_not_have_down_is_closed),
	};

	return cmocka_run_group_tests_name("popup_many", tests, NULL, NULL);
}
