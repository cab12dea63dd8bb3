// SPDX-License-Identifier: Apache-2.0
/*
 * test_agent.c - proxy/agent*.c with the signer behind it: who is let in, what is said byte by byte,
 * how many there may be
 */
#include "agent_end.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/agent.h"
#include "proxy/signer/bind.h"
#include "proxy/signer/words.h"

/* --- who is let in ------------------------------------------------------------------------ */

static void a_handshake_that_breaks_a_rule_hears_nothing(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool ends;
	} cases[] = {
		{ "\0\0\0\0", 4, false },
		{ "\0\0\4\1", 4, false },
		{ "\377\377\377\377", 4, false },
		{ "\0\0\0\50terok-p-", 12, true },
		{ "\0\0", 2, true },
		{ "", 0, true },
		{ "\0\0\0\4none", 8, false },
		{ "\0\0\0\4a\0bc", 8, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = client_come(agent_end.everybody);

		if (cases[i].n)
			client_say(fd, cases[i].bytes, cases[i].n);
		if (cases[i].ends)
			shutdown(fd, SHUT_WR);
		client_is_closed(fd);
	}
	client_is_closed(client_enter(agent_end.everybody, agent_end.http_token));
}

static void a_slow_handshake_is_closed_after_five_seconds(void **state)
{
	uint64_t from = now_boot_ns();
	int silent = client_come(agent_end.everybody), half = client_come(agent_end.everybody);

	(void)state;
	client_say(half, "\0\0\0\50terok-p-", 12);
	client_is_closed(silent);
	client_is_closed(half);
	assert_in_range(now_boot_ns() - from, 4 * SECOND_NS, 7 * SECOND_NS);
}

static void a_token_opens_its_projects_keys(void **state)
{
	int fd = client_enter(agent_end.everybody, agent_end.token);

	(void)state;
	assert_int_equal(client_lists(fd), 2);
	client_signs(fd, agent_end.ed, 0, "ssh-ed25519");
	client_signs(fd, agent_end.rsa, 0, "rsa-sha2-256");
	client_signs(fd, agent_end.rsa, KEY_RSA_SHA2_256, "rsa-sha2-256");
	client_signs(fd, agent_end.rsa, KEY_RSA_SHA2_512, "rsa-sha2-512");
	client_signs(fd, agent_end.rsa, KEY_RSA_SHA2_256 | KEY_RSA_SHA2_512, "rsa-sha2-512");
	close(fd);
}

static void a_containers_own_listener_is_for_its_tokens(void **state)
{
	int fd = client_enter(agent_end.door, agent_end.bound_token);

	(void)state;
	assert_int_equal(client_lists(fd), 2);
	close(fd);
	client_is_closed(
	    client_enter(agent_end.everybody,
			 agent_end.bound_token)); /* stolen from it, it is useless elsewhere */
	client_is_closed(
	    client_enter(agent_end.door, agent_end.other_token)); /* another project's, here */
	fd = client_enter(agent_end.door, agent_end.token);
	assert_int_equal(client_lists(fd), 2);
	close(fd);
}

static void a_token_that_is_revoked_signs_no_more(void **state)
{
	struct token_which which = { .project = "gone", .task = "t" };
	char text[TOKEN_SIZE];
	struct wire_out out = {};
	struct store *store;
	struct problem why;
	struct key *key;
	int fd;

	(void)state;
	agent_key_put("gone", "gone", KEY_ED25519, &key, false);
	assert_int_equal(store_open(agent_end.database, STORE_WRITE, &store, &why), 0);
	agent_token_put(store, "gone", "ssh", "", text);
	fd = client_enter(agent_end.everybody, text);
	client_signs(fd, key, 0, "ssh-ed25519");
	assert_int_equal(token_withdraw(store, &which, &why), 1);
	store_free(store);
	client_sign_put(&out, key, "data", 0);
	client_say_frame(fd, wire_out_span(&out));
	client_fails(fd);
	wire_out_done(&out);
	close(fd);
	client_is_closed(client_enter(agent_end.everybody, text));
	key_unref(key);
}

/* --- what is said ------------------------------------------------------------------------- */

static void what_is_not_known_fails_and_the_session_goes_on(void **state)
{
	int fd = client_enter(agent_end.everybody, agent_end.token);
	struct wire_out out = {};

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		uint8_t byte = (uint8_t)type;

		if (type == AGENT_LIST)
			continue;
		client_say_frame(fd, span_of(&byte, 1));
		client_fails(fd);
	}
	client_sign_put(&out, agent_end.ed, "data", 0);
	for (size_t n = 1; n < out.n; n++) { /* cut anywhere */
		client_say_frame(fd, span_of(out.bytes, n));
		client_fails(fd);
	}
	wire_put_u8(&out, 0);
	client_say_frame(fd, wire_out_span(&out));
	client_fails(fd);
	wire_out_done(&out);
	client_signs(fd, agent_end.ed, 0, "ssh-ed25519");
	close(fd);
}

static void a_key_of_another_project_is_none(void **state)
{
	int fd = client_enter(agent_end.everybody, agent_end.token);
	struct wire_out out = {};

	(void)state;
	client_sign_put(&out, agent_end.other, "data", 0);
	client_say_frame(fd, wire_out_span(&out));
	client_fails(fd);
	wire_out_done(&out);
	assert_int_equal(client_lists(fd), 2);
	close(fd);
}

static void frames_have_a_size(void **state)
{
	uint8_t *large = calloc(1, AGENT_FRAME_MAX);
	int fd = client_enter(agent_end.everybody, agent_end.token);

	(void)state;
	assert_non_null(large);
	client_say_frame(fd, span_of(large, AGENT_FRAME_MAX));
	client_fails(fd);
	client_say(fd, "\0\0\0\0", 4);
	client_is_closed(fd);
	fd = client_enter(agent_end.everybody, agent_end.token);
	client_say(fd, "\0\4\0\1", 4);
	client_is_closed(fd);
	free(large);
}

static void bytes_may_come_one_by_one_or_all_at_once(void **state)
{
	struct wire_out all = {}, message = {};
	uint8_t reply[4096];
	int fd;

	(void)state;
	client_sign_put(&message, agent_end.ed, "data", 0);
	wire_put_text(&all, agent_end.token);
	for (int i = 0; i < 50; i++)
		wire_put_string(&all, wire_out_span(&message));
	fd = client_come(agent_end.everybody);
	for (size_t i = 0; i < 4 + strlen(agent_end.token) + 4 + message.n; i++)
		client_say(fd, all.bytes + i, 1);
	assert_true(client_hears(fd, reply, sizeof(reply)) > 64);
	close(fd);
	fd = client_come(agent_end.everybody);
	client_say(fd, all.bytes, all.n);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 50; i++) {
		assert_true(client_hears(fd, reply, sizeof(reply)) > 64);
		assert_int_equal(*reply, AGENT_SIGNED);
	}
	client_is_closed(fd);
	wire_out_done(&all);
	wire_out_done(&message);
}

static void a_host_that_proves_itself_is_taken_down(void **state)
{
	int fd = client_enter(agent_end.everybody, agent_end.token);
	struct wire_out out = {}, signature = {};
	uint8_t reply[16];

	(void)state;
	for (int good = 0; good < 2; good++) {
		assert_int_equal(
		    key_sign(good ? agent_end.other : agent_end.ed, span_text("id"), 0, &signature),
		    0);
		wire_put_u8(&out, AGENT_EXTENSION);
		wire_put_text(&out, BIND_EXTENSION);
		wire_put_string(&out, wire_out_span(&agent_end.other->blob));
		wire_put_text(&out, "id");
		wire_put_string(&out, wire_out_span(&signature));
		wire_put_u8(&out, 0);
		client_say_frame(fd, wire_out_span(&out));
		assert_int_equal(client_hears(fd, reply, sizeof(reply)), 1);
		assert_int_equal(*reply, good ? AGENT_SUCCESS : AGENT_FAILURE);
		wire_out_done(&out);
		wire_out_done(&signature);
	}
	close(fd);
}

static void where_nobody_can_be_asked_nobody_signs(void **state)
{
	int fd = client_enter(agent_end.everybody, agent_end.other_token);
	struct wire_out out = {};

	(void)state;
	assert_int_equal(client_lists(fd), 1);
	client_sign_put(&out, agent_end.asked, "data", 0);
	client_say_frame(fd, wire_out_span(&out));
	client_fails(fd);
	wire_out_done(&out);
	assert_int_equal(client_lists(fd), 1);
	close(fd);
}

/* --- how many ----------------------------------------------------------------------------- */

static void a_task_has_so_many_sessions(void **state)
{
	int fd[AGENT_PER_OWNER], one;

	(void)state;
	for (int i = 0; i < AGENT_PER_OWNER; i++) {
		fd[i] = client_enter(agent_end.everybody, agent_end.token);
		assert_int_equal(client_lists(fd[i]), 2);
	}
	client_is_closed(client_enter(agent_end.everybody, agent_end.token));
	one = client_enter(agent_end.everybody, agent_end.other_token); /* another task's */
	assert_int_equal(client_lists(one), 1);
	close(one);
	one = client_enter(agent_end.door, agent_end.bound_token); /* another container's */
	assert_int_equal(client_lists(one), 2);
	close(one);
	close(fd[0]);
	assert_int_equal(client_lists(fd[1]), 2); /* so that the end of the first was heard */
	one = client_enter(agent_end.everybody, agent_end.token);
	assert_int_equal(client_lists(one), 2);
	close(one);
	for (int i = 1; i < AGENT_PER_OWNER; i++)
		close(fd[i]);
}

static void strangers_keep_nobody_of_another_listener_out(void **state)
{
	int fd[AGENT_HANDSHAKES], one;
	struct timeval soon = { .tv_usec = 200000 };
	char byte;

	(void)state;
	for (int i = 0; i < AGENT_HANDSHAKES; i++)
		fd[i] = client_come(agent_end.everybody);
	one = client_come(agent_end.everybody); /* in the backlog, and nothing is read of it */
	setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	client_say_frame(one, span_text("none"));
	assert_int_equal(recv(one, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	close(one);
	one = client_enter(agent_end.door, agent_end.bound_token);
	assert_int_equal(client_lists(one), 2);
	close(one);
	for (int i = 0; i < AGENT_HANDSHAKES; i++)
		close(fd[i]);
	one = client_enter(agent_end.everybody, agent_end.token);
	assert_int_equal(client_lists(one), 2);
	close(one);
}

static void who_takes_no_reply_keeps_nobody_waiting(void **state)
{
	int deaf = client_enter(agent_end.everybody, agent_end.token), one, n = 0;
	struct wire_out out = {};
	uint8_t type = AGENT_LIST;

	(void)state;
	wire_put_string(&out, span_of(&type, 1));
	fcntl(deaf, F_SETFL, O_NONBLOCK);
	while (send(deaf, out.bytes, out.n, MSG_NOSIGNAL) == (ssize_t)out.n && n < 1000000)
		n++; /* until nothing more is taken of it */
	assert_true(n < 1000000);
	one = client_enter(agent_end.everybody, agent_end.token);
	for (int i = 0; i < 100; i++)
		client_signs(one, agent_end.ed, 0, "ssh-ed25519");
	close(one);
	close(deaf);
	wire_out_done(&out);
}

/* --- processes that are ended -------------------------------------------------------------- */

/* Those that begin so, with this test's store: how many, at most @max in @ret. */
static unsigned pids(const char *verb, pid_t *ret, unsigned max)
{
	char want[256], have[4096];
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;

	assert_non_null(proc);
	snprintf(want, sizeof(want), "terok-signer %s --store %s", verb, agent_end.database);
	while ((entry = readdir(proc))) {
		char file[300];
		ssize_t size;
		int fd;

		snprintf(file, sizeof(file), "/proc/%s/cmdline", entry->d_name);
		fd = *entry->d_name >= '1' && *entry->d_name <= '9'
			 ? open(file, O_RDONLY | O_CLOEXEC)
			 : -1;
		if (fd < 0)
			continue;
		size = read(fd, have, sizeof(have) - 1);
		close(fd);
		for (ssize_t i = 0; i < size; i++)
			have[i] = have[i] ?: ' ';
		have[size > 0 ? size : 0] = '\0';
		if (!strncmp(have, want, strlen(want)) && n < max)
			ret[n++] = (pid_t)atoi(entry->d_name);
	}
	closedir(proc);
	return n;
}

/* Until there are so many, none of which is @not: nothing tells of it. */
static void until_there(const char *verb, unsigned n, pid_t not, pid_t *ret)
{
	for (int i = 0; i < 1000; i++) {
		if (pids(verb, ret, 8) == n && ret[0] != not &&(n < 2 || ret[1] != not ))
			return;
		usleep(10000);
	}
	fail_msg("there are not %u that %s", n, verb);
}

static void a_signer_that_is_ended_tells_who_waits(void **state)
{
	int fd = client_enter(agent_end.everybody, agent_end.token);
	struct wire_out out = {};
	pid_t pid[8];

	(void)state;
	assert_int_equal(client_lists(fd), 2);
	until_there("run", 1, 0, pid);
	kill(pid[0], SIGSTOP);
	client_sign_put(&out, agent_end.ed, "data", 0);
	client_say_frame(fd, wire_out_span(&out));
	wire_out_done(&out);
	usleep(50000); /* so that the agent has it: nothing tells */
	kill(pid[0], SIGKILL);
	client_fails(fd);
	client_is_closed(fd);
	until_there("run", 1, pid[0], pid);
	fd = client_enter(agent_end.everybody, agent_end.token);
	client_signs(fd, agent_end.ed, 0, "ssh-ed25519");
	close(fd);
}

/* One after the other, so that also those that others have begun are ended. */
static void a_keeper_that_is_ended_is_begun_again(void **state)
{
	pid_t pid[8], killed;

	(void)state;
	until_there("keep", 2, 0, pid);
	for (int i = 0; i < 3; i++) {
		int fd;

		killed = pid[i % 2];
		kill(killed, SIGKILL);
		until_there("keep", 2, killed, pid);
		until_there("run", 1, 0, (pid_t[8]){});
		fd = client_enter(agent_end.everybody, agent_end.token);
		assert_int_equal(client_lists(fd), 2);
		client_signs(fd, agent_end.ed, 0, "ssh-ed25519");
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_that_breaks_a_rule_hears_nothing),
		cmocka_unit_test(a_slow_handshake_is_closed_after_five_seconds),
		cmocka_unit_test(a_token_opens_its_projects_keys),
		cmocka_unit_test(a_containers_own_listener_is_for_its_tokens),
		cmocka_unit_test(a_token_that_is_revoked_signs_no_more),
		cmocka_unit_test(what_is_not_known_fails_and_the_session_goes_on),
		cmocka_unit_test(a_key_of_another_project_is_none),
		cmocka_unit_test(frames_have_a_size),
		cmocka_unit_test(bytes_may_come_one_by_one_or_all_at_once),
		cmocka_unit_test(a_host_that_proves_itself_is_taken_down),
		cmocka_unit_test(where_nobody_can_be_asked_nobody_signs),
		cmocka_unit_test(a_task_has_so_many_sessions),
		cmocka_unit_test(strangers_keep_nobody_of_another_listener_out),
		cmocka_unit_test(who_takes_no_reply_keeps_nobody_waiting),
		cmocka_unit_test(a_signer_that_is_ended_tells_who_waits),
		cmocka_unit_test(a_keeper_that_is_ended_is_begun_again),
	};

	return cmocka_run_group_tests(tests, agent_setup, agent_teardown);
}
