// SPDX-License-Identifier: Apache-2.0
/*
 * test_flows.c - connections that policy no longer allows are ended, and no others
 *
 * A process in the guard holds connections and says which of them still stand.
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
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "cgroup.h"
#include "flows.h"

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

/* Connections of one process, in the order of their addresses. */
struct holder {
	pid_t pid;
	int to, from;
	unsigned n;
};

static int connect_to(const char *text)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(TEST_PORT) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	int fd;

	if (inet_pton(AF_INET, text, &four.sin_addr) == 1) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		return connect(fd, (struct sockaddr *)&four, sizeof(four)) ? -1 : fd;
	}
	if (inet_pton(AF_INET6, text, &six.sin6_addr) != 1)
		return -1;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	return connect(fd, (struct sockaddr *)&six, sizeof(six)) ? -1 : fd;
}

/* Destroyed: readable at once, with an error. The far side closes nothing by itself. */
static bool stands(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, 0) == 0 || !(ready.revents & (POLLERR | POLLHUP));
}

static void hold(int cgroup_fd, const char *const addrs[], unsigned n, int from, int to)
{
	int fd[8];
	char byte = 0;

	if (cgroup_fd >= 0 && cgroup_join(cgroup_fd))
		_exit(1);
	for (unsigned i = 0; i < n; i++) {
		fd[i] = connect_to(addrs[i]);
		byte |= fd[i] < 0;
	}
	byte = byte ? 'x' : 'c';
	if (write(to, &byte, 1) != 1)
		_exit(2);
	while (read(from, &byte, 1) == 1) {
		unsigned char standing = 0;

		for (unsigned i = 0; i < n; i++)
			standing |= stands(fd[i]) << i;
		if (write(to, &standing, 1) != 1)
			_exit(2);
	}
	_exit(0);
}

static int other_netns = -1; /* where the next holder lives; -1: here */

static struct holder holder_start(int cgroup_fd, const char *const addrs[], unsigned n)
{
	struct holder holder = { .n = n };
	int to[2], from[2];
	char said = 0;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	holder.pid = fork();
	if (!holder.pid) {
		close(to[1]);
		close(from[0]);
		if (other_netns >= 0 && setns(other_netns, CLONE_NEWNET))
			_exit(3);
		hold(cgroup_fd, addrs, n, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	holder.to = to[1];
	holder.from = from[0];
	assert_int_equal(read(holder.from, &said, 1), 1);
	assert_int_equal(said, 'c');
	return holder;
}

/* Bit i: connection i still stands. */
static unsigned holder_ask(struct holder *holder)
{
	unsigned char standing = 0;

	assert_int_equal(write(holder->to, "?", 1), 1);
	assert_int_equal(read(holder->from, &standing, 1), 1);
	return standing;
}

static void holder_end(struct holder *holder)
{
	kill(holder->pid, SIGKILL); /* a later holder has our end of its pipe as well */
	close(holder->to);
	close(holder->from);
	waitpid(holder->pid, NULL, 0);
}

#define ADDRS(...) ((const char *const[]){ __VA_ARGS__ })

static void block_ends_all_but_loopback(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_DOWN, 0, 0);
	struct holder inside, outside;

	inside = holder_start(world->cgroup_fd, ADDRS(TEST_FAR, TEST_FAR6, "::ffff:" TEST_FAR), 3);
	outside = holder_start(-1, ADDRS(TEST_FAR, TEST_FAR6), 2);
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL), 0);
	assert_int_equal(holder_ask(&inside), 7);

	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_BLOCK, NULL), 0);
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL), 3);
	assert_int_equal(holder_ask(&inside), 0);
	/* the same destinations, of a process that is not guarded */
	assert_int_equal(holder_ask(&outside), 3);
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL), 0);
	holder_end(&inside);
	holder_end(&outside);
}

static void a_deny_ends_what_it_names(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	struct holder inside;

	test_rule(world, guard.id, TEROK_ALLOW, "203.0.113.0/24", 0);
	test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, now_boot_ns() + 3600 * SECOND_NS);
	inside = holder_start(world->cgroup_fd, ADDRS("203.0.113.1", "203.0.113.200", TEST_FAR), 3);
	/* its rule has ended: the flow lives on, and a deny of something else lets it */
	test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, now_boot_ns());
	test_rule(world, guard.id, TEROK_DENY, "203.0.113.128/25", 0);
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED_NAMED, NULL), 1);
	assert_int_equal(holder_ask(&inside), 5);
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL), 1);
	assert_int_equal(holder_ask(&inside), 1);
	holder_end(&inside);
}

static void sockets_of_child_cgroups_and_other_namespaces_are_found(void **state)
{
	struct test_world *world = *state;
	struct guard guard = test_guard(world, TEROK_STATE_DOWN_ALL, 0, 0);
	char path[TEROK_PATH_LEN + 16];
	struct holder below, here, far;
	int child;

	snprintf(path, sizeof(path), "%s/below", world->cgroup_path);
	child = cgroup_create(path, NULL);
	assert_true(child >= 0);
	below = holder_start(child, ADDRS(TEST_FAR), 1);
	here = holder_start(world->cgroup_fd, ADDRS("10.1.1.1"), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", world->far_pid);
	other_netns = open(path, O_RDONLY | O_CLOEXEC);
	far = holder_start(world->cgroup_fd, ADDRS(TEST_FAR), 1);
	closep(&other_netns);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_DOWN, NULL), 0);
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL), 1);
	assert_int_equal(holder_ask(&below), 1);
	assert_int_equal(holder_ask(&here), 0);
	assert_int_equal(guard_set_state(world->kernel, guard.id, TEROK_STATE_UP, NULL), 0);
	assert_int_equal(flows_end(world->kernel, guard.id, FLOWS_REFUSED, NULL), 2);
	assert_int_equal(holder_ask(&below), 0);
	assert_int_equal(holder_ask(&far), 0);
	holder_end(&far);
	holder_end(&below);
	holder_end(&here);
	close(child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(block_ends_all_but_loopback),
		T(a_deny_ends_what_it_names),
		T(sockets_of_child_cgroups_and_other_namespaces_are_found),
	};

	test_require("kernel/flows");
	return cmocka_run_group_tests_name("kernel/flows", tests, NULL, NULL);
}
