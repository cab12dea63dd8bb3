// SPDX-License-Identifier: Apache-2.0
/* test_grpc.c - calls: messages both ways, who may, how they end, who is slow */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit/grpc_pair.h"

#define BIG (4 << 20)

/* --- calls ---------------------------------------------------------------------------- */

static void a_message_comes_back_with_a_status(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Echo");
	assert_int_equal(grpc_send(heard.call, "hello", 5), 0);
	grpc_half_close(heard.call);
	assert_int_equal(grpc_send(heard.call, "more", 4), -EPIPE);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_OK);
	assert_string_equal(heard.text, "");
	assert_int_equal(heard.messages, 1);
	assert_string_equal(heard.last, "hello");
	assert_int_equal(now.admitted, 1);
}

static void messages_go_both_ways_while_the_call_is_open(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Echo");
	for (unsigned i = 0; i < 100; i++) {
		char text[8];
		int n = snprintf(text, sizeof(text), "%u", i);

		assert_int_equal(grpc_send(heard.call, text, (size_t)n), 0);
		await(&heard.messages, i + 1);
		assert_string_equal(heard.last, text);
	}
	assert_int_equal(heard.overs, 0);
	grpc_half_close(heard.call);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_OK);
}

static void a_message_without_bytes_is_one(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Echo");
	assert_int_equal(grpc_send(heard.call, NULL, 0), 0);
	await(&heard.messages, 1);
	assert_int_equal(heard.bytes, 0);
}

static void four_mebibytes_pass_and_one_byte_more_does_not(void **state)
{
	_cleanup_free_ char *big = calloc(1, BIG + 1);
	static struct heard heard;

	(void)state;
	assert_non_null(big);
	up();
	call(&heard, "/t.T/Echo");
	assert_int_equal(grpc_send(heard.call, big, BIG + 1), -EMSGSIZE);
	assert_int_equal(grpc_send(heard.call, big, BIG), 0);
	grpc_half_close(heard.call);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_OK);
	assert_int_equal(heard.bytes, BIG);
}

static void a_message_longer_than_the_server_takes_ends_the_call(void **state)
{
	static struct heard heard;
	char bytes[101] = "";

	(void)state;
	now.limits.message = 100;
	up();
	call(&heard, "/t.T/Silent");
	assert_int_equal(grpc_send(heard.call, bytes, 100), 0);
	await(&now.asked.messages, 1);
	assert_int_equal(grpc_send(heard.call, bytes, 101), 0);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_RESOURCE_EXHAUSTED);
	assert_int_equal(now.asked.overs, 1);
	assert_int_equal(now.asked.code, GRPC_RESOURCE_EXHAUSTED);
	assert_int_equal(now.downs, 0);
}

static void a_refusal_says_why_in_any_letters(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Refuse");
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_PERMISSION_DENIED);
	assert_string_equal(heard.text, "not \"you\": 100 %, gr\xc3\xbc\xc3\x9f"
					"e\n");
}

static void a_method_that_is_not_there_is_unimplemented(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Ech");
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_UNIMPLEMENTED);
	assert_int_equal(now.admitted, 0);
}

static void headers_of_ours_arrive_and_those_of_grpc_are_refused(void **state)
{
	const struct grpc_metadata md[] = { { "authorization", "Bearer x" },
					    { "a", "1" },
					    { "a", "2" } };
	const struct grpc_metadata bad[] = { { "grpc-status", "0" } }, upper[] = { { "A", "1" } },
				   line[] = { { "a", "1\r\nb: 2" } };
	static struct heard heard = {};

	(void)state;
	up();
	assert_int_equal(grpc_call_new(now.channel, "/t.T/Silent", bad, 1, 0, &client_events,
				       &heard, &heard.call),
			 -EINVAL);
	assert_int_equal(grpc_call_new(now.channel, "/t.T/Silent", upper, 1, 0, &client_events,
				       &heard, &heard.call),
			 -EINVAL);
	assert_int_equal(grpc_call_new(now.channel, "/t.T/Silent", line, 1, 0, &client_events,
				       &heard, &heard.call),
			 -EINVAL);
	assert_int_equal(grpc_call_new(now.channel, "/t.T/Silent", md, 3, 0, &client_events, &heard,
				       &heard.call),
			 0);
	while (!now.asked.call)
		turn();
	assert_string_equal(grpc_header(now.asked.call, "authorization", 0), "Bearer x");
	assert_null(grpc_header(now.asked.call, "authorization", 1));
	assert_string_equal(grpc_header(now.asked.call, "a", 1), "2");
	assert_string_equal(grpc_path(now.asked.call), "/t.T/Silent");
	assert_string_equal(grpc_call_peer(now.asked.call)->cn, "client");
	assert_true(grpc_call_fd(now.asked.call) >= 0);
}

/* --- who may -------------------------------------------------------------------------- */

static void who_is_admitted_later_loses_no_message(void **state)
{
	static struct heard heard;

	(void)state;
	now.admits_later = true;
	up();
	call(&heard, "/t.T/Echo");
	assert_int_equal(grpc_send(heard.call, "hello", 5), 0);
	grpc_half_close(heard.call);
	await(&now.admitted, 1);
	turn();
	assert_int_equal(now.asked.messages, 0);
	grpc_admit(now.asked.call);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_OK);
	assert_string_equal(heard.last, "hello");
}

static void who_is_not_admitted_starts_nothing(void **state)
{
	static struct heard heard;

	(void)state;
	now.refuses = true;
	up();
	call(&heard, "/t.T/Echo");
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_UNAUTHENTICATED);
	assert_string_equal(heard.text, "unauthorized");
	assert_null(now.asked.call);
}

static void who_goes_before_it_is_admitted_is_over(void **state)
{
	static struct heard heard;

	(void)state;
	now.admits_later = true;
	up();
	call(&heard, "/t.T/Echo");
	await(&now.admitted, 1);
	grpc_end(heard.call, GRPC_CANCELLED, NULL);
	await(&now.asked.overs, 1);
	assert_int_equal(now.asked.code, GRPC_CANCELLED);
}

/* --- the end -------------------------------------------------------------------------- */

static void a_deadline_is_kept_on_both_sides(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call_for(&heard, "/t.T/Silent", SECOND_NS / 10, &client_events);
	while (!now.asked.call)
		turn_for(SECOND_NS / 1000);
	assert_in_range(grpc_deadline_ns(now.asked.call), 1, now_boot_ns() + SECOND_NS / 10);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_DEADLINE_EXCEEDED);
	await(&now.asked.overs, 1);
	assert_true(now.asked.code == GRPC_DEADLINE_EXCEEDED || now.asked.code == GRPC_CANCELLED);
	call(&heard, "/t.T/Echo"); /* the connection is as it was */
	assert_int_equal(grpc_send(heard.call, "x", 1), 0);
	await(&heard.messages, 1);
}

static void a_cancelled_call_is_cancelled_for_the_server(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Silent");
	assert_int_equal(grpc_send(heard.call, "x", 1), 0);
	await(&now.asked.messages, 1);
	grpc_end(heard.call, GRPC_OK, NULL);
	await(&now.asked.overs, 1);
	assert_int_equal(now.asked.code, GRPC_CANCELLED);
	turn();
	assert_int_equal(heard.overs, 0);
}

static void a_call_may_be_ended_by_its_own_message(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call_for(&heard, "/t.T/Echo", 0, &end_events);
	for (int i = 0; i < 3; i++)
		assert_int_equal(grpc_send(heard.call, "x", 1), 0);
	await(&heard.messages, 1);
	turn();
	assert_int_equal(heard.messages, 1);
	assert_int_equal(heard.overs, 0);
}

static void a_channel_may_be_freed_by_the_end_of_its_call(void **state)
{
	static struct heard one, other;

	(void)state;
	up();
	call(&other, "/t.T/Silent");
	call_for(&one, "/t.T/Refuse", 0, &free_events);
	await(&one.overs, 1);
	assert_int_equal(other.overs, 1);
	assert_int_equal(other.code, GRPC_CANCELLED);
	assert_int_equal(now.downs, 0);
	await(&now.empty, 1);
}

static void a_server_may_be_freed_by_a_call(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/FreeAll");
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_UNAVAILABLE);
	assert_int_equal(now.asked.overs, 1);
	await(&now.downs, 1);
}

static void a_channel_may_be_freed_when_it_goes_down(void **state)
{
	(void)state;
	now.frees_when_down = true;
	up();
	grpc_server_free(TAKE_PTR(now.server));
	await(&now.downs, 1);
	assert_null(now.channel);
}

static void calls_hear_that_the_server_died_before_the_channel_does(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Silent");
	turn();
	grpc_server_free(TAKE_PTR(now.server));
	await(&now.downs, 1);
	assert_int_equal(heard.overs, 1);
	assert_int_equal(heard.code, GRPC_UNAVAILABLE);
	assert_string_equal(now.why, "the peer closed the connection");
	assert_int_equal(grpc_call_new(now.channel, "/t.T/Echo", NULL, 0, 0, &client_events, &heard,
				       &heard.call),
			 -ENOTCONN);
}

static void a_server_hears_that_the_client_died(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Silent");
	turn();
	grpc_channel_free(TAKE_PTR(now.channel));
	await(&now.asked.overs, 1);
	assert_int_equal(now.asked.code, GRPC_UNAVAILABLE);
	await(&now.empty, 1);
}

static void a_closing_server_ends_what_is_there_and_begins_nothing(void **state)
{
	static struct heard heard, other;

	(void)state;
	up();
	call(&heard, "/t.T/Echo");
	turn();
	grpc_server_close(now.server);
	turn();
	assert_int_equal(grpc_call_new(now.channel, "/t.T/Echo", NULL, 0, 0, &client_events, &other,
				       &other.call),
			 -ESHUTDOWN);
	assert_int_equal(grpc_send(heard.call, "last", 4), 0);
	grpc_half_close(heard.call);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_OK);
	assert_string_equal(heard.last, "last");
	await(&now.downs, 1);
	await(&now.empty, 1);
}

static void what_is_kept_of_a_connection_stays_until_that_has_gone(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	for (unsigned i = 1; i <= 3; i++) {
		call(&heard, "/t.T/Silent");
		turn();
		assert_int_equal(now.of_this_conn, i);
	}
	assert_int_equal(now.gone, 0);
	grpc_channel_free(TAKE_PTR(now.channel));
	await(&now.gone, 1);
	assert_int_equal(now.last_gone, 3);
	assert_int_equal(now.overs_before_gone, 3); /* its calls end first */
	up();
	call(&heard, "/t.T/Silent");
	turn();
	assert_int_equal(now.of_this_conn, 1);
	grpc_server_free(TAKE_PTR(now.server));
	assert_int_equal(now.gone, 2);
}

static void who_is_cut_off_may_come_again(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Echo");
	turn();
	grpc_server_cut(now.server, "for a test");
	assert_int_equal(now.asked.code, GRPC_UNAVAILABLE); /* at once */
	assert_string_equal(now.asked.text, "for a test");
	assert_int_equal(now.gone, 1);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_UNAVAILABLE);
	await(&now.downs, 1);
	grpc_channel_free(TAKE_PTR(now.channel));
	up();
	call(&heard, "/t.T/Echo");
	turn();
	assert_int_equal(now.admitted, 2);
}

static void a_closing_channel_ends_what_is_there(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Echo");
	turn();
	grpc_channel_close(now.channel);
	assert_int_equal(now.downs, 0);
	assert_int_equal(grpc_send(heard.call, "last", 4), 0);
	grpc_half_close(heard.call);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_OK);
	await(&now.downs, 1);
}

/* --- who is slow ---------------------------------------------------------------------- */

static void a_client_that_holds_stops_the_server_and_loses_nothing(void **state)
{
	static struct heard heard;

	(void)state;
	now.flood_left = 1000; /* ten megabytes */
	up();
	call(&heard, "/t.T/Flood");
	grpc_hold(heard.call, true);
	turn_for(SECOND_NS / 5);
	assert_int_equal(heard.messages, 0);
	assert_true(now.flood_left > 800); /* a window and a queue */
	grpc_hold(heard.call, false);
	await(&heard.overs, 1);
	assert_int_equal(heard.messages, 1000);
	assert_int_equal(heard.code, GRPC_OK);
	assert_true(now.asked.drained > 0);
}

static void a_held_call_stops_no_other(void **state)
{
	static struct heard held, heard;

	(void)state;
	now.flood_left = 1000;
	up();
	call(&held, "/t.T/Flood");
	grpc_hold(held.call, true);
	turn();
	call(&heard, "/t.T/Echo");
	assert_int_equal(grpc_send(heard.call, "x", 1), 0);
	grpc_half_close(heard.call);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_OK);
}

static void a_status_waits_for_messages_that_are_held(void **state)
{
	static struct heard heard;

	(void)state;
	up();
	call(&heard, "/t.T/Echo");
	grpc_hold(heard.call, true);
	assert_int_equal(grpc_send(heard.call, "hello", 5), 0);
	grpc_half_close(heard.call);
	await(&now.asked.halves, 1);
	turn();
	assert_int_equal(heard.overs, 0);
	grpc_hold(heard.call, false);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_OK);
	assert_string_equal(heard.last, "hello");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_message_comes_back_with_a_status),
		TEST(messages_go_both_ways_while_the_call_is_open),
		TEST(a_message_without_bytes_is_one),
		TEST(four_mebibytes_pass_and_one_byte_more_does_not),
		TEST(a_message_longer_than_the_server_takes_ends_the_call),
		TEST(a_refusal_says_why_in_any_letters),
		TEST(a_method_that_is_not_there_is_unimplemented),
		TEST(headers_of_ours_arrive_and_those_of_grpc_are_refused),
		TEST(who_is_admitted_later_loses_no_message),
		TEST(who_is_not_admitted_starts_nothing),
		TEST(who_goes_before_it_is_admitted_is_over),
		TEST(a_deadline_is_kept_on_both_sides),
		TEST(a_cancelled_call_is_cancelled_for_the_server),
		TEST(a_call_may_be_ended_by_its_own_message),
		TEST(a_channel_may_be_freed_by_the_end_of_its_call),
		TEST(a_server_may_be_freed_by_a_call),
		TEST(a_channel_may_be_freed_when_it_goes_down),
		TEST(calls_hear_that_the_server_died_before_the_channel_does),
		TEST(a_server_hears_that_the_client_died),
		TEST(a_closing_server_ends_what_is_there_and_begins_nothing),
		TEST(what_is_kept_of_a_connection_stays_until_that_has_gone),
		TEST(who_is_cut_off_may_come_again),
		TEST(a_closing_channel_ends_what_is_there),
		TEST(a_client_that_holds_stops_the_server_and_loses_nothing),
		TEST(a_held_call_stops_no_other),
		TEST(a_status_waits_for_messages_that_are_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
