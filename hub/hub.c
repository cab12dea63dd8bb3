// SPDX-License-Identifier: Apache-2.0
#include "hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"

#define BUCKETS 256

struct known { /* a guard */
	struct known *next;
	struct label label;
};

struct answer {
	struct answer *next;
	uint64_t token;
	struct request *request; /* ANSWERING, so it stays */
	enum terok_action action;
	enum scope scope;
	uint32_t uid;
	answer_fn done; /* NULL: nobody waits */
	void *user;
};

struct hub {
	hub_send_fn send;
	void *user;
	struct known *bucket[BUCKETS];
	struct requests *requests;
	struct subscriber *subscribers;
	struct answer *answers;
	struct listing *listings;
	uint64_t sequence, token;
};

int hub_new(hub_send_fn send, void *user, struct hub **ret)
{
	struct hub *hub = calloc(1, sizeof(*hub));
	int r;

	if (!hub)
		return -ENOMEM;
	hub->send = send;
	hub->user = user;
	r = requests_new(&hub->requests);
	if (r) {
		free(hub);
		return r;
	}
	*ret = hub;
	return 0;
}

void hub_free(struct hub *hub)
{
	struct answer *answer;

	if (!hub)
		return;
	for (int i = 0; i < BUCKETS; i++) {
		struct known *known;

		while ((known = hub->bucket[i])) {
			hub->bucket[i] = known->next;
			free(known);
		}
	}
	while ((answer = hub->answers)) {
		hub->answers = answer->next;
		free(answer);
	}
	while (hub->subscribers)
		hub_unsubscribe(hub->subscribers);
	requests_free(hub->requests);
	free(hub);
}

static struct known **known_slot(struct hub *hub, uint32_t id)
{
	struct known **slot = &hub->bucket[id % BUCKETS];

	while (*slot && (*slot)->label.id != id)
		slot = &(*slot)->next;
	return slot;
}

static bool may_see(uint32_t uid, uint32_t owner)
{
	return !uid || uid == owner;
}

/* Everyone who may hear it hears it. Returns the event, with a reference. */
static struct event *publish(struct hub *hub, struct news *news)
{
	uint32_t guard = news_guard(news);
	uint32_t owner = news->label ? news->label->info.uid : EVENT_ROOT_ONLY;
	_cleanup_json_ struct json clearance = {}, firewall = {};
	struct event *event;

	news->sequence = ++hub->sequence;
	news->boot_ns = now_boot_ns();
	if (news->clearance)
		wire_clearance(&clearance, news);
	wire_firewall(&firewall, news);
	event = event_new(guard, owner, news->clearance ? json_done(&clearance) : NULL,
			  json_done(&firewall));
	for (struct subscriber *s = hub->subscribers, *next; event && s; s = next) {
		next = s->next;
		if (event->text[s->face] && may_see(s->uid, owner) &&
		    (!s->guard || s->guard == guard))
			s->push(s, event);
	}
	return event;
}

static void on_expired(const struct request *request, void *user)
{
	struct hub *hub = user;
	struct known *known = *known_slot(hub, request->guard);
	struct news news = { .type = "expired",
			     .label = known ? &known->label : NULL,
			     .request_id = request->id,
			     .dest = request->dest };

	event_unref(publish(hub, &news));
}

static void on_question(struct hub *hub, const struct label *label,
			const struct msg_refused *refused)
{
	struct news news = { .type = "request",
			     .clearance = "connection_blocked",
			     .label = label,
			     .refused = refused };
	struct request *request = request_open(hub->requests, refused->ask, on_expired, hub);

	if (!request)
		return;
	request->guard = label->id;
	request->uid = label->info.uid;
	wire_request_id(request->id, label, refused->ask);
	wire_container(request->container, label);
	wire_target(request->dest, refused);
	event_unref(request->event);
	news.request_id = request->id;
	request->event = publish(hub, &news);
}

static void on_refused(struct hub *hub, const struct msg_refused *refused)
{
	struct known *known = *known_slot(hub, refused->record.guard);
	struct news news = { .type = "refused",
			     .label = known ? &known->label : NULL,
			     .refused = refused };

	if (refused->ask && known)
		on_question(hub, &known->label, refused);
	else
		event_unref(publish(hub, &news));
}

static void guard_news(struct hub *hub, const struct label *label, const char *type,
		       const char *clearance)
{
	struct news news = { .type = type, .clearance = clearance, .label = label };

	event_unref(publish(hub, &news));
}

static void on_state(struct hub *hub, const struct label *label)
{
	static const char *const told[TEROK_STATE_MAX_] = {
		[TEROK_STATE_UP] = "shield_up",
		[TEROK_STATE_DOWN] = "shield_down",
		[TEROK_STATE_DOWN_ALL] = "shield_disengaged",
	};

	if (label->state != TEROK_STATE_UP) /* its questions are answered by the transition */
		requests_end_guard(hub->requests, label->id);
	guard_news(hub, label, "guard_state",
		   label->state < TEROK_STATE_MAX_ ? told[label->state] : NULL);
}

static void listing_hear(struct hub *hub, const struct msg_guard *msg, const struct label *label)
{
	for (struct listing *listing = hub->listings; listing; listing = listing->next)
		if (listing->token == msg->token && may_see(listing->uid, label->info.uid))
			listing->guard(listing, label, &msg->counts);
}

static void on_guard(struct hub *hub, const struct msg_guard *msg)
{
	struct known **slot = known_slot(hub, msg->id);
	bool fresh = !*slot;

	if (fresh) {
		*slot = calloc(1, sizeof(**slot));
		if (!*slot)
			return;
	}
	(*slot)->label = (struct label){ .id = msg->id, .state = msg->state, .info = msg->info };
	if (msg->news == GUARD_ATTACHED)
		guard_news(hub, &(*slot)->label, "guard_attached", "container_started");
	else if (msg->news == GUARD_STATE)
		on_state(hub, &(*slot)->label);
	if (msg->token)
		listing_hear(hub, msg, &(*slot)->label);
}

static void on_gone(struct hub *hub, const struct msg_gone *msg)
{
	struct known **slot = known_slot(hub, msg->id), *known = *slot;
	char reason[sizeof(msg->reason) + 1] = "";
	struct news news = { .type = "guard_detached",
			     .clearance = "container_exited",
			     .reason = reason };

	requests_end_guard(hub->requests, msg->id);
	if (!known)
		return;
	memcpy(reason, msg->reason, strnlen(msg->reason, sizeof(msg->reason)));
	news.label = &known->label;
	event_unref(publish(hub, &news));
	*slot = known->next;
	free(known);
}

static void answer_tell(struct hub *hub, const struct answer *answer,
			const struct msg_result *result)
{
	static const char *const scopes[] = { "session", "once", "time", "forever" };
	/* the guard may have gone meanwhile: its owner still hears the end of the story */
	struct label label = { .id = answer->request->guard,
			       .info = { .uid = answer->request->uid } };
	struct known *known = *known_slot(hub, answer->request->guard);
	char problem[sizeof(result->problem) + 1] = "";
	struct news news = { .type = "verdict",
			     .clearance = "verdict_applied",
			     .label = known ? &known->label : &label,
			     .request_id = answer->request->id,
			     .action = answer->action == TEROK_ALLOW ? "allow" : "deny",
			     .scope = scopes[answer->scope],
			     .until_ns = result->until_ns,
			     .ok = !result->result,
			     .problem = problem,
			     .uid = answer->uid };

	_Static_assert(sizeof(label.info.container) >= sizeof(answer->request->container), "fits");
	memcpy(label.info.container, answer->request->container,
	       sizeof(answer->request->container));
	memcpy(problem, result->problem, strnlen(result->problem, sizeof(result->problem)));
	event_unref(publish(hub, &news));
}

/* It can be tried again by the time that its author hears of it. */
static void answer_failed(struct hub *hub, struct answer *answer, const struct msg_result *result)
{
	answer_tell(hub, answer, result);
	/* a question that the core has forgotten can never be answered */
	if (result->result == -ENOENT)
		request_remove(hub->requests, answer->request);
	else
		request_reopen(hub->requests, answer->request);
	if (answer->done)
		answer->done(result, answer->user);
}

static void on_result(struct hub *hub, const struct msg_result *result)
{
	struct answer **slot = &hub->answers, *answer;

	while (*slot && (*slot)->token != result->token)
		slot = &(*slot)->next;
	answer = *slot;
	if (!answer || answer->request->ask != result->ask)
		return; /* nobody's: the hub was started anew meanwhile */
	*slot = answer->next;
	if (result->result) {
		answer_failed(hub, answer, result);
	} else {
		/* who answered waits: the news is for the others */
		if (answer->done)
			answer->done(result, answer->user);
		answer_tell(hub, answer, result);
		request_remove(hub->requests, answer->request);
	}
	free(answer);
}

static void on_listed(struct hub *hub, uint64_t token)
{
	for (struct listing *listing = hub->listings; listing; listing = listing->next) {
		if (listing->token == token) {
			listing->done(listing);
			return;
		}
	}
}

void hub_hear(struct hub *hub, const struct msg_packet *packet)
{
	switch (packet->type) {
	case MSG_GUARD: on_guard(hub, &packet->GUARD); break;
	case MSG_GONE: on_gone(hub, &packet->GONE); break;
	case MSG_REFUSED: on_refused(hub, &packet->REFUSED); break;
	case MSG_RESULT: on_result(hub, &packet->RESULT); break;
	case MSG_LISTED: on_listed(hub, packet->LISTED.token); break;
	}
}

struct replay {
	uint32_t uid, guard;
	void (*fn)(const struct event *event, void *user);
	void *user;
};

static void replay_one(const struct request *request, void *user)
{
	const struct replay *replay = user;

	if (request->event && may_see(replay->uid, request->uid) &&
	    (!replay->guard || replay->guard == request->guard))
		replay->fn(request->event, replay->user);
}

void hub_requests(struct hub *hub, uint32_t uid, uint32_t guard,
		  void (*fn)(const struct event *event, void *user), void *user)
{
	struct replay replay = { .uid = uid, .guard = guard, .fn = fn, .user = user };

	requests_each(hub->requests, replay_one, &replay);
}

static void replay_push(const struct event *event, void *user)
{
	struct subscriber *subscriber = user;

	subscriber->push(subscriber, (struct event *)event);
}

void hub_subscribe(struct hub *hub, struct subscriber *subscriber, bool replay)
{
	subscriber->next = hub->subscribers;
	subscriber->slot = &hub->subscribers;
	if (subscriber->next)
		subscriber->next->slot = &subscriber->next;
	hub->subscribers = subscriber;
	if (replay)
		hub_requests(hub, subscriber->uid, subscriber->guard, replay_push, subscriber);
}

void hub_unsubscribe(struct subscriber *subscriber)
{
	*subscriber->slot = subscriber->next;
	if (subscriber->next)
		subscriber->next->slot = subscriber->slot;
}

struct request *hub_find(struct hub *hub, const char *id, uint32_t uid)
{
	struct request *request = request_find_id(hub->requests, id);

	if (!request || request->state != REQUEST_OPEN || !may_see(uid, request->uid))
		return NULL;
	return request;
}

int hub_answer_send(struct hub *hub, struct request *request, uint32_t uid,
		    enum terok_action action, enum scope scope, uint64_t seconds, answer_fn done,
		    void *user, uint64_t *ret)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	struct msg_packet packet = { .type = MSG_VERDICT };
	int r;

	if (!answer)
		return -ENOMEM;
	*answer = (struct answer){ .token = ++hub->token,
				   .request = request,
				   .action = action,
				   .scope = scope,
				   .uid = uid,
				   .done = done,
				   .user = user };
	packet.VERDICT = (struct msg_verdict){ .ask = request->ask,
					       .token = answer->token,
					       .action = action,
					       .scope = scope,
					       .seconds = seconds,
					       .uid = uid };
	r = hub->send(&packet, hub->user);
	if (r) {
		free(answer);
		return r;
	}
	request_answering(request);
	answer->next = hub->answers;
	hub->answers = answer;
	*ret = answer->token;
	return 0;
}

void hub_answer_forget(struct hub *hub, uint64_t token)
{
	for (struct answer *answer = hub->answers; answer; answer = answer->next)
		if (answer->token == token)
			answer->done = NULL;
}

int hub_list(struct hub *hub, struct listing *listing)
{
	struct msg_packet packet = { .type = MSG_LIST };
	int r;

	listing->token = packet.LIST.token = ++hub->token;
	r = hub->send(&packet, hub->user);
	if (r)
		return r;
	listing->next = hub->listings;
	hub->listings = listing;
	return 0;
}

void hub_list_end(struct hub *hub, struct listing *listing)
{
	struct listing **slot = &hub->listings;

	while (*slot && *slot != listing)
		slot = &(*slot)->next;
	if (*slot)
		*slot = listing->next;
}
