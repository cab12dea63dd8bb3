// SPDX-License-Identifier: Apache-2.0
/* test_clearance_plain.c - tools/clearance_plain.c, _stream.c: lines in and out, as in a pipe */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "run_verb.h"
#include "tools/clearance.h"

static int plain(int argc, char **argv)
{
	return plain_run(argv[argc - 1], false, false);
}

static int stream(int argc, char **argv)
{
	return stream_run(argv[argc - 1], false);
}

static void starts(int (*verb)(int argc, char **argv))
{
	verb_runs(verb, NULL);
	fake_hub_stands(&verb_hub);
	verb_hears(".ListGuards");
	fake_hub_guards(&verb_hub);
}

static void verdict(const char *id, const char *action)
{
	fake_hub_reply(&verb_hub, "{\"parameters\":{\"until_ns\":0,\"rule\":\"\"}}");
	fake_hub_event(&verb_hub,
		       "\"type\":\"verdict\",\"request_id\":\"%s\",\"action\":\"%s\",\"scope\":"
		       "\"session\",\"ok\":true,\"uid\":1001",
		       id, action);
}

static void requests_are_lines_and_answers_are_typed(void **state)
{
	(void)state;
	starts(plain);
	fake_hub_request(&verb_hub, "web:1", "web", "x.example.com", "192.0.2.1", 1);
	assert_true(verb_prints("[1] BLOCKED  x.example.com:443/tcp  web  curl[4711] "
				"/usr/bin/curl  (no rule allows it)\n"));
	verb_types("a 1 once children any\n");
	verb_hears("\"request_id\":\"web:1\",\"action\":\"allow\",\"scope\":\"once\",\"reach\":"
		   "\"children\",\"ports\":\"any\"");
	verdict("web:1", "allow");
	assert_true(verb_prints("[1] allowed  x.example.com:443/tcp"));
	verb_types("d 1\n");
	assert_true(verb_prints("- request 1 is allowed\n"));
	verb_types("a 7\n");
	assert_true(verb_prints("- no request 7; l lists them\n"));
	verb_types("q\n");
	assert_int_equal(verb_ends(), 0);
}

static void what_has_no_guard_is_answered_for_ever(void **state)
{
	(void)state;
	starts(plain);
	fake_hub_event(&verb_hub,
		       "\"type\":\"request\",\"request_id\":\"web:1\",\"container\":\"web\","
		       "\"dest\":\"192.0.2.1\",\"port\":443,\"proto\":6");
	assert_true(verb_prints("[1] BLOCKED  192.0.2.1:443/tcp  web\n"));
	verb_types("a 1\n");
	verb_hears("\"action\":\"allow\",\"scope\":\"forever\"}");
	verdict("web:1", "allow");
	verb_types(NULL);
	assert_int_equal(verb_ends(), 0);
}

static void a_container_a_domain_and_a_name_are_answered_as_a_whole(void **state)
{
	static const char *const words[] = { "web", "example.com", "x.example.com",
					     "X.example.COM" };
	static const unsigned n[] = { 4, 2, 1, 1 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		char line[64], said[80];

		starts(plain);
		fake_hub_request(&verb_hub, "web:1", "web", "x.example.com", "192.0.2.1", 1);
		fake_hub_request(&verb_hub, "web:2", "web", "y.example.com", "192.0.2.2", 1);
		fake_hub_request(&verb_hub, "web:3", "web", "example.net", "192.0.2.3", 1);
		fake_hub_request(&verb_hub, "web:4", "web", "", "192.0.2.4", 1);
		fake_hub_request(&verb_hub, "box:5", "box", "", "192.0.2.4", 1);
		assert_true(verb_prints("[5] BLOCKED"));
		snprintf(line, sizeof(line), "d %s\n", words[i]);
		snprintf(said, sizeof(said), "- denying %u request%s of %s\n", n[i],
			 n[i] == 1 ? "" : "s", words[i]);
		verb_types(line);
		for (unsigned k = 0; k < n[i]; k++)
			verb_hears("\"request_id\":\"web:");
		assert_true(verb_prints(said));
		assert_null(fake_hub_hear(&verb_hub, 0));
		verb_types("d nobody.example\n");
		assert_true(verb_prints("- nothing of nobody.example is open"));
		fake_hub_leave(&verb_hub);
		assert_int_equal(verb_ends(), 1);
	}
}

static void what_is_open_is_listed_by_container(void **state)
{
	(void)state;
	starts(plain);
	fake_hub_request(&verb_hub, "web:1", "web", "x.example.com", "192.0.2.1", 1);
	fake_hub_request(&verb_hub, "box:2", "box", "", "192.0.2.2", 1);
	fake_hub_request(&verb_hub, "web:3", "web", "y.example.com", "192.0.2.3", 1);
	assert_true(verb_prints("[3] BLOCKED"));
	verb_types("l nobody\n");
	assert_true(verb_prints("- nothing that is open has this text\n"));
	verb_types("l Y.EXAMPLE\n");
	assert_true(verb_prints("text\n[3] BLOCKED  y.example.com:443/tcp"));
	verb_types("l\n");
	verb_types(NULL);
	assert_int_equal(verb_ends(), 0);
	assert_non_null(strstr(verb_printed, "- web: 2 open\n- example.com: 2 open\n[1] BLOCKED"));
	assert_non_null(strstr(verb_printed, "(no rule allows it)\n- box: 1 open\n[2] BLOCKED"));
}

/* As in echo "a 1" | terok-clearance: what became of the answer is what was asked for. */
static void an_input_that_ends_leaves_no_answer_untold(void **state)
{
	(void)state;
	starts(plain);
	fake_hub_request(&verb_hub, "web:1", "web", "", "192.0.2.1", 1);
	assert_true(verb_prints("[1] BLOCKED"));
	verb_types("a 1\np\n");
	verb_types(NULL);
	verb_hears(".Answer");
	verb_hears(".History");
	verdict("web:1", "allow");
	fake_hub_reply(&verb_hub,
		       "{\"parameters\":{\"entries\":[{\"number\":9,\"type\":\"guard_attached\","
		       "\"name\":\"web\"}],\"more\":false}}");
	assert_int_equal(verb_ends(), 0);
	assert_non_null(strstr(verb_printed, "[1] allowed"));
	assert_non_null(strstr(verb_printed, "guarded    web"));
}

/* By its number in the list that was printed, whatever has come since. */
static void what_holds_is_listed_and_revoked_by_its_number(void **state)
{
	(void)state;
	starts(plain);
	verb_types("r 1\n");
	assert_true(verb_prints("- no such number; g lists what holds\n"));
	verb_types("g\n");
	verb_hears(".ListGrants");
	fake_hub_reply(
	    &verb_hub,
	    "{\"parameters\":{\"grants\":[{\"guard\":1,\"name\":\"web\",\"grant\":\"g77\","
	    "\"dest\":\"x.example\",\"port\":443,\"proto\":6,\"action\":\"allow\","
	    "\"scope\":\"session\",\"until_ns\":0,\"uid\":7,\"since_ns\":1},{\"guard\":1,"
	    "\"name\":\"web\",\"grant\":\"g78\",\"dest\":\"*.y.example\",\"port\":0,"
	    "\"proto\":0,\"action\":\"deny\",\"scope\":\"forever\",\"until_ns\":0,"
	    "\"uid\":7,\"since_ns\":1}],\"more\":false}}");
	assert_true(
	    verb_prints("(1) allow   container  web                   x.example:443/tcp  by "
			"uid 7\n(2) deny    ever       web                   *.y.example  "
			"by uid 7\n"));
	verb_types("r 3\nr 2\n");
	verb_hears("\"grant\":\"g78\"");
	fake_hub_reply(&verb_hub, "{\"parameters\":{}}");
	assert_true(verb_prints("- revoked\n"));
	verb_types("q\n");
	assert_int_equal(verb_ends(), 0);
}

static const char evil[] = "\\u001b]0;owned\\u0007\\u001b[2J\\u202egpj.exe\\u2066\\u0085\\u009b31m"
			   "\\r\\nLOOK\\b\\u007f\xe2\x80\xae\xf0\x9f\x98\x80";

static void hostile(void)
{
	for (int i = 0; i < 2; i++)
		fake_hub_event(
		    &verb_hub,
		    "\"type\":\"%s\",\"request_id\":\"web:1\",\"guard\":1,\"container\":"
		    "\"%s\",\"name\":\"%s\",\"dest\":\"%s\",\"domain\":\"%s\",\"port\":443,"
		    "\"proto\":6,\"count\":1,\"reason\":\"%s\",\"state\":\"%s\"",
		    i ? "guard_state" : "request", evil, evil, evil, evil, evil, evil);
}

static void is_printable(void)
{
	for (const char *p = verb_printed; *p; p++)
		assert_true((*p >= ' ' && *p <= '~') || *p == '\n');
}

static void what_a_terminal_would_obey_is_in_no_line(void **state)
{
	(void)state;
	starts(plain);
	hostile();
	assert_true(verb_prints("[1] BLOCKED"));
	assert_true(verb_prints("LOOK"));
	verb_types("l\n");
	verb_types(NULL);
	assert_int_equal(verb_ends(), 0);
	is_printable();
}

static void what_a_terminal_would_obey_is_in_no_json(void **state)
{
	(void)state;
	starts(stream);
	hostile();
	assert_true(verb_prints("guard_state"));
	fake_hub_leave(&verb_hub);
	assert_int_equal(verb_ends(), 1);
	is_printable();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define plain_test(t) cmocka_unit_test_setup_teardown(t, verb_setup, verb_teardown)
		plain_test(requests_are_lines_and_answers_are_typed),
		plain_test(what_has_no_guard_is_answered_for_ever),
		plain_test(a_container_a_domain_and_a_name_are_answered_as_a_whole),
		plain_test(what_is_open_is_listed_by_container),
		plain_test(an_input_that_ends_leaves_no_answer_untold),
		plain_test(what_holds_is_listed_and_revoked_by_its_number),
		plain_test(what_a_terminal_would_obey_is_in_no_line),
		plain_test(what_a_terminal_would_obey_is_in_no_json),
	};

	return cmocka_run_group_tests_name("clearance/plain", tests, NULL, NULL);
}
