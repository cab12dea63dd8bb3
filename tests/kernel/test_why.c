// SPDX-License-Identifier: Apache-2.0
/*
 * test_why.c - what a process in a guard is told of its refusals, by HTTP and by terok-why
 *
 * The guard's sockets are used from here, as in lookup.h; where its own network matters a box
 * is what a container is to the agent: a process in the cgroup and in a namespace of its own.
 */
#include "lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asked.h"
#include "base/event.h"
#include "base/json.h"
#include "cgroup.h"

#define WHY   "169.254.84.75"
#define CABLE "box0"
#define RATE  5  /* dns/why.h's: questions a second */
#define BURST 20 /* ... and at once */
#define CONNS 64 /* dns/resolver.h's: connections of one guard */
#define GET(path)                                                                                  \
	"GET " path " HTTP/1.1\r\nHost: " WHY "\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"

static const char zone[] = "api.example A 60 203.0.113.10\n"
			   "bad.example A 60 203.0.113.11\n";
static struct place box;

static int setup(void **state)
{
	programs_setup(state);
	box = (struct place){ .cgroup_fd = world->cgroup_fd };
	return 0;
}

static void box_end(void)
{
	if (!box.pid)
		return;
	kill(box.pid, SIGKILL);
	waitpid(box.pid, NULL, 0);
	box.pid = 0;
}

static int teardown(void **state)
{
	box_end();
	people_leave();
	lookup_end();
	return programs_teardown(state);
}

/* --- one who asks ----------------------------------------------------------------------------- */

static char reply[1 << 17];

static int connected(int fd, const char *addr, uint16_t port)
{
	const struct timeval patience = { .tv_sec = LIMIT_MS / 1000 };
	const struct sockaddr *peer = to(addr, port);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(fd, peer, to_size(peer)) ? errno : 0;
}

/* All of the reply; its status, 0: the connection ended without one. */
static int reply_read(int fd)
{
	size_t n = 0;
	ssize_t got;
	int status = 0;

	while ((got = recv(fd, reply + n, sizeof(reply) - 1 - n, 0)) > 0)
		n += got;
	reply[n] = '\0';
	close(fd);
	sscanf(reply, "HTTP/1.1 %d ", &status);
	return status;
}

static int ask_by(int fd, const char *request)
{
	assert_int_equal(connected(fd, WHY, 80), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	return reply_read(fd);
}

static int ask(const char *request)
{
	return ask_by(inside_socket(AF_INET, SOCK_STREAM), request);
}

static void assert_told(const char *text)
{
	if (!strstr(reply, text))
		fail_msg("'%s' is missing in: %s", text, reply);
}

static void assert_not_told(const char *text)
{
	if (strstr(reply, text))
		fail_msg("'%s' is in: %s", text, reply);
}

/* Sooner or later: the agent hears of refusals from the ring, and people come and go. */
static void await_told(const char *request, const char *text)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (ask(request) != 200 || !strstr(reply, text)) {
		if (now_boot_ns() > until)
			fail_msg("'%s' is missing in: %s", text, reply);
		poll(NULL, 0, 1000 / RATE);
	}
}

static unsigned dns_port(uint32_t guard)
{
	struct terok_guard value;
	struct terok_info info;

	assert_int_equal(guard_value(world->kernel, guard, &info, &value, NULL), 0);
	return value.dns_port;
}

/* --- what is said ----------------------------------------------------------------------------- */

static void a_refusal_is_told_with_what_became_of_it(void **state)
{
	(void)state;
	lookup_begin(zone, "learn");
	await_told(GET("/"), "box is up; nothing was refused lately.\n");
	assert_int_equal(reach(TEST_FAR, 443), EHOSTUNREACH);
	await_told(GET("/"), TEST_FAR " port 443/tcp, 1 time");
	assert_told("  why:     no rule allows it (default)\n");
	assert_told("  request: box:");
	assert_told(
	    "  answer:  nobody: nobody who may answer is there; it waits for whoever comes\n");
	assert_told("  retry:   not before 60 s have gone by\n");
	people_listen();
	await_told(GET("/why/" TEST_FAR),
		   "  answer:  open: somebody was asked and has not answered\n");
	people_answer(TEST_FAR, "allow", "session");
	assert_int_equal(ask(GET("/")), 200);
	assert_told("  rule:    allow " TEST_FAR " port 443 tcp\n");
	assert_told("  answer:  allowed: it is allowed now\n  retry:   now\n");
	people_leave();
}

static void what_is_denied_is_not_worth_a_retry(void **state)
{
	(void)state;
	lookup_begin(zone, "learn");
	people_listen();
	assert_int_equal(reach(TEST_FAR, 443), EHOSTUNREACH);
	people_await("request", TEST_FAR);
	people_answer(TEST_FAR, "deny", "session");
	assert_int_equal(ask(GET("/")), 200);
	assert_told("  answer:  denied: it is denied\n  retry:   no\n");
	assert_works("deny", "box", "198.51.100.0/24");
	assert_int_equal(reach("198.51.100.9", 443), EHOSTUNREACH);
	await_told(GET("/why/198.51.100.9"), "  rule:    deny 198.51.100.0/24");
	assert_told("  why:     a rule denies it (rule_deny)\n");
	assert_not_told("request:");
	/* what has an end is worth one then */
	assert_int_equal(reach("192.0.2.9", 443), EHOSTUNREACH);
	assert_works("deny", "box", "192.0.2.9", "--for", "1h");
	await_told(GET("/why/192.0.2.9"), "  retry:   not before 3");
	people_leave();
}

/* Beyond a guard's budget of requests. */
static void what_nobody_is_asked_about_for_now_is_told_so(void **state)
{
	char dest[32];

	(void)state;
	lookup_begin(zone, "learn");
	people_listen();
	for (unsigned i = 1; i <= ASKED_OPEN_MAX + 1; i++) {
		snprintf(dest, sizeof(dest), "203.0.113.%u", i);
		assert_int_equal(reach(dest, 443), EHOSTUNREACH);
	}
	await_told(GET("/why.json/203.0.113.65"), "\"asked\":false,\"answer\":\"held\",");
	assert_told("Terok-Retry: 30\r\n");
	await_told(GET("/why.json/203.0.113.64"), "\"asked\":true,\"answer\":\"open\",");
	people_leave();
}

static void a_name_is_told_by_its_name(void **state)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	struct json_object *list, *first;

	(void)state;
	lookup_begin(zone, "learn");
	people_listen();
	assert_unknown("api.example");
	people_await("request", "api.example");
	assert_int_equal(ask(GET("/why.json/API.example")), 200);
	assert_told("Content-Type: application/json\r\n");
	assert_int_equal(json_parse(strstr(reply, "\r\n\r\n") + 4,
				    strlen(strstr(reply, "\r\n\r\n") + 4), &object),
			 0);
	assert_string_equal(json_text(object, "guard"), "box");
	list = json_member(object, "refused", json_type_array);
	assert_int_equal(json_object_array_length(list), 1);
	first = json_object_array_get_idx(list, 0);
	assert_string_equal(json_text(first, "dest"), "api.example");
	assert_string_equal(json_text(first, "reason"), "name_deny");
	assert_string_equal(json_text(first, "answer"), "open");
	assert_true(json_object_get_boolean(json_object_object_get(first, "asked")));
	assert_works("allow", "box", "api.example");
	await_told(GET("/why.json"), "\"answer\":\"allowed\",\"retry\":true,\"retry_after_s\":0");
	assert_works("deny", "box", "api.example");
	await_told(GET("/why.json"), "\"answer\":\"denied\",\"retry\":false");
	people_leave();
}

static void it_answers_also_where_nothing_leaves(void **state)
{
	struct sockaddr_in peer = {};
	socklen_t size = sizeof(peer);
	int fd;

	(void)state;
	lookup_begin(zone, "learn");
	assert_works("block", "box");
	await_told(GET("/"), "box is block; ");
	assert_int_equal(reach(TEST_FAR, 443), EHOSTUNREACH);
	await_told(GET("/"), "nothing but loopback is open in state block");
	/* no name resolves by that way either */
	assert_int_equal(lookup("api.example", TYPE_A)->rcode, DNS_NONE);
	/* the program sees whom it asked, also by a socket of IPv6 */
	fd = inside_socket(AF_INET, SOCK_STREAM);
	assert_int_equal(connected(fd, WHY, 80), 0);
	assert_int_equal(getpeername(fd, (struct sockaddr *)&peer, &size), 0);
	assert_int_equal(peer.sin_addr.s_addr, inet_addr(WHY));
	assert_int_equal(ntohs(peer.sin_port), 80);
	close(fd);
	fd = inside_socket(AF_INET6, SOCK_STREAM);
	assert_int_equal(connected(fd, "::ffff:" WHY, 80), 0);
	assert_true(send(fd, GET("/"), strlen(GET("/")), 0) > 0);
	assert_int_equal(reply_read(fd), 200);
	/* nothing else is at that address */
	assert_int_equal(reach(WHY, 443), EHOSTUNREACH);
	assert_int_equal(throw_to(WHY, 80), EPERM);
}

/* --- who may hear it -------------------------------------------------------------------------- */

static void another_guard_hears_of_itself(void **state)
{
	struct place other = {};
	char path[TEROK_PATH_LEN + 8];

	(void)state;
	lookup_begin(zone, "learn"); /* in our namespace, both */
	snprintf(path, sizeof(path), "%s-other", world->cgroup_path);
	other.cgroup_fd = cgroup_create(path, NULL);
	assert_works("attach", path, "--name", "other");
	assert_int_equal(reach(TEST_FAR, 443), EHOSTUNREACH);
	await_told(GET("/"), "box is up; refused");
	assert_int_equal(ask_by(place_socket(&other, AF_INET, SOCK_STREAM, 0), GET("/")), 200);
	assert_told("other is up; nothing was refused lately.");
	/* the other's port is none of its own */
	assert_int_equal(reach("127.0.0.1", dns_port(2)), EHOSTUNREACH);
	close(other.cgroup_fd);
	assert_works("detach", "other");
	assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
}

/* Guards that share the host's network share its loopback with everybody. */
static void who_is_in_no_guard_hears_nothing(void **state)
{
	static const char *const loopback[] = { "127.0.0.1", "::1" };

	(void)state;
	lookup_begin(zone, "learn");
	assert_int_equal(reach(TEST_FAR, 443), EHOSTUNREACH);
	await_told(GET("/"), TEST_FAR);
	for (unsigned i = 0; i < 2; i++) {
		int fd = socket(i ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_int_equal(connected(fd, loopback[i], dns_port(1)), 0);
		assert_true(send(fd, GET("/"), strlen(GET("/")), 0) > 0);
		assert_int_equal(reply_read(fd), 403);
		assert_not_told(TEST_FAR);
		/* its own does by that way, too */
		fd = inside_socket(i ? AF_INET6 : AF_INET, SOCK_STREAM);
		assert_int_equal(connected(fd, loopback[i], dns_port(1)), 0);
		assert_true(send(fd, GET("/"), strlen(GET("/")), 0) > 0);
		assert_int_equal(reply_read(fd), 200);
		assert_told(TEST_FAR);
	}
}

static void a_guard_without_a_resolver_is_not_answered(void **state)
{
	(void)state;
	lookup_begin(zone, "off");
	assert_int_equal(reach(WHY, 80), EHOSTUNREACH);
}

/* --- peers that mean harm --------------------------------------------------------------------- */

static int said_and_ended(const char *bytes, size_t size)
{
	int fd = inside_socket(AF_INET, SOCK_STREAM);

	assert_int_equal(connected(fd, WHY, 80), 0);
	while (size) {
		ssize_t n = send(fd, bytes, size > 512 ? 512 : size, MSG_NOSIGNAL);

		if (n < 0) /* it has heard enough */
			break;
		bytes += n;
		size -= n;
	}
	return reply_read(fd);
}

static void nonsense_is_refused_and_harms_nobody(void **state)
{
	static char endless[100000];

	(void)state;
	lookup_begin(zone, "learn");
	assert_works("allow", "box", "api.example");
	assert_int_equal(said_and_ended("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345", 43),
			 405);
	assert_int_equal(said_and_ended("GET /etc/passwd HTTP/1.1\r\n\r\n", 28), 404);
	assert_int_equal(said_and_ended("GET /\r\n\r\n", 9), 400);
	memset(endless, 'A', sizeof(endless));
	said_and_ended(endless, sizeof(endless)); /* 431, if it still reads when it comes */
	memset(endless, 0xff, sizeof(endless));
	assert_int_equal(said_and_ended(endless, sizeof(endless)), 0);
	assert_int_equal(said_and_ended("\x16\x03\x01\x02\x00", 5), 0); /* TLS */
	assert_found("api.example", "203.0.113.10");
	/* two at once are one and its end */
	assert_int_equal(
	    said_and_ended(GET("/") GET("/why.json"), strlen(GET("/") GET("/why.json"))), 200);
	assert_not_told("application/json");
}

static void a_slow_request_is_answered_and_a_slower_one_ended(void **state)
{
	static const char request[] = GET("/");
	struct pollfd ended = { .events = POLLIN };
	int fd, idle;

	(void)state;
	lookup_begin(zone, "learn");
	idle = inside_socket(AF_INET, SOCK_STREAM);
	fd = inside_socket(AF_INET, SOCK_STREAM);
	assert_int_equal(connected(idle, WHY, 80), 0);
	assert_int_equal(connected(fd, WHY, 80), 0);
	assert_int_equal(send(idle, "GET /", 5, 0), 5);
	for (size_t i = 0; i < sizeof(request) - 1; i++)
		assert_int_equal(send(fd, request + i, 1, 0), 1);
	assert_int_equal(reply_read(fd), 200);
	ended.fd = idle;
	assert_int_equal(poll(&ended, 1, 2 * LIMIT_MS), 1);
	assert_int_equal(reply_read(idle), 0);
}

static void many_questions_are_refused_and_names_go_on(void **state)
{
	int fd[CONNS + 8];
	unsigned answered = 0, refused = 0;
	uint64_t begun, seconds;

	(void)state;
	lookup_begin(zone, "learn");
	assert_works("allow", "box", "api.example");
	assert_int_equal(reach(TEST_FAR, 443), EHOSTUNREACH);
	begun = now_boot_ns();
	for (unsigned i = 0; i < 3 * BURST; i++) {
		int status = ask(GET("/"));

		answered += status == 200;
		refused += status == 429;
		assert_true(status == 200 || status == 429);
	}
	seconds = (now_boot_ns() - begun) / SECOND_NS + 1;
	assert_in_range(answered, BURST, BURST + RATE * seconds);
	assert_int_equal(answered + refused, 3 * BURST);
	/* who holds all its connections has none left, and datagrams */
	for (unsigned i = 0; i < sizeof(fd) / sizeof(fd[0]); i++) {
		fd[i] = inside_socket(AF_INET, SOCK_STREAM);
		connected(fd[i], WHY, 80);
		send(fd[i], "GET", 3, MSG_NOSIGNAL);
	}
	assert_found("api.example", "203.0.113.10");
	for (unsigned i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		close(fd[i]);
	await_told(GET("/"), TEST_FAR);
}

/* --- the program ------------------------------------------------------------------------------ */

static void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command))
		fail_msg("'%s' failed", command);
}

/* In a namespace of its own, as a container. */
static void box_begin(void)
{
	char byte;
	int in[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	box.pid = fork();
	if (!box.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || cgroup_join(box.cgroup_fd) ||
		    write(in[1], "1", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(in[1]);
	assert_int_equal(read(in[0], &byte, 1), 1);
	close(in[0]);
	run("ip link add " CABLE " type veth peer name eth0 netns %d", box.pid);
	run("nsenter --net=/proc/%d/ns/net ip link set lo up", box.pid);
}

/* A program in the box: what it said is in said; its exit code. */
static int in_box(const char *command)
{
	char line[4096], path[600], procs[CGROUP_ROOT_LEN];

	snprintf(path, sizeof(path), "%s", bpfd);
	*strrchr(path, '/') = '\0';
	assert_int_equal(cgroup_root(procs, NULL), 0);
	snprintf(
	    line, sizeof(line),
	    "echo $$ >%s%s/cgroup.procs && PATH=%s:$PATH exec nsenter --net=/proc/%d/ns/net %s",
	    procs, world->cgroup_path, path, box.pid, command);
	return verb((const char *const[]){ "/bin/sh", "-c", line, NULL });
}

static void scripts_in_a_container_have_a_program(void **state)
{
	(void)state;
	agent_start_asking(lookup_serve("127.0.0.1", zone));
	box_begin();
	attach_box();
	/* it has not even an address, and it need not */
	assert_int_equal(in_box("terok-why"), 0);
	assert_string_equal(said, "box is up; nothing was refused lately.\n");
	people_listen();
	assert_int_equal(in_box("terok-why --json no.such.example"), 0);
	assert_said("\"refused\":[]}");
	assert_int_equal(in_box("terok-clearance why --json"), 0);
	assert_said("{\"guard\":\"box\",\"state\":\"up\",");
	if (!system("command -v curl >/dev/null")) {
		assert_int_equal(in_box("curl -s http://" WHY "/"), 0);
		assert_string_equal(said, "box is up; nothing was refused lately.\n");
	}
	assert_int_equal(in_box("terok-why a/b"), 2);
	assert_int_equal(in_box("terok-why --nonsense"), 2);
	assert_int_equal(in_box("terok-why --wait soon"), 2);
	assert_int_equal(in_box("terok-clearance why --wait soon"), 2);
	agent_end(SIGTERM);
	assert_int_equal(in_box("terok-why"), 1);
	assert_said("no guard's agent answers");
	people_leave();
}

/* Asked for the last refusal, of whatever namespace; waits for @exit, and for those words. */
static void await_words(const char *command, int exit, const char *words)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);
	int got;

	while ((got = in_box(command)) != exit || !strstr(said, words)) {
		if (now_boot_ns() > until)
			fail_msg("'%s': exit %d and not %d: %s", command, got, exit, said);
		poll(NULL, 0, 1000 / RATE);
	}
}

static void await_exit(const char *command, int exit)
{
	await_words(command, exit, "");
}

static void its_exit_says_whether_to_retry(void **state)
{
	uint64_t begun;

	(void)state;
	agent_start_asking(lookup_serve("127.0.0.1", zone));
	box_begin();
	attach_box();
	people_listen();
	assert_int_equal(in_box("bash -c ': </dev/tcp/" TEST_FAR "/443' 2>/dev/null"), 1);
	people_await("request", TEST_FAR);
	/* the core learns a moment later that somebody listens */
	await_words("terok-why " TEST_FAR, 3, "  answer:  open: ");
	await_exit("terok-clearance why " TEST_FAR, 3);
	/* who waits is told when it is answered, and not before */
	begun = now_boot_ns();
	await_exit("terok-why --wait 2 " TEST_FAR, 3);
	assert_true(now_boot_ns() - begun >= SECOND_NS);
	people_answer(TEST_FAR, "allow", "session");
	await_exit("terok-why --wait 20 " TEST_FAR, 0);
	assert_said("  answer:  allowed: ");
	assert_works("deny", "box", "198.51.100.0/24");
	assert_int_equal(in_box("bash -c ': </dev/tcp/198.51.100.9/443' 2>/dev/null"), 1);
	await_exit("terok-why --wait 20 198.51.100.9", 4);
	await_exit("terok-why --json", 4);
	people_leave();
	agent_end(SIGTERM);
}

/* --- its end ---------------------------------------------------------------------------------- */

static bool file_is_there(const void *path)
{
	return !access(path, F_OK);
}

/* The other end is in the box's namespace, and goes when that does. */
static bool cable_is_gone(const void *cable)
{
	return !if_nametoindex(cable);
}

static void await(bool (*is_so)(const void *of), const void *of)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (!is_so(of)) {
		assert_true(now_boot_ns() < until);
		poll(NULL, 0, 20);
	}
}

/* A process in the box that has asked half a question; when its connection ends it makes @path. */
static void hold(const char *path)
{
	char command[512];

	unlink(path);
	snprintf(command, sizeof(command),
		 "bash -c '(exec 3<>/dev/tcp/" WHY "/80; printf \"GET / \" >&3; cat <&3; : >%s; "
		 "exec sleep 1000) >/dev/null 2>&1 </dev/null &'",
		 path);
	assert_int_equal(in_box(command), 0);
}

static void box_kill(void)
{
	char procs[CGROUP_ROOT_LEN];

	assert_int_equal(cgroup_root(procs, NULL), 0);
	run("while read -r pid; do kill -9 $pid; done <%s%s/cgroup.procs", procs,
	    world->cgroup_path);
	waitpid(box.pid, NULL, 0);
	box.pid = 0;
}

static void it_ends_with_its_guard_and_keeps_no_namespace(void **state)
{
	char ended[128];

	(void)state;
	snprintf(ended, sizeof(ended), "%s/ended", world->dir);
	agent_start_asking(lookup_serve("127.0.0.1", zone));
	box_begin();
	attach_box();
	assert_int_equal(in_box("terok-why"), 0);
	hold(ended);
	assert_works("detach", "box");
	await(file_is_there, ended);
	assert_int_equal(in_box("terok-why"), 1);
	attach_box();
	await_exit("terok-why", 0);
	hold(ended);
	assert_false(cable_is_gone(CABLE));
	box_kill();
	await(cable_is_gone, CABLE);
	agent_end(SIGTERM);
	unlink(ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_refusal_is_told_with_what_became_of_it),
		T(what_is_denied_is_not_worth_a_retry),
		T(what_nobody_is_asked_about_for_now_is_told_so),
		T(a_name_is_told_by_its_name),
		T(it_answers_also_where_nothing_leaves),
		T(another_guard_hears_of_itself),
		T(who_is_in_no_guard_hears_nothing),
		T(a_guard_without_a_resolver_is_not_answered),
		T(nonsense_is_refused_and_harms_nobody),
		T(a_slow_request_is_answered_and_a_slower_one_ended),
		T(many_questions_are_refused_and_names_go_on),
		T(scripts_in_a_container_have_a_program),
		T(its_exit_says_whether_to_retry),
		T(it_ends_with_its_guard_and_keeps_no_namespace),
	};

	test_require("kernel/why");
	programs_find();
	return cmocka_run_group_tests_name("kernel/why", tests, NULL, NULL);
}
