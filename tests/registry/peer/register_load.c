// SPDX-License-Identifier: Apache-2.0
/*
 * register_load.c - many agents of terok-cp serve at once, each with a connection that it keeps
 *
 *   register_load PKI N DIR
 *       has N agents by the root in PKI: the i-th is "a<i>" of project "load", at 127.1.x.y. What a
 *       played podman says of them it writes to DIR: ids, a line each, and inspect.json; and what
 *       their rows are, agents: "THUMBPRINT|CONTAINER|NAME|PROJECT". Prints "agents N".
 *
 * Then it does what a line of its input says, and answers by a line:
 *
 *   connect PORT          "connected N"
 *   each WHAT K           each agent calls K times, the next when the last was answered
 *   closed WHAT MS        the same, for so long
 *   paced WHAT RATE MS    RATE calls a second, by whoever waits for none; from when a call is due
 *       "calls N ns TOTAL p50 NS p99 NS max NS", and how many ended with which code: "OK=N ..."
 *   leave                 "left": connections end
 *
 * WHAT: own, the agent's assertion; fresh, a new one for each call; stolen, that of the next agent;
 * name, another agent's name in the request; mixed, of ten calls one stolen and one name. Its memory is made once, so that it keeps up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "base/cleanup.h"
#include "grpc/channel.h"
#include "proto/agent.pb-c.h"
#include "registry/auth.h"
#include "registry/pki.h"

#define REGISTER   "/clawker.agent.v1.AgentService/Register"
#define TICK_NS    100000
#define CALL_NS    (30 * SECOND_NS)
#define AGENTS_MAX 4096
#define HEADER_MAX (ASSERTION_MAX + 8)

struct agent_peer {
	struct grpc_channel *channel;
	struct grpc_tls *tls;
	struct leaf leaf;
	char name[16], container[AGENT_ID_LEN], addr[24];
	char *header; /* "Bearer " and its assertion */
	uint8_t request[2][64];
	size_t n_request[2];
	uint64_t begun_ns; /* of the call that is out, or when it was due */
	uint64_t left;     /* calls that are still to be made */
	bool out, up;
};

enum what { OWN, FRESH, STOLEN, NAME, MIXED, WHATS };
static const char *const whats[WHATS] = { "own", "fresh", "stolen", "name", "mixed" };

static struct {
	struct loop *loop;
	struct pki pki;
	struct agent_peer *agent;
	unsigned n, n_up, n_out, next;
	enum what what;
	uint64_t until_ns; /* closed: no call begins after it */
	uint32_t *took;
	size_t n_took, room;
	unsigned code[GRPC_CODE_MAX_];
	/* paced */
	uint64_t start_ns, gap_ns, due, count;
	struct timer tick, last;
	char line[128];
	unsigned idle[AGENTS_MAX], n_idle;
} now;

static _Noreturn void end(const char *what, const char *why)
{
	fprintf(stderr, "register_load: %s: %s\n", what, why);
	exit(1);
}

static void *have(void *memory)
{
	if (!memory)
		end("memory", strerror(errno));
	return memory;
}

/* --- agents --------------------------------------------------------------------------------- */

static char *bearer(const struct agent_peer *agent)
{
	const struct assertion_wish wish = { AUTH_CLIENT_AGENT, ASSERTION_AUDIENCE,
					     agent->leaf.thumbprint, time(NULL), 3600 };
	struct problem why = {};
	char *token = NULL, *header;

	if (assertion_make(now.pki.signer, &wish, &token, &why))
		end("assertion", why.text);
	header = have(malloc(HEADER_MAX));
	snprintf(header, HEADER_MAX, "Bearer %s", token);
	free(token);
	return header;
}

static size_t pem_of(X509 *cert, EVP_PKEY *key, char *ret, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	if (!bio || (cert ? !PEM_write_bio_X509(bio, cert)
			  : !PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)))
		end("certificate", "no memory");
	n = BIO_read(bio, ret, (int)size);
	BIO_free(bio);
	return (size_t)n;
}

static void agent_tls(struct agent_peer *agent, const struct cert *cert)
{
	static char ca[4096];
	static size_t n_ca;
	char mine[4096], key[4096];
	struct problem why = {};

	if (!n_ca)
		n_ca = pem_of(now.pki.ca.cert, NULL, ca, sizeof(ca));
	const struct grpc_tls_use use = {
		.client = true,
		.cert = { .bytes = mine, .n = pem_of(cert->cert, NULL, mine, sizeof(mine)) },
		.key = { .bytes = key, .n = pem_of(NULL, cert->key, key, sizeof(key)) },
		.ca = { .bytes = ca, .n = n_ca },
		.name = CERT_CP_CN
	};
	if (grpc_tls_new(&use, &agent->tls, &why))
		end("TLS", why.text);
}

static size_t request_of(const char *name, uint8_t *ret)
{
	Clawker__Agent__V1__RegisterRequest request = CLAWKER__AGENT__V1__REGISTER_REQUEST__INIT;

	request.agent_name = (char *)name;
	request.project = (char *)"load";
	return clawker__agent__v1__register_request__pack(&request, ret);
}

static void agent_make(struct agent_peer *agent, unsigned i)
{
	const struct cert_agent who = { "load", agent->name, agent->container };
	_cleanup_cert_ struct cert cert = {};
	_cleanup_free_ uint8_t *der = NULL;
	struct problem why = {};
	int n;

	snprintf(agent->name, sizeof(agent->name), "a%u", i);
	snprintf(agent->container, sizeof(agent->container), "%064x", i + 1);
	snprintf(agent->addr, sizeof(agent->addr), "127.1.%u.%u", i / 250, i % 250 + 1);
	if (cert_make(CERT_AGENT, &now.pki.ca, &who, time(NULL), &cert, &why))
		end("certificate", why.text);
	n = i2d_X509(cert.cert, &der);
	if (n < 0 || leaf_read(der, (size_t)n, &agent->leaf))
		end("certificate", "cannot be read");
	agent_tls(agent, &cert);
	agent->header = bearer(agent);
	agent->n_request[0] = request_of(agent->name, agent->request[0]);
	agent->n_request[1] = request_of("another", agent->request[1]);
}

static FILE *file_in(const char *dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return have(fopen(path, "we"));
}

static void agents_make(const char *dir)
{
	FILE *ids = file_in(dir, "ids"), *inspect = file_in(dir, "inspect.json");
	FILE *rows = file_in(dir, "agents");
	char hex[LEAF_HEX_LEN];

	fputs("[", inspect);
	for (unsigned i = 0; i < now.n; i++) {
		struct agent_peer *agent = &now.agent[i];

		agent_make(agent, i);
		fprintf(ids, "%s\n", agent->container);
		leaf_hex(agent->leaf.thumbprint, hex);
		fprintf(rows, "%s|%s|%s|load\n", hex, agent->container, agent->name);
		fprintf(
		    inspect,
		    "%s{\"Id\":\"%s\",\"Config\":{\"Labels\":{\"dev.clawker.purpose\":\"agent\","
		    "\"dev.clawker.agent\":\"%s\",\"dev.clawker.project\":\"load\"}},"
		    "\"NetworkSettings\":{\"Networks\":{\"clawker-net\":{\"IPAddress\":\"%s\"}}}}",
		    i ? ",\n" : "", agent->container, agent->name, agent->addr);
	}
	fputs("]\n", inspect);
	if (fclose(ids) || fclose(inspect) || fclose(rows))
		end(dir, strerror(errno));
	printf("agents %u\n", now.n);
}

/* --- connections ---------------------------------------------------------------------------- */

static void on_up(struct grpc_channel *channel, void *user)
{
	struct agent_peer *agent = user;

	(void)channel;
	agent->up = true;
	now.n_up++;
}

static void on_down(struct grpc_channel *channel, const char *why, void *user)
{
	const struct agent_peer *agent = user;

	(void)channel;
	end(agent->name, why);
}

static const struct grpc_channel_events channel_events = { on_up, on_down };

static int socket_to(const char *from, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) }, at = to;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_port = 0;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (inet_pton(AF_INET, from, &at.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) || fcntl(fd, F_SETFL, O_NONBLOCK))
		end(from, strerror(errno));
	return fd;
}

static int on_last(struct timer *timer)
{
	(void)timer;
	return -ECANCELED; /* a loop that was stopped would stay so */
}

/* The loop turns until then; 0: what is at work is done. */
static void turn_until(uint64_t at_ns)
{
	int r;

	if (at_ns)
		timer_arm(now.loop, &now.last, at_ns, on_last);
	r = loop_run(now.loop);
	if (r != -ECANCELED)
		end("loop", strerror(-r));
}

static void leave(void)
{
	for (unsigned i = 0; i < now.n; i++) {
		grpc_channel_free(TAKE_PTR(now.agent[i].channel));
		now.agent[i].up = false;
	}
	now.n_up = 0;
}

static void connect_all(unsigned port)
{
	struct grpc_limits limits = GRPC_LIMITS;

	leave();
	for (unsigned i = 0; i < now.n; i++) {
		struct agent_peer *agent = &now.agent[i];
		int fd = socket_to(agent->addr, (uint16_t)port);

		if (grpc_channel_adopt(now.loop, fd, agent->tls, NULL, &limits, &channel_events,
				       agent, &agent->channel))
			end(agent->name, "no channel");
		/* not more hands at once than the server shakes in time */
		while (now.n_up + 64 < i)
			turn_until(now_boot_ns() + TICK_NS);
	}
	while (now.n_up < now.n)
		turn_until(now_boot_ns() + TICK_NS);
	printf("connected %u\n", now.n);
}

/* --- calls ---------------------------------------------------------------------------------- */

static void call_next(struct agent_peer *agent, uint64_t due_ns);

static void note(uint64_t ns)
{
	if (now.n_took == now.room) {
		now.room = now.room ? 2 * now.room : 1 << 17;
		now.took = have(realloc(now.took, now.room * sizeof(*now.took)));
	}
	now.took[now.n_took++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static void on_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	struct agent_peer *agent = grpc_call_mine(call);
	uint64_t at = now_boot_ns();

	(void)text;
	note(at - agent->begun_ns);
	now.code[code]++;
	now.n_out--;
	agent->out = false;
	if (now.gap_ns)
		now.idle[now.n_idle++] = (unsigned)(agent - now.agent);
	else if (agent->left && at < now.until_ns)
		call_next(agent, at);
	if (!now.n_out && (!now.gap_ns || now.due == now.count))
		timer_arm(now.loop, &now.last, 0, on_last);
}

/* Welcome has no fields. */
static void on_message(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	(void)bytes;
	if (n)
		end(((struct agent_peer *)grpc_call_mine(call))->name, "that is no Welcome");
}

static const struct grpc_events call_events = { .message = on_message, .over = on_over };

static enum what what_next(const struct agent_peer *agent)
{
	if (now.what != MIXED)
		return now.what;
	switch (agent->left % 10) {
	case 3: return STOLEN;
	case 7: return NAME;
	default: return OWN;
	}
}

static void call_next(struct agent_peer *agent, uint64_t due_ns)
{
	const struct agent_peer *other = &now.agent[((unsigned)(agent - now.agent) + 1) % now.n];
	enum what what = what_next(agent);
	_cleanup_free_ char *fresh = what == FRESH ? bearer(agent) : NULL;
	const struct grpc_metadata md = { "authorization",
					  fresh ?: (what == STOLEN ? other : agent)->header };
	bool name = what == NAME;
	struct grpc_call *call;

	agent->begun_ns = due_ns;
	agent->left--;
	agent->out = true;
	now.n_out++;
	if (grpc_call_new(agent->channel, REGISTER, &md, 1, CALL_NS, &call_events, agent, &call) ||
	    grpc_send(call, agent->request[name], agent->n_request[name]))
		end(agent->name, "no call");
	grpc_half_close(call);
}

static int by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static unsigned percentile(double p)
{
	return now.n_took ? now.took[(size_t)((double)(now.n_took - 1) * p / 100)] : 0;
}

static void tell(uint64_t began_ns)
{
	uint64_t total = now_boot_ns() - began_ns;

	qsort(now.took, now.n_took, sizeof(*now.took), by_size);
	printf("calls %zu ns %llu p50 %u p99 %u max %u", now.n_took, (unsigned long long)total,
	       percentile(50), percentile(99), percentile(100));
	for (int i = 0; i < GRPC_CODE_MAX_; i++)
		if (now.code[i])
			printf(" %s=%u", grpc_code_name(i), now.code[i]);
	printf("\n");
}

static void forget(const char *what)
{
	for (now.what = OWN; now.what < WHATS && strcmp(whats[now.what], what) != 0; now.what++)
		;
	if (now.what == WHATS || !now.n_up)
		end(what, "nobody can");
	now.n_took = 0;
	memset(now.code, 0, sizeof(now.code));
	now.gap_ns = 0;
}

static void flat_out(const char *what, uint64_t each, uint64_t until_ns)
{
	uint64_t began = now_boot_ns();

	forget(what);
	now.until_ns = until_ns;
	for (unsigned i = 0; i < now.n; i++) {
		now.agent[i].left = each;
		call_next(&now.agent[i], now_boot_ns());
	}
	turn_until(0);
	tell(began);
}

/* --- at a rate ------------------------------------------------------------------------------- */

/* Who waits for a connection has been due for a while: its time runs. */
static int on_tick(struct timer *timer)
{
	uint64_t at = now_boot_ns(), next;

	while (now.due < now.count && now.n_idle && now.start_ns + now.due * now.gap_ns <= at) {
		struct agent_peer *agent = &now.agent[now.idle[0]];

		/* the one that has waited longest, so that all are asked */
		memmove(now.idle, now.idle + 1, --now.n_idle * sizeof(*now.idle));
		call_next(agent, now.start_ns + now.due++ * now.gap_ns);
	}
	next = now.start_ns + now.due * now.gap_ns;
	if (now.due < now.count)
		timer_arm(now.loop, timer, now.n_idle && next > at ? next : at + TICK_NS, on_tick);
	return 0;
}

static void paced(const char *what, unsigned rate, unsigned ms)
{
	uint64_t began = now_boot_ns();

	forget(what);
	now.gap_ns = SECOND_NS / rate;
	now.start_ns = began;
	now.due = 0;
	now.count = ms * UINT64_C(1000000) / now.gap_ns;
	for (now.n_idle = 0; now.n_idle < now.n; now.n_idle++) {
		now.idle[now.n_idle] = now.n_idle;
		now.agent[now.n_idle].left = now.count;
	}
	timer_arm(now.loop, &now.tick, 0, on_tick);
	turn_until(0);
	tell(began);
}

/* --- main ----------------------------------------------------------------------------------- */

static void obey(const char *line)
{
	char what[16];
	unsigned a, b;

	if (sscanf(line, "connect %u", &a) == 1)
		connect_all(a);
	else if (sscanf(line, "each %15s %u", what, &a) == 2 && a)
		flat_out(what, a, UINT64_MAX);
	else if (sscanf(line, "closed %15s %u", what, &a) == 2)
		flat_out(what, UINT64_MAX, now_boot_ns() + a * UINT64_C(1000000));
	else if (sscanf(line, "paced %15s %u %u", what, &a, &b) == 3 && a)
		paced(what, a, b);
	else if (!strcmp(line, "leave\n"))
		leave(), puts("left");
	else
		end("no such deed", line);
}

static int on_line(struct source *source, uint32_t events)
{
	ssize_t n = read(source->fd, now.line, sizeof(now.line) - 1);

	(void)events;
	now.line[n > 0 ? n : 0] = '\0';
	return -ECANCELED;
}

/* Connections are alive between deeds too; false: there is no other. */
static bool next_line(void)
{
	struct source in = {};
	int r = source_add(now.loop, &in, 0, EPOLLIN, on_line);

	if (r)
		end("input", strerror(-r));
	turn_until(0);
	source_del(&in);
	return *now.line;
}

int main(int argc, char **argv)
{
	const struct rlimit files = { 2 * AGENTS_MAX, 2 * AGENTS_MAX };
	struct problem why = {};

	now.n = argc > 3 ? (unsigned)atoi(argv[2]) : 0;
	if (!now.n || now.n > AGENTS_MAX)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_TIMERSLACK, 1UL);
	(void)setrlimit(RLIMIT_NOFILE, &files);
	now.agent = have(calloc(now.n, sizeof(*now.agent)));
	if (pki_open(argv[1], &now.pki, &why))
		end(argv[1], why.text);
	if (loop_new(&now.loop))
		end("loop", "none");
	agents_make(argv[3]);
	while (next_line())
		obey(now.line);
	return 0;
}
