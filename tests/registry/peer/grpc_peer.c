// SPDX-License-Identifier: Apache-2.0
/*
 * grpc_peer.c - user/grpc as a server and as a client, for peers that are not ours
 *
 *   grpc_peer serve CERT KEY CA [CN]
 *       prints "port N", and "call PATH ...", "over CODE" of its calls; leaves with GOAWAY at a
 *       line of its stdin, and ends with that. CN: strict, as terok-agentd is.
 *   grpc_peer call PORT CERT KEY CA NAME PATH COUNT SIZE [MS [NAME VALUE]]
 *       makes a call of COUNT messages, each after the reply to the one before; prints "up CN",
 *       "message N", "status CODE TEXT" or "down WHY", and "left" if no other call can be made.
 *       NAME -: whoever it is. COUNT 0: sends one and ends the call by cancelling it when its reply
 *       is there.
 *
 * Register and Session speak the messages of user/proto; /test.Peer/Echo has bytes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "grpc/channel.h"
#include "grpc/server.h"
#include "proto/agent.pb-c.h"
#include "proto/clawkerd.pb-c.h"

static struct loop *loop;
static struct grpc_server *server;

/* --- the server ----------------------------------------------------------------------- */

static void on_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	printf("over %s %s: %s\n", grpc_path(call), grpc_code_name(code), text);
}

static void on_half(struct grpc_call *call)
{
	grpc_end(call, GRPC_OK, NULL);
}

static void on_echo(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	int r = grpc_send(call, bytes, n);

	if (r)
		grpc_end(call, GRPC_RESOURCE_EXHAUSTED, strerror(-r));
}

static void on_register(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	Clawker__Agent__V1__RegisterRequest *request =
	    clawker__agent__v1__register_request__unpack(NULL, n, bytes);
	bool deny = request && !strcmp(request->agent_name, "deny");

	if (request)
		printf("register %s %s\n", request->agent_name, request->project);
	if (!request || deny)
		grpc_end(call, request ? GRPC_PERMISSION_DENIED : GRPC_INVALID_ARGUMENT,
			 "not you: 100 % \xc3\xbc");
	else if (!grpc_send(call, NULL, 0)) /* an empty Welcome */
		grpc_end(call, GRPC_OK, NULL);
	clawker__agent__v1__register_request__free_unpacked(request, NULL);
}

static void on_command(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	Clawker__Clawkerd__V1__Command *command =
	    clawker__clawkerd__v1__command__unpack(NULL, n, bytes);
	Clawker__Clawkerd__V1__Response response = CLAWKER__CLAWKERD__V1__RESPONSE__INIT;
	Clawker__Clawkerd__V1__HelloAck ack = CLAWKER__CLAWKERD__V1__HELLO_ACK__INIT;
	Clawker__Clawkerd__V1__Started started = CLAWKER__CLAWKERD__V1__STARTED__INIT;
	uint8_t packed[256];

	if (!command || strlen(command->command_id) > 64) {
		grpc_end(call, GRPC_INVALID_ARGUMENT, "no command");
		clawker__clawkerd__v1__command__free_unpacked(command, NULL);
		return;
	}
	response.command_id = command->command_id;
	if (command->payload_case == CLAWKER__CLAWKERD__V1__COMMAND__PAYLOAD_HELLO) {
		response.payload_case = CLAWKER__CLAWKERD__V1__RESPONSE__PAYLOAD_HELLO_ACK;
		response.hello_ack = &ack;
	} else {
		response.payload_case = CLAWKER__CLAWKERD__V1__RESPONSE__PAYLOAD_STARTED;
		response.started = &started;
	}
	grpc_send(call, packed, clawker__clawkerd__v1__response__pack(&response, packed));
	clawker__clawkerd__v1__command__free_unpacked(command, NULL);
}

static void on_nothing(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	(void)call;
	(void)bytes;
	(void)n;
}

static const struct grpc_events echo_events = { on_echo, on_half, NULL, on_over };
static const struct grpc_events register_events = { on_register, NULL, NULL, on_over };
static const struct grpc_events session_events = { on_command, on_half, NULL, on_over };
static const struct grpc_events silent_events = { on_nothing, NULL, NULL, on_over };

static void start_echo(struct grpc_call *call, void *user)
{
	(void)user;
	grpc_call_events(call, &echo_events, NULL);
}

static void start_register(struct grpc_call *call, void *user)
{
	(void)user;
	grpc_call_events(call, &register_events, NULL);
}

static void start_session(struct grpc_call *call, void *user)
{
	(void)user;
	grpc_call_events(call, &session_events, NULL);
}

static void start_silent(struct grpc_call *call, void *user)
{
	(void)user;
	grpc_call_events(call, &silent_events, NULL);
}

static const struct grpc_method methods[] = {
	{ "/test.Peer/Echo", start_echo },
	{ "/test.Peer/Silent", start_silent },
	{ "/clawker.agent.v1.AgentService/Register", start_register },
	{ "/clawker.clawkerd.v1.ClawkerdService/Session", start_session },
};

static void on_admit(struct grpc_call *call, void *user)
{
	const struct grpc_peer *peer = grpc_call_peer(call);

	(void)user;
	printf("call %s cn=%s uri=%s authorization=%s deadline=%d\n", grpc_path(call), peer->cn,
	       peer->n_uri ? peer->uri[0] : "-", grpc_header(call, "authorization", 0) ?: "-",
	       grpc_deadline_ns(call) != 0);
	grpc_admit(call);
}

static void on_refused(const struct grpc_peer *peer, const char *why, void *user)
{
	(void)peer;
	(void)user;
	printf("refused %s\n", why);
}

static const struct grpc_server_use use = { .methods = methods,
					    .n_methods = sizeof(methods) / sizeof(methods[0]),
					    .admit = on_admit,
					    .refused = on_refused };

static int on_stdin(struct source *source, uint32_t events)
{
	char byte;

	(void)source;
	(void)events;
	if (read(0, &byte, 1) <= 0)
		return -ECANCELED;
	grpc_server_close(server);
	return 0;
}

static int serve(const struct grpc_tls *tls)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;
	struct grpc_limits limits = GRPC_LIMITS;
	struct source end = {};

	limits.queue = 8 << 20;
	if (bind(fd, (struct sockaddr *)&addr, size) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&addr, &size))
		return -errno;
	r = grpc_server_new(loop, fd, tls, &use, &limits, &server);
	if (!r)
		r = source_add(loop, &end, 0, EPOLLIN, on_stdin);
	if (!r)
		printf("port %d\n", ntohs(addr.sin_port));
	r = r ?: loop_run(loop);
	source_del(&end);
	grpc_server_free(server);
	return r == -ECANCELED ? 0 : r;
}

/* --- the client ----------------------------------------------------------------------- */

static struct {
	const char *path;
	unsigned count, sent;
	size_t size;
	uint64_t ns;
	struct grpc_metadata md;
	bool cancels;
	struct grpc_channel *channel;
} want;

static void send_one(struct grpc_call *call)
{
	_cleanup_free_ uint8_t *bytes = calloc(1, want.size + 256);
	Clawker__Agent__V1__RegisterRequest request = CLAWKER__AGENT__V1__REGISTER_REQUEST__INIT;
	Clawker__Clawkerd__V1__Command command = CLAWKER__CLAWKERD__V1__COMMAND__INIT;
	Clawker__Clawkerd__V1__Hello hello = CLAWKER__CLAWKERD__V1__HELLO__INIT;
	size_t n = want.size;

	if (!bytes)
		exit(1);
	if (strstr(want.path, "/Register")) {
		request.agent_name = (char *)"agent";
		request.project = (char *)"project";
		n = clawker__agent__v1__register_request__pack(&request, bytes);
	} else if (strstr(want.path, "/Session")) {
		command.command_id = (char *)"hello";
		command.payload_case = CLAWKER__CLAWKERD__V1__COMMAND__PAYLOAD_HELLO;
		command.hello = &hello;
		n = clawker__clawkerd__v1__command__pack(&command, bytes);
	}
	if (grpc_send(call, bytes, n))
		exit(1);
	if (++want.sent == want.count)
		grpc_half_close(call);
}

static void got_message(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	Clawker__Clawkerd__V1__Response *response = NULL;

	if (strstr(want.path, "/Session"))
		response = clawker__clawkerd__v1__response__unpack(NULL, n, bytes);
	printf("message %zu%s%s\n", n, response ? " " : "", response ? response->command_id : "");
	clawker__clawkerd__v1__response__free_unpacked(response, NULL);
	if (want.cancels) {
		grpc_end(call, GRPC_CANCELLED, NULL);
		printf("cancelled\n");
		loop_stop(loop);
	} else if (want.sent < want.count) {
		send_one(call);
	}
}

static void got_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	const char *header = grpc_header(call, "x-peer", 0);
	struct grpc_call *other;

	printf("status %s %s%s%s\n", grpc_code_name(code), text, header ? " x-peer=" : "",
	       header ?: "");
	if (grpc_call_new(want.channel, want.path, NULL, 0, 0, NULL, NULL, &other) == -ESHUTDOWN)
		printf("left\n");
	loop_stop(loop);
}

static const struct grpc_events call_events = { got_message, NULL, NULL, got_over };

static void on_up(struct grpc_channel *channel, void *user)
{
	const struct grpc_peer *peer = grpc_channel_peer(channel);
	struct grpc_call *call;
	int r = grpc_call_new(channel, want.path, &want.md, want.md.name != NULL, want.ns,
			      &call_events, NULL, &call);

	(void)user;
	want.channel = channel;
	printf("up %s chain=%d %s\n", peer->cn, peer->chain, peer->why_not ?: "");
	if (r)
		exit(1);
	send_one(call);
}

static void on_down(struct grpc_channel *channel, const char *why, void *user)
{
	(void)channel;
	(void)user;
	printf("down %s\n", why);
	loop_stop(loop);
}

static const struct grpc_channel_events channel_events = { on_up, on_down };

static int call(const struct grpc_tls *tls, const char *port)
{
	const struct sockaddr_in addr = { .sin_family = AF_INET,
					  .sin_port = htons((uint16_t)atoi(port)),
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct grpc_limits limits = GRPC_LIMITS;
	_cleanup_(grpc_channel_freep) struct grpc_channel *channel = NULL;
	int r = grpc_channel_new(loop, (const struct sockaddr *)&addr, sizeof(addr), tls, NULL,
				 &limits, &channel_events, NULL, &channel);

	return r ? r : loop_run(loop);
}

/* --- main ----------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
	bool client = argc >= 10 && !strcmp(argv[1], "call");
	int at = client ? 3 : 2;
	struct grpc_tls_use tls_use = { .client = client };
	struct grpc_tls *tls = NULL;
	struct problem why;
	int r;

	if (!client && (argc < 5 || strcmp(argv[1], "serve")))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	tls_use.cert.file = argv[at];
	tls_use.key.file = argv[at + 1];
	tls_use.ca.file = argv[at + 2];
	if (client && !strcmp(argv[6], "-"))
		tls_use.verify = GRPC_VERIFY_CAPTURE;
	else if (client || argc > 5)
		tls_use.name = argv[client ? 6 : 5];
	if (!client && argc > 5)
		tls_use.verify = GRPC_VERIFY_STRICT;
	if (grpc_tls_new(&tls_use, &tls, &why)) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	if (client) {
		want.path = argv[7];
		want.count = (unsigned)atoi(argv[8]);
		want.size = (size_t)atol(argv[9]);
		want.cancels = !want.count;
		want.ns = argc > 10 ? (uint64_t)atol(argv[10]) * 1000000 : 0;
		if (argc > 12)
			want.md = (struct grpc_metadata){ argv[11], argv[12] };
	}
	r = loop_new(&loop);
	if (!r)
		r = client ? call(tls, argv[2]) : serve(tls);
	grpc_tls_free(tls);
	loop_free(loop);
	return r ? 1 : 0;
}
