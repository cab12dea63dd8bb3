// SPDX-License-Identifier: Apache-2.0
/*
 * test_group.c - joining a multicast group is asking to be announced: a destination
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define GROUP4 "239.1.2.3"
#define GROUP6 "ff15::1:2"

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

static int join4(const void *device)
{
	struct ip_mreqn mreq = { .imr_ifindex = if_nametoindex(device) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, GROUP4, &mreq.imr_multiaddr);
	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) ? errno : 0;
}

static int join6(const void *device)
{
	struct ipv6_mreq mreq = { .ipv6mr_interface = if_nametoindex(device) };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	inet_pton(AF_INET6, GROUP6, &mreq.ipv6mr_multiaddr);
	return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mreq, sizeof(mreq)) ? errno : 0;
}

static int join_any(const void *device)
{
	struct group_req req = { .gr_interface = if_nametoindex(device) };
	struct sockaddr_in6 *group = (void *)&req.gr_group;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	group->sin6_family = AF_INET6;
	inet_pton(AF_INET6, GROUP6, &group->sin6_addr);
	return setsockopt(fd, IPPROTO_IPV6, MCAST_JOIN_GROUP, &req, sizeof(req)) ? errno : 0;
}

/* A 32-bit program's arguments have no padding: they are not taken for another group's. */
static int join_unpadded(const void *device)
{
	char req[sizeof(struct group_req)] = {};
	struct sockaddr_in6 group = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), index = if_nametoindex(device);

	inet_pton(AF_INET6, GROUP6, &group.sin6_addr);
	memcpy(req, &index, sizeof(index));
	memcpy(req + 4, &group, sizeof(group));
	return setsockopt(fd, IPPROTO_IPV6, MCAST_JOIN_GROUP, req, sizeof(req)) ? errno : 0;
}

static int (*const joins[])(const void *device) = { join4, join6, join_any };

static void a_group_is_joined_as_its_rule_says(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);

	for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++) {
		assert_int_equal(test_outside(joins[i], "near0"), 0);
		assert_int_equal(test_inside(world, joins[i], "near0"), EPERM);
		assert_int_equal(test_records(world), 1);
		assert_int_equal(world->last.hook, TEROK_HOOK_SETSOCKOPT);
		assert_int_equal(world->last.dst_port, 0);
		assert_int_equal(world->last.reason, TEROK_REASON_PRIVATE);
	}
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, GROUP4, 0), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, GROUP6, 0), 0);
	for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++)
		assert_int_equal(test_inside(world, joins[i], "near0"), 0);
	assert_int_equal(test_inside(world, join_unpadded, "near0"), EPERM);
}

static void on_loopback_nothing_is_announced(void **state)
{
	struct test_world *world = *state;

	test_guard(world, TEROK_STATE_UP, 0, 0);
	for (size_t i = 0; i < sizeof(joins) / sizeof(joins[0]); i++)
		assert_int_equal(test_inside(world, joins[i], "lo"), 0);
}

/* Larger than the page that a hook is shown. */
static int large_option(const void *arg)
{
	char name[8192] = "lo";
	int fd = socket(AF_INET, SOCK_DGRAM, 0), one = 1, got = 0;
	socklen_t len = sizeof(got);

	(void)arg;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, sizeof(name)) ||
	    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) ||
	    getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &got, &len))
		return errno;
	return got ? 0 : EINVAL;
}

static void other_options_are_not_looked_at(void **state)
{
	struct test_world *world = *state;

	assert_int_equal(test_outside(large_option, NULL), 0);
	test_guard(world, TEROK_STATE_BLOCK, 0, 0);
	assert_int_equal(test_inside(world, large_option, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_group_is_joined_as_its_rule_says),
		T(on_loopback_nothing_is_announced),
		T(other_options_are_not_looked_at),
	};

	test_require("kernel/group");
	return cmocka_run_group_tests_name("kernel/group", tests, NULL, NULL);
}
