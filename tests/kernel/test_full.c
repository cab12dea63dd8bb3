// SPDX-License-Identifier: Apache-2.0
/*
 * test_full.c - each table is full, and so is the disk: a clear no, and nothing opens
 */
#include "answers.h"
#include "programs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/event.h"
#include "control.h"
#include "hooks.h"

#define OTHER    "203.0.113.9"
#define STRANGER 999999 /* a guard that there is not: what fills the tables is its */

/* Add entries until there is no room; @word, of the key, counts from what it is; the last is in. */
static void fill(enum kernel_map map, void *key, void *word, const void *value)
{
	__u32 n;

	memcpy(&n, word, sizeof(n));
	do {
		n++;
		memcpy(word, &n, sizeof(n));
	} while (!bpf_map_update_elem(world->kernel->map[map], key, value, BPF_NOEXIST));
	assert_true(errno == E2BIG || errno == ENOSPC);
	n--;
	memcpy(word, &n, sizeof(n));
}

static void a_full_prefix_table_refuses_and_keeps_what_is_there(void **state)
{
	struct terok_prefix_key key = { .prefixlen = TEROK_PREFIX_FIXED + 128, .guard = STRANGER };
	struct terok_rule rule = { .action = TEROK_ALLOW, .bits = 128 };

	(void)state;
	attach_box();
	assert_works("allow", "box", "203.0.113.0/24");
	fill(MAP_PREFIX, &key, key.addr + 12, &rule);
	assert_mistake(VERB("allow", "box", "198.51.100.0/24"), 1, "the rule table is full");
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_int_equal(test_udp(world, OTHER), 0);
	assert_mistake(VERB("deny", "box", "203.0.113.0/24"), 1, "the rule table is full");
	assert_works("allow", "box", "203.0.113.0/24", "--remove");
	assert_int_equal(test_udp(world, OTHER), EPERM);
	assert_works("deny", "box", "203.0.113.0/24"); /* there is room for one again */
}

static void a_full_table_of_own_addresses_refuses_the_guard(void **state)
{
	struct terok_self_key key = { .guard = STRANGER };
	__u32 one = 1, n;

	(void)state;
	fill(MAP_SELF, &key, key.addr, &one);
	assert_mistake(VERB("attach", world->cgroup_path), 1, "own addresses is full");
	assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), 0);
	assert_works("status");
	assert_said("guards:  none");
	for (unsigned i = 0; i < 8; i++) { /* more than it has */
		memcpy(&n, key.addr, sizeof(n));
		assert_int_equal(bpf_map_delete_elem(world->kernel->map[MAP_SELF], &key), 0);
		n--;
		memcpy(key.addr, &n, sizeof(n));
	}
	attach_box();
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
}

static void a_full_table_of_ports_opens_none(void **state)
{
	struct terok_publish_key key = { .guard = STRANGER, .proto = IPPROTO_TCP };
	__u32 one = 1;

	(void)state;
	attach_box();
	fill(MAP_PUBLISH, &key, &key.guard, &one);
	assert_mistake(VERB("publish", "box", "8080"), 1, "published ports is full");
	assert_works("rules", "box");
	assert_null(strstr(said, "8080"));
}

static void a_full_table_of_guards_refuses_the_guard(void **state)
{
	struct terok_info info = { .cgroup = 1, .name = "stranger" };
	__u32 id = STRANGER;

	(void)state;
	fill(MAP_INFO, &id, &id, &info);
	assert_mistake(VERB("attach", world->cgroup_path), 1, "the guard table is full");
	assert_int_equal(hooks_count(world->kernel, world->cgroup_fd), 0);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	assert_int_equal(bpf_map_delete_elem(world->kernel->map[MAP_INFO], &id), 0);
	attach_box();
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
}

/* --- a socket without memory for what approved it ------------------------------------------ */

/* Of this network namespace; false: this kernel has one for the whole machine. */
static bool optmem_set(unsigned bytes)
{
	int fd = open("/proc/sys/net/core/optmem_max", O_WRONLY | O_CLOEXEC);
	char text[16];
	bool done;

	if (fd < 0)
		return false;
	snprintf(text, sizeof(text), "%u", bytes);
	done = write(fd, text, strlen(text)) > 0;
	close(fd);
	return done;
}

/* Connect while the rule holds, send when it has ended: 0 or the errno of the send. */
static int send_late(const void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	const uint64_t *until_ns = arg;
	struct timespec end = { *until_ns / SECOND_NS, *until_ns % SECOND_NS };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, TEST_FAR, &sin.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) || send(fd, "x", 1, 0) != 1)
		return 254;
	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	return send(fd, "x", 1, 0) == 1 ? 0 : errno;
}

static void a_flow_that_could_not_be_remembered_ends_with_its_rule(void **state)
{
	uint64_t until_ns;

	(void)state;
	attach_box();
	until_ns = now_boot_ns() + SECOND_NS;
	assert_int_equal(test_rule(world, 1, TEROK_ALLOW, TEST_FAR, until_ns), 0);
	assert_int_equal(test_inside(world, send_late, &until_ns), 0);
	if (!optmem_set(0)) {
		printf("SKIP flows: socket memory is not a namespace's own on this kernel\n");
		skip();
	}
	until_ns = now_boot_ns() + SECOND_NS;
	assert_int_equal(test_rule(world, 1, TEROK_ALLOW, TEST_FAR, until_ns), 0);
	assert_int_equal(test_inside(world, send_late, &until_ns), EPERM);
}

/* --- a disk that is full ------------------------------------------------------------------- */

static void disk_small(void)
{
	const char *dir = getenv("TEROK_STATE");

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(mount("small", dir, "tmpfs", 0, "size=256k,mode=0700"), 0);
}

static void disk_fill(void)
{
	static const char block[4096];
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/ballast", getenv("TEROK_STATE"));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static void disk_room(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/ballast", getenv("TEROK_STATE"));
	assert_int_equal(unlink(path), 0);
}

static void answer(const char *scope)
{
	hub.answered = false;
	hub_answer("allow", scope);
	while (!hub_done())
		hub_listen(LIMIT_MS);
	assert_true(hub.answered);
}

static void a_full_disk_refuses_a_verdict_for_ever(void **state)
{
	int r = 0;

	(void)state;
	disk_small();
	attach_box();
	agent_start();
	disk_fill();
	/* its log may have room for a few more */
	for (int i = 1; !r && i < 200; i++) {
		char dest[32];

		snprintf(dest, sizeof(dest), "192.0.2.%d", i);
		r = VERB("allow", "box", dest);
		assert_int_equal(test_udp(world, dest), r ? EPERM : 0);
	}
	assert_mistake(r, 1, "policy.db: ");
	hub_ask();
	answer("forever");
	assert_false(hub.applied);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	/* the question stays open, and what needs no disk works */
	answer("session");
	assert_true(hub.applied);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
	assert_int_equal(VERB("down", "box"), 1);
	assert_int_equal(test_udp(world, OTHER), EPERM);
	disk_room();
	assert_works("allow", "box", OTHER);
	assert_int_equal(test_udp(world, OTHER), 0);
	agent_end(SIGTERM);
}

/* Nothing can be kept, and it is blocked all the same. */
static void a_full_disk_contains_who_is_to_be_contained(void **state)
{
	struct control_ask ask = { .word = { .type = CONTROL_CONTAIN } };
	char dest[32] = "192.0.2.250";
	struct problem why = {};

	(void)state;
	disk_small();
	attach_box();
	agent_start();
	assert_works("allow", "box", TEST_FAR);
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	disk_fill();
	for (int i = 1; !VERB("allow", "box", dest) && i < 200; i++) /* its log may have room */
		snprintf(dest, sizeof(dest), "192.0.2.%d", i);
	assert_mistake(1, 1, "policy.db: ");
	strcpy(ask.word.CONTAIN.container, "box");
	strcpy(ask.word.CONTAIN.reason, "cert_invalid");
	assert_int_equal(control_ask(&ask, NULL, &why), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	assert_non_null(strstr(why.text, "it is blocked until its guard ends, and no longer: "));
	assert_works("status");
	assert_said("block");
	agent_end(SIGTERM);
}

static int teardown(void **state)
{
	umount2(getenv("TEROK_STATE"), MNT_DETACH);
	return programs_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, teardown)
		T(a_full_prefix_table_refuses_and_keeps_what_is_there),
		T(a_full_table_of_own_addresses_refuses_the_guard),
		T(a_full_table_of_ports_opens_none),
		T(a_full_table_of_guards_refuses_the_guard),
		T(a_flow_that_could_not_be_remembered_ends_with_its_rule),
		T(a_full_disk_refuses_a_verdict_for_ever),
		T(a_full_disk_contains_who_is_to_be_contained),
	};

	test_require("kernel/full");
	programs_find();
	return cmocka_run_group_tests_name("kernel/full", tests, NULL, NULL);
}
