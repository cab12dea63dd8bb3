// SPDX-License-Identifier: Apache-2.0
/*
 * test_agent_ask.c - a key that is confirmed asks at a session's hub, and signs or not as a person says
 *
 * Hub and verdict helper are processes as in service.
 */
#include "agent_end.h"
#include "hub/person.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "proxy/agent.h"
#include "proxy/signer/words.h"

static int setup(void **state)
{
	return session_setup(state) ?: agent_setup_with(session.folder);
}

static int teardown(void **state)
{
	int r = agent_teardown(state);

	return session_teardown(state) ?: r;
}

static int wants(void)
{
	int fd = client_enter(agent_end.everybody, agent_end.other_token);
	struct wire_out out = {};

	client_sign_put(&out, agent_end.asked, "data", 0);
	client_say_frame(fd, wire_out_span(&out));
	wire_out_done(&out);
	return fd;
}

static void is_signed(int fd)
{
	uint8_t reply[256];

	assert_true(client_hears(fd, reply, sizeof(reply)) > 64);
	assert_int_equal(*reply, AGENT_SIGNED);
}

static void what_a_person_allows_is_signed_once(void **state)
{
	int fd;

	(void)state;
	person_comes();
	fd = wants();
	person_hears("connection_blocked");
	assert_int_equal(strncmp(person.container, "proxy:asks/t#", 13), 0);
	assert_string_equal(person.dest, "sign:4 bytes of no known kind");
	assert_non_null(strstr(person.dossier, "a signature with an SSH key, this once"));
	assert_non_null(strstr(person.dossier, agent_end.asked->fingerprint));
	person_answers("allow", OK);
	is_signed(fd);
	person_hears("verdict_applied");
	person_hears("container_exited");
	person_ran_no_shield();
	close(fd);
	fd = wants(); /* the next is asked for again */
	person_hears("connection_blocked");
	person_answers("deny", OK);
	client_fails(fd);
	close(fd);
}

static void while_one_waits_others_are_served(void **state)
{
	int fd, other;

	(void)state;
	person_comes();
	fd = wants();
	person_hears("connection_blocked");
	other = client_enter(agent_end.everybody, agent_end.token);
	client_signs(other, agent_end.ed, 0, "ssh-ed25519");
	close(other);
	person_answers("allow", OK);
	is_signed(fd);
	close(fd);
}

static void who_goes_while_it_waits_asks_no_more(void **state)
{
	int fd;

	(void)state;
	person_comes();
	fd = wants();
	person_hears("connection_blocked");
	close(fd);
	person_hears("container_exited");
	person_is_unknown();
}

static void a_person_has_few_questions_of_one_task(void **state)
{
	int fd[AGENT_QUESTIONS], more;

	(void)state;
	person_comes();
	for (int i = 0; i < AGENT_QUESTIONS; i++) {
		fd[i] = wants();
		person_hears("connection_blocked");
	}
	more = wants();
	client_fails(more); /* at once */
	close(more);
	for (int i = 0; i < AGENT_QUESTIONS; i++)
		close(fd[i]);
	for (int i = 0; i < AGENT_QUESTIONS; i++)
		person_hears("container_exited");
	more = wants();
	person_hears("connection_blocked");
	person_answers("allow", OK);
	is_signed(more);
	close(more);
}

static void who_comes_and_goes_asks_so_often_and_no_more(void **state)
{
	int fd;

	(void)state;
	person_comes();
	fd = wants(); /* what is allowed does not count */
	person_hears("connection_blocked");
	person_answers("allow", OK);
	is_signed(fd);
	person_hears("verdict_applied");
	person_hears("container_exited");
	close(fd);
	for (int i = 0; i < AGENT_ASKS; i++) {
		fd = wants();
		person_hears("connection_blocked");
		close(fd);
		person_hears("container_exited");
	}
	fd = wants();
	client_fails(fd); /* at once */
	close(fd);
}

static void a_hub_that_goes_says_no(void **state)
{
	int fd;

	(void)state;
	person_comes();
	fd = wants();
	person_hears("connection_blocked");
	session_end(&session.hub, SIGTERM);
	client_fails(fd);
	assert_int_equal(client_lists(fd), 1);
	close(fd);
}

static void without_a_hub_it_is_refused_at_once(void **state)
{
	int fd = wants();

	(void)state;
	client_fails(fd);
	close(fd);
}

#define ASKED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ASKED(what_a_person_allows_is_signed_once),
		ASKED(while_one_waits_others_are_served),
		ASKED(who_goes_while_it_waits_asks_no_more),
		ASKED(a_person_has_few_questions_of_one_task),
		ASKED(who_comes_and_goes_asks_so_often_and_no_more),
		ASKED(a_hub_that_goes_says_no),
		ASKED(without_a_hub_it_is_refused_at_once),
	};

	return cmocka_run_group_tests_name("agent_ask", tests, NULL, NULL);
}
