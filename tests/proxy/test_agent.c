// SPDX-License-Identifier: Apache-2.0
/*
 * test_agent.c - proxy/agent*.c with the signer behind it: who is let in, what is said byte by byte,
 * how many there may be
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/sock.h"
#include "proxy/agent.h"
#include "proxy/signer/bind.h"
#include "proxy/signer/key_file.h"
#include "proxy/signer/keys_json.h"
#include "proxy/signer/session.h"
#include "proxy/store/token.h"

#define WAIT_S 10

static char folder[40], everybody[80], door[80], signer_program[256], keys_file[80], database[80];
static char token[TOKEN_SIZE], other_token[TOKEN_SIZE], http_token[TOKEN_SIZE];
static char bound_token[TOKEN_SIZE];
static struct key *ed, *rsa, *other, *asked;
static pid_t server;

/* --- the agent ---------------------------------------------------------------------------- */

static void serve(void)
{
	static const struct door_owner owner = { .project = "p", .container = "c1", .name = "box" };
	const struct agent_options options = { .store = database,
					       .keys_file = keys_file,
					       .program = signer_program };
	struct problem why = {};
	struct agent *agent;
	struct loop *loop;
	int fd, own, r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	r = loop_new(&loop) ?: sock_listen(everybody, 0600, &fd, &why);
	r = r ?: sock_listen(door, 0600, &own, &why);
	r = r ?: agent_new(loop, &options, &agent, &why);
	r = r ?: agent_listen(agent, fd, NULL);
	r = r ?: agent_listen(agent, own, &owner);
	r = r ?: loop_run(loop);
	fprintf(stderr, "server: %s (%d)\n", why.text, r);
	_exit(1);
}

static void key_put(const char *project, const char *name, enum key_kind kind, struct key **ret,
		    bool confirm)
{
	struct keys_entry entry = { .limits.confirm = confirm };
	struct problem why;
	struct secret *text;
	char path[120];
	int fd;

	assert_int_equal(key_make(kind, ret, &why), 0);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	text = key_text(*ret);
	assert_non_null(text);
	assert_int_equal(write(fd, text->bytes, text->len), text->len);
	close(fd);
	secret_free(text);
	entry.private_key = path;
	assert_int_equal(keys_json_put(keys_file, project, &entry, &why), 0);
}

static void token_put(struct store *store, const char *project, const char *provider,
		      const char *container, char ret[static TOKEN_SIZE])
{
	struct token want = { .task = "t", .set = "default", .budget = TOKEN_UNLIMITED };
	struct problem why;

	strcpy(want.project, project);
	strcpy(want.provider, provider);
	strcpy(want.container, container);
	assert_int_equal(token_mint(store, &want, &why), 0);
	strcpy(ret, want.text);
}

static int setup(void **state)
{
	const char *build = getenv("B") ?: "build";
	struct store *store;
	struct problem why;

	(void)state;
	strcpy(folder, "/tmp/terok-agent-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(everybody, sizeof(everybody), "%s/all.sock", folder);
	snprintf(door, sizeof(door), "%s/door.sock", folder);
	snprintf(keys_file, sizeof(keys_file), "%s/ssh-keys.json", folder);
	snprintf(database, sizeof(database), "%s/credentials.db", folder);
	snprintf(signer_program, sizeof(signer_program), "%s/terok-signer", build);
	key_put("p", "ed", KEY_ED25519, &ed, false);
	key_put("p", "rsa", KEY_RSA, &rsa, false);
	key_put("q", "other", KEY_P256, &other, false);
	key_put("asks", "asked", KEY_ED25519, &asked, true);
	assert_int_equal(store_open(database, STORE_WRITE, &store, &why), 0);
	token_put(store, "p", "ssh", "", token);
	token_put(store, "asks", "ssh", "", other_token);
	token_put(store, "p", "github", "", http_token);
	token_put(store, "p", "ssh", "box", bound_token);
	store_free(store);
	server = fork();
	if (!server)
		serve();
	return server < 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	key_unref(ed);
	key_unref(rsa);
	key_unref(other);
	key_unref(asked);
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- a client ----------------------------------------------------------------------------- */

/* Once it listens. */
static int come(const char *path)
{
	struct timeval late = { .tv_sec = WAIT_S };
	int fd;

	for (int i = 0; (fd = sock_connect(path)) < 0; i++) {
		assert_true(i < 100 * WAIT_S);
		usleep(10000); /* until it has begun: nothing else tells */
	}
	fcntl(fd, F_SETFL, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &late, sizeof(late));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &late, sizeof(late));
	return fd;
}

static void say(int fd, const void *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

static void say_frame(int fd, struct span message)
{
	struct wire_out out = {};

	wire_put_string(&out, message);
	say(fd, out.bytes, out.n);
	wire_out_done(&out);
}

static int enter(const char *path, const char *text)
{
	int fd = come(path);

	say_frame(fd, span_text(text));
	return fd;
}

/* Nothing is said, and it closes. */
static void is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	assert_true(!n || (n < 0 && errno == ECONNRESET));
	close(fd);
}

static size_t hear(int fd, uint8_t *bytes, size_t room)
{
	uint8_t head[4] = {};
	struct wire wire = wire_of(head, 4);
	size_t n;

	assert_int_equal(recv(fd, head, 4, MSG_WAITALL), 4);
	n = wire_u32(&wire);
	assert_true(n && n <= room);
	assert_int_equal(recv(fd, bytes, n, MSG_WAITALL), n);
	return n;
}

static void fails(int fd)
{
	uint8_t reply[4096];

	assert_int_equal(hear(fd, reply, sizeof(reply)), 1);
	assert_int_equal(*reply, AGENT_FAILURE);
}

static uint32_t list(int fd)
{
	uint8_t reply[8192];
	struct wire wire;
	uint8_t type = AGENT_LIST;

	say_frame(fd, span_of(&type, 1));
	wire = wire_of(reply, hear(fd, reply, sizeof(reply)));
	assert_int_equal(wire_u8(&wire), AGENT_LISTED);
	return wire_u32(&wire);
}

static void sign_put(struct wire_out *out, const struct key *key, const char *data, uint32_t flags)
{
	wire_put_u8(out, AGENT_SIGN);
	wire_put_string(out, wire_out_span(&key->blob));
	wire_put_text(out, data);
	wire_put_u32(out, flags);
}

static void signs(int fd, const struct key *key, uint32_t flags, const char *algorithm)
{
	struct wire_out out = {};
	uint8_t reply[4096];
	struct wire wire, inner;
	struct span signature;

	sign_put(&out, key, "data", flags);
	say_frame(fd, wire_out_span(&out));
	wire_out_done(&out);
	wire = wire_of(reply, hear(fd, reply, sizeof(reply)));
	assert_int_equal(wire_u8(&wire), AGENT_SIGNED);
	signature = wire_string(&wire);
	assert_true(wire_ended(&wire));
	inner = wire_begin(signature);
	assert_true(span_is(wire_string(&inner), algorithm));
	assert_int_equal(key_verify(wire_out_span(&key->blob), signature, span_text("data")), 0);
}

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
		int fd = come(everybody);

		if (cases[i].n)
			say(fd, cases[i].bytes, cases[i].n);
		if (cases[i].ends)
			shutdown(fd, SHUT_WR);
		is_closed(fd);
	}
	is_closed(enter(everybody, http_token));
}

static void a_slow_handshake_is_closed_after_five_seconds(void **state)
{
	uint64_t from = now_boot_ns();
	int silent = come(everybody), half = come(everybody);

	(void)state;
	say(half, "\0\0\0\50terok-p-", 12);
	is_closed(silent);
	is_closed(half);
	assert_in_range(now_boot_ns() - from, 4 * SECOND_NS, 7 * SECOND_NS);
}

static void a_token_opens_its_projects_keys(void **state)
{
	int fd = enter(everybody, token);

	(void)state;
	assert_int_equal(list(fd), 2);
	signs(fd, ed, 0, "ssh-ed25519");
	signs(fd, rsa, 0, "rsa-sha2-256");
	signs(fd, rsa, KEY_RSA_SHA2_256, "rsa-sha2-256");
	signs(fd, rsa, KEY_RSA_SHA2_512, "rsa-sha2-512");
	signs(fd, rsa, KEY_RSA_SHA2_256 | KEY_RSA_SHA2_512, "rsa-sha2-512");
	close(fd);
}

static void a_containers_own_listener_is_for_its_tokens(void **state)
{
	int fd = enter(door, bound_token);

	(void)state;
	assert_int_equal(list(fd), 2);
	close(fd);
	is_closed(enter(everybody, bound_token)); /* stolen from it, it is useless elsewhere */
	is_closed(enter(door, other_token));      /* another project's, here */
	fd = enter(door, token);
	assert_int_equal(list(fd), 2);
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
	key_put("gone", "gone", KEY_ED25519, &key, false);
	assert_int_equal(store_open(database, STORE_WRITE, &store, &why), 0);
	token_put(store, "gone", "ssh", "", text);
	fd = enter(everybody, text);
	signs(fd, key, 0, "ssh-ed25519");
	assert_int_equal(token_withdraw(store, &which, &why), 1);
	store_free(store);
	sign_put(&out, key, "data", 0);
	say_frame(fd, wire_out_span(&out));
	fails(fd);
	wire_out_done(&out);
	close(fd);
	is_closed(enter(everybody, text));
	key_unref(key);
}

/* --- what is said ------------------------------------------------------------------------- */

static void what_is_not_known_fails_and_the_session_goes_on(void **state)
{
	int fd = enter(everybody, token);
	struct wire_out out = {};

	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		uint8_t byte = (uint8_t)type;

		if (type == AGENT_LIST)
			continue;
		say_frame(fd, span_of(&byte, 1));
		fails(fd);
	}
	sign_put(&out, ed, "data", 0);
	for (size_t n = 1; n < out.n; n++) { /* cut anywhere */
		say_frame(fd, span_of(out.bytes, n));
		fails(fd);
	}
	wire_put_u8(&out, 0);
	say_frame(fd, wire_out_span(&out));
	fails(fd);
	wire_out_done(&out);
	signs(fd, ed, 0, "ssh-ed25519");
	close(fd);
}

static void a_key_of_another_project_is_none(void **state)
{
	int fd = enter(everybody, token);
	struct wire_out out = {};

	(void)state;
	sign_put(&out, other, "data", 0);
	say_frame(fd, wire_out_span(&out));
	fails(fd);
	wire_out_done(&out);
	assert_int_equal(list(fd), 2);
	close(fd);
}

static void frames_have_a_size(void **state)
{
	uint8_t *large = calloc(1, AGENT_FRAME_MAX);
	int fd = enter(everybody, token);

	(void)state;
	assert_non_null(large);
	say_frame(fd, span_of(large, AGENT_FRAME_MAX));
	fails(fd);
	say(fd, "\0\0\0\0", 4);
	is_closed(fd);
	fd = enter(everybody, token);
	say(fd, "\0\4\0\1", 4);
	is_closed(fd);
	free(large);
}

static void bytes_may_come_one_by_one_or_all_at_once(void **state)
{
	struct wire_out all = {}, message = {};
	uint8_t reply[4096];
	int fd;

	(void)state;
	sign_put(&message, ed, "data", 0);
	wire_put_text(&all, token);
	for (int i = 0; i < 50; i++)
		wire_put_string(&all, wire_out_span(&message));
	fd = come(everybody);
	for (size_t i = 0; i < 4 + strlen(token) + 4 + message.n; i++)
		say(fd, all.bytes + i, 1);
	assert_true(hear(fd, reply, sizeof(reply)) > 64);
	close(fd);
	fd = come(everybody);
	say(fd, all.bytes, all.n);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < 50; i++) {
		assert_true(hear(fd, reply, sizeof(reply)) > 64);
		assert_int_equal(*reply, AGENT_SIGNED);
	}
	is_closed(fd);
	wire_out_done(&all);
	wire_out_done(&message);
}

static void a_host_that_proves_itself_is_taken_down(void **state)
{
	int fd = enter(everybody, token);
	struct wire_out out = {}, signature = {};
	uint8_t reply[16];

	(void)state;
	for (int good = 0; good < 2; good++) {
		assert_int_equal(key_sign(good ? other : ed, span_text("id"), 0, &signature), 0);
		wire_put_u8(&out, AGENT_EXTENSION);
		wire_put_text(&out, BIND_EXTENSION);
		wire_put_string(&out, wire_out_span(&other->blob));
		wire_put_text(&out, "id");
		wire_put_string(&out, wire_out_span(&signature));
		wire_put_u8(&out, 0);
		say_frame(fd, wire_out_span(&out));
		assert_int_equal(hear(fd, reply, sizeof(reply)), 1);
		assert_int_equal(*reply, good ? AGENT_SUCCESS : AGENT_FAILURE);
		wire_out_done(&out);
		wire_out_done(&signature);
	}
	close(fd);
}

static void where_nobody_can_be_asked_nobody_signs(void **state)
{
	int fd = enter(everybody, other_token);
	struct wire_out out = {};

	(void)state;
	assert_int_equal(list(fd), 1);
	sign_put(&out, asked, "data", 0);
	say_frame(fd, wire_out_span(&out));
	fails(fd);
	wire_out_done(&out);
	assert_int_equal(list(fd), 1);
	close(fd);
}

/* --- how many ----------------------------------------------------------------------------- */

static void a_task_has_so_many_sessions(void **state)
{
	int fd[AGENT_PER_OWNER], one;

	(void)state;
	for (int i = 0; i < AGENT_PER_OWNER; i++) {
		fd[i] = enter(everybody, token);
		assert_int_equal(list(fd[i]), 2);
	}
	is_closed(enter(everybody, token));
	one = enter(everybody, other_token); /* another task's */
	assert_int_equal(list(one), 1);
	close(one);
	one = enter(door, bound_token); /* another container's */
	assert_int_equal(list(one), 2);
	close(one);
	close(fd[0]);
	assert_int_equal(list(fd[1]), 2); /* so that the end of the first was heard */
	one = enter(everybody, token);
	assert_int_equal(list(one), 2);
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
		fd[i] = come(everybody);
	one = come(everybody); /* in the backlog, and nothing is read of it */
	setsockopt(one, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	say_frame(one, span_text("none"));
	assert_int_equal(recv(one, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	close(one);
	one = enter(door, bound_token);
	assert_int_equal(list(one), 2);
	close(one);
	for (int i = 0; i < AGENT_HANDSHAKES; i++)
		close(fd[i]);
	one = enter(everybody, token);
	assert_int_equal(list(one), 2);
	close(one);
}

static void who_takes_no_reply_keeps_nobody_waiting(void **state)
{
	int deaf = enter(everybody, token), one, n = 0;
	struct wire_out out = {};
	uint8_t type = AGENT_LIST;

	(void)state;
	wire_put_string(&out, span_of(&type, 1));
	fcntl(deaf, F_SETFL, O_NONBLOCK);
	while (send(deaf, out.bytes, out.n, MSG_NOSIGNAL) == (ssize_t)out.n && n < 1000000)
		n++; /* until nothing more is taken of it */
	assert_true(n < 1000000);
	one = enter(everybody, token);
	for (int i = 0; i < 100; i++)
		signs(one, ed, 0, "ssh-ed25519");
	close(one);
	close(deaf);
	wire_out_done(&out);
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
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
