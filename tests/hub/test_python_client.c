// SPDX-License-Identifier: Apache-2.0
/*
 * test_python_client.c - clients in Python that exist, at the agent's hub and at a session's
 *
 * clearance_client.py does what they do on the wire, and is as strict.
 */
#include "hub/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/pretend.h"

#define KEY   "0123456789ab"
#define ONE   KEY "cdef"
#define WEB   "\"dest\":\"198.51.100.1\",\"port\":443,\"proto\":6"
#define BURST 200 /* of which the hub that they know lost 72 */

#define CITES(container, id, dest, action)                                                         \
	"[\"" container "\",\"" id "\",\"" dest "\",\"" action "\"]\n"
#define HEARS(type, container, id, dest, port, proto, domain, action, ok, reason)                  \
	"event {\"type\": \"" type "\", \"container\": \"" container "\", \"request_id\": \"" id   \
	"\", \"dest\": \"" dest "\", \"port\": " port ", \"proto\": " proto                        \
	", \"domain\": \"" domain "\", \"action\": \"" action "\", \"ok\": " ok                    \
	", \"reason\": \"" reason "\", \"dossier\": {"
#define HEARS_OF(type, container, reason)                                                          \
	HEARS(type, container, "", "", "0", "0", "", "", "false", reason)

static struct program client;
static int reader;

static int system_setup(void **state)
{
	(void)state;
	return pretend_start();
}

static int system_teardown(void **state)
{
	(void)state;
	return pretend_end();
}

static int teardown(void **state)
{
	program_end_all();
	return session_teardown(state);
}

static void client_start(const char *path)
{
	START(&client, "python3", "tests/hub/clearance_client.py", path);
	await(strstr(client.said, "connected\n"));
}

static unsigned heard_events(void)
{
	unsigned n = 0;

	for (const char *p = client.said; (p = strstr(p, "event {")); p++)
		n++;
	return n;
}

/* Subscribe has no reply of its own: asked until it is heard. */
static void until_it_hears(void (*ask)(unsigned n))
{
	unsigned before = heard_events();

	for (unsigned n = 100; heard_events() == before; n++) {
		struct pollfd says = { .fd = client.out, .events = POLLIN };

		ask(n);
		if (poll(&says, 1, 100))
			pretend_round();
	}
}

static void refuse(unsigned n)
{
	pretend_refuses(1, n);
}

static void write_line(unsigned n)
{
	char line[128];

	snprintf(line, sizeof(line), PENDING("c0", "c0:%u", WEB), n);
	session_line(reader, line);
}

/* --- the agent's hub ----------------------------------------------------------------- */

static void at_the_agents_hub_it_hears_and_answers(void **state)
{
	(void)state;
	pretend_attach(1, ONE, "box");
	client_start(pretend_socket);
	until_it_hears(refuse);
	pretend_refuses(1, 5);
	await(strstr(client.said, HEARS("connection_blocked", ONE, KEY ":5", "192.0.2.5", "443",
					"6", "", "", "false", "")));
	program_write(&client, CITES(ONE, KEY ":5", "192.0.2.5", "accept")
				   CITES(ONE, KEY ":6", "192.0.2.5", "allow")
				       CITES(ONE, KEY ":5", "192.0.2.6", "allow"));
	await(strstr(
	    client.said,
	    "refused org.terok.Clearance1.InvalidAction {\"action\": \"accept\"}\n"
	    "refused org.terok.Clearance1.UnknownRequest {\"request_id\": \"" KEY ":6\"}\n"
	    "refused org.terok.Clearance1.VerdictTupleMismatch {\"expected_container\": \"" ONE
	    "\", \"expected_dest\": \"192.0.2.5\", \"got_container\": \"" ONE
	    "\", \"got_dest\": \"192.0.2.6\"}\n"));
	for (int failed = 1; failed >= 0; failed--) {
		program_write(&client, CITES(ONE, KEY ":5", "192.0.2.5", "deny"));
		await(pretend_n_verdicts == 1);
		assert_int_equal(pretend_verdicts[0].action, TEROK_DENY);
		pretend_results(failed ? -ENOSPC : 0, failed ? "the rule table is full" : "");
		await(strstr(client.said, failed ? "refused org.terok.Clearance1.ShieldCliFailed "
						   "{\"action\": \"deny\", "
						   "\"stderr\": \"the rule table is full\"}\n"
						 : "applied\n"));
		await(strstr(client.said, failed ? HEARS("verdict_applied", ONE, KEY ":5", "", "0",
							 "0", "", "deny", "false", "") "}}\n"
						 : HEARS("verdict_applied", ONE, KEY ":5", "", "0",
							 "0", "", "deny", "true", "") "}}\n"));
	}
	pretend_gone(1);
	await(strstr(client.said, "event {\"type\": \"container_exited\", \"container\": \"" ONE));
	assert_null(strstr(client.said, "broken"));
}

/* A type that it does not know is an event like any other, and what comes after it is heard. */
static void what_happens_to_agents_is_nothing_that_it_breaks_at(void **state)
{
	(void)state;
	pretend_attach(1, ONE, "box");
	client_start(pretend_socket);
	until_it_hears(refuse);
	for (unsigned type = AGENT_EVENT_CONNECTING; type < AGENT_EVENT_TYPES_; type++)
		pretend_agent(1, type, "caf\xc3\xa9\x1b");
	pretend_refuses(1, 5);
	await(strstr(client.said, HEARS("connection_blocked", ONE, KEY ":5", "192.0.2.5", "443",
					"6", "", "", "false", "")));
	assert_non_null(strstr(client.said, HEARS_OF("agent.untrusted", ONE, "caf  ")));
	assert_non_null(strstr(
	    client.said, HEARS("agent.contained", ONE, "", "", "0", "0", "", "", "true", "caf  ")));
	assert_non_null(strstr(client.said, "\"agent\": \"dev\""));
	assert_null(strstr(client.said, "\nbroken"));
}

static void it_comes_back_when_the_hub_does(void **state)
{
	(void)state;
	pretend_attach(1, ONE, "box");
	client_start(pretend_socket);
	until_it_hears(refuse);
	pretend_hub_kill();
	await(strstr(client.said, "disconnected"));
	pretend_hub_start();
	pretend_adopt(1, ONE, "box");
	await(strstr(strstr(client.said, "disconnected"), "\nconnected\n"));
	until_it_hears(refuse);
	pretend_refuses(1, 5);
	await(strstr(client.said, "\"request_id\": \"" KEY ":5\""));
	program_write(&client, CITES(ONE, KEY ":5", "192.0.2.5", "allow"));
	await(pretend_n_verdicts == 1);
	pretend_results(0, "");
	await(strstr(client.said, "applied\n"));
}

/* --- a session's --------------------------------------------------------------------- */

static void begin(void)
{
	session_helper("exit 0");
	session_hub();
	reader = session_dial(session.readers);
	client_start(session.clients);
	until_it_hears(write_line);
}

static void at_a_sessions_hub_it_hears_every_type(void **state)
{
	(void)state;
	begin();
	session_line(reader, SAYS("container_started", "c1", ",\"dossier\":{\"project\":\"p\"}"));
	session_line(reader, PENDING("c1", "c1:1", WEB ",\"domain\":\"example.com\""));
	session_line(reader, SAYS("shield_up", "c1", ""));
	await(strstr(client.said, HEARS_OF("shield_up", "c1", "") "}}\n"));
	program_write(&client, CITES("c1", "c1:1", "example.com", "allow"));
	await(strstr(client.said, "applied\n"));
	session_line(reader, SAYS("shield_down", "c1", ""));
	session_line(reader, SAYS("shield_down_all", "c1", ""));
	session_line(reader, SAYS("container_exited", "c1", ",\"reason\":\"poststop\""));
	await(strstr(client.said, HEARS_OF("container_exited", "c1", "poststop") "}}\n"));
	assert_non_null(
	    strstr(client.said, HEARS_OF("container_started", "c1", "") "\"project\": \"p\"}}\n"));
	assert_non_null(
	    strstr(client.said, HEARS("connection_blocked", "c1", "c1:1", "198.51.100.1", "443",
				      "6", "example.com", "", "false", "") "}}\n"));
	await(strstr(client.said, HEARS("verdict_applied", "c1", "c1:1", "", "0", "0", "", "allow",
					"true", "") "}}\n"));
	assert_non_null(strstr(client.said, HEARS_OF("shield_down", "c1", "") "}}\n"));
	assert_non_null(strstr(client.said, HEARS_OF("shield_disengaged", "c1", "") "}}\n"));
	assert_null(strstr(client.said, "broken"));
}

static void it_hears_all_of_a_burst(void **state)
{
	static char lines[BURST * 96];
	size_t n = 0;
	unsigned before;

	(void)state;
	begin();
	before = heard_events();
	for (int i = 0; i < BURST; i++)
		n += snprintf(lines + n, sizeof(lines) - n, PENDING("c", "c:%d", WEB) "\n", i);
	assert_int_equal(write(reader, lines, n), n);
	await(heard_events() >= before + BURST);
	assert_null(strstr(client.said, "broken"));
}

/* Frames as their encoder makes them, and what the hub of theirs replies to each. */
static void frames_that_were_recorded_have_the_replies_that_they_had(void **state)
{
	static const char *const talk[][2] = {
		{ VERDICT("caf\\u00e9", "\\u202e", "\\ud83d\\ude00\\\"\\\\/\\u001b", "deny"),
		  UNKNOWN(" ") }, /* no direction marks are said back: the one thing that differs */
		{ VERDICT("c1", "c1:1", "example.com", "accept"),
		  ERROR("InvalidAction", "\"action\":\"accept\"") },
		{ VERDICT("c1", "r", "example.com", "allow"), UNKNOWN("r") },
		{ VERDICT("c1", "c1:1", "198.51.100.1", "allow"),
		  ERROR("VerdictTupleMismatch",
			"\"expected_container\":\"c1\",\"expected_dest\":\"example.com\","
			"\"got_container\":\"c1\",\"got_dest\":\"198.51.100.1\"") },
		{ VERDICT("c1", "c1:1", "example.com", "allow"), OK },
		{ "{\"method\":\"" CLEARANCE ".Subscribe\"}",
		  "{\"error\":\"org.varlink.service.ExpectedMore\"}" },
		{ "{\"method\":\"" CLEARANCE ".Nope\"}",
		  "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
		  "\"Nope\"}}" },
		{ "{\"method\":\"" CLEARANCE ".Verdict\",\"parameters\":{\"container\":\"c1\"}}",
		  "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":"
		  "{\"parameter\":\"request_id\"}}" },
		{ "{}", "{\"error\":\"invalid.asyncvarlink.ProtocolViolation\"}" },
	};
	int calls, stream;

	(void)state;
	session_helper("exit 0");
	session_hub();
	reader = session_dial(session.readers);
	stream = session_subscribe();
	calls = session_dial(session.clients);
	session_line(reader, PENDING("c1", "c1:1", WEB ",\"domain\":\"example.com\""));
	session_hear(stream,
		     BLOCKED("c1", "c1:1", FLOW("198.51.100.1", "443", "6", "example.com")));
	for (unsigned i = 0; i < sizeof(talk) / sizeof(talk[0]); i++)
		session_ask(calls, talk[i][0], talk[i][1]);
	session_hear(stream, APPLIED("c1", "c1:1", "allow", "true"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define AT_SYSTEM(name)  cmocka_unit_test_setup_teardown(name, system_setup, system_teardown)
#define AT_SESSION(name) cmocka_unit_test_setup_teardown(name, session_setup, teardown)
		AT_SYSTEM(at_the_agents_hub_it_hears_and_answers),
		AT_SYSTEM(what_happens_to_agents_is_nothing_that_it_breaks_at),
		AT_SYSTEM(it_comes_back_when_the_hub_does),
		AT_SESSION(at_a_sessions_hub_it_hears_every_type),
		AT_SESSION(it_hears_all_of_a_burst),
		AT_SESSION(frames_that_were_recorded_have_the_replies_that_they_had),
	};

	return cmocka_run_group_tests_name("python_client", tests, NULL, NULL);
}
