// SPDX-License-Identifier: Apache-2.0
/*
 * crowd.c - many agents' peers in one process, for a control plane that holds many sessions
 *
 *   crowd PKI DB FOLDER COUNT PORT [server]
 *       Peer i of COUNT listens at 127.1.H.L:PORT (H, L: i), shows a certificate of its own that PKI
 *       signed, and is the container whose id is i + 1 in 64 hexadecimal digits. Its row is in DB if
 *       it had none. FOLDER gets what a played podman says of all of them: ids, list, inspect.
 *       Prints "ready". Of lines that come, one each:
 *         await N      "sessions N NS" as soon as N peers have a session whose plan has run; NS:
 *                      CLOCK_BOOTTIME of that
 *         count        "sessions N NS" now
 *       and it ends with its standard input. "server": each shows PKI's certificate of a server,
 *       which has a name for programs that want one, and has no row.
 *
 * A peer answers Hello, RegisterRequired and each command at once, and speaks by user/grpc, as
 * terok-agentd does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "base/cleanup.h"
#include "base/descriptors.h"
#include "grpc/server.h"
#include "proto/clawkerd.pb-c.h"
#include "registry/agents.h"
#include "registry/pki.h"

#define COUNT_MAX  16384
#define IS(what)   CLAWKER__CLAWKERD__V1__COMMAND__PAYLOAD_##what
#define SAYS(what) CLAWKER__CLAWKERD__V1__RESPONSE__PAYLOAD_##what

struct peer {
	struct grpc_server *server;
	bool ready; /* its session's plan has run */
};

static struct crowd {
	struct loop *loop;
	struct source orders;
	struct pki pki;
	struct cert server; /* of each peer; empty: each has its own */
	struct agents *agents;
	struct peer *peer;
	FILE *ids, *list, *inspect;
	char ca_pem[4096];
	unsigned n, ready, awaited;
} crowd;

static int wrong(int error, const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(-error));
	return error;
}

static void say(const char *what, unsigned long n)
{
	printf("%s %lu %" PRIu64 "\n", what, n, now_boot_ns());
}

/* --- a session ------------------------------------------------------------------------ */

static void on_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	struct peer *peer = grpc_call_mine(call);

	(void)code;
	(void)text;
	crowd.ready -= peer->ready;
	peer->ready = false;
}

static void on_half(struct grpc_call *call)
{
	on_over(call, GRPC_OK, "");
	grpc_end(call, GRPC_OK, NULL);
}

static void is_ready(struct peer *peer)
{
	if (peer->ready)
		return;
	peer->ready = true;
	crowd.ready++;
	if (crowd.ready != crowd.awaited)
		return;
	say("sessions", crowd.ready);
	crowd.awaited = 0;
}

static void on_command(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	Clawker__Clawkerd__V1__Command *command =
	    clawker__clawkerd__v1__command__unpack(NULL, n, bytes);
	Clawker__Clawkerd__V1__Response response = CLAWKER__CLAWKERD__V1__RESPONSE__INIT;
	Clawker__Clawkerd__V1__HelloAck ack = CLAWKER__CLAWKERD__V1__HELLO_ACK__INIT;
	Clawker__Clawkerd__V1__RegisterDone registered = CLAWKER__CLAWKERD__V1__REGISTER_DONE__INIT;
	Clawker__Clawkerd__V1__Done done = CLAWKER__CLAWKERD__V1__DONE__INIT;
	uint8_t packed[512];

	if (!command || strlen(command->command_id) > 256)
		abort(); /* our control plane says no such thing */
	response.command_id = command->command_id;
	switch (command->payload_case) {
	case IS(HELLO):
		response.payload_case = SAYS(HELLO_ACK);
		response.hello_ack = &ack;
		break;
	case IS(REGISTER_REQUIRED):
		registered.ok = true;
		response.payload_case = SAYS(REGISTER_DONE);
		response.register_done = &registered;
		break;
	default: response.payload_case = SAYS(DONE); response.done = &done;
	}
	if (command->payload_case != IS(CLOSE_STDIN)) /* the command that it follows is answered */
		grpc_send(call, packed, clawker__clawkerd__v1__response__pack(&response, packed));
	if (command->payload_case == IS(AGENT_READY))
		is_ready(grpc_call_mine(call));
	clawker__clawkerd__v1__command__free_unpacked(command, NULL);
}

static const struct grpc_events session_events = { on_command, on_half, NULL, on_over };

static void start_session(struct grpc_call *call, void *user)
{
	grpc_call_events(call, &session_events, user);
}

static const struct grpc_method methods[] = {
	{ "/clawker.clawkerd.v1.ClawkerdService/Session", start_session },
};

/* --- a peer --------------------------------------------------------------------------- */

static int to_pem(const struct cert *cert, char *ret, int size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n = -1;

	if (bio && PEM_write_bio_X509(bio, cert->cert) == 1 &&
	    (!cert->key ||
	     PEM_write_bio_PrivateKey(bio, cert->key, NULL, NULL, 0, NULL, NULL) == 1))
		n = BIO_read(bio, ret, size - 1);
	BIO_free(bio);
	if (n < 0)
		return -EIO;
	ret[n] = '\0';
	return 0;
}

static int listen_as(unsigned i, uint16_t port)
{
	const struct sockaddr_in addr = { .sin_family = AF_INET,
					  .sin_port = htons(port),
					  .sin_addr.s_addr = htonl(0x7f010000 + i) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 16))
		return -errno;
	return fd;
}

static int serve(unsigned i, uint16_t port, const struct cert *cert)
{
	char pem[8192] = "";
	const struct grpc_pem own = { .bytes = pem, .n = sizeof(pem) };
	const struct grpc_pem ca = { .bytes = crowd.ca_pem, .n = strlen(crowd.ca_pem) };
	struct grpc_tls_use tls_use = {
		.verify = GRPC_VERIFY_STRICT, .name = CERT_CP_CN, .cert = own, .key = own, .ca = ca
	};
	struct grpc_server_use *use = calloc(1, sizeof(*use)); /* for as long as we live */
	const struct grpc_limits limits = GRPC_LIMITS;
	struct grpc_tls *tls = NULL;
	struct problem why = {};
	int r = use ? to_pem(cert, pem, sizeof(pem)) : -ENOMEM, fd;

	tls_use.cert.n = tls_use.key.n = strlen(pem);
	r = r ?: grpc_tls_new(&tls_use, &tls, &why);
	if (r)
		return wrong(r, why.text);
	fd = listen_as(i, port);
	if (fd < 0)
		return wrong(fd, "a peer's socket");
	*use =
	    (struct grpc_server_use){ .methods = methods, .n_methods = 1, .user = &crowd.peer[i] };
	r = grpc_server_new(crowd.loop, fd, tls, use, &limits, &crowd.peer[i].server);
	grpc_tls_free(tls);
	return r;
}

static int row(const struct agent *agent)
{
	struct problem why = {};
	int r = agents_evict(crowd.agents, agent->container, &why)
		    ?: agents_add(crowd.agents, agent, &why);

	return r ? wrong(r, why.text) : 0;
}

static void describe(unsigned i, const char *id, const char *name)
{
	static const char labels[] = "{\"dev.clawker.managed\":\"true\",\"dev.clawker.purpose\":"
				     "\"agent\",\"dev.clawker.agent\":\"%s\","
				     "\"dev.clawker.project\":\"crowd\"}";
	char with[sizeof(labels) + AGENT_NAME_LEN];

	snprintf(with, sizeof(with), labels, name);
	fprintf(crowd.ids, "%s\n", id);
	fprintf(crowd.list,
		"%s{\"Id\":\"%s\",\"Names\":[\"%s\"],\"State\":\"running\",\"Labels\":%s}",
		i ? "," : "[", id, name, with);
	fprintf(crowd.inspect,
		"%s{\"Id\":\"%s\",\"Config\":{\"Labels\":%s},\"NetworkSettings\":{\"Networks\":{"
		"\"clawker-net\":{\"IPAddress\":\"127.1.%u.%u\"}}}}",
		i ? "," : "[", id, with, i >> 8, i & 255);
}

static int peer_new(unsigned i, uint16_t port)
{
	struct agent agent = { .registered = time(NULL) - 60 }; /* seen later than that */
	const struct cert_agent of = { "crowd", agent.name, agent.container };
	_cleanup_cert_ struct cert cert = {};
	struct problem why = {};
	unsigned n = LEAF_THUMBPRINT;
	int r;

	snprintf(agent.container, sizeof(agent.container), "%064x", i + 1);
	snprintf(agent.name, sizeof(agent.name), "a%u", i);
	strcpy(agent.project, "crowd");
	if (crowd.server.cert)
		return serve(i, port, &crowd.server);
	r = cert_make(CERT_AGENT, &crowd.pki.ca, &of, time(NULL), &cert, &why);
	if (r)
		return wrong(r, why.text);
	if (X509_digest(cert.cert, EVP_sha256(), agent.thumbprint, &n) != 1)
		return -EIO;
	describe(i, agent.container, agent.name);
	return row(&agent) ?: serve(i, port, &cert);
}

/* --- orders --------------------------------------------------------------------------- */

static int on_orders(struct source *source, uint32_t events)
{
	char line[64];
	unsigned n;

	(void)source;
	(void)events;
	if (!fgets(line, sizeof(line), stdin))
		return -ECANCELED;
	if (sscanf(line, "await %u", &n) == 1 && n != crowd.ready)
		crowd.awaited = n;
	else
		say("sessions", crowd.ready);
	return 0;
}

static FILE *file_in(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;

	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : fopen(path, "we");
}

static int open_all(char **argv, bool server)
{
	struct problem why = {};
	int r = pki_open(argv[1], &crowd.pki, &why) ?: agents_open(argv[2], &crowd.agents, &why);

	if (!r && server)
		r = pki_read(argv[1], CERT_SERVER, &crowd.server, &why);
	if (r)
		return wrong(r, why.text);
	descriptors_raise();
	crowd.ids = file_in(argv[3], "ids");
	crowd.list = file_in(argv[3], "list");
	crowd.inspect = file_in(argv[3], "inspect");
	crowd.peer = calloc(crowd.n, sizeof(*crowd.peer));
	if (!crowd.ids || !crowd.list || !crowd.inspect || !crowd.peer)
		return wrong(-errno, argv[3]);
	return to_pem(&(struct cert){ .cert = crowd.pki.ca.cert }, crowd.ca_pem,
		      sizeof(crowd.ca_pem))
		   ?: loop_new(&crowd.loop);
}

int main(int argc, char **argv)
{
	struct problem why = {};
	int r, port;

	if ((argc != 6 && argc != 7) || (crowd.n = (unsigned)atoi(argv[4])) < 1 ||
	    crowd.n > COUNT_MAX)
		return 2;
	port = atoi(argv[5]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	r = open_all(argv, argc == 7) ?: agents_begin(crowd.agents, &why);
	for (unsigned i = 0; !r && i < crowd.n; i++)
		r = peer_new(i, (uint16_t)port);
	r = r ?: agents_commit(crowd.agents, &why);
	agents_free(crowd.agents); /* another program is its writer from now on */
	if (!r && (fputs("]\n", crowd.list) < 0 || fputs("]\n", crowd.inspect) < 0 ||
		   fclose(crowd.ids) || fclose(crowd.list) || fclose(crowd.inspect)))
		r = wrong(-errno, argv[3]);
	if (!r)
		r = source_add(crowd.loop, &crowd.orders, 0, EPOLLIN, on_orders);
	if (r)
		return 1;
	printf("ready\n");
	return loop_run(crowd.loop) == -ECANCELED ? 0 : 1;
}
