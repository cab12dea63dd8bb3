// SPDX-License-Identifier: Apache-2.0
/*
 * test_bridge.c - the whole way of a refusal to other people's protocols and back: a guard on a
 * cgroup, an agent with its hub, terok-clearance bridge on a bus and session on pipes
 *
 * What those two do with a hub that fails them is in tests/hub.
 */
#include "programs.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/bus.h"
#include "hub/pretend.h"

#define FAR2 "203.0.113.1"

static char folder[64];
static struct program program;
static struct bus_client client;

static int setup(void **state)
{
	programs_setup(state);
	strcpy(folder, "/tmp/test_bridge.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	bus_daemon_start(folder);
	bus_client_open(&client, NULL);
	pretend_also(sd_bus_get_fd(client.bus), bus_client_serve, &client);
	return 0;
}

static int teardown(void **state)
{
	if (program.pid > 0 && program.code < 0)
		program_end(&program, SIGKILL);
	pretend_alone();
	bus_client_close(&client);
	bus_daemon_end();
	rmdir(folder);
	return programs_teardown(state);
}

static void is_last(const char *member, const char *dest)
{
	await(client.n_signals && !strcmp(client.signals[client.n_signals - 1].member, member) &&
	      !strcmp(client.signals[client.n_signals - 1].dest, dest));
}

static void refused_on_the_bus_accepted_there_passed(void **state)
{
	const struct bus_signal *signal;
	struct bus_call call;

	(void)state;
	agent_start();
	attach_box();
	START(&program, "./terok-clearance", "bridge");
	await(client.n_names == 1 && *client.names[0].owner);

	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	is_last("ConnectionBlocked", TEST_FAR);
	signal = &client.signals[0];
	assert_int_equal(signal->port, TEST_PORT);
	assert_int_equal(signal->proto, 6);
	assert_string_equal(signal->container, "box");
	bus_verdict(&client, &call, signal->sender, signal->request_id, "accept");
	await(call.ok == true);
	is_last("VerdictApplied", TEST_FAR);
	assert_true(client.signals[client.n_signals - 1].ok);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);

	/* control: what was denied there is not asked again */
	assert_int_equal(test_tcp(world, FAR2), EHOSTUNREACH);
	is_last("ConnectionBlocked", FAR2);
	signal = &client.signals[client.n_signals - 1];
	bus_verdict(&client, &call, signal->sender, signal->request_id, "deny");
	is_last("VerdictApplied", FAR2);
	assert_int_equal(test_tcp(world, FAR2), EHOSTUNREACH);
	assert_int_equal(VERB("rules", "box"), 0);
	assert_said("deny   " FAR2);
}

/* The agent and its hub: names are there when they are, and what waited is told. */
static void a_killed_agent_takes_the_names_along_and_the_next_brings_them_back(void **state)
{
	struct bus_call call;

	(void)state;
	agent_start();
	attach_box();
	START(&program, "./terok-clearance", "bridge");
	await(client.n_names == 1 && *client.names[0].owner);
	agent_end(SIGKILL);
	await(!*client.names[0].owner);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	agent_start();
	await(*client.names[0].owner);
	is_last("ConnectionBlocked", TEST_FAR);
	bus_verdict(&client, &call, client.names[0].owner, client.signals[0].request_id, "allow");
	await(call.ok == true);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(VERB("detach", "box"), 0);
	await(!*client.names[0].owner);
}

static void refused_on_a_line_accepted_there_passed(void **state)
{
	(void)state;
	agent_start();
	attach_box();
	START(&program, "./terok-clearance", "session", "--json", "box");
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	await(strchr(program.said, '\n'));
	assert_string_equal(program.said, "{\"type\":\"pending\",\"id\":1,\"dest\":\"" TEST_FAR
					  "\",\"port\":7777,\"proto\":6,\"domain\":\"\"}\n");
	program_write(&program, "{\"type\":\"verdict\",\"id\":1,\"action\":\"accept\"}\n");
	await(strstr(program.said, "{\"type\":\"verdict_applied\",\"id\":1,\"dest\":\"" TEST_FAR
				   "\",\"action\":\"accept\",\"ok\":true}\n"));
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	close(program.in);
	program.in = -1;
	assert_int_equal(program_end(&program, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(refused_on_the_bus_accepted_there_passed),
		T(a_killed_agent_takes_the_names_along_and_the_next_brings_them_back),
		T(refused_on_a_line_accepted_there_passed),
	};

	test_require("kernel/test_bridge");
	programs_find();
	if (system("command -v dbus-daemon >/dev/null")) {
		printf("SKIP kernel/test_bridge: no dbus-daemon; see tools/deps\n");
		return 77;
	}
	return cmocka_run_group_tests_name("bridge", tests, NULL, NULL);
}
