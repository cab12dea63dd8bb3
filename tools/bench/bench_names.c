// SPDX-License-Identifier: Apache-2.0
/*
 * bench_names.c - what policy by names costs: an answer, many answers, a connect() after it
 *
 * Answers: a raw client with one connected UDP socket in a guard of names asks 8.8.8.8, which
 * the hooks send to the resolver, against dnsmasq with the same name in the same namespace and
 * no guard. Client and server share one CPU, so that it is their work that is timed and not the
 * wake-up of another CPU. dnsmasq is the resolver's own name server as well: the first question
 * goes there, all others are answered from the cache.
 * Hooks: connect() of one live UDP socket, which sends nothing, and getpeername(), to an
 * address that was learned and to one that stands for another, against the same in no guard.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consumer.h"
#include "control.h"
#include "domains.h"
#include "families.h"
#include "names.h"
#include "place.h"

#define NAME       "a.bench.example"
#define REAL4      "203.0.113.1"
#define REAL6      "2001:db8::1"
#define PEER_PORT  5353
#define WINDOW     32 /* questions on their way at once */
#define SHARED_CPU 1  /* of client and server; agent_start() pins to it */
#define TRIES      200
#define TYPE_A     1
#define TYPE_AAAA  28
#define WAIT_MS    1000
#define CHUNK      32  /* calls of a sample */
#define LAP        128 /* answers of a sample */

/* Where a client is. */
enum side { SIDE_PLAIN, SIDE_LEARN, SIDE_EXACT, N_SIDES };

static struct {
	struct ours ours;
	struct agent agent;
	pid_t dnsmasq, stays[N_SIDES];
	int cgroup[N_SIDES];
	struct guard guard[N_SIDES];
	uint8_t query[64];
	size_t query_size;
} state = { .agent = { .upstream = "127.0.0.1:5353" } };

/* --- a client ------------------------------------------------------------------------------ */

static size_t query_write(uint8_t *out, uint16_t id, uint16_t type)
{
	static const uint8_t name[] = "\1a\5bench\7example"; /* and its end */
	uint8_t head[12] = { id >> 8, id, 1, 0, 0, 1 };
	uint8_t tail[4] = { type >> 8, type, 0, 1 };

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), name, sizeof(name));
	memcpy(out + sizeof(head) + sizeof(name), tail, sizeof(tail));
	return sizeof(head) + sizeof(name) + sizeof(tail);
}

/* A socket that asks the side's server: everybody's at 8.8.8.8, or the peer. */
static int client_open(enum side side)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(side == SIDE_PLAIN ? PEER_PORT : 53),
				  .sin_addr.s_addr =
				      htonl(side == SIDE_PLAIN ? INADDR_LOOPBACK : 0x08080808) };
	struct timeval wait = { .tv_usec = 1000 * (WAIT_MS - 1) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static int client_send(int fd, uint16_t id)
{
	state.query[0] = id >> 8;
	state.query[1] = id;
	return send(fd, state.query, state.query_size, 0) < 0 ? -errno : 0;
}

/* One answer with one record; its size. */
static int client_receive(int fd, uint8_t reply[static 512])
{
	ssize_t n = recv(fd, reply, 512, 0);

	if (n < 0)
		return -errno;
	return n < 12 || reply[3] & 15 || reply[7] != 1 ? -ENODATA : n;
}

/* The address that this side is told, in the end of the answer. */
static int client_ask(enum side side, uint16_t type, uint8_t ret[static 16])
{
	int fd = client_open(side), r = fd < 0 ? fd : 0;
	size_t size = type == TYPE_A ? 4 : 16;
	uint8_t reply[512], query[64];

	if (!r && send(fd, query, query_write(query, 7, type), 0) < 0)
		r = -errno;
	if (!r)
		r = client_receive(fd, reply);
	if (fd >= 0)
		close(fd);
	if (r < 0)
		return r;
	memcpy(ret, reply + r - size, size);
	return 0;
}

/* --- answers ------------------------------------------------------------------------------- */

static struct {
	int fd;
} client = { -1 };

static int client_enter(struct config *config)
{
	const enum side *side = config->user;
	int r = place_enter(state.cgroup[*side], -1);

	bench_cpu(SHARED_CPU);
	client.fd = r ? r : client_open(*side);
	return client.fd < 0 ? client.fd : 0;
}

static void client_leave(struct config *config)
{
	(void)config;
	if (client.fd >= 0)
		close(client.fd);
	client.fd = -1;
	bench_cpu(0);
	place_leave();
}

static int latency_measure(struct config *config, struct samples *out)
{
	uint8_t reply[512];

	for (unsigned i = 0; i < config->n + config->n / 10; i++) {
		uint64_t start = bench_ns();
		int r = client_send(client.fd, i);

		if (!r)
			r = client_receive(client.fd, reply);
		if (r < 0)
			return r;
		if (i >= config->n / 10) /* the first tenth warms up */
			samples_add(out, bench_ns() - start);
	}
	return 0;
}

/*
 * Time of one answer, with WINDOW of them asked for: a sample is its share of LAP, so that who
 * takes the CPU away for a while makes some samples long and not all.
 */
static int window_measure(struct config *config, struct samples *out)
{
	uint64_t start = bench_ns();
	uint8_t reply[512];
	unsigned sent = 0;

	for (unsigned got = 0; got < config->n; got++) {
		int r = 0;

		for (; !r && sent < config->n && sent - got < WINDOW; sent++)
			r = client_send(client.fd, sent);
		if (!r)
			r = client_receive(client.fd, reply);
		if (r < 0)
			return r;
		if (got % LAP == LAP - 1) {
			samples_add(out, (bench_ns() - start) / LAP);
			start = bench_ns();
		}
	}
	return 0;
}

static enum side learn = SIDE_LEARN, exact = SIDE_EXACT, plain = SIDE_PLAIN;

static int answers(bool window)
{
	struct config c[] = {
		{ .name = "dnsmasq, no guard", .user = &plain },
		{ .name = "ours, 8.8.8.8 rewritten, learn", .user = &learn },
		{ .name = "ours, 8.8.8.8 rewritten, synthetic", .user = &exact },
	};
	int r;

	for (size_t i = 0; i < 3; i++) {
		c[i].enter = client_enter;
		c[i].leave = client_leave;
		c[i].measure = window ? window_measure : latency_measure;
		c[i].n = window ? bench_pick(100000, 20000) : bench_pick(20000, 5000);
	}
	r = bench_rounds(c, 3, bench_pick(9, 3));
	if (r)
		return r;
	bench_table(window ? "cached answer, 32 asked for at once, client and server on one CPU"
			   : "cached answer, client and server on one CPU",
		    c, 3, 0);
	for (size_t i = 1; i < 3 && window; i++) {
		struct figure ns = figure_p50(&c[i]);
		struct figure rate = { 1e9 / ns.value, 1e9 / ns.max, 1e9 / ns.min };

		bench_judge(i == 1 ? "cached answers a second, one CPU, 32 at once, learn"
				   : "cached answers a second, one CPU, 32 at once, synthetic",
			    rate, "/s", BOUND_AT_LEAST, 80000, "dnsmasq, no guard",
			    1 / figure_ratio(&c[i], &c[0]).value);
	}
	for (size_t i = 1; i < 3 && !window; i++)
		bench_judge(i == 1 ? "cached answer, one CPU, median, learn, over dnsmasq's"
				   : "cached answer, one CPU, median, synthetic, over dnsmasq's",
			    figure_ratio(&c[i], &c[0]), "ratio", BOUND_AT_MOST, 1.1,
			    "dnsmasq's p99 (ours)",
			    figure_of(c[i].p99, c[i].rounds).value /
				figure_of(c[0].p99, c[0].rounds).value);
	return 0;
}

/* --- hooks --------------------------------------------------------------------------------- */

struct call {
	enum side side;
	bool v6, peername;
};

static struct {
	int fd;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to;
	socklen_t size;
} call_to = { .fd = -1 };

static int call_enter(struct config *config)
{

	const struct call *call = config->user;
	uint8_t addr[16];
	int r = place_enter(state.cgroup[call->side], -1);

	if (!r)
		r = client_ask(call->side, call->v6 ? TYPE_AAAA : TYPE_A, addr);
	if (r)
		return r;
	memset(&call_to.to, 0, sizeof(call_to.to));
	call_to.to.any.sa_family = call->v6 ? AF_INET6 : AF_INET;
	call_to.size = call->v6 ? sizeof(call_to.to.v6) : sizeof(call_to.to.v4);
	if (call->v6)
		memcpy(&call_to.to.v6.sin6_addr, addr, 16);
	else
		memcpy(&call_to.to.v4.sin_addr, addr, 4);
	call_to.to.v4.sin_port = htons(PLACE_PORT); /* the same place in both */
	call_to.fd = socket(call_to.to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (call_to.fd < 0 || connect(call_to.fd, &call_to.to.any, call_to.size) < 0)
		return -errno;
	return 0;
}

static void call_leave(struct config *config)
{
	(void)config;
	if (call_to.fd >= 0)
		close(call_to.fd);
	call_to.fd = -1;
	place_leave();
}

/* A sample is a call's share of CHUNK: the clock alone is 20 ns, and counts in tens. */
static int call_measure(struct config *config, struct samples *out)
{
	const struct call *call = config->user;

	for (unsigned i = 0; i < config->n + config->n / 10; i++) {
		uint64_t start = bench_ns();
		int r = 0;

		for (unsigned k = 0; r >= 0 && k < CHUNK; k++) {
			struct sockaddr_in6 peer;
			socklen_t size = sizeof(peer);

			r = call->peername
				? getpeername(call_to.fd, (struct sockaddr *)&peer, &size)
				: connect(call_to.fd, &call_to.to.any, call_to.size);
		}
		if (r < 0)
			return -errno;
		if (i >= config->n / 10)
			samples_add(out, (bench_ns() - start + CHUNK / 2) / CHUNK);
	}
	return 0;
}

static int calls_table(bool v6, bool peername)
{
	struct call none = { SIDE_PLAIN, v6, peername }, learned = { SIDE_LEARN, v6, peername },
		    stands = { SIDE_EXACT, v6, peername };
	struct config c[] = {
		{ .name = "no guard", .user = &none },
		{ .name = "learn: an address of a name", .user = &learned },
		{ .name = "synthetic: an address that stands for one", .user = &stands },
	};
	const char *what = peername ? "getpeername()" : "connect()", *family = v6 ? "IPv6" : "IPv4";
	char title[BENCH_NAME];
	int r;

	for (size_t i = 0; i < 3; i++) {
		c[i].enter = call_enter;
		c[i].leave = call_leave;
		c[i].measure = call_measure;
		c[i].n = bench_pick(2000, 500);
	}
	r = bench_rounds(c, 3, bench_pick(9, 3));
	if (r)
		return r;
	snprintf(title, sizeof(title), "UDP %s, %s, same socket again", what, family);
	bench_table(title, c, 3, 0);
	for (size_t i = 1; i < 3; i++) {
		snprintf(title, sizeof(title), "%s, %s, %s address, over no guard", what, family,
			 i == 1 ? "learned" : "synthetic");
		bench_judge(title, figure_difference(&c[i], &c[0]), "ns",
			    peername ? BOUND_NONE : BOUND_AT_MOST, i == 1 ? 200 : 150,
			    "the whole call, no guard", figure_ratio(&c[i], &c[0]).value);
	}
	return 0;
}

/* --- set-up -------------------------------------------------------------------------------- */

static int dnsmasq_start(void)
{
	char port[32], record[96];
	uint8_t addr[16];

	snprintf(port, sizeof(port), "--port=%d", PEER_PORT);
	snprintf(record, sizeof(record), "--host-record=%s,%s,%s", NAME, REAL4, REAL6);
	state.dnsmasq = fork();
	if (!state.dnsmasq) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		bench_cpu(SHARED_CPU);
		execlp("dnsmasq", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
		       "--pid-file=", "--user=root", "--no-resolv", "--no-hosts", port, record,
		       "--listen-address=127.0.0.1", "--bind-interfaces", "--local-ttl=300", NULL);
		_exit(127);
	}
	for (int i = 0; i < TRIES; i++) {
		if (!client_ask(SIDE_PLAIN, TYPE_A, addr))
			return 0;
		if (waitpid(state.dnsmasq, NULL, WNOHANG) == state.dnsmasq) {
			state.dnsmasq = 0;
			return bench_fail(-ECHILD, "no dnsmasq (tools/deps --install test)");
		}
		usleep(10000); /* a start, not a measurement */
	}
	return bench_fail(-ETIMEDOUT, "dnsmasq does not answer");
}

/* Somebody who is in the cgroup: without, no namespace is known to answer in. */
static pid_t stays_start(int cgroup)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	place_enter(cgroup, -1);
	for (;;)
		pause();
}

static int allow_name(uint32_t guard)
{
	struct domain_rule rule = { .domain = NAME, .value = { .action = TEROK_ALLOW } };
	struct problem why = {};
	int lock = kernel_lock(&why), r = lock;

	if (lock >= 0) {
		r = names_put(state.ours.kernel, guard, &rule, &why);
		close(lock);
	}
	return r < 0 ? bench_fail(r, "allow %s: %s", NAME, why.text) : 0;
}

static int side_start(enum side side, const char *name)
{
	struct guard *guard = &state.guard[side];
	struct problem why = {};
	int r;

	state.cgroup[side] = place_cgroup(name);
	if (state.cgroup[side] < 0 || side == SIDE_PLAIN)
		return state.cgroup[side] < 0 ? state.cgroup[side] : 0;
	r = ours_guard(&state.ours, name, state.cgroup[side], 0, guard);
	if (!r && side == SIDE_EXACT &&
	    (r = guard_set_names(state.ours.kernel, guard->id, TEROK_NAMES_EXACT, &why)))
		return bench_fail(r, "synthetic: %s", why.text);
	if (!r)
		r = allow_name(guard->id);
	if (!r)
		state.stays[side] = stays_start(state.cgroup[side]);
	return r;
}

/* Until its resolver answers: the agent hears of who is in a cgroup from the kernel. */
static int side_await(enum side side)
{
	uint8_t addr[16];
	int r = -ETIMEDOUT;

	place_enter(state.cgroup[side], -1);
	for (int i = 0; r && i < TRIES; i++) {
		control_notify(state.guard[side].id);
		r = client_ask(side, TYPE_A, addr);
		if (r)
			usleep(10000); /* a start, not a measurement */
	}
	place_leave();
	return r ? bench_fail(r, "guard %u's resolver does not answer", state.guard[side].id) : 0;
}

static int set_up(void)
{
	int r = ours_load(&state.ours);

	if (!r)
		r = dnsmasq_start();
	if (!r)
		r = side_start(SIDE_PLAIN, "names-plain");
	if (!r)
		r = side_start(SIDE_LEARN, "names-learn");
	if (!r)
		r = side_start(SIDE_EXACT, "names-exact");
	if (!r)
		r = agent_start(&state.agent, true);
	if (!r)
		r = side_await(SIDE_LEARN);
	if (!r)
		r = side_await(SIDE_EXACT);
	return r;
}

static void tear_down(void)
{
	for (int i = 0; i < N_SIDES; i++) {
		if (state.stays[i] > 0) {
			kill(state.stays[i], SIGKILL);
			waitpid(state.stays[i], NULL, 0);
		}
	}
	agent_stop(&state.agent);
	if (state.dnsmasq > 0) {
		kill(state.dnsmasq, SIGTERM);
		waitpid(state.dnsmasq, NULL, 0);
	}
	ours_unload(&state.ours);
}

int bench_names(void)
{
	int r;

	bench_cpu(0);
	state.query_size = query_write(state.query, 0, TYPE_A);
	r = set_up();
	if (!r)
		r = answers(false);
	if (!r)
		r = answers(true);
	for (int i = 0; !r && i < 4; i++)
		r = calls_table(i % 2, i / 2);
	tear_down();
	return r;
}
