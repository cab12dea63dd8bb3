// SPDX-License-Identifier: Apache-2.0
/*
 * test_dns_resolver.c - the resolver as a whole, on loopback: what holds while policy changes
 *
 * Client, name server and core are this test, in the resolver's own loop. A question is a
 * datagram, its answer the rcode; the core says of addresses what the name server said.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "dns/resolver.h"
#include "dns_message.h"
#include "name_server.h"

#define GUARD    7
#define NOTHING  (-1)                      /* no answer came */
#define QUIET_NS (UINT64_C(1000000) * 300) /* so long nothing comes, if nothing will */
#define FAIL_NS  (20 * SECOND_NS)

static struct loop *loop;
static struct resolver *resolver;
static struct fake fake;
static struct source heard;
static struct timer late;
static struct terok_queries counts; /* as the core was told last */
static unsigned n_reversed, n_unnamed;
static bool answer_reversed;
static int client = -1, rcode;
static uint16_t port, last_id;

static int ended(struct timer *timer)
{
	(void)timer;
	return -ETIME;
}

static void run_for(uint64_t ns)
{
	timer_arm(loop, &late, now_boot_ns() + ns, ended);
	assert_int_equal(loop_run(loop), -ETIME);
}

/* What is ready now. */
static void loop_step(void)
{
	timer_arm(loop, &late, 0, ended);
	loop_run(loop);
	timer_disarm(&late);
}

/* The core: what upstream said is written and may be told. */
static void said(struct msg_packet *packet, void *user)
{
	struct msg_packet answer = { .type = MSG_LEARNED };

	(void)user;
	if (packet->type == MSG_LEARN) {
		answer.LEARNED.token = packet->LEARN.token;
		answer.LEARNED.n = packet->LEARN.n;
		memcpy(answer.LEARNED.addr, packet->LEARN.addr, sizeof(answer.LEARNED.addr));
		resolver_hear(resolver, &answer, NULL);
	} else if (packet->type == MSG_QUERIES) {
		counts = packet->QUERIES.counts;
	}
	n_reversed += packet->type == MSG_REVERSE;
	if (packet->type == MSG_REVERSE && answer_reversed) {
		answer.type = MSG_REVERSED;
		answer.REVERSED.token = packet->REVERSE.token;
		resolver_hear(resolver, &answer, NULL);
	}
	n_unnamed += packet->type == MSG_UNNAMED;
}

static void serve(enum terok_state state, uint64_t bypass_ns, bool fresh)
{
	struct msg_packet packet = { .type = MSG_SERVE };
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd[MSG_SOCKETS] = { -1, -1, -1, -1 };
	socklen_t size = sizeof(addr);

	packet.SERVE.guard = GUARD;
	packet.SERVE.state = state;
	packet.SERVE.bypass_ns = bypass_ns;
	packet.SERVE.fresh = fresh;
	if (fresh) {
		fd[0] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(fd[0], (struct sockaddr *)&addr, sizeof(addr)), 0);
		assert_int_equal(getsockname(fd[0], (struct sockaddr *)&addr, &size), 0);
		port = ntohs(addr.sin_port);
	}
	resolver_hear(resolver, &packet, fd);
}

static void domain(enum domain_news news, const char *name, enum terok_action action)
{
	struct msg_packet packet = { .type = MSG_DOMAIN };

	packet.DOMAIN.guard = GUARD;
	packet.DOMAIN.news = news;
	packet.DOMAIN.action = action;
	snprintf(packet.DOMAIN.domain, sizeof(packet.DOMAIN.domain), "%s", name);
	resolver_hear(resolver, &packet, NULL);
	resolver_heard(resolver);
}

/* The whole policy: this is allowed, "" for nothing. */
static void allow(const char *name)
{
	domain(DOMAIN_NONE, "", 0);
	if (*name)
		domain(DOMAIN_MORE, name, TEROK_ALLOW);
	domain(DOMAIN_DONE, "", 0);
}

static int on_answer(struct source *source, uint32_t events)
{
	uint8_t bytes[ROOM];
	ssize_t n = recv(client, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)source, (void)events;
	assert_true(n >= 12);
	if (message_get(bytes, 0) != last_id) /* of a flood, and late */
		return 0;
	rcode = bytes[3] & 15;
	return -ECANCELED;
}

static void ask(const char *name, uint16_t type)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct message m = { .n = 0 };

	message_16(&m, ++last_id);
	message_16(&m, 0x0100);
	message_16(&m, 1);
	message_add(&m, (uint8_t[6]){}, 6);
	message_name(&m, name);
	message_16(&m, type);
	message_16(&m, 1);
	rcode = NOTHING;
	assert_int_equal(sendto(client, m.bytes, m.n, 0, (struct sockaddr *)&addr, sizeof(addr)),
			 m.n);
}

/* The rcode of the answer that comes, or NOTHING if none does. */
static int answer_within(uint64_t ns)
{
	if (rcode != NOTHING)
		return rcode;
	timer_arm(loop, &late, now_boot_ns() + ns, ended);
	loop_run(loop);
	timer_disarm(&late);
	return rcode;
}

static int answer(const char *name, uint16_t type)
{
	ask(name, type);
	return answer_within(FAIL_NS);
}

/* The core has said nothing that was not heard. */
static bool not_spoken_to(void *user)
{
	(void)user;
	return false;
}

static int setup(void **state)
{
	struct msg_packet packet = { .type = MSG_UPSTREAMS };

	(void)state;
	n_reversed = n_unnamed = 0;
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(resolver_new(loop, said, not_spoken_to, NULL, &resolver), 0);
	fake_start(&fake, loop, 1, AF_INET);
	fake.by_udp = ANSWER;
	packet.UPSTREAMS.n = 1;
	memcpy(packet.UPSTREAMS.addr[0], fake.where.addr, 16);
	packet.UPSTREAMS.port[0] = fake.where.port;
	resolver_hear(resolver, &packet, NULL);
	client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(source_add(loop, &heard, client, EPOLLIN, on_answer), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	source_del(&heard);
	close(client);
	timer_disarm(&late);
	resolver_free(resolver);
	fake_stop(&fake);
	loop_free(loop);
	return 0;
}

static void nobody_is_refused_while_policy_is_said_for_the_first_time(void **state)
{
	(void)state;
	serve(TEROK_STATE_UP, 0, true);
	domain(DOMAIN_NONE, "", 0);
	ask("a.example", DNS_A);
	assert_int_equal(answer_within(QUIET_NS), NOTHING);
	domain(DOMAIN_MORE, "a.example", TEROK_ALLOW);
	domain(DOMAIN_DONE, "", 0);
	assert_int_equal(answer_within(FAIL_NS), DNS_NOERROR);
}

static void what_held_holds_until_all_that_is_new_was_said(void **state)
{
	(void)state;
	serve(TEROK_STATE_UP, 0, true);
	allow("a.example");
	domain(DOMAIN_NONE, "", 0);
	domain(DOMAIN_MORE, "*.example", TEROK_ALLOW);
	ask("b.example", DNS_A); /* it waits for the rest */
	assert_int_equal(answer_within(QUIET_NS), NOTHING);
	domain(DOMAIN_MORE, "b.example", TEROK_DENY);
	domain(DOMAIN_DONE, "", 0);
	assert_int_equal(answer_within(FAIL_NS), DNS_NXDOMAIN);
	assert_int_equal(answer("c.example", DNS_A), DNS_NOERROR);
}

static int on_question(struct timer *timer)
{
	if (!fake.datagrams)
		timer_arm(loop, timer, now_boot_ns() + SECOND_NS / 1000, on_question);
	return fake.datagrams ? -ETIME : 0;
}

static void an_answer_to_what_was_allowed_when_it_was_asked_is_neither_given_nor_kept(void **state)
{
	struct timer asked = {};

	(void)state;
	serve(TEROK_STATE_UP, 0, true);
	allow("a.example");
	fake.by_udp = SILENT;
	ask("a.example", DNS_TXT);
	timer_arm(loop, &asked, 0, on_question);
	assert_int_equal(loop_run(loop), -ETIME);
	allow("");
	fake.by_udp = ANSWER;
	assert_int_equal(answer_within(FAIL_NS), DNS_NXDOMAIN);
	assert_int_equal(answer("a.example", DNS_TXT), DNS_NXDOMAIN);
}

/* The other way round: what is still allowed is answered, as if nothing had been. */
static void an_answer_to_what_is_still_allowed_is_given(void **state)
{
	struct timer asked = {};

	(void)state;
	serve(TEROK_STATE_UP, 0, true);
	allow("a.example");
	fake.by_udp = SILENT;
	ask("a.example", DNS_TXT);
	timer_arm(loop, &asked, 0, on_question);
	assert_int_equal(loop_run(loop), -ETIME);
	allow("*.example");
	fake.by_udp = ANSWER;
	assert_int_equal(answer_within(FAIL_NS), DNS_NOERROR);
}

static void what_was_open_in_a_window_is_not_answered_behind_it(void **state)
{
	(void)state;
	serve(TEROK_STATE_UP, now_boot_ns() + 2 * QUIET_NS, true);
	allow("");
	assert_int_equal(answer("a.example", DNS_A), DNS_NOERROR);
	run_for(2 * QUIET_NS);
	assert_int_equal(answer("a.example", DNS_A), DNS_NXDOMAIN);
}

static void a_flood_of_reverse_questions_does_not_reach_the_core(void **state)
{
	(void)state;
	serve(TEROK_STATE_UP, 0, true);
	allow("");
	answer_reversed = false;
	for (unsigned i = 0; i < 2 * RESOLVER_SHARE; i++) {
		ask("7.100.51.198.in-addr.arpa", DNS_PTR);
		loop_step();
	}
	assert_int_equal(n_reversed, RESOLVER_SHARE); /* on their way at once */
}

static void reverse_questions_have_a_rate(void **state)
{
	uint64_t begin = now_boot_ns();

	(void)state;
	serve(TEROK_STATE_UP, 0, true);
	allow("");
	answer_reversed = true;
	for (unsigned i = 0; i < 3 * CHANNEL_QUERIES; i++) {
		ask("7.100.51.198.in-addr.arpa", DNS_PTR);
		loop_step();
	}
	assert_true(n_reversed >= CHANNEL_QUERIES);
	assert_true(n_reversed <= CHANNEL_QUERIES * ((now_boot_ns() - begin) / SECOND_NS + 1));
	if (now_boot_ns() - begin < SECOND_NS)
		assert_int_equal(answer_within(FAIL_NS), DNS_SERVFAIL);
}

static void questions_add_up(void **state)
{
	(void)state;
	serve(TEROK_STATE_UP, 0, true);
	domain(DOMAIN_NONE, "", 0);
	domain(DOMAIN_MORE, "a.example", TEROK_ALLOW);
	for (unsigned i = 0; i <= TEROK_GRANTS; i++) { /* more rules than fit one name */
		struct msg_packet packet = { .type = MSG_DOMAIN };

		packet.DOMAIN.guard = GUARD;
		packet.DOMAIN.news = DOMAIN_MORE;
		packet.DOMAIN.action = TEROK_ALLOW;
		packet.DOMAIN.port = 1 + i;
		snprintf(packet.DOMAIN.domain, sizeof(packet.DOMAIN.domain), "many.example");
		resolver_hear(resolver, &packet, NULL);
	}
	domain(DOMAIN_DONE, "", 0);
	answer("a.example", DNS_A);
	answer("a.example", DNS_A);
	answer("b.example", DNS_A);
	answer("many.example", DNS_A);
	answer("a.example", DNS_ANY);
	answer("localhost", DNS_A);
	answer("", DNS_A);
	run_for(SECOND_NS + QUIET_NS);
	assert_int_equal(counts.asked, 7);
	assert_int_equal(counts.cached + counts.local + counts.forwarded + counts.blocked +
			     counts.spent + counts.malformed,
			 counts.asked);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_is_refused_while_policy_is_said_for_the_first_time),
		TEST(what_held_holds_until_all_that_is_new_was_said),
		TEST(an_answer_to_what_was_allowed_when_it_was_asked_is_neither_given_nor_kept),
		TEST(an_answer_to_what_is_still_allowed_is_given),
		TEST(what_was_open_in_a_window_is_not_answered_behind_it),
		TEST(a_flood_of_reverse_questions_does_not_reach_the_core),
		TEST(reverse_questions_have_a_rate),
		TEST(questions_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
