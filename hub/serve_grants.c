// SPDX-License-Identifier: Apache-2.0
#include "serve_grants.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"
#include "serve_answer.h"
#include "wire_grant.h"

const struct varlink_param serve_grants_params[SERVE_GRANTS_PARAMS] = {
	{ "guard", json_type_int, true },
};
const struct varlink_param serve_revoke_params[SERVE_REVOKE_PARAMS] = {
	{ "grant", json_type_string, false },
};

/* One call, while it is answered. */
struct asking {
	struct grant_call grants;
	struct varlink_call *call;
	struct hub *hub;
	struct json out;
	char grant[24]; /* of Revoke */
};

static void asking_free(struct asking *asking)
{
	grant_calls_end(hub_grants(asking->hub), &asking->grants);
	json_free(&asking->out);
	free(asking);
}

static void asking_gone(void *owner)
{
	asking_free(owner);
}

/* NULL: the error was sent. */
static struct asking *asking_new(struct varlink_call *call)
{
	struct asking *asking = calloc(1, sizeof(*asking));

	if (!asking) {
		varlink_error(call, NO_MEMORY, NULL);
		return NULL;
	}
	asking->call = call;
	asking->hub = varlink_call_user(call);
	varlink_keep(call, asking, NULL, asking_gone);
	return asking;
}

/* --- ListGrants --------------------------------------------------------------------------- */

/* Of a guard that ended meanwhile there is none. */
static void on_grant(struct grant_call *call, const struct msg_grant *grant)
{
	struct asking *asking = container_of(call, struct asking, grants);
	const struct label *label = hub_label(asking->hub, grant->guard);
	uint32_t uid = varlink_call_uid(asking->call);

	if (label && (!uid || uid == label->info.uid))
		wire_grant(&asking->out, label, grant);
}

static void on_listed(struct grant_call *call, bool more)
{
	struct asking *asking = container_of(call, struct asking, grants);

	json_close_array(&asking->out);
	json_add_bool(&asking->out, "more", more);
	json_close_object(&asking->out);
	varlink_reply(asking->call, json_done(&asking->out));
	asking_free(asking);
}

void serve_list_grants(struct varlink_call *call, struct json_object *parameters)
{
	struct json_object *value = json_object_object_get(parameters, "guard");
	int64_t guard = value ? json_object_get_int64(value) : 0;
	struct asking *asking;

	if (guard < 0 || guard > UINT32_MAX) {
		varlink_error_text(call, "org.varlink.service.InvalidParameter", "parameter",
				   "guard");
		return;
	}
	asking = asking_new(call);
	if (!asking)
		return;
	asking->grants = (struct grant_call){ .grant = on_grant, .listed = on_listed };
	json_open_object(&asking->out, NULL);
	json_open_array(&asking->out, "grants");
	if (grant_calls_list(hub_grants(asking->hub), &asking->grants, varlink_call_uid(call),
			     guard)) {
		varlink_error(call, NO_MEMORY, NULL);
		asking_free(asking);
	}
}

/* --- Revoke ------------------------------------------------------------------------------- */

static void not_revoked(struct asking *asking, const char *reason)
{
	json_open_object(&asking->out, NULL);
	json_add_string(&asking->out, "grant", asking->grant);
	wire_text(&asking->out, "reason", reason);
	json_close_object(&asking->out);
	varlink_error(asking->call, FIREWALL ".NotRevoked", json_done(&asking->out));
}

static void on_revoked(struct grant_call *call, const struct msg_revoked *revoked)
{
	struct asking *asking = container_of(call, struct asking, grants);
	char problem[sizeof(revoked->problem) + 1];

	memcpy(problem, revoked->problem, sizeof(revoked->problem));
	problem[sizeof(revoked->problem)] = '\0';
	if (!revoked->result)
		varlink_reply(asking->call, NULL);
	else if (revoked->result == -ENOENT)
		varlink_error_text(asking->call, FIREWALL ".UnknownGrant", "grant", asking->grant);
	else
		not_revoked(asking, problem);
	asking_free(asking);
}

void serve_revoke(struct varlink_call *call, struct json_object *parameters)
{
	const char *text = json_object_get_string(json_object_object_get(parameters, "grant"));
	struct msg_revoke revoke = { .number = wire_grant_number(text),
				     .uid = varlink_call_uid(call),
				     .pid = varlink_call_pid(call) };
	struct asking *asking;

	if (!revoke.number) { /* nothing is called so */
		varlink_error_text(call, FIREWALL ".UnknownGrant", "grant", text);
		return;
	}
	asking = asking_new(call);
	if (!asking)
		return;
	snprintf(asking->grant, sizeof(asking->grant), "%s", text);
	asking->grants = (struct grant_call){ .revoked = on_revoked };
	if (grant_calls_revoke(hub_grants(asking->hub), &asking->grants, &revoke)) {
		not_revoked(asking, "the agent cannot be reached");
		asking_free(asking);
	}
}
