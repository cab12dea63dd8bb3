// SPDX-License-Identifier: Apache-2.0
/*
 * test_proxy_reply.c - proxy/reply.c: where the body of an upstream's reply ends
 *
 * Each reply is read in one piece, and in two for each place where it can be cut.
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

#include "proxy/reply.h"

static struct http_head head;
static struct reply reply;
static char body[4096], left[4096];
static size_t body_n, left_n;

static int begin(const char *text, bool bare)
{
	static char copy[4096];

	strcpy(copy, text);
	assert_int_equal(http_head_end(copy, strlen(copy)), strlen(text));
	assert_int_equal(http_head_reply(copy, strlen(text), &head), 0);
	return reply_begin(&reply, &head, bare);
}

/* What comes is behind what was not used before. */
static int feed(const char *bytes, size_t n)
{
	ssize_t r;
	size_t used;

	memcpy(left + left_n, bytes, n);
	left_n += n;
	r = reply_take(&reply, left, left_n, &used);
	if (r < 0)
		return (int)r;
	assert_true(used <= left_n && (size_t)r <= used);
	memcpy(body + body_n, left, (size_t)r);
	body_n += (size_t)r;
	memmove(left, left + used, left_n - used);
	left_n -= used;
	return 0;
}

static int feed_cut(const char *text, const char *bytes, size_t cut)
{
	int r;

	reply_done(&reply);
	body_n = left_n = 0;
	assert_int_equal(begin(text, false), 0);
	r = feed(bytes, cut);
	return r ?: feed(bytes + cut, strlen(bytes) - cut);
}

static void is_read(const char *text, const char *bytes, const char *want, size_t more)
{
	for (size_t cut = 0; cut <= strlen(bytes); cut++) {
		assert_int_equal(feed_cut(text, bytes, cut), 0);
		assert_int_equal(reply.at, REPLY_OVER);
		assert_int_equal(body_n, strlen(want));
		assert_memory_equal(body, want, body_n);
		assert_int_equal(left_n, more);
	}
}

static void is_bad(const char *text, const char *bytes)
{
	for (size_t cut = 0; cut <= strlen(bytes); cut++) {
		assert_int_equal(feed_cut(text, bytes, cut), -EBADMSG);
		assert_int_equal(reply.at, REPLY_BAD);
		left_n = 0; /* nor is what looks well behind it */
		assert_int_equal(feed("0\r\n\r\n", 5), -EBADMSG);
	}
}

#define OK     "HTTP/1.1 200 OK\r\n"
#define CHUNKS OK "Transfer-Encoding: chunked\r\n\r\n"

static int teardown(void **state)
{
	(void)state;
	reply_done(&reply);
	return 0;
}

static void a_length_ends_a_body(void **state)
{
	(void)state;
	is_read(OK "Content-Length: 5\r\n\r\n", "hello", "hello", 0);
	is_read(OK "Content-Length: 5\r\n\r\n", "helloHTTP/1.1", "hello", 8);
	assert_true(reply.keeps);
	assert_int_equal(begin(OK "Content-Length: 0\r\n\r\n", false), 0);
	assert_int_equal(reply.at, REPLY_OVER);
}

static void chunks_end_a_body_and_trailers_are_read(void **state)
{
	(void)state;
	is_read(CHUNKS, "3\r\nabc\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n",
		"abc0123456789abcdef", 0);
	assert_null(reply.after);
	is_read(CHUNKS, "1\r\na\r\n0\r\nX-Sum: 42\r\nX-Two: \r\n\r\nmore", "a", 4);
	assert_int_equal(reply.after->n, 2);
	assert_string_equal(reply.after->header[0].value, "42");
	assert_string_equal(reply.after->header[1].name, "X-Two");
}

static void what_is_no_chunk_is_bad_from_there(void **state)
{
	(void)state;
	is_bad(CHUNKS, "zz\r\nabc\r\n");
	is_bad(CHUNKS, "-3\r\nabc\r\n");
	is_bad(CHUNKS, "3\nabc\r\n");
	is_bad(CHUNKS, "3\r\nabcXX0\r\n\r\n");
	is_bad(CHUNKS, "3\r\nabc\r0\r\n\r\n");
	is_bad(CHUNKS, "fffffffffffffffff\r\nabc");
	is_bad(CHUNKS, "0\r\nBad Trailer: x\r\n\r\n");
	is_bad(CHUNKS, "0\r\nX: 1\n\r\n\r\n");
}

static void trailers_have_a_size(void **state)
{
	static char bytes[REPLY_TRAILERS_MAX + 64];
	size_t used, n;

	(void)state;
	for (int over = 0; over < 2; over++) {
		reply_done(&reply);
		assert_int_equal(begin(CHUNKS, false), 0);
		n = (size_t)sprintf(bytes, "0\r\nX: ");
		memset(bytes + n, 'x', sizeof(bytes) - n);
		n = 3 + REPLY_TRAILERS_MAX + (size_t)over;
		memcpy(bytes + n - 4, "\r\n\r\n", 4);
		assert_int_equal(reply_take(&reply, bytes, n, &used), over ? -EBADMSG : 0);
		assert_int_equal(reply.at, over ? REPLY_BAD : REPLY_OVER);
	}
}

static void a_connection_ends_a_body_of_no_length_and_cuts_others(void **state)
{
	(void)state;
	assert_int_equal(feed_cut(OK "\r\n", "until the end", 5), 0);
	assert_int_equal(body_n, 13);
	assert_int_equal(reply_end(&reply), 0);
	assert_int_equal(reply.at, REPLY_OVER);
	assert_false(reply.keeps);
	assert_int_equal(feed_cut(OK "Content-Length: 5\r\n\r\n", "hell", 2), 0);
	assert_int_equal(reply_end(&reply), -EBADMSG);
	assert_int_equal(feed_cut(CHUNKS, "5\r\nhello\r\n", 2), 0);
	assert_int_equal(reply_end(&reply), -EBADMSG);
	assert_int_equal(feed_cut(CHUNKS, "0\r\nX: 1\r\n", 2), 0);
	assert_int_equal(reply_end(&reply), -EBADMSG);
}

static void head_204_and_304_have_none_whatever_they_say(void **state)
{
	(void)state;
	assert_int_equal(begin(OK "Content-Length: 5\r\n\r\n", true), 0);
	assert_int_equal(reply.at, REPLY_OVER);
	assert_int_equal(begin(CHUNKS, true), 0);
	assert_int_equal(reply.at, REPLY_OVER);
	assert_int_equal(begin("HTTP/1.1 204 x\r\n\r\n", false), 0);
	assert_int_equal(reply.at, REPLY_OVER);
	assert_int_equal(begin("HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n", false), 0);
	assert_int_equal(reply.at, REPLY_OVER);
	assert_true(reply.keeps);
}

static void an_end_that_is_said_in_two_ways_is_none(void **state)
{
	static const char *const bad[] = {
		OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
		OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
		OK "Content-Length: 5, 5\r\n\r\n",
		OK "Content-Length: +5\r\n\r\n",
		OK "Content-Length:\r\n\r\n",
		OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
		OK "Transfer-Encoding: identity\r\n\r\n",
		OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 204 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(begin(bad[i], false), -EBADMSG);
		assert_int_equal(reply.at, REPLY_BAD);
		assert_false(reply.keeps);
	}
}

static void a_connection_is_kept_if_nobody_says_otherwise(void **state)
{
	(void)state;
	assert_int_equal(begin(OK "Connection: x, Close\r\nContent-Length: 1\r\n\r\n", false), 0);
	assert_false(reply.keeps);
	assert_int_equal(begin("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", false), 0);
	assert_false(reply.keeps);
	assert_int_equal(begin("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
			       "Content-Length: 1\r\n\r\n",
			       false),
			 0);
	assert_true(reply.keeps);
	assert_int_equal(begin("HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", false), 0);
	assert_true(reply.keeps);
}

static void a_204_that_says_it_has_a_body_is_the_last(void **state)
{
	(void)state;
	assert_int_equal(begin("HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", false), 0);
	assert_int_equal(reply.at, REPLY_OVER);
	assert_false(reply.keeps);
	assert_int_equal(begin("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", false), 0);
	assert_int_equal(reply.at, REPLY_OVER);
	assert_false(reply.keeps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_length_ends_a_body, teardown),
		cmocka_unit_test_teardown(chunks_end_a_body_and_trailers_are_read, teardown),
		cmocka_unit_test_teardown(what_is_no_chunk_is_bad_from_there, teardown),
		cmocka_unit_test_teardown(trailers_have_a_size, teardown),
		cmocka_unit_test_teardown(a_connection_ends_a_body_of_no_length_and_cuts_others,
					  teardown),
		cmocka_unit_test_teardown(head_204_and_304_have_none_whatever_they_say, teardown),
		cmocka_unit_test_teardown(an_end_that_is_said_in_two_ways_is_none, teardown),
		cmocka_unit_test_teardown(a_connection_is_kept_if_nobody_says_otherwise, teardown),
		cmocka_unit_test_teardown(a_204_that_says_it_has_a_body_is_the_last, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
