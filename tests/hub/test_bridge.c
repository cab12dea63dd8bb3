// SPDX-License-Identifier: Apache-2.0
/*
 * test_bridge.c - terok-clearance bridge: org.terok.Shield1 on a real bus, from a real hub
 *
 * The test is the hub's core and a client on the bus (bus.h); other people's programs are
 * other clients. Whatever must not happen is looked for when something later has come about.
 */
#include "pretend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus.h"

#define KEY       "0123456789ab"
#define ONE       KEY "cdef"
#define OTHER_KEY "ba9876543210"
#define OTHER     OTHER_KEY "fedc"
#define NAME(key) "org.terok.Shield1.Container_" key

static struct program bridge;
static struct bus_client client;

static int setup(void **state)
{
	(void)state;
	if (pretend_start())
		return -1;
	bus_daemon_start(pretend_folder);
	bus_client_open(&client, NULL);
	pretend_also(sd_bus_get_fd(client.bus), bus_client_serve, &client);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bus_client_close(&client);
	bus_daemon_end();
	return pretend_end();
}

static void bridge_start(void)
{
	START(&bridge, "./terok-clearance", "bridge", "--socket", pretend_socket);
}

/* A container, with its name on the bus. */
static void one_container(void)
{
	bridge_start();
	pretend_attach(1, ONE, "box");
	await(bus_owner(&client, KEY));
}

static void two_containers(void)
{
	one_container();
	pretend_attach(2, OTHER, "other");
	await(bus_owner(&client, OTHER_KEY));
}

static const struct bus_signal *last_signal(void)
{
	assert_true(client.n_signals > 0);
	return &client.signals[client.n_signals - 1];
}

static void assert_blocked(const struct bus_signal *signal, const char *container, const char *dest,
			   const char *request_id)
{
	assert_string_equal(signal->member, "ConnectionBlocked");
	assert_string_equal(signal->signature, "ssqqss");
	assert_string_equal(signal->container, container);
	assert_string_equal(signal->dest, dest);
	assert_string_equal(signal->request_id, request_id);
}

static void assert_applied(const struct bus_signal *signal, const char *dest,
			   const char *request_id, const char *action, bool ok)
{
	assert_string_equal(signal->member, "VerdictApplied");
	assert_string_equal(signal->signature, "ssssb");
	assert_string_equal(signal->container, KEY);
	assert_string_equal(signal->dest, dest);
	assert_string_equal(signal->request_id, request_id);
	assert_string_equal(signal->action, action);
	assert_int_equal(signal->ok, ok);
}

/* Everything up to now has had its effect: the hub has told it, the bridge has relayed it. */
static void settle(uint64_t ask)
{
	char id[32];
	unsigned at = client.n_signals;

	snprintf(id, sizeof(id), KEY ":%u", (unsigned)ask);
	pretend_refuses(1, ask);
	await(client.n_signals > at && !strcmp(last_signal()->request_id, id));
}

/* --- the interface ------------------------------------------------------------------- */

static void a_refusal_is_a_signal_and_a_verdict_its_answer(void **state)
{
	struct bus_call call;

	(void)state;
	one_container();
	pretend_refuses(1, 5);
	await(client.n_signals == 1);
	assert_blocked(last_signal(), KEY, "192.0.2.5", KEY ":5");
	assert_int_equal(last_signal()->port, 443);
	assert_int_equal(last_signal()->proto, 6);
	assert_string_equal(last_signal()->domain, "");
	assert_string_equal(last_signal()->sender, bus_owner(&client, KEY));

	bus_verdict(&client, &call, last_signal()->sender, KEY ":5", "accept");
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 5);
	assert_int_equal(pretend_verdicts[0].action, TEROK_ALLOW);
	assert_int_equal(pretend_verdicts[0].scope, SCOPE_FOREVER);
	pretend_results(0, "");
	await(call.ok >= 0 && client.n_signals == 2);
	assert_int_equal(call.ok, true);
	assert_int_equal(call.n_signals, 1); /* that it was taken comes before what came of it */
	assert_applied(last_signal(), "192.0.2.5", KEY ":5", "accept", true);

	/* once is enough */
	bus_verdict(&client, &call, last_signal()->sender, KEY ":5", "accept");
	await(call.ok >= 0);
	assert_int_equal(call.ok, false);
	assert_int_equal(pretend_n_verdicts, 0);
}

static void a_name_that_was_refused_is_dest_and_domain(void **state)
{
	(void)state;
	one_container();
	pretend_refuses_name(1, 6, "evil.example.net");
	await(client.n_signals == 1);
	assert_blocked(last_signal(), KEY, "evil.example.net", KEY ":6");
	assert_string_equal(last_signal()->domain, "evil.example.net");
	assert_int_equal(last_signal()->port, 0);
	assert_int_equal(last_signal()->proto, 0);
}

static void accept_and_allow_are_the_same_and_deny_the_other(void **state)
{
	static const struct {
		const char *said, *told;
		uint32_t action;
	} words[] = {
		{ "accept", "accept", TEROK_ALLOW },
		{ "allow", "accept", TEROK_ALLOW },
		{ "deny", "deny", TEROK_DENY },
	};
	struct bus_call call;
	char id[32];

	(void)state;
	one_container();
	for (unsigned i = 0; i < 3; i++) {
		settle(i + 1);
		snprintf(id, sizeof(id), KEY ":%u", i + 1);
		bus_verdict(&client, &call, NAME(KEY), id, words[i].said);
		await(pretend_n_verdicts == 1);
		assert_int_equal(pretend_verdicts[0].action, words[i].action);
		pretend_results(0, "");
		await(call.ok >= 0 && !strcmp(last_signal()->member, "VerdictApplied") &&
		      !strcmp(last_signal()->request_id, id));
		assert_string_equal(last_signal()->action, words[i].told);
	}
}

static void what_answers_nothing_is_false_and_reaches_nobody(void **state)
{
	static const char *const wrong[][2] = {
		{ KEY ":1", "Accept" },  { KEY ":1", "" },        { KEY ":1", "maybe" },
		{ KEY ":1", "accept " }, { KEY ":2", "accept" },  { KEY ":", "accept" },
		{ KEY, "accept" },       { ":1", "accept" },      { "", "" },
		{ KEY ":1x", "accept" }, { KEY ":01", "accept" }, { OTHER_KEY ":1", "accept" },
	};
	struct bus_call call;

	(void)state;
	two_containers();
	settle(1);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bus_verdict(&client, &call, NAME(KEY), wrong[i][0], wrong[i][1]);
		await(call.ok != -1);
		assert_int_equal(call.ok, false);
	}
	/* an open request, by the name of another container */
	bus_verdict(&client, &call, NAME(OTHER_KEY), KEY ":1", "accept");
	await(call.ok != -1);
	assert_int_equal(call.ok, false);
	assert_int_equal(pretend_n_verdicts, 0);
	/* control: by its own name */
	bus_verdict(&client, &call, NAME(KEY), KEY ":1", "accept");
	await(pretend_n_verdicts == 1);
}

static void an_answer_that_failed_is_told_and_can_be_given_again(void **state)
{
	struct bus_call call;

	(void)state;
	one_container();
	settle(5);
	for (int i = 0; i < 2; i++) {
		bus_verdict(&client, &call, NAME(KEY), KEY ":5", "deny");
		await(pretend_n_verdicts == 1);
		pretend_results(i ? 0 : -ENOSPC, i ? "" : "the rule table is full");
		await(call.ok >= 0 && client.n_signals == 2U + i);
		assert_int_equal(call.ok, true); /* true: an outcome follows, whichever */
		assert_applied(last_signal(), "192.0.2.5", KEY ":5", "deny", i);
	}
}

static void an_answer_by_another_way_is_told_too(void **state)
{
	static struct program answer; /* also for the fixture */

	(void)state;
	one_container();
	settle(5);
	START(&answer, "./terok-clearance", "answer", "--socket", pretend_socket, KEY ":5", "allow",
	      "--scope", "once");
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	await(client.n_signals == 2);
	assert_applied(last_signal(), "192.0.2.5", KEY ":5", "accept", true);
	assert_int_equal(program_end(&answer, 0), 0);
}

static void a_refusal_counted_again_is_no_news(void **state)
{
	(void)state;
	one_container();
	pretend_refuses(1, 5);
	pretend_refuses(1, 5);
	settle(6);
	assert_int_equal(client.n_signals, 2);
}

/* --- containers and names ------------------------------------------------------------ */

static void every_container_has_a_name_and_an_owner_of_its_own(void **state)
{
	struct bus_client only = {};
	struct bus_call call;

	(void)state;
	two_containers();
	assert_string_not_equal(bus_owner(&client, KEY), bus_owner(&client, OTHER_KEY));
	/* who asks for the signals of one gets those of the other not */
	bus_client_open(&only, NAME(OTHER_KEY));
	pretend_also(sd_bus_get_fd(only.bus), bus_client_serve, &only);
	pretend_refuses(1, 5);
	pretend_refuses(2, 6);
	await(client.n_signals == 2 && only.n_signals == 1);
	assert_blocked(&only.signals[0], OTHER_KEY, "192.0.2.6", OTHER_KEY ":6");
	bus_client_close(&only);

	/* the end of one leaves the other what it was */
	pretend_gone(1);
	await(!bus_owner(&client, KEY));
	assert_non_null(bus_owner(&client, OTHER_KEY));
	bus_verdict(&client, &call, bus_owner(&client, OTHER_KEY), OTHER_KEY ":6", "accept");
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	await(call.ok == true);
}

static void guards_from_before_the_bridge_have_names(void **state)
{
	(void)state;
	pretend_adopt(1, ONE, "box");
	pretend_attach(2, OTHER, "other");
	pretend_refuses(1, 5);
	bridge_start();
	await(bus_owner(&client, KEY) && bus_owner(&client, OTHER_KEY));
	await(client.n_signals == 1);
	assert_blocked(last_signal(), KEY, "192.0.2.5", KEY ":5");
}

static void two_guards_of_one_container_share_its_name(void **state)
{
	(void)state;
	one_container();
	pretend_attach(2, ONE, "box");
	pretend_refuses(2, 5);
	await(client.n_signals == 1);
	pretend_gone(1);
	pretend_refuses(2, 6);
	await(client.n_signals == 2);
	assert_string_equal(client.signals[0].sender, client.signals[1].sender);
	pretend_gone(2);
	await(!bus_owner(&client, KEY));
}

/* A cgroup that is no container is called what people called it. */
static void what_is_no_id_becomes_one_that_a_bus_takes(void **state)
{
	static const char *const names[] = { "web.service", "web.servicf", "0123456789",
					     "\033[31m/../\xff'\"" };

	(void)state;
	bridge_start();
	for (unsigned i = 0; i < 4; i++)
		pretend_attach(1 + i, names[i], names[i]);
	await(client.n_names == 4);
	for (unsigned i = 0; i < 4; i++) {
		const char *key = client.names[i].name + strlen(NAME(""));

		assert_int_equal(strspn(key, "0123456789abcdef"), 12);
		assert_int_equal(strlen(key), 12);
	}
	pretend_refuses(1, 5);
	await(client.n_signals == 1);
	assert_blocked(last_signal(), "web.service", "192.0.2.5", "web.service:5");
}

static void a_name_of_somebody_else_is_said_and_taken_when_it_is_free(void **state)
{
	char said[128];

	(void)state;
	assert_true(sd_bus_request_name(client.bus, NAME(KEY), 0) > 0);
	bridge_start();
	pretend_attach(1, ONE, "box");
	pretend_attach(2, OTHER, "other");
	snprintf(said, sizeof(said), NAME(KEY) " is owned by process %d", getpid());
	await(strstr(bridge.told, said));
	/* nobody hears of the container as long as it has no name, others are served */
	pretend_refuses(1, 5);
	pretend_refuses(2, 6);
	await(client.n_signals == 1);
	assert_blocked(last_signal(), OTHER_KEY, "192.0.2.6", OTHER_KEY ":6");
	assert_true(sd_bus_release_name(client.bus, NAME(KEY)) >= 0);
	await(client.n_signals == 2);
	assert_blocked(last_signal(), KEY, "192.0.2.5", KEY ":5");
	assert_string_equal(last_signal()->sender, bus_owner(&client, KEY));
}

/* --- what goes away ------------------------------------------------------------------ */

static void a_bus_that_went_away_is_found_again(void **state)
{
	struct bus_call call;

	(void)state;
	two_containers();
	settle(5);
	pretend_alone();
	bus_client_close(&client);
	bus_daemon_end();
	await(strstr(bridge.told, "the bus went away; trying again"));
	pretend_refuses(1, 6); /* nobody hears it now */
	bus_daemon_start(pretend_folder);
	bus_client_open(&client, NULL);
	pretend_also(sd_bus_get_fd(client.bus), bus_client_serve, &client);
	await(bus_owner(&client, KEY) && bus_owner(&client, OTHER_KEY));
	/* who is there now is told everything that waits, oldest first */
	await(client.n_signals == 2);
	assert_blocked(&client.signals[0], KEY, "192.0.2.5", KEY ":5");
	assert_blocked(&client.signals[1], KEY, "192.0.2.6", KEY ":6");
	bus_verdict(&client, &call, NAME(KEY), KEY ":6", "accept");
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	await(call.ok == true);
	assert_null(strstr(strstr(bridge.told, "went away") + 1, "went away")); /* said once */
}

/* What was told meanwhile comes when it reads again; nothing else waits for it. */
static void a_bus_that_does_not_read_holds_up_nobody(void **state)
{
	enum { TOLD = 400 };

	(void)state;
	two_containers();
	settle(255);
	bus_daemon_stop(true);
	for (unsigned i = 1; i < TOLD; i++)
		pretend_refuses(1, 255 + i);
	pretend_gone(2);
	pretend_attach(3, "aaaaaaaaaaaabbbb", "third");
	bus_daemon_stop(false);
	await(client.n_signals == TOLD);
	await(!bus_owner(&client, OTHER_KEY) && bus_owner(&client, "aaaaaaaaaaaa"));
	bus_daemon_stop(true);
	pretend_refuses(1, 1000);
	pretend_attach(4, "bbbbbbbbbbbbcccc", "fourth"); /* connects to who does not answer */
	assert_int_equal(program_end(&bridge, SIGTERM), 0);
	bus_daemon_stop(false);
	await(!bus_owner(&client, KEY));
}

static void without_a_hub_nobody_pretends(void **state)
{
	struct bus_call call;

	(void)state;
	two_containers();
	settle(5);
	bus_verdict(&client, &call, NAME(KEY), KEY ":5", "accept");
	await(pretend_n_verdicts == 1); /* and has no answer when the hub dies */
	pretend_hub_kill();
	await(call.ok != -1);
	assert_int_equal(call.ok, false);
	await(!bus_owner(&client, KEY) && !bus_owner(&client, OTHER_KEY));
	pretend_hub_start();
	pretend_adopt(1, ONE, "box");
	pretend_refuses(1, 5);
	await(bus_owner(&client, KEY));
	await(client.n_signals == 2);
	assert_blocked(last_signal(), KEY, "192.0.2.5", KEY ":5");
	assert_null(bus_owner(&client, OTHER_KEY));
	bus_verdict(&client, &call, NAME(KEY), KEY ":5", "accept");
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	await(call.ok == true);
}

static void a_hub_that_is_not_there_yet_is_waited_for(void **state)
{
	(void)state;
	pretend_hub_kill();
	bridge_start();
	await(strstr(bridge.told, "cannot reach the hub"));
	pretend_hub_start();
	pretend_attach(1, ONE, "box");
	await(bus_owner(&client, KEY));
}

#define FLOOD 1000 /* what a hub keeps for one that does not read, several times */

static void who_missed_events_asks_what_is_true(void **state)
{
	unsigned before;

	(void)state;
	two_containers();
	settle(255);
	kill(bridge.pid, SIGSTOP);
	for (unsigned i = 0; i < FLOOD / 2; i++)
		pretend_refuses(2, 1000 + i);
	pretend_gone(1); /* this is among what it will miss */
	pretend_attach(3, "aaaaaaaaaaaabbbb", "third");
	for (unsigned i = 0; i < FLOOD; i++)
		pretend_refuses(2, 1000 + i);
	before = client.n_signals;
	kill(bridge.pid, SIGCONT);
	await(strstr(bridge.told, "events of the hub were lost"));
	await(bus_owner(&client, "aaaaaaaaaaaa") && !bus_owner(&client, KEY));
	/* every open request was told once */
	await(client.n_signals >= before + FLOOD);
	pretend_refuses(3, 7);
	await(!strcmp(last_signal()->request_id, "aaaaaaaaaaaa:7"));
	assert_int_equal(client.n_signals, before + FLOOD + 1);
	assert_non_null(bus_owner(&client, OTHER_KEY));
}

static void a_signal_ends_it_and_its_names(void **state)
{
	(void)state;
	two_containers();
	assert_int_equal(program_end(&bridge, SIGTERM), 0);
	await(!bus_owner(&client, KEY) && !bus_owner(&client, OTHER_KEY));
	bridge_start();
	await(bus_owner(&client, KEY));
	assert_int_equal(program_end(&bridge, SIGINT), 0);
}

static unsigned lines_in(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void without_a_bus_or_waiting_it_says_so_and_fails(void **state)
{
	(void)state;
	two_containers();
	program_end(&bridge, SIGTERM);
	START(&bridge, "./terok-clearance", "bridge", "--no-reconnect", "--socket", "/nowhere");
	assert_int_equal(program_end(&bridge, 0), 1);
	assert_non_null(strstr(bridge.told, "cannot reach the hub at /nowhere"));
	assert_int_equal(lines_in(bridge.told), 1);
	START(&bridge, "./terok-clearance", "bridge", "--no-reconnect", "--socket", pretend_socket);
	await(bus_owner(&client, KEY));
	pretend_hub_kill();
	assert_int_equal(program_end(&bridge, 0), 1);
	assert_non_null(strstr(bridge.told, "the hub went away"));
	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere", 1);
	bridge_start();
	assert_int_equal(program_end(&bridge, 0), 1);
	assert_non_null(strstr(bridge.told, "cannot reach the session bus"));
	assert_int_equal(lines_in(bridge.told), 1);
}

/* --- other people's clients ---------------------------------------------------------- */

static void gdbus_introspects_monitors_and_calls(void **state)
{
	static struct program gdbus, monitor; /* also for the fixture */

	(void)state;
	one_container();
	START(&gdbus, "gdbus", "introspect", "--session", "--dest", NAME(KEY), "--object-path",
	      SHIELD_PATH);
	assert_int_equal(program_end(&gdbus, 0), 0);
	assert_non_null(strstr(gdbus.said, "  interface org.terok.Shield1 {\n"
					   "    methods:\n"
					   "      Verdict(in  s request_id,\n"
					   "              in  s action,\n"
					   "              out b ok);\n"
					   "    signals:\n"
					   "      ConnectionBlocked(s container,\n"
					   "                        s dest,\n"
					   "                        q port,\n"
					   "                        q proto,\n"
					   "                        s domain,\n"
					   "                        s request_id);\n"
					   "      VerdictApplied(s container,\n"
					   "                     s dest,\n"
					   "                     s request_id,\n"
					   "                     s action,\n"
					   "                     b ok);\n"
					   "    properties:\n"
					   "  };\n"));
	START(&monitor, "gdbus", "monitor", "--session", "--dest", NAME(KEY));
	/* it says that it listens, and then asks the bus for signals */
	for (uint64_t ask = 100; !strstr(monitor.said, "ConnectionBlocked"); ask++) {
		struct pollfd says = { .fd = monitor.out, .events = POLLIN };

		settle(ask);
		poll(&says, 1, 100);
	}
	pretend_refuses(1, 5);
	await(strstr(monitor.said,
		     SHIELD_PATH ": org.terok.Shield1.ConnectionBlocked ('" KEY
				 "', '192.0.2.5', uint16 443, uint16 6, '', '" KEY ":5')"));
	START(&gdbus, "gdbus", "call", "--session", "--dest", NAME(KEY), "--object-path",
	      SHIELD_PATH, "--method", "org.terok.Shield1.Verdict", KEY ":5", "accept");
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	assert_int_equal(program_end(&gdbus, 0), 0);
	assert_string_equal(gdbus.said, "(true,)\n");
	await(strstr(monitor.said, SHIELD_PATH ": org.terok.Shield1.VerdictApplied ('" KEY
					       "', '192.0.2.5', '" KEY ":5', 'accept', true)"));
	program_end(&monitor, SIGTERM);
}

/* A line of busctl's table: columns apart by spaces, however many. */
static bool has_row(const char *table, const char *a, const char *b, const char *c, const char *d)
{
	char words[4][64];

	for (const char *line = table; line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (sscanf(line, "%63s %63s %63s %63s", words[0], words[1], words[2], words[3]) ==
			4 &&
		    !strcmp(words[0], a) && !strcmp(words[1], b) && !strcmp(words[2], c) &&
		    !strcmp(words[3], d))
			return true;
	return false;
}

static void busctl_introspects_monitors_and_calls(void **state)
{
	static struct program busctl, monitor; /* also for the fixture */
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
	char option[192];

	(void)state;
	one_container();
	snprintf(option, sizeof(option), "--address=%s", address);
	START(&busctl, "busctl", option, "introspect", NAME(KEY), SHIELD_PATH);
	assert_int_equal(program_end(&busctl, 0), 0);
	assert_true(has_row(busctl.said, ".Verdict", "method", "ss", "b"));
	assert_true(has_row(busctl.said, ".ConnectionBlocked", "signal", "ssqqss", "-"));
	assert_true(has_row(busctl.said, ".VerdictApplied", "signal", "ssssb", "-"));
	START(&monitor, "busctl", option, "monitor", "--json=short", NAME(KEY));
	await(strstr(monitor.told, "Monitoring bus"));
	pretend_refuses(1, 5);
	await(strstr(monitor.said,
		     "\"member\":\"ConnectionBlocked\",\"payload\":{\"type\":\"ssqqss\","
		     "\"data\":[\"" KEY "\",\"192.0.2.5\",443,6,\"\",\"" KEY ":5\"]}"));
	START(&busctl, "busctl", option, "call", NAME(KEY), SHIELD_PATH, SHIELD, "Verdict", "ss",
	      KEY ":5", "deny");
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].action, TEROK_DENY);
	pretend_results(0, "");
	assert_int_equal(program_end(&busctl, 0), 0);
	assert_string_equal(busctl.said, "b true\n");
	await(strstr(monitor.said,
		     "\"member\":\"VerdictApplied\",\"payload\":{\"type\":\"ssssb\","
		     "\"data\":[\"" KEY "\",\"192.0.2.5\",\"" KEY ":5\",\"deny\",true]}"));
	START(&busctl, "busctl", option, "call", NAME(KEY), SHIELD_PATH, SHIELD, "Verdict", "s",
	      "x");
	assert_int_equal(program_end(&busctl, 0), 1); /* a wrong signature is an error, not false */
	program_end(&monitor, SIGTERM);
}

static void python_or_skip(void)
{
	if (!system("/usr/bin/python3 -c 'import dbus, gi' 2>/dev/null"))
		return;
	print_message("SKIP: no python3-dbus or python3-gi; see tools/deps\n");
	skip();
}

static void a_python_client_finds_hears_and_answers(void **state)
{
	static struct program python; /* also for the fixture */

	(void)state;
	python_or_skip();
	two_containers();
	START(&python, "/usr/bin/python3", "tests/hub/shield_client.py");
	await(strchr(python.said, '\n'));
	assert_string_equal(python.said, "ready 2\n"); /* and no word of another interface */
	pretend_refuses(1, 5);
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 5);
	assert_int_equal(pretend_verdicts[0].action, TEROK_ALLOW);
	pretend_results(0, "");
	await(
	    strstr(python.said, "blocked 192.0.2.5:443/6\nverdict True\naccept 192.0.2.5 True\n"));
	/* one that comes later, and one that goes */
	pretend_attach(3, "aaaaaaaaaaaabbbb", "third");
	await(strstr(python.said, "appeared " NAME("aaaaaaaaaaaa")));
	pretend_gone(1);
	await(strstr(python.said, "disappeared " NAME(KEY)));
	pretend_refuses(3, 6);
	await(pretend_n_verdicts == 1);
	pretend_results(-ENOSPC, "the rule table is full");
	await(strstr(python.said, "accept 192.0.2.6 False\n"));
	program_end(&python, SIGTERM);
}

/* terok-dbus 0.5.4 to 0.5.6, which looked elsewhere. */
static void an_older_python_client_finds_it_at_its_path(void **state)
{
	static struct program python; /* also for the fixture */

	(void)state;
	python_or_skip();
	START(&bridge, "./terok-clearance", "bridge", "--path", "/org/terok/Shield", "--socket",
	      pretend_socket);
	pretend_attach(1, ONE, "box");
	await(bus_owner(&client, KEY));
	START(&python, "/usr/bin/python3", "tests/hub/shield_client.py", "/org/terok/Shield");
	await(strstr(python.said, "ready 1\n"));
	pretend_refuses(1, 5);
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	await(strstr(python.said, "accept 192.0.2.5 True\n"));
	assert_int_equal(client.n_signals, 0); /* nothing at the other one */
	program_end(&python, SIGTERM);
	program_end(&bridge, SIGTERM);
	START(&bridge, "./terok-clearance", "bridge", "--path", "org/terok", "--socket",
	      pretend_socket);
	assert_int_equal(program_end(&bridge, 0), 2);
	assert_string_equal(bridge.told, "terok-clearance: 'org/terok' is no path of an object\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_refusal_is_a_signal_and_a_verdict_its_answer),
		T(a_name_that_was_refused_is_dest_and_domain),
		T(accept_and_allow_are_the_same_and_deny_the_other),
		T(what_answers_nothing_is_false_and_reaches_nobody),
		T(an_answer_that_failed_is_told_and_can_be_given_again),
		T(an_answer_by_another_way_is_told_too),
		T(a_refusal_counted_again_is_no_news),
		T(every_container_has_a_name_and_an_owner_of_its_own),
		T(guards_from_before_the_bridge_have_names),
		T(two_guards_of_one_container_share_its_name),
		T(what_is_no_id_becomes_one_that_a_bus_takes),
		T(a_name_of_somebody_else_is_said_and_taken_when_it_is_free),
		T(a_bus_that_went_away_is_found_again),
		T(a_bus_that_does_not_read_holds_up_nobody),
		T(without_a_hub_nobody_pretends),
		T(a_hub_that_is_not_there_yet_is_waited_for),
		T(who_missed_events_asks_what_is_true),
		T(a_signal_ends_it_and_its_names),
		T(without_a_bus_or_waiting_it_says_so_and_fails),
		T(gdbus_introspects_monitors_and_calls),
		T(busctl_introspects_monitors_and_calls),
		T(a_python_client_finds_hears_and_answers),
		T(an_older_python_client_finds_it_at_its_path),
	};

	return cmocka_run_group_tests_name("bridge", tests, NULL, NULL);
}
