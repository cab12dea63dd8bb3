// SPDX-License-Identifier: Apache-2.0
/* test_exec.c - the parts of "exec" that need no kernel: options, prompt, summary */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "exec_options.h"
#include "exec_prompt.h"
#include "exec_summary.h"

#define SECOND UINT64_C(1000000000)

/* what the terminal got */
static char screen[8192];
static size_t used;

static void put(struct prompt *prompt, const char *data, size_t size)
{
	(void)prompt;
	assert_true(used + size < sizeof(screen));
	memcpy(screen + used, data, size);
	used += size;
	screen[used] = '\0';
}

static const char *drawn(void)
{
	used = 0;
	return screen;
}

static int fresh(void **state)
{
	struct prompt *prompt = calloc(1, sizeof(*prompt));

	prompt->put = put;
	prompt->columns = 80;
	used = 0;
	*screen = '\0';
	*state = prompt;
	return 0;
}

static int gone(void **state)
{
	free(*state);
	return 0;
}

static void a_question_appears_and_its_key_answers_it(void **state)
{
	static const char keys[] = "aAdDi";
	struct prompt *prompt = *state;
	char id[PROMPT_ID];

	for (int i = 0; keys[i]; i++) {
		assert_int_equal(prompt_ask(prompt, "g:1", "curl[1] wants 192.0.2.1:443/tcp"), 0);
		assert_int_equal(prompt_tick(prompt, SECOND), 0);
		assert_non_null(
		    strstr(drawn(), "terok: curl[1] wants 192.0.2.1:443/tcp - [a]llow"));
		*id = '\0';
		assert_int_equal(prompt_typed(prompt, &keys[i], 1, 2 * SECOND, id), i + 1);
		assert_string_equal(id, "g:1");
		/* answered: the same key is CMD's again */
		assert_int_equal(prompt_typed(prompt, &keys[i], 1, 2 * SECOND, id),
				 PROMPT_KEY_NONE);
		prompt->typed_ns = 0;
		drawn();
	}
}

static void other_keys_and_pasted_text_go_to_the_command(void **state)
{
	struct prompt *prompt = *state;
	char id[PROMPT_ID];

	prompt_ask(prompt, "g:1", "x");
	prompt_tick(prompt, SECOND);
	assert_int_equal(prompt_typed(prompt, "\x03", 1, SECOND, id), PROMPT_KEY_NONE);
	assert_int_equal(prompt_typed(prompt, "?", 1, SECOND, id), PROMPT_KEY_NONE);
	assert_int_equal(prompt_typed(prompt, "", 1, SECOND, id), PROMPT_KEY_NONE);
	assert_int_equal(prompt_typed(prompt, "aa", 2, SECOND, id), PROMPT_KEY_NONE);
	assert_int_equal(prompt_typed(prompt, "\x1b[A", 3, SECOND, id), PROMPT_KEY_NONE);
	assert_true(prompt->shown);
	assert_int_equal(prompt_typed(prompt, "a", 1, SECOND, id), PROMPT_KEY_ALLOW_ONCE);
}

static void a_question_waits_until_the_person_stops_typing(void **state)
{
	struct prompt *prompt = *state;
	char id[PROMPT_ID];

	assert_int_equal(prompt_typed(prompt, "l", 1, SECOND, id), PROMPT_KEY_NONE);
	prompt_ask(prompt, "g:1", "x");
	assert_int_equal(prompt_tick(prompt, SECOND + 1), SECOND + PROMPT_QUIET_NS);
	assert_false(prompt->shown);
	/* this key was meant for CMD: nothing had been asked on the screen */
	assert_int_equal(prompt_typed(prompt, "a", 1, SECOND + 2, id), PROMPT_KEY_NONE);
	assert_int_equal(prompt_tick(prompt, SECOND + PROMPT_QUIET_NS),
			 SECOND + 2 + PROMPT_QUIET_NS);
	assert_int_equal(prompt_tick(prompt, SECOND + 2 + PROMPT_QUIET_NS), 0);
	assert_true(prompt->shown);
}

static void output_wipes_the_question_and_draws_it_again_below(void **state)
{
	struct prompt *prompt = *state;

	prompt_output(prompt, "$ ", 2);
	prompt_ask(prompt, "g:1", "x");
	prompt_tick(prompt, SECOND);
	/* CMD's unfinished line keeps its line */
	assert_string_equal(
	    drawn(), "$ \r\n\x1b\\\x1b[0mterok: x - [a]llow once  [A]llow always  [d]eny once  "
		     "[D]eny always  [i]gnore ");
	prompt_output(prompt, "hi\r\n", 4);
	assert_string_equal(drawn(),
			    "\r\x1b[Jhi\r\n\x1b\\\x1b[0mterok: x - [a]llow once  [A]llow always  "
			    "[d]eny once  [D]eny always  [i]gnore ");
}

static void a_question_wider_than_the_terminal_is_wiped_whole(void **state)
{
	struct prompt *prompt = *state;

	prompt->columns = 40; /* 7 + 1 + 67 characters: two rows */
	prompt_ask(prompt, "g:1", "x");
	prompt_tick(prompt, SECOND);
	drawn();
	prompt_hide(prompt);
	assert_string_equal(drawn(), "\x1b[1A\r\x1b[J");
	assert_int_equal(prompt_tick(prompt, SECOND), 0);
	assert_false(prompt->shown);
}

static void questions_queue_once_each_up_to_the_limit(void **state)
{
	struct prompt *prompt = *state;
	char id[PROMPT_ID];

	for (int i = 0; i < PROMPT_MAX; i++) {
		snprintf(id, sizeof(id), "g:%d", i);
		assert_int_equal(prompt_ask(prompt, id, "x"), 0);
	}
	assert_int_equal(prompt_ask(prompt, "g:0", "x"), -EEXIST);
	assert_int_equal(prompt_ask(prompt, "g:new", "x"), -ENOSPC);
	prompt_tick(prompt, SECOND);
	assert_true(prompt_withdraw(prompt, "g:0")); /* the shown one, answered elsewhere */
	assert_false(prompt_withdraw(prompt, "g:0"));
	assert_false(prompt->shown);
	assert_true(prompt_withdraw(prompt, "g:2"));
	prompt_tick(prompt, SECOND);
	assert_int_equal(prompt_typed(prompt, "d", 1, SECOND, id), PROMPT_KEY_DENY_ONCE);
	assert_string_equal(id, "g:1");
	prompt_tick(prompt, SECOND);
	assert_int_equal(prompt_typed(prompt, "d", 1, SECOND, id), PROMPT_KEY_DENY_ONCE);
	assert_string_equal(id, "g:3");
}

static struct terok_event refusal(const char *type, const char *id, int64_t count)
{
	return (struct terok_event){ .type = type,
				     .request_id = id,
				     .count = count,
				     .dest = "192.0.2.1",
				     .domain = "",
				     .port = 443,
				     .proto = IPPROTO_TCP,
				     .reason = "default",
				     .action = "",
				     .scope = "" };
}

static void a_replayed_refusal_is_counted_once(void **state)
{
	struct summary summary = { 0 };
	struct terok_event event = refusal("request", "g:1", 1);

	(void)state;
	assert_int_equal(summary_event(&summary, &event)->count, 1);
	assert_int_equal(summary_event(&summary, &event)->count, 1);
	event.count = 5; /* four more of the same question */
	assert_int_equal(summary_event(&summary, &event)->count, 5);
	event = refusal("request", "g:2", 1); /* asked again later */
	assert_int_equal(summary_event(&summary, &event)->count, 6);
	assert_int_equal(summary.n, 1);
	assert_int_equal(summary_refusals(&summary), 6);
}

static void refusals_without_a_destination_share_one_line(void **state)
{
	struct summary summary = { 0 };
	struct terok_event event = refusal("refused", "", 1);

	(void)state;
	event.dest = "";
	event.port = 0;
	event.reason = "socket_kind";
	summary_event(&summary, &event);
	assert_int_equal(summary_event(&summary, &event)->count, 2);
	assert_int_equal(summary.n, 1);
	event.reason = "malformed";
	assert_int_equal(summary_event(&summary, &event)->count, 1);
}

static void a_verdict_finds_its_destination_after_it_was_asked_again(void **state)
{
	struct summary summary = { 0 };
	struct terok_event event = refusal("request", "g:1", 1);
	struct tried *tried = summary_event(&summary, &event);

	(void)state;
	event = refusal("request", "g:2", 1);
	summary_event(&summary, &event);
	event = refusal("verdict", "g:1", 0);
	event.action = "deny";
	event.scope = "session";
	event.ok = true;
	assert_ptr_equal(summary_event(&summary, &event), tried);
	assert_int_equal(tried->outcome, TRIED_DENIED);
	event.dest = "192.0.2.2"; /* control: nothing of ours */
	assert_null(summary_event(&summary, &event));
}

static void an_applied_verdict_is_the_outcome(void **state)
{
	struct summary summary = { 0 };
	struct terok_event event = refusal("request", "g:1", 1);
	struct tried *tried = summary_event(&summary, &event);

	(void)state;
	assert_int_equal(tried->outcome, TRIED_OPEN);
	event = refusal("verdict", "g:1", 0);
	event.action = "allow";
	event.scope = "once";
	assert_ptr_equal(summary_event(&summary, &event), tried);
	assert_int_equal(tried->outcome, TRIED_OPEN); /* not ok: nothing came of it */
	event.ok = true;
	summary_event(&summary, &event);
	assert_int_equal(tried->outcome, TRIED_ALLOWED);
	assert_string_equal(tried->scope, "once");
}

static void the_option_for_next_time_can_be_typed(void **state)
{
	static const struct {
		struct tried tried;
		const char *text;
	} cases[] = {
		{ { .dest = "192.0.2.1", .port = 443, .proto = IPPROTO_TCP }, "192.0.2.1:443/tcp" },
		{ { .dest = "2001:db8::1", .port = 53, .proto = IPPROTO_UDP },
		  "[2001:db8::1]:53/udp" },
		{ { .dest = "192.0.2.1", .proto = IPPROTO_UDP }, "192.0.2.1/udp" },
		{ { .dest = "192.0.2.1" }, "192.0.2.1" },
		{ { .dest = "2001:db8::1" }, "2001:db8::1" },
	};
	char buf[TRIED_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct dest dest;

		assert_string_equal(tried_dest(&cases[i].tried, buf), cases[i].text);
		assert_int_equal(dest_parse(buf, &dest, NULL), 0);
		assert_int_equal(dest.port, cases[i].tried.port);
		assert_int_equal(dest.proto, cases[i].tried.proto);
	}
}

static void the_summary_says_what_was_refused_and_how_to_allow_it(void **state)
{
	static struct summary summary;
	struct terok_event event = refusal("request", "g:1", 2);
	struct ending ending = { .name = "n",
				 .killed = 2,
				 .counted = true,
				 .counts = { .allowed = 3, .refused = 5, .delivered = 5 } };
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	summary_event(&summary, &event);
	summary_print(&summary, &ending, file);
	summary_json(&summary, &ending, file);
	fclose(file);
	assert_non_null(
	    strstr(text, "8 attempts, 3 allowed, 5 refused (5 delivered, 0 limited, 0 l"));
	assert_non_null(strstr(text, "192.0.2.1:443/tcp refused 2 times (default), not answered; "
				     "to allow it next time: --allow 192.0.2.1:443/tcp\n"));
	assert_non_null(strstr(text, "and 3 more that were counted, not told one by one\n"));
	assert_non_null(strstr(text, "2 processes left behind were killed"));
	assert_non_null(strstr(text, "\"outcome\":\"unanswered\",\"scope\":\"\","
				     "\"allow\":\"192.0.2.1:443/tcp\"}"));
	free(text);
}

static int parse(struct exec_options *options, struct problem *why, char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	*options = (struct exec_options){ 0 };
	return options_parse(argc, argv, options, why);
}
#define PARSE(...) parse(&options, &why, (char *[]){ "exec", __VA_ARGS__, NULL })

static void options_end_where_the_command_begins(void **state)
{
	static struct exec_options options;
	struct problem why;

	(void)state;
	assert_int_equal(PARSE("--allow", "192.0.2.1:443", "--deny=10.0.0.0/8", "--json", "--name",
			       "job-1", "--", "curl", "--json"),
			 0);
	assert_int_equal(options.n_rules, 2);
	assert_true(options.rule[0].allow);
	assert_int_equal(options.rule[0].dest.port, 443);
	assert_false(options.rule[1].allow);
	assert_int_equal(options.rule[1].dest.bits, 96 + 8);
	assert_true(options.json);
	assert_false(options.no_ask);
	assert_string_equal(options.name, "job-1");
	assert_string_equal(options.argv[0], "curl");
	assert_string_equal(options.argv[1], "--json");
	assert_int_equal(PARSE("--no-ask", "--name", "n", "curl", "--json"), 0);
	assert_true(options.no_ask);
	assert_false(options.json); /* not ours: behind CMD */
	assert_string_equal(options.argv[1], "--json");
	assert_int_equal(PARSE("curl", "--no-ask"), 0);
	assert_false(options.no_ask);
}

static void a_domain_is_a_destination_too(void **state)
{
	static struct exec_options options;
	struct problem why;

	(void)state;
	assert_int_equal(PARSE("--allow", "API.example.com.:443/tcp", "--deny", "*.example.net",
			       "--allow", "192.0.2.1", "true"),
			 0);
	assert_int_equal(options.n_rules, 3);
	assert_string_equal(options.rule[0].domain, "api.example.com");
	assert_int_equal(options.rule[0].dest.port, 443);
	assert_string_equal(options.rule[1].domain, "");
	assert_string_equal(options.rule[2].domain, "*.example.net");
	assert_false(options.rule[2].allow);
	assert_int_equal(PARSE("--allow", "!example.com", "true"), -EINVAL);
	assert_int_equal(PARSE("--allow", "example", "true"), -EINVAL);
}

static void wrong_options_are_named(void **state)
{
	static struct exec_options options;
	struct problem why;

	(void)state;
	assert_int_equal(PARSE("--nonsense", "--", "x"), -EINVAL);
	assert_int_equal(PARSE("--allow"), -EINVAL);
	assert_int_equal(PARSE("--allow", "192.0.2.300", "--", "x"), -EINVAL);
	assert_non_null(strstr(why.text, "192.0.2.300"));
	assert_int_equal(PARSE("--name", "a b", "--", "x"), -EINVAL);
	assert_int_equal(PARSE("--name=", "--", "x"), -EINVAL);
	assert_int_equal(PARSE("--"), -EINVAL);
	assert_int_equal(PARSE("--json"), -EINVAL);
}

static void a_session_that_learns_is_open_but_for_private_ranges(void **state)
{
	static struct exec_options options;
	struct problem why;

	(void)state;
	assert_int_equal(PARSE("--", "true"), 0);
	assert_int_equal(options.state, TEROK_STATE_UP);
	assert_false(options.notes);
	options = (struct exec_options){ 0 };
	assert_int_equal(learn_options_parse(0,
					     (char *[]){ "learn-session", "--deny", "192.0.2.1",
							 "curl", "--private", NULL },
					     &options, &why),
			 0);
	assert_int_equal(options.state, TEROK_STATE_DOWN);
	assert_true(options.notes);
	assert_int_equal(options.n_rules, 1);
	assert_false(options.rule[0].allow);
	assert_string_equal(options.argv[0], "curl");
	options = (struct exec_options){ 0 };
	assert_int_equal(
	    learn_options_parse(0, (char *[]){ "learn-session", "--private", "true", NULL },
				&options, &why),
	    0);
	assert_int_equal(options.state, TEROK_STATE_DOWN_ALL);
	assert_int_equal(options.n_rules, 2); /* both metadata services */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define prompt_test(t) cmocka_unit_test_setup_teardown(t, fresh, gone)
		prompt_test(a_question_appears_and_its_key_answers_it),
		prompt_test(other_keys_and_pasted_text_go_to_the_command),
		prompt_test(a_question_waits_until_the_person_stops_typing),
		prompt_test(output_wipes_the_question_and_draws_it_again_below),
		prompt_test(a_question_wider_than_the_terminal_is_wiped_whole),
		prompt_test(questions_queue_once_each_up_to_the_limit),
		cmocka_unit_test(a_replayed_refusal_is_counted_once),
		cmocka_unit_test(refusals_without_a_destination_share_one_line),
		cmocka_unit_test(a_verdict_finds_its_destination_after_it_was_asked_again),
		cmocka_unit_test(an_applied_verdict_is_the_outcome),
		cmocka_unit_test(the_option_for_next_time_can_be_typed),
		cmocka_unit_test(the_summary_says_what_was_refused_and_how_to_allow_it),
		cmocka_unit_test(options_end_where_the_command_begins),
		cmocka_unit_test(a_domain_is_a_destination_too),
		cmocka_unit_test(wrong_options_are_named),
		cmocka_unit_test(a_session_that_learns_is_open_but_for_private_ranges),
	};

	return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
