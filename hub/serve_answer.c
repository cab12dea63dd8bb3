// SPDX-License-Identifier: Apache-2.0
#include "serve_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub.h"

#define FOR_MAX_S (366 * 86400LL)

/* It was not begun, and why: what the back end said. */
static struct hub_outcome not_begun(int error)
{
	struct hub_outcome outcome = { .result = error, .problem = "the agent cannot be reached" };

	switch (error) {
	case -EOPNOTSUPP:
		outcome.problem =
		    "a shield's answers have no end of their own and are for all of the target";
		break;
	case -EBUSY: outcome.problem = "too many answers are on their way"; break;
	case -ESHUTDOWN: outcome.problem = "the hub is about to end"; break;
	case -ENOMEM: outcome.problem = "no memory"; break;
	}
	return outcome;
}

static const char *param_text(struct json_object *parameters, const char *key)
{
	return json_object_get_string(json_object_object_get(parameters, key));
}

static bool action_parse(const char *text, enum terok_action *ret)
{
	*ret = !strcmp(text, "allow") ? TEROK_ALLOW : TEROK_DENY;
	return *ret == TEROK_ALLOW || !strcmp(text, "deny");
}

/* A call that is answered when its answer is, or when another's is that came first. */
struct waiting {
	struct waiter waiter;
	struct varlink_call *call;
	struct hub *hub;
	uint64_t token; /* of hub_answer_send(); 0: none */
	struct hub_answer given;
	char id[REQUEST_TEXT_MAX + 1];
};

static void waiting_gone(void *owner)
{
	struct waiting *waiting = owner;

	hub_wait_end(&waiting->waiter);
	hub_answer_forget(waiting->hub, waiting->token);
	free(waiting);
}

/* NULL: the error was sent. */
static struct waiting *waiting_new(struct varlink_call *call, const struct hub_answer *given,
				   const char *id)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (!waiting) {
		varlink_error(call, NO_MEMORY, NULL);
		return NULL;
	}
	waiting->call = call;
	waiting->hub = varlink_call_user(call);
	waiting->given = *given;
	snprintf(waiting->id, sizeof(waiting->id), "%s", id);
	varlink_keep(call, waiting, NULL, waiting_gone);
	return waiting;
}

/* --- org.terok.Clearance1 ----------------------------------------------------------------- */

static void verdict_answered(const struct hub_outcome *outcome, void *user)
{
	struct waiting *waiting = user;
	_cleanup_json_ struct json out = {};

	if (!outcome->result) {
		varlink_reply(waiting->call, "{\"ok\":true}");
	} else {
		json_open_object(&out, NULL);
		json_add_string(&out, "action", wire_action(waiting->given.action));
		json_add_string(&out, "stderr", outcome->problem ?: "");
		json_close_object(&out);
		varlink_error(waiting->call, CLEARANCE ".ShieldCliFailed", json_done(&out));
	}
	free(waiting);
}

static void verdict_send(struct varlink_call *call, struct request *request,
			 const struct hub_answer *given)
{
	struct waiting *waiting = waiting_new(call, given, request->id);
	struct hub_outcome outcome;
	int r;

	if (!waiting)
		return;
	r = hub_answer_send(waiting->hub, request, given, verdict_answered, waiting,
			    &waiting->token);
	if (r) {
		outcome = not_begun(r);
		verdict_answered(&outcome, waiting);
	}
}

static void tuple_mismatch(struct varlink_call *call, const struct request *request,
			   const char *container, const char *dest)
{
	_cleanup_json_ struct json out = {};

	json_open_object(&out, NULL);
	json_add_string(&out, "expected_container", request->container);
	json_add_string(&out, "expected_dest", request->dest);
	wire_text(&out, "got_container", container);
	wire_text(&out, "got_dest", dest);
	json_close_object(&out);
	varlink_error(call, CLEARANCE ".VerdictTupleMismatch", json_done(&out));
}

/*
 * The contract's order of checks: action, then the request, then what was asked. What today's
 * clients answer outlives the container, as it always did.
 */
void serve_verdict(struct varlink_call *call, struct json_object *parameters)
{
	const char *container = param_text(parameters, "container"),
		   *id = param_text(parameters, "request_id"),
		   *dest = param_text(parameters, "dest"),
		   *action = param_text(parameters, "action");
	struct hub_answer given = { .uid = varlink_call_uid(call),
				    .pid = varlink_call_pid(call),
				    .scope = SCOPE_FOREVER };
	struct request *request;

	if (!action_parse(action, &given.action)) {
		varlink_error_text(call, CLEARANCE ".InvalidAction", "action", action);
		return;
	}
	request = hub_find(varlink_call_user(call), id, given.uid);
	if (!request)
		varlink_error_text(call, CLEARANCE ".UnknownRequest", "request_id", id);
	else if (strcmp(request->container, container) || strcmp(request->dest, dest))
		tuple_mismatch(call, request, container, dest);
	else
		verdict_send(call, request, &given);
}

/* --- org.terok.Firewall1 ------------------------------------------------------------------ */

static void already_answered(struct varlink_call *call, const struct answered *answered)
{
	_cleanup_json_ struct json out = {};

	json_open_object(&out, NULL);
	json_add_string(&out, "request_id", answered->id);
	json_add_string(&out, "action", wire_action(answered->action));
	json_add_string(&out, "scope", wire_scope(answered->scope));
	json_add_uint(&out, "until_ns", answered->until_ns);
	json_add_uint(&out, "uid", answered->uid);
	wire_text(&out, "client", answered->client);
	json_add_bool(&out, "ok", true);
	json_close_object(&out);
	varlink_error(call, FIREWALL ".AlreadyAnswered", json_done(&out));
}

static void answer_answered(const struct hub_outcome *outcome, void *user)
{
	struct waiting *waiting = user;
	const struct answered *answered =
	    hub_find_answered(waiting->hub, waiting->id, waiting->given.uid);
	_cleanup_json_ struct json out = {};

	if (outcome->result == -ENOENT && answered) { /* by an answer to another, meanwhile */
		already_answered(waiting->call, answered);
		free(waiting);
		return;
	}
	json_open_object(&out, NULL);
	if (!outcome->result) {
		json_add_uint(&out, "until_ns", outcome->until_ns);
		wire_text(&out, "rule", outcome->rule);
		json_close_object(&out);
		varlink_reply(waiting->call, json_done(&out));
	} else {
		json_add_string(&out, "request_id", waiting->id);
		json_add_string(&out, "reason", outcome->problem ?: "");
		json_close_object(&out);
		varlink_error(waiting->call, FIREWALL ".NotApplied", json_done(&out));
	}
	free(waiting);
}

static void answer_refuse(struct varlink_call *call, const char *id)
{
	const struct answered *answered =
	    hub_find_answered(varlink_call_user(call), id, varlink_call_uid(call));

	if (answered)
		already_answered(call, answered);
	else
		varlink_error_text(call, FIREWALL ".UnknownRequest", "request_id", id);
}

static void answer_again(struct waiter *waiter)
{
	struct waiting *waiting = container_of(waiter, struct waiting, waiter);
	uint32_t uid = waiting->given.uid;
	struct request *request = hub_find(waiting->hub, waiting->id, uid);
	struct hub_outcome outcome;
	int r;

	if (request) {
		r = hub_answer_send(waiting->hub, request, &waiting->given, answer_answered,
				    waiting, &waiting->token);
		outcome = not_begun(r);
		if (r)
			answer_answered(&outcome, waiting);
	} else if (!hub_wait(waiting->hub, waiting->id, uid, &waiting->waiter)) {
		answer_refuse(waiting->call, waiting->id);
		free(waiting);
	}
}

static void invalid_scope(struct varlink_call *call, const char *scope, const char *reason)
{
	_cleanup_json_ struct json out = {};

	json_open_object(&out, NULL);
	wire_text(&out, "scope", scope);
	json_add_string(&out, "reason", reason);
	json_close_object(&out);
	varlink_error(call, FIREWALL ".InvalidScope", json_done(&out));
}

/* The scope and its seconds; false: the error was sent. */
static bool scope_parse(struct varlink_call *call, struct json_object *parameters,
			struct hub_answer *given)
{
	struct json_object *number = json_object_object_get(parameters, "seconds");
	const char *text = param_text(parameters, "scope");
	int64_t seconds = number ? json_object_get_int64(number) : 0;

	if (!text || !strcmp(text, "session") || !strcmp(text, "task"))
		given->scope = SCOPE_SESSION;
	else if (!strcmp(text, "once"))
		given->scope = SCOPE_ONCE;
	else if (!strcmp(text, "time"))
		given->scope = SCOPE_TIME;
	else if (!strcmp(text, "forever"))
		given->scope = SCOPE_FOREVER;
	else
		return invalid_scope(call, text, "it is once, time, session (or task) or forever"),
		       false;
	if (given->scope == SCOPE_TIME && (seconds < 1 || seconds > FOR_MAX_S))
		return invalid_scope(call, "time", "it needs seconds, 1 to 31622400"), false;
	if (given->scope != SCOPE_TIME && number)
		return invalid_scope(call, text ?: "session", "seconds belong to time"), false;
	given->seconds = seconds;
	return true;
}

/* Where @text is among @words, NULL at the end; -1: nowhere. No text is the first. */
static int word_find(const char *const *words, const char *text)
{
	int i = 0;

	while (text && words[i] && strcmp(words[i], text))
		i++;
	return words[i] ? i : -1;
}

/* How much of what was asked; false: the error was sent. */
static bool reach_parse(struct varlink_call *call, struct json_object *parameters,
			struct hub_answer *given)
{
	static const char *const reaches[] = { [REACH_ASKED] = "",
					       [REACH_ADDRESS] = "address",
					       [REACH_NAME] = "name",
					       [REACH_CHILDREN] = "children",
					       NULL };
	static const char *const ports[] = { [PORTS_SAME] = "same", [PORTS_ANY] = "any", NULL };
	int reach = word_find(reaches, param_text(parameters, "reach"));
	int port = word_find(ports, param_text(parameters, "ports"));

	if (reach < 0 || port < 0) {
		varlink_error_text(call, "org.varlink.service.InvalidParameter", "parameter",
				   reach < 0 ? "reach" : "ports");
		return false;
	}
	given->reach = reach;
	given->ports = port;
	return true;
}

void serve_answer(struct varlink_call *call, struct json_object *parameters)
{
	const char *id = param_text(parameters, "request_id"),
		   *action = param_text(parameters, "action");
	struct hub_answer given = { .uid = varlink_call_uid(call), .pid = varlink_call_pid(call) };
	struct waiting *waiting;

	if (!action_parse(action, &given.action)) {
		varlink_error_text(call, FIREWALL ".InvalidAction", "action", action);
		return;
	}
	if (!scope_parse(call, parameters, &given) || !reach_parse(call, parameters, &given))
		return;
	if (strlen(id) > REQUEST_TEXT_MAX) { /* nothing is called so */
		varlink_error_text(call, FIREWALL ".UnknownRequest", "request_id", id);
		return;
	}
	waiting = waiting_new(call, &given, id);
	if (waiting) {
		waiting->waiter.again = answer_again;
		answer_again(&waiting->waiter);
	}
}
