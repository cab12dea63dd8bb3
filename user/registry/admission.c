// SPDX-License-Identifier: Apache-2.0
#include "admission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "grpc/server.h"

#define SEEN 8192 /* more than there are connections: they seldom share a place */

/* The kernel never gives a cookie twice. */
struct seen {
	uint64_t cookie, since_ns;
};

struct admission {
	struct caller *admitted; /* whose method begins */
	struct admission_use use;
	struct seen seen[SEEN];
};

int admission_new(const struct admission_use *use, struct admission **ret)
{
	struct admission *admission = calloc(1, sizeof(*admission));

	if (!admission)
		return -ENOMEM;
	admission->use = *use;
	*ret = admission;
	return 0;
}

void admission_free(struct admission *admission)
{
	free(admission);
}

const struct admission_use *admission_of(const struct caller *caller)
{
	return &caller->admission->use;
}

/* When its connection was there for certain. One that was forgotten is new: that costs a look. */
static uint64_t since(struct admission *admission, int fd)
{
	uint64_t cookie = 0, now = now_boot_ns();
	socklen_t size = sizeof(cookie);
	struct seen *seen;

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) || !cookie)
		return now;
	seen = &admission->seen[cookie % SEEN];
	if (seen->cookie != cookie)
		*seen = (struct seen){ cookie, now };
	return seen->since_ns;
}

void leaf_of_peer(const struct grpc_peer *peer, struct leaf *ret)
{
	*ret = (struct leaf){ .present = peer->has_cert && peer->chain };
	if (!ret->present)
		return;
	memcpy(ret->thumbprint, peer->thumbprint, sizeof(ret->thumbprint));
	if (peer->cn_found && strlen(peer->cn) < sizeof(ret->cn))
		strcpy(ret->cn, peer->cn);
	if (peer->san_malformed)
		ret->agent_san = ret->container_san = SAN_MALFORMED;
	for (unsigned i = 0; i < peer->n_uri && !peer->san_malformed; i++)
		leaf_take_uri(ret, peer->uri[i], strlen(peer->uri[i]));
}

struct caller *admission_admitted(void *admission)
{
	return TAKE_PTR(((struct admission *)admission)->admitted);
}

/* gRPC forgets who had the call until now: its method asks for that. */
static void admit(struct caller *caller)
{
	struct admission *admission = caller->admission;

	admission->admitted = caller;
	grpc_admit(caller->call);
	admission->admitted = NULL;
}

/* --- the end --------------------------------------------------------------------------- */

static void caller_free(struct caller *caller)
{
	auth_forget(&caller->auth);
	identity_forget(&caller->identity);
	register_forget(&caller->registering);
	free(caller);
}

void caller_end(struct caller *caller, const struct reply *reply)
{
	struct grpc_call *call = caller->call;
	const struct reply last = *reply; /* which may be the caller's own */

	caller_free(caller);
	grpc_end(call, (enum grpc_code)reply_grpc(last.code), last.text);
}

void caller_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	(void)code;
	(void)text;
	caller_free(grpc_call_mine(call));
}

/* --- the way --------------------------------------------------------------------------- */

static void on_identity(struct identity_ask *ask, const struct reply *reply,
			const struct resolved *who)
{
	struct caller *caller = container_of(ask, struct caller, identity);

	if (reply->code != REPLY_OK) {
		caller_end(caller, reply);
		return;
	}
	caller->who = *who;
	admit(caller);
}

static void on_auth(struct auth_ask *ask, const struct reply *reply)
{
	struct caller *caller = container_of(ask, struct caller, auth);
	const struct grpc_peer *peer = grpc_call_peer(caller->call);
	struct admission *admission = caller->admission;

	if (reply->code != REPLY_OK) {
		caller_end(caller, reply);
		return;
	}
	if (!admission->use.identity) {
		admit(caller);
		return;
	}
	caller->identity.leaf = caller->leaf;
	memcpy(caller->identity.addr, peer->addr, sizeof(caller->identity.addr));
	caller->identity.port = peer->port;
	caller->identity.fd = grpc_call_fd(caller->call);
	caller->identity.since_ns = since(admission, caller->identity.fd);
	caller->identity.done = on_identity;
	identity_begin(admission->use.identity, &caller->identity);
}

void admission_admit(struct grpc_call *call, void *user)
{
	static const struct grpc_events waiting = { .over = caller_over };
	struct caller *caller = calloc(1, sizeof(*caller));

	if (!caller) {
		grpc_end(call, GRPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	caller->admission = user;
	caller->call = call;
	leaf_of_peer(grpc_call_peer(call), &caller->leaf);
	grpc_call_events(call, &waiting, caller);
	caller->auth.path = grpc_path(call);
	caller->auth.header = grpc_header(call, "authorization", 0);
	caller->auth.leaf = &caller->leaf;
	caller->auth.done = on_auth;
	auth_begin(caller->admission->use.auth, &caller->auth);
}
