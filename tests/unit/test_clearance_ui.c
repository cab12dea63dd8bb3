// SPDX-License-Identifier: Apache-2.0
/* test_clearance_ui.c - tools/clearance_ui.c: what keys do, and what they leave alone */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "at_screen.h"

/* --- answers -------------------------------------------------------------------------- */

static void enter_denies_what_is_marked_until_its_container_ends(void **state)
{
	(void)state;
	draw();
	keys("\n");
	did_is(""); /* nothing there */
	comes("a", 1, "", "192.0.2.1");
	comes("b", 2, "", "192.0.2.2");
	cursor_to("a");
	keys("\n");
	did_is("deny a session;");
	cursor_to("b");
	keys("x");
	did_is("deny b session;");
}

static void a_second_key_says_for_how_long(void **state)
{
	static const char *const want[] = { "o", "allow a once;",    "m", "allow a time;",
					    "c", "allow a session;", "f", "allow a forever;" };

	(void)state;
	for (int i = 0; i < 8; i += 2) {
		list_set(&session.list, comes("a", 1, "", "192.0.2.1"), ITEM_OPEN);
		cursor_to("a");
		keys("a");
		assert_int_equal(ui.mode, UI_ANSWER);
		did_is("");
		keys(want[i]);
		assert_int_equal(ui.mode, UI_LIST);
		did_is(want[i + 1]);
	}
	list_set(&session.list, comes("a", 1, "", "192.0.2.1"), ITEM_OPEN);
	cursor_to("a");
	keys("do");
	did_is("deny a once;");
}

static void enter_denies_also_when_it_is_asked_how_long_to_allow(void **state)
{
	(void)state;
	comes("a", 1, "x.example.com", "192.0.2.1");
	cursor_to("a");
	keys("arp\n");
	did_is("deny a session;"); /* and not more than what was asked for */
	list_set(&session.list, comes("a", 1, "x.example.com", "192.0.2.1"), ITEM_OPEN);
	cursor_to("a");
	keys("dr\n");
	did_is("deny a session children;");
}

/* A session's hub knows no guards; its answers are a shield's, and those are for ever. */
static void what_has_no_guard_is_answered_for_ever(void **state)
{
	(void)state;
	comes("a", 0, "", "192.0.2.1");
	comes("b", 0, "", "192.0.2.2");
	cursor_to("a");
	keys("\n");
	did_is("deny a forever;");
	keys("a");
	assert_true(on_screen("f for ever"));
	assert_false(on_screen("o once"));
	assert_false(on_screen("r reach"));
	keys("f");
	did_is("allow b forever;");
}

static void any_other_key_answers_nothing(void **state)
{
	(void)state;
	comes("a", 1, "", "192.0.2.1");
	cursor_to("a");
	for (int key = 1; key < UI_KEY_OTHER + 2; key++) {
		if (key == UI_KEY_ENTER || (key < 0x80 && strchr("omcfrp", key)))
			continue;
		keys("a");
		ui_key(&ui, key);
		assert_int_equal(ui.mode, UI_LIST);
		assert_string_equal(did, "");
		draw();
	}
	/* alone, those for how long do nothing either */
	keys("omcrp");
	did_is("");
}

/* Names below github.io are strangers': who is asked for it cannot open them by two keys. */
static void what_is_below_a_public_suffix_is_not_reached(void **state)
{
	(void)state;
	comes("a", 1, "github.io", "192.0.2.1");
	cursor_to("a");
	keys("ar");
	assert_true(on_screen("r reach: name"));
	assert_false(on_screen("all below it"));
	keys("o");
	did_is("allow a once name;");
}

static void how_far_it_reaches_is_said_before_it_is_answered(void **state)
{
	(void)state;
	comes("a", 1, "x.example.com", "192.0.2.1");
	cursor_to("a");
	keys("a");
	assert_true(on_screen("Allow x.example.com:443/tcp"));
	assert_true(on_screen("r reach: name"));
	keys("r");
	assert_true(on_screen("Allow x.example.com:443/tcp and all below it"));
	assert_true(on_screen("r reach: name with children"));
	keys("p");
	assert_true(on_screen("any port"));
	assert_true(on_screen("p ports: any"));
	keys("o");
	did_is("allow a once children any;");
	list_set(&session.list, comes("a", 1, "x.example.com", "192.0.2.1"), ITEM_OPEN);
	cursor_to("a");
	keys("arro");
	did_is("allow a once address;");
	/* the next question starts anew */
	list_set(&session.list, comes("a", 1, "x.example.com", "192.0.2.1"), ITEM_OPEN);
	cursor_to("a");
	keys("ao");
	did_is("allow a once;");
}

static void an_address_has_no_children_and_a_refused_name_no_address(void **state)
{
	(void)state;
	comes("a", 1, "", "192.0.2.1");
	comes("b", 1, "", "www.example.com");
	cursor_to("a");
	keys("aro");
	did_is("allow a once address;");
	cursor_to("b");
	keys("arro");
	did_is("allow b once name;");
}

static void a_group_is_answered_at_once(void **state)
{
	(void)state;
	comes("a", 1, "x.example.com", "192.0.2.1");
	comes("b", 1, "y.example.com", "192.0.2.2");
	comes("c", 1, "", "192.0.2.3");
	comes("d", 2, "", "192.0.2.4");
	list_set(&session.list, list_find_id(&session.list, "b"), ITEM_DENIED);
	session.list.cursor = node_first(&session.list.root); /* web */
	draw();
	keys("a");
	assert_true(on_screen("Allow all 2 of web"));
	keys("m");
	did_is("allow a time;allow c time;");
	assert_ptr_equal(cursor(), &list_find_id(&session.list, "d")->node);
	list_set(&session.list, comes("b", 1, "y.example.com", "192.0.2.2"), ITEM_OPEN);
	session.list.cursor = list_find_id(&session.list, "b")->node.parent;
	draw();
	keys("\n");
	did_is("deny b session;");
}

/* The one whose row it was has gone, and the next has come in its place. */
static void what_was_not_on_the_screen_is_not_answered(void **state)
{
	struct item *a = comes("a", 1, "", "192.0.2.1");

	(void)state;
	comes("b", 1, "", "192.0.2.2");
	cursor_to("a");
	list_set(&session.list, a, ITEM_GONE);
	list_fade(&session.list, UINT64_MAX / 2);
	assert_ptr_equal(cursor(), &list_find_id(&session.list, "b")->node);
	keys("\n");
	keys("ao");
	did_is("");
	/* seen, it is */
	keys("\n");
	did_is("deny b session;");
}

/* Also when its keys come faster than the screen is drawn, as over a slow line. */
static void what_was_on_the_screen_can_be_gone_to_and_answered_at_once(void **state)
{
	(void)state;
	comes("a", 1, "", "192.0.2.1");
	comes("b", 1, "", "192.0.2.2");
	comes("c", 1, "", "192.0.2.3");
	cursor_to("a");
	keys("jjao");
	did_is("allow c once;");
	cursor_to("a");
	comes("d", 2, "", "192.0.2.4"); /* not drawn yet */
	keys("Gao");
	did_is("");
}

static void the_question_is_about_what_it_was_asked_about(void **state)
{
	struct item *a = comes("a", 1, "", "192.0.2.1");

	(void)state;
	comes("b", 1, "", "192.0.2.2");
	cursor_to("a");
	keys("a");
	list_set(&session.list, a, ITEM_GONE);
	list_fade(&session.list, UINT64_MAX / 2);
	draw(); /* b is seen now, but the question was another */
	keys("f");
	did_is("");
	assert_true(on_screen("not answered"));
}

/* The hub tells a request again, and by now its address is somebody else's. */
static void what_got_another_name_is_not_answered_as_the_one_that_was_seen(void **state)
{
	(void)state;
	comes("a", 1, "good.example", "192.0.2.1");
	cursor_to("a");
	comes("a", 1, "evil.example", "192.0.2.1");
	keys("\n");
	did_is("");
	cursor_to("a");
	keys("a");
	comes("a", 1, "worse.example", "192.0.2.1");
	draw();
	keys("f");
	did_is("");
	cursor_to("a");
	keys("\n");
	did_is("deny a session;");
}

static void who_joins_a_group_behind_the_question_is_not_answered(void **state)
{
	(void)state;
	comes("a", 1, "x.example.com", "192.0.2.1");
	comes("b", 1, "y.example.com", "192.0.2.2");
	session.list.cursor = node_first(&session.list.root);
	draw();
	keys("a");
	comes("c", 1, "evil.example.net", "192.0.2.3");
	draw();
	keys("f");
	did_is("allow a forever;allow b forever;");
	session.list.cursor = node_first(&session.list.root);
	draw();
	comes("d", 1, "worse.example.net", "192.0.2.3");
	keys("\n");
	did_is("deny c session;");
}

static void after_an_answer_the_next_open_one_is_marked(void **state)
{
	(void)state;
	comes("a", 1, "", "192.0.2.1");
	comes("b", 1, "", "192.0.2.2");
	comes("c", 2, "", "192.0.2.3");
	cursor_to("b");
	keys("\n");
	did_is("deny b session;");
	assert_ptr_equal(cursor(), &list_find_id(&session.list, "c")->node);
	keys("\n");
	did_is("deny c session;");
	assert_ptr_equal(cursor(), &list_find_id(&session.list, "a")->node);
	keys("\n");
	did_is("deny a session;");
	keys("\n");
	did_is("");
	assert_true(on_screen("nothing here waits"));
}

static void an_answer_that_is_not_sent_says_so_and_can_be_tried_again(void **state)
{
	(void)state;
	comes("a", 1, "", "192.0.2.1");
	cursor_to("a");
	answer_result = -ENOTCONN;
	keys("\n");
	assert_true(on_screen("not sent: Transport endpoint is not connected"));
	answer_result = 0;
	keys("\n");
	did_is("deny a session;");
}

static void a_failed_answer_is_shown_on_its_request(void **state)
{
	struct item *item = comes("a", 1, "", "192.0.2.1");

	(void)state;
	cursor_to("a");
	keys("ao");
	assert_true(on_screen("allow.. 192.0.2.1:443/tcp"));
	strcpy(item->problem, "the table is full");
	list_set(&session.list, item, ITEM_OPEN);
	assert_true(on_screen("FAILED  192.0.2.1:443/tcp"));
	assert_true(on_screen("the table is full"));
	did[0] = '\0';
	cursor_to("a");
	keys("ao");
	did_is("allow a once;");
}

static void who_was_first_is_shown(void **state)
{
	struct item *item = comes("a", 1, "", "192.0.2.1");

	(void)state;
	strcpy(item->answer.action, "deny");
	strcpy(item->answer.scope, "forever");
	strcpy(item->answer.client, "terok-web");
	item->answer.uid = 1001;
	list_set(&session.list, item, ITEM_DENIED);
	cursor_to("a");
	assert_true(on_screen("denied  192.0.2.1:443/tcp"));
	assert_true(on_screen("for ever, by uid 1001 with terok-web"));
}

/* --- moving about --------------------------------------------------------------------- */

/* Not its group: the first Enter would deny all of that. */
static void the_first_request_is_marked_below_its_groups(void **state)
{
	char id[16];

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "r%d", i);
		comes(id, 1, i % 2 ? "x.example.com" : "y.example.com", "192.0.2.1");
	}
	assert_int_equal(row_of("web"), 1);
	assert_int_equal(row_of("> "), 3);
	assert_ptr_equal(cursor(), &list_find_id(&session.list, "r0")->node);
	keys("\n");
	did_is("deny r0 session;");
}

static void what_nobody_is_asked_about_is_seen_on_its_container(void **state)
{
	struct terok_event held = { .type = "held", .guard = 1, .count = 30 };

	(void)state;
	held.container = "0123456789abcdef";
	assert_false(list_held(&session.list, &held)); /* of nothing that is shown */
	comes("a", 1, "", "192.0.2.1");
	comes("b", 2, "", "192.0.2.1");
	assert_true(list_held(&session.list, &held));
	held.count = 7;
	assert_false(list_held(&session.list, &held));
	assert_int_equal(row_of("37 more not asked"), 1);
	assert_true(on_screen("37 more not asked     1 open"));
	keys("g");
	assert_true(on_screen("37 refusals more"));
	node_group(node_first(&session.list.root))->held_ns -= HELD_NS;
	assert_false(on_screen("more not asked"));
	assert_true(list_held(&session.list, &held));
	assert_true(on_screen("7 more not asked"));
	canvas_resize(&canvas, 10, 12);
	draw();
}

static void keys_move_over_groups_and_requests(void **state)
{
	(void)state;
	comes("a", 1, "x.example.com", "192.0.2.1");
	comes("b", 1, "y.example.com", "192.0.2.2");
	comes("c", 2, "", "192.0.2.3");
	draw();
	keys("g");
	assert_int_equal(cursor()->kind, NODE_CONTAINER);
	keys("jj");
	assert_ptr_equal(cursor(), &list_find_id(&session.list, "a")->node);
	keys("k");
	assert_int_equal(cursor()->kind, NODE_DOMAIN);
	ui_key(&ui, UI_KEY_LEFT);
	assert_false(on_screen("x.example.com"));
	assert_true(on_screen("+ example.com"));
	assert_true(on_screen("asked by   curl"));
	ui_key(&ui, UI_KEY_RIGHT);
	assert_true(on_screen("x.example.com"));
	keys("G");
	assert_ptr_equal(cursor(), &list_find_id(&session.list, "c")->node);
	ui_key(&ui, UI_KEY_LEFT);
	assert_int_equal(cursor()->kind, NODE_CONTAINER);
	keys(" ");
	assert_true(on_screen("+ db"));
	keys(" g");
	assert_true(on_screen("- db"));
	assert_ptr_equal(cursor(), node_first(&session.list.root));
	keys("n");
	assert_ptr_equal(cursor(), &list_find_id(&session.list, "a")->node);
}

/* The marked row stays where it is on the screen while others come above it. */
static void the_marked_row_does_not_move_under_the_finger(void **state)
{
	char id[16];
	int y;

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		comes(id, 1, "", "192.0.2.1");
	}
	for (int i = 0; i < 60; i++) {
		snprintf(id, sizeof(id), "b%d", i);
		comes(id, 2, "", "192.0.2.2");
	}
	cursor_to("b30");
	y = row_of(">");
	assert_true(y > 0);
	for (int i = 5; i < 40; i++) {
		snprintf(id, sizeof(id), "a%d", i);
		comes(id, 1, "", "192.0.2.1");
		assert_int_equal(row_of(">"), y);
		assert_ptr_equal(cursor(), &list_find_id(&session.list, "b30")->node);
	}
	keys("j");
	assert_int_equal(row_of(">"), y + 1 < 13 ? y + 1 : y);
}

static void every_row_can_be_reached(void **state)
{
	char id[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "r%d", i);
		comes(id, 1 + i % 2, "", "192.0.2.1");
	}
	draw();
	keys("g");
	for (struct node *node = node_first(&session.list.root); node; node = node_next(node)) {
		assert_ptr_equal(cursor(), node);
		assert_true(on_screen(">"));
		keys("j");
		draw();
	}
	for (int i = 0; i < 20; i++) {
		ui_key(&ui, UI_KEY_PAGE_UP);
		assert_true(on_screen(">"));
	}
	assert_ptr_equal(cursor(), node_first(&session.list.root));
	for (int i = 0; i < 20; i++) {
		ui_key(&ui, UI_KEY_PAGE_DOWN);
		assert_true(on_screen(">"));
	}
	assert_ptr_equal(cursor(), node_last(&session.list.root));
	/* the last row is at the end of the list, not above blank lines */
	assert_int_equal(row_of(">"), 13);
}

static void a_filter_is_typed_and_ends_with_escape(void **state)
{
	(void)state;
	comes("a", 1, "x.example.com", "192.0.2.1");
	comes("b", 2, "y.example.org", "192.0.2.2");
	draw();
	keys("/orx");
	assert_false(on_screen("y.example.org"));
	ui_key(&ui, UI_KEY_ERASE);
	assert_true(on_screen("y.example.org"));
	assert_false(on_screen("x.example.com"));
	keys("g\n"); /* Enter keeps it, and denies nothing */
	did_is("");
	assert_true(on_screen("filter: org"));
	ui_key(&ui, UI_KEY_ESCAPE);
	assert_true(on_screen("x.example.com"));
	assert_false(on_screen("filter:"));
	for (int i = 0; i < 2 * FILTER_LEN; i++)
		keys(i ? "x" : "/");
	assert_int_equal(strlen(ui.filter), FILTER_LEN - 1);
}

static void help_and_details_go_back_with_any_key(void **state)
{
	(void)state;
	comes("a", 1, "x.example.com", "192.0.2.1");
	cursor_to("a");
	keys("?");
	assert_true(on_screen("deny what is marked"));
	keys("\n");
	assert_int_equal(ui.mode, UI_LIST);
	did_is(""); /* Enter went back, and denied nothing */
	keys("i");
	assert_true(on_screen("/usr/bin/curl"));
	assert_true(on_screen("curl -sS x"));
	assert_true(on_screen("started by bash"));
	ui_key(&ui, UI_KEY_ESCAPE);
	assert_int_equal(ui.mode, UI_LIST);
	keys("?q");
	did_is("quit;");
}

/* --- grants and history ---------------------------------------------------------------- */

static void a_grant_shows_its_time_and_is_revoked_by_two_keys(void **state)
{
	(void)state;
	grant_add("g1", "x.example.com", 600 * SECOND_NS);
	grant_add("g2", "y.example.com", 0);
	keys("2");
	ui_listed(&ui);
	did_is("watch 1;");
	assert_true(strstr(row(row_of("x.example.com:443/tcp")), "9m") ||
		    strstr(row(row_of("x.example.com:443/tcp")), "10m"));
	assert_non_null(strstr(row(row_of("y.example.com:443/tcp")), "container"));
	keys("\n");
	did_is("");
	keys("jx");
	assert_true(on_screen("Revoke: allow y.example.com:443/tcp for web"));
	keys("q");
	did_is("");
	keys("x\n");
	did_is("revoke g2;");
}

/* While the question stands the grant ends, and another comes in its row. */
static void only_the_grant_that_was_asked_about_is_revoked(void **state)
{
	(void)state;
	grant_add("g1", "x.example.com", 0);
	keys("2");
	ui_listed(&ui);
	did_is("watch 1;");
	keys("x");
	session.grants.n = 0;
	grant_add("g2", "y.example.com", 0);
	ui_listed(&ui);
	keys("\n");
	did_is("");
	assert_true(on_screen("not revoked"));
}

static void history_is_read_to_its_end(void **state)
{
	struct entry entry = { .wall_ns = 1700000000 * (int64_t)SECOND_NS, .ok = true, .uid = 7 };

	(void)state;
	strcpy(entry.type, "verdict");
	strcpy(entry.action, "deny");
	for (entry.number = 50; entry.number; entry.number--) {
		snprintf(entry.dest, sizeof(entry.dest), "h%d.example.com", (int)entry.number);
		history_add(&session.history, &entry);
	}
	keys("3");
	did_is("watch 2;");
	assert_true(on_screen("h50.example.com"));
	assert_true(on_screen("uid 7"));
	keys("jj");
	did_is("");
	assert_int_equal(ui_entry(&ui)->number, 48);
	/* the marked one stays marked while newer ones come */
	for (struct history page = { .more = true }; entry.number < 1; entry.number++) {
		entry.number = 51;
		history_add(&page, &entry);
		entry.number = 50;
		history_add(&page, &entry);
		history_take(&session.history, &page, false);
		history_done(&page);
	}
	ui_listed(&ui);
	assert_int_equal(session.history.n, 51);
	assert_int_equal(ui_entry(&ui)->number, 48);
	keys("G");
	did_is("older;");
	assert_int_equal(ui_entry(&ui)->number, 1);
}

static void a_page_without_an_overlap_leaves_no_gap(void **state)
{
	struct history page = {};
	struct entry entry = {};

	(void)state;
	for (entry.number = 10; entry.number > 5; entry.number--)
		history_add(&session.history, &entry);
	for (entry.number = 30; entry.number > 20; entry.number--)
		history_add(&page, &entry);
	page.more = true;
	history_take(&session.history, &page, false);
	assert_int_equal(session.history.n, 10);
	assert_int_equal(session.history.entry[9].number, 21);
	assert_true(session.history.more);
	for (entry.number = 22; entry.number > 15; entry.number--)
		history_add(&page, &entry);
	history_take(&session.history, &page, true);
	assert_int_equal(session.history.n, 15);
	for (int i = 0; i < 15; i++)
		assert_int_equal(session.history.entry[i].number, 30 - i);
	history_done(&page);
}

/* A sequence of its own, the same in every run. */
static unsigned chance(unsigned below)
{
	static uint32_t state = 1;

	state = state * 1664525u + 1013904223u;
	return (state >> 8) % below;
}

static void something_happens(void)
{
	static const char *const names[] = { "x.example.com", "y.example.com", "z.example", "" };
	struct item *item = list_find(&session.list, 1 + chance(session.list.numbers + 1));
	char id[16];

	snprintf(id, sizeof(id), "r%u", chance(3000));
	switch (chance(4)) {
	case 0:
	case 1: comes(id, 1 + chance(5), names[chance(4)], "192.0.2.1"); break;
	case 2:
		if (item)
			list_set(&session.list, item, chance(ITEM_GONE + 1));
		break;
	case 3: list_fade(&session.list, chance(20) ? now_boot_ns() : UINT64_MAX / 2); break;
	}
	if (!chance(50))
		grant_add(id, names[chance(4)], chance(2) * SECOND_NS);
	if (!chance(50))
		ui_listed(&ui);
}

static void whatever_is_pressed_and_happens_a_screen_is_drawn(void **state)
{
	static const int others[] = { UI_KEY_ENTER, UI_KEY_ESCAPE, UI_KEY_UP,      UI_KEY_DOWN,
				      UI_KEY_LEFT,  UI_KEY_RIGHT,  UI_KEY_PAGE_UP, UI_KEY_PAGE_DOWN,
				      UI_KEY_HOME,  UI_KEY_END,    UI_KEY_ERASE,   UI_KEY_TAB };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		did[0] = '\0';
		something_happens();
		ui_key(&ui, chance(2) ? others[chance(12)] : (int)(' ' + chance(95)));
		if (chance(4))
			continue;
		if (!chance(100))
			assert_int_equal(canvas_resize(&canvas, 1 + chance(40), 1 + chance(120)),
					 0);
		draw();
		if (cursor() && ui.view == UI_REQUESTS && ui.mode == UI_LIST && canvas.rows > 4)
			assert_int_equal(cursor()->frame, ui.frame); /* it is in sight */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define ui_test(t) cmocka_unit_test_setup_teardown(t, screen_setup, screen_teardown)
		ui_test(enter_denies_what_is_marked_until_its_container_ends),
		ui_test(a_second_key_says_for_how_long),
		ui_test(enter_denies_also_when_it_is_asked_how_long_to_allow),
		ui_test(what_has_no_guard_is_answered_for_ever),
		ui_test(any_other_key_answers_nothing),
		ui_test(how_far_it_reaches_is_said_before_it_is_answered),
		ui_test(what_is_below_a_public_suffix_is_not_reached),
		ui_test(an_address_has_no_children_and_a_refused_name_no_address),
		ui_test(a_group_is_answered_at_once),
		ui_test(what_was_not_on_the_screen_is_not_answered),
		ui_test(what_was_on_the_screen_can_be_gone_to_and_answered_at_once),
		ui_test(the_question_is_about_what_it_was_asked_about),
		ui_test(what_got_another_name_is_not_answered_as_the_one_that_was_seen),
		ui_test(who_joins_a_group_behind_the_question_is_not_answered),
		ui_test(after_an_answer_the_next_open_one_is_marked),
		ui_test(an_answer_that_is_not_sent_says_so_and_can_be_tried_again),
		ui_test(a_failed_answer_is_shown_on_its_request),
		ui_test(who_was_first_is_shown),
		ui_test(the_first_request_is_marked_below_its_groups),
		ui_test(what_nobody_is_asked_about_is_seen_on_its_container),
		ui_test(keys_move_over_groups_and_requests),
		ui_test(the_marked_row_does_not_move_under_the_finger),
		ui_test(every_row_can_be_reached),
		ui_test(a_filter_is_typed_and_ends_with_escape),
		ui_test(help_and_details_go_back_with_any_key),
		ui_test(a_grant_shows_its_time_and_is_revoked_by_two_keys),
		ui_test(only_the_grant_that_was_asked_about_is_revoked),
		ui_test(history_is_read_to_its_end),
		ui_test(a_page_without_an_overlap_leaves_no_gap),
		ui_test(whatever_is_pressed_and_happens_a_screen_is_drawn),
	};

	return cmocka_run_group_tests_name("clearance/ui", tests, NULL, NULL);
}
