// SPDX-License-Identifier: Apache-2.0
/*
 * test_names_race.c - an address that was answered is open, for whoever connects at once
 *
 * A round: ask for a name that nobody asked for in this guard, and connect() to each address
 * of the answer, by UDP and now and then by TCP to a listener. CLIENTS ask for the same names at
 * the same time, so that one question goes upstream and the others wait for its answer, or find
 * it in the cache. A guard takes 1,000 such questions a second; so each batch has a guard of
 * its own, in the same cgroup.
 *
 * NAMES_RACE_ROUNDS: rounds of each mode (20,000). That the test can fail is a test, too: with a
 * build that answers before it writes (names/late.c) it finds refusals.
 */
#include "programs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "control.h"
#include "domains.h"
#include "names.h"

#define CLIENTS     4
#define NAMES       240 /* of a batch: CLIENTS times that are less than a second's allowance */
#define BATCH       (NAMES * CLIENTS)
#define ROUNDS      20000
#define ROUNDS_LATE 4800
#define ADDRESSES   3 /* of a name */
#define TCP_EACH    8 /* one round of so many */
#define TCP_PORT    7778
#define QUERY_MAX   64
#define ANSWER_MAX  512
#define TRIES       3              /* of a question */
#define STRANGER    "11.255.255.1" /* no name's */

/* What the clients found; shared with them. */
struct tally {
	unsigned long rounds, connects, refused, unanswered, open;
};

static struct tally *tally;
static pid_t upstream, sink;

/* --- a name server, and a listener --------------------------------------------------------- */

/* "n7.race.example", letters in any case: ADDRESSES of its own. */
static void upstream_answer(uint8_t *msg, size_t size, uint8_t addr[static ADDRESSES * 16])
{
	unsigned n = strtoul((char *)msg + 14, NULL, 10);
	static const uint8_t head[12] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };

	(void)size;
	msg[2] |= 0x80;
	msg[3] = 0x80;
	msg[7] = ADDRESSES;
	msg[11] = 0; /* no OPT */
	for (unsigned i = 0; i < ADDRESSES; i++) {
		uint8_t ip[4] = { 11, n >> 8, n, i };

		memcpy(addr + 16 * i, head, sizeof(head));
		memcpy(addr + 16 * i + sizeof(head), ip, sizeof(ip));
	}
}

static size_t question_end(const uint8_t *msg, size_t size)
{
	size_t at = 12;

	while (at < size && msg[at])
		at += msg[at] + 1;
	return at + 5;
}

static void upstream_serve(int fd)
{
	for (;;) {
		uint8_t msg[ANSWER_MAX];
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, msg, sizeof(msg) / 2, 0, (struct sockaddr *)&from, &len);
		size_t end = n > 17 ? question_end(msg, n) : 0;

		if (!end || end > (size_t)n)
			continue;
		upstream_answer(msg, end, msg + end);
		sendto(fd, msg, end + ADDRESSES * 16, 0, (struct sockaddr *)&from, len);
	}
}

static pid_t upstream_start(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(53),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char path[96];
	FILE *file;
	pid_t pid;

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	snprintf(path, sizeof(path), "%s/resolv.conf", world->dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("nameserver 127.0.0.1\n", file);
	fclose(file);
	setenv("TEROK_RESOLV_CONF", path, 1);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		upstream_serve(fd);
	}
	close(fd);
	return pid;
}

/* The world's far side keeps what it accepts; this one does not. */
static pid_t sink_start(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(TCP_PORT) };
	char path[64], byte;
	int ready[2], fd;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(path, sizeof(path), "/proc/%d/ns/net", world->far_pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET))
			_exit(1);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 1024) ||
		    write(ready[1], "1", 1) != 1)
			_exit(1);
		for (;;)
			close(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

/* --- a client ------------------------------------------------------------------------------ */

static size_t query_write(uint8_t *out, unsigned n)
{
	uint8_t head[12] = { n >> 8, n, 1, 0, 0, 1 };
	static const uint8_t tail[] = { 4,   'r', 'a', 'c', 'e', 7, 'e', 'x', 'a',
					'm', 'p', 'l', 'e', 0,   0, 1,   0,   1 };
	int size;

	memcpy(out, head, sizeof(head));
	size = sprintf((char *)out + 13, "n%u", n);
	out[12] = size;
	memcpy(out + 13 + size, tail, sizeof(tail));
	return 13 + size + sizeof(tail);
}

static int socket_to(int fd, const uint8_t ip[static 4], uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&to.sin_addr, ip, 4);
	return connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
}

/* A reset leaves no TIME_WAIT behind. */
static int tcp_to(const uint8_t ip[static 4])
{
	struct linger hard = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r = socket_to(fd, ip, TCP_PORT);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
	return r;
}

static void round_connect(int udp, bool tcp, const uint8_t *answer, ssize_t n, struct tally *mine)
{
	size_t at = question_end(answer, n);

	for (unsigned i = 0; i < answer[7] && at + 16 <= (size_t)n; i++, at += 16) {
		mine->connects++;
		mine->refused += socket_to(udp, answer + at + 12, TEST_PORT) != 0;
		if (!i && tcp) {
			mine->connects++;
			mine->refused += tcp_to(answer + at + 12) != 0;
		}
	}
}

/* As every resolver does it: on a busy machine a name server may be late once. */
static ssize_t client_ask(int ask, const uint8_t *query, size_t size, uint8_t *answer)
{
	for (unsigned i = 0; i < TRIES; i++) {
		ssize_t n = -1;

		if (send(ask, query, size, 0) == (ssize_t)size)
			n = recv(ask, answer, ANSWER_MAX, 0);
		if (n >= (ssize_t)size && !(answer[3] & 15) && answer[7] == ADDRESSES)
			return n;
	}
	return -1;
}

static void client_run(struct tally *mine)
{
	static const uint8_t server[4] = { 8, 8, 8, 8 };
	struct timeval wait = { .tv_sec = 5 };
	uint8_t query[QUERY_MAX], answer[ANSWER_MAX], stranger[4];
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ask = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, STRANGER, stranger);
	mine->open += socket_to(udp, stranger, TEST_PORT) == 0;
	setsockopt(ask, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (socket_to(ask, server, 53))
		return;
	for (unsigned i = 0; i < NAMES; i++) {
		size_t size = query_write(query, i);
		ssize_t n = client_ask(ask, query, size, answer);

		mine->rounds++;
		if (n < 0)
			mine->unanswered++;
		else
			round_connect(udp, !(i % TCP_EACH), answer, n, mine);
	}
}

/* --- a batch ------------------------------------------------------------------------------- */

static void allow_names(uint32_t guard)
{
	int lock = kernel_lock(NULL);

	assert_true(lock >= 0);
	for (unsigned i = 0; i < NAMES; i++) {
		struct domain_rule rule = { .value = { .action = TEROK_ALLOW } };

		snprintf(rule.domain, sizeof(rule.domain), "n%u.race.example", i);
		assert_int_equal(names_restore(world->kernel, guard, &rule, NULL), 0);
	}
	close(lock);
}

/* In the guard's cgroup; they begin when @go is closed. */
static void clients_start(pid_t client[static CLIENTS], int go[static 2])
{
	int joined[2];
	char byte;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(joined, O_CLOEXEC), 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		client[i] = fork();
		assert_true(client[i] >= 0);
		if (client[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(go[1]);
		if (cgroup_join(world->cgroup_fd) || write(joined[1], "1", 1) != 1 ||
		    read(go[0], &byte, 1))
			_exit(1);
		client_run(&tally[i]);
		_exit(0);
	}
	close(go[0]);
	for (unsigned i = 0; i < CLIENTS; i++)
		assert_int_equal(read(joined[0], &byte, 1), 1);
	close(joined[0]);
	close(joined[1]);
}

static void batch(uint16_t names)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	pid_t client[CLIENTS];
	int go[2];

	assert_int_equal(guard_set_names(world->kernel, guard.id, names, NULL), 0);
	allow_names(guard.id);
	clients_start(client, go);
	assert_int_equal(control_notify(guard.id), 0);
	assert_int_equal(guard_get(world->kernel, guard.id, &guard), 0);
	assert_int_not_equal(guard.value.dns_port, 0);
	close(go[1]);
	for (unsigned i = 0; i < CLIENTS; i++) {
		int status;

		assert_int_equal(waitpid(client[i], &status, 0), client[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
	control_notify(guard.id);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static struct tally race(uint16_t names, unsigned long rounds)
{
	struct tally sum = {};
	double start = seconds(), took;

	memset(tally, 0, CLIENTS * sizeof(*tally));
	for (unsigned long done = 0; done < rounds; done += BATCH)
		batch(names);
	took = seconds() - start;
	for (unsigned i = 0; i < CLIENTS; i++) {
		sum.rounds += tally[i].rounds;
		sum.connects += tally[i].connects;
		sum.refused += tally[i].refused;
		sum.unanswered += tally[i].unanswered;
		sum.open += tally[i].open;
	}
	printf("%s: %lu rounds, %lu connects: %lu refused, %lu without an answer; %.0f rounds/s\n",
	       names ? "synthetic" : "learn", sum.rounds, sum.connects, sum.refused, sum.unanswered,
	       sum.rounds / took);
	assert_int_equal(sum.open, 0); /* control: what nobody was told is refused */
	assert_true(sum.rounds >= rounds);
	return sum;
}

static void holds(uint16_t names)
{
	const char *wanted = getenv("NAMES_RACE_ROUNDS");
	struct tally sum = race(names, wanted ? strtoul(wanted, NULL, 10) : ROUNDS);

	assert_int_equal(sum.unanswered, 0);
	assert_int_equal(sum.refused, 0);
	assert_true(sum.connects >= sum.rounds * ADDRESSES);
}

/* --- tests --------------------------------------------------------------------------------- */

static int setup(void **state)
{
	programs_setup(state);
	upstream = upstream_start();
	sink = sink_start();
	return 0;
}

static int teardown(void **state)
{
	for (pid_t *pid = (pid_t[]){ upstream, sink, 0 }; *pid; pid++) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	unsetenv("TEROK_RESOLV_CONF");
	return programs_teardown(state);
}

static void a_learned_address_is_open_when_it_is_answered(void **state)
{
	(void)state;
	agent_start();
	holds(0);
}

static void a_synthetic_address_is_open_when_it_is_answered(void **state)
{
	(void)state;
	agent_start();
	holds(TEROK_NAMES_EXACT);
}

/* How often depends on who gets a CPU first: thousands of times, or some tens. */
static bool is_found_out(uint16_t names)
{
	for (unsigned long done = 0; done < ROUNDS; done += ROUNDS_LATE)
		if (race(names, ROUNDS_LATE).refused)
			return true;
	return false;
}

static void a_build_that_answers_before_it_writes_is_found_out(void **state)
{
	char kept[sizeof(bpfd)];

	(void)state;
	memcpy(kept, bpfd, sizeof(kept));
	strcpy(strrchr(bpfd, '/'), "/tests/names/late");
	if (access(bpfd, X_OK)) {
		memcpy(bpfd, kept, sizeof(kept));
		printf("SKIP: no tests/names/late beside it (make test)\n");
		skip();
	}
	agent_start();
	memcpy(bpfd, kept, sizeof(kept));
	assert_true(is_found_out(0));
	assert_true(is_found_out(TEROK_NAMES_EXACT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_learned_address_is_open_when_it_is_answered),
		T(a_synthetic_address_is_open_when_it_is_answered),
		T(a_build_that_answers_before_it_writes_is_found_out),
	};

	test_require("kernel/names_race");
	programs_find();
	tally = mmap(NULL, CLIENTS * sizeof(*tally), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tally == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests_name("kernel/names_race", tests, NULL, NULL);
}
