// SPDX-License-Identifier: Apache-2.0
#include "agent_end.h"

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

#include "base/sock.h"
#include "proxy/agent.h"
#include "proxy/signer/key_file.h"
#include "proxy/signer/keys_json.h"
#include "proxy/signer/words.h"

#define WAIT_S 10

static char signer_program[256];
struct agent_end agent_end;
static pid_t server;
static const char *runtime; /* folder of the hub's sockets; NULL: none */

/* --- the agent ---------------------------------------------------------------------------- */

static void serve(void)
{
	static const struct door_owner owner = { .project = "p", .container = "c1", .name = "box" };
	const struct agent_options options = { .store = agent_end.database,
					       .keys_file = agent_end.keys_file,
					       .program = signer_program,
					       .runtime = runtime };
	struct problem why = {};
	struct agent *agent;
	struct loop *loop;
	int fd, own, r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	r = loop_new(&loop) ?: sock_listen(agent_end.everybody, 0600, &fd, &why);
	r = r ?: sock_listen(agent_end.door, 0600, &own, &why);
	r = r ?: agent_new(loop, &options, &agent, &why);
	r = r ?: agent_listen(agent, fd, NULL);
	r = r ?: agent_listen(agent, own, &owner);
	r = r ?: loop_run(loop);
	fprintf(stderr, "server: %s (%d)\n", why.text, r);
	_exit(1);
}

void agent_key_put(const char *project, const char *name, enum key_kind kind, struct key **ret,
		   bool confirm)
{
	struct keys_entry entry = { .limits.confirm = confirm };
	struct problem why;
	struct secret *text;
	char path[120];
	int fd;

	assert_int_equal(key_make(kind, ret, &why), 0);
	snprintf(path, sizeof(path), "%s/%s", agent_end.folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	text = key_text(*ret);
	assert_non_null(text);
	assert_int_equal(write(fd, text->bytes, text->len), text->len);
	close(fd);
	secret_free(text);
	entry.private_key = path;
	assert_int_equal(keys_json_put(agent_end.keys_file, project, &entry, &why), 0);
}

void agent_token_put(struct store *store, const char *project, const char *provider,
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

int agent_setup_with(const char *hub)
{
	const char *build = getenv("B") ?: "build";
	struct store *store;
	struct problem why;

	runtime = hub;
	strcpy(agent_end.folder, "/tmp/terok-agent-XXXXXX");
	assert_non_null(mkdtemp(agent_end.folder));
	snprintf(agent_end.everybody, sizeof(agent_end.everybody), "%s/all.sock", agent_end.folder);
	snprintf(agent_end.door, sizeof(agent_end.door), "%s/door.sock", agent_end.folder);
	snprintf(agent_end.keys_file, sizeof(agent_end.keys_file), "%s/ssh-keys.json",
		 agent_end.folder);
	snprintf(agent_end.database, sizeof(agent_end.database), "%s/c/credentials.db",
		 agent_end.folder);
	snprintf(signer_program, sizeof(signer_program), "%s/terok-signer", build);
	agent_key_put("p", "ed", KEY_ED25519, &agent_end.ed, false);
	agent_key_put("p", "rsa", KEY_RSA, &agent_end.rsa, false);
	agent_key_put("q", "other", KEY_P256, &agent_end.other, false);
	agent_key_put("asks", "asked", KEY_ED25519, &agent_end.asked, true);
	assert_int_equal(store_open(agent_end.database, STORE_WRITE, &store, &why), 0);
	agent_token_put(store, "p", "ssh", "", agent_end.token);
	agent_token_put(store, "asks", "ssh", "", agent_end.other_token);
	agent_token_put(store, "p", "github", "", agent_end.http_token);
	agent_token_put(store, "p", "ssh", "box", agent_end.bound_token);
	store_free(store);
	server = fork();
	if (!server)
		serve();
	return server < 0;
}

int agent_setup(void **state)
{
	(void)state;
	return agent_setup_with(NULL);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path) && errno != ENOENT;
}

int agent_teardown(void **state)
{
	(void)state;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	key_unref(agent_end.ed);
	key_unref(agent_end.rsa);
	key_unref(agent_end.other);
	key_unref(agent_end.asked);
	/* the signer ends when its front has: until then it may take away files of the store itself */
	for (int i = 0; i < 100 * WAIT_S; i++) {
		if (!nftw(agent_end.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS))
			return 0;
		usleep(10000);
	}
	return -1;
}

/* --- a client ----------------------------------------------------------------------------- */

/* Once it listens. */
int client_come(const char *path)
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

void client_say(int fd, const void *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

void client_say_frame(int fd, struct span message)
{
	struct wire_out out = {};

	wire_put_string(&out, message);
	client_say(fd, out.bytes, out.n);
	wire_out_done(&out);
}

int client_enter(const char *path, const char *text)
{
	int fd = client_come(path);

	client_say_frame(fd, span_text(text));
	return fd;
}

/* Nothing is said, and it closes. */
void client_is_closed(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	assert_true(!n || (n < 0 && errno == ECONNRESET));
	close(fd);
}

size_t client_hears(int fd, uint8_t *bytes, size_t room)
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

void client_fails(int fd)
{
	uint8_t reply[4096];

	assert_int_equal(client_hears(fd, reply, sizeof(reply)), 1);
	assert_int_equal(*reply, AGENT_FAILURE);
}

uint32_t client_lists(int fd)
{
	uint8_t reply[8192];
	struct wire wire;
	uint8_t type = AGENT_LIST;

	client_say_frame(fd, span_of(&type, 1));
	wire = wire_of(reply, client_hears(fd, reply, sizeof(reply)));
	assert_int_equal(wire_u8(&wire), AGENT_LISTED);
	return wire_u32(&wire);
}

void client_sign_put(struct wire_out *out, const struct key *key, const char *data, uint32_t flags)
{
	wire_put_u8(out, AGENT_SIGN);
	wire_put_string(out, wire_out_span(&key->blob));
	wire_put_text(out, data);
	wire_put_u32(out, flags);
}

void client_signs(int fd, const struct key *key, uint32_t flags, const char *algorithm)
{
	struct wire_out out = {};
	uint8_t reply[4096];
	struct wire wire, inner;
	struct span signature;

	client_sign_put(&out, key, "data", flags);
	client_say_frame(fd, wire_out_span(&out));
	wire_out_done(&out);
	wire = wire_of(reply, client_hears(fd, reply, sizeof(reply)));
	assert_int_equal(wire_u8(&wire), AGENT_SIGNED);
	signature = wire_string(&wire);
	assert_true(wire_ended(&wire));
	inner = wire_begin(signature);
	assert_true(span_is(wire_string(&inner), algorithm));
	assert_int_equal(key_verify(wire_out_span(&key->blob), signature, span_text("data")), 0);
}
