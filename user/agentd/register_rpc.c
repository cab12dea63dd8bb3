// SPDX-License-Identifier: Apache-2.0
#include "register_rpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "grpc/channel.h"
#include "hosts.h"
#include "proto/agent.pb-c.h"
#include "serve.h"
#include "bearer.h"

#define REQUEST_MAX 1024

struct register_rpc {
	struct register_rpc_use use;
	struct grpc_tls *tls;
	struct agentd_registrar *registrar; /* of the attempt; NULL: there is none */
	struct bearer *token;
	struct grpc_channel *channel;
	struct timer late, over;
	char *bearer; /* "Bearer ..." */
	char text[256];
	bool ok, consumed;
};

/* From the loop: whoever found out is in the middle of what goes now. */
static int on_over(struct timer *timer)
{
	struct register_rpc *rpc = container_of(timer, struct register_rpc, over);
	struct agentd_registrar *registrar = rpc->registrar;

	rpc->registrar = NULL;
	timer_disarm(&rpc->late);
	bearer_free(rpc->token);
	rpc->token = NULL;
	grpc_channel_free(rpc->channel);
	rpc->channel = NULL;
	if (rpc->bearer)
		explicit_bzero(rpc->bearer, strlen(rpc->bearer));
	free(rpc->bearer);
	rpc->bearer = NULL;
	agentd_registrar_done(registrar, rpc->ok ? NULL : rpc->text, rpc->consumed);
	return 0;
}

/* The first word counts. @text: NULL: it is done. */
static void attempt_over(struct register_rpc *rpc, const char *text)
{
	if (!rpc->registrar || rpc->over.loop)
		return;
	rpc->ok = !text;
	snprintf(rpc->text, sizeof(rpc->text), "%s", text ?: "");
	timer_arm(rpc->use.loop, &rpc->over, 0, on_over);
}

static int on_late(struct timer *timer)
{
	attempt_over(container_of(timer, struct register_rpc, late),
		     "the control plane does not answer in time");
	return 0;
}

static void on_call_over(struct grpc_call *call, enum grpc_code code, const char *text)
{
	struct register_rpc *rpc = grpc_call_mine(call);
	char safe[120], said[160];

	/* these may come of the way there; all others are the word of who saw the assertion */
	if (code != GRPC_UNAVAILABLE && code != GRPC_DEADLINE_EXCEEDED && code != GRPC_CANCELLED)
		rpc->consumed = true;
	snprintf(said, sizeof(said), "%s: %s", grpc_code_name(code),
		 log_safe(safe, sizeof(safe), text));
	attempt_over(rpc, code == GRPC_OK ? NULL : said);
}

static void on_welcome(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	(void)call; /* it has no fields: the status that follows says all */
	(void)bytes;
	(void)n;
}

static const struct grpc_events call_events = { .message = on_welcome, .over = on_call_over };

static int request_send(struct register_rpc *rpc, struct grpc_call *call)
{
	Clawker__Agent__V1__RegisterRequest request = CLAWKER__AGENT__V1__REGISTER_REQUEST__INIT;
	uint8_t bytes[REQUEST_MAX];
	size_t n;

	request.agent_name = (char *)rpc->use.agent;
	request.project = (char *)rpc->use.project;
	if (clawker__agent__v1__register_request__get_packed_size(&request) > sizeof(bytes))
		return -EMSGSIZE;
	n = clawker__agent__v1__register_request__pack(&request, bytes);
	return grpc_send(call, bytes, n);
}

static void on_up(struct grpc_channel *channel, void *user)
{
	struct register_rpc *rpc = user;
	struct grpc_metadata bearer = { "authorization", rpc->bearer };
	struct grpc_call *call;
	int r = grpc_call_new(channel, "/clawker.agent.v1.AgentService/Register", &bearer, 1,
			      REGISTER_RPC_NS, &call_events, rpc, &call);

	if (!r)
		r = request_send(rpc, call);
	if (r)
		attempt_over(rpc, strerror(-r));
	else
		grpc_half_close(call);
}

static void on_down(struct grpc_channel *channel, const char *why, void *user)
{
	char safe[160];

	(void)channel;
	attempt_over(user, log_safe(safe, sizeof(safe), why));
}

static const struct grpc_channel_events channel_events = { .up = on_up, .down = on_down };

static void call_begin(struct register_rpc *rpc, const char *token)
{
	struct grpc_limits limits = GRPC_LIMITS;
	struct sockaddr_storage addr;
	struct problem why = {};
	socklen_t size;
	int r = hosts_find(rpc->use.address, &addr, &size, &why);

	if (!r && asprintf(&rpc->bearer, "Bearer %s", token) < 0)
		rpc->bearer = NULL, r = problem(&why, -ENOMEM, "no memory");
	limits.headers = 2 * BOOTSTRAP_MAX;
	if (!r) {
		r = grpc_channel_new(rpc->use.loop, (struct sockaddr *)&addr, size, rpc->tls, NULL,
				     &limits, &channel_events, rpc, &rpc->channel);
		if (r)
			problem(&why, r, "connect: %s", strerror(-r));
	}
	if (r)
		attempt_over(rpc, why.text);
	else
		timer_arm(rpc->use.loop, &rpc->late, now_boot_ns() + REGISTER_RPC_NS, on_late);
}

static void on_token(void *user, const char *token, const char *error, bool consumed)
{
	struct register_rpc *rpc = user;

	rpc->consumed = consumed;
	if (token)
		call_begin(rpc, token);
	else
		attempt_over(rpc, error);
}

void register_rpc_attempt(struct agentd_registrar *registrar, void *user)
{
	struct register_rpc *rpc = user;
	struct problem why = {};

	rpc->registrar = registrar;
	rpc->consumed = false;
	if (!rpc->use.token_url)
		call_begin(rpc, rpc->use.bootstrap->assertion.bytes);
	else if (bearer_new(rpc->use.loop, rpc->use.reaper, rpc->use.token_url, rpc->use.bootstrap,
			    on_token, rpc, &rpc->token, &why))
		attempt_over(rpc, why.text);
}

int register_rpc_new(const struct register_rpc_use *use, struct register_rpc **ret,
		     struct problem *why)
{
	const struct bootstrap *bootstrap = use->bootstrap;
	struct grpc_tls_use tls = {
		.client = true,
		.verify = GRPC_VERIFY_CHAIN,
		.cert = { .bytes = bootstrap->cert.bytes, .n = bootstrap->cert.n },
		.key = { .bytes = bootstrap->key.bytes, .n = bootstrap->key.n },
		.ca = { .bytes = bootstrap->ca.bytes, .n = bootstrap->ca.n },
		.name = SERVE_PEER,
	};
	struct register_rpc *rpc = calloc(1, sizeof(*rpc));

	if (!rpc)
		return problem(why, -ENOMEM, "no memory");
	rpc->use = *use;
	if (grpc_tls_new(&tls, &rpc->tls, why)) {
		free(rpc);
		return -EINVAL;
	}
	*ret = rpc;
	return 0;
}

void register_rpc_free(struct register_rpc *rpc)
{
	if (!rpc)
		return;
	timer_disarm(&rpc->late);
	timer_disarm(&rpc->over);
	rpc->registrar = NULL;
	bearer_free(rpc->token);
	grpc_channel_free(rpc->channel);
	if (rpc->bearer)
		explicit_bzero(rpc->bearer, strlen(rpc->bearer));
	free(rpc->bearer);
	grpc_tls_free(rpc->tls);
	free(rpc);
}
