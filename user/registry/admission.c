// SPDX-License-Identifier: Apache-2.0
#include "admission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "grpc/server.h"

struct admission {
	struct caller *admitted; /* whose method begins */
	struct admission_use use;
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

/* NULL: no memory for it, or it has ended. One that is new is asked about anew: that costs a look. */
static struct known *known_of(struct grpc_call *call)
{
	void **kept = grpc_call_kept(call);
	const struct grpc_peer *peer = grpc_call_peer(call);
	struct known *known;

	if (!kept || *kept)
		return kept ? *kept : NULL;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	leaf_of_peer(peer, &known->leaf);
	known->from_s = peer->from_s;
	known->until_s = peer->until_s;
	known->since_ns = now_boot_ns();
	*kept = known;
	return known;
}

void admission_gone(void *kept, void *admission)
{
	struct known *known = kept;

	(void)admission;
	auth_proof_done(&known->proof);
	free(known);
}

struct caller *admission_admitted(void *admission)
{
	return TAKE_PTR(((struct admission *)admission)->admitted);
}

/* gRPC forgets who had the call until now: its method asks for that. */
static void admit(struct caller *caller)
{
	struct admission *admission = caller->admission;

	caller->admitted_ns = now_boot_ns();
	admission->admitted = caller;
	grpc_admit(caller->call);
	admission->admitted = NULL;
}

bool caller_holds(const struct caller *caller)
{
	const struct identity *identity = caller->admission->use.identity;

	return now_boot_ns() - caller->admitted_ns < ADMISSION_NS &&
	       (!identity || identity_holds(identity, &caller->who));
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
	caller->identity.leaf = caller->known->leaf;
	memcpy(caller->identity.addr, peer->addr, sizeof(caller->identity.addr));
	caller->identity.port = peer->port;
	caller->identity.fd = grpc_call_fd(caller->call);
	caller->identity.since_ns = caller->known->since_ns;
	caller->identity.container = admission->use.container;
	caller->identity.done = on_identity;
	identity_begin(admission->use.identity, &caller->identity);
}

/* A certificate's time may be over, or our clock be set to before it, while a connection stays. */
static bool is_of_today(const struct caller *caller)
{
	const struct known *known = caller->known;
	int64_t now = time(NULL);

	if (!known->leaf.present || (now >= known->from_s && now <= known->until_s))
		return true;
	log_warn(0, "event=auth_certificate_%s method=%s",
		 now < known->from_s ? "not_yet_valid" : "expired", grpc_path(caller->call));
	return false;
}

void admission_admit(struct grpc_call *call, void *user)
{
	static const struct grpc_events waiting = { .over = caller_over };
	const struct reply over = { REPLY_UNAUTHENTICATED, "certificate is not valid now" };
	struct caller *caller = calloc(1, sizeof(*caller));

	if (caller)
		caller->known = known_of(call);
	if (!caller || !caller->known) {
		free(caller);
		grpc_end(call, GRPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	caller->admission = user;
	caller->call = call;
	grpc_call_events(call, &waiting, caller);
	if (!is_of_today(caller)) {
		caller_end(caller, &over);
		return;
	}
	caller->auth.path = grpc_path(call);
	caller->auth.header = grpc_header(call, "authorization", 0);
	caller->auth.leaf = &caller->known->leaf;
	caller->auth.proof = &caller->known->proof;
	caller->auth.done = on_auth;
	auth_begin(caller->admission->use.auth, &caller->auth);
}
