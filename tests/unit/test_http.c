// SPDX-License-Identifier: Apache-2.0
/*
 * test_http.c - user/http: bytes in, bytes out, over a socket pair and the loop
 *
 * The client is this test: it writes, lets the loop run until nothing moves, and reads. What the
 * server does with a request is said by the test that sends it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "http/head.h"
#include "http/http.h"

#define BIG (3 << 20)

static struct {
	struct loop *loop;
	struct http *http;
	struct timer pause;
	struct http_request *request; /* the last one */
	void (*head)(struct http_request *request);
	size_t takes;  /* of a body, in one bite; then it waits */
	size_t body_n; /* bytes of bodies */
	unsigned heads, ends, overs, whole, empty;
	size_t fill_left; /* bytes of a stream */
	bool fill_waits;  /* once */
	bool fill_aborts; /* where it would end */
	unsigned trims;   /* of memory */
	char body[4096];
} now;

int __wrap_malloc_trim(size_t pad);

int __wrap_malloc_trim(size_t pad)
{
	(void)pad;
	now.trims++;
	return 0;
}

static int on_pause(struct timer *timer)
{
	(void)timer;
	return -ECANCELED; /* a loop that was stopped stays so */
}

/* What is to happen happens at once; nothing here waits for time to pass but tests of limits. */
static void turn_for(uint64_t ns)
{
	timer_arm(now.loop, &now.pause, now_boot_ns() + ns, on_pause);
	assert_int_equal(loop_run(now.loop), -ECANCELED);
}

static void turn(void)
{
	turn_for(SECOND_NS / 50);
}

static void ok(struct http_request *request)
{
	static const struct http_header headers[] = { { "X-A", "1" }, { "X-A", "2" } };

	assert_int_equal(http_reply(request, 200, headers, 2, "hello", 5), 0);
}

static void later(struct http_request *request)
{
	(void)request;
}

static void stream(struct http_request *request)
{
	assert_int_equal(http_stream(request, 200, NULL, 0, HTTP_UNKNOWN), 0);
}

static void on_head(struct http_request *request, void *user)
{
	(void)user;
	now.request = request;
	now.heads++;
	now.head(request);
}

static size_t on_body(struct http_request *request, const char *bytes, size_t n)
{
	(void)request;
	if (!n) {
		now.ends++;
		return 0;
	}
	n = n < now.takes ? n : now.takes;
	now.takes -= n;
	if (now.body_n + n <= sizeof(now.body))
		memcpy(now.body + now.body_n, bytes, n);
	now.body_n += n;
	return n;
}

static ssize_t on_fill(struct http_request *request, char *bytes, size_t size)
{
	(void)request;
	if (now.fill_waits) {
		now.fill_waits = false;
		return 0;
	}
	if (!now.fill_left)
		return now.fill_aborts ? HTTP_ABORT : HTTP_END;
	size = size < now.fill_left ? size : now.fill_left;
	memset(bytes, 'x', size);
	now.fill_left -= size;
	return (ssize_t)size;
}

static void on_over(struct http_request *request, bool whole)
{
	if (request == now.request)
		now.request = NULL;
	now.overs++;
	now.whole += whole;
}

static void on_empty(void *user)
{
	(void)user;
	now.empty++;
}

static const struct http_use use = { on_head, on_body, on_fill, on_over, on_empty };

static void serve(const struct http_limits *limits)
{
	const struct http_limits plain = HTTP_LIMITS;

	assert_int_equal(http_new(now.loop, limits ? limits : &plain, &use, NULL, &now.http), 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&now, 0, sizeof(now));
	now.head = ok;
	now.takes = SIZE_MAX;
	return loop_new(&now.loop);
}

static int teardown(void **state)
{
	(void)state;
	http_free(now.http);
	timer_disarm(&now.pause);
	loop_free(now.loop);
	return 0;
}

/* A connection; the client's end, which waits for no one. */
static int client(void)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends),
			 0);
	assert_int_equal(http_add(now.http, ends[1], &now), 0);
	return ends[0];
}

static void say_n(int fd, const char *text, size_t n)
{
	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
	turn();
}

static void say(int fd, const char *text)
{
	say_n(fd, text, strlen(text));
}

/* All that is there; -1 at its end, when nothing was. */
static ssize_t hear(int fd, char *ret, size_t size)
{
	size_t at = 0;
	ssize_t n;

	while (at + 1 < size && (n = read(fd, ret + at, size - 1 - at)) > 0) {
		at += (size_t)n;
		turn();
	}
	ret[at] = '\0';
	return !at && n == 0 ? -1 : (ssize_t)at;
}

static void expect(int fd, const char *what)
{
	char text[4096];

	hear(fd, text, sizeof(text));
	if (!strstr(text, what))
		fail_msg("no '%s' in: %s", what, text);
}

static void expect_closed(int fd)
{
	char text[64];

	assert_int_equal(hear(fd, text, sizeof(text)), -1);
}

/* --- requests ------------------------------------------------------------------------- */

static void a_connection_has_many_requests_in_their_order(void **state)
{
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	for (int i = 0; i < 3; i++) {
		say(fd, "GET /a%20b?c=%64 HTTP/1.1\r\nHost: x\r\n\r\n");
		expect(fd, "X-A: 1\r\nX-A: 2\r\nContent-Length: 5\r\n\r\nhello");
	}
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(now.heads, 5);
	assert_int_equal(now.overs, 5);
	assert_int_equal(now.whole, 5);
	assert_int_equal(now.empty, 0);
	close(fd);
	turn();
	assert_int_equal(now.empty, 1);
}

static void see_target(struct http_request *request)
{
	assert_string_equal(http_method(request), "BREW");
	assert_string_equal(http_target(request), "/%2e%2e/a+b?x=%00&y=%zz");
	assert_string_equal(http_version(request), "HTTP/1.1");
	assert_string_equal(http_header(request, "x-two", 0), "1");
	assert_string_equal(http_header(request, "X-TWO", 1), "2, 3");
	assert_null(http_header(request, "X-Two", 2));
	assert_ptr_equal(http_owner(request), &now);
	ok(request);
}

static void a_request_is_as_it_was_received(void **state)
{
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	now.head = see_target;
	say(fd,
	    "BREW /%2e%2e/a+b?x=%00&y=%zz HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nX-two: 2, 3\r\n\r\n");
	expect(fd, "200 OK");
	close(fd);
}

static void a_body_comes_as_fast_as_it_is_taken(void **state)
{
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	now.head = later;
	now.takes = 4;
	say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789");
	assert_int_equal(now.body_n, 4);
	turn();
	assert_int_equal(now.body_n, 4);
	now.takes = 100;
	http_wake(now.request);
	turn();
	assert_int_equal(now.body_n, 10);
	assert_memory_equal(now.body, "0123456789", 10);
	assert_int_equal(now.ends, 1);
	ok(now.request);
	turn();
	expect(fd, "hello");
	close(fd);
}

static void a_chunked_body_is_decoded(void **state)
{
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	now.head = stream;
	say(fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	assert_int_equal(http_length(now.request), HTTP_CHUNKED);
	say(fd, "3\r\nabc\r\n");
	assert_int_equal(now.body_n, 3);
	assert_int_equal(now.ends, 0);
	say(fd, "2\r\nde\r\n0\r\n\r\n");
	assert_memory_equal(now.body, "abcde", 5);
	assert_int_equal(now.ends, 1);
	expect(fd, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	close(fd);
}

static void who_asks_before_sending_is_answered(void **state)
{
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	now.head = later;
	say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	now.head = ok;
	close(fd);
	turn();
	fd = client();
	say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	expect(fd, "HTTP/1.1 200 OK\r\n");
	close(fd);
}

static void a_refused_body_is_read_and_the_connection_goes_on(void **state)
{
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
	say(fd, "12345GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(now.heads, 2);
	assert_int_equal(now.body_n, 0);
	close(fd);
}

/* --- replies -------------------------------------------------------------------------- */

static void a_stream_waits_for_both_sides(void **state)
{
	_cleanup_free_ char *text = malloc(2 * BIG);
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	now.head = stream;
	now.fill_left = BIG;
	now.fill_waits = true;
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(now.fill_left, BIG);
	http_wake(now.request);
	turn();
	assert_true(now.fill_left > 0 && now.fill_left < BIG); /* the client has not read yet */
	assert_true(hear(fd, text, 2 * BIG) > BIG);
	assert_int_equal(now.fill_left, 0);
	assert_int_equal(now.whole, 1);
	assert_non_null(strstr(text + BIG, "\r\n0\r\n\r\n"));
	close(fd);
}

static void a_stream_that_is_cut_does_not_look_whole(void **state)
{
	char text[4096];
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	now.head = stream;
	now.fill_left = 100;
	now.fill_aborts = true;
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(fd, text, sizeof(text)) > 100);
	assert_null(strstr(text, "\r\n0\r\n"));
	expect_closed(fd);
	assert_int_equal(now.overs, 1);
	assert_int_equal(now.whole, 0);
	close(fd);
}

static void a_client_that_goes_while_it_waits_ends_its_request(void **state)
{
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	now.head = later;
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(now.overs, 0);
	close(fd);
	turn();
	assert_int_equal(now.overs, 1);
	assert_int_equal(now.whole, 0);
	assert_int_equal(http_connections(now.http), 0);
}

/* --- what is refused ------------------------------------------------------------------ */

static void two_ends_of_one_body_are_refused(void **state)
{
	static const char *const bad[] = {
		"Content-Length: 1\r\nContent-Length: 1\r\n",
		"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"Content-Length: -5\r\n",
		"Content-Length: abc\r\n",
		"Content-Length: 1 2\r\n",
	};
	char text[256];

	(void)state;
	serve(NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int fd = client();

		snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n", bad[i]);
		say(fd, text);
		expect(fd, "HTTP/1.1 400 ");
		expect_closed(fd);
		close(fd);
	}
	assert_int_equal(now.heads, 0);
}

static void a_head_has_its_limit(void **state)
{
	struct http_limits limits = HTTP_LIMITS;
	char text[1024], pad[512];

	(void)state;
	limits.head = 400;
	serve(&limits);
	for (int over = 0; over < 2; over++) {
		int fd = client(),
		    n = 400 - (int)strlen("GET / HTTP/1.1\r\nHost: x\r\nA: \r\n\r\n");

		memset(pad, 'a', sizeof(pad));
		pad[n + over] = '\0';
		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n", pad);
		say(fd, text);
		expect(fd, over ? "HTTP/1.1 431 " : "HTTP/1.1 200 ");
		close(fd);
	}
	assert_int_equal(now.heads, 1);
}

static bool is_read(const char *format, int c)
{
	struct http_head head;
	char text[64];
	int n = snprintf(text, sizeof(text), format, c);

	return !http_head_request(text, (size_t)n, &head);
}

static void each_byte_may_stand_where_the_standard_has_it(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			      (c >= 'a' && c <= 'z');
		bool token = letter || (c && strchr("!#$%&'*+-.^_`|~", c));

		if (c != ':') /* where a name ends */
			assert_int_equal(is_read("GET / HTTP/1.1\r\nA%cB: v\r\n\r\n", c), token);
		if (c != ' ')
			assert_int_equal(is_read("G%cT / HTTP/1.1\r\nA: v\r\n\r\n", c), token);
		assert_int_equal(is_read("GET / HTTP/1.1\r\nA: v%cv\r\n\r\n", c),
				 c == '\t' || (c >= ' ' && c != 0x7f));
		assert_int_equal(is_read("GET /%c/ HTTP/1.1\r\nA: v\r\n\r\n", c),
				 c > ' ' && c != 0x7f);
	}
}

static void who_is_late_is_shut_out(void **state)
{
	struct http_limits limits = HTTP_LIMITS;
	int head, body, keep, waits;

	(void)state;
	limits.head_ns = limits.idle_ns = limits.keep_ns = SECOND_NS / 5;
	serve(&limits);
	head = client();
	body = client();
	keep = client();
	waits = client();
	say(keep, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	expect(keep, "hello");
	now.head = later;
	say(body, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1");
	say(waits, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	say(head, "GET / HTTP/1.1\r\n");
	assert_int_equal(http_connections(now.http), 4);
	turn_for(SECOND_NS / 2);
	assert_int_equal(http_connections(now.http), 1); /* that waits for us, not we for it */
	expect_closed(head);
	expect_closed(body);
	expect_closed(keep);
	ok(now.request);
	turn();
	expect(waits, "hello");
	close(head), close(body), close(keep), close(waits);
}

static int listener(struct sockaddr_in *at)
{
	socklen_t size = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)at, size), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
	return fd;
}

static int connect_to(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	connect(fd, (const struct sockaddr *)at, sizeof(*at));
	turn();
	return fd;
}

static void an_owner_has_so_many_connections_and_the_next_waits(void **state)
{
	struct http_limits limits = HTTP_LIMITS;
	struct sockaddr_in at, other;
	int fd[4];

	(void)state;
	limits.per_owner = 2;
	serve(&limits);
	assert_int_equal(http_listen(now.http, listener(&at), &limits), 0);
	assert_int_equal(http_listen(now.http, listener(&other), &other), 0);
	for (int i = 0; i < 3; i++)
		fd[i] = connect_to(&at);
	assert_int_equal(http_connections(now.http), 2);
	fd[3] = connect_to(&other); /* another owner is not kept out */
	assert_int_equal(http_connections(now.http), 3);
	say(fd[2], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(now.heads, 0);
	close(fd[0]);
	turn();
	expect(fd[2], "hello");
	http_unlisten(now.http, &limits);
	turn();
	assert_int_equal(http_connections(now.http), 1);
	close(fd[1]), close(fd[2]), close(fd[3]);
}

/* @n requests at once, of which a quarter stays; a second later. */
static void crowd(int n)
{
	int fd[64];

	for (int i = 0; i < n; i++) {
		fd[i] = client();
		say(fd[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	turn();
	for (int i = 0; i < n; i++)
		if (i >= n / 4)
			close(fd[i]);
	turn_for(SECOND_NS + SECOND_NS / 5);
	for (int i = 0; i < n / 4; i++)
		close(fd[i]);
	turn();
}

static void memory_of_many_requests_is_given_back_once(void **state)
{
	(void)state;
	serve(NULL);
	now.head = later;
	crowd(63);
	assert_int_equal(now.trims, 0);
	crowd(64);
	assert_int_equal(now.overs, 63 + 64);
	assert_int_equal(now.trims, 1);
	crowd(63); /* which is few again */
	assert_int_equal(now.trims, 1);
}

static void what_is_open_at_the_end_is_over(void **state)
{
	int fd;

	(void)state;
	serve(NULL);
	fd = client();
	now.head = later;
	say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	http_free(now.http);
	now.http = NULL;
	assert_int_equal(now.overs, 1);
	assert_int_equal(now.whole, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_connection_has_many_requests_in_their_order),
		T(a_request_is_as_it_was_received),
		T(a_body_comes_as_fast_as_it_is_taken),
		T(a_chunked_body_is_decoded),
		T(who_asks_before_sending_is_answered),
		T(a_refused_body_is_read_and_the_connection_goes_on),
		T(a_stream_waits_for_both_sides),
		T(a_stream_that_is_cut_does_not_look_whole),
		T(a_client_that_goes_while_it_waits_ends_its_request),
		T(two_ends_of_one_body_are_refused),
		T(a_head_has_its_limit),
		T(each_byte_may_stand_where_the_standard_has_it),
		T(who_is_late_is_shut_out),
		T(an_owner_has_so_many_connections_and_the_next_waits),
		T(memory_of_many_requests_is_given_back_once),
		T(what_is_open_at_the_end_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
