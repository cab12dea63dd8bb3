// SPDX-License-Identifier: Apache-2.0
/*
 * test_dns_upstream.c - dns/upstream.c: servers that fail, lie, or answer; on loopback
 *
 * The servers live in the same loop. Where a test waits for a server's silence it lowers the
 * limits; where it does not, they are so long that a slow machine does not matter.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dns/upstream.h"
#include "name_server.h"

#define MS          UINT64_C(1000000)
#define BEFORE_FAIL (20 * SECOND_NS) /* the test's patience */

struct call {
	uint64_t cookie;
	int error;
	uint8_t rcode, number; /* who answered */
};

static struct loop *loop;
static struct upstream *upstream;
static struct fake fake[3];
static struct call call[UPSTREAM_MAX * 2];
static unsigned n_calls, n_wanted;
static unsigned files_before; /* each test leaves as many */
static bool asking;           /* within upstream_ask() */
static void (*on_call)(uint64_t cookie);
static struct timer end, patience;

/* Ends loop_run(), which can be run again. */
static int ended(struct timer *timer)
{
	return timer == &end ? -ECANCELED : -ETIME;
}

static void called(void *user, uint64_t cookie, const struct dns_answer *answer, int error)
{
	struct call *now = &call[n_calls++];

	assert_ptr_equal(user, call);
	assert_false(asking);
	assert_true(n_calls <= sizeof(call) / sizeof(*call));
	*now = (struct call){ .cookie = cookie, .error = error };
	if (answer) {
		assert_int_equal(error, 0);
		now->rcode = answer->rcode;
		now->number = answer->n_addr == 1 ? answer->addr[0][15] : 0;
	} else {
		assert_true(error < 0);
	}
	if (on_call)
		on_call(cookie);
	if (n_calls == n_wanted)
		timer_arm(loop, &end, 0, ended);
}

/* Until @n calls were made in all. */
static void await(unsigned n)
{
	n_wanted = n;
	if (n_calls >= n)
		timer_arm(loop, &end, 0, ended);
	timer_arm(loop, &patience, now_boot_ns() + BEFORE_FAIL, ended);
	assert_int_equal(loop_run(loop), -ECANCELED);
	timer_disarm(&patience);
	assert_int_equal(n_calls, n);
}

static void await_time(uint64_t ns)
{
	n_wanted = 0;
	timer_arm(loop, &end, now_boot_ns() + ns, ended);
	assert_int_equal(loop_run(loop), -ECANCELED);
}

static int ask(uint32_t asker, const char *name, uint64_t cookie)
{
	int r;

	asking = true;
	r = upstream_ask(upstream, asker, name, DNS_A, cookie);
	asking = false;
	return r;
}

/* One question and its end. */
static struct call ask_one(void)
{
	assert_int_equal(ask(1, "www.example.com", 7), 0);
	await(n_calls + 1);
	assert_int_equal(call[n_calls - 1].cookie, 7);
	return call[n_calls - 1];
}

static void answered_by(unsigned number)
{
	struct call last = ask_one();

	assert_int_equal(last.error, 0);
	assert_int_equal(last.rcode, DNS_NOERROR);
	assert_int_equal(last.number, number);
}

static void use(unsigned n)
{
	struct upstream_server server[3];

	for (unsigned i = 0; i < n; i++)
		server[i] = fake[i].where;
	upstream_set(upstream, server, n);
}

static unsigned open_files(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 2 * UPSTREAM_MAX; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Fakes 1 to 3; the third speaks IPv6. Two are used unless a test says else. */
static int setup(void **state)
{
	(void)state;
	files_before = open_files();
	n_calls = n_wanted = 0;
	on_call = NULL;
	if (loop_new(&loop) || upstream_new(loop, called, call, &upstream))
		return -1;
	upstream_limit(upstream, BEFORE_FAIL, BEFORE_FAIL, 0);
	for (unsigned i = 0; i < 3; i++)
		fake_start(&fake[i], loop, i + 1, i < 2 ? AF_INET : AF_INET6);
	use(2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	upstream_free(upstream);
	for (unsigned i = 0; i < 3; i++)
		fake_stop(&fake[i]);
	timer_disarm(&end);
	timer_disarm(&patience);
	loop_free(loop);
	return open_files() == files_before ? 0 : -1;
}

static void the_first_server_is_asked_and_its_answer_is_handed_up(void **state)
{
	const struct upstream_counts *counts = upstream_counts(upstream);

	(void)state;
	answered_by(1);
	assert_int_equal(fake[1].datagrams, 0);
	assert_int_equal(counts->asked, 1);
	assert_int_equal(counts->sent, 1);
	assert_int_equal(counts->answered, 1);
	assert_int_equal(counts->failed, 0);

	upstream_set(upstream, &fake[2].where, 1); /* by IPv6 */
	answered_by(3);
	fake[2].by_udp = TRUNCATE;
	answered_by(3);
	assert_int_equal(fake[2].streams, 1);
}

static void no_such_name_is_an_answer(void **state)
{
	(void)state;
	fake[0].by_udp = RCODE + DNS_NXDOMAIN;
	assert_int_equal(ask_one().rcode, DNS_NXDOMAIN);
	assert_int_equal(fake[1].datagrams, 0);
}

static unsigned distinct(const uint64_t *value, unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned j = 0;

		while (value[j] != value[i])
			j++;
		count += j == i;
	}
	return count;
}

/* Of 64 in 28,000 ports or more, and 65,536 numbers, two or three meet by chance, not twelve. */
static void port_number_and_case_are_others_each_time(void **state)
{
	uint64_t port[64], id[64], letters[64] = {};

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		answered_by(1);
		port[i] = fake[0].peer_port;
		id[i] = fake[0].id;
		for (unsigned n = 0; n < 17; n++)
			letters[i] = letters[i] << 1 | (fake[0].question[n] >> 5 & 1);
	}
	assert_in_range(distinct(port, 64), 52, 64);
	assert_in_range(distinct(id, 64), 52, 64);
	assert_in_range(distinct(letters, 64), 52, 64);
}

static void the_second_server_answers_when_the_first_is_not_there(void **state)
{
	(void)state;
	fake_stop(&fake[0]);
	answered_by(2);
	assert_int_equal(upstream_counts(upstream)->sent, 2);
	answered_by(2); /* it is known now */
	assert_int_equal(upstream_counts(upstream)->sent, 3);
}

static void a_silent_server_is_passed_over_and_asked_last_for_a_while(void **state)
{
	(void)state;
	upstream_limit(upstream, 50 * MS, 0, 200 * MS);
	fake[0].by_udp = SILENT;
	answered_by(2);
	assert_int_equal(fake[0].datagrams, 1);
	upstream_limit(upstream, BEFORE_FAIL, 0, 0);
	fake[0].by_udp = ANSWER;
	answered_by(2);
	use(2); /* said again: what is known of it stays */
	answered_by(2);
	await_time(200 * MS);
	answered_by(1);
	assert_int_equal(fake[0].datagrams, 2);
}

static void the_second_server_answers_when_the_first_fails(void **state)
{
	static const uint8_t rcode[] = { DNS_SERVFAIL, DNS_REFUSED, DNS_NOTIMP, DNS_FORMERR };

	(void)state;
	for (unsigned i = 0; i < sizeof(rcode); i++) {
		fake[0].by_udp = RCODE + rcode[i];
		answered_by(2);
	}
	assert_int_equal(fake[0].datagrams, sizeof(rcode));
	fake[0].by_udp = BROKEN;
	answered_by(2);
	assert_int_equal(upstream_counts(upstream)->broken, 1);
}

static void what_all_servers_say_is_handed_up(void **state)
{
	struct call last;

	(void)state;
	fake[0].by_udp = RCODE + DNS_SERVFAIL;
	fake[1].by_udp = RCODE + DNS_SERVFAIL;
	last = ask_one();
	assert_int_equal(last.error, 0);
	assert_int_equal(last.rcode, DNS_SERVFAIL);
	assert_int_equal(upstream_counts(upstream)->sent, 2);

	/* also if the others say nothing, once all were asked */
	upstream_limit(upstream, 50 * MS, 0, 0);
	fake[1].by_udp = SILENT;
	last = ask_one();
	assert_int_equal(last.error, 0);
	assert_int_equal(last.rcode, DNS_SERVFAIL);
	assert_int_equal(upstream_counts(upstream)->sent, 4);
}

static void each_end_without_an_answer_has_its_reason(void **state)
{
	uint64_t start = now_boot_ns();

	(void)state;
	upstream_limit(upstream, 20 * MS, 200 * MS, 0);
	fake[0].by_udp = fake[1].by_udp = SILENT;
	assert_int_equal(ask_one().error, -ETIMEDOUT);
	assert_true(now_boot_ns() - start >= 200 * MS);
	assert_true(fake[0].datagrams > 1); /* silence may be a lost datagram: asked again */
	assert_true(fake[1].datagrams > 1);

	fake[0].by_udp = fake[1].by_udp = BROKEN;
	assert_int_equal(ask_one().error, -EBADMSG);
	fake_stop(&fake[0]);
	fake_stop(&fake[1]);
	assert_int_equal(ask_one().error, -ENETUNREACH);
	assert_int_equal(upstream_counts(upstream)->failed, 3);
	upstream_set(upstream, NULL, 0);
	assert_int_equal(ask(1, "www.example.com", 1), -ENETUNREACH);
}

/* An address that no socket takes fails at once, but not within upstream_ask(). */
static void a_server_that_cannot_be_asked_is_no_reason_to_answer_too_early(void **state)
{
	struct upstream_server server[2] = { { .addr = { 0xfe, 0x80, [15] = 1 }, .port = 53 },
					     fake[0].where };

	(void)state;
	upstream_set(upstream, server, 2);
	answered_by(1);
	upstream_set(upstream, server, 1);
	assert_int_equal(ask(1, "www.example.com", 1), 0);
	assert_int_equal(ask(1, "www.example.com", 2), 0);
	assert_int_equal(n_calls, 1);
	await(3);
	assert_int_equal(call[1].error, -ENETUNREACH);
	assert_int_equal(call[2].error, -ENETUNREACH);
	assert_int_equal(ask(1, "no host name", 1), -EINVAL);
	assert_int_equal(ask(1, "", 1), -EINVAL);
	assert_int_equal(ask(1, "www.example.com", 1), 0); /* nothing of them is left */
	await(4);
}

static void what_was_not_asked_is_no_answer_and_the_right_one_is_taken_after_it(void **state)
{
	(void)state;
	fake[0].by_udp = LIE;
	fake[0].lies = 5; /* one of each kind, and one from another port */
	answered_by(1);
	assert_int_equal(upstream_counts(upstream)->strange, 5);
	assert_int_equal(upstream_counts(upstream)->sent, 1);
}

static void many_strange_datagrams_lead_to_tcp(void **state)
{
	(void)state;
	fake[0].by_udp = LIE;
	fake[0].lies = UPSTREAM_STRANGE - 1;
	answered_by(1);
	assert_int_equal(fake[0].streams, 0);
	fake[0].lies = UPSTREAM_STRANGE;
	answered_by(1);
	assert_int_equal(fake[0].streams, 1);
	assert_int_equal(fake[0].datagrams, 2);
}

static void a_server_that_changes_the_case_is_asked_by_tcp(void **state)
{
	(void)state;
	/* as good as certain that a letter of 22 is not lower case */
	assert_int_equal(ask(1, "abcdefghijklmnopqrstuv", 1), 0);
	await(1);
	fake[0].by_udp = fake[0].by_tcp = LOWER;
	upstream_limit(upstream, 50 * MS, 0, 200 * MS);
	assert_int_equal(ask(1, "abcdefghijklmnopqrstuv", 1), 0);
	await(2);
	assert_int_equal(call[1].number, 1);
	assert_int_equal(fake[0].datagrams, 2);
	assert_int_equal(fake[0].streams, 1);

	/* known by now, and for a while: nobody waits again */
	upstream_limit(upstream, BEFORE_FAIL, 0, 0);
	assert_int_equal(ask(1, "abcdefghijklmnopqrstuv", 1), 0);
	await(3);
	assert_int_equal(call[2].number, 1);
	assert_int_equal(fake[0].datagrams, 2);
	assert_int_equal(fake[0].streams, 2);
	await_time(200 * MS);
	fake[0].by_udp = ANSWER;
	answered_by(1);
	assert_int_equal(fake[0].datagrams, 3);
}

static void a_truncated_answer_is_asked_for_by_tcp(void **state)
{
	(void)state;
	fake[0].by_udp = TRUNCATE;
	answered_by(1);
	assert_int_equal(fake[0].datagrams, 1);
	assert_int_equal(fake[0].streams, 1);
	assert_int_equal(fake[1].datagrams, 0);
	fake[0].by_tcp = TRUNCATE; /* there as well: it has no answer */
	answered_by(2);
	fake[0].by_tcp = RCODE + DNS_SERVFAIL;
	answered_by(2);
	answered_by(2);
	assert_int_equal(fake[0].datagrams, 4);
}

static void a_slow_stream_is_read_byte_by_byte(void **state)
{
	(void)state;
	fake[0].by_udp = TRUNCATE;
	fake[0].by_tcp = SLOW;
	answered_by(1);
	assert_int_equal(fake[1].datagrams, 0);
}

static void a_stream_without_an_answer_leads_to_the_next_server(void **state)
{
	static const enum conduct conduct[] = { CUT, SHORT, BROKEN };

	(void)state;
	fake[0].by_udp = TRUNCATE;
	for (unsigned i = 0; i < sizeof(conduct) / sizeof(*conduct); i++) {
		fake[0].by_tcp = conduct[i];
		answered_by(2);
		assert_int_equal(fake[0].streams, i + 1);
	}
	fake_stop_tcp(&fake[0]);
	answered_by(2);
	assert_int_equal(fake[0].datagrams, 4);
}

static void an_endless_or_silent_stream_ends_at_the_limit(void **state)
{
	static const enum conduct conduct[] = { ENDLESS, SILENT };

	(void)state;
	fake[0].by_udp = TRUNCATE;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t start = now_boot_ns();

		fake[0].by_tcp = conduct[i];
		use(2);
		upstream_limit(upstream, 50 * MS, BEFORE_FAIL, 0);
		answered_by(2);
		upstream_limit(upstream, BEFORE_FAIL, 100 * MS, 0);
		use(1);
		assert_int_equal(ask_one().error, -ETIMEDOUT);
		assert_true(now_boot_ns() - start < BEFORE_FAIL);
	}
	assert_int_equal(fake[0].streams, 4);
}

static void equal_questions_of_one_asker_are_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(ask(1, "www.example.com", i), 0);
	await(3);
	assert_int_equal(fake[0].datagrams, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(call[i].cookie, i);
		assert_int_equal(call[i].number, 1);
	}
	assert_int_equal(upstream_counts(upstream)->asked, 3);
	assert_int_equal(upstream_counts(upstream)->answered, 3);

	/* another asker, name or type is another question */
	assert_int_equal(ask(1, "www.example.com", 0), 0);
	assert_int_equal(ask(2, "www.example.com", 0), 0);
	assert_int_equal(ask(1, "www.example.org", 0), 0);
	assert_int_equal(upstream_ask(upstream, 1, "www.example.com", DNS_AAAA, 0), 0);
	await(7);
	assert_int_equal(fake[0].datagrams, 5);
}

static const char *name_of(unsigned n)
{
	static char name[32];

	snprintf(name, sizeof(name), "n%u.example.com", n);
	return name;
}

static void an_askers_share_is_its_own(void **state)
{
	(void)state;
	fake[0].by_udp = SILENT;
	for (unsigned i = 0; i < UPSTREAM_PER_ASKER; i++)
		assert_int_equal(ask(1, name_of(i / 2), i), 0); /* each of two counts */
	assert_int_equal(ask(1, "one.more", 1), -EBUSY);
	assert_int_equal(ask(1, name_of(0), 1), -EBUSY);
	assert_int_equal(upstream_counts(upstream)->full, 2);
	upstream_set(upstream, &fake[1].where, 1);
	assert_int_equal(ask(2, "one.more", 99), 0);
	await(1);
	assert_int_equal(call[0].cookie, 99);
	upstream_forget(upstream, 1);
	assert_int_equal(ask(1, "one.more", 100), 0);
	await(2);
}

static void there_are_only_so_many_questions_at_a_time(void **state)
{
	(void)state;
	upstream_limit(upstream, 200 * MS, 0, 0); /* a fake's socket does not hold so many */
	for (unsigned i = 0; i < UPSTREAM_MAX; i++)
		assert_int_equal(ask(1 + i / UPSTREAM_PER_ASKER, name_of(i), i), 0);
	assert_int_equal(ask(100, "one.more", 1), -EBUSY);
	await(UPSTREAM_MAX);
	for (unsigned i = 0; i < UPSTREAM_MAX; i++)
		assert_true(call[i].number);
	assert_int_equal(ask(100, "one.more", 1), 0);
	await(UPSTREAM_MAX + 1);
}

static void forget_first(uint64_t cookie)
{
	if (cookie == 20)
		upstream_forget(upstream, 1);
}

static void what_is_forgotten_is_not_answered(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ask(1 + i % 2, name_of(i), i), 0);
	upstream_forget(upstream, 1);
	await(5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(call[i].cookie % 2, 1);

	/* also while it is being told to one of them */
	on_call = forget_first;
	for (unsigned i = 20; i < 24; i++)
		assert_int_equal(ask(1, "www.example.com", i), 0);
	assert_int_equal(ask(2, "www.example.com", 30), 0);
	assert_int_equal(ask(1, "www.example.org", 40), 0);
	await(7);
	answered_by(1);
	assert_int_equal(call[5].cookie, 20);
	assert_int_equal(call[6].cookie, 30);
}

static void ask_again(uint64_t cookie)
{
	if (cookie < 3)
		assert_int_equal(ask(1, "www.example.com", cookie + 1), 0);
}

static void who_is_answered_may_ask_anew(void **state)
{
	(void)state;
	on_call = ask_again;
	assert_int_equal(ask(1, "www.example.com", 0), 0);
	await(4);
	assert_int_equal(call[3].cookie, 3);
	assert_int_equal(fake[0].datagrams, 4);
}

static void other_servers_are_for_those_who_ask_later(void **state)
{
	(void)state;
	assert_int_equal(ask(1, "www.example.com", 1), 0);
	upstream_set(upstream, &fake[1].where, 1);
	await(1);
	assert_int_equal(call[0].number, 1);
	answered_by(2);
}

/* By UDP, by TCP at each stage, several that wait for one, and one that nobody takes. */
static void everything_ends_with_questions_on_the_way(void **state)
{
	struct upstream_server nowhere = { .addr = { 0xfe, 0x80, [15] = 1 }, .port = 53 };

	(void)state;
	fake[0].by_udp = SILENT;
	assert_int_equal(ask(1, "www.example.com", 1), 0);
	assert_int_equal(ask(1, "www.example.com", 2), 0);
	fake[1].by_udp = TRUNCATE;
	fake[1].by_tcp = ENDLESS;
	upstream_set(upstream, &fake[1].where, 1);
	assert_int_equal(ask(1, name_of(1), 3), 0);
	await_time(20 * MS);
	assert_int_equal(fake[1].streams, 1);
	upstream_set(upstream, &nowhere, 1);
	assert_int_equal(ask(1, name_of(2), 4), 0);
	assert_int_equal(n_calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_first_server_is_asked_and_its_answer_is_handed_up),
		T(no_such_name_is_an_answer),
		T(port_number_and_case_are_others_each_time),
		T(the_second_server_answers_when_the_first_is_not_there),
		T(a_silent_server_is_passed_over_and_asked_last_for_a_while),
		T(the_second_server_answers_when_the_first_fails),
		T(what_all_servers_say_is_handed_up),
		T(each_end_without_an_answer_has_its_reason),
		T(a_server_that_cannot_be_asked_is_no_reason_to_answer_too_early),
		T(what_was_not_asked_is_no_answer_and_the_right_one_is_taken_after_it),
		T(many_strange_datagrams_lead_to_tcp),
		T(a_server_that_changes_the_case_is_asked_by_tcp),
		T(a_truncated_answer_is_asked_for_by_tcp),
		T(a_slow_stream_is_read_byte_by_byte),
		T(a_stream_without_an_answer_leads_to_the_next_server),
		T(an_endless_or_silent_stream_ends_at_the_limit),
		T(equal_questions_of_one_asker_are_one),
		T(an_askers_share_is_its_own),
		T(there_are_only_so_many_questions_at_a_time),
		T(what_is_forgotten_is_not_answered),
		T(who_is_answered_may_ask_anew),
		T(other_servers_are_for_those_who_ask_later),
		T(everything_ends_with_questions_on_the_way),
	};

	return cmocka_run_group_tests_name("dns upstream", tests, NULL, NULL);
}
