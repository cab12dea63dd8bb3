// SPDX-License-Identifier: Apache-2.0
/*
 * test_backstop.c - packets that no socket hook saw as they are: the egress hook decides
 *
 * Old sockets, old flows, routing headers, answers to strangers, echo sockets.
 */
#include "support.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seg6.h>
#include <linux/sockios.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"

static int setup(void **state)
{
	struct test_world *world = test_world_new();

	test_load(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	test_world_free(*state);
	return 0;
}

static struct sockaddr_in v4(const char *addr, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, addr, &sin.sin_addr), 1);
	return sin;
}

/* A child in the guard that acts when told: each byte on the pipe is one step. */
struct actor {
	pid_t pid;
	int to, from;
};

static struct actor actor_start(struct test_world *world, int (*act)(int step))
{
	struct actor actor;
	int to[2], from[2];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	actor.pid = fork();
	if (!actor.pid) {
		unsigned char step, result;

		close(to[1]);
		if (cgroup_join(world->cgroup_fd))
			_exit(255);
		while (read(to[0], &step, 1) == 1) {
			result = act(step);
			if (write(from[1], &result, 1) != 1)
				_exit(255);
		}
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	actor.to = to[1];
	actor.from = from[0];
	return actor;
}

static int actor_do(struct actor *actor, unsigned char step)
{
	unsigned char result;

	assert_int_equal(write(actor->to, &step, 1), 1);
	assert_int_equal(read(actor->from, &result, 1), 1);
	return result;
}

static void actor_end(struct actor *actor)
{
	close(actor->to);
	close(actor->from);
	waitpid(actor->pid, NULL, 0);
}

enum { CONNECT_TCP, CONNECT_UDP, SEND_TCP, SEND_UDP, UNACKED };

/* Two sockets, kept between the steps. */
static int flows_act(int step)
{
	static int tcp = -1, udp = -1;
	struct sockaddr_in sin = v4(TEST_FAR, TEST_PORT);
	int unacked;

	switch (step) {
	case CONNECT_TCP:
		tcp = socket(AF_INET, SOCK_STREAM, 0);
		return connect(tcp, (struct sockaddr *)&sin, sizeof(sin)) ? errno : 0;
	case CONNECT_UDP:
		udp = socket(AF_INET, SOCK_DGRAM, 0);
		return connect(udp, (struct sockaddr *)&sin, sizeof(sin)) ? errno : 0;
	case SEND_TCP: return send(tcp, "x", 1, MSG_NOSIGNAL) < 0 ? errno : 0;
	case SEND_UDP: return send(udp, "x", 1, 0) < 0 ? errno : 0;
	case UNACKED: return ioctl(tcp, SIOCOUTQ, &unacked) ? 255 : !!unacked;
	}
	return 255;
}

static void await_datagrams(struct test_world *world, unsigned n)
{
	while (world->far->datagrams < n)
		;
}

static void sockets_older_than_the_guard_are_stopped(void **state)
{
	struct test_world *world = *state;
	struct actor actor = actor_start(world, flows_act);
	unsigned arrived = world->far->datagrams;

	assert_int_equal(actor_do(&actor, CONNECT_TCP), 0);
	assert_int_equal(actor_do(&actor, CONNECT_UDP), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), 0);
	await_datagrams(world, arrived + 1);

	test_guard(world, TEROK_STATE_UP, 0, 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), EPERM);
	assert_int_equal(test_records(world), 1);
	assert_int_equal(world->last.hook, TEROK_HOOK_EGRESS);
	assert_int_equal(world->last.reason, TEROK_REASON_DEFAULT);
	assert_int_equal(world->last.dst_port, TEST_PORT);
	assert_int_equal(world->last.tgid, 0);
	/* TCP takes the byte and is silent on the wire: it is never acknowledged */
	assert_int_equal(actor_do(&actor, SEND_TCP), 0);
	assert_true(test_records(world) >= 1);
	assert_int_equal(actor_do(&actor, UNACKED), 1);
	assert_int_equal(world->far->datagrams, arrived + 1);
	actor_end(&actor);
}

static void a_flow_outlives_its_timed_rule_but_no_deny_and_no_transition(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	uint64_t now = now_boot_ns(), later = now + UINT64_C(3600000000000);
	struct actor actor = actor_start(world, flows_act);
	struct rule rule = { .guard = guard.id, .value = { .action = TEROK_ALLOW } };

	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, later), 0);
	assert_int_equal(actor_do(&actor, CONNECT_UDP), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), 0);
	/* over: the flow lives, a new one is refused */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, now), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	/* a deny stops it, and it may go on when the deny is taken back */
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, "198.51.100.0/24", 0), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), EPERM);
	/* revoking the rule ends it */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "198.51.100.0/24", now), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), 0);
	assert_int_equal(dest_parse(TEST_FAR, &rule.dest, NULL), 0);
	assert_int_equal(policy_remove(world->kernel, &rule, NULL), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), EPERM);

	/* so does a transition */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, later), 0);
	assert_int_equal(actor_do(&actor, CONNECT_UDP), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, now), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), 0);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), EPERM);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_UP, NULL), 0);
	assert_int_equal(actor_do(&actor, SEND_UDP), EPERM);
	actor_end(&actor);
}

/* An unprivileged option: the hooks see the last segment, the wire the first. */
static int routed_send(const void *arg)
{
	struct {
		struct ipv6_sr_hdr head;
		struct in6_addr segments[2];
	} srh = { .head = { .hdrlen = 4, .type = 4, .segments_left = 1, .first_segment = 1 } };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(TEST_PORT) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	inet_pton(AF_INET6, "2001:db8:1::1", &to.sin6_addr);
	srh.segments[0] = to.sin6_addr;
	inet_pton(AF_INET6, arg, &srh.segments[1]);
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_RTHDR, &srh, sizeof(srh)))
		return 254;
	return sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0 ? errno : 0;
}

static void a_routing_header_goes_nowhere(void **state)
{
	struct test_world *world = *state;
	struct guard guard;

	assert_int_equal(test_outside(routed_send, "2001:db8:2::2"), 0);
	guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "2001:db8:1::1", 0), 0);
	assert_int_equal(test_inside(world, routed_send, "2001:db8:2::2"), EPERM);
	assert_int_equal(test_records(world), 1);
	assert_int_equal(world->last.hook, TEROK_HOOK_EGRESS);
	assert_int_equal(world->last.reason, TEROK_REASON_ROUTED);
	/* nor when both ends of it are allowed: it may go on elsewhere from there */
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "2001:db8:2::2", 0), 0);
	assert_int_equal(test_inside(world, routed_send, "2001:db8:2::2"), EPERM);
}

static struct test_world *the_world; /* for children in the far namespace */

static int far_connect(const void *arg)
{
	struct sockaddr_in sin = v4(TEST_NEAR, 5555);
	char path[64];
	int fd, ns;

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", the_world->far_pid);
	ns = open(path, O_RDONLY);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		return 255;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) && errno == EINPROGRESS) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };

		return poll(&ready, 1, 300) == 1 ? 0 : ETIMEDOUT;
	}
	return errno;
}

static int listen_act(int step)
{
	static int fd = -1;
	struct sockaddr_in sin = v4("0.0.0.0", 5555);

	(void)step;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	return bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 8) ? errno : 0;
}

static void strangers_get_no_answer(void **state)
{
	struct test_world *world = *state;
	struct actor actor = actor_start(world, listen_act);

	the_world = world;
	assert_int_equal(actor_do(&actor, 0), 0);
	assert_int_equal(test_outside(far_connect, NULL), 0);
	test_guard(world, TEROK_STATE_UP, 0, 0);
	assert_int_equal(test_outside(far_connect, NULL), ETIMEDOUT);
	assert_true(test_records(world) >= 1);
	/* the connection that was there before is cut as well, for another reason */
	assert_true(world->reasons & UINT64_C(1) << TEROK_REASON_UNSOLICITED);
	actor_end(&actor);
}

/* Connected, then a datagram with a control message: the hook gets no address at all. */
static int tos_send(const void *arg)
{
	struct sockaddr_in sin = v4(arg, TEST_PORT);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = IPPROTO_IP,
				.cmsg_type = IP_TOS } };
	struct iovec iov = { .iov_base = "x", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), tos = 2;

	memcpy(CMSG_DATA(&control.head), &tos, sizeof(tos));
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		return errno;
	return sendmsg(fd, &msg, 0) < 0 ? errno : 0;
}

static void a_datagram_with_control_data_goes_by_its_peer(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	unsigned arrived = world->far->datagrams;

	assert_int_equal(test_inside(world, tos_send, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, 0), 0);
	assert_int_equal(test_inside(world, tos_send, TEST_FAR), 0);
	await_datagrams(world, arrived + 1);
	assert_int_equal(test_inside(world, tos_send, "127.0.0.1"), 0);
}

/* An address that was the guard's own a moment ago, and that nobody has struck off yet. */
static void an_address_that_was_its_own_is_not_reached_on_the_wire(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct terok_self_key key = { .guard = guard.id };
	unsigned streams = world->far->streams, datagrams = world->far->datagrams;
	struct dest far;
	__u32 one = 1;

	assert_int_equal(dest_parse(TEST_FAR, &far, NULL), 0);
	memcpy(key.addr, far.addr, sizeof(key.addr));
	assert_int_equal(bpf_map_update_elem(world->kernel->map[MAP_SELF], &key, &one, 0), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_records(world), 1);
	assert_int_equal(world->last.hook, TEROK_HOOK_EGRESS);
	assert_int_equal(world->last.reason, TEROK_REASON_DEFAULT);
	/* what an outsider sends arrives behind whatever had been sent */
	assert_int_equal(test_outside(test_sendto, &(struct test_dest){ .addr = TEST_FAR,
									.port = TEST_PORT,
									.type = SOCK_DGRAM }),
			 0);
	await_datagrams(world, datagrams + 1);
	assert_int_equal(world->far->datagrams, datagrams + 1);
	assert_int_equal(world->far->streams, streams);
}

static int ping(const void *arg)
{
	struct icmphdr echo = { .type = ICMP_ECHO };
	struct sockaddr_in sin = v4(arg, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	struct pollfd answer = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return errno;
	if (sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		return errno;
	return poll(&answer, 1, 1000) == 1 ? 0 : ETIMEDOUT;
}

static void ping_reaches_what_is_allowed_and_nothing_else(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	assert_int_equal(system("echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range"), 0);
	assert_int_equal(test_outside(ping, "203.0.113.1"), 0);
	assert_int_equal(test_inside(world, ping, "203.0.113.1"), EPERM);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.1", 0), 0);
	assert_int_equal(test_inside(world, ping, "203.0.113.1"), 0);
	test_records(world);
	assert_int_equal(test_inside(world, ping, "203.0.113.2"), EPERM);
	assert_int_equal(test_records(world), 1);
	assert_int_equal(world->last.hook, TEROK_HOOK_EGRESS);
	assert_int_equal(world->last.proto, IPPROTO_ICMP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(sockets_older_than_the_guard_are_stopped),
		T(a_flow_outlives_its_timed_rule_but_no_deny_and_no_transition),
		T(a_routing_header_goes_nowhere),
		T(strangers_get_no_answer),
		T(a_datagram_with_control_data_goes_by_its_peer),
		T(an_address_that_was_its_own_is_not_reached_on_the_wire),
		T(ping_reaches_what_is_allowed_and_nothing_else),
	};

	test_require("kernel/backstop");
	return cmocka_run_group_tests_name("kernel/backstop", tests, NULL, NULL);
}
