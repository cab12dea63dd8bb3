// SPDX-License-Identifier: Apache-2.0
/* test_clearance_tui.c - tools/clearance_tui.c: a key answers what is seen as selected */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* a program's own sources are in no archive */
#include "tools/clearance_session.c"
#undef COPY
#define events tui_events
#include "tools/clearance_tui.c"

static struct item *comes(struct tui *tui, const char *id)
{
	const struct terok_event event = {
		.type = "request",
		.request_id = id,
		.guard = 1,
		.name = "box",
		.dest = "192.0.2.1",
		.reason = "default",
		.hook = "",
		.process = { .comm = "", .parent_comm = "", .exe = "", .cmdline = "" }
	};

	on_request(&tui->session, &event);
	return item_by_id(&tui->session, id);
}

static void what_is_selected_stays_so_while_others_come(void **state)
{
	FILE *null = fopen("/dev/null", "r+");
	SCREEN *screen = newterm("xterm", null, null);
	struct tui tui = { .scope = SCOPE_DEFAULT };
	struct item *old, *seen;

	(void)state;
	if (!screen)
		skip();
	tui.session.face = &face;
	tui.session.user = &tui;
	old = comes(&tui, "box:1");
	assert_int_equal(tui.selected, old->number);
	item_end(&tui.session, old, ITEM_ALLOWED);
	old->ended_ns = now_boot_ns() - STAY_NS; /* out of sight */
	seen = comes(&tui, "box:2");
	assert_int_equal(tui.selected, seen->number);
	comes(&tui, "box:3");
	assert_int_equal(tui.selected, seen->number);
	session_stop(&tui.session);
	endwin();
	delscreen(screen);
	fclose(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_selected_stays_so_while_others_come),
	};

	return cmocka_run_group_tests_name("clearance/tui", tests, NULL, NULL);
}
