// SPDX-License-Identifier: Apache-2.0
/*
 * test_grpc_floods.c - what only an attack does to user/grpc: much of what costs a peer little, at N and one more
 *
 * HTTP/2 is said to a bare connection, by an nghttp2 of our own; TLS by an OpenSSL of our own. What our code
 * asks of malloc is counted, and descriptors are away when a case wants it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <cmocka.h>

#include "grpc/within.h"
#include "unit/grpc_pair.h"

/* --- HTTP/2 --------------------------------------------------------------------------- */

static struct {
	struct conn *conn;
	nghttp2_session *http; /* the client */
	unsigned goaways;
	uint32_t error;
	char said[64];
	char status[8]; /* the last grpc-status */
	bool timeout;   /* requests say one */
} raw;

static int on_raw_header(nghttp2_session *http, const nghttp2_frame *frame, const uint8_t *name,
			 size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags,
			 void *user)
{
	(void)http, (void)frame, (void)flags, (void)user;
	if (n_name == 11 && !memcmp(name, "grpc-status", 11))
		snprintf(raw.status, sizeof(raw.status), "%.*s", (int)n_value, (const char *)value);
	return 0;
}

static int on_raw_frame(nghttp2_session *http, const nghttp2_frame *frame, void *user)
{
	(void)http;
	(void)user;
	if (frame->hd.type != NGHTTP2_GOAWAY)
		return 0;
	raw.goaways++;
	raw.error = frame->goaway.error_code;
	snprintf(raw.said, sizeof(raw.said), "%.*s", (int)frame->goaway.opaque_data_len,
		 (const char *)frame->goaway.opaque_data);
	return 0;
}

/* What each has to say is told the other. */
static void pump(void)
{
	uint8_t bytes[PULL];
	const uint8_t *some;
	ssize_t n;

	do {
		while ((n = nghttp2_session_mem_send(raw.http, &some)) > 0 &&
		       raw.conn->state != CONN_LAST)
			assert_int_equal(session_feed(raw.conn, some, (size_t)n), 0);
		n = session_pull(raw.conn, bytes, sizeof(bytes));
		assert_true(n >= 0);
		if (n)
			assert_int_equal(nghttp2_session_mem_recv(raw.http, bytes, (size_t)n), n);
	} while (n);
}

static void asked_nothing(struct conn *conn, struct grpc_call *asked)
{
	(void)conn;
	(void)asked; /* it stays open */
}

static void down_raw(struct conn *conn, const char *why)
{
	(void)conn;
	(void)why;
}

static const struct conn_use raw_use = { .asked = asked_nothing, .down = down_raw };

/* Nobody hears what it says. */
static void begin_deaf(bool client)
{
	memset(&raw, 0, sizeof(raw));
	assert_int_equal(conn_bare(now.loop, client, &now.limits, &raw_use, NULL, &raw.conn), 0);
	conn_enter(raw.conn);
	assert_int_equal(session_new(raw.conn), 0);
}

static void begin_raw(void)
{
	nghttp2_session_callbacks *cb;

	begin_deaf(false);
	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_raw_frame);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_raw_header);
	assert_int_equal(nghttp2_session_client_new(&raw.http, cb, NULL), 0);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(raw.http, 0, NULL, 0);
	pump();
	assert_int_equal(raw.conn->state, CONN_UP);
}

static void end_raw(void)
{
	nghttp2_session_del(raw.http);
	conn_kill(raw.conn, GRPC_UNAVAILABLE, "");
	conn_leave(raw.conn);
}

static void is_calmed(const char *why)
{
	assert_int_equal(raw.goaways, 1);
	assert_int_equal(raw.error, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_string_equal(raw.said, why);
	assert_int_equal(raw.conn->state, CONN_LAST);
}

static int32_t ask_raw(const nghttp2_data_provider *provider)
{
#define H(n, v)                                                                                    \
	{                                                                                          \
		(uint8_t *)(n), (uint8_t *)(v), sizeof(n) - 1, sizeof(v) - 1, 0                    \
	}
	const nghttp2_nv nv[] = { H(":method", "POST"),
				  H(":scheme", "https"),
				  H(":path", "/a/b"),
				  H(":authority", "a"),
				  H("content-type", "application/grpc"),
				  H("grpc-timeout", "20m") };

	return nghttp2_submit_request(raw.http, NULL, nv, raw.timeout ? 6 : 5, provider, NULL);
}

static ssize_t never(nghttp2_session *http, int32_t id, uint8_t *bytes, size_t n, uint32_t *flags,
		     nghttp2_data_source *source, void *user)
{
	(void)http, (void)id, (void)bytes, (void)n, (void)flags, (void)source, (void)user;
	return NGHTTP2_ERR_DEFERRED;
}

static const nghttp2_data_provider never_ends = { .read_callback = never };

static void pings_come_as_often_as_they_may(void **state)
{
	(void)state;
	begin_raw();
	for (int i = 0; i < 3; i++) {
		nghttp2_submit_ping(raw.http, 0, NULL);
		pump();
	}
	assert_int_equal(raw.goaways, 0);
	nghttp2_submit_ping(raw.http, 0, NULL);
	pump();
	is_calmed("too_many_pings");
	end_raw();
}

static void whoever_is_told_something_may_ping_again(void **state)
{
	(void)state;
	begin_raw();
	for (int i = 0; i < 20; i++) { /* as grpc-core does to measure */
		assert_true(ask_raw(NULL) > 0);
		pump();
		grpc_end(raw.conn->calls, GRPC_OK, NULL);
		pump();
		nghttp2_submit_ping(raw.http, 0, NULL);
		pump();
	}
	assert_int_equal(raw.goaways, 0);
	end_raw();
}

static void reset(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int32_t id = ask_raw(&never_ends);

		pump();
		nghttp2_submit_rst_stream(raw.http, 0, id, NGHTTP2_CANCEL);
		pump();
	}
}

static void streams_are_reset_as_often_as_they_may(void **state)
{
	(void)state;
	now.limits.resets = 20;
	now.limits.resets_per_s = 1;
	begin_raw();
	reset(20);
	assert_int_equal(raw.goaways, 0);
	reset(1);
	is_calmed("too_many_resets");
	end_raw();
}

static void settings_come_as_often_as_they_may(void **state)
{
	(void)state;
	now.limits.controls = 10;
	now.limits.controls_per_s = 1;
	begin_raw(); /* has sent one */
	for (int i = 0; i < 9; i++) {
		nghttp2_submit_settings(raw.http, 0, NULL, 0);
		pump();
	}
	assert_int_equal(raw.goaways, 0);
	nghttp2_submit_settings(raw.http, 0, NULL, 0);
	pump();
	is_calmed("too_many_settings");
	end_raw();
}

static void frame(uint8_t type, uint8_t flags, int32_t id, const void *bytes, uint8_t n)
{
	uint8_t head[9 + 255] = {
		0, 0, n, type, flags, 0, (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id
	};

	memcpy(head + 9, bytes, n);
	assert_int_equal(session_feed(raw.conn, head, 9U + n), 0);
}

static void empty_data_comes_as_often_as_it_may(void **state)
{
	int32_t id;

	(void)state;
	now.limits.controls = 10;
	now.limits.controls_per_s = 1;
	begin_raw();
	id = ask_raw(&never_ends);
	pump();
	for (int i = 0; i < 9; i++)
		frame(NGHTTP2_DATA, 0, id, "", 0);
	assert_int_equal(raw.conn->state, CONN_UP);
	frame(NGHTTP2_DATA, 0, id, "", 0);
	pump();
	is_calmed("too_many_empty_frames");
	end_raw();
}

static void a_mistake_counts_as_often_as_a_reset(void **state)
{
	(void)state;
	now.limits.resets = 20;
	now.limits.resets_per_s = 1;
	begin_raw();
	for (unsigned i = 0; i < 21; i++) {
		int32_t id = ask_raw(&never_ends);

		assert_int_equal(raw.goaways, 0);
		pump();
		frame(NGHTTP2_WINDOW_UPDATE, 0, id, "\x7f\xff\xff\xff", 4); /* too far */
		pump();
	}
	is_calmed("too_many_errors");
	end_raw();
}

/* Who never says that it has heard our SETTINGS may ask for more than it may, and need not read what it hears. */
static void streams_are_refused_as_often_as_they_may(void **state)
{
	static const uint8_t hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" /* and SETTINGS */
				       "\0\0\0\4\0\0\0\0";
	unsigned n;

	(void)state;
	now.limits.streams = 4;
	now.limits.resets = 20;
	now.limits.resets_per_s = 1;
	begin_deaf(false);
	assert_int_equal(session_feed(raw.conn, hello, sizeof(hello)), 0);
	for (n = 0; n < 10000 && raw.conn->state == CONN_UP; n++)
		frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1 + 2 * (int)n, "\x83\x87\x84", 3);
	assert_int_equal(n, 4 + 20 + 1);
	end_raw();
}

/* Nor does a server that never says that it has heard that we want none. */
static void promises_come_as_often_as_they_may(void **state)
{
	uint8_t bytes[PULL], promise[] = { 0, 0, 0, 0, 0x82 };
	unsigned n;

	(void)state;
	now.limits.controls = 20;
	now.limits.controls_per_s = 1;
	begin_deaf(true);
	raw.http = raw.conn->http; /* which asks */
	assert_true(ask_raw(&never_ends) > 0);
	assert_true(session_pull(raw.conn, bytes, sizeof(bytes)) > 0);
	raw.http = NULL;
	frame(NGHTTP2_SETTINGS, 0, 0, "", 0);
	for (n = 0; n < 10000 && raw.conn->state == CONN_UP; n++) {
		promise[2] = (uint8_t)((2 + 2 * n) >> 8);
		promise[3] = (uint8_t)(2 + 2 * n);
		frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, promise, sizeof(promise));
	}
	assert_int_equal(n, 20); /* SETTINGS was one */
	end_raw();
}

static void a_deadline_that_the_client_only_says_is_kept(void **state)
{
	(void)state;
	begin_raw();
	raw.timeout = true;
	assert_true(ask_raw(&never_ends) > 0);
	pump();
	assert_string_equal(raw.status, "");
	for (int i = 0; i < 1000 && !*raw.status; i++) {
		turn_for(SECOND_NS / 1000);
		pump();
	}
	assert_string_equal(raw.status, "4");
	assert_int_equal(raw.conn->n_calls, 0);
	end_raw();
}

/* Nothing that follows a list of headers which does not end is kept. */
static void a_list_of_headers_has_few_pieces(void **state)
{
	static const uint8_t begin[] = { 0, 0, 1, NGHTTP2_HEADERS, 0, 0, 0, 0, 1, 0x83 };
	static const uint8_t more[] = { 0, 0, 0, NGHTTP2_CONTINUATION, 0, 0, 0, 0, 1 };
	int r, n = 0;

	(void)state;
	begin_raw();
	assert_int_equal(session_feed(raw.conn, begin, sizeof(begin)), 0);
	do
		r = session_feed(raw.conn, more, sizeof(more));
	while (!r && raw.conn->state != CONN_LAST && ++n < 1000);
	assert_in_range(n, 1, 100);
	end_raw();
}

static void priorities_come_as_often_as_they_may(void **state)
{
	(void)state;
	now.limits.controls = 10;
	now.limits.controls_per_s = 1;
	begin_raw(); /* has sent SETTINGS */
	for (int i = 0; i < 9; i++)
		frame(NGHTTP2_PRIORITY, 0, 1 + 2 * i, "\0\0\0\0\x10", 5);
	assert_int_equal(raw.conn->state, CONN_UP);
	frame(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\x10", 5);
	pump();
	is_calmed("too_many_priorities");
	end_raw();
}

/* --- memory --------------------------------------------------------------------------- */

static size_t asked; /* bytes, by our code */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	asked += n;
	return __real_malloc(n);
}

void *__real_realloc(void *at, size_t n);
void *__wrap_realloc(void *at, size_t n);
void *__wrap_realloc(void *at, size_t n)
{
	asked += n;
	return __real_realloc(at, n);
}

static void counts(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	size_t *told = grpc_call_mine(call);

	(void)bytes;
	*told += n;
}

static void ends(struct grpc_call *call, enum grpc_code code, const char *text)
{
	(void)call;
	(void)code;
	(void)text;
}

/* What is kept for a call that nobody admits yet is copied a few times, and not by each byte that comes. */
static void small_pieces_cost_what_large_ones_do(void **state)
{
	static const struct grpc_events events = { .message = counts, .over = ends };
	const size_t size = GRPC_LIMITS.window - FRAME_HEAD;
	uint8_t head[FRAME_HEAD];
	size_t told = 0;
	int32_t id;

	(void)state;
	begin_raw();
	id = ask_raw(&never_ends);
	pump();
	frame_head(head, size);
	frame(NGHTTP2_DATA, 0, id, head, FRAME_HEAD);
	asked = 0;
	for (size_t i = 0; i < size; i++)
		frame(NGHTTP2_DATA, 0, id, "x", 1);
	assert_in_range(asked, size, 4 * size);
	grpc_call_events(raw.conn->calls, &events, &told);
	call_stir(raw.conn->calls);
	assert_int_equal(told, size);
	end_raw();
}

/* --- TLS ------------------------------------------------------------------------------ */

static struct {
	struct grpc_tls *tls;
	SSL *ssl;
	int fd[2]; /* the server's, ours */
} shown;

/* A connection that is made, and not more: there is no HTTP/2. */
static void begin_tls(void)
{
	shown.tls = pki_tls(true, GRPC_VERIFY_CAPTURE, &now.theirs, &now.ca, NULL);
	serve();
	pair(shown.fd);
	assert_int_equal(grpc_server_add(now.server, shown.fd[0]), 0);
	shown.ssl = tls_open(shown.tls, shown.fd[1]);
	while (SSL_do_handshake(shown.ssl) != 1)
		turn_for(SECOND_NS / 1000);
	turn();
}

static void end_tls(void)
{
	SSL_free(shown.ssl);
	grpc_tls_free(shown.tls);
	close(shown.fd[1]);
}

static void renew_keys(unsigned n)
{
	while (n--) {
		assert_int_equal(SSL_key_update(shown.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		assert_int_equal(SSL_do_handshake(shown.ssl), 1);
	}
}

static void keys_are_renewed_as_often_as_they_may(void **state)
{
	char byte;

	(void)state;
	now.limits.controls = 10;
	now.limits.controls_per_s = 1;
	begin_tls();
	renew_keys(10);
	turn();
	assert_int_equal(grpc_server_connections(now.server), 1);
	renew_keys(1);
	await(&now.empty, 1);
	assert_string_equal(now.refused, "the peer was told to calm down: too_many_key_updates");
	while (SSL_read(shown.ssl, &byte, 1) == 1) /* what it is told, and the end */
		;
	assert_int_equal(SSL_get_error(shown.ssl, 0), SSL_ERROR_ZERO_RETURN);
	end_tls();
}

static unsigned rounds;

static int on_round(struct timer *timer)
{
	rounds++;
	timer_arm(now.loop, timer, 0, on_round);
	return 0;
}

static void who_renews_keys_waits_for_its_turn(void **state)
{
	struct timer timer = {};
	int left = 1;

	(void)state;
	begin_tls();
	renew_keys(100);
	rounds = 0;
	on_round(&timer);
	for (int i = 0; i < 1000 && left; i++) {
		turn_for(SECOND_NS / 1000);
		assert_int_equal(ioctl(shown.fd[0], FIONREAD, &left), 0);
	}
	timer_disarm(&timer);
	assert_int_equal(left, 0);
	assert_true(rounds >= 20);
	end_tls();
}

/* --- descriptors ---------------------------------------------------------------------- */

static bool away;
static unsigned accepts;

int __real_accept4(int fd, struct sockaddr *addr, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *size, int flags)
{
	accepts++;
	if (!away)
		return __real_accept4(fd, addr, size, flags);
	errno = EMFILE;
	return -1;
}

static void without_descriptors_it_waits_and_does_not_spin(void **state)
{
	struct sockaddr_in addr;
	int fd = listener(&addr), client;

	(void)state;
	assert_int_equal(
	    grpc_server_new(now.loop, fd, now.server_tls, &use, &now.limits, &now.server), 0);
	away = true;
	accepts = 0;
	client = knock(&addr);
	turn_for(SECOND_NS / 2);
	assert_in_range(accepts, 1, 10);
	assert_string_equal(now.refused, "no descriptor is left for who comes");
	away = false;
	for (int i = 0; i < 1000 && !grpc_server_connections(now.server); i++)
		turn_for(SECOND_NS / 1000);
	assert_int_equal(grpc_server_connections(now.server), 1);
	close(client);
}

/* --- lines of a log ------------------------------------------------------------------- */

static void knock_often(unsigned n)
{
	int fd[2];

	while (n--) {
		pair(fd);
		assert_int_equal(grpc_server_add(now.server, fd[0]), -EUSERS);
		close(fd[1]);
	}
}

static void refusals_are_told_as_often_as_they_may_and_the_rest_is_counted(void **state)
{
	int fd[2];

	(void)state;
	now.limits.connections = 1;
	serve();
	pair(fd);
	assert_int_equal(grpc_server_add(now.server, fd[0]), 0);
	knock_often(20);
	assert_int_equal(now.refusals, 20);
	knock_often(80);
	assert_int_equal(now.refusals, 20);
	turn_for(SECOND_NS + SECOND_NS / 50);
	knock_often(1);
	assert_int_equal(now.refusals, 21);
	grpc_server_free(TAKE_PTR(now.server)); /* as the one that was there is */
	assert_int_equal(now.refusals, 22);
	assert_string_equal(now.refused, "so were 81 others");
	close(fd[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(pings_come_as_often_as_they_may),
		TEST(whoever_is_told_something_may_ping_again),
		TEST(streams_are_reset_as_often_as_they_may),
		TEST(settings_come_as_often_as_they_may),
		TEST(empty_data_comes_as_often_as_it_may),
		TEST(a_mistake_counts_as_often_as_a_reset),
		TEST(streams_are_refused_as_often_as_they_may),
		TEST(promises_come_as_often_as_they_may),
		TEST(a_deadline_that_the_client_only_says_is_kept),
		TEST(a_list_of_headers_has_few_pieces),
		TEST(priorities_come_as_often_as_they_may),
		TEST(small_pieces_cost_what_large_ones_do),
		TEST(keys_are_renewed_as_often_as_they_may),
		TEST(who_renews_keys_waits_for_its_turn),
		TEST(refusals_are_told_as_often_as_they_may_and_the_rest_is_counted),
		TEST(without_descriptors_it_waits_and_does_not_spin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
