// SPDX-License-Identifier: Apache-2.0
/*
 * test_grpc_limits.c - what a peer of gRPC may cost, at N and one more, and when it is dead
 *
 * What a stock client never does is said to a bare connection, by an nghttp2 of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "grpc/within.h"
#include "unit/grpc_pair.h"

/* --- connections ---------------------------------------------------------------------- */

static void a_server_has_as_many_connections_as_it_may(void **state)
{
	int fd[2];

	(void)state;
	now.limits.connections = 2;
	serve();
	for (unsigned i = 0; i < 3; i++) {
		pair(fd);
		assert_int_equal(grpc_server_add(now.server, fd[0]), i < 2 ? 0 : -EUSERS);
		close(fd[1]);
	}
	assert_string_equal(now.refused, "too many connections");
	await(&now.empty, 1);
}

static int listener(struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*addr);

	*addr = (struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)addr, &size), 0);
	return fd;
}

static int knock(const struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)addr, sizeof(*addr)), 0);
	return fd;
}

static void who_comes_when_it_is_full_waits_for_room(void **state)
{
	struct sockaddr_in addr;
	int fd[3];

	(void)state;
	now.limits.connections = 2;
	assert_int_equal(grpc_server_new(now.loop, listener(&addr), now.server_tls, &use,
					 &now.limits, &now.server),
			 0);
	for (int i = 0; i < 3; i++)
		fd[i] = knock(&addr);
	turn();
	assert_int_equal(grpc_server_connections(now.server), 2);
	close(fd[0]);
	turn();
	assert_int_equal(grpc_server_connections(now.server), 2);
	close(fd[1]);
	turn();
	assert_int_equal(grpc_server_connections(now.server), 1);
	close(fd[2]);
	await(&now.empty, 1);
}

static void one_address_has_no_more_than_its_own(void **state)
{
	struct sockaddr_in addr;
	char byte;
	int fd[3];

	(void)state;
	now.limits.per_address = 2;
	assert_int_equal(grpc_server_new(now.loop, listener(&addr), now.server_tls, &use,
					 &now.limits, &now.server),
			 0);
	for (int i = 0; i < 3; i++)
		fd[i] = knock(&addr);
	turn();
	assert_int_equal(grpc_server_connections(now.server), 2);
	assert_string_equal(now.refused, "too many connections");
	assert_int_equal(recv(fd[2], &byte, 1, 0), 0);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
}

static void who_says_nothing_is_shut_out(void **state)
{
	int fd[2];

	(void)state;
	now.limits.handshake_ns = SECOND_NS / 20;
	serve();
	pair(fd);
	assert_int_equal(grpc_server_add(now.server, fd[0]), 0);
	await(&now.empty, 1);
	assert_string_equal(now.refused, "no TLS handshake within the time for it");
	close(fd[1]);
}

static void who_shakes_hands_and_says_nothing_is_shut_out(void **state)
{
	struct grpc_tls *tls = pki_tls(true, GRPC_VERIFY_CAPTURE, &now.theirs, &now.ca, NULL);
	int fd[2];
	SSL *ssl;

	(void)state;
	now.limits.handshake_ns = SECOND_NS / 5;
	serve();
	pair(fd);
	assert_int_equal(grpc_server_add(now.server, fd[0]), 0);
	ssl = tls_open(tls, fd[1]);
	while (SSL_do_handshake(ssl) != 1)
		turn_for(SECOND_NS / 1000);
	await(&now.empty, 1);
	assert_string_equal(now.refused, "no HTTP/2 within the time for it");
	SSL_free(ssl);
	grpc_tls_free(tls);
	close(fd[1]);
}

/* --- calls ---------------------------------------------------------------------------- */

static void a_connection_has_as_many_calls_as_the_server_lets_it(void **state)
{
	static struct heard heard[4];

	(void)state;
	now.limits.streams = 3;
	up();
	for (int i = 0; i < 3; i++)
		call(&heard[i], "/t.T/Silent");
	assert_int_equal(grpc_call_new(now.channel, "/t.T/Silent", NULL, 0, 0, &client_events,
				       &heard[3], &heard[3].call),
			 -EAGAIN);
	grpc_end(heard[0].call, GRPC_CANCELLED, NULL);
	turn();
	call(&heard[3], "/t.T/Silent");
}

static void headers_are_as_long_as_they_may_be(void **state)
{
	static struct heard heard;
	size_t listed;

	(void)state;
	up();
	call(&heard, "/t.T/Silent");
	while (!now.asked.call)
		turn();
	listed = now.asked.call->listed;
	for (int more = 0; more < 2; more++) {
		grpc_channel_free(now.channel);
		grpc_server_free(TAKE_PTR(now.server));
		now.limits.headers = listed - (size_t)more;
		up();
		call_for(&heard, more ? "/t.T/Silent" : "/t.T/Refuse", 0, &client_events);
		await(&heard.overs, 1);
		assert_int_equal(heard.code,
				 more ? GRPC_RESOURCE_EXHAUSTED : GRPC_PERMISSION_DENIED);
	}
}

static void what_waits_for_a_peer_has_an_end(void **state)
{
	static struct heard heard;
	static const char bytes[1000];
	int r, n = 0;

	(void)state;
	now.client_limits.queue = 100000;
	up();
	call(&heard, "/t.T/Silent");
	while (!(r = grpc_send(heard.call, bytes, sizeof(bytes))))
		n++;
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(n, 100); /* of 1005 bytes: the last begins below the limit */
	await(&heard.drained, 1);
	assert_true(grpc_queued(heard.call) <= 50000);
	await(&now.asked.messages, 100);
}

/* --- who is dead ---------------------------------------------------------------------- */

static void an_idle_connection_lives_by_pings(void **state)
{
	static struct heard heard;

	(void)state;
	now.limits.ping_ns = now.client_limits.ping_ns = SECOND_NS / 20;
	now.limits.ack_ns = now.client_limits.ack_ns = SECOND_NS / 10;
	now.limits.client_ping_ns = SECOND_NS / 20;
	up();
	turn_for(SECOND_NS);
	assert_int_equal(now.downs, 0);
	call(&heard, "/t.T/Refuse");
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_PERMISSION_DENIED);
}

/* A server in a loop that stands still once the channel is up. */
static struct loop *still(void)
{
	struct loop *mine = now.loop, *other;

	assert_int_equal(loop_new(&other), 0);
	now.loop = other;
	serve();
	now.loop = mine;
	dial();
	for (int i = 0; i < 1000 && !now.ups; i++) {
		turn_for(SECOND_NS / 1000);
		now.loop = other;
		turn_for(SECOND_NS / 1000);
		now.loop = mine;
	}
	assert_int_equal(now.ups, 1);
	return other;
}

static void a_server_that_stands_still_is_dead(void **state)
{
	static struct heard heard;
	struct loop *other;

	(void)state;
	now.client_limits.ping_ns = SECOND_NS / 10;
	now.client_limits.ack_ns = SECOND_NS / 10;
	other = still();
	call(&heard, "/t.T/Silent");
	await(&now.downs, 1);
	assert_string_equal(now.why, "the peer does not answer to a ping");
	assert_int_equal(heard.code, GRPC_UNAVAILABLE);
	grpc_server_free(TAKE_PTR(now.server));
	loop_free(other);
}

static void a_deadline_needs_no_server_that_keeps_it(void **state)
{
	static struct heard heard;
	struct loop *other;

	(void)state;
	other = still();
	call_for(&heard, "/t.T/Silent", SECOND_NS / 20, &client_events);
	await(&heard.overs, 1);
	assert_int_equal(heard.code, GRPC_DEADLINE_EXCEEDED);
	assert_int_equal(now.downs, 0);
	grpc_server_free(TAKE_PTR(now.server));
	loop_free(other);
}

static void a_peer_that_does_not_read_is_dead(void **state)
{
	static struct heard heard;
	static const char bytes[60000];
	struct loop *other;

	(void)state;
	now.client_limits.ping_ns = 0;
	now.client_limits.stuck_ns = SECOND_NS / 10;
	now.small = true;
	other = still();
	call(&heard, "/t.T/Silent");
	assert_int_equal(grpc_send(heard.call, bytes, sizeof(bytes)), 0);
	await(&now.downs, 1);
	assert_string_equal(now.why, "the peer does not read");
	grpc_server_free(TAKE_PTR(now.server));
	loop_free(other);
}

/* --- what only an attack does --------------------------------------------------------- */

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

static void begin_raw(void)
{
	nghttp2_session_callbacks *cb;

	memset(&raw, 0, sizeof(raw));
	assert_int_equal(conn_bare(now.loop, false, &now.limits, &raw_use, NULL, &raw.conn), 0);
	conn_enter(raw.conn);
	assert_int_equal(session_new(raw.conn), 0);
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
	uint8_t head[9 + 255] = { 0, 0, n, type, flags, 0, 0, (uint8_t)(id >> 8), (uint8_t)id };

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

/* --- what an idle one costs ----------------------------------------------------------- */

#define SESSIONS 100
#define COST     (64 << 10)

/* A server in a process of its own; it ends with this one. */
static pid_t serve_apart(struct sockaddr_in *addr)
{
	int fd = listener(addr);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid) {
		close(fd);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (loop_new(&now.loop)) /* the other's epoll is its own */
		_exit(1);
	if (grpc_server_new(now.loop, fd, now.server_tls, &use, &now.limits, &now.server))
		_exit(1);
	loop_run(now.loop);
	_exit(0);
}

static size_t memory_of_server(void)
{
	static struct heard heard;

	call(&heard, "/t.T/Memory");
	grpc_half_close(heard.call);
	await(&heard.overs, 1);
	return strtoul(heard.last, NULL, 10);
}

static void a_session_that_is_idle_costs_little(void **state)
{
	static struct heard heard[SESSIONS];
	static struct grpc_channel *channel[SESSIONS];
	size_t client = 0, server = 0;
	struct sockaddr_in addr;
	pid_t pid;

	(void)state;
	now.limits.connections = SESSIONS;
	now.limits.per_address = 0;
	pid = serve_apart(&addr);
	for (unsigned i = 0; i < SESSIONS; i++) {
		assert_int_equal(grpc_channel_new(now.loop, (struct sockaddr *)&addr, sizeof(addr),
						  now.client_tls, NULL, &now.client_limits,
						  &channel_events, NULL, &channel[i]),
				 0);
		now.channel = channel[i];
		await(&now.ups, i + 1);
		call(&heard[i], "/t.T/Echo");
		assert_int_equal(grpc_send(heard[i].call, "hello", 5), 0);
		await(&heard[i].messages, 1);
		if (i) /* but for what OpenSSL makes once */
			continue;
		server = memory_of_server();
		client = memory();
	}
	client = (memory() - client) / (SESSIONS - 1);
	server = (memory_of_server() - server) / (SESSIONS - 1);
	print_message("a session costs the client %zu bytes, the server %zu\n", client, server);
	now.channel = NULL;
	for (int i = 0; i < SESSIONS; i++)
		grpc_channel_free(channel[i]);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(client <= COST);
	assert_true(server <= COST);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_server_has_as_many_connections_as_it_may),
		TEST(who_comes_when_it_is_full_waits_for_room),
		TEST(one_address_has_no_more_than_its_own),
		TEST(who_says_nothing_is_shut_out),
		TEST(who_shakes_hands_and_says_nothing_is_shut_out),
		TEST(a_connection_has_as_many_calls_as_the_server_lets_it),
		TEST(headers_are_as_long_as_they_may_be),
		TEST(what_waits_for_a_peer_has_an_end),
		TEST(an_idle_connection_lives_by_pings),
		TEST(a_server_that_stands_still_is_dead),
		TEST(a_deadline_needs_no_server_that_keeps_it),
		TEST(a_peer_that_does_not_read_is_dead),
		TEST(pings_come_as_often_as_they_may),
		TEST(whoever_is_told_something_may_ping_again),
		TEST(streams_are_reset_as_often_as_they_may),
		TEST(settings_come_as_often_as_they_may),
		TEST(empty_data_comes_as_often_as_it_may),
		TEST(a_mistake_counts_as_often_as_a_reset),
		TEST(a_deadline_that_the_client_only_says_is_kept),
		TEST(a_session_that_is_idle_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
