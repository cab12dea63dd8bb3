// SPDX-License-Identifier: Apache-2.0
/*
 * test_session_client.c - libclearance and the hub of a user's session: what a program sees of it
 */
#include "hub/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "terok/clearance.h"

#define WEB "\"dest\":\"198.51.100.1\",\"port\":443,\"proto\":6,\"domain\":\"example.com\""

static struct terok_client *client;
static struct {
	bool subscribed, answered, closed, listed;
	char told[4096];   /* each event as a line */
	char dossier[256]; /* of the last, as it came */
	char error[64], problem[256];
	unsigned verdicts;
	int close_error;
} seen;

static void on_subscribed(void *user)
{
	(void)user;
	seen.subscribed = true;
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	size_t n = strlen(seen.told);

	(void)user;
	assert_int_equal(lost, 0);
	seen.verdicts += !strcmp(event->type, "verdict");
	snprintf(seen.dossier, sizeof(seen.dossier), "%s",
		 strstr(event->json, "\"dossier\":") ?: "");
	snprintf(seen.told + n, sizeof(seen.told) - n, "%s %s%s%s%s%s%s%s%s\n", event->type,
		 event->container, *event->request_id ? " " : "", event->request_id,
		 *event->state ? " " : "", event->state, *event->reason ? " " : "", event->reason,
		 strcmp(event->type, "verdict") ? ""
		 : event->ok                    ? " ok"
						: " failed");
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	(void)user;
	assert_int_equal(cookie, 7);
	seen.answered = true;
	snprintf(seen.error, sizeof(seen.error), "%s", error ?: "");
	snprintf(seen.problem, sizeof(seen.problem), "%s", problem ?: "");
}

static void on_guard(const struct terok_guard_status *guard, void *user)
{
	(void)user;
	assert_null(guard);
	seen.listed = true;
}

static void on_entry(const struct terok_entry *entry, bool more, const char *problem, void *user)
{
	(void)user;
	assert_null(entry);
	assert_false(more);
	assert_non_null(problem);
	seen.listed = true;
}

static void on_closed(int error, void *user)
{
	(void)user;
	seen.closed = true;
	seen.close_error = error;
}

static const struct terok_client_events events = { .subscribed = on_subscribed,
						   .event = on_event,
						   .answered = on_answered,
						   .guard = on_guard,
						   .entry = on_entry,
						   .closed = on_closed };

static void once(void)
{
	struct pollfd ready = { .fd = terok_client_fd(client), .events = POLLIN };

	assert_int_equal(poll(&ready, 1, SESSION_WAIT_S * 1000), 1);
	terok_client_process(client);
}

static void await(const bool *what)
{
	while (!*what)
		once();
}

/* Until that line was told, the last of all so far. */
static void await_told(const char *line)
{
	size_t n = strlen(line);

	while (strlen(seen.told) < n || strcmp(seen.told + strlen(seen.told) - n, line))
		once();
}

static void begin_client(bool replay)
{
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(terok_client_open(session.clients, &events, NULL, &client), 0);
	assert_int_equal(terok_client_monitor(client, 0, replay), 0);
	await(&seen.subscribed);
}

static int setup(void **state)
{
	client = NULL;
	return session_setup(state);
}

static int teardown(void **state)
{
	terok_client_close(client);
	return session_teardown(state);
}

static void answer(const char *id, const char *action)
{
	seen.answered = false;
	assert_int_equal(terok_client_answer(client, id, action, "forever", 0, 7), 0);
	await(&seen.answered);
}

static void what_a_reader_says_of_a_container_comes_along(void **state)
{
	(void)state;
	session_hub();
	begin_client(false);
	session_line(
	    session_dial(session.readers),
	    "{\"type\":\"pending\",\"container\":\"c1\",\"id\":\"c1:1\",\"dest\":\"192.0.2.1\","
	    "\"port\":443,\"proto\":6,\"dossier\":{\"project\":\"p\",\"task\":\"t 7\"}}");
	await_told("request c1 c1:1\n");
	assert_string_equal(seen.dossier, "\"dossier\":{\"project\":\"p\",\"task\":\"t 7\"}}");
}

static void every_kind_of_event_keeps_its_kind(void **state)
{
	int reader;

	(void)state;
	session_hub();
	begin_client(false);
	reader = session_dial(session.readers);
	session_line(reader, SAYS("container_started", "c1", ""));
	session_line(reader, PENDING("c1", "c1:1", WEB));
	session_line(reader, SAYS("shield_up", "c1", ""));
	session_line(reader, SAYS("shield_down", "c1", ""));
	session_line(reader, SAYS("shield_disengaged", "c1", ""));
	session_line(reader, SAYS("container_exited", "c1", ",\"reason\":\"poststop\""));
	await_told("guard_detached c1 poststop\n");
	assert_string_equal(seen.told, "guard_attached c1\n"
				       "request c1 c1:1\n"
				       "guard_state c1 up\n"
				       "guard_state c1 down\n"
				       "guard_state c1 down_all\n"
				       "guard_detached c1 poststop\n");
}

static void an_answer_in_force_is_told_once(void **state)
{
	int reader;

	(void)state;
	session_helper("test \"$*\" = 'allow c1 example.com'");
	session_hub();
	begin_client(false);
	reader = session_dial(session.readers);
	session_line(reader, PENDING("c1", "c1:1", WEB));
	await_told("request c1 c1:1\n");
	answer("c1:1", "allow");
	assert_string_equal(seen.error, "");
	session_line(reader, SAYS("shield_up", "c1", ""));
	await_told("guard_state c1 up\n");
	assert_string_equal(seen.told, "request c1 c1:1\nverdict c1 c1:1 ok\nguard_state c1 up\n");
}

static void what_is_refused_is_told_to_its_author_and_a_failure_to_all(void **state)
{
	int reader;

	(void)state;
	session_helper("echo 'no such container' >&2; exit 1");
	session_hub();
	begin_client(false);
	reader = session_dial(session.readers);
	session_line(reader, PENDING("c1", "c1:1", WEB));
	await_told("request c1 c1:1\n");
	answer("c1:2", "allow");
	assert_string_equal(seen.error, "org.terok.Firewall1.UnknownRequest");
	answer("c1:1", "accept");
	assert_string_equal(seen.error, "org.terok.Firewall1.InvalidAction");
	assert_int_equal(seen.verdicts, 0);
	answer("c1:1", "deny");
	assert_string_equal(seen.error, "org.terok.Firewall1.NotApplied");
	assert_non_null(strstr(seen.problem, "no such container"));
	await_told("verdict c1 c1:1 failed\n");
	assert_int_equal(seen.verdicts, 1);
}

static void a_hub_that_is_back_is_heard_again(void **state)
{
	(void)state;
	session_hub();
	begin_client(false);
	assert_int_equal(session_end(&session.hub, SIGTERM), 0);
	await(&seen.closed);
	assert_int_equal(seen.close_error, 0);
	terok_client_close(client);
	client = NULL;
	assert_int_equal(terok_client_open(session.clients, &events, NULL, &client), -ENOENT);
	assert_string_equal(session_told(), "STOPPING=1");
	session_hub();
	begin_client(false);
	session_line(session_dial(session.readers), SAYS("shield_up", "c1", ""));
	await_told("guard_state c1 up\n");
}

static void a_client_that_comes_back_hears_what_is_open(void **state)
{
	int reader;

	(void)state;
	session_helper("exit 0");
	session_hub();
	begin_client(false);
	reader = session_dial(session.readers);
	session_line(reader, PENDING("c1", "c1:1", WEB));
	session_line(reader, PENDING("c2", "c2:1", WEB));
	session_line(reader, PENDING("c1", "c1:2", WEB));
	await_told("request c1 c1:2\n");
	answer("c2:1", "allow");
	terok_client_close(client);
	begin_client(true);
	await_told("request c1 c1:2\n");
	assert_string_equal(seen.told, "request c1 c1:1\nrequest c1 c1:2\n");
}

/* No guards, no journal: that is an answer, too, and the hub goes on. */
static void what_a_session_has_not_got_is_an_answer(void **state)
{
	(void)state;
	session_hub();
	begin_client(false);
	assert_int_equal(terok_client_list_guards(client), 0);
	await(&seen.listed);
	seen.listed = false;
	assert_int_equal(terok_client_history(client, 0, 0, 10), 0);
	await(&seen.listed);
	session_line(session_dial(session.readers), SAYS("shield_up", "c1", ""));
	await_told("guard_state c1 up\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(every_kind_of_event_keeps_its_kind),
		T(what_a_reader_says_of_a_container_comes_along),
		T(an_answer_in_force_is_told_once),
		T(what_is_refused_is_told_to_its_author_and_a_failure_to_all),
		T(a_hub_that_is_back_is_heard_again),
		T(a_client_that_comes_back_hears_what_is_open),
		T(what_a_session_has_not_got_is_an_answer),
	};

	return cmocka_run_group_tests_name("session_client", tests, NULL, NULL);
}
