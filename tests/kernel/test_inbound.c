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
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
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

#define ELSEWHERE 'e' /* datagram: try to send to somebody who never asked, and say how it went */

static void answer_datagram(int fd)
{
	struct sockaddr_in6 peer,
	    other = { .sin6_family = AF_INET6, .sin6_port = htons(TEST_PORT) };
	socklen_t len = sizeof(peer);
	char byte;

	if (recvfrom(fd, &byte, 1, 0, (struct sockaddr *)&peer, &len) != 1)
		return;
	if (byte == ELSEWHERE) {
		inet_pton(AF_INET6, "::ffff:" TEST_FAR, &other.sin6_addr);
		byte = sendto(fd, "x", 1, 0, (struct sockaddr *)&other, sizeof(other)) == 1 ? 0
											    : errno;
	}
	sendto(fd, &byte, 1, 0, (struct sockaddr *)&peer, len);
}

/* Datagrams, in a process of their own. */
static void serve_datagrams(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct pollfd fds[2] = {};

	for (int i = 0; i < 2; i++) {
		fds[i].fd = socket(AF_INET6, SOCK_DGRAM, 0);
		fds[i].events = POLLIN;
		any.sin6_port = htons(i ? CLOSED_PORT : OPEN_PORT);
		if (bind(fds[i].fd, (struct sockaddr *)&any, sizeof(any)))
			_exit(1);
	}
	if (fork()) /* bound: the caller goes on */
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (poll(fds, 2, -1) > 0)
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				answer_datagram(fds[i].fd);
	_exit(0);
}

static void serve(int ready)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct pollfd fds[34] = {};
	unsigned n = 2;

	serve_datagrams();

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

/* One datagram from the far side, from a port of its own: what came back, -1 for nothing. */
static int ask(const char *addr, uint16_t port, char byte)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	char path[64];
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd, ns;

		snprintf(path, sizeof(path), "/proc/%d/ns/net", world->far_pid);
		ns = open(path, O_RDONLY);
		if (ns < 0 || setns(ns, CLONE_NEWNET))
			_exit(254);
		fd = socket(AF_INET6, SOCK_DGRAM, 0);
		inet_pton(AF_INET6, addr, &to.sin6_addr);
		if (sendto(fd, &byte, 1, 0, (struct sockaddr *)&to, sizeof(to)) != 1)
			_exit(254);
		_exit(awaited(fd, POLLIN) || recv(fd, &byte, 1, 0) != 1 ? 255 : byte);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 254);
	return WEXITSTATUS(status) == 255 ? -1 : WEXITSTATUS(status);
}

#define NEAR4 "::ffff:" TEST_NEAR
#define NEAR6 "2001:db8::1"

static void strangers_find_only_what_is_published(void **state)
{
	struct guard guard;
	struct publish ports[4];

	(void)state;
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'y');
	assert_int_equal(knock(NEAR6, CLOSED_PORT), 'y');
	guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'n');
	assert_true(test_records(world) >= 1);
	assert_true(world->hooks & UINT64_C(1) << TEROK_HOOK_INGRESS);
	assert_true(world->reasons & UINT64_C(1) << TEROK_REASON_UNSOLICITED);

	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ OPEN_PORT, IPPROTO_TCP }, true, NULL),
			 0);
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'y');
	assert_int_equal(knock(NEAR6, OPEN_PORT), 'y');
	assert_int_equal(knock(NEAR4, CLOSED_PORT), 'n');
	assert_int_equal(knock(NEAR6, CLOSED_PORT), 'n');
	assert_int_equal(policy_published(world->kernel, guard.id, ports, 4), 1);
	assert_int_equal(ports[0].port, OPEN_PORT);
	/* who may come in may not be gone out to */
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ OPEN_PORT, IPPROTO_TCP }, false, NULL),
			 0);
	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ OPEN_PORT, IPPROTO_TCP }, false, NULL),
			 -ENOENT);
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
	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ OPEN_PORT, IPPROTO_TCP }, true, NULL),
			 0);
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
	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ OPEN_PORT, IPPROTO_TCP }, false, NULL),
			 0);
	assert_int_equal(client_again(&client), 'c');
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL) >= 1, 1);
	client_end(&client);

	assert_int_equal(policy_publish(world->kernel, guard.id,
					&(struct publish){ OPEN_PORT, IPPROTO_TCP }, true, NULL),
			 0);
	assert_int_equal(client_start(&client, NEAR6, OPEN_PORT), 'y');
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	assert_int_equal(client_again(&client), 'c');
	assert_int_equal(knock(NEAR6, OPEN_PORT), 'n');
	client_end(&client);
}

static void a_published_udp_port_answers_who_asked_and_nobody_else(void **state)
{
	const struct publish port = { OPEN_PORT, IPPROTO_UDP };
	struct guard guard;

	(void)state;
	assert_int_equal(ask(NEAR4, OPEN_PORT, 'x'), 'x');
	assert_int_equal(ask(NEAR4, OPEN_PORT, ELSEWHERE), 0);
	guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	assert_int_equal(ask(NEAR4, OPEN_PORT, 'x'), -1);
	assert_int_equal(policy_publish(world->kernel, guard.id, &port, true, NULL), 0);
	assert_int_equal(ask(NEAR4, OPEN_PORT, 'x'), 'x');
	assert_int_equal(ask(NEAR6, OPEN_PORT, 'x'), 'x');
	assert_int_equal(ask(NEAR4, OPEN_PORT, ELSEWHERE), EPERM);
	assert_int_equal(ask(NEAR4, CLOSED_PORT, 'x'), -1);
	assert_int_equal(knock(NEAR4, OPEN_PORT), 'n'); /* TCP was not named */
	/* a deny of the asker holds, and so does a transition */
	assert_int_equal(test_rule(world, guard.id, TEROK_DENY, "2001:db8::/32", 0), 0);
	assert_int_equal(ask(NEAR6, OPEN_PORT, 'x'), -1);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	assert_int_equal(ask(NEAR4, OPEN_PORT, 'x'), -1);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_UP, NULL), 0);
	assert_int_equal(ask(NEAR4, OPEN_PORT, 'x'), 'x');
	assert_int_equal(policy_publish(world->kernel, guard.id, &port, false, NULL), 0);
	assert_int_equal(ask(NEAR4, OPEN_PORT, 'x'), -1);
}

#define TURNED_PORT 5557

/* Bytes that were written and not acknowledged, sent or not. */
static int unanswered(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) ? -1 : bytes;
}

/* A listener that a stranger came to; then the same socket goes out itself. */
static void turn(int from, int to)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(TURNED_PORT) },
			   there = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	struct pollfd ready = { .events = POLLIN };
	char byte = 'l';

	inet_pton(AF_INET, TEST_FAR, &there.sin_addr);
	if (cgroup_join(world->cgroup_fd))
		_exit(1);
	ready.fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(ready.fd, (struct sockaddr *)&here, sizeof(here)) || listen(ready.fd, 8) ||
	    write(to, &byte, 1) != 1 || poll(&ready, 1, -1) != 1 ||
	    accept(ready.fd, NULL, NULL) < 0)
		_exit(1);
	shutdown(ready.fd, SHUT_RDWR);
	if (connect(ready.fd, (struct sockaddr *)&there, sizeof(there)))
		_exit(2);
	while (write(to, &byte, 1) == 1 && read(from, &byte, 1) == 1) {
		if (send(ready.fd, "x", 1, MSG_NOSIGNAL) != 1)
			_exit(3);
		ready.events = 0;
		poll(&ready, 1, NO_ANSWER);
		byte = unanswered(ready.fd) ? 'n' : 'y';
	}
	_exit(0);
}

static void a_listener_that_goes_out_is_no_answer(void **state)
{
	const struct publish port = { TURNED_PORT, IPPROTO_TCP };
	struct rule rule = { .value = { .action = TEROK_ALLOW } };
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct client turner;
	int to[2], from[2];

	(void)state;
	assert_int_equal(policy_publish(world->kernel, guard.id, &port, true, NULL), 0);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, 0), 0);
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	turner.pid = fork();
	if (!turner.pid)
		turn(to[0], from[1]);
	close(from[1]);
	turner.to = to[1];
	turner.from = from[0];
	assert_int_equal(client_hear(&turner), 'l');
	knock(NEAR4, TURNED_PORT);
	assert_int_equal(client_hear(&turner), 'l');
	assert_int_equal(client_again(&turner), 'y');
	rule.guard = guard.id;
	assert_int_equal(dest_parse(TEST_FAR, &rule.dest, NULL), 0);
	assert_int_equal(policy_remove(world->kernel, &rule, NULL), 0);
	assert_int_equal(client_again(&turner), 'n');
	client_end(&turner);
	close(to[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(strangers_find_only_what_is_published),
		T(a_published_udp_port_answers_who_asked_and_nobody_else),
		T(a_listener_that_goes_out_is_no_answer),
		T(down_lets_out_and_not_in),
		T(what_was_accepted_ends_with_its_port_and_with_block),
	};

	test_require("kernel/inbound");
	return cmocka_run_group_tests_name("kernel/inbound", tests, NULL, NULL);
}
