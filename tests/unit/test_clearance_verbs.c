// SPDX-License-Identifier: Apache-2.0
/*
 * test_clearance_verbs.c - tools/clearance_verbs.c, _verb_answer.c: one question, and what is printed
 *
 * The verb runs in a process of its own, with its output in a pipe, for it waits for the hub that
 * is played here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "fake_hub.h"
#include "tools/clearance.h"

#define ARGS_MAX 10

static struct fake_hub hub;
static pid_t pid;
static int from_fd;
static char printed[65536];

static int setup(void **state)
{
	(void)state;
	return fake_hub_open(&hub) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fake_hub_close(&hub);
	return 0;
}

/* Start @verb with these words, the last one NULL, and its hub's socket; the hub has accepted. */
static void runs(int (*verb)(int argc, char **argv), ...)
{
	char *argv[ARGS_MAX + 3] = { "verb" }, *word;
	int argc = 1, to_us[2];
	va_list words;

	va_start(words, verb);
	while (argc < ARGS_MAX && (word = va_arg(words, char *)))
		argv[argc++] = word;
	va_end(words);
	argv[argc++] = "--socket";
	argv[argc++] = hub.path;
	assert_int_equal(pipe(to_us), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		dup2(to_us[1], 1);
		dup2(to_us[1], 2);
		log_setup("verb", LOG_INFO, false);
		argc = verb(argc, argv);
		fflush(stdout);
		_exit(argc < 0);
	}
	close(to_us[1]);
	from_fd = to_us[0];
	assert_true(fake_hub_accept(&hub));
}

/* Its exit code; what it printed is in printed. */
static int ends(void)
{
	size_t n = 0;
	ssize_t got;
	int status;

	while ((got = read(from_fd, printed + n, sizeof(printed) - 1 - n)) > 0)
		n += got;
	printed[n] = '\0';
	close(from_fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fake_hub_leave(&hub);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void hears(const char *text)
{
	const char *call = fake_hub_hear(&hub, 10000);

	assert_non_null(call);
	if (!strstr(call, text))
		print_message("no '%s' in %s\n", text, call);
	assert_non_null(strstr(call, text));
}

static void an_answer_is_sent_and_what_was_made_of_it_printed(void **state)
{
	(void)state;
	runs(once_allow, "web:1", "--for", "10m", "--reach", "children", "--ports", "any", NULL);
	hears("\"request_id\":\"web:1\",\"action\":\"allow\",\"scope\":\"time\",\"seconds\":600,"
	      "\"reach\":\"children\",\"ports\":\"any\"");
	fake_hub_reply(&hub, "{\"parameters\":{\"until_ns\":5,\"rule\":\"allow x.example\"}}");
	assert_int_equal(ends(), 0);
	assert_string_equal(printed, "web:1: allowed: allow x.example\n");
	runs(once_answer, "web:1", "deny", "--json", NULL);
	hears("\"action\":\"deny\",\"scope\":\"session\"");
	fake_hub_reply(&hub, "{\"parameters\":{\"until_ns\":5,\"rule\":\"deny x.example\"}}");
	assert_int_equal(ends(), 0);
	assert_string_equal(printed, "{\"request_id\":\"web:1\",\"result\":\"denied\","
				     "\"until_ns\":5,\"rule\":\"deny x.example\"}\n");
}

static void who_was_first_is_printed_and_a_failure(void **state)
{
	static const char reply[] =
	    "{\"error\":\"org.terok.Firewall1.AlreadyAnswered\",\"parameters\":{\"request_id\":"
	    "\"web:1\",\"action\":\"deny\",\"scope\":\"forever\",\"until_ns\":0,\"uid\":1001,"
	    "\"client\":\"terok-web\",\"ok\":true}}";

	(void)state;
	runs(once_allow, "web:1", NULL);
	hears(".Answer");
	fake_hub_reply(&hub, reply);
	assert_int_equal(ends(), 1);
	assert_non_null(strstr(printed, "user 1001 has answered it already by terok-web: deny"));
	assert_null(strstr(printed, "allowed"));
	runs(once_allow, "web:1", "--json", NULL);
	hears(".Answer");
	fake_hub_reply(&hub, reply);
	assert_int_equal(ends(), 1);
	assert_non_null(strstr(printed, "{\"request_id\":\"web:1\",\"result\":"
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
		runs(once_allow, "web:1", json ? "--json" : NULL, NULL);
		hears(".Answer");
		fake_hub_reply(&hub, reply);
		assert_int_equal(ends(), 1);
		assert_null(strstr(printed, "allowed"));
		assert_null(strstr(printed, "{"));
		runs(once_allow, "web:1", json ? "--json" : NULL, NULL);
		hears(".Answer");
		fake_hub_leave(&hub);
		assert_int_equal(ends(), 1);
		assert_non_null(strstr(printed, "the hub went away"));
		assert_null(strstr(printed, "allowed"));
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
	runs(once_list, NULL);
	fake_hub_stands(&hub);
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "web:%d", i);
		fake_hub_request(&hub, id, "web", i % 2 ? "x.example.com" : "", "192.0.2.1", 1 + i);
	}
	hears(".ListGuards");
	fake_hub_guards(&hub);
	assert_int_equal(ends(), 0);
	assert_non_null(strstr(printed, "web:0 "));
	assert_non_null(strstr(printed, "192.0.2.1:443/tcp  web  curl[4711] /usr/bin/curl"));
	assert_non_null(strstr(printed, "web:299 "));
	assert_non_null(strstr(printed, "x.example.com:443/tcp"));
	assert_non_null(strstr(printed, "300 times"));
	runs(once_list, NULL);
	fake_hub_stands(&hub);
	hears(".ListGuards");
	fake_hub_guards(&hub);
	assert_int_equal(ends(), 0);
	assert_string_equal(printed, "nothing waits for an answer\n");
}

/* Page by page, each from the last entry of the one before. */
static void history_is_printed_page_by_page(void **state)
{
	(void)state;
	runs(once_history, "--limit", "3", "--guard", "7", NULL);
	hears("\"guard\":7,\"limit\":3");
	fake_hub_reply(&hub,
		       "{\"parameters\":{\"entries\":[{\"number\":9,\"type\":\"verdict\",\"name\":"
		       "\"web\",\"dest\":\"192.0.2.1\",\"domain\":\"x.example\",\"port\":443,"
		       "\"proto\":6,\"action\":\"allow\",\"scope\":\"once\",\"ok\":true,\"uid\":7,"
		       "\"client\":\"terok-web\"},{\"number\":8,\"type\":\"request\",\"name\":"
		       "\"web\",\"dest\":\"192.0.2.1\",\"domain\":\"x.example\",\"port\":443,"
		       "\"proto\":6,\"process\":\"curl[1] /usr/bin/curl\",\"count\":4}],"
		       "\"more\":true}}");
	hears("\"after\":8,\"limit\":1");
	fake_hub_reply(&hub, "{\"parameters\":{\"entries\":[{\"number\":7,\"type\":"
			     "\"guard_attached\",\"name\":\"web\"}],\"more\":true}}");
	assert_int_equal(ends(), 0);
	assert_non_null(strstr(printed, "allowed    web                   x.example:443/tcp  once, "
					"uid 7 terok-web\n"));
	assert_non_null(strstr(printed, "asked      web                   x.example:443/tcp  "
					"curl[1] /usr/bin/curl  4 times\n"));
	assert_non_null(strstr(printed, "guarded    web"));
	runs(once_history, NULL);
	hears(".History");
	fake_hub_reply(&hub, "{\"parameters\":{\"entries\":[],\"more\":false}}");
	assert_int_equal(ends(), 0);
	assert_string_equal(printed, "nothing has happened\n");
}

static void a_history_that_cannot_be_read_is_a_failure(void **state)
{
	(void)state;
	runs(once_export, "--json", NULL);
	hears(".History");
	fake_hub_reply(&hub, "{\"parameters\":{\"entries\":[{\"number\":9}],\"more\":true}}");
	hears("\"after\":9");
	fake_hub_reply(&hub, "{\"error\":\"org.terok.Firewall1.NoHistory\",\"parameters\":{"
			     "\"reason\":\"the disk is full\"}}");
	assert_int_equal(ends(), 1);
	assert_non_null(strstr(printed, "{\"number\":9"));
	assert_non_null(strstr(printed, "the disk is full"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define verb_test(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
		verb_test(an_answer_is_sent_and_what_was_made_of_it_printed),
		verb_test(who_was_first_is_printed_and_a_failure),
		verb_test(what_was_not_answered_is_not_printed_as_if),
		verb_test(what_is_no_answer_is_said_before_the_hub_is_asked),
		verb_test(what_is_open_is_listed_to_its_end),
		verb_test(history_is_printed_page_by_page),
		verb_test(a_history_that_cannot_be_read_is_a_failure),
	};

	return cmocka_run_group_tests_name("clearance/verbs", tests, NULL, NULL);
}
