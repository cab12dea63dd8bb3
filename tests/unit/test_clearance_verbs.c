// SPDX-License-Identifier: Apache-2.0
/*
 * test_clearance_verbs.c - tools/clearance_verbs.c, _verb_answer.c: one question, and what is verb_printed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "run_verb.h"
#include "tools/clearance.h"

static void an_answer_is_sent_and_what_was_made_of_it_printed(void **state)
{
	(void)state;
	verb_runs(once_allow, "web:1", "--for", "10m", "--reach", "children", "--ports", "any",
		  NULL);
	verb_hears(
	    "\"request_id\":\"web:1\",\"action\":\"allow\",\"scope\":\"time\",\"seconds\":600,"
	    "\"reach\":\"children\",\"ports\":\"any\"");
	fake_hub_reply(&verb_hub, "{\"parameters\":{\"until_ns\":5,\"rule\":\"allow x.example\"}}");
	assert_int_equal(verb_ends(), 0);
	assert_string_equal(verb_printed, "web:1: allowed: allow x.example\n");
	verb_runs(once_answer, "web:1", "deny", "--json", NULL);
	verb_hears("\"action\":\"deny\"}");
	fake_hub_reply(&verb_hub, "{\"parameters\":{\"until_ns\":5,\"rule\":\"deny x.example\"}}");
	assert_int_equal(verb_ends(), 0);
	assert_string_equal(verb_printed, "{\"request_id\":\"web:1\",\"result\":\"denied\","
					  "\"until_ns\":5,\"rule\":\"deny x.example\"}\n");
}

static void who_was_first_is_printed_and_a_failure(void **state)
{
	static const char reply[] =
	    "{\"error\":\"org.terok.Firewall1.AlreadyAnswered\",\"parameters\":{\"request_id\":"
	    "\"web:1\",\"action\":\"deny\",\"scope\":\"forever\",\"until_ns\":0,\"uid\":1001,"
	    "\"client\":\"terok-web\",\"ok\":true}}";

	(void)state;
	verb_runs(once_allow, "web:1", NULL);
	verb_hears(".Answer");
	fake_hub_reply(&verb_hub, reply);
	assert_int_equal(verb_ends(), 1);
	assert_non_null(
	    strstr(verb_printed, "user 1001 has answered it already by terok-web: deny"));
	assert_null(strstr(verb_printed, "allowed"));
	verb_runs(once_allow, "web:1", "--json", NULL);
	verb_hears(".Answer");
	fake_hub_reply(&verb_hub, reply);
	assert_int_equal(verb_ends(), 1);
	assert_non_null(strstr(verb_printed,
			       "{\"request_id\":\"web:1\",\"result\":"
			       "\"already_answered\",\"action\":\"deny\",\"scope\":"
			       "\"forever\",\"uid\":1001,\"client\":\"terok-web\"}\n"));
}

static void what_was_not_answered_is_not_printed_as_if(void **state)
{
	static const char reply[] =
	    "{\"error\":\"org.terok.Firewall1.UnknownRequest\",\"parameters\":{\"request_id\":"
	    "\"web:1\"}}";

	(void)state;
	for (int json = 0; json < 2; json++) {
		verb_runs(once_allow, "web:1", json ? "--json" : NULL, NULL);
		verb_hears(".Answer");
		fake_hub_reply(&verb_hub, reply);
		assert_int_equal(verb_ends(), 1);
		assert_null(strstr(verb_printed, "allowed"));
		assert_null(strstr(verb_printed, "{"));
		verb_runs(once_allow, "web:1", json ? "--json" : NULL, NULL);
		verb_hears(".Answer");
		fake_hub_leave(&verb_hub);
		assert_int_equal(verb_ends(), 1);
		assert_non_null(strstr(verb_printed, "the hub went away"));
		assert_null(strstr(verb_printed, "allowed"));
	}
}

static void what_is_no_answer_is_said_before_the_hub_is_asked(void **state)
{
	static char *const bad[][4] = {
		{ "web:1", "--scope", "ever" },
		{ "web:1", "--for", "never" },
		{ "web:1", "--reach", "everything" },
		{ "web:1", "--ports", "80" },
		{ "--json" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *argv[] = { "allow", bad[i][0], bad[i][1], bad[i][2], NULL };

		assert_int_equal(once_allow(bad[i][1] ? 4 : 2, argv), -EINVAL);
	}
}

static void what_is_open_is_listed_to_its_end(void **state)
{
	char id[16];

	(void)state;
	verb_runs(once_list, NULL);
	fake_hub_stands(&verb_hub);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "web:%d", i);
		fake_hub_request(&verb_hub, id, "web", i % 2 ? "x.example.com" : "", "192.0.2.1",
				 1 + i);
	}
	verb_hears(".ListGuards");
	fake_hub_guards(&verb_hub);
	assert_int_equal(verb_ends(), 0);
	assert_non_null(strstr(verb_printed, "web:0 "));
	assert_non_null(strstr(verb_printed, "192.0.2.1:443/tcp  web  curl[4711] /usr/bin/curl"));
	assert_non_null(strstr(verb_printed, "web:299 "));
	assert_non_null(strstr(verb_printed, "x.example.com:443/tcp"));
	assert_non_null(strstr(verb_printed, "300 times"));
	verb_runs(once_list, NULL);
	fake_hub_stands(&verb_hub);
	verb_hears(".ListGuards");
	fake_hub_guards(&verb_hub);
	assert_int_equal(verb_ends(), 0);
	assert_string_equal(verb_printed, "nothing waits for an answer\n");
}

/* Page by page, each from the last entry of the one before. */
static void history_is_printed_page_by_page(void **state)
{
	(void)state;
	verb_runs(once_history, "--limit", "3", "--guard", "7", NULL);
	verb_hears("\"guard\":7,\"limit\":3");
	fake_hub_reply(&verb_hub,
		       "{\"parameters\":{\"entries\":[{\"number\":9,\"type\":\"verdict\",\"name\":"
		       "\"web\",\"dest\":\"192.0.2.1\",\"domain\":\"x.example\",\"port\":443,"
		       "\"proto\":6,\"action\":\"allow\",\"scope\":\"once\",\"ok\":true,\"uid\":7,"
		       "\"client\":\"terok-web\"},{\"number\":8,\"type\":\"request\",\"name\":"
		       "\"web\",\"dest\":\"192.0.2.1\",\"domain\":\"x.example\",\"port\":443,"
		       "\"proto\":6,\"process\":\"curl[1] /usr/bin/curl\",\"count\":4}],"
		       "\"more\":true}}");
	verb_hears("\"after\":8,\"limit\":1");
	fake_hub_reply(&verb_hub, "{\"parameters\":{\"entries\":[{\"number\":7,\"type\":"
				  "\"guard_attached\",\"name\":\"web\"}],\"more\":true}}");
	assert_int_equal(verb_ends(), 0);
	assert_non_null(strstr(verb_printed,
			       "allowed    web                   x.example:443/tcp  once, "
			       "uid 7 terok-web\n"));
	assert_non_null(strstr(verb_printed, "asked      web                   x.example:443/tcp  "
					     "curl[1] /usr/bin/curl  4 times\n"));
	assert_non_null(strstr(verb_printed, "guarded    web"));
	verb_runs(once_history, NULL);
	verb_hears(".History");
	fake_hub_reply(&verb_hub, "{\"parameters\":{\"entries\":[],\"more\":false}}");
	assert_int_equal(verb_ends(), 0);
	assert_string_equal(verb_printed, "nothing has happened\n");
}

static void a_history_that_cannot_be_read_is_a_failure(void **state)
{
	(void)state;
	verb_runs(once_export, "--json", NULL);
	verb_hears(".History");
	fake_hub_reply(&verb_hub, "{\"parameters\":{\"entries\":[{\"number\":9}],\"more\":true}}");
	verb_hears("\"after\":9");
	fake_hub_reply(&verb_hub, "{\"error\":\"org.terok.Firewall1.NoHistory\",\"parameters\":{"
				  "\"reason\":\"the disk is full\"}}");
	assert_int_equal(verb_ends(), 1);
	assert_non_null(strstr(verb_printed, "{\"number\":9"));
	assert_non_null(strstr(verb_printed, "the disk is full"));
}

static void grants_are_listed_with_what_is_left_and_revoked(void **state)
{
	(void)state;
	verb_runs(once_grants, "--guard", "3", NULL);
	verb_hears("\"guard\":3");
	fake_hub_reply(
	    &verb_hub,
	    "{\"parameters\":{\"grants\":[{\"guard\":3,\"name\":\"web\",\"grant\":\"g77\","
	    "\"dest\":\"2001:db8::1\",\"port\":443,\"proto\":6,\"action\":\"allow\","
	    "\"scope\":\"time\",\"until_ns\":9000000000000000000,\"uid\":7}],\"more\":true}}");
	assert_int_equal(verb_ends(), 0);
	assert_non_null(strstr(verb_printed, "g77 "));
	assert_non_null(
	    strstr(verb_printed, "web                   [2001:db8::1]:443/tcp  by uid 7"));
	assert_non_null(strstr(verb_printed, "there are more than these"));
	verb_runs(once_grants, NULL);
	verb_hears(".ListGrants");
	fake_hub_reply(&verb_hub, "{\"parameters\":{\"grants\":[],\"more\":false}}");
	assert_int_equal(verb_ends(), 0);
	assert_string_equal(verb_printed, "no grants\n");
	verb_runs(once_revoke, "g77", NULL);
	verb_hears("\"grant\":\"g77\"");
	fake_hub_reply(&verb_hub, "{\"parameters\":{}}");
	assert_int_equal(verb_ends(), 0);
	assert_string_equal(verb_printed, "g77: revoked\n");
	verb_runs(once_revoke, "g77", NULL);
	verb_hears(".Revoke");
	fake_hub_reply(&verb_hub, "{\"error\":\"org.terok.Firewall1.UnknownGrant\",\"parameters\":{"
				  "\"grant\":\"g77\"}}");
	assert_int_equal(verb_ends(), 1);
	assert_null(strstr(verb_printed, "g77: revoked"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define verb_test(t) cmocka_unit_test_setup_teardown(t, verb_setup, verb_teardown)
		verb_test(an_answer_is_sent_and_what_was_made_of_it_printed),
		verb_test(who_was_first_is_printed_and_a_failure),
		verb_test(what_was_not_answered_is_not_printed_as_if),
		verb_test(what_is_no_answer_is_said_before_the_hub_is_asked),
		verb_test(what_is_open_is_listed_to_its_end),
		verb_test(grants_are_listed_with_what_is_left_and_revoked),
		verb_test(history_is_printed_page_by_page),
		verb_test(a_history_that_cannot_be_read_is_a_failure),
	};

	return cmocka_run_group_tests_name("clearance/verbs", tests, NULL, NULL);
}
