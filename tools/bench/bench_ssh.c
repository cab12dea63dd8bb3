// SPDX-License-Identifier: Apache-2.0
/*
 * bench_ssh.c - a signature of the SSH agent, over OpenSSH's own agent with the same key
 *
 * Both are asked over a unix socket that stays open, as ssh(1) asks, in turn; what is signed has the size
 * of a login. Ours notes each in its audit file. Then clients ask ours all at once.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench.h"
#include "families.h"
#include "proxy/signer/wire.h"
#include "script.h"

#define DATA      200 /* bytes that are signed */
#define CLIENTS   16
#define OVER_NS   100000
#define PER_S     5000
#define REPLY_MAX 8192

enum { KEY_ED25519, KEY_RSA, KEY_ECDSA, KEYS };

static struct {
	struct script script;
	char token[64];
	struct wire_out request[KEYS];
} here;

struct peer {
	const char *name; /* of the socket */
	int type, fd;
};

/* The token, then a request to sign for each type of key. */
static int script_hear(void)
{
	unsigned char blob[2048], data[DATA] = { 0 };
	struct wire_out one = {};
	char line[4096];

	if (!fgets(here.token, sizeof(here.token), here.script.from))
		return -EPIPE;
	here.token[strcspn(here.token, "\n")] = '\0';
	for (int i = 0; i < KEYS; i++) {
		size_t n;
		int got;

		if (!fgets(line, sizeof(line), here.script.from))
			return -EPIPE;
		n = strcspn(line, "\n");
		got = EVP_DecodeBlock(blob, (unsigned char *)line, (int)n);
		for (; n && line[n - 1] == '='; n--)
			got--;
		if (got <= 0)
			return -EBADMSG;
		wire_put_u8(&one, 13);
		wire_put_string(&one, span_of(blob, (size_t)got));
		wire_put_string(&one, span_of(data, sizeof(data)));
		wire_put_u32(&one, 2);
		wire_put_string(&here.request[i], wire_out_span(&one));
		wire_out_done(&one);
	}
	return 0;
}

static int come(struct peer *peer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct wire_out token = {};
	int r = 0;

	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/%s", here.script.folder,
		 peer->name);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (strcmp(peer->name, "ours"))
		return 0;
	wire_put_text(&token, here.token);
	if (send(peer->fd, token.bytes, token.n, MSG_NOSIGNAL) != (ssize_t)token.n)
		r = -EPIPE;
	wire_out_done(&token);
	return r;
}

static int reply(const struct peer *peer)
{
	uint8_t bytes[REPLY_MAX], head[4] = {};
	struct wire wire = wire_of(head, sizeof(head));
	uint32_t n;

	if (recv(peer->fd, head, sizeof(head), MSG_WAITALL) != sizeof(head))
		return -EPIPE;
	n = wire_u32(&wire);
	if (n < 32 || n > sizeof(bytes) || recv(peer->fd, bytes, n, MSG_WAITALL) != (ssize_t)n)
		return -EBADMSG; /* a FAILURE has one byte */
	return *bytes == 14 ? 0 : -EBADMSG;
}

static int ask(const struct peer *peer)
{
	const struct wire_out *request = &here.request[peer->type];

	return send(peer->fd, request->bytes, request->n, MSG_NOSIGNAL) == (ssize_t)request->n
		   ? 0
		   : -EPIPE;
}

static int enter(struct config *config)
{
	struct peer *peer = config->user;
	int r = come(peer) ?: ask(peer) ?: reply(peer);

	return r ? bench_fail(r, "%s does not sign", peer->name) : 0;
}

static void leave(struct config *config)
{
	close(((struct peer *)config->user)->fd);
}

static int timed(struct config *config, struct samples *out)
{
	struct peer *peer = config->user;

	for (unsigned i = 0; i < config->n; i++) {
		uint64_t start = bench_ns();
		int r = ask(peer) ?: reply(peer);

		if (r)
			return bench_fail(r, "%s does not sign", peer->name);
		samples_add(out, bench_ns() - start);
	}
	return 0;
}

static int pair(int type, const char *name)
{
	struct peer theirs = { "openssh", type, -1 }, ours = { "ours", type, -1 };
	char what[2][BENCH_NAME];
	struct config c[] = { { what[0], enter, timed, leave, &theirs, .n = 1 },
			      { what[1], enter, timed, leave, &ours, .n = 1 } };
	int r;

	snprintf(what[0], sizeof(what[0]), "%s signature of OpenSSH's agent", name);
	snprintf(what[1], sizeof(what[1]), "... of ours");
	c[0].n = c[1].n = bench_pick(type == KEY_RSA ? 100 : 500, 50);
	r = bench_rounds(c, 2, bench_pick(20, 6));
	if (r)
		return r;
	bench_table(name, c, 2, 0);
	bench_judge(what[0], figure_p50(&c[0]), "ns", BOUND_NONE, 0, NULL, 0);
	snprintf(what[1], sizeof(what[1]), "%s signature of ours, over OpenSSH's", name);
	bench_judge(what[1], figure_difference(&c[1], &c[0]), "ns", BOUND_AT_MOST, OVER_NS, NULL,
		    0);
	return 0;
}

struct crowd {
	struct peer peer[CLIENTS];
};

static int crowd_enter(struct config *config)
{
	struct crowd *crowd = config->user;
	int r = 0;

	for (int i = 0; i < CLIENTS; i++) {
		crowd->peer[i] = (struct peer){ "ours", KEY_ED25519, -1 };
		r = r ?: come(&crowd->peer[i]) ?: ask(&crowd->peer[i]);
	}
	return r ? bench_fail(r, "the crowd does not come in") : 0;
}

static void crowd_leave(struct config *config)
{
	struct crowd *crowd = config->user;

	for (int i = 0; i < CLIENTS; i++)
		if (crowd->peer[i].fd >= 0)
			close(crowd->peer[i].fd);
}

/* Each has one request out; who has its reply asks again. Nanoseconds of one. */
static int crowd_asks(struct config *config, struct samples *out)
{
	uint64_t start = bench_ns(), end = start + config->n * UINT64_C(1000000), now = start;
	struct crowd *crowd = config->user;
	struct pollfd ready[CLIENTS];
	unsigned n = 0;

	for (int i = 0; i < CLIENTS; i++)
		ready[i] = (struct pollfd){ .fd = crowd->peer[i].fd, .events = POLLIN };
	for (; now < end; now = bench_ns()) {
		int r = poll(ready, CLIENTS, 1000) > 0 ? 0 : -ETIMEDOUT;

		for (int i = 0; !r && i < CLIENTS; i++) {
			if (!ready[i].revents)
				continue;
			r = reply(&crowd->peer[i]) ?: ask(&crowd->peer[i]);
			n++;
		}
		if (r)
			return bench_fail(r, "the crowd");
	}
	samples_add(out, (now - start) / n);
	return 0;
}

static int crowd(void)
{
	struct crowd crowd;
	struct config c = { "an Ed25519 signature of ours, of 16 clients",
			    crowd_enter,
			    crowd_asks,
			    crowd_leave,
			    &crowd,
			    .n = 400 }; /* milliseconds */
	int r = bench_rounds(&c, 1, bench_pick(10, 5));
	struct figure ns = figure_p50(&c);

	if (r)
		return r;
	bench_judge("Ed25519 signatures of ours, of 16 clients",
		    (struct figure){ 1e9 / ns.value, 1e9 / ns.max, 1e9 / ns.min }, "/s",
		    BOUND_AT_LEAST, PER_S, NULL, 0);
	return 0;
}

int bench_ssh(void)
{
	int r = script_start(&here.script, "ssh.sh", NULL) ?: script_hear();

	if (r)
		bench_fail(r, "the agents that are compared do not both serve");
	r = r ?: pair(KEY_ED25519, "Ed25519");
	r = r ?: pair(KEY_RSA, "RSA");
	r = r ?: pair(KEY_ECDSA, "ECDSA");
	r = r ?: crowd();
	return script_end(&here.script) && !r ? bench_fail(-EPIPE, "the script failed") : r;
}
