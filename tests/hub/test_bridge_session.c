// SPDX-License-Identifier: Apache-2.0
/*
 * test_bridge_session.c - bridge and session at a session's hub, which readers feed: no agent,
 * no guards, and ids, containers and names that readers choose
 */
#include "hub/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/bus.h"
#include "hub/pretend.h"

#define KEY        "0123456789ab"
#define WEB        "\"dest\":\"198.51.100.1\",\"port\":443,\"proto\":6"
#define NAMED      WEB ",\"domain\":\"example.com\""
#define CALLED(id) "\"dossier\":{\"container_name\":\"" id "\"}"

static struct program bridge, lines;
static struct bus_client client;
static int reader;

static int setup(void **state)
{
	if (session_setup(state))
		return -1;
	bus_daemon_start(session.folder);
	bus_client_open(&client, NULL);
	pretend_also(sd_bus_get_fd(client.bus), bus_client_serve, &client);
	return 0;
}

static int teardown(void **state)
{
	program_end_all();
	pretend_alone();
	bus_client_close(&client);
	bus_daemon_end();
	return session_teardown(state);
}

static void begin(const char *shield)
{
	session_helper(shield);
	session_hub();
	reader = session_dial(session.readers);
	START(&bridge, "./terok-clearance", "bridge", "--socket", session.clients);
	await(strstr(bridge.told, "hears the hub"));
}

static const struct bus_signal *signal_at(unsigned n)
{
	await(client.n_signals > n);
	return &client.signals[n];
}

static void a_readers_request_goes_to_the_bus_and_its_answer_to_the_shield(void **state)
{
	const struct bus_signal *signal;
	struct bus_call call;

	(void)state;
	begin("[ \"$*\" = \"allow " KEY " example.com\" ]");
	session_line(reader, SAYS("container_started", KEY, ""));
	await(bus_owner(&client, "Container_" KEY));
	session_line(reader, PENDING(KEY, KEY ":1", NAMED));
	signal = signal_at(0);
	assert_string_equal(signal->member, "ConnectionBlocked");
	assert_string_equal(signal->container, KEY);
	assert_string_equal(signal->dest, "198.51.100.1");
	assert_string_equal(signal->domain, "example.com");
	assert_string_equal(signal->request_id, KEY ":1");
	assert_int_equal(signal->port, 443);
	assert_int_equal(signal->proto, 6);
	bus_verdict(&client, &call, signal->sender, KEY ":1", "accept");
	signal = signal_at(1);
	assert_string_equal(signal->member, "VerdictApplied");
	assert_string_equal(signal->dest, "198.51.100.1");
	assert_string_equal(signal->action, "accept");
	assert_int_equal(signal->ok, true);
	await(call.ok == true);
	session_line(reader, SAYS("container_exited", KEY, ",\"reason\":\"poststop\""));
	await(!bus_owner(&client, "Container_" KEY));
}

static void a_shield_that_fails_leaves_the_request_open(void **state)
{
	struct bus_call call;

	(void)state;
	begin("exit 1");
	session_line(reader, PENDING(KEY, KEY ":1", WEB)); /* nobody said that it started */
	signal_at(0);
	for (unsigned i = 1; i < 3; i++) {
		bus_verdict(&client, &call, client.signals[0].sender, KEY ":1", "deny");
		assert_string_equal(signal_at(i)->member, "VerdictApplied");
		assert_int_equal(signal_at(i)->ok, false);
		await(call.ok == true);
	}
	/* a shield that is down answers everything: nobody has anything to say */
	session_line(reader, SAYS("shield_down", KEY, ""));
	session_line(reader, PENDING(KEY, KEY ":2", WEB));
	signal_at(3);
	bus_verdict(&client, &call, client.signals[0].sender, KEY ":1", "deny");
	await(call.ok == false);
}

/* An id may be anything, and as long as a text of the hub. */
static void what_readers_call_their_requests_is_what_clients_answer(void **state)
{
	static char longest[257], line[512];
	struct bus_call call;

	(void)state;
	begin("exit 0");
	memset(longest, 'x', 256);
	snprintf(line, sizeof(line), PENDING("my box", "%s", WEB), longest);
	session_line(reader, PENDING("my box", "no colon", WEB));
	session_line(reader, PENDING("my box", ":1", WEB));
	session_line(reader, PENDING("my box", "a:b:7", WEB));
	session_line(reader, line);
	session_line(reader, PENDING("my box", "\\u001b[31m\\u202e:8", WEB));
	signal_at(4);
	assert_string_equal(client.signals[0].container, "my box");
	assert_string_equal(client.signals[1].container, "my box");
	assert_string_equal(client.signals[2].container, "a:b");
	assert_string_equal(client.signals[3].request_id, longest);
	assert_string_equal(client.signals[4].request_id, " [31m :8");
	for (unsigned i = 0; i < 5; i++) {
		bus_verdict(&client, &call, client.signals[i].sender, client.signals[i].request_id,
			    "allow");
		assert_string_equal(signal_at(5 + i)->request_id, client.signals[i].request_id);
		await(call.ok == true);
	}
}

#define NAMES_MAX 512 /* CONTAINERS_MAX of clearance_bridge.c */

static void starts(unsigned n)
{
	char line[80];

	snprintf(line, sizeof(line), SAYS("container_started", "%012x", ""), n);
	session_line(reader, line);
}

static void there_are_so_many_names_and_one_that_is_free_is_given_on(void **state)
{
	(void)state;
	begin("exit 0");
	for (unsigned n = 1; n <= NAMES_MAX; n++) {
		starts(n);
		/* a subscriber has 128 events; this one is slow for having names to ask for */
		if (n % 64 == 0)
			await(client.n_names == n);
	}
	assert_null(strstr(bridge.told, "one name too many"));
	starts(NAMES_MAX + 1);
	session_line(reader, PENDING("000000000201", "000000000201:1", WEB));
	await(strstr(bridge.told, "Container_000000000201 is one name too many: 512 are taken"));
	assert_null(bus_owner(&client, "Container_000000000201"));
	session_line(reader, SAYS("container_exited", "000000000007", ",\"reason\":\"eof\""));
	await(bus_owner(&client, "Container_000000000201"));
	assert_string_equal(signal_at(0)->request_id, "000000000201:1");
	assert_null(bus_owner(&client, "Container_000000000007"));
}

static void lines_wait_for_a_container_that_nobody_lists(void **state)
{
	(void)state;
	begin("exit 0");
	START(&lines, "./terok-clearance", "session", "--json", "--socket", session.clients, "box");
	await(strstr(lines.told, "nothing is guarded yet; waiting for box"));
	session_line(reader, SAYS("container_started", "c1", ""));
	session_line(reader, PENDING("c2", "c2:1", WEB));
	session_line(reader, PENDING("c1", "c1:1", NAMED "," CALLED("box")));
	await(strchr(lines.said, '\n'));
	assert_string_equal(lines.said,
			    "{\"type\":\"pending\",\"id\":1,\"dest\":\"198.51.100.1\",\"port\":443,"
			    "\"proto\":6,\"domain\":\"example.com\"}\n");
	program_write(&lines, "{\"type\":\"verdict\",\"id\":1,\"action\":\"accept\"}\n");
	await(strstr(lines.said, "{\"type\":\"verdict_applied\",\"id\":1,\"dest\":\"198.51.100.1\","
				 "\"action\":\"accept\",\"ok\":true}\n"));
	assert_int_equal(program_end(&lines, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_readers_request_goes_to_the_bus_and_its_answer_to_the_shield),
		T(a_shield_that_fails_leaves_the_request_open),
		T(what_readers_call_their_requests_is_what_clients_answer),
		T(there_are_so_many_names_and_one_that_is_free_is_given_on),
		T(lines_wait_for_a_container_that_nobody_lists),
	};

	return cmocka_run_group_tests_name("bridge_session", tests, NULL, NULL);
}
