// SPDX-License-Identifier: Apache-2.0
/*
 * test_inbound.c - what begins outside: published ports, allowed peers, nobody else
 *
 * An echo server inside the guard, a client in the far namespace. Each refusal has its
 * control: the same connection before the guard was there, or to the port that is open.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "cgroup.h"
#include "flows.h"

#define OPEN_PORT   5555
#define CLOSED_PORT 5556
#define NO_ANSWER   300 /* ms; an answer takes one */

static struct test_world *world;
static pid_t server;

static void serve(int ready)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct pollfd fds[34] = {};
	unsigned n = 2;

	for (int i = 0; i < 2; i++) {
		fds[i].fd = socket(AF_INET6, SOCK_STREAM, 0);
		fds[i].events = POLLIN;
		any.sin6_port = htons(i ? CLOSED_PORT : OPEN_PORT);
		if (bind(fds[i].fd, (struct sockaddr *)&any, sizeof(any)) || listen(fds[i].fd, 8))
			_exit(1);
	}
	if (write(ready, "r", 1) != 1)
		_exit(1);
	while (poll(fds, n, -1) > 0) {
		char byte;

		for (int i = 0; i < 2 && n < 34; i++)
			if (fds[i].revents)
				fds[n++] = (struct pollfd){ .fd = accept(fds[i].fd, NULL, NULL),
							    .events = POLLIN };
		for (unsigned i = 2; i < n; i++) {
			if (!fds[i].revents)
				continue;
			if (read(fds[i].fd, &byte, 1) != 1 ||
			    send(fds[i].fd, &byte, 1, MSG_NOSIGNAL) != 1)
				fds[i].fd = -1;
		}
	}
	_exit(0);
}

static int setup(void **state)
{
	int pair[2];
	char byte;

	(void)state;
	world = test_world_new();
	test_load(world);
	assert_int_equal(pipe(pair), 0);
	server = fork();
	if (!server) {
		if (cgroup_join(world->cgroup_fd))
			_exit(1);
		serve(pair[1]);
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &byte, 1), 1);
	close(pair[0]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	test_world_free(world);
	return 0;
}

/* A client on the far side, that goes on when told: "connect" happens at its start. */
struct client {
	pid_t pid;
	int to, from;
};

static int awaited(int fd, short events)
{
	struct pollfd ready = { .fd = fd, .events = events };

	return poll(&ready, 1, NO_ANSWER) == 1 && ready.revents & events ? 0 : ETIMEDOUT;
}

static int client_connect(const char *addr, uint16_t port)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
	socklen_t size = sizeof(error);

	if (inet_pton(AF_INET6, addr, &to.sin6_addr) != 1 ||
	    (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS))
		return -1;
	if (awaited(fd, POLLOUT) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
		return -1;
	return fd;
}

static int client_echo(int fd)
{
	char byte = 'x';

	return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && !awaited(fd, POLLIN) &&
	       recv(fd, &byte, 1, 0) == 1;
}

static void client_run(const char *addr, uint16_t port, int from, int to)
{
	char path[64], said;
	int fd, ns;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", world->far_pid);
	ns = open(path, O_RDONLY);
	if (ns < 0 || setns(ns, CLONE_NEWNET))
		_exit(1);
	fd = client_connect(addr, port);
	do {
		said = fd < 0 ? 'n' : client_echo(fd) ? 'y' : 'c';
		if (write(to, &said, 1) != 1)
			_exit(1);
	} while (read(from, &said, 1) == 1);
	_exit(0);
}

/* 'y' connected and answered, 'c' connected only, 'n' not even that */
static char client_hear(struct client *client)
{
	char said = 0;

	assert_int_equal(read(client->from, &said, 1), 1);
	return said;
}

static char client_start(struct client *client, const char *addr, uint16_t port)
{
	int to[2], from[2];

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	client->pid = fork();
	if (!client->pid)
		client_run(addr, port, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	client->to = to[1];
	client->from = from[0];
	return client_hear(client);
}

static char client_again(struct client *client)
{
	assert_int_equal(write(client->to, "?", 1), 1);
	return client_hear(client);
}

static void client_end(struct client *client)
{
	kill(client->pid, SIGKILL);
	close(client->to);
	close(client->from);
	waitpid(client->pid, NULL, 0);
}

static char knock(const char *addr, uint16_t port)
{
	struct client client;
	char said = client_start(&client, addr, port);

	client_end(&client);
	return said;
}

#define NEAR4 "::ffff:" TEST_NEAR
#define NEAR6 "2001:db8::1"

static void strangers_find_only_what_is_published(void **state)
{
	struct guard guard;
	uint16_t ports[4];

	(void)state;
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'y');
	assert_int_equal(knock(NEAR6, CLOSED_PORT), 'y');
	guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'n');
	assert_true(test_records(world) >= 1);
	assert_true(world->hooks & UINT64_C(1) << TEROK_HOOK_INGRESS);
	assert_true(world->reasons & UINT64_C(1) << TEROK_REASON_UNSOLICITED);

	assert_int_equal(policy_publish(world->kernel, guard.id, OPEN_PORT, true, NULL), 0);
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'y');
	assert_int_equal(knock(NEAR6, OPEN_PORT), 'y');
	assert_int_equal(knock(NEAR4, CLOSED_PORT), 'n');
	assert_int_equal(knock(NEAR6, CLOSED_PORT), 'n');
	assert_int_equal(policy_published(world->kernel, guard.id, ports, 4), 1);
	assert_int_equal(ports[0], OPEN_PORT);
	/* who may come in may not be gone out to */
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(policy_publish(world->kernel, guard.id, OPEN_PORT, false, NULL), 0);
	assert_int_equal(policy_publish(world->kernel, guard.id, OPEN_PORT, false, NULL), -ENOENT);
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'n');
}

static void down_lets_out_and_not_in(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_DOWN_ALL, 0, 0);

	(void)state;
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'n');
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, 0), 0);
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'y');
	/* IPv6 was not named */
	assert_int_equal(knock(NEAR6, OPEN_PORT), 'n');
}

static void what_was_accepted_ends_with_its_port_and_with_block(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct client client;

	(void)state;
	assert_int_equal(policy_publish(world->kernel, guard.id, OPEN_PORT, true, NULL), 0);
	assert_int_equal(client_start(&client, NEAR4, OPEN_PORT), 'y');
	/* a revocation of something else leaves it alone */
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL), 0);
	assert_int_equal(client_again(&client), 'y');
	/* its address denied: no byte goes there any more */
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, TEST_FAR, 0), 0);
	assert_int_equal(client_again(&client), 'c');
	client_end(&client);

	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, TEST_FAR, now_boot_ns()), 0);
	assert_int_equal(client_start(&client, NEAR4, OPEN_PORT), 'y');
	assert_int_equal(policy_publish(world->kernel, guard.id, OPEN_PORT, false, NULL), 0);
	assert_int_equal(client_again(&client), 'c');
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL) >= 1, 1);
	client_end(&client);

	assert_int_equal(policy_publish(world->kernel, guard.id, OPEN_PORT, true, NULL), 0);
	assert_int_equal(client_start(&client, NEAR6, OPEN_PORT), 'y');
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	assert_int_equal(client_again(&client), 'c');
	assert_int_equal(knock(NEAR6, OPEN_PORT), 'n');
	client_end(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(strangers_find_only_what_is_published),
		T(down_lets_out_and_not_in),
		T(what_was_accepted_ends_with_its_port_and_with_block),
	};

	test_require("kernel/inbound");
	return cmocka_run_group_tests_name("kernel/inbound", tests, NULL, NULL);
}
