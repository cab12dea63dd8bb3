// SPDX-License-Identifier: Apache-2.0
/*
 * test_resolver_load.c - a guard that says anything, and as much as it can, to its resolver
 *
 * It hurts only itself: the worker stays the same process, its memory has an end, another
 * guard is answered meanwhile, and the counters say what came.
 */
#include "lookup.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "cgroup.h"
#include "unit/dns_message.h"

#define NAMES       100000
#define GROWTH_KB   (16 << 10) /* of the worker, by all those names */
#define OTHER_LIMIT 2000       /* ms: another guard's answer, on a machine that does much else */

static const char zone[] = "* A 60 203.0.113.250\n"
			   "api.example A 60 203.0.113.10\n"
			   "slow.example do delay 300\n"
			   "slow.example A 60 203.0.113.11\n";

static struct place other; /* another guard */
static char other_path[TEROK_PATH_LEN + 8];
static int other_fd; /* its socket, connected to its name server */
static pid_t worker;

static int guarded(int family, int type)
{
	const struct sockaddr *server = to(LOOKUP_SERVER, 53);
	int fd = inside_socket(family, type);

	assert_int_equal(connect(fd, server, to_size(server)), 0);
	return fd;
}

static int setup(void **state)
{
	const struct sockaddr *server = to(LOOKUP_SERVER, 53);

	programs_setup(state);
	lookup_begin(zone, "learn");
	assert_works("allow", "box", "api.example");
	assert_works("allow", "box", "slow.example");
	snprintf(other_path, sizeof(other_path), "%s-other", world->cgroup_path);
	other.cgroup_fd = cgroup_create(other_path, NULL);
	assert_works("attach", other_path, "--name", "other");
	assert_works("allow", "other", "api.example");
	other_fd = place_socket(&other, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(connect(other_fd, server, to_size(server)), 0);
	assert_int_equal(lookup_by(other_fd, "api.example", TYPE_A, LIMIT_MS)->n, 1);
	worker = test_worker(agent, "resolver");
	assert_true(worker > 0);
	return 0;
}

static int teardown(void **state)
{
	int r = test_worker(agent, "resolver") == worker;

	close(other_fd);
	close(other.cgroup_fd);
	VERB("detach", "other");
	cgroup_remove(other_path, NULL, NULL);
	lookup_end();
	programs_teardown(state);
	return r ? 0 : -1; /* the worker died */
}

static void assert_other_is_answered(void)
{
	assert_int_equal(lookup_by(other_fd, "api.example", TYPE_A, OTHER_LIMIT)->n, 1);
}

static void assert_answered(void)
{
	assert_found("api.example", "203.0.113.10");
	assert_int_equal(lookup_tcp("api.example", TYPE_A)->n, 1);
	assert_other_is_answered();
	assert_int_equal(test_worker(agent, "resolver"), worker);
}

/* What the worker counted comes about once a second. */
static struct terok_queries queries_await(bool (*enough)(const struct terok_queries *counts))
{
	uint64_t until = now_boot_ns() + 5 * SECOND_NS;
	struct terok_queries counts = {};
	uint32_t guard = 1;

	while (bpf_map_lookup_elem(world->kernel->map[MAP_QUERIES], &guard, &counts) ||
	       !enough(&counts)) {
		assert_true(now_boot_ns() < until);
		poll(NULL, 0, 50);
	}
	return counts;
}

/* --- datagrams ------------------------------------------------------------------------------ */

static bool is_garbage_counted(const struct terok_queries *counts)
{
	return counts->malformed >= 1000;
}

/* Random bytes, every cut of a right question, each of its bytes flipped. */
static void datagrams_of_anything_do_no_harm(void **state)
{
	static struct message m;
	int fd = guarded(AF_INET, SOCK_DGRAM);
	uint8_t bytes[600];

	(void)state;
	srand(1);
	for (int i = 0; i < 5000; i++) {
		size_t n = rand() % sizeof(bytes);

		for (size_t k = 0; k < n; k++)
			bytes[k] = rand();
		bytes[2] &= 0x7f; /* a question */
		send(fd, bytes, n, 0);
		if (i % 500 == 0)
			assert_other_is_answered();
	}
	message_begin(&m, 1, 0x100, "api.example", TYPE_A);
	for (size_t n = 0; n < m.n; n++)
		send(fd, m.bytes, n, 0);
	for (size_t k = 0; k < m.n; k++) {
		for (int bit = 0; bit < 8; bit++) {
			m.bytes[k] ^= 1 << bit;
			send(fd, m.bytes, m.n, 0);
			m.bytes[k] ^= 1 << bit;
		}
	}
	close(fd);
	queries_await(is_garbage_counted);
	assert_answered();
}

/* --- connections ------------------------------------------------------------------------------ */

/* With the length before it. */
static void frame(struct message *ret, unsigned id, const char *name)
{
	static struct message m;

	message_begin(&m, id, 0x100, name, TYPE_A);
	message_16(ret, m.n);
	message_add(ret, m.bytes, m.n);
}

/* One answer's id and code. */
static unsigned answer_read(int fd, unsigned *rcode)
{
	uint8_t head[2], bytes[2048];

	assert_int_equal(recv(fd, head, 2, MSG_WAITALL), 2);
	assert_true(message_get(head, 0) <= sizeof(bytes));
	assert_int_equal(recv(fd, bytes, message_get(head, 0), MSG_WAITALL), message_get(head, 0));
	*rcode = bytes[3] & 0xf;
	return message_get(bytes, 0);
}

/* A slow one does not hold up those behind it. */
static void questions_in_a_row_are_answered_as_their_answers_come(void **state)
{
	static struct message all;
	int fd = guarded(AF_INET, SOCK_STREAM);
	unsigned seen[21] = {}, rcode, first;

	(void)state;
	all.n = 0;
	frame(&all, 0, "slow.example");
	for (unsigned i = 1; i <= 20; i++)
		frame(&all, i, i % 2 ? "api.example" : "other.example");
	assert_int_equal(send(fd, all.bytes, all.n, 0), all.n);
	first = answer_read(fd, &rcode);
	assert_int_not_equal(first, 0);
	seen[first]++;
	for (unsigned i = 0; i < 20; i++) {
		unsigned id = answer_read(fd, &rcode);

		assert_true(id <= 20);
		seen[id]++;
		assert_int_equal(rcode, id % 2 || !id ? DNS_OK : DNS_NXDOMAIN);
	}
	for (unsigned i = 0; i <= 20; i++)
		assert_int_equal(seen[i], 1);
	close(fd);
}

static void a_question_may_come_byte_by_byte(void **state)
{
	static struct message m;
	int fd = guarded(AF_INET, SOCK_STREAM);
	unsigned rcode;

	(void)state;
	m.n = 0;
	frame(&m, 7, "api.example");
	for (size_t i = 0; i < m.n; i++) {
		assert_int_equal(send(fd, m.bytes + i, 1, MSG_NOSIGNAL), 1);
		if (i % 8 == 0)
			assert_other_is_answered();
	}
	assert_int_equal(answer_read(fd, &rcode), 7);
	assert_int_equal(rcode, DNS_OK);
	close(fd);
}

/* Until the resolver has had enough, long before @limit bytes. */
static void assert_is_cut_off(int fd, const void *bytes, size_t size, size_t limit)
{
	size_t sent = 0;

	while (sent < limit) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

		if (n < 0)
			break;
		sent += n;
	}
	assert_true(sent < limit);
}

static void connections_without_end_or_sense_are_cut_off(void **state)
{
	static uint8_t junk[4096];
	static struct message m;
	int fd = guarded(AF_INET, SOCK_STREAM);

	(void)state;
	memset(junk, 0xff, sizeof(junk)); /* a message of 65535 bytes */
	assert_is_cut_off(fd, junk, sizeof(junk), 64 << 20);
	close(fd);
	fd = guarded(AF_INET, SOCK_STREAM); /* an answer */
	m.n = 0;
	frame(&m, 7, "api.example");
	m.bytes[4] |= 0x80;
	assert_is_cut_off(fd, m.bytes, m.n, 64 << 20);
	close(fd);
	assert_answered();
}

/* Asks and asks, and never reads: what waits for it has an end, and so has what it may say. */
static void who_does_not_read_is_not_heard(void **state)
{
	static struct message m;
	int fd = guarded(AF_INET, SOCK_STREAM);
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	size_t sent = 0;

	(void)state;
	m.n = 0;
	for (unsigned i = 0; i < 100; i++)
		frame(&m, i, "other.example");
	while (sent < 256 << 20 && poll(&room, 1, 500) == 1) {
		ssize_t n = send(fd, m.bytes, m.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? n : 0;
	}
	assert_true(sent < 256 << 20);
	assert_answered();
	close(fd);
}

/* More than it may have: those that are too many end, and the rest is served. */
static void a_guard_has_so_many_connections(void **state)
{
	enum { N = 200 };
	static struct message m;
	unsigned rcode, open = 0;
	int fd[N];

	(void)state;
	m.n = 0;
	frame(&m, 7, "api.example");
	for (int i = 0; i < N; i++)
		fd[i] = guarded(AF_INET, SOCK_STREAM);
	for (int i = 0; i < N; i++) {
		struct pollfd answer = { .fd = fd[i], .events = POLLIN };
		char byte;

		send(fd[i], m.bytes, m.n, MSG_NOSIGNAL);
		assert_int_equal(poll(&answer, 1, LIMIT_MS), 1);
		if (recv(fd[i], &byte, 1, MSG_PEEK) == 1)
			open += answer_read(fd[i], &rcode) == 7;
	}
	assert_int_equal(open, 64);
	assert_other_is_answered();
	assert_found("api.example", "203.0.113.10");
	for (int i = 0; i < N; i++)
		close(fd[i]);
}

/* --- names ------------------------------------------------------------------------------------------ */

static long resident_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %ld", &kb);
	fclose(f);
	assert_true(kb > 0);
	return kb;
}

static bool are_all_counted(const struct terok_queries *counts)
{
	return counts->blocked >= NAMES;
}

/* Each is asked for again until it is answered: what a full socket loses is not what is tested. */
static void names_without_number_take_no_memory(void **state)
{
	static struct message m;
	struct terok_queries counts;
	int fd = guarded(AF_INET, SOCK_DGRAM);
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	unsigned behind = 0;
	uint8_t bytes[1024];
	char name[300];
	long before, after;

	(void)state;
	before = resident_kb(worker);
	for (unsigned i = 0; i < NAMES; i++) {
		/* long ones: what is kept of each would be seen */
		snprintf(name, sizeof(name), "n%u.%060u.%060u.%050u.example", i, i, i, i);
		message_begin(&m, i, 0x100, name, TYPE_A);
		assert_int_equal(send(fd, m.bytes, m.n, 0), m.n);
		for (behind++; behind >= 64; behind--)
			assert_true(poll(&answer, 1, LIMIT_MS) == 1 &&
				    recv(fd, bytes, sizeof(bytes), 0) > 0);
		if (i % 5000 == 0)
			assert_other_is_answered();
	}
	after = resident_kb(worker);
	if (after - before > GROWTH_KB)
		fail_msg("the worker grew from %ld to %ld kB", before, after);
	counts = queries_await(are_all_counted);
	assert_int_equal(counts.asked, counts.cached + counts.local + counts.forwarded +
					   counts.blocked + counts.spent + counts.malformed);
	close(fd);
	assert_int_equal(lookup_asked("query n"), 0);
	assert_answered();
}

static bool are_many_spent(const struct terok_queries *counts)
{
	return counts->spent >= 10000;
}

/* The same below a wildcard: few leave, and what is told to people is little. */
static void names_below_a_wildcard_are_passed_on_within_a_budget(void **state)
{
	static struct message m;
	int fd = guarded(AF_INET, SOCK_DGRAM);
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	unsigned behind = 0;
	uint8_t bytes[1024];
	char name[300];

	(void)state;
	assert_works("allow", "box", "*.wild.example");
	for (unsigned i = 0; i < 12000; i++) {
		snprintf(name, sizeof(name), "n%u.wild.example", i);
		message_begin(&m, i, 0x100, name, TYPE_A);
		assert_int_equal(send(fd, m.bytes, m.n, 0), m.n);
		for (behind++; behind >= 64; behind--)
			assert_true(poll(&answer, 1, LIMIT_MS) == 1 &&
				    recv(fd, bytes, sizeof(bytes), 0) > 0);
	}
	close(fd);
	queries_await(are_many_spent);
	assert_true(lookup_asked("wild") <= 64); /* bytes a minute, and each has some */
	assert_true(lookup_asked("wild") > 0);
	assert_answered();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(datagrams_of_anything_do_no_harm),
		T(questions_in_a_row_are_answered_as_their_answers_come),
		T(a_question_may_come_byte_by_byte),
		T(connections_without_end_or_sense_are_cut_off),
		T(who_does_not_read_is_not_heard),
		T(a_guard_has_so_many_connections),
		T(names_without_number_take_no_memory),
		T(names_below_a_wildcard_are_passed_on_within_a_budget),
	};

	test_require("kernel/resolver_load");
	programs_find();
	return cmocka_run_group_tests_name("kernel/resolver_load", tests, NULL, NULL);
}
