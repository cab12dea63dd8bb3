// SPDX-License-Identifier: Apache-2.0
/*
 * test_resolver.c - the resolver's sockets in containers' namespaces: they come, stay, and go
 *
 * A box is what a container is to the agent: a process in the guard's cgroup and in a network
 * namespace of its own, at the other end of a cable.
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

#include "base/event.h"
#include "cgroup.h"

#define CABLE "box0"

static const char zone[] = "* A 60 203.0.113.250\n"
			   "api.example A 60 203.0.113.10\n";

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
	unsetenv("TEROK_RESOLV_CONF");
	return programs_teardown(state);
}

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

#define run_inside(command)                                                                        \
	run("nsenter --net=/proc/%d/ns/net sh -c '%s' >/dev/null 2>&1", box.pid, command)

/* In a namespace of its own, in which nothing is up. */
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
}

static void box_begin_up(void)
{
	box_begin();
	run_inside("ip link set lo up; ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up; "
		   "ip route add default via 192.0.2.1");
}

/* An agent, a box that has everything, and a guard that allows api.example. */
static void all_begin(void)
{
	agent_start_asking(lookup_serve("127.0.0.1", zone));
	box_begin_up();
	attach_box();
	assert_works("allow", "box", "api.example");
}

/* One question from inside the box, to @server. */
static const struct lookup *box_asks(const char *server, const char *name, int ms)
{
	int fd = place_socket(&box, strchr(server, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	const struct sockaddr *peer = to(server, 53);
	const struct lookup *answer;

	assert_int_equal(connect(fd, peer, to_size(peer)), 0);
	answer = lookup_by(fd, name, TYPE_A, ms);
	close(fd);
	return answer;
}

static void assert_box_finds(const char *name, const char *addr)
{
	const struct lookup *answer = box_asks(LOOKUP_SERVER, name, LIMIT_MS);

	assert_int_equal(answer->rcode, DNS_OK);
	assert_int_equal(answer->n, 1);
	assert_string_equal(lookup_address(answer, 0), addr);
}

/* Sooner or later: what comes back tells nobody. @ms: as long as that may take */
static void await_box_finds(const char *name, int ms)
{
	uint64_t until = now_boot_ns() + ms * UINT64_C(1000000);

	while (box_asks(LOOKUP_SERVER, name, 100)->rcode) {
		assert_true(now_boot_ns() < until);
		poll(NULL, 0, 20);
	}
}

static unsigned dns_port(uint32_t guard)
{
	struct terok_guard value;
	struct terok_info info;

	assert_int_equal(guard_value(world->kernel, guard, &info, &value, NULL), 0);
	return value.dns_port;
}

/* Is somebody bound to that port in the namespace of @pid? */
static bool is_bound(pid_t pid, const char *table, unsigned port)
{
	char path[64], line[256], want[16];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, table);
	snprintf(want, sizeof(want), ":%04X ", port);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		found = found || strstr(line, want);
	fclose(f);
	return found;
}

static pid_t worker(void)
{
	return test_worker(agent, "resolver");
}

/* Time on a processor, in ticks of 10 ms. */
static long ticks(pid_t pid)
{
	long user = 0, system = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f,
				"%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
				&user, &system),
			 2);
	fclose(f);
	return user + system;
}

/* --- where they are --------------------------------------------------------------------------- */

static void the_sockets_are_in_the_containers_namespace(void **state)
{
	static const char *const tables[] = { "udp", "tcp", "udp6", "tcp6" };
	unsigned port;

	(void)state;
	all_begin();
	assert_box_finds("api.example", "203.0.113.10");
	assert_int_equal(box_asks(LOOKUP_SERVER, "other.example", LIMIT_MS)->rcode, DNS_NXDOMAIN);
	assert_int_equal(box_asks("2001:db8::53", "api.example", LIMIT_MS)->rcode, DNS_OK);
	port = dns_port(1);
	for (int i = 0; i < 4; i++) {
		assert_true(is_bound(box.pid, tables[i], port));
		assert_false(is_bound(getpid(), tables[i], port));
	}
}

/* The cable's end here goes with the namespace: nothing else keeps it, and nothing of ours. */
static void a_namespace_ends_with_its_processes(void **state)
{
	uint64_t until;

	(void)state;
	all_begin();
	assert_box_finds("api.example", "203.0.113.10");
	assert_int_not_equal(if_nametoindex(CABLE), 0);
	box_end();
	until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);
	while (if_nametoindex(CABLE)) {
		assert_true(now_boot_ns() < until);
		poll(NULL, 0, 20);
	}
	assert_int_equal(dns_port(1), 0);
	/* and the guard lives on: the next one in it is served where it is */
	box_begin_up();
	await_box_finds("api.example", LIMIT_MS);
	assert_box_finds("api.example", "203.0.113.10");
	assert_true(is_bound(box.pid, "udp", dns_port(1)));
}

static void a_loopback_that_comes_up_later_is_served_then(void **state)
{
	const struct sockaddr *server = to(LOOKUP_SERVER, 53);
	int fd;

	(void)state;
	agent_start_asking(lookup_serve("127.0.0.1", zone));
	box_begin();
	attach_box();
	assert_works("allow", "box", "api.example");
	fd = place_socket(&box, AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(sendto(fd, "x", 1, 0, server, to_size(server)), -1); /* at once */
	assert_int_equal(errno, ENETUNREACH);
	close(fd);
	run_inside("ip link set lo up");
	assert_box_finds("api.example", "203.0.113.10");
	assert_int_equal(box_asks("2001:db8::53", "api.example", LIMIT_MS)->rcode, DNS_OK);
}

static void a_namespace_without_ipv6_is_served_by_ipv4(void **state)
{
	(void)state;
	agent_start_asking(lookup_serve("127.0.0.1", zone));
	box_begin();
	run_inside("ip link set lo up; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6");
	attach_box();
	assert_works("allow", "box", "api.example");
	assert_box_finds("api.example", "203.0.113.10");
}

static void two_guards_in_one_namespace_are_answered_apart(void **state)
{
	struct place other = {};
	char path[TEROK_PATH_LEN + 8];
	int fd;

	(void)state;
	lookup_begin(zone, "learn"); /* in our namespace, both */
	assert_works("allow", "box", "api.example");
	snprintf(path, sizeof(path), "%s-other", world->cgroup_path);
	other.cgroup_fd = cgroup_create(path, NULL);
	assert_works("attach", path, "--name", "other");
	assert_works("allow", "other", "other.example");
	assert_int_not_equal(dns_port(1), dns_port(2));
	fd = place_socket(&other, AF_INET, SOCK_DGRAM, 0);
	assert_found("api.example", "203.0.113.10");
	assert_unknown("other.example");
	assert_int_equal(lookup_by(fd, "other.example", TYPE_A, LIMIT_MS)->rcode, DNS_OK);
	assert_int_equal(lookup_by(fd, "api.example", TYPE_A, LIMIT_MS)->rcode, DNS_NXDOMAIN);
	close(fd);
	/* nor does one ask the other's: it would speak with its budget, by its rules */
	assert_int_equal(reach("127.0.0.1", dns_port(1)), 0);
	assert_int_equal(reach("127.0.0.1", dns_port(2)), EHOSTUNREACH);
	assert_int_equal(reach("::1", dns_port(2)), EACCES);
	assert_int_equal(throw_to("127.0.0.1", dns_port(1)), 0);
	assert_int_equal(throw_to("127.0.0.1", dns_port(2)), EPERM);
	assert_int_equal(throw_to("0.0.0.0", dns_port(2)), EPERM);
	assert_int_equal(throw_to("::1", dns_port(2)), EPERM);
	close(other.cgroup_fd);
	assert_works("detach", "other");
	assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
}

/* --- they are destroyed ------------------------------------------------------------------------- */

static void sockets_that_are_destroyed_from_inside_come_back(void **state)
{
	unsigned port;
	long before;
	pid_t pid;

	(void)state;
	all_begin();
	assert_box_finds("api.example", "203.0.113.10");
	pid = worker();
	port = dns_port(1);
	before = ticks(pid);
	for (int i = 0; i < 3; i++) {
		run_inside("ss -K -a -t; ss -K -a -u");
		await_box_finds("api.example", 3000);
		assert_int_equal(dns_port(1), port);
	}
	assert_int_equal(worker(), pid);
	assert_true(ticks(pid) - before < 50); /* of some three seconds: it does not spin */
	assert_true(is_bound(box.pid, "tcp", port) && is_bound(box.pid, "udp6", port));
}

static void a_worker_that_is_killed_comes_back_with_the_same_ports(void **state)
{
	unsigned port;
	pid_t pid;

	(void)state;
	all_begin();
	assert_box_finds("api.example", "203.0.113.10");
	port = dns_port(1);
	pid = worker();
	kill(pid, SIGKILL);
	await_box_finds("api.example", LIMIT_MS);
	assert_int_equal(dns_port(1), port);
	assert_int_not_equal(worker(), pid);
	assert_int_equal(box_asks(LOOKUP_SERVER, "other.example", LIMIT_MS)->rcode, DNS_NXDOMAIN);
}

static void without_an_agent_names_fail_at_once_and_nothing_opens(void **state)
{
	uint64_t start;

	(void)state;
	lookup_begin(zone, "learn");
	assert_works("allow", "box", "api.example");
	assert_works("allow", "box", "other.example");
	assert_found("api.example", "203.0.113.10");
	agent_end(SIGKILL);
	/* its worker ends with it */
	while (box_asks(LOOKUP_SERVER, "api.example", LIMIT_MS)->rcode != DNS_NONE)
		;
	start = now_boot_ns();
	assert_int_equal(box_asks(LOOKUP_SERVER, "other.example", LIMIT_MS)->rcode, DNS_NONE);
	assert_int_equal(lookup_tcp("other.example", TYPE_A)->rcode, DNS_NONE);
	assert_true(now_boot_ns() - start < SECOND_NS);
	assert_int_equal(reach("203.0.113.10", TEST_PORT), 0);
	assert_int_equal(reach("203.0.113.250", TEST_PORT), EHOSTUNREACH);
	assert_int_equal(throw_to("8.8.8.8", 5353), EPERM);
	assert_int_equal(lookup_asked("other"), 0);
	/* the next one serves again */
	agent_start_asking(lookup_serve("127.0.0.1", zone));
	assert_found("other.example", "203.0.113.250");
}

/* --- name servers inside -------------------------------------------------------------------------- */

/* The place's own name server, of one sort. */
static int own_server(const struct place *place, const char *addr, int type)
{
	const struct sockaddr *at = to(addr, 53);
	int fd = place_socket(place, at->sa_family, type, 0);

	assert_int_equal(bind(fd, at, to_size(at)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

/* Whoever asks @addr asks it. */
static void assert_own_is_asked(int server, const char *addr, int type)
{
	const struct sockaddr *at = to(addr, 53);
	struct pollfd heard = { .fd = server, .events = POLLIN };
	int fd = place_socket(&box, at->sa_family, type, 0);
	char byte;

	assert_int_equal(connect(fd, at, to_size(at)), 0);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(poll(&heard, 1, LIMIT_MS), 1);
	if (type == SOCK_DGRAM)
		assert_int_equal(recv(server, &byte, 1, 0), 1);
	close(fd);
}

static void a_containers_own_name_server_on_loopback_is_left_alone(void **state)
{
	static const char *const addrs[] = { "127.0.0.1", "::1" };
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM };

	(void)state;
	all_begin();
	for (int i = 0; i < 4; i++) {
		int server = own_server(&box, addrs[i / 2], types[i % 2]);

		assert_own_is_asked(server, addrs[i / 2], types[i % 2]);
		assert_box_finds("api.example", "203.0.113.10"); /* elsewhere is not loopback */
		close(server);
	}
	/* when it has ended, and where it is not, the guard's answers */
	assert_int_equal(box_asks("127.0.0.1", "api.example", LIMIT_MS)->rcode, DNS_OK);
	assert_int_equal(box_asks("127.0.0.53", "api.example", LIMIT_MS)->rcode, DNS_OK);
	assert_int_equal(box_asks("::1", "api.example", LIMIT_MS)->rcode, DNS_OK);
}

/* In the host's namespace it is the host's, and would ask for whatever it is asked. */
static void the_hosts_name_server_on_loopback_is_not_a_guards(void **state)
{
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct sockaddr *at = to("127.0.0.1", 53);
	struct pollfd heard = { .fd = server, .events = POLLIN };

	(void)state;
	lookup_begin(zone, "learn");
	assert_works("allow", "box", "api.example");
	assert_int_equal(bind(server, at, to_size(at)), 0);
	assert_int_equal(box_asks("127.0.0.1", "api.example", LIMIT_MS)->rcode, DNS_OK);
	assert_int_equal(box_asks("127.0.0.1", "other.example", LIMIT_MS)->rcode, DNS_NXDOMAIN);
	assert_int_equal(poll(&heard, 1, 0), 0);
	close(server);
}

/* --- guards that want no names, or nothing ---------------------------------------------------------- */

static void a_guard_without_names_is_not_answered(void **state)
{
	(void)state;
	lookup_begin(zone, "off");
	assert_int_equal(dns_port(1), 0);
	assert_int_equal(throw_to(LOOKUP_SERVER, 53), EPERM);
	assert_int_equal(reach(LOOKUP_SERVER, 53), EHOSTUNREACH);
}

static void a_blocked_guard_is_told_nothing_and_nobody_is_asked(void **state)
{
	int fd;

	(void)state;
	lookup_begin(zone, "learn");
	assert_works("allow", "box", "api.example");
	assert_found("api.example", "203.0.113.10");
	assert_works("block", "box");
	assert_int_equal(throw_to(LOOKUP_SERVER, 53), EPERM);
	assert_int_equal(reach(LOOKUP_SERVER, 53), EHOSTUNREACH);
	/* nor who finds the resolver's own port, which loopback leaves open */
	fd = inside_socket(AF_INET, SOCK_DGRAM);
	assert_int_equal(connect(fd, to("127.0.0.1", dns_port(1)), sizeof(struct sockaddr_in)), 0);
	assert_int_equal(lookup_by(fd, "api.example", TYPE_A, LIMIT_MS)->rcode, DNS_NXDOMAIN);
	assert_int_equal(lookup_by(fd, "other.example", TYPE_A, LIMIT_MS)->rcode, DNS_NXDOMAIN);
	close(fd);
	assert_int_equal(lookup_asked("query"), 2); /* both families, from before */
	assert_works("up", "box");
	assert_found("api.example", "203.0.113.10");
}

static void in_an_open_guard_names_resolve_but_those_that_are_denied(void **state)
{
	uint64_t until;

	(void)state;
	lookup_begin(zone, "learn");
	assert_works("deny", "box", "bad.example");
	assert_works("down", "box");
	assert_found("other.example", "203.0.113.250");
	assert_unknown("bad.example");
	assert_int_equal(reach("203.0.113.250", TEST_PORT), 0);
	assert_works("up", "box");
	assert_unknown("other.example"); /* what was answered in the open is forgotten */
	assert_int_equal(reach("203.0.113.250", TEST_PORT), EHOSTUNREACH);
	assert_int_equal(lookup_asked("bad"), 0);
	/* a window is the same for a while */
	assert_works("bypass", "box", "--for", "1s");
	assert_found("other.example", "203.0.113.250");
	until = now_boot_ns() + 3 * SECOND_NS;
	while (!lookup("other.example", TYPE_A)->rcode) {
		assert_true(now_boot_ns() < until);
		poll(NULL, 0, 20);
	}
	assert_unknown("other.example");
}

/* --- name servers outside ----------------------------------------------------------------------------- */

static void resolv_write(const char *first, const char *second)
{
	char path[128], new[136];
	FILE *f;

	snprintf(path, sizeof(path), "%s/resolv.conf", world->dir);
	snprintf(new, sizeof(new), "%s.new", path);
	f = fopen(new, "we");
	assert_non_null(f);
	fprintf(f, "# the host's\nnameserver %s\n", first);
	if (second)
		fprintf(f, "nameserver %s\n", second);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(new, path), 0);
	setenv("TEROK_RESOLV_CONF", path, 1);
}

static void guard_begin(void)
{
	agent_start();
	attach_box();
	assert_works("allow", "box", "api.example");
	assert_works("allow", "box", "other.example");
}

static void a_dead_name_server_is_passed_over(void **state)
{
	(void)state;
	resolv_write("127.0.0.1:1", lookup_serve("127.0.0.1", zone));
	guard_begin();
	assert_found("api.example", "203.0.113.10");
}

static void a_silent_name_server_is_passed_over_and_then_asked_last(void **state)
{
	char silent[64];
	uint64_t start;

	(void)state;
	snprintf(silent, sizeof(silent), "%s",
		 lookup_serve("127.0.0.1", "* do drop\n* A 60 203.0.113.1\n"));
	resolv_write(silent, lookup_serve("127.0.0.1", zone));
	guard_begin();
	assert_found("api.example", "203.0.113.10");
	start = now_boot_ns();
	assert_found("other.example", "203.0.113.250");
	assert_true(now_boot_ns() - start < SECOND_NS);
}

static void a_failing_name_server_is_passed_over(void **state)
{
	char failing[64];

	(void)state;
	snprintf(failing, sizeof(failing), "%s", lookup_serve("127.0.0.1", "* do servfail\n"));
	resolv_write(failing, lookup_serve("127.0.0.1", zone));
	guard_begin();
	assert_found("api.example", "203.0.113.10");
}

static void a_change_of_resolv_conf_is_followed(void **state)
{
	(void)state;
	resolv_write(lookup_serve("127.0.0.1", zone), NULL);
	guard_begin();
	assert_found("api.example", "203.0.113.10");
	resolv_write(lookup_serve("127.0.0.1", "* A 60 203.0.113.99\n"), NULL);
	/* nobody tells when it was read: new names until it was */
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.example", i);
		assert_works("allow", "box", name);
		if (!strcmp(lookup_address(lookup(name, TYPE_A), 0), "203.0.113.99"))
			return;
	}
	fail_msg("still the old name server");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_sockets_are_in_the_containers_namespace),
		T(a_namespace_ends_with_its_processes),
		T(a_loopback_that_comes_up_later_is_served_then),
		T(a_namespace_without_ipv6_is_served_by_ipv4),
		T(two_guards_in_one_namespace_are_answered_apart),
		T(sockets_that_are_destroyed_from_inside_come_back),
		T(a_worker_that_is_killed_comes_back_with_the_same_ports),
		T(without_an_agent_names_fail_at_once_and_nothing_opens),
		T(a_containers_own_name_server_on_loopback_is_left_alone),
		T(the_hosts_name_server_on_loopback_is_not_a_guards),
		T(a_guard_without_names_is_not_answered),
		T(a_blocked_guard_is_told_nothing_and_nobody_is_asked),
		T(in_an_open_guard_names_resolve_but_those_that_are_denied),
		T(a_dead_name_server_is_passed_over),
		T(a_silent_name_server_is_passed_over_and_then_asked_last),
		T(a_failing_name_server_is_passed_over),
		T(a_change_of_resolv_conf_is_followed),
	};

	test_require("kernel/resolver");
	programs_find();
	return cmocka_run_group_tests_name("kernel/resolver", tests, NULL, NULL);
}
