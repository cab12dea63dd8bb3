// SPDX-License-Identifier: Apache-2.0
/* test_request.c - hub/request.c: the life of a request, and how many there can be */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hub/request.h"

static struct requests *requests;
static uint64_t expired; /* the one that gave way last */
static unsigned n_expired;

/* In the place of libc's: whose texts were looked at shows. */
static unsigned compared;

int strcmp(const char *a, const char *b)
{
	compared++;
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

static int setup(void **state)
{
	(void)state;
	expired = n_expired = 0;
	return requests_new(&requests);
}

static int teardown(void **state)
{
	(void)state;
	requests_free(requests);
	return 0;
}

static void on_expired(const struct request *request, void *user)
{
	assert_ptr_equal(user, &expired);
	expired = request->ask;
	n_expired++;
}

/* What a core asks: a number, and a name with it; NULL: there is no room. */
static struct request *opened(uint64_t ask, uint32_t guard)
{
	struct request *request = NULL;
	char id[32];
	struct question question = { .id = id,
				     .container = "0123456789abcdef",
				     .dest = "192.0.2.1",
				     .ask = ask,
				     .guard = guard };

	snprintf(id, sizeof(id), "0123456789ab:%" PRIu64, ask);
	return request_open(requests, &question, on_expired, &expired, &request) ? NULL : request;
}

/* The one that was opened so. */
static struct request *found(uint64_t ask)
{
	char id[32];

	snprintf(id, sizeof(id), "0123456789ab:%" PRIu64, ask);
	return request_find(requests, id);
}

/* What a reader asks: no number, no guard, texts of its choice. */
static int read_as(const char *id, const char *container, const char *dest, struct request **ret)
{
	struct question question = { .id = id, .container = container, .dest = dest, .uid = 1000 };

	return request_open(requests, &question, on_expired, &expired, ret);
}

static bool is_of(const struct request *request, const void *user)
{
	return request->guard == *(const uint32_t *)user;
}

static void end_guard(uint32_t guard)
{
	requests_purge(requests, is_of, &guard);
}

static void note(const struct request *request, void *user)
{
	uint64_t *sum = user;

	assert_int_equal(request->state, REQUEST_OPEN);
	*sum = *sum * 10 + request->ask;
}

/* The open ones as decimal digits, oldest first. */
static uint64_t all_open(void)
{
	uint64_t digits = 0;

	requests_each(requests, note, &digits);
	return digits;
}

static void a_request_told_again_is_the_same(void **state)
{
	struct request *request = opened(5, 1);

	(void)state;
	assert_int_equal(request->state, REQUEST_OPEN);
	assert_ptr_equal(opened(5, 1), request);
	assert_ptr_equal(found(5), request);
	opened(5 + 1024, 1); /* of the same bucket */
	assert_ptr_equal(found(5), request);
	assert_null(found(5 + 2 * 1024));
	request_remove(requests, request);
	assert_null(found(5));
	assert_non_null(found(5 + 1024));
	assert_int_equal(n_expired, 0);
}

static void only_the_whole_id_finds_a_request(void **state)
{
	struct request *request = opened(7, 1);

	(void)state;
	assert_ptr_equal(request_find(requests, "0123456789ab:7"), request);
	assert_null(request_find(requests, "0123456789ac:7"));
	assert_null(request_find(requests, "0123456789ab:8"));
	assert_null(request_find(requests, "0123456789ab:07"));
	assert_null(request_find(requests, "0123456789ab: 7"));
	assert_null(request_find(requests, "0123456789ab:7x"));
	assert_null(request_find(requests, "0123456789ab:-7"));
	assert_null(request_find(requests, ":7"));
	assert_null(request_find(requests, "7"));
	assert_null(request_find(requests, ":"));
	assert_null(request_find(requests, ""));
	assert_null(request_find(requests, "0123456789ab:18446744073709551623")); /* 2^64 + 7 */
}

static void an_id_is_any_text_that_fits(void **state)
{
	static char longest[REQUEST_TEXT_MAX + 1], longer[REQUEST_TEXT_MAX + 2];
	struct request *request, *other = NULL;

	(void)state;
	memset(longest, 'x', REQUEST_TEXT_MAX);
	memset(longer, 'x', REQUEST_TEXT_MAX + 1);
	assert_int_equal(read_as("", "", "", &request), 0);
	assert_ptr_equal(request_find(requests, ""), request);
	assert_int_equal(read_as(longest, longest, longest, &request), 0);
	assert_ptr_equal(request_find(requests, longest), request);
	assert_string_equal(request->container, longest);
	assert_string_equal(request->dest, longest);
	assert_int_equal(read_as(longer, "c", "d", &other), -E2BIG);
	assert_int_equal(read_as("i", longer, "d", &other), -E2BIG);
	assert_int_equal(read_as("i", "c", longer, &other), -E2BIG);
	assert_null(other);
	assert_null(request_find(requests, longer));
}

/* A reader may use an id again: what was open under it can no longer be answered. */
static void an_id_that_asks_something_else_is_another_request(void **state)
{
	struct request *first, *second;

	(void)state;
	assert_int_equal(read_as("a", "box", "192.0.2.1", &first), 0);
	assert_int_equal(read_as("a", "box", "192.0.2.1", &second), 0);
	assert_ptr_equal(first, second);
	assert_int_equal(read_as("a", "other", "192.0.2.1", &second), 0);
	assert_string_equal(request_find(requests, "a")->container, "other");
	request_answering(requests, second);
	assert_int_equal(read_as("a", "other", "192.0.2.2", &first), 0);
	assert_ptr_not_equal(first, second);
	assert_true(second->dead);
	assert_ptr_equal(request_find(requests, "a"), first);
	request_reopen(requests, second); /* its answer failed: it never opens again */
	assert_ptr_equal(request_find(requests, "a"), first);
	assert_int_equal(first->state, REQUEST_OPEN);
}

/* A core's number is one question, also when its name becomes known between two tellings. */
static void a_number_is_one_question_whatever_it_is_called(void **state)
{
	struct question question = {
		.id = "c:7", .container = "c", .dest = "192.0.2.1", .ask = 7, .guard = 1
	};
	struct request *request, *again;

	(void)state;
	assert_int_equal(request_open(requests, &question, on_expired, &expired, &request), 0);
	request_answering(requests, request);
	question.dest = "one.example";
	assert_int_equal(request_open(requests, &question, on_expired, &expired, &again), 0);
	assert_ptr_equal(again, request);
	assert_string_equal(request->dest, "one.example");
	assert_string_equal(request->id, "c:7");
	assert_int_equal(request->state, REQUEST_ANSWERING);
}

static void an_answer_that_failed_opens_the_request_again(void **state)
{
	struct request *request = opened(1, 1);

	(void)state;
	opened(2, 1);
	assert_int_equal(all_open(), 12);
	request_answering(requests, request);
	assert_int_equal(all_open(), 2);
	assert_int_equal(request->state, REQUEST_ANSWERING);
	request_reopen(requests, request);
	assert_int_equal(all_open(), 12); /* in its old place */
}

static void a_request_whose_guard_ended_while_answering_never_opens_again(void **state)
{
	struct request *request = opened(1, 1);

	(void)state;
	opened(2, 1);
	opened(3, 2);
	opened(4, 1);
	request_answering(requests, request);
	end_guard(1);
	assert_int_equal(all_open(), 3);
	assert_null(found(2));
	assert_null(found(4));
	assert_true(request->dead);
	assert_null(found(1));
	assert_null(request_find(requests, "0123456789ab:1"));
	request_reopen(requests, request); /* frees it */
	assert_int_equal(all_open(), 3);

	/* control: while its guard lives, it does */
	request = found(3);
	request_answering(requests, request);
	request_reopen(requests, request);
	assert_int_equal(all_open(), 3);
}

static void the_oldest_open_one_gives_way_when_the_table_is_full(void **state)
{
	(void)state;
	for (uint64_t ask = 1; ask <= REQUEST_MAX; ask++)
		assert_non_null(opened(ask, 1));
	assert_int_equal(n_expired, 0);
	assert_non_null(opened(1, 1)); /* told again needs no room */
	assert_int_equal(n_expired, 0);
	assert_non_null(opened(REQUEST_MAX + 1, 1));
	assert_int_equal(n_expired, 1);
	assert_int_equal(expired, 1);
	assert_null(found(1));

	/* what is being answered keeps its place */
	request_answering(requests, found(2));
	assert_non_null(opened(REQUEST_MAX + 2, 1));
	assert_int_equal(expired, 3);
	assert_non_null(found(2));
	for (uint64_t ask = 4; ask <= REQUEST_MAX + 2; ask++)
		assert_non_null(found(ask));
}

static void a_table_of_answers_on_their_way_has_no_room(void **state)
{
	(void)state;
	for (uint64_t ask = 1; ask <= REQUEST_MAX; ask++)
		request_answering(requests, opened(ask, 1));
	assert_null(opened(REQUEST_MAX + 1, 1));
	assert_int_equal(n_expired, 0);
	request_reopen(requests, found(77));
	assert_non_null(opened(REQUEST_MAX + 1, 1));
	assert_int_equal(expired, 77);
	end_guard(1); /* the dead ones still count, and are freed at the end */
	assert_int_equal(all_open(), 0);
}

static void a_request_holds_its_last_telling(void **state)
{
	struct event *event = event_new(1, 0, "{}", NULL);

	(void)state;
	request_told(requests, opened(1, 1), event_ref(event), on_expired, &expired);
	request_told(requests, opened(2, 2), event_ref(event), on_expired, &expired);
	request_told(requests, opened(3, 3), event_ref(event), on_expired, &expired);
	assert_int_equal(event->refs, 4);
	request_remove(requests, found(1));
	assert_int_equal(event->refs, 3);
	end_guard(2);
	assert_int_equal(event->refs, 2);
	requests_free(requests);
	requests = NULL;
	assert_int_equal(event->refs, 1);
	event_unref(event);
}

static void a_guard_that_asks_for_everything_loses_its_own(void **state)
{
	(void)state;
	opened(1, 7);
	for (uint64_t ask = 2; ask <= 2 * REQUEST_MAX; ask++)
		opened(ask, 8);
	assert_non_null(found(1));
	assert_int_equal(n_expired, REQUEST_MAX);
	assert_int_equal(expired, REQUEST_MAX + 1);
}

/* Without guards it is the containers that share the table. */
static void a_container_that_asks_for_everything_loses_its_own(void **state)
{
	struct request *request;
	char id[32];

	(void)state;
	assert_int_equal(read_as("quiet", "quiet", "d", &request), 0);
	for (unsigned i = 0; i < 2 * REQUEST_MAX; i++) {
		snprintf(id, sizeof(id), "loud:%u", i);
		assert_int_equal(read_as(id, "loud", "d", &request), 0);
	}
	assert_non_null(request_find(requests, "quiet"));
	assert_int_equal(n_expired, REQUEST_MAX + 1);
	assert_null(request_find(requests, "loud:0"));
	assert_non_null(request_find(requests, "loud:2047"));
}

static void note_id(const struct request *request, void *user)
{
	strcat(user, request->id);
}

static struct request *asked_of(uint32_t uid, const char *id)
{
	struct request *request = NULL;
	struct question question = { .id = id, .container = "c", .dest = "d", .uid = uid };

	assert_int_equal(request_open(requests, &question, on_expired, &expired, &request), 0);
	return request;
}

static unsigned n_own(uint32_t uid)
{
	char digits[8] = "";

	requests_each_own(requests, uid, note_id, digits);
	return atoi(digits);
}

/* Many guards, none of which has much: together they do. */
static void a_user_that_asks_for_everything_loses_their_own(void **state)
{
	struct question question = { .container = "0123456789abcdef", .dest = "192.0.2.1" };
	struct request *ignored;
	char id[32];

	(void)state;
	question.id = id;
	for (unsigned i = 0; i < 3 * REQUEST_MAX; i++) {
		bool quiet = i < 3;

		snprintf(id, sizeof(id), "%s:%u", quiet ? "quiet" : "loud", i);
		question.ask = i + 1;
		question.guard = quiet ? 1 + i : 100 + i % 50;
		question.uid = quiet ? 1000 + i : 2000;
		assert_int_equal(request_open(requests, &question, on_expired, &expired, &ignored),
				 0);
	}
	assert_int_equal(n_expired, 2 * REQUEST_MAX);
	assert_non_null(request_find(requests, "quiet:0"));
	assert_non_null(request_find(requests, "quiet:1"));
	assert_non_null(request_find(requests, "quiet:2"));
	assert_null(request_find(requests, "loud:3"));
}

static void each_user_has_their_own_and_meets_no_others(void **state)
{
	struct request *first, *second, *third;

	(void)state;
	first = asked_of(1000, "1");
	second = asked_of(1001, "2");
	third = asked_of(1000, "3");
	assert_ptr_equal(request_find_own(requests, "1", 1000), first);
	assert_ptr_equal(request_find_own(requests, "2", 1001), second);
	assert_int_equal(n_own(1000), 13);
	assert_int_equal(n_own(1001), 2);
	assert_int_equal(n_own(1002), 0);
	/* one of another's is looked for as one that is not: no text of theirs is touched */
	compared = 0;
	assert_null(request_find_own(requests, "2", 1000));
	assert_null(request_find_own(requests, "1", 1001));
	assert_null(request_find_own(requests, "4", 1000));
	assert_int_equal(compared, 0);
	assert_ptr_equal(request_find(requests, "2"), second);
	assert_int_equal(compared, 1);

	request_answering(requests, first);
	assert_int_equal(n_own(1000), 3);
	request_reopen(requests, first);
	request_remove(requests, third);
	request_remove(requests, second);
	assert_int_equal(n_own(1000), 1);
	assert_int_equal(n_own(1001), 0);
	assert_null(request_find_own(requests, "2", 1001));
	asked_of(1001, "5");
	assert_int_equal(n_own(1001), 5);
}

/* Told in so many bytes, of one interface and in all. */
static void told_in(struct request *request, size_t bytes)
{
	char *text = malloc(bytes + 1);

	memset(text, 'x', bytes);
	text[bytes] = '\0';
	request_told(requests, request, event_new(1, 0, text, text), on_expired, &expired);
	free(text);
}

static void long_texts_push_out_those_of_their_own_share(void **state)
{
	const size_t longest = REQUEST_BYTES_MAX / 64;

	(void)state;
	for (uint64_t ask = 1; ask <= 10; ask++)
		told_in(opened(ask, 2), 1000);
	assert_string_equal(found(1)->event->text[FACE_FIREWALL] + 999, "x");
	assert_null(found(1)->event->text[FACE_CLEARANCE]); /* nobody asks for it later */
	for (uint64_t ask = 100; ask < 300; ask++)
		told_in(opened(ask, 1), longest);
	assert_in_range(n_expired, 200 - 64, 200 - 60);
	assert_null(found(100));
	assert_non_null(found(299));
	for (uint64_t ask = 1; ask <= 10; ask++)
		assert_non_null(found(ask));
	/* one that is longer than all there is room for is alone, and there */
	told_in(opened(400, 3), REQUEST_BYTES_MAX + 1);
	assert_non_null(found(400));
	assert_null(found(1));
}

/* Each of her guards has less than his only one: together they have more. */
static void long_texts_push_out_those_of_their_own_user(void **state)
{
	struct question question = { .container = "0123456789abcdef", .dest = "192.0.2.1" };
	struct request *request;
	char id[32];

	(void)state;
	question.id = id;
	for (unsigned i = 0; i < 400; i++) {
		bool his = i < 20;

		snprintf(id, sizeof(id), "%s:%u", his ? "his" : "hers", i);
		question.ask = i + 1;
		question.guard = his ? 1 : 100 + i % 50;
		question.uid = his ? 4002 : 4001;
		assert_int_equal(request_open(requests, &question, on_expired, &expired, &request),
				 0);
		told_in(request, REQUEST_BYTES_MAX / 200);
	}
	for (unsigned i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "his:%u", i);
		assert_non_null(request_find(requests, id));
	}
	assert_in_range(n_expired, 200, 210);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_request_told_again_is_the_same),
		T(a_guard_that_asks_for_everything_loses_its_own),
		T(only_the_whole_id_finds_a_request),
		T(an_id_is_any_text_that_fits),
		T(an_id_that_asks_something_else_is_another_request),
		T(a_number_is_one_question_whatever_it_is_called),
		T(a_container_that_asks_for_everything_loses_its_own),
		T(an_answer_that_failed_opens_the_request_again),
		T(a_request_whose_guard_ended_while_answering_never_opens_again),
		T(the_oldest_open_one_gives_way_when_the_table_is_full),
		T(a_table_of_answers_on_their_way_has_no_room),
		T(a_request_holds_its_last_telling),
		T(a_user_that_asks_for_everything_loses_their_own),
		T(each_user_has_their_own_and_meets_no_others),
		T(long_texts_push_out_those_of_their_own_share),
		T(long_texts_push_out_those_of_their_own_user),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
