// SPDX-License-Identifier: Apache-2.0
/*
 * test_varlink_go.c - a stock varlink implementation as a client: github.com/varlink/go, as packaged
 *
 * varlink_client.go is all that is ours of it. The test is the hub's core (pretend.h).
 */
#include "pretend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLEARANCE "org.terok.Clearance1"
#define FIREWALL  "org.terok.Firewall1"
#define HELPER    "org.terok.ClearanceVerdict1"
#define SERVICE   "org.varlink.service"
#define KEY       "0123456789ab"
#define ONE       KEY "cdef"

#define CITES(container, id, dest, action)                                                         \
	"{\"container\":\"" container "\",\"request_id\":\"" id "\",\"dest\":\"" dest              \
	"\",\"action\":\"" action "\"}"
#define TOLD(type, id, dest, port, proto, action, ok, dossier)                                     \
	"{\"event\":{\"type\":\"" type "\",\"container\":\"" ONE "\",\"request_id\":\"" id         \
	"\",\"dest\":\"" dest "\",\"port\":" port ",\"proto\":" proto                              \
	",\"domain\":\"\",\"action\":\"" action "\",\"ok\":" ok                                    \
	",\"reason\":\"\",\"dossier\":{" dossier "}}}\n"

static char folder[64], go[96];
static struct program client, stream;

static int group_setup(void **state)
{
	char command[128];

	(void)state;
	strcpy(folder, "/tmp/test_varlink_go.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(go, sizeof(go), "%s/client", folder);
	snprintf(command, sizeof(command), "tests/hub/varlink_go %s", folder);
	fflush(NULL);
	return system(command);
}

static int group_teardown(void **state)
{
	(void)state;
	unlink(go);
	return rmdir(folder);
}

static int setup(void **state)
{
	(void)state;
	return pretend_start();
}

static int teardown(void **state)
{
	(void)state;
	return pretend_end();
}

/* What is called, and what it prints: all of it. */
#define GIVES(code, text, ...)                                                                     \
	do {                                                                                       \
		START(&client, go, pretend_socket, __VA_ARGS__);                                   \
		assert_int_equal(program_end(&client, 0), code);                                   \
		assert_string_equal(client.said, text);                                            \
	} while (0)

static void one_request(void)
{
	pretend_attach(1, ONE, "box");
	pretend_refuses(1, 5);
}

/* --- what is served ------------------------------------------------------------------ */

static void the_service_says_who_it_is(void **state)
{
	(void)state;
	GIVES(0,
	      "terok terok-clearance https://github.com/terok-ai/terok-clearance true\n" CLEARANCE
	      "\n" HELPER "\n" FIREWALL "\n" SERVICE "\n",
	      "info");
}

static void every_interface_passes_their_parser(void **state)
{
	(void)state;
	START(&client, go, pretend_socket, "describe");
	assert_int_equal(program_end(&client, 0), 0);
	assert_non_null(strstr(client.said, "interface " CLEARANCE " true\n"
					    "method Subscribe 0 1\n"
					    "method Verdict 4 1\n"
					    "type ClearanceEvent 11\n"
					    "error InvalidAction 1\n"
					    "error UnknownRequest 1\n"
					    "error VerdictTupleMismatch 4\n"
					    "error ShieldCliFailed 2\n"
					    "interface " HELPER " true\n"
					    "method Apply 3 2\n"
					    "interface " FIREWALL " true\n"));
	assert_non_null(strstr(client.said, "interface " SERVICE " true\n"
					    "method GetInfo 0 5\n"
					    "method GetInterfaceDescription 1 1\n"
					    "error InterfaceNotFound 1\n"
					    "error MethodNotFound 1\n"
					    "error MethodNotImplemented 1\n"
					    "error InvalidParameter 1\n"
					    "error PermissionDenied 0\n"
					    "error ExpectedMore 0\n"));
}

static unsigned times_in(const char *text, const char *part)
{
	unsigned n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

/* Each of those, called with a parameter that nobody has: refused for that, not for being absent. */
static void every_method_that_is_described_is_there(void **state)
{
	unsigned described;

	(void)state;
	START(&client, go, pretend_socket, "describe");
	assert_int_equal(program_end(&client, 0), 0);
	described = times_in(client.said, "\nmethod ");
	START(&client, go, pretend_socket, "touch");
	assert_int_equal(program_end(&client, 0), 0);
	assert_int_equal(times_in(client.said, "\norg."), described);
	assert_null(strstr(client.said, "NotFound"));
	assert_null(strstr(client.said, "NotImplemented"));
	assert_non_null(strstr(client.said, CLEARANCE ".Verdict " SERVICE ".InvalidParameter"));
	assert_non_null(strstr(client.said, FIREWALL ".Answer " SERVICE ".InvalidParameter"));
}

static void errors_of_the_service_are_those_that_they_know(void **state)
{
	(void)state;
	GIVES(3, SERVICE ".InterfaceNotFound {\"interface\":\"org.nowhere\"}\n", "call",
	      "org.nowhere.Nope");
	GIVES(3, SERVICE ".MethodNotFound {\"method\":\"Nope\"}\n", "call", CLEARANCE ".Nope");
	GIVES(3, SERVICE ".ExpectedMore null\n", "call", CLEARANCE ".Subscribe");
	GIVES(3, SERVICE ".InvalidParameter {\"parameter\":\"request_id\"}\n", "call",
	      CLEARANCE ".Verdict", "{\"container\":\"c\"}");
	GIVES(3, SERVICE ".InvalidParameter {\"parameter\":\"dest\"}\n", "call",
	      CLEARANCE ".Verdict",
	      "{\"container\":\"c\",\"request_id\":\"r\",\"dest\":1,\"action\":\"allow\"}");
	GIVES(3, SERVICE ".InvalidParameter {\"parameter\":\"extra\"}\n", "call",
	      SERVICE ".GetInfo", "{\"extra\":true}");
	GIVES(3, SERVICE ".InterfaceNotFound {\"interface\":\"org.nowhere\"}\n", "call",
	      SERVICE ".GetInterfaceDescription", "{\"interface\":\"org.nowhere\"}");
}

/* --- events and answers -------------------------------------------------------------- */

/* Subscribe has no reply of its own: asked until it is heard. */
static void subscribe(void)
{
	START(&stream, go, pretend_socket, "stream", CLEARANCE ".Subscribe");
	await(strstr(stream.told, "listening"));
	for (uint64_t ask = 100; !stream.n_said; ask++) {
		struct pollfd says = { .fd = stream.out, .events = POLLIN };

		pretend_refuses(1, ask);
		if (poll(&says, 1, 100))
			await(stream.n_said);
	}
}

static void a_request_and_what_came_of_it_are_heard(void **state)
{
	(void)state;
	pretend_attach(1, ONE, "box");
	subscribe();
	pretend_refuses(1, 5);
	await(strstr(stream.said, "\"request_id\":\"" KEY ":5\""));
	assert_non_null(strstr(stream.said, TOLD("connection_blocked", KEY ":5", "192.0.2.5", "443",
						 "6", "", "false",
						 "\"name\":\"box\",\"container_name\":\"box\","
						 "\"reason\":\"default\",\"hook\":\"connect4\"")));
	START(&client, go, pretend_socket, "call", CLEARANCE ".Verdict",
	      CITES(ONE, KEY ":5", "192.0.2.5", "allow"));
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 5);
	assert_int_equal(pretend_verdicts[0].action, TEROK_ALLOW);
	pretend_results(0, "");
	assert_int_equal(program_end(&client, 0), 0);
	assert_string_equal(client.said, "{\"ok\":true}\n");
	await(strstr(stream.said,
		     TOLD("verdict_applied", KEY ":5", "", "0", "0", "allow", "true", "")));
	pretend_gone(1);
	await(strstr(stream.said, "\"type\":\"container_exited\""));
	pretend_hub_kill(); /* the end of the stream is an error of theirs, not a hang */
	assert_int_equal(program_end(&stream, 0), 3);
}

static void errors_of_the_interface_have_names_and_parameters(void **state)
{
	(void)state;
	one_request();
	GIVES(3, CLEARANCE ".InvalidAction {\"action\":\"accept\"}\n", "call", CLEARANCE ".Verdict",
	      CITES("x", "y", "z", "accept"));
	GIVES(3, CLEARANCE ".UnknownRequest {\"request_id\":\"" KEY ":6\"}\n", "call",
	      CLEARANCE ".Verdict", CITES(ONE, KEY ":6", "192.0.2.5", "allow"));
	GIVES(3,
	      CLEARANCE ".VerdictTupleMismatch {\"expected_container\":\"" ONE
			"\",\"expected_dest\":\"192.0.2.5\",\"got_container\":\"" ONE
			"\",\"got_dest\":\"192.0.2.6\"}\n",
	      "call", CLEARANCE ".Verdict", CITES(ONE, KEY ":5", "192.0.2.6", "allow"));
	START(&client, go, pretend_socket, "call", CLEARANCE ".Verdict",
	      CITES(ONE, KEY ":5", "192.0.2.5", "deny"));
	await(pretend_n_verdicts == 1);
	pretend_results(-ENOSPC, "the rule table is full");
	assert_int_equal(program_end(&client, 0), 3);
	assert_string_equal(client.said, CLEARANCE ".ShieldCliFailed {\"action\":\"deny\","
						   "\"stderr\":\"the rule table is full\"}\n");
}

static void a_oneway_answer_is_given_and_has_no_reply(void **state)
{
	(void)state;
	one_request();
	GIVES(0, "", "oneway", CLEARANCE ".Verdict", CITES(ONE, KEY ":5", "192.0.2.5", "allow"));
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].ask, 5);
}

static void the_other_interface_is_theirs_as_well(void **state)
{
	(void)state;
	one_request();
	START(&stream, go, pretend_socket, "stream", FIREWALL ".Monitor", "{\"replay\":true}");
	await(strstr(stream.said, "\"type\":\"request\""));
	assert_int_equal(strncmp(stream.said, "{\"lost\":0}\n", 11), 0);
	START(&client, go, pretend_socket, "call", FIREWALL ".Answer",
	      "{\"request_id\":\"" KEY
	      ":5\",\"action\":\"allow\",\"scope\":\"time\",\"seconds\":60}");
	await(pretend_n_verdicts == 1);
	assert_int_equal(pretend_verdicts[0].scope, SCOPE_TIME);
	pretend_results(0, "");
	assert_int_equal(program_end(&client, 0), 0);
	assert_non_null(strstr(client.said, "{\"until_ns\":"));
	await(strstr(stream.said, "\"type\":\"verdict\""));
	START(&client, go, pretend_socket, "call", FIREWALL ".ListGuards", "{}");
	assert_int_equal(program_end(&client, 0), 0);
	assert_non_null(strstr(client.said, "{\"guards\":[{\"guard\":1,\"container\":\"" ONE "\""));
	program_end(&stream, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_service_says_who_it_is),
		T(every_interface_passes_their_parser),
		T(every_method_that_is_described_is_there),
		T(errors_of_the_service_are_those_that_they_know),
		T(a_request_and_what_came_of_it_are_heard),
		T(errors_of_the_interface_have_names_and_parameters),
		T(a_oneway_answer_is_given_and_has_no_reply),
		T(the_other_interface_is_theirs_as_well),
	};
	int missing, result;

	missing = group_setup(NULL);
	if (WIFEXITED(missing) && WEXITSTATUS(missing) == 77) {
		rmdir(folder);
		return 77;
	}
	if (missing)
		return 1;
	result = cmocka_run_group_tests_name("varlink_go", tests, NULL, NULL);
	return group_teardown(NULL) ? 1 : result;
}
