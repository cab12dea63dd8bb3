// SPDX-License-Identifier: Apache-2.0
#include "methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "base/log.h"
#include "grpc/decode.h"
#include "proto/admin.pb-c.h"
#include "proto/agent.pb-c.h"

#define REQUEST_DECODED (256 << 10) /* bytes: four times what a message may have here */

/* --- Register --------------------------------------------------------------------------- */

static void on_registered(struct register_ask *ask, const struct reply *reply)
{
	struct caller *caller = container_of(ask, struct caller, registering);
	struct reply failed;

	if (reply->code == REPLY_OK && grpc_send(caller->call, "", 0)) { /* Welcome has no fields */
		failed = reply_make(REPLY_INTERNAL, "register: no memory for a reply");
		reply = &failed;
	}
	caller_end(caller, reply);
}

static void register_it(struct caller *caller, const Clawker__Agent__V1__RegisterRequest *request)
{
	struct register_ask *ask = &caller->registering;
	struct spent spent;

	/* its message may come long after its headers, by which it was admitted */
	if (!caller_holds(caller))
		caller->who = (struct resolved){};
	ask->agent = request ? request->agent_name : NULL;
	ask->project = request ? request->project : NULL;
	ask->who = &caller->who;
	ask->leaf = &caller->known->leaf;
	ask->spent = auth_spent(&caller->auth, &spent) ? &spent : NULL;
	ask->done = on_registered;
	register_begin(admission_of(caller)->registrar, ask);
}

static void on_request(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	struct caller *caller = grpc_call_mine(call);
	Clawker__Agent__V1__RegisterRequest *request;
	struct decode decode;
	ProtobufCAllocator *within = decode_within(&decode, REQUEST_DECODED);
	struct reply reply;

	if (caller->said) { /* one message is what this method takes */
		reply = reply_make(REPLY_INVALID, "register: more than one request");
		caller_end(caller, &reply);
		return;
	}
	caller->said = true;
	request = clawker__agent__v1__register_request__unpack(within, n, bytes);
	if (!request) {
		reply = reply_make(REPLY_INVALID, "register: malformed request");
		caller_end(caller, &reply);
		return;
	}
	register_it(caller, request);
	clawker__agent__v1__register_request__free_unpacked(request, within);
}

static void on_no_request(struct grpc_call *call)
{
	struct caller *caller = grpc_call_mine(call);

	if (!caller->said)
		register_it(caller, NULL);
}

void method_register(struct grpc_call *call, void *user)
{
	static const struct grpc_events events = { .message = on_request,
						   .half_closed = on_no_request,
						   .over = caller_over };

	grpc_call_events(call, &events, admission_admitted(user));
}

/* --- ListAgents -------------------------------------------------------------------------- */

struct listed {
	Clawker__Admin__V1__ListAgentsResult result;
	size_t room;
};

static void listed_done(struct listed *listed)
{
	for (size_t i = 0; i < listed->result.n_agents; i++) {
		Clawker__Admin__V1__Agent *agent = listed->result.agents[i];

		free(agent->agent_name);
		free(agent->project);
		free(agent->container_id);
		free(agent->cert_thumbprint);
		free(agent);
	}
	free(listed->result.agents);
}

static int list_one(const struct agent *row, void *user)
{
	struct listed *listed = user;
	Clawker__Admin__V1__Agent *agent;
	char hex[LEAF_HEX_LEN];

	if (listed->result.n_agents == listed->room) {
		size_t room = listed->room ? 2 * listed->room : 64;
		void *bigger = realloc(listed->result.agents, room * sizeof(agent));

		if (!bigger)
			return -ENOMEM;
		listed->result.agents = bigger;
		listed->room = room;
	}
	agent = malloc(sizeof(*agent));
	if (!agent)
		return -ENOMEM;
	clawker__admin__v1__agent__init(agent);
	listed->result.agents[listed->result.n_agents++] = agent;
	leaf_hex(row->thumbprint, hex);
	agent->agent_name = strdup(row->name);
	agent->project = strdup(row->project);
	agent->container_id = strdup(row->container);
	agent->cert_thumbprint = strdup(hex);
	agent->registered_at_unix = row->registered;
	agent->last_seen_unix = row->seen;
	return agent->agent_name && agent->project && agent->container_id && agent->cert_thumbprint
		   ? 0
		   : -ENOMEM;
}

/* What its token costs, before anything is told. */
static int spend(struct caller *caller, struct problem *why)
{
	struct registrar *registrar = admission_of(caller)->registrar;
	struct spent spent;

	if (!auth_spent(&caller->auth, &spent))
		return 0;
	/* also what others have begun, who are told when their turn comes */
	return registrar_spend(registrar, &spent, why) ?: registrar_commit(registrar, why);
}

static struct reply list(struct caller *caller)
{
	_cleanup_(listed_done) struct listed listed = {
		.result = CLAWKER__ADMIN__V1__LIST_AGENTS_RESULT__INIT
	};
	_cleanup_free_ uint8_t *bytes = NULL;
	struct problem why = {};
	int r = spend(caller, &why);
	size_t n;

	if (r == -EEXIST)
		return reply_make(REPLY_UNAUTHENTICATED, "token inactive");
	r = r ?: agents_each(admission_of(caller)->agents, list_one, &listed, &why);
	n = r ? 0 : clawker__admin__v1__list_agents_result__get_packed_size(&listed.result);
	bytes = malloc(n + 1);
	if (!r && bytes) {
		clawker__admin__v1__list_agents_result__pack(&listed.result, bytes);
		r = grpc_send(caller->call, bytes, n);
	}
	if (!r && bytes)
		return (struct reply){ .code = REPLY_OK };
	log_error(r, "event=list_agents_snapshot_failed %s", why.text);
	return reply_make(REPLY_INTERNAL, "list agents: snapshot unavailable");
}

static void on_asked(struct grpc_call *call, const uint8_t *bytes, size_t n)
{
	struct caller *caller = grpc_call_mine(call);
	struct reply reply = reply_make(REPLY_UNAUTHENTICATED, "token inactive");

	(void)bytes; /* the request has no fields; what a newer one has is not for us */
	(void)n;
	if (caller_holds(caller))
		reply = list(caller);
	caller_end(caller, &reply);
}

static void on_nothing_asked(struct grpc_call *call)
{
	const struct reply reply = reply_make(REPLY_INVALID, "list agents: nil request");

	caller_end(grpc_call_mine(call), &reply);
}

void method_list_agents(struct grpc_call *call, void *user)
{
	static const struct grpc_events events = { .message = on_asked,
						   .half_closed = on_nothing_asked,
						   .over = caller_over };

	grpc_call_events(call, &events, admission_admitted(user));
}
