// SPDX-License-Identifier: Apache-2.0
/*
 * test_check.c - rules that want their flows' first data looked at: whom it names decides
 *
 * What a hello is, however it is cut, is test_hello.c's; here it meets names, rules and states.
 * Each negative has its control in the first test: the same bytes to the same server arrive.
 */
#include "support.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "domains.h"
#include "dns/name.h"
#include "far_server.h"
#include "flows.h"
#include "hello_make.h"
#include "names.h"

#define LIMIT_MS 10000

static struct test_world *world;
static struct far_server server;
static struct guard guard;
static struct names_book book;

static struct attempt {
	const char *addr;
	uint16_t port;
	size_t each; /* bytes of one write; 0: all */
	struct make make;
	bool hold; /* it does not say that it is done: somebody else ends it */
	bool answered;
	int error; /* of the socket at the end */
} * attempt;

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	test_load(world);
	far_server_start(&server, world);
	guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	attempt =
	    mmap(NULL, sizeof(*attempt), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(attempt != MAP_FAILED);
	book = (struct names_book){};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dns_policy_free(book.policy);
	munmap(attempt, sizeof(*attempt));
	far_server_stop(&server);
	test_world_free(world);
	return 0;
}

static void say(const char *domain, enum terok_action action, uint32_t flags)
{
	struct domain_rule rule = { .value = { .action = action, .flags = flags } };
	int lock = kernel_lock(NULL);

	assert_true(lock >= 0);
	snprintf(rule.domain, sizeof(rule.domain), "%s", domain);
	assert_int_equal(names_put(world->kernel, guard.id, &rule, NULL), 0);
	close(lock);
}

/* The name has this address; what is told of it. */
static struct msg_learned learn(const char *name, const char *addr)
{
	struct msg_learn lesson = { .guard = guard.id, .seconds = 60, .n = 1 };
	struct msg_learned told;
	struct dest dest;

	assert_int_equal(dest_parse(addr, &dest, NULL), 0);
	snprintf(lesson.name, sizeof(lesson.name), "%s", name);
	memcpy(lesson.addr[0], dest.addr, 16);
	names_learn(world->kernel, &book, &lesson, &told);
	assert_int_equal(told.result, 0);
	assert_int_equal(told.n, 1);
	return told;
}

static int client(const void *arg)
{
	struct sockaddr_in6 sin = { .sin6_family = AF_INET6, .sin6_port = htons(attempt->port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	struct linger now = { 1, 0 };
	socklen_t size = sizeof(attempt->error);
	char text[INET6_ADDRSTRLEN + 8], byte;

	(void)arg;
	snprintf(text, sizeof(text), strchr(attempt->addr, ':') ? "%s" : "::ffff:%s",
		 attempt->addr);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (inet_pton(AF_INET6, text, &sin.sin6_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)))
		return errno;
	for (size_t at = 0, n; at < attempt->make.size; at += n) {
		n = attempt->each ? attempt->each : attempt->make.size;
		n = n < attempt->make.size - at ? n : attempt->make.size - at;
		if (send(fd, attempt->make.bytes + at, n, MSG_NOSIGNAL) != (ssize_t)n)
			return errno;
	}
	if (!attempt->hold)
		shutdown(fd, SHUT_WR);
	attempt->answered = poll(&answer, 1, attempt->hold ? LIMIT_MS : 500) == 1 &&
			    recv(fd, &byte, 1, 0) == 1;
	if (!attempt->answered && !attempt->hold) { /* what was dropped is not sent again */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	} else if (recv(fd, &byte, 1, MSG_DONTWAIT) < 0) {
		attempt->error = errno;
	}
	(void)size;
	close(fd);
	return 0;
}

static void tls(const char *name)
{
	const struct make_hello what = { .name = name };

	attempt->addr = TEST_FAR;
	attempt->port = 443;
	attempt->make.size = attempt->make.n_lengths = 0;
	make_flow(&attempt->make, &what);
}

static void http(const char *host)
{
	char head[512];

	snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	attempt->addr = TEST_FAR;
	attempt->port = 80;
	attempt->make.size = 0;
	make_bytes(&attempt->make, head, strlen(head));
}

/* Run it: does all of it arrive, and is it answered? */
static bool arrives(void)
{
	size_t n;

	attempt->answered = false;
	assert_int_equal(test_inside(world, client, NULL), 0);
	n = far_server_report(&server);
	assert_true(!attempt->answered || n == attempt->make.size);
	assert_true(attempt->answered || n < attempt->make.size);
	return attempt->answered;
}

static void assert_refused_for(const char *said)
{
	char name[TEROK_DOMAIN_LEN];

	test_records(world);
	assert_false(arrives());
	assert_true(test_records(world) > 0);
	assert_int_equal(world->last.reason, TEROK_REASON_HELLO);
	assert_int_equal(world->last.hook, TEROK_HOOK_EGRESS);
	assert_int_equal(names_said(world->kernel, world->last.sock_cookie, name), said != NULL);
	if (said)
		assert_string_equal(name, said);
	/* and whom the address was given for */
	assert_true(names_reverse(world->kernel, guard.id, world->last.dst, name));
	assert_string_equal(name, "a.example");
}

static void without_a_check_any_name_arrives(void **state)
{
	(void)state;
	say("a.example", TEROK_ALLOW, 0);
	learn("a.example", TEST_FAR);
	tls("a.example");
	assert_true(arrives());
	tls("b.example");
	assert_true(arrives());
	http("b.example");
	assert_true(arrives());
}

static void only_an_allowed_name_arrives(void **state)
{
	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_CHECK);
	learn("a.example", TEST_FAR);
	tls("a.example");
	assert_true(arrives());
	tls("A.Example");
	assert_true(arrives());
	http("a.example:80");
	assert_true(arrives());
	tls("b.example");
	assert_refused_for("b.example");
	http("b.example");
	assert_refused_for("b.example");
	tls(NULL);
	assert_refused_for(NULL);
}

static void cut_in_pieces_it_is_the_same(void **state)
{
	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_CHECK);
	learn("a.example", TEST_FAR);
	attempt->each = 7;
	tls("a.example");
	assert_true(arrives());
	tls("b.example");
	assert_refused_for("b.example");
}

static void what_is_no_hello_does_not_arrive(void **state)
{
	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_CHECK);
	learn("a.example", TEST_FAR);
	http("a.example");
	attempt->port = 443;
	assert_refused_for(NULL);
}

static void another_allowed_name_of_the_guard_arrives(void **state)
{
	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_CHECK);
	say("c.example", TEROK_ALLOW, TEROK_RULE_CHECK);
	learn("a.example", TEST_FAR);
	tls("c.example"); /* allowed, but nobody has asked for it */
	assert_refused_for("c.example");
	learn("c.example", "198.51.100.99");
	tls("c.example");
	assert_true(arrives());
	say("c.example", TEROK_DENY, 0);
	assert_refused_for("c.example");
}

static void of_two_names_one_without_a_check_opens_the_address(void **state)
{
	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_CHECK);
	say("d.example", TEROK_ALLOW, 0);
	learn("a.example", TEST_FAR);
	learn("d.example", TEST_FAR);
	tls("b.example");
	assert_true(arrives());
}

static void an_address_that_a_rule_opens_is_not_looked_at(void **state)
{
	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_CHECK);
	learn("a.example", TEST_FAR);
	assert_int_equal(test_rule(world, guard.id, TEROK_ALLOW, TEST_FAR, 0), 0);
	tls("b.example");
	assert_true(arrives());
}

static void behind_a_synthetic_address_it_is_the_same(void **state)
{
	struct msg_learned told;
	char text[ADDR_TEXT];

	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_CHECK | TEROK_RULE_SYNTHETIC);
	told = learn("a.example", TEST_FAR);
	tls("a.example");
	attempt->addr = addr_format(text, told.addr[0]);
	assert_string_not_equal(attempt->addr, TEST_FAR);
	assert_true(arrives());
	tls("b.example");
	attempt->addr = text;
	test_records(world);
	assert_false(arrives());
	assert_true(test_records(world) > 0);
	assert_int_equal(world->last.reason, TEROK_REASON_HELLO);
}

static void a_refused_flow_can_be_ended_by_its_cookie(void **state)
{
	struct pollfd none = { .fd = -1 };
	int status = -1, r = 0;
	pid_t pid;

	(void)state;
	say("a.example", TEROK_ALLOW, TEROK_RULE_CHECK);
	learn("a.example", TEST_FAR);
	tls("b.example");
	attempt->hold = true;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(test_inside(world, client, NULL));
	for (int i = 0; i < 1000 && !test_records(world); i++)
		poll(&none, 1, 10); /* the ring's own wake-up is the agent's */
	assert_int_equal(world->last.reason, TEROK_REASON_HELLO);
	r = flows_end_socket(world->kernel, guard.id, world->last.sock_cookie, NULL);
	assert_int_equal(r, 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(attempt->answered);
	far_server_report(&server);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(without_a_check_any_name_arrives),
		T(only_an_allowed_name_arrives),
		T(cut_in_pieces_it_is_the_same),
		T(what_is_no_hello_does_not_arrive),
		T(another_allowed_name_of_the_guard_arrives),
		T(of_two_names_one_without_a_check_opens_the_address),
		T(an_address_that_a_rule_opens_is_not_looked_at),
		T(behind_a_synthetic_address_it_is_the_same),
		T(a_refused_flow_can_be_ended_by_its_cookie),
	};

	test_require("check");
	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
