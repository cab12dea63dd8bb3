// SPDX-License-Identifier: Apache-2.0
/*
 * test_grpc_limits.c - what a peer of gRPC may cost, at N and one more, and when it is dead
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
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

static unsigned pings[2]; /* that clients, and servers, have sent */

/* Instead of nghttp2's, which it calls. */
int nghttp2_submit_ping(nghttp2_session *http, uint8_t flags, const uint8_t *opaque)
{
	int (*theirs)(nghttp2_session *, uint8_t, const uint8_t *) =
	    dlsym(RTLD_NEXT, "nghttp2_submit_ping");

	pings[nghttp2_session_check_server_session(http) != 0]++;
	return theirs(http, flags, opaque);
}

static void who_was_asked_a_moment_ago_asks_nobody(void **state)
{
	(void)state;
	now.limits.ping_ns = now.client_limits.ping_ns = SECOND_NS / 5;
	now.limits.client_ping_ns = SECOND_NS / 10;
	up();
	memset(pings, 0, sizeof(pings));
	turn_for(3 * SECOND_NS);
	assert_int_equal(now.downs, 0);
	assert_in_range(pings[0], 5, 3 * 8);   /* each 200 ms or up to an eighth earlier */
	assert_true(pings[1] <= pings[0] / 2); /* but where the machine was late */
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

/* --- what an idle one costs ----------------------------------------------------------- */

#define SESSIONS 100
/* Of malloc's: of a long piece besides, one page is there. The peer's root alone would be 4 KiB more. */
#define COST (34 << 10)

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
		TEST(who_was_asked_a_moment_ago_asks_nobody),
		TEST(a_server_that_stands_still_is_dead),
		TEST(a_deadline_needs_no_server_that_keeps_it),
		TEST(a_peer_that_does_not_read_is_dead),
		TEST(a_session_that_is_idle_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
