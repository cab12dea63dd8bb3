// SPDX-License-Identifier: Apache-2.0
/*
 * test_synthetic.c - policy by names, answered with addresses that stand for the real ones
 *
 * Two names may have one real address: what is allowed is the name, so a process that knows
 * the real address, by whatever call, gets nowhere.
 */
#include "lookup.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "cgroup.h"

#define REAL  "203.0.113.10"
#define REAL6 "2001:db8:9::10"

static const char zone[] = "one.example A 60 " REAL "\n"
			   "two.example A 60 " REAL "\n"
			   "six.example AAAA 60 " REAL6 "\n"
			   "both.example A 60 203.0.113.11\n"
			   "both.example AAAA 60 2001:db8:9::11\n"
			   "pair.example A 60 203.0.113.20\n"
			   "pair.example A 60 203.0.113.21\n"
			   "many.example do many 20\n"
			   "many.example A 60 203.0.113.100\n"
			   "ours.example A 60 198.18.0.1\n"
			   "https.example A 60 203.0.113.12\n"
			   "https.example HTTPS 60 1 . alpn=h2 ipv4hint=203.0.113.12\n";

static char one[64], six[64]; /* the synthetic addresses of one.example, six.example */

static const char *stands_for(const char *name, uint16_t type, char ret[static 64])
{
	const struct lookup *answer = lookup(name, type);

	assert_int_equal(answer->rcode, 0);
	assert_int_equal(answer->n, 1);
	return strcpy(ret, lookup_address(answer, 0));
}

static int setup(void **state)
{
	programs_setup(state);
	lookup_begin(zone, "synthetic");
	assert_works("allow", "box", "one.example");
	assert_works("allow", "box", "six.example");
	stands_for("one.example", TYPE_A, one);
	stands_for("six.example", TYPE_AAAA, six);
	return 0;
}

static int teardown(void **state)
{
	people_leave();
	lookup_end();
	return programs_teardown(state);
}

static const char *mapped(const char *addr)
{
	static char text[2][80];
	static unsigned turn;

	turn = !turn;
	snprintf(text[turn], sizeof(text[turn]), "::ffff:%s", addr);
	return text[turn];
}

/* What the kernel's table has behind it; NULL: nothing. */
static const char *behind(const char *addr)
{
	static char text[4][64];
	static unsigned turn;
	struct terok_learned_key key = { .guard = 1 };
	struct terok_synthetic value;
	struct dest dest;

	assert_int_equal(dest_parse(addr, &dest, NULL), 0);
	memcpy(key.addr, dest.addr, sizeof(key.addr));
	if (bpf_map_lookup_elem(world->kernel->map[MAP_SYNTHETIC], &key, &value))
		return NULL;
	return addr_format(text[turn++ % 4], value.real);
}

/* Who the peer is, by the kernel's word: the connected one's, or the sender of what comes. */
static void assert_peer(int fd, const char *addr, uint16_t port)
{
	const struct sockaddr *want = to(addr, port);
	struct sockaddr_storage got;
	socklen_t size = sizeof(got);

	assert_int_equal(getpeername(fd, (struct sockaddr *)&got, &size), 0);
	assert_int_equal(size, to_size(want));
	assert_memory_equal(&got, want, size);
}

static void assert_echo_from(int fd, const char *addr)
{
	const struct sockaddr *want = to(addr, TEST_ECHO);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct sockaddr_storage got;
	socklen_t size = sizeof(got);
	char byte;

	assert_int_equal(poll(&ready, 1, LIMIT_MS), 1);
	assert_int_equal(recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&got, &size), 1);
	assert_int_equal(size, to_size(want));
	assert_memory_equal(&got, want, size);
}

/* --- it works ------------------------------------------------------------------------------ */

static void an_answer_has_addresses_that_stand_for_the_real_ones(void **state)
{
	char both[64], both6[64];

	(void)state;
	assert_int_equal(strncmp(one, "198.18.", 7), 0);
	assert_int_equal(strncmp(six, "fd73:796e::", 11), 0);
	assert_string_equal(behind(one), REAL);
	assert_string_equal(behind(six), REAL6);
	assert_works("allow", "box", "both.example");
	stands_for("both.example", TYPE_A, both);
	stands_for("both.example", TYPE_AAAA, both6);
	assert_string_equal(behind(both), "203.0.113.11");
	assert_string_equal(behind(both6), "2001:db8:9::11");
	assert_string_not_equal(both, one);
}

/* No IPv6 address for what has none: the kernel could not go there by every call. */
static void only_real_ipv6_addresses_are_stood_for(void **state)
{
	(void)state;
	assert_no_data("one.example", TYPE_AAAA);
	assert_no_data("six.example", TYPE_A);
	assert_works("allow", "box", "https.example");
	assert_no_data("https.example", TYPE_HTTPS); /* it would say the real one */
	assert_works("allow", "box", "ours.example");
	assert_no_data("ours.example", TYPE_A);
}

static void of_many_addresses_eight_are_stood_for(void **state)
{
	const struct lookup *answer;

	(void)state;
	assert_works("allow", "box", "many.example");
	answer = lookup_tcp("many.example", TYPE_A);
	assert_int_equal(answer->n, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(reach(lookup_address(answer, i), TEST_PORT), 0);
}

static void a_synthetic_address_has_its_name(void **state)
{
	unsigned a, b, c, d;
	char name[64];

	(void)state;
	assert_int_equal(sscanf(one, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
	snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", d, c, b, a);
	assert_string_equal(lookup(name, TYPE_PTR)->target, "one.example");
	assert_int_equal(lookup("10.113.0.203.in-addr.arpa", TYPE_PTR)->rcode, DNS_NXDOMAIN);
	assert_int_equal(lookup_asked("arpa"), 0);
}

static void connections_go_there_and_say_where_they_were_meant_to(void **state)
{
	const char *peers[] = { one, six, mapped(one) };

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct sockaddr *peer = to(peers[i], TEST_PORT);
		int fd = inside_socket(peer->sa_family, SOCK_STREAM);

		assert_int_equal(connect(fd, peer, to_size(peer)), 0);
		assert_peer(fd, peers[i], TEST_PORT);
		assert_int_equal(stream_moves(fd, LIMIT_MS), 0);
		close(fd);
	}
}

static void connected_datagrams_go_there_and_come_back(void **state)
{
	const char *peers[] = { one, six, mapped(one) };

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct sockaddr *peer = to(peers[i], TEST_ECHO);
		int fd = inside_socket(peer->sa_family, SOCK_DGRAM);

		assert_int_equal(connect(fd, peer, to_size(peer)), 0);
		assert_peer(fd, peers[i], TEST_ECHO);
		/* an IPv6 socket to a mapped address: runs sendmsg with what connect wrote */
		assert_int_equal(send(fd, "x", 1, 0), 1);
		assert_echo_from(fd, peers[i]);
		close(fd);
	}
}

static void unconnected_datagrams_go_there_and_come_back(void **state)
{
	const char *peers[] = { one, six, mapped(one) };

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct sockaddr *peer = to(peers[i], TEST_ECHO);
		int fd = inside_socket(peer->sa_family, SOCK_DGRAM);

		assert_int_equal(sendto(fd, "x", 1, 0, peer, to_size(peer)), 1);
		assert_echo_from(fd, peers[i]);
		assert_int_equal(sendto(fd, "x", 1, 0, peer, to_size(peer)), 1);
		assert_echo_from(fd, peers[i]);
		close(fd);
	}
}

/* A control message and no address: the kernel takes another way through sendmsg. */
static void datagrams_with_a_control_message_and_no_address_go_there(void **state)
{
	const char *peers[] = { one, mapped(one) };

	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct sockaddr *peer = to(peers[i], TEST_ECHO);
		int fd = inside_socket(peer->sa_family, SOCK_DGRAM);
		union {
			struct cmsghdr head;
			char room[CMSG_SPACE(sizeof(int))];
		} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
					.cmsg_level = IPPROTO_IP,
					.cmsg_type = IP_TTL } };
		struct iovec part = { "x", 1 };
		struct msghdr msg = { .msg_iov = &part,
				      .msg_iovlen = 1,
				      .msg_control = &control,
				      .msg_controllen = sizeof(control.room) };
		const int ttl = 9;

		memcpy(CMSG_DATA(&control.head), &ttl, sizeof(ttl));
		assert_int_equal(connect(fd, peer, to_size(peer)), 0);
		assert_int_equal(sendmsg(fd, &msg, 0), 1);
		assert_echo_from(fd, peers[i]);
		close(fd);
	}
}

static int open_fast(const char *addr)
{
	const struct sockaddr *peer = to(addr, TEST_PORT);
	int fd = inside_socket(peer->sa_family, SOCK_STREAM);
	int error = sendto(fd, "x", 1, MSG_FASTOPEN, peer, to_size(peer)) < 0 ? errno : 0;

	close(fd);
	return error;
}

static void a_fast_open_goes_there_and_not_to_the_real_address(void **state)
{
	(void)state;
	assert_int_equal(open_fast(one), 0);
	assert_int_equal(open_fast(six), 0);
	assert_int_equal(open_fast(REAL), EHOSTUNREACH);
	assert_int_equal(open_fast(REAL6), EACCES);
	assert_int_equal(open_fast(mapped(REAL)), EHOSTUNREACH);
}

static void a_name_for_one_port_stands_for_that_one(void **state)
{
	char both[64];

	(void)state;
	assert_works("allow", "box", "both.example", "--port", "7777", "--proto", "tcp");
	stands_for("both.example", TYPE_A, both);
	assert_int_equal(reach(both, TEST_PORT), 0);
	assert_int_equal(reach(both, 9), EHOSTUNREACH);
	assert_int_equal(throw_to(both, TEST_PORT), EPERM);
}

/* --- the real address is nobody's -------------------------------------------------------------- */

static void of_two_names_with_one_address_the_other_is_nowhere(void **state)
{
	unsigned streams = world->far->streams, datagrams = world->far->datagrams;
	const char *real = mapped(REAL);

	(void)state;
	assert_unknown("two.example");
	assert_int_equal(reach(REAL, TEST_PORT), EHOSTUNREACH);
	assert_int_equal(reach(real, TEST_PORT), EHOSTUNREACH);
	assert_int_equal(reach(REAL6, TEST_PORT), EACCES);
	assert_int_equal(throw_to(REAL, TEST_PORT), EPERM);
	assert_int_equal(throw_to(real, TEST_PORT), EPERM);
	assert_int_equal(throw_to(REAL6, TEST_PORT), EPERM);
	assert_int_equal(reach(one, TEST_PORT), 0); /* control: it is there, for the name */
	while (world->far->streams == streams)
		;
	assert_int_equal(world->far->streams, streams + 1);
	assert_int_equal(world->far->datagrams, datagrams);
	/* both allowed: two addresses for one real; one taken back leaves the other */
	assert_works("allow", "box", "two.example");
	assert_int_equal(lookup("two.example", TYPE_A)->n, 1);
	assert_works("allow", "box", "two.example", "--remove");
	assert_int_equal(reach(one, TEST_PORT), 0);
	assert_int_equal(reach(REAL, TEST_PORT), EHOSTUNREACH);
}

/* What connect() wrote into the socket is not a pass for the address. */
static void a_socket_that_was_connected_there_is_not_let_to_the_real_address(void **state)
{
	const char *peers[] = { one, mapped(one), six };
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct sockaddr *peer = to(peers[i], TEST_ECHO);
		const char *text = i == 0 ? REAL : i == 1 ? mapped(REAL) : REAL6;
		const struct sockaddr *real = to(text, TEST_ECHO);
		int fd = inside_socket(peer->sa_family, SOCK_DGRAM);

		assert_int_equal(connect(fd, peer, to_size(peer)), 0);
		assert_int_equal(call_by(fd, NULL), 0);
		assert_int_equal(connect(fd, &none, sizeof(none)), 0);
		assert_int_equal(sendto(fd, "x", 1, 0, real, to_size(real)), -1);
		assert_int_equal(errno, EPERM);
		assert_int_equal(connect(fd, real, to_size(real)), -1);
		assert_int_equal(sendto(fd, "x", 1, 0, peer, to_size(peer)), 1); /* control */
		close(fd);
	}
}

/* While it is connected to the synthetic one, too. */
static void a_socket_that_is_connected_there_sends_nowhere_else(void **state)
{
	const struct sockaddr *peer = to(one, TEST_ECHO), *real = to(REAL, TEST_ECHO);
	int fd = inside_socket(AF_INET, SOCK_DGRAM);

	(void)state;
	assert_int_equal(connect(fd, peer, to_size(peer)), 0);
	assert_int_equal(sendto(fd, "x", 1, 0, real, to_size(real)), -1);
	assert_int_equal(errno, EPERM);
	real = to(REAL, TEST_PORT);
	assert_int_equal(sendto(fd, "x", 1, 0, real, to_size(real)), -1);
	assert_int_equal(connect(fd, real, to_size(real)), -1);
	assert_int_equal(call_by(fd, NULL), 0);
	close(fd);
}

/* --- addresses that stand for nothing ---------------------------------------------------------- */

static void an_address_that_stands_for_nothing_is_refused_in_every_state(void **state)
{
	static const char *const states[] = { "up", "down", "down-all" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		if (i)
			assert_works("down", "box", i == 2 ? "--all" : NULL);
		assert_int_equal(reach("198.19.200.200", TEST_PORT), EHOSTUNREACH);
		assert_int_equal(throw_to("198.19.200.200", TEST_PORT), EPERM);
		assert_int_equal(reach("fd73:796e::ffff", TEST_PORT), EACCES);
		assert_int_equal(throw_to("fd73:796e::ffff", TEST_PORT), EPERM);
		if (reach(one, TEST_PORT))
			fail_msg("not even the one that was given, in %s", states[i]);
	}
}

/* The only packets that no call decides are those of echo sockets, in an open guard. */
static void packets_to_the_range_do_not_leave(void **state)
{
	struct place here = { .cgroup_fd = world->cgroup_fd };
	struct icmphdr echo = { .type = ICMP_ECHO };
	FILE *range = fopen("/proc/sys/net/ipv4/ping_group_range", "we");
	const char *addrs[] = { "198.19.200.200", one };
	const struct sockaddr *far = to(TEST_FAR, 0);
	struct pollfd ready = { .events = POLLIN };
	int fd;

	(void)state;
	assert_non_null(range);
	fputs("0 0", range);
	assert_int_equal(fclose(range), 0);
	assert_works("down", "box", "--all");
	fd = place_socket(&here, AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	ready.fd = fd;
	assert_int_equal(sendto(fd, &echo, sizeof(echo), 0, far, to_size(far)), sizeof(echo));
	assert_int_equal(poll(&ready, 1, LIMIT_MS), 1); /* control */
	for (int i = 0; i < 2; i++) {
		const struct sockaddr *peer = to(addrs[i], 0);

		assert_int_equal(sendto(fd, &echo, sizeof(echo), 0, peer, to_size(peer)), -1);
		assert_int_equal(errno, EPERM);
	}
	close(fd);
}

static void what_stands_for_something_in_one_guard_does_not_in_another(void **state)
{
	char path[TEROK_PATH_LEN + 8], both[64];
	struct place other = {};
	const struct sockaddr *peer;
	int fd;

	(void)state;
	assert_works("allow", "box", "both.example");
	stands_for("both.example", TYPE_A, both);
	snprintf(path, sizeof(path), "%s-other", world->cgroup_path);
	other.cgroup_fd = cgroup_create(path, NULL);
	assert_works("attach", path, "--name", "other", "--names", "synthetic");
	assert_works("allow", "other", "one.example");
	fd = place_socket(&other, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(lookup_by(fd, "one.example", TYPE_A, LIMIT_MS)->n, 1);
	close(fd);
	fd = place_socket(&other, AF_INET, SOCK_STREAM, 0);
	peer = to(both, TEST_PORT);
	assert_int_equal(connect(fd, peer, to_size(peer)), -1);
	assert_int_equal(errno, EHOSTUNREACH);
	assert_int_equal(reach(both, TEST_PORT), 0);
	close(fd);
	assert_works("detach", "other");
	close(other.cgroup_fd);
	assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
}

/* --- addresses change --------------------------------------------------------------------------- */

/* So that the next answer is upstream's. */
static void forget_answers(void)
{
	static unsigned n;
	char name[32];

	snprintf(name, sizeof(name), "x%u.example", n++);
	assert_works("allow", "box", name);
}

static void addresses_that_change_keep_their_places(void **state)
{
	char first[64], second[64];
	const struct lookup *answer;

	(void)state;
	assert_works("allow", "box", "pair.example");
	answer = lookup("pair.example", TYPE_A);
	assert_int_equal(answer->n, 2);
	strcpy(first, lookup_address(answer, 0));
	strcpy(second, lookup_address(answer, 1));
	assert_string_equal(behind(first), "203.0.113.20");
	assert_string_equal(behind(second), "203.0.113.21");

	/* one goes, one comes: who holds the old address gets to the new server */
	lookup_zone("pair.example A 60 203.0.113.22\npair.example A 60 203.0.113.21\n");
	forget_answers();
	answer = lookup("pair.example", TYPE_A);
	assert_int_equal(answer->n, 2);
	assert_string_equal(behind(second), "203.0.113.21");
	assert_string_equal(behind(first), "203.0.113.22");
	assert_string_equal(lookup_address(answer, 0), first);
	assert_string_equal(lookup_address(answer, 1), second);

	/* one is left: both lead there, one is told */
	lookup_zone("pair.example A 60 203.0.113.23\n");
	forget_answers();
	answer = lookup("pair.example", TYPE_A);
	assert_int_equal(answer->n, 1);
	assert_string_equal(behind(first), "203.0.113.23");
	assert_string_equal(behind(second), "203.0.113.23");
	assert_int_equal(reach(first, TEST_PORT), 0);
	assert_int_equal(reach(second, TEST_PORT), 0);
}

/* --- it ends -------------------------------------------------------------------------------------- */

static void taking_the_name_back_ends_what_flows(void **state)
{
	const struct sockaddr *stream = to(one, TEST_PORT), *echo = to(one, TEST_ECHO);
	int tcp = inside_socket(AF_INET, SOCK_STREAM), udp = inside_socket(AF_INET, SOCK_DGRAM);
	int six_udp = inside_socket(AF_INET6, SOCK_DGRAM),
	    sends = inside_socket(AF_INET, SOCK_DGRAM);

	(void)state;
	assert_int_equal(connect(tcp, stream, to_size(stream)), 0);
	assert_int_equal(connect(udp, echo, to_size(echo)), 0);
	echo = to(mapped(one), TEST_ECHO);
	assert_int_equal(connect(six_udp, echo, to_size(echo)), 0);
	/* another name's end is nothing to them */
	assert_works("allow", "box", "six.example", "--remove");
	assert_works("deny", "box", "six.example");
	assert_int_equal(stream_moves(tcp, LIMIT_MS), 0);
	assert_int_equal(call_by(udp, NULL), 0);
	assert_int_equal(call_by(six_udp, NULL), 0);
	assert_int_equal(call_by(sends, one), 0);

	assert_works("allow", "box", "one.example", "--remove");
	assert_int_equal(stream_moves(tcp, 300), ECONNABORTED);
	assert_int_equal(call_by(udp, NULL), EPERM);
	assert_int_equal(call_by(six_udp, NULL), EPERM);
	assert_int_equal(call_by(sends, one), EPERM);
	assert_int_equal(reach(one, TEST_PORT), EHOSTUNREACH);
	close(tcp);
	close(udp);
	close(six_udp);
	close(sends);
}

static void a_given_address_works_on_without_an_agent_and_ends_without_one(void **state)
{
	(void)state;
	agent_end(SIGKILL);
	assert_int_equal(reach(one, TEST_PORT), 0);
	assert_int_equal(reach(REAL, TEST_PORT), EHOSTUNREACH);
	assert_works("allow", "box", "one.example", "--remove");
	assert_int_equal(reach(one, TEST_PORT), EHOSTUNREACH);
}

/* --- of one name ---------------------------------------------------------------------------------- */

static int setup_learn(void **state)
{
	programs_setup(state);
	lookup_begin(zone, "learn");
	return 0;
}

static void one_name_can_be_stood_for_in_a_guard_that_learns(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example", "--synthetic");
	assert_works("allow", "box", "both.example");
	stands_for("one.example", TYPE_A, one);
	assert_int_equal(strncmp(one, "198.18.", 7), 0);
	assert_found("both.example", "203.0.113.11");
	assert_int_equal(reach(one, TEST_PORT), 0);
	assert_int_equal(reach(REAL, TEST_PORT), EHOSTUNREACH);
	assert_int_equal(reach("203.0.113.11", TEST_PORT), 0);
	assert_int_equal(reach("198.19.200.200", TEST_PORT), EHOSTUNREACH);
	assert_works("allow", "box", "one.example", "--remove");
	assert_int_equal(reach(one, TEST_PORT), EHOSTUNREACH);
}

/* What was learned of it before is good for nothing new. */
static void a_name_that_is_stood_for_from_now_on_loses_its_real_address(void **state)
{
	const struct sockaddr *peer = to(REAL, TEST_PORT);
	int tcp = inside_socket(AF_INET, SOCK_STREAM);

	(void)state;
	assert_works("allow", "box", "one.example");
	assert_found("one.example", REAL);
	assert_int_equal(connect(tcp, peer, to_size(peer)), 0);
	assert_works("allow", "box", "one.example", "--synthetic");
	stands_for("one.example", TYPE_A, one);
	assert_int_equal(strncmp(one, "198.18.", 7), 0);
	assert_int_equal(reach(one, TEST_PORT), 0);
	assert_int_equal(reach(REAL, TEST_PORT), EHOSTUNREACH);
	assert_int_equal(stream_moves(tcp, LIMIT_MS), 0);
	close(tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define L(name) cmocka_unit_test_setup_teardown(name, setup_learn, teardown)
		T(an_answer_has_addresses_that_stand_for_the_real_ones),
		T(only_real_ipv6_addresses_are_stood_for),
		T(of_many_addresses_eight_are_stood_for),
		T(a_synthetic_address_has_its_name),
		T(connections_go_there_and_say_where_they_were_meant_to),
		T(connected_datagrams_go_there_and_come_back),
		T(unconnected_datagrams_go_there_and_come_back),
		T(datagrams_with_a_control_message_and_no_address_go_there),
		T(a_fast_open_goes_there_and_not_to_the_real_address),
		T(a_name_for_one_port_stands_for_that_one),
		T(of_two_names_with_one_address_the_other_is_nowhere),
		T(a_socket_that_was_connected_there_is_not_let_to_the_real_address),
		T(a_socket_that_is_connected_there_sends_nowhere_else),
		T(an_address_that_stands_for_nothing_is_refused_in_every_state),
		T(packets_to_the_range_do_not_leave),
		T(what_stands_for_something_in_one_guard_does_not_in_another),
		T(addresses_that_change_keep_their_places),
		T(taking_the_name_back_ends_what_flows),
		T(a_given_address_works_on_without_an_agent_and_ends_without_one),
		L(one_name_can_be_stood_for_in_a_guard_that_learns),
		L(a_name_that_is_stood_for_from_now_on_loses_its_real_address),
	};

	test_require("kernel/synthetic");
	programs_find();
	return cmocka_run_group_tests_name("kernel/synthetic", tests, NULL, NULL);
}
