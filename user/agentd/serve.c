// SPDX-License-Identifier: Apache-2.0
#include "serve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "grpc/server.h"
#include "hosts.h"

#define BACKLOG     16
#define CONNECTIONS 32 /* a control plane has one, and those that died unheard */
#define STREAMS     8

/* A session and the call that carries it. */
struct carried {
	struct grpc_call *call;
	struct agentd_session *session;
	struct agentd_serve *serve;
	struct timer end; /* it cannot go on */
};

struct agentd_serve {
	const struct agentd_place *place;
	struct grpc_tls *tls;
	struct grpc_server *server;
	struct grpc_method method;
	struct grpc_server_use use;
};

static void carried_free(struct carried *carried)
{
	timer_disarm(&carried->end);
	agentd_session_free(carried->session);
	free(carried);
}

static void carried_end(struct carried *carried, enum grpc_code code, const char *text)
{
	struct grpc_call *call = carried->call;

	carried_free(carried);
	grpc_end(call, code, text);
}

static int on_end(struct timer *timer)
{
	carried_end(container_of(timer, struct carried, end), GRPC_INTERNAL,
		    "responses cannot be sent");
	return 0;
}

static int on_send(void *user, const void *bytes, size_t n)
{
	struct carried *carried = user;
	int r = grpc_send(carried->call, bytes, n);

	if (r && r != -ENOBUFS) /* later: the session is in the middle of something */
		timer_arm(carried->serve->place->loop, &carried->end, 0, on_end);
	return r;
}

static void on_hold(void *user, bool hold)
{
	struct carried *carried = user;

	grpc_hold(carried->call, hold);
}

static const struct agentd_ways ways = { .send = on_send, .hold = on_hold };

static void on_message(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	struct carried *carried = grpc_call_mine(call);

	if (agentd_session_take(carried->session, bytes, n) == -EBADMSG)
		carried_end(carried, GRPC_INVALID_ARGUMENT, "a Command cannot be read");
}

static void on_half_closed(struct grpc_call *call)
{
	carried_end(grpc_call_mine(call), GRPC_OK, NULL);
}

static void on_drained(struct grpc_call *call)
{
	struct carried *carried = grpc_call_mine(call);

	agentd_session_drained(carried->session);
}

static void on_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	char safe[128];

	log_info("session over: %s: %s", grpc_code_name(code), log_safe(safe, sizeof(safe), text));
	carried_free(grpc_call_mine(call));
}

static const struct grpc_events events = {
	.message = on_message,
	.half_closed = on_half_closed,
	.drained = on_drained,
	.over = on_over,
};

/* For the audit lines: "cn=... thumbprint=...". */
static void peer_text(const struct grpc_peer *peer, char *text, size_t size)
{
	char safe[GRPC_CN_MAX + 1];
	int n = snprintf(text, size, "cn=%s thumbprint=", log_safe(safe, sizeof(safe), peer->cn));

	for (int i = 0; i < GRPC_THUMBPRINT; i++)
		n += snprintf(text + n, size - n, "%02x", peer->thumbprint[i]);
}

static void on_start(struct grpc_call *call, void *user)
{
	struct carried *carried = calloc(1, sizeof(*carried));
	char peer[GRPC_CN_MAX + 2 * GRPC_THUMBPRINT + 32];
	int r = carried ? 0 : -ENOMEM;

	peer_text(grpc_call_peer(call), peer, sizeof(peer));
	if (!r) {
		carried->call = call;
		carried->serve = user;
		r = agentd_session_new(carried->serve->place, &ways, carried, peer,
				       &carried->session);
	}
	if (r) {
		free(carried);
		grpc_end(call, GRPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	grpc_call_events(call, &events, carried);
}

static void on_refused(const struct grpc_peer *peer, const char *why, void *user)
{
	char cn[GRPC_CN_MAX + 1], text[128];

	(void)user;
	log_warn(0, "connection refused: cn=%s: %s", log_safe(cn, sizeof(cn), peer->cn),
		 log_safe(text, sizeof(text), why));
}

static int listen_at(const char *at, int *ret, struct problem *why)
{
	struct sockaddr_storage addr;
	_cleanup_close_ int fd = -1;
	socklen_t size;
	int r = hosts_find(at, &addr, &size, why);

	if (r)
		return -EINVAL;
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 && errno == EAFNOSUPPORT && *at == ':') { /* any address, without IPv6 */
		addr = (struct sockaddr_storage){ .ss_family = AF_INET };
		((struct sockaddr_in *)&addr)->sin_port = htons(atoi(at + 1));
		size = sizeof(struct sockaddr_in);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	}
	if (fd < 0)
		return problem(why, -errno, "a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&addr, size) || listen(fd, BACKLOG))
		return problem(why, errno == EINVAL ? -EADDRNOTAVAIL : -errno, "listen at %s: %s",
			       at, strerror(errno));
	*ret = TAKE_FD(fd);
	return 0;
}

int agentd_serve_new(const struct agentd_place *place, const char *at,
		     const struct bootstrap *bootstrap, struct agentd_serve **ret,
		     struct problem *why)
{
	struct grpc_tls_use tls = {
		.verify = GRPC_VERIFY_STRICT,
		.cert = { .bytes = bootstrap->cert.bytes, .n = bootstrap->cert.n },
		.key = { .bytes = bootstrap->key.bytes, .n = bootstrap->key.n },
		.ca = { .bytes = bootstrap->ca.bytes, .n = bootstrap->ca.n },
		.name = SERVE_PEER,
	};
	struct agentd_serve *serve = calloc(1, sizeof(*serve));
	struct grpc_limits limits = GRPC_LIMITS;
	int fd = -1, r;

	if (!serve)
		return problem(why, -ENOMEM, "no memory");
	limits.connections = limits.per_address = CONNECTIONS;
	limits.streams = STREAMS;
	serve->place = place;
	serve->method =
	    (struct grpc_method){ "/clawker.clawkerd.v1.ClawkerdService/Session", on_start };
	serve->use = (struct grpc_server_use){
		.methods = &serve->method, .n_methods = 1, .refused = on_refused, .user = serve
	};
	r = grpc_tls_new(&tls, &serve->tls, why) ? -EINVAL : 0;
	if (!r)
		r = listen_at(at, &fd, why);
	if (!r) {
		r = grpc_server_new(place->loop, fd, serve->tls, &serve->use, &limits,
				    &serve->server);
		if (r) /* not what was configured: ours */
			r = problem(why, r == -EINVAL ? -EIO : r, "serve: %s", strerror(-r));
	}
	if (r)
		agentd_serve_free(serve);
	else
		*ret = serve;
	return r;
}

void agentd_serve_free(struct agentd_serve *serve)
{
	if (!serve)
		return;
	grpc_server_free(serve->server);
	grpc_tls_free(serve->tls);
	free(serve);
}
