// SPDX-License-Identifier: Apache-2.0
/* test_registry_executor.c - user/registry/executor.c: a plan in a session, step by step, and how it fails */
#include "registry_session.h"

#include "user/registry/executor.h"

#define ID "0123456789abcdef"

static const char text[] =
    "{\"steps\":[{\"name\":\"one\",\"uid\":0,\"gid\":7,\"command\":\"true\",\"timeout\":5},"
    "{\"name\":\"two\",\"uid\":1000,\"gid\":1001,\"cwd\":\"/w\",\"env\":{\"A\":\"b\"},"
    "\"command\":[\"cat\",\"-\"],\"stdin\":\"in\"}]}";

static struct plan *plan;
static struct executor *executor;
static unsigned ends;
static bool well, frees;

static int on_send(void *user, const void *bytes, size_t n)
{
	(void)user;
	return note_sent(bytes, n);
}

static void on_done(void *user, bool ok)
{
	(void)user;
	ends++;
	well = ok;
	if (frees)
		executor_free(TAKE_PTR(executor));
}

static struct executor_use use_of(void)
{
	return (struct executor_use){ .loop = loop,
				      .bus = bus,
				      .plan = plan,
				      .container = ID,
				      .agent = "dev",
				      .project = "proj",
				      .way = { on_send, NULL },
				      .done = on_done };
}

static int setup(void **state)
{
	(void)state;
	ends = 0;
	well = frees = false;
	executor = NULL;
	return session_begin() || plan_parse(text, strlen(text), &plan, &why);
}

static int teardown(void **state)
{
	(void)state;
	executor_free(executor);
	plan_free(plan);
	session_end();
	return 0;
}

static void begin(void)
{
	const struct executor_use use = use_of();

	assert_int_equal(executor_new(&use, &executor), 0);
	await_events(2);
}

static void say(Response *response, const char *id)
{
	response->command_id = (char *)id;
	executor_take(executor, response);
	turn_for(0);
}

static void done_with(const char *id, int code)
{
	RESPONSE(done, DONE, done, DONE, Done, said->final_exit_code = code);
	say(&done, id);
}

static void error_with(const char *id, int code, const char *message)
{
	RESPONSE(error, ERROR, error, ERROR, Error, said->code = code;
		 said->message = (char *)message);
	say(&error, id);
}

static void writes(const char *id, const char *bytes, size_t n)
{
	RESPONSE(chunk, STDERR, stderr, STDERR_CHUNK, StderrChunk,
		 said->data.data = (uint8_t *)bytes;
		 said->data.len = n);
	say(&chunk, id);
}

static void steps_come_in_their_order_and_the_agent_starts_last(void **state)
{
	const Clawker__Clawkerd__V1__PipeStage *stage;

	(void)state;
	begin();
	assert_string_equal(told(), "init.started init.step.started");
	assert_int_equal(events[0]->step_count, 3);
	assert_string_equal(events[1]->step, "one");
	assert_int_equal(n_sent, 2);
	assert_string_equal(sent[0]->command_id, "init-0123456789ab-one-0");
	stage = sent[0]->shell->stages[0];
	assert_string_equal(stage->argv[0], "/bin/sh");
	assert_string_equal(stage->argv[2], "true");
	assert_int_equal(stage->uid, 0);
	assert_int_equal(stage->gid, 7);
	assert_int_equal(sent[0]->shell->timeout_seconds, 5);
	done_with("init-0123456789ab-one-0", 0);
	assert_string_equal(sent[2]->command_id, "init-0123456789ab-two-1");
	stage = sent[2]->shell->stages[0];
	assert_string_equal(stage->argv[0], "cat");
	assert_int_equal(stage->uid, 1000);
	assert_string_equal(stage->cwd, "/w");
	assert_string_equal(stage->env[0]->key, "A");
	assert_string_equal(stage->env[0]->value, "b");
	assert_int_equal(sent[2]->shell->timeout_seconds, PLAN_TIMEOUT_S);
	assert_memory_equal(sent[2]->shell->initial_stdin.data, "in", 2);
	done_with("init-0123456789ab-two-1", 0);
	assert_int_equal(last_sent()->payload_case, COMMAND_IS(AGENT_READY));
	assert_string_equal(last_sent()->command_id, "init-0123456789ab-agent-ready-2");
	done_with("init-0123456789ab-agent-ready-2", 0);
	assert_string_equal(told(), "init.started init.step.started init.step.completed "
				    "init.step.started init.step.completed "
				    "init.step.started init.step.completed init.completed");
	assert_int_equal(ends, 1);
	assert_true(well);
}

static void the_end_of_input_follows_each_program(void **state)
{
	(void)state;
	begin();
	assert_int_equal(sent[1]->payload_case, COMMAND_IS(CLOSE_STDIN));
	assert_string_equal(sent[1]->command_id, sent[0]->command_id);
	done_with("init-0123456789ab-one-0", 0);
	assert_int_equal(n_sent, 4);
	assert_int_equal(sent[3]->payload_case, COMMAND_IS(CLOSE_STDIN));
	assert_string_equal(sent[3]->command_id, sent[2]->command_id);
}

static void without_a_plan_the_agent_starts_at_once(void **state)
{
	(void)state;
	plan_free(TAKE_PTR(plan));
	begin();
	assert_int_equal(n_sent, 1);
	assert_string_equal(sent[0]->command_id, "init-0123456789ab-agent-ready-0");
	assert_int_equal(events[0]->step_count, 1);
}

static void the_first_step_that_fails_ends_it(void **state)
{
	(void)state;
	begin();
	writes("init-0123456789ab-one-0", "oh \0 no\n", 8);
	done_with("init-0123456789ab-one-0", 3);
	assert_string_equal(told(), "init.started init.step.started init.step.failed init.failed");
	assert_string_equal(events[2]->reason, "exit_code");
	assert_int_equal(events[2]->exit_code, 3);
	assert_string_equal(events[2]->detail, "exit_code=3; stderr: oh ? no\n");
	assert_string_equal(events[3]->step, "one");
	assert_int_equal(n_sent, 2);
	assert_int_equal(ends, 1);
	assert_false(well);
	done_with("init-0123456789ab-one-0", 0);
	assert_int_equal(n_events, 4);
}

static void each_error_has_its_reason(void **state)
{
	static const struct {
		int code;
		const char *reason;
	} row[] = {
		{ CODE_IS(TIMEOUT), "timeout" },
		{ CODE_IS(SPAWN_FAILED), "spawn_failed" },
		{ CODE_IS(IO_ERROR), "io_error" },
		{ CODE_IS(NOT_FOUND), "io_error" },
		{ CODE_IS(INVALID_REQUEST), "protocol_error" },
		{ CODE_IS(UNKNOWN_COMMAND_ID), "protocol_error" },
		{ CODE_IS(UNSPECIFIED), "unknown" },
		{ 77, "unknown" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(*row); i++) {
		begin();
		error_with("init-0123456789ab-one-0", row[i].code, "so it is");
		assert_string_equal(last_event()->reason, row[i].reason);
		assert_non_null(strstr(last_event()->detail, ": so it is"));
		executor_free(TAKE_PTR(executor));
		forget_events();
		forget_sent();
	}
}

static void a_session_that_breaks_is_a_step_that_fails(void **state)
{
	(void)state;
	begin();
	executor_broken(executor, "eof");
	turn_for(0);
	assert_string_equal(told(), "init.started init.step.started init.step.failed init.failed");
	assert_string_equal(events[2]->reason, "transport_error");
	assert_int_equal(events[2]->exit_code, -1);
	executor_free(TAKE_PTR(executor));
	forget_events();

	send_fails = -ENOBUFS;
	frees = true; /* who is told may free it */
	begin();
	await_events(4);
	assert_string_equal(last_event()->reason, "transport_error");
	assert_int_equal(ends, 2);
	assert_null(executor);
}

static void what_breaks_before_it_began_has_no_step(void **state)
{
	const struct executor_use use = use_of();

	(void)state;
	assert_int_equal(executor_new(&use, &executor), 0);
	executor_broken(executor, "eof");
	turn_for(0);
	assert_int_equal(n_events, 0);
	assert_int_equal(ends, 1);
}

static void what_is_for_others_is_ignored(void **state)
{
	(void)state;
	begin();
	done_with("init-0123456789ab-one-1", 0);
	done_with("", 0);
	error_with("register-" ID, CODE_IS(TIMEOUT), "");
	{
		RESPONSE(ack, HELLO_ACK, hello_ack, HELLO_ACK, HelloAck, );
		say(&ack, "init-0123456789ab-one-0");
	}
	{
		Response none = CLAWKER__CLAWKERD__V1__RESPONSE__INIT;
		say(&none, "init-0123456789ab-one-0");
	}
	{
		RESPONSE(started, STARTED, started, STARTED, Started, );
		say(&started, "init-0123456789ab-one-0");
	}
	assert_int_equal(n_events, 2);
	assert_int_equal(ends, 0);
	done_with("init-0123456789ab-one-0", 0);
	assert_int_equal(n_events, 4);
}

static void of_standard_error_so_much_is_kept_and_the_rest_counted(void **state)
{
	char much[3000];

	(void)state;
	memset(much, 'x', sizeof(much));
	begin();
	writes("init-0123456789ab-one-0", much, sizeof(much));
	writes("init-0123456789ab-one-0", much, 1096); /* as much as is kept */
	done_with("init-0123456789ab-one-0", 1);
	assert_null(strstr(last_event()->detail, "truncated"));
	assert_int_equal(strlen(last_event()->detail), strlen("exit_code=1; stderr: ") + 4096);
	executor_free(TAKE_PTR(executor));
	forget_events();
	begin();
	writes("init-0123456789ab-one-0", much, sizeof(much));
	writes("init-0123456789ab-one-0", much, sizeof(much));
	error_with("init-0123456789ab-one-0", CODE_IS(TIMEOUT), much);
	assert_non_null(strstr(last_event()->detail, "x... [1904 bytes truncated]"));
}

static void a_peer_that_says_nothing_is_late(void **state)
{
	struct executor_use use = use_of();

	(void)state;
	plan->step[0].timeout_s = 0;
	use.grace_ns = SECOND_NS / 50;
	assert_int_equal(executor_new(&use, &executor), 0);
	await_events(4);
	assert_string_equal(last_event()->reason, "timeout");
	assert_int_equal(ends, 1);
}

static void two_sessions_have_nothing_of_each_other(void **state)
{
	struct executor *first;

	(void)state;
	begin();
	first = TAKE_PTR(executor);
	begin();
	await_events(4);
	done_with("init-0123456789ab-one-0", 0); /* the second's */
	executor_broken(first, "eof");
	executor_free(first);
	forget_events();
	done_with("init-0123456789ab-two-1", 0);
	done_with("init-0123456789ab-agent-ready-2", 0);
	assert_true(well);
}

static void it_is_run_again_from_its_first_step(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		begin();
		assert_string_equal(events[1]->step, "one");
		done_with("init-0123456789ab-one-0", 0);
		done_with("init-0123456789ab-two-1", 0);
		done_with("init-0123456789ab-agent-ready-2", 0);
		assert_int_equal(n_events, 8);
		assert_true(well);
		executor_free(TAKE_PTR(executor));
		forget_events();
		forget_sent();
	}
}

static void nothing_that_it_needs_may_be_missing(void **state)
{
	struct executor_use use = use_of();

	(void)state;
	use.bus = NULL;
	assert_int_equal(executor_new(&use, &executor), -EINVAL);
	use = use_of();
	use.done = NULL;
	assert_int_equal(executor_new(&use, &executor), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(steps_come_in_their_order_and_the_agent_starts_last),
		TEST(the_end_of_input_follows_each_program),
		TEST(without_a_plan_the_agent_starts_at_once),
		TEST(the_first_step_that_fails_ends_it),
		TEST(each_error_has_its_reason),
		TEST(a_session_that_breaks_is_a_step_that_fails),
		TEST(what_breaks_before_it_began_has_no_step),
		TEST(what_is_for_others_is_ignored),
		TEST(of_standard_error_so_much_is_kept_and_the_rest_counted),
		TEST(a_peer_that_says_nothing_is_late),
		TEST(two_sessions_have_nothing_of_each_other),
		TEST(it_is_run_again_from_its_first_step),
		TEST(nothing_that_it_needs_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
