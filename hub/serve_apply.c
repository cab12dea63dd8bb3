// SPDX-License-Identifier: Apache-2.0
#include "serve_apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"

/* A call, until all of its answers have come to their end. */
struct apply {
	struct varlink_call *call;
	struct hub *hub;
	struct hub_answer given;
	const char *dest; /* the call's, until it returns */
	struct part *parts;
	unsigned asked, open; /* answers: begun, and not at their end */
	bool failed;
	char problem[256]; /* of the first that failed */
};

struct part { /* one request's answer */
	struct part *next;
	struct apply *apply;
	uint64_t token;
	char id[REQUEST_TEXT_MAX + 1];
};

static void apply_free(struct apply *apply)
{
	struct part *part;

	while ((part = apply->parts)) {
		apply->parts = part->next;
		free(part);
	}
	free(apply);
}

static void apply_gone(void *owner)
{
	struct apply *apply = owner;

	for (const struct part *part = apply->parts; part; part = part->next)
		hub_answer_forget(apply->hub, part->token);
	apply_free(apply);
}

/* The helper's contract: whatever becomes of it is a reply, none is an error. */
static void reply(struct varlink_call *call, bool ok, const char *text)
{
	_cleanup_json_ struct json out = {};

	json_open_object(&out, NULL);
	json_add_bool(&out, "ok", ok);
	json_add_string(&out, "stderr", text);
	json_close_object(&out);
	varlink_reply(call, json_done(&out));
}

static void apply_over(struct apply *apply)
{
	reply(apply->call, !apply->failed, apply->problem);
	apply_free(apply);
}

static void note_failure(struct apply *apply, const char *problem)
{
	if (!apply->failed)
		snprintf(apply->problem, sizeof(apply->problem), "%s", problem);
	apply->failed = true;
}

/* One answer may be of many requests: then it is in force for the next one before its own comes. */
static bool is_in_force(const struct part *part)
{
	const struct answered *answered =
	    hub_find_answered(part->apply->hub, part->id, part->apply->given.uid);

	return answered && answered->action == part->apply->given.action;
}

static void on_answered(const struct hub_outcome *outcome, void *user)
{
	const struct part *part = user;
	struct apply *apply = part->apply;

	if (outcome->result && !(outcome->result == -ENOENT && is_in_force(part)))
		note_failure(apply, outcome->problem ?: "");
	if (!--apply->open)
		apply_over(apply);
}

static void answer_one(struct request *request, void *user)
{
	struct apply *apply = user;
	struct hub_answer given = apply->given;
	struct part *part = calloc(1, sizeof(*part));

	apply->asked++;
	if (!part) {
		note_failure(apply, "no memory");
		return;
	}
	part->apply = apply;
	snprintf(part->id, sizeof(part->id), "%s", request->id);
	part->next = apply->parts;
	apply->parts = part;
	/* what was asked by name and is answered by address is of this address alone */
	if (strcmp(request->dest, apply->dest))
		given.reach = REACH_ADDRESS;
	if (hub_answer_send(apply->hub, request, &given, on_answered, part, &part->token))
		note_failure(apply, "the agent cannot be reached");
	else
		apply->open++;
}

void serve_apply(struct varlink_call *call, struct json_object *parameters)
{
	const char *container = json_text(parameters, "container"),
		   *dest = json_text(parameters, "dest"), *action = json_text(parameters, "action");
	struct hub_answer given = { .uid = varlink_call_uid(call),
				    .pid = varlink_call_pid(call),
				    .scope = SCOPE_FOREVER };
	struct apply *apply;

	given.action = strcmp(action, "allow") ? TEROK_DENY : TEROK_ALLOW;
	if (given.action == TEROK_DENY && strcmp(action, "deny")) {
		reply(call, false, "the action is allow or deny");
		return;
	}
	apply = calloc(1, sizeof(*apply));
	if (!apply) {
		reply(call, false, "no memory");
		return;
	}
	*apply = (struct apply){
		.call = call, .hub = varlink_call_user(call), .given = given, .dest = dest
	};
	varlink_keep(call, apply, NULL, apply_gone);
	hub_requests_for(apply->hub, given.uid, container, dest, answer_one, apply);
	if (!apply->asked)
		note_failure(apply, "no request of that container waits for that destination");
	if (!apply->open)
		apply_over(apply);
}
