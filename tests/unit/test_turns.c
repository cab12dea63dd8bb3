// SPDX-License-Identifier: Apache-2.0
/* test_turns.c - hub/turns.c: a few at a time, users in turn */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <cmocka.h>

#include "hub/turns.h"

#define OPEN 4

static struct turns *turns;
static uint64_t told[1024]; /* tokens, as the core heard them */
static unsigned n;
static int send_error;

static int fake_send(struct msg_packet *packet, void *user)
{
	assert_ptr_equal(user, &n);
	assert_int_equal(packet->type, MSG_VERDICT);
	if (send_error)
		return send_error;
	told[n++] = packet->VERDICT.token;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	n = 0;
	send_error = 0;
	return turns_new(OPEN, fake_send, &n, &turns);
}

static int teardown(void **state)
{
	(void)state;
	turns_free(turns);
	return 0;
}

static int say_as(uint32_t uid, uint64_t token)
{
	struct msg_packet packet = { .type = MSG_VERDICT };

	packet.VERDICT.token = token;
	packet.VERDICT.uid = uid;
	return turns_say(turns, &packet, uid, token);
}

static void a_few_are_on_their_way_and_each_end_sends_one(void **state)
{
	(void)state;
	for (uint64_t token = 1; token <= 10; token++)
		assert_int_equal(say_as(4001, token), 0);
	assert_int_equal(n, OPEN);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(told[i], i + 1);
		turns_over(turns, told[i]);
		turns_over(turns, told[i]); /* twice is once */
		turns_over(turns, 99);
		assert_int_equal(n, i + 1 + OPEN < 10 ? i + 1 + OPEN : 10);
	}
	assert_int_equal(say_as(4001, 11), 0);
	assert_int_equal(n, 11);
}

static void another_user_waits_for_what_is_on_its_way_and_one_more(void **state)
{
	(void)state;
	for (uint64_t token = 1; token <= 500; token++)
		say_as(4001, token);
	say_as(4002, 1001);
	say_as(4002, 1002);
	say_as(4003, 2001);
	for (unsigned i = 0; i < 8; i++)
		turns_over(turns, told[i]);
	assert_int_equal(told[OPEN + 0], 1001);
	assert_int_equal(told[OPEN + 1], 2001);
	assert_int_equal(told[OPEN + 2], 5); /* its next, and then the other's */
	assert_int_equal(told[OPEN + 3], 1002);
	assert_int_equal(told[OPEN + 4], 6);
}

static void what_nobody_waits_for_is_not_sent(void **state)
{
	(void)state;
	for (uint64_t token = 1; token <= 10; token++)
		say_as(4001, token);
	turns_forget(turns, 5);
	turns_forget(turns, 10);
	turns_forget(turns, 1); /* it is on its way */
	turns_forget(turns, 99);
	for (unsigned i = 0; i < n; i++)
		turns_over(turns, told[i]);
	assert_int_equal(n, 8);
	assert_int_equal(told[4], 6);
	assert_int_equal(told[7], 9);
}

static void one_user_cannot_fill_the_memory(void **state)
{
	(void)state;
	for (uint64_t token = 1; token <= OPEN + TURNS_WAITING; token++)
		assert_int_equal(say_as(4001, token), 0);
	assert_int_equal(say_as(4001, 5000), -EBUSY);
	assert_int_equal(say_as(4002, 5001), 0);
	turns_over(turns, 1);
	assert_int_equal(told[OPEN], 5001);
}

static void what_cannot_be_sent_is_said_or_tried_again(void **state)
{
	(void)state;
	send_error = -EPIPE;
	assert_int_equal(say_as(4001, 1), -EPIPE);
	send_error = 0;
	for (uint64_t token = 1; token <= 6; token++)
		assert_int_equal(say_as(4001, token), 0);
	send_error = -EAGAIN;
	turns_over(turns, 1);
	assert_int_equal(n, OPEN);
	send_error = 0;
	turns_over(turns, 2);
	assert_int_equal(n, 6);
	assert_int_equal(told[4], 5);
	assert_int_equal(told[5], 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_few_are_on_their_way_and_each_end_sends_one),
		T(another_user_waits_for_what_is_on_its_way_and_one_more),
		T(what_nobody_waits_for_is_not_sent),
		T(one_user_cannot_fill_the_memory),
		T(what_cannot_be_sent_is_said_or_tried_again),
	};

	return cmocka_run_group_tests_name("unit/turns", tests, NULL, NULL);
}
