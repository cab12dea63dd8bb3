// SPDX-License-Identifier: Apache-2.0
/*
 * test_agent.c - "terok-bpfd run" and its hub, as people run them: the walk, survival, peers
 *
 * Its clients are libclearance.
 */
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/sock.h"
#include "cgroup.h"
#include "terok/clearance.h"

/* --- a hub client ---------------------------------------------------------------------- */

static struct {
	struct terok_client *client;
	char type[32], state[12], id[40], dest[52], exe[160], error[64];
	int64_t guard;
	bool subscribed, answered;
	unsigned events;
} hub;

static void on_subscribed(void *user)
{
	(void)user;
	hub.subscribed = true;
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	(void)lost;
	(void)user;
	hub.events++;
	hub.guard = event->guard;
	snprintf(hub.type, sizeof(hub.type), "%s", event->type);
	snprintf(hub.state, sizeof(hub.state), "%s", event->state);
	snprintf(hub.id, sizeof(hub.id), "%s", event->request_id);
	snprintf(hub.dest, sizeof(hub.dest), "%s", event->dest);
	snprintf(hub.exe, sizeof(hub.exe), "%s", event->process.exe);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	(void)problem;
	(void)cookie;
	(void)user;
	hub.answered = true;
	snprintf(hub.error, sizeof(hub.error), "%s", error ? error : "");
}

static const struct terok_client_events events = { .subscribed = on_subscribed,
						   .event = on_event,
						   .answered = on_answered };

static void hub_path(char path[static 128])
{
	snprintf(path, 128, "%s/clearance.sock", getenv("TEROK_RUN"));
}

static void hub_wait(const bool *done, const char *type)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (done ? !*done : strcmp(hub.type, type) != 0) {
		struct pollfd ready = { .fd = terok_client_fd(hub.client), .events = POLLIN };

		if (now_boot_ns() > until || poll(&ready, 1, LIMIT_MS) != 1)
			fail_msg("no %s came", type);
		assert_int_equal(terok_client_process(hub.client), 0);
	}
}

static void hub_connect(bool replay)
{
	char path[128];

	hub_path(path);
	memset(&hub, 0, sizeof(hub));
	assert_int_equal(terok_client_open(path, &events, NULL, &hub.client), 0);
	assert_int_equal(terok_client_monitor(hub.client, 0, replay), 0);
	hub_wait(&hub.subscribed, "subscription");
}

static void hub_answer(const char *action)
{
	hub.answered = false;
	assert_int_equal(terok_client_answer(hub.client, hub.id, action, "session", 0, 1), 0);
	hub_wait(&hub.answered, "answer");
}

/* --- the walk -------------------------------------------------------------------------- */

static void refused_told_answered_passed(void **state)
{
	(void)state;
	agent_start();
	attach_box();
	hub_connect(false);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	assert_string_equal(hub.dest, TEST_FAR);
	assert_int_equal(hub.guard, 1);
	hub_answer("allow");
	assert_string_equal(hub.error, "");
	/* in force before the answer's answer: no waiting here */
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	hub_answer("deny");
	assert_string_equal(hub.error, "org.terok.Firewall1.AlreadyAnswered");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
}

/* Between question and answer the whole range was denied: the answer cannot hold, so it fails. */
static void an_answer_that_would_not_hold_is_refused(void **state)
{
	(void)state;
	agent_start();
	attach_box();
	hub_connect(false);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	assert_int_equal(VERB("deny", "box", "198.51.100.0/24"), 0);
	hub_answer("allow");
	assert_string_equal(hub.error, "org.terok.Firewall1.NotApplied");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(VERB("rules", "box"), 0);
	assert_null(strstr(said, "allow"));
	/* asked again when nothing stands above it */
	assert_int_equal(VERB("deny", "box", "198.51.100.0/24", "--remove"), 0);
	hub.type[0] = '\0';
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	hub_answer("allow");
	assert_string_equal(hub.error, "");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
}

static void a_bypass_window_is_told_and_its_end_too(void **state)
{
	(void)state;
	agent_start();
	attach_box();
	hub_connect(false);
	assert_int_equal(VERB("bypass", "box", "--for", "1s"), 0);
	assert_said("open for 1 s");
	hub_wait(NULL, "guard_state");
	assert_string_equal(hub.state, "down");
	/* nobody says anything more: the window's own end is news */
	hub.type[0] = '\0';
	hub_wait(NULL, "guard_state");
	assert_string_equal(hub.state, "up");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_mistake(VERB("bypass", "box"), 2, "--for TIME or --off");
	terok_client_close(hub.client);
}

static pid_t hold_connection(void)
{
	int pipes[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		const struct test_dest far = { .addr = TEST_FAR, .port = TEST_PORT };

		if (cgroup_join(world->cgroup_fd) || test_connect(&far) ||
		    write(pipes[1], "c", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	close(pipes[0]);
	return pid;
}

static void a_transition_ends_connections_unless_told_to_keep_them(void **state)
{
	pid_t holder;

	(void)state;
	attach_box();
	assert_int_equal(VERB("down", "box"), 0);
	holder = hold_connection();
	assert_int_equal(VERB("up", "box", "--keep-flows"), 0);
	assert_null(strstr(said, "ended"));
	assert_int_equal(VERB("block", "box"), 0);
	assert_said("1 connection ended");
	assert_int_equal(VERB("up", "box", "--json"), 0);
	assert_said("\"flows_ended\":0");
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
}

static void a_killed_agent_changes_nothing_and_its_records_wait(void **state)
{
	unsigned streams = world->far->streams;

	(void)state;
	agent_start();
	attach_box();
	assert_int_equal(VERB("allow", "box", "203.0.113.1"), 0);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
	agent_end(SIGKILL);

	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, "203.0.113.1"), 0);
	while (world->far->streams < streams + 2)
		;
	assert_int_equal(world->far->streams, streams + 2);

	/* the next one adopts the guard, and hears what happened meanwhile */
	agent_start();
	hub_connect(true);
	hub_wait(NULL, "request");
	assert_string_equal(hub.dest, TEST_FAR);
	assert_int_equal(hub.guard, 1);
	hub_answer("allow");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
}

static void a_second_agent_is_refused_with_the_pid_of_the_first(void **state)
{
	char pid[32];
	int code;

	(void)state;
	agent_start();
	snprintf(pid, sizeof(pid), "with pid %d", agent);
	code = VERB("run");
	assert_mistake(code, 1, pid);
	code = VERB("unload");
	assert_mistake(code, 1, pid);
	assert_int_equal(VERB("status"), 0);
	assert_said("running");
	agent_end(SIGTERM);
	assert_int_equal(VERB("status"), 0);
	assert_said("not running");
}

static void a_killed_hub_is_started_again_and_knows_what_is_open(void **state)
{
	struct pollfd gone = { .events = POLLIN };
	pid_t worker;

	(void)state;
	agent_start();
	attach_box();
	hub_connect(false);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	terok_client_close(hub.client);

	worker = test_worker(agent, "hub");
	assert_true(worker > 0);
	gone.fd = pidfd_open(worker, 0);
	kill(worker, SIGKILL);
	assert_int_equal(poll(&gone, 1, LIMIT_MS), 1);
	close(gone.fd);
	hub_connect(true); /* the socket is the core's: it waits in the backlog if need be */
	hub_wait(NULL, "request");
	assert_string_equal(hub.dest, TEST_FAR);
	hub_answer("allow");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	terok_client_close(hub.client);
}

static void a_guard_whose_cgroup_goes_is_forgotten(void **state)
{
	char path[TEROK_PATH_LEN + 8];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s-gone", world->cgroup_path);
	fd = cgroup_create(path, NULL);
	assert_int_equal(VERB("attach", path, "--name", "gone"), 0);
	assert_int_equal(VERB("allow", "gone", "203.0.113.0/24"), 0);
	agent_start();
	hub_connect(false);
	close(fd);
	assert_int_equal(cgroup_remove(path, NULL, NULL), 0);
	hub_wait(NULL, "guard_detached");
	assert_int_equal(VERB("status", "--json"), 0);
	assert_said("\"guards\":[]");
	terok_client_close(hub.client);
}

/* --- what the processes may still do ----------------------------------------------------- */

static void status_line(pid_t pid, const char *key, char ret[static 64])
{
	char path[32], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	ret[0] = '\0';
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			sscanf(line + strlen(key), ": %63s", ret);
	fclose(f);
}

static void privileges_are_what_they_are_said_to_be(void **state)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	char value[64];
	pid_t worker;

	(void)state;
	agent_start();
	hub_connect(false); /* it serves: it is confined */
	worker = test_worker(agent, "hub");
	for (size_t i = 0; i < 5; i++) {
		status_line(worker, sets[i], value);
		assert_string_equal(value, "0000000000000000");
	}
	status_line(worker, "Uid", value);
	assert_string_equal(value, "65534");
	status_line(worker, "Seccomp", value);
#ifndef CONFINE_SANITIZED /* its run time makes calls of its own choice */
	assert_string_equal(value, "2");
#endif
	status_line(worker, "NoNewPrivs", value);
	assert_string_equal(value, "1");

	status_line(agent, "NoNewPrivs", value);
	assert_string_equal(value, "1");
	status_line(agent, "CapEff", value);
	/* 1-2 no, DAC_READ_SEARCH, KILL, SETGID, SETUID, SETPCAP, NET_ADMIN, PTRACE, ADMIN, PERFMON, BPF */
	assert_int_equal(strtoull(value, NULL, 16) &
			     ~(1ULL << 2 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 | 1ULL << 8 |
			       1ULL << 12 | 1ULL << 19 | 1ULL << 21 | 1ULL << 38 | 1ULL << 39),
			 0);
	terok_client_close(hub.client);
}

/* --- hostile peers ----------------------------------------------------------------------- */

static int peer_connect(void)
{
	char path[128];
	int fd;

	hub_path(path);
	fd = sock_connect(path);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

static void peers_that_lie_flood_or_never_read_hurt_only_themselves(void **state)
{
	static const char list[] = "{\"method\":\"org.terok.Firewall1.ListGuards\"}";
	static char block[1 << 16];
	int garbage, endless, deaf;
	size_t sent = 0;

	(void)state;
	agent_start();
	attach_box();
	signal(SIGPIPE, SIG_IGN);
	memset(block, 'x', sizeof(block));

	garbage = peer_connect();
	assert_int_equal(write(garbage, "{{{\0[1]\0\xff\xfe\0", 10), 10);
	endless = peer_connect(); /* a gigabyte without a NUL: cut off long before */
	while (sent < 1U << 30) {
		ssize_t n = send(endless, block, sizeof(block), MSG_NOSIGNAL);

		if (n < 0)
			break;
		sent += n;
	}
	assert_true(sent < 4U << 20);
	deaf = peer_connect(); /* asks and asks, and never reads */
	assert_int_equal(fcntl(deaf, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 200000; i++)
		if (write(deaf, list, sizeof(list)) < 0)
			break;
	assert_int_equal(errno, EAGAIN);

	/* everybody else is served, and the walk goes on */
	hub_connect(false);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	hub_wait(NULL, "request");
	hub_answer("allow");
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(waitpid(agent, NULL, WNOHANG), 0);
	terok_client_close(hub.client);
	close(garbage);
	close(endless);
	close(deaf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, programs_teardown)
		T(refused_told_answered_passed),
		T(an_answer_that_would_not_hold_is_refused),
		T(a_bypass_window_is_told_and_its_end_too),
		T(a_transition_ends_connections_unless_told_to_keep_them),
		T(a_killed_agent_changes_nothing_and_its_records_wait),
		T(a_second_agent_is_refused_with_the_pid_of_the_first),
		T(a_killed_hub_is_started_again_and_knows_what_is_open),
		T(a_guard_whose_cgroup_goes_is_forgotten),
		T(privileges_are_what_they_are_said_to_be),
		T(peers_that_lie_flood_or_never_read_hurt_only_themselves),
	};

	test_require("kernel/agent");
	programs_find();
	return cmocka_run_group_tests_name("kernel/agent", tests, NULL, NULL);
}
