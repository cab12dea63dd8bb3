// SPDX-License-Identifier: Apache-2.0
#include "serve.h"

#include <stdlib.h>
#include <string.h>

#include "org.terok.Clearance1.varlink.h"
#include "org.terok.ClearanceVerdict1.varlink.h"
#include "org.terok.Firewall1.varlink.h"
#include "serve_answer.h"
#include "serve_grants.h"
#include "serve_apply.h"
#include "serve_history.h"

/* --- subscriptions ------------------------------------------------------------------- */

struct subscription {
	struct subscriber subscriber;
	struct varlink_call *call;
	uint64_t sequence;   /* of the last event, told or missed */
	uint64_t lost;       /* events that gave way, since the subscription */
	struct json *gather; /* while it replays or catches up: all of it goes out in one send */
};

/*
 * An event, the @number-th of who hears it: a number of all events would count those of others.
 * The text is everybody's, so the number goes in front of it.
 */
static void event_add(struct json *out, const char *key, const struct event *event, uint64_t number)
{
	json_open_object(out, key);
	json_add_uint(out, "sequence", number);
	json_add_raw(out, NULL, event->text[FACE_FIREWALL] + 1, event->n[FACE_FIREWALL] - 1);
}

/* One event as a reply frame, its NUL included. */
static void frame_add(struct json *out, const struct subscription *sub, const struct event *event)
{
	enum face face = sub->subscriber.face;

	out->comma = false;
	json_open_object(out, NULL);
	json_add_bool(out, "continues", true);
	json_open_object(out, "parameters");
	if (event && face == FACE_FIREWALL)
		event_add(out, "event", event, sub->sequence);
	else if (event)
		json_add_raw(out, "event", event->text[face], event->n[face]);
	if (face == FACE_FIREWALL)
		json_add_uint(out, "lost", sub->lost);
	json_close_object(out);
	json_close_object(out);
	out->comma = false;
	json_add_raw(out, NULL, "", 1);
}

/* What was not taken at once is more than it has room for: the next one waits. */
static void subscription_send(struct subscription *sub, struct json *out)
{
	if (json_done(out) && out->n)
		varlink_stream(sub->call, out->text, out->n);
	if (varlink_stream_full(sub->call))
		lane_fall_behind(&sub->subscriber);
}

static void subscription_push(struct subscriber *subscriber, struct event *event)
{
	struct subscription *sub = container_of(subscriber, struct subscription, subscriber);
	_cleanup_json_ struct json out = {};

	sub->sequence++;
	frame_add(sub->gather ?: &out, sub, event);
	if (!sub->gather)
		subscription_send(sub, &out);
}

/* It has the sequence of the last of them. The old interface has no word for it. */
static void subscription_missed(struct subscriber *subscriber, uint64_t count)
{
	struct subscription *sub = container_of(subscriber, struct subscription, subscriber);
	struct event *event = subscriber->face == FACE_FIREWALL ? hub_missed(count) : NULL;

	sub->sequence += count;
	sub->lost += count;
	if (event)
		frame_add(sub->gather, sub, event);
	event_unref(event);
}

/* It lagged and has room again: all that waits, in one send. */
static void subscription_drained(void *owner)
{
	struct subscription *sub = owner;
	_cleanup_json_ struct json out = {};

	sub->gather = &out;
	lane_catch_up(&sub->subscriber, subscription_missed);
	sub->gather = NULL;
	subscription_send(sub, &out);
}

static void subscription_gone(void *owner)
{
	struct subscription *sub = owner;

	hub_unsubscribe(&sub->subscriber);
	free(sub);
}

static struct subscription *subscribe(struct varlink_call *call, enum face face, uint32_t guard)
{
	struct subscription *sub = calloc(1, sizeof(*sub));

	if (!sub)
		return NULL;
	sub->call = call;
	sub->subscriber = (struct subscriber){ .face = face,
					       .uid = varlink_call_uid(call),
					       .guard = guard,
					       .pid = varlink_call_pid(call),
					       .place = varlink_call_place(call),
					       .push = subscription_push };
	varlink_keep(call, sub, subscription_drained, subscription_gone);
	return sub;
}

static void subscribe_failed(struct subscription *sub)
{
	varlink_error(sub->call, NO_MEMORY, NULL);
	free(sub);
}

static void run_subscribe(struct varlink_call *call, struct json_object *parameters)
{
	struct subscription *sub = subscribe(call, FACE_CLEARANCE, 0);

	(void)parameters;
	if (!sub)
		varlink_error(call, NO_MEMORY, NULL);
	else if (hub_subscribe(varlink_call_user(call), &sub->subscriber, false))
		subscribe_failed(sub);
}

/* A number from the wire as a guard's: what is none can never be one that is. */
static bool guard_param(struct json_object *parameters, uint32_t *ret)
{
	struct json_object *value = json_object_object_get(parameters, "guard");
	int64_t guard = value ? json_object_get_int64(value) : 0;

	*ret = guard;
	return guard >= 0 && guard <= UINT32_MAX;
}

static void run_monitor(struct varlink_call *call, struct json_object *parameters)
{
	bool replay = json_object_get_boolean(json_object_object_get(parameters, "replay"));
	_cleanup_json_ struct json out = {};
	struct subscription *sub;
	uint32_t guard;

	if (!guard_param(parameters, &guard)) {
		varlink_error_text(call, "org.varlink.service.InvalidParameter", "parameter",
				   "guard");
		return;
	}
	sub = subscribe(call, FACE_FIREWALL, guard);
	if (!sub) {
		varlink_error(call, NO_MEMORY, NULL);
		return;
	}
	frame_add(&out, sub, NULL); /* the subscription stands */
	/* a full table is more than a lane keeps: nothing of it may give way */
	sub->gather = &out;
	if (hub_subscribe(varlink_call_user(call), &sub->subscriber, replay)) {
		subscribe_failed(sub);
		return;
	}
	sub->gather = NULL;
	subscription_send(sub, &out);
}

/* --- listings ------------------------------------------------------------------------ */

struct requests_reply {
	struct json out;
	uint64_t n;
};

static void add_request(const struct event *event, void *user)
{
	struct requests_reply *reply = user;

	event_add(&reply->out, NULL, event, ++reply->n);
}

static void run_list_requests(struct varlink_call *call, struct json_object *parameters)
{
	struct requests_reply reply = {};
	uint32_t guard;

	if (!guard_param(parameters, &guard)) {
		varlink_error_text(call, "org.varlink.service.InvalidParameter", "parameter",
				   "guard");
		return;
	}
	json_open_object(&reply.out, NULL);
	json_open_array(&reply.out, "requests");
	hub_requests(varlink_call_user(call), varlink_call_uid(call), guard, add_request, &reply);
	json_close_array(&reply.out);
	json_close_object(&reply.out);
	varlink_reply(call, json_done(&reply.out));
	json_free(&reply.out);
}

static void run_list_alarms(struct varlink_call *call, struct json_object *parameters)
{
	struct requests_reply reply = {};

	(void)parameters;
	json_open_object(&reply.out, NULL);
	json_open_array(&reply.out, "alarms");
	hub_alarms(varlink_call_user(call), varlink_call_uid(call), add_request, &reply);
	json_close_array(&reply.out);
	json_close_object(&reply.out);
	varlink_reply(call, json_done(&reply.out));
	json_free(&reply.out);
}

struct guards {
	struct listing listing;
	struct varlink_call *call;
	struct hub *hub;
	struct json out;
};

static void guards_free(struct guards *guards)
{
	hub_list_end(guards->hub, &guards->listing);
	json_free(&guards->out);
	free(guards);
}

static void guards_gone(void *owner)
{
	guards_free(owner);
}

static void guards_add(struct listing *listing, const struct label *label,
		       const struct terok_counts *counts)
{
	wire_guard(&container_of(listing, struct guards, listing)->out, label, counts);
}

static void guards_done(struct listing *listing)
{
	struct guards *guards = container_of(listing, struct guards, listing);

	json_close_array(&guards->out);
	json_close_object(&guards->out);
	varlink_reply(guards->call, json_done(&guards->out));
	guards_free(guards);
}

static void run_list_guards(struct varlink_call *call, struct json_object *parameters)
{
	struct guards *guards = calloc(1, sizeof(*guards));

	(void)parameters;
	if (!guards) {
		varlink_error(call, NO_MEMORY, NULL);
		return;
	}
	guards->call = call;
	guards->hub = varlink_call_user(call);
	guards->listing = (struct listing){ .uid = varlink_call_uid(call),
					    .guard = guards_add,
					    .done = guards_done };
	json_open_object(&guards->out, NULL);
	json_open_array(&guards->out, "guards");
	varlink_keep(call, guards, NULL, guards_gone);
	if (hub_list(guards->hub, &guards->listing)) {
		varlink_error(call, NO_MEMORY, NULL);
		guards_free(guards);
	}
}

/* --- tables -------------------------------------------------------------------------- */

static const struct varlink_param verdict_params[] = {
	{ "container", json_type_string, false },
	{ "request_id", json_type_string, false },
	{ "dest", json_type_string, false },
	{ "action", json_type_string, false },
};
static const struct varlink_param apply_params[] = {
	{ "container", json_type_string, false },
	{ "dest", json_type_string, false },
	{ "action", json_type_string, false },
};
static const struct varlink_param monitor_params[] = {
	{ "guard", json_type_int, true },
	{ "replay", json_type_boolean, true },
};
static const struct varlink_param answer_params[] = {
	{ "request_id", json_type_string, false }, { "action", json_type_string, false },
	{ "scope", json_type_string, true },       { "seconds", json_type_int, true },
	{ "reach", json_type_string, true },       { "ports", json_type_string, true },
};
static const struct varlink_method clearance_methods[] = {
	{ "Subscribe", NULL, 0, true, run_subscribe },
	{ "Verdict", verdict_params, 4, false, serve_verdict },
};
static const struct varlink_method verdict_methods[] = {
	{ "Apply", apply_params, 3, false, serve_apply },
};
static const struct varlink_method firewall_methods[] = {
	{ "Monitor", monitor_params, 2, true, run_monitor },
	{ "Answer", answer_params, 6, false, serve_answer },
	{ "ListRequests", monitor_params, 1, false, run_list_requests },
	{ "ListAlarms", NULL, 0, false, run_list_alarms },
	{ "ListGuards", NULL, 0, false, run_list_guards },
	{ "History", serve_history_params, SERVE_HISTORY_PARAMS, false, serve_history },
	{ "ListGrants", serve_grants_params, SERVE_GRANTS_PARAMS, false, serve_list_grants },
	{ "Revoke", serve_revoke_params, SERVE_REVOKE_PARAMS, false, serve_revoke },
};
#define FIREWALL_METHODS (sizeof(firewall_methods) / sizeof(firewall_methods[0]))

static const struct varlink_interface of_agent[] = {
	{ CLEARANCE, org_terok_Clearance1_varlink, clearance_methods, 2 },
	{ CLEARANCE_VERDICT, org_terok_ClearanceVerdict1_varlink, verdict_methods, 1 },
	{ FIREWALL, org_terok_Firewall1_varlink, firewall_methods, FIREWALL_METHODS },
};
/* Its verdicts are carried out by a helper, which has a socket of its own. */
static const struct varlink_interface of_session[] = {
	{ CLEARANCE, org_terok_Clearance1_varlink, clearance_methods, 2 },
	{ FIREWALL, org_terok_Firewall1_varlink, firewall_methods, FIREWALL_METHODS },
};
static const struct varlink_info info = { "terok", "terok-clearance", TEROK_VERSION,
					  "https://github.com/terok-ai/terok-clearance" };

int serve_new(struct loop *loop, int fd, struct hub *hub, struct varlink_server **ret)
{
	bool agent = hub_has_guards(hub);

	return varlink_server_new(loop, fd, &info, agent ? of_agent : of_session, agent ? 3 : 2,
				  hub, ret);
}
