// SPDX-License-Identifier: Apache-2.0
#include "hub.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alarms.h"
#include "base/addr.h"
#include "base/event.h"
#include "base/sanitise.h"

#define SHORT_ID 12 /* digits of a container's id that people and readers use */

struct answer {
	struct answer *next;
	uint64_t token;
	struct request *request; /* ANSWERING, so it stays */
	struct hub_answer given;
	answer_fn done; /* NULL: nobody waits */
	void *user;
	struct waiter *waiters; /* for their turn, or to hear that there is none */
};

struct hub {
	const struct hub_back *back;
	void *user;
	struct requests *requests;
	struct answered_table *answered;
	struct subscriber *subscribers;
	struct lanes lanes;
	struct answer *answers;
	struct listing *listings;
	struct json text[FACE_MAX_]; /* of the event that is told: the room stays */
	struct alarms alarms, contained;
	struct recalls recalls;
	struct grant_calls grants;
	struct msg_audience audience; /* as the back end knows it */
	uint64_t token;
};

int hub_new(const struct hub_back *back, void *user, struct hub **ret)
{
	struct hub *hub = calloc(1, sizeof(*hub));
	int r;

	if (!hub)
		return -ENOMEM;
	hub->back = back;
	hub->user = user;
	hub->recalls = (struct recalls){ .ask = back->history, .user = user };
	hub->grants = (struct grant_calls){ .back = back, .user = user };
	r = requests_new(&hub->requests);
	if (!r)
		r = answered_new(&hub->answered);
	if (r) {
		hub_free(hub);
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
	while ((answer = hub->answers)) {
		hub->answers = answer->next;
		while (answer->waiters)
			hub_wait_end(answer->waiters);
		free(answer);
	}
	while (hub->subscribers)
		hub_unsubscribe(hub->subscribers);
	for (int face = 0; face < FACE_MAX_; face++)
		json_free(&hub->text[face]);
	alarms_free(&hub->alarms);
	alarms_free(&hub->contained);
	requests_free(hub->requests);
	answered_free(hub->answered);
	free(hub);
}

static bool may_see(uint32_t uid, uint32_t owner)
{
	return !uid || uid == owner;
}

/* --- news --------------------------------------------------------------------------------- */

/* Is there anybody of that interface? What nobody hears is not made into text. */
static bool is_heard(const struct hub *hub, enum face face)
{
	return lanes_hear(&hub->lanes, face);
}

/* When it happened, which for a refusal is before it is told. */
static void news_date(struct news *news)
{
	uint64_t now = now_boot_ns(), wall = now_wall_ns();

	news->boot_ns = news->refused ? news->refused->record.boot_ns : now;
	news->wall_ns = news->boot_ns < now ? wall - (now - news->boot_ns) : wall;
}

/*
 * Everyone who may hear it hears it. @keep: make the text of Firewall1 in any case, for those
 * who ask later. Returns the event, with a reference; NULL: it has no text, or no memory.
 */
static struct event *publish(struct hub *hub, struct news *news, bool keep)
{
	uint32_t guard = news_guard(news);
	uint32_t owner = news->label ? news->label->info.uid : news->owner;
	struct json *clearance = &hub->text[FACE_CLEARANCE], *firewall = &hub->text[FACE_FIREWALL];
	struct event *event;

	json_reset(clearance);
	json_reset(firewall);
	news_date(news);
	if (news->clearance && is_heard(hub, FACE_CLEARANCE))
		wire_clearance(clearance, news);
	if (keep || is_heard(hub, FACE_FIREWALL))
		wire_firewall(firewall, news);
	if (!clearance->n && !firewall->n)
		return NULL; /* nobody hears it */
	event = event_new(guard, owner, clearance->n ? json_done(clearance) : NULL,
			  firewall->n ? json_done(firewall) : NULL);
	if (event)
		lanes_publish(&hub->lanes, event);
	return event;
}

void hub_publish(struct hub *hub, struct news *news)
{
	event_unref(publish(hub, news, false));
}

void hub_alarm(struct hub *hub, struct news *news, bool over)
{
	bool known = alarms_has(&hub->alarms, news->owner, news->container);
	struct event *event;

	if (over != known)
		return;
	event = publish(hub, news, true);
	if (over)
		alarms_drop(&hub->alarms, news->owner, news->container);
	else
		alarms_add(&hub->alarms, news->owner, news->container, event);
	event_unref(event);
}

void hub_alarms(struct hub *hub, uint32_t uid, void (*fn)(const struct event *event, void *user),
		void *user)
{
	alarms_each(&hub->alarms, uid, fn, user);
}

void hub_contained(struct hub *hub, struct news *news, bool fresh)
{
	const struct terok_info *info = &news->label->info;
	struct event *event;

	if (!fresh && alarms_has(&hub->contained, info->uid, info->container))
		return;
	event = publish(hub, news, true);
	alarms_drop(&hub->contained, info->uid, info->container);
	alarms_add(&hub->contained, info->uid, info->container, event);
	event_unref(event);
}

void hub_contained_end(struct hub *hub, const struct label *label)
{
	alarms_drop(&hub->contained, label->info.uid, label->info.container);
}

struct event *hub_missed(uint64_t count)
{
	struct news news = { .type = "missed", .count = count };
	_cleanup_json_ struct json firewall = {};

	news_date(&news);
	wire_firewall(&firewall, &news);
	return event_new(0, EVENT_ROOT_ONLY, NULL, json_done(&firewall));
}

/* Whose news it is: the guard's as it is known now, or what the request remembers of it. */
static void news_of_request(struct hub *hub, struct news *news, const struct request *request)
{
	if (request->guard && hub->back->label)
		news->label = hub->back->label(request->guard, hub->user);
	news->guard = request->guard;
	news->owner = request->uid;
	news->container = request->container;
	news->request_id = request->id;
}

/* --- requests ----------------------------------------------------------------------------- */

static void tell_back_expired(struct hub *hub, const struct request *request)
{
	if (hub->back->expired)
		hub->back->expired(request, hub->user);
}

static void on_expired(const struct request *request, void *user)
{
	struct news news = { .type = "expired", .dest = request->dest };

	tell_back_expired(user, request);

	news_of_request(user, &news, request);
	hub_publish(user, &news);
}

int hub_request_open(struct hub *hub, const struct question *question, struct news *news)
{
	struct request *request;
	int r = request_open(hub->requests, question, on_expired, hub, &request);

	if (r)
		return r;
	if (!request->event && hub->back->asked)
		hub->back->asked(request, hub->user);
	news->type = "request";
	news->request_id = request->id;
	news->guard = request->guard;
	news->owner = request->uid;
	news->container = request->container;
	request_told(hub->requests, request, publish(hub, news, true), on_expired, hub);
	return 0;
}

struct purge {
	struct hub *hub;
	const char *container;
};

static bool is_of_container(const struct request *request, const void *user)
{
	const struct purge *purge = user;

	if (purge->container && strcmp(request->container, purge->container))
		return false;
	if (request->state == REQUEST_OPEN)
		tell_back_expired(purge->hub, request);
	return true;
}

void hub_request_purge(struct hub *hub, const char *container)
{
	requests_purge(hub->requests, is_of_container, &(struct purge){ hub, container });
}

static bool is_of_guard(const struct request *request, const void *user)
{
	return request->guard == *(const uint32_t *)user;
}

void hub_request_purge_guard(struct hub *hub, uint32_t guard)
{
	requests_purge(hub->requests, is_of_guard, &guard);
}

/* The request of that id if it exists for that user: another's takes no longer than none. */
static struct request *find_for(struct hub *hub, const char *id, uint32_t uid)
{
	return uid ? request_find_own(hub->requests, id, uid) : request_find(hub->requests, id);
}

struct request *hub_find(struct hub *hub, const char *id, uint32_t uid)
{
	struct request *request = find_for(hub, id, uid);

	return request && request->state == REQUEST_OPEN ? request : NULL;
}

struct replay {
	uint32_t guard;
	void (*fn)(const struct event *event, void *user);
	void *user;
};

static void replay_one(const struct request *request, void *user)
{
	const struct replay *replay = user;

	if (request->event && (!replay->guard || replay->guard == request->guard))
		replay->fn(request->event, replay->user);
}

void hub_requests(struct hub *hub, uint32_t uid, uint32_t guard,
		  void (*fn)(const struct event *event, void *user), void *user)
{
	struct replay replay = { .guard = guard, .fn = fn, .user = user };

	if (uid)
		requests_each_own(hub->requests, uid, replay_one, &replay);
	else
		requests_each(hub->requests, replay_one, &replay);
}

struct wanted {
	struct hub *hub;
	const char *container, *dest;
	const uint8_t *addr; /* NULL: dest is none */
	void (*fn)(struct request *request, void *user);
	void *user;
};

/* Is that what its container is called: its id, the first twelve digits or more, or its name? */
static bool is_called(struct hub *hub, const struct request *request, const char *text)
{
	const struct label *label =
	    request->guard && hub->back->label ? hub->back->label(request->guard, hub->user) : NULL;
	char name[TEROK_NAME_LEN];
	size_t n = strlen(text);

	if (!strcmp(request->container, text))
		return true;
	if (n >= SHORT_ID && strspn(text, "0123456789abcdef") == n &&
	    !strncmp(request->container, text, n))
		return true;
	return label && *text &&
	       !strcmp(sanitise(name, sizeof(name) - 1, label->info.name,
				strnlen(label->info.name, TEROK_NAME_LEN)),
		       text);
}

static void wanted_one(const struct request *request, void *user)
{
	const struct wanted *wanted = user;

	if ((!strcmp(request->dest, wanted->dest) ||
	     (wanted->addr && !memcmp(request->addr, wanted->addr, sizeof(request->addr)))) &&
	    is_called(wanted->hub, request, wanted->container))
		wanted->fn((struct request *)request, wanted->user);
}

void hub_requests_for(struct hub *hub, uint32_t uid, const char *container, const char *dest,
		      void (*fn)(struct request *request, void *user), void *user)
{
	struct wanted wanted = { hub, container, dest, NULL, fn, user };
	static const uint8_t none[16];
	struct dest parsed;

	if (!dest_parse(dest, &parsed, NULL) && parsed.bits == 128 && !parsed.port &&
	    !parsed.proto && memcmp(parsed.addr, none, sizeof(none)))
		wanted.addr = parsed.addr;

	if (uid)
		requests_each_own(hub->requests, uid, wanted_one, &wanted);
	else
		requests_each(hub->requests, wanted_one, &wanted);
}

bool hub_has_guards(const struct hub *hub)
{
	return hub->back->list;
}

/* --- subscribers -------------------------------------------------------------------------- */

static void replay_push(const struct event *event, void *user)
{
	struct subscriber *subscriber = user;

	if (event->text[subscriber->face])
		subscriber->push(subscriber, (struct event *)event);
}

/*
 * Each who listens once. A user who listens to many single guards takes the place of one who
 * listens to all of theirs, or one user could take every place.
 */
static void audience_note(struct msg_audience *audience, uint32_t uid, uint32_t guard)
{
	unsigned theirs = 0, n = 0;

	for (unsigned i = 0; i < audience->n; i++) {
		if (audience->who[i].uid != uid)
			continue;
		if (!audience->who[i].guard || audience->who[i].guard == guard)
			return;
		theirs++;
	}
	if (theirs == MSG_AUDIENCE_GUARDS)
		guard = 0;
	for (unsigned i = 0; i < audience->n; i++)
		if (guard || audience->who[i].uid != uid)
			audience->who[n++] = audience->who[i];
	audience->n = n;
	if (n < MSG_AUDIENCE_MAX) {
		audience->who[n].uid = uid;
		audience->who[n].guard = guard;
	}
	audience->n++;
}

static void audience_tell(struct hub *hub)
{
	struct msg_audience now = {};

	if (!hub->back->audience)
		return;
	for (struct subscriber *s = hub->subscribers; s && now.n <= MSG_AUDIENCE_MAX; s = s->next)
		audience_note(&now, s->uid, s->guard);
	if (memcmp(&now, &hub->audience, sizeof(now)) && !hub->back->audience(&now, hub->user))
		hub->audience = now;
}

static bool is_same_client(const struct subscriber *a, const struct subscriber *b)
{
	return a->pid && a->pid == b->pid && a->uid == b->uid && a->face == FACE_CLEARANCE &&
	       b->face == FACE_CLEARANCE;
}

/*
 * A client that looks for hubs in both layouts finds us twice, and would show everything twice:
 * it hears by the first of them, as long as it has that. @one came, or went.
 */
static void settle_twice(struct hub *hub, const struct subscriber *one)
{
	bool flat = false;

	if (one->place != PLACE_FLAT && one->place != PLACE_DEEP)
		return;
	for (const struct subscriber *s = hub->subscribers; s && !flat; s = s->next)
		flat = s->place == PLACE_FLAT && is_same_client(s, one);
	for (struct subscriber *s = hub->subscribers; s; s = s->next)
		if (s->place == PLACE_DEEP && is_same_client(s, one))
			lane_mute(s, flat);
}

/* What stands, of all guards. */
static void stands_push(struct hub *hub, struct subscriber *subscriber)
{
	alarms_each(&hub->alarms, subscriber->uid, replay_push, subscriber);
	alarms_each(&hub->contained, subscriber->uid, replay_push, subscriber);
}

int hub_subscribe(struct hub *hub, struct subscriber *subscriber, bool replay)
{
	int r = lane_join(&hub->lanes, subscriber);

	if (r)
		return r;
	subscriber->hub = hub;
	subscriber->next = hub->subscribers;
	subscriber->slot = &hub->subscribers;
	if (subscriber->next)
		subscriber->next->slot = &subscriber->next;
	hub->subscribers = subscriber;
	audience_tell(hub);
	settle_twice(hub, subscriber);
	if (replay && !subscriber->guard)
		stands_push(hub, subscriber);
	if (replay)
		hub_requests(hub, subscriber->uid, subscriber->guard, replay_push, subscriber);
	return 0;
}

void hub_unsubscribe(struct subscriber *subscriber)
{
	if (!subscriber->hub)
		return;
	lane_leave(&subscriber->hub->lanes, subscriber);
	*subscriber->slot = subscriber->next;
	if (subscriber->next)
		subscriber->next->slot = subscriber->slot;
	audience_tell(subscriber->hub);
	if (subscriber->place == PLACE_FLAT)
		settle_twice(subscriber->hub, subscriber);
}

/* --- answers ------------------------------------------------------------------------------ */

static struct answer **answer_slot(struct hub *hub, uint64_t token)
{
	struct answer **slot = &hub->answers;

	while (*slot && (*slot)->token != token)
		slot = &(*slot)->next;
	return slot;
}

int hub_answer_send(struct hub *hub, struct request *request, const struct hub_answer *given,
		    answer_fn done, void *user, uint64_t *ret)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	int r;

	if (!answer)
		return -ENOMEM;
	*answer = (struct answer){ .token = ++hub->token,
				   .request = request,
				   .given = *given,
				   .done = done,
				   .user = user };
	r = hub->back->answer(request, given, answer->token, hub->user);
	if (r) {
		free(answer);
		return r;
	}
	request_answering(hub->requests, request);
	answer->next = hub->answers;
	hub->answers = answer;
	*ret = answer->token;
	return 0;
}

void hub_answer_forget(struct hub *hub, uint64_t token)
{
	struct answer *answer = *answer_slot(hub, token);

	if (answer)
		answer->done = NULL;
}

const struct request *hub_answering(struct hub *hub, uint64_t token)
{
	const struct answer *answer = *answer_slot(hub, token);

	return answer ? answer->request : NULL;
}

static void answer_tell(struct hub *hub, const struct answer *answer,
			const struct hub_outcome *outcome)
{
	struct news news = { .type = "verdict",
			     .clearance = "verdict_applied",
			     .action = wire_action(answer->given.action),
			     .scope = wire_scope(answer->given.scope),
			     .until_ns = outcome->until_ns,
			     .ok = !outcome->result,
			     .problem = outcome->problem,
			     .rule = outcome->rule,
			     .client = outcome->client,
			     .uid = answer->given.uid };

	/* the guard may have gone meanwhile: its owner still hears the end of the story */
	news_of_request(hub, &news, answer->request);
	hub_publish(hub, &news);
}

/* It can be tried again by the time that its author hears of it. */
static void answer_failed(struct hub *hub, struct answer *answer, const struct hub_outcome *outcome)
{
	answer_tell(hub, answer, outcome);
	/* a question that the back end has forgotten can never be answered */
	if (outcome->result == -ENOENT)
		request_remove(hub->requests, answer->request);
	else
		request_reopen(hub->requests, answer->request);
	if (answer->done)
		answer->done(outcome, answer->user);
}

/* What whoever answers next is told. */
static void outcome_note(struct hub *hub, const struct request *request,
			 const struct hub_answer *given, const struct hub_outcome *outcome)
{
	struct answered answered = { .id = (char *)request->id,
				     .owner = request->uid,
				     .uid = given->uid,
				     .action = given->action,
				     .scope = given->scope,
				     .until_ns = outcome->until_ns };

	snprintf(answered.client, sizeof(answered.client), "%s", outcome->client ?: "");
	answered_note(hub->answered, &answered);
}

/* Who answered waits: the news is for the others. Meanwhile nobody finds the request any more. */
static void answer_succeeded(struct hub *hub, struct answer *answer,
			     const struct hub_outcome *outcome)
{
	outcome_note(hub, answer->request, &answer->given, outcome);
	request_end(hub->requests, answer->request);
	if (answer->done)
		answer->done(outcome, answer->user);
	answer_tell(hub, answer, outcome);
	request_remove(hub->requests, answer->request);
}

void hub_request_settled(struct hub *hub, const char *id, const struct hub_answer *given,
			 const struct hub_outcome *outcome)
{
	struct request *request = request_find(hub->requests, id);
	const struct answer settled = { .request = request, .given = *given };

	if (!request)
		return;
	/* of one that is being answered the core says next that there is no such question */
	outcome_note(hub, request, given, outcome);
	if (request->state != REQUEST_OPEN)
		return;
	answer_tell(hub, &settled, outcome);
	request_remove(hub->requests, request);
}

static void waiter_add(struct waiter **list, struct waiter *waiter)
{
	while (*list) /* in the order of their coming */
		list = &(*list)->next;
	waiter->next = NULL;
	waiter->slot = list;
	*list = waiter;
}

/* One after the other; what one of them does may end another's waiting. */
static void waiters_wake(struct waiter **list)
{
	while (*list) {
		struct waiter *waiter = *list;

		hub_wait_end(waiter);
		waiter->again(waiter);
	}
}

void hub_answered(struct hub *hub, uint64_t token, const struct hub_outcome *outcome)
{
	struct answer **slot = answer_slot(hub, token), *answer = *slot;

	if (!answer)
		return;
	*slot = answer->next;
	if (outcome->result)
		answer_failed(hub, answer, outcome);
	else
		answer_succeeded(hub, answer, outcome);
	waiters_wake(&answer->waiters);
	free(answer);
}

bool hub_wait(struct hub *hub, const char *id, uint32_t uid, struct waiter *waiter)
{
	struct request *request = find_for(hub, id, uid);
	struct answer *answer = hub->answers;

	if (!request || request->state != REQUEST_ANSWERING)
		return false;
	while (answer && answer->request != request)
		answer = answer->next;
	if (!answer)
		return false;
	waiter_add(&answer->waiters, waiter);
	return true;
}

void hub_wait_end(struct waiter *waiter)
{
	if (!waiter->slot)
		return;
	*waiter->slot = waiter->next;
	if (waiter->next)
		waiter->next->slot = waiter->slot;
	waiter->slot = NULL;
}

const struct answered *hub_find_answered(struct hub *hub, const char *id, uint32_t uid)
{
	return uid ? answered_find_own(hub->answered, id, uid) : answered_find(hub->answered, id);
}

/* --- listings ----------------------------------------------------------------------------- */

int hub_list(struct hub *hub, struct listing *listing)
{
	int r;

	if (!hub->back->list) {
		listing->done(listing);
		return 0;
	}
	listing->token = ++hub->token;
	r = hub->back->list(listing->token, listing->uid, hub->user);
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
	if (!*slot)
		return;
	*slot = listing->next;
	if (hub->back->list_end)
		hub->back->list_end(listing->token, hub->user);
}

void hub_list_guard(struct hub *hub, uint64_t token, const struct label *label,
		    const struct terok_counts *counts)
{
	for (struct listing *listing = hub->listings; listing; listing = listing->next)
		if (listing->token == token && may_see(listing->uid, label->info.uid))
			listing->guard(listing, label, counts);
}

void hub_list_done(struct hub *hub, uint64_t token)
{
	for (struct listing *listing = hub->listings; listing; listing = listing->next) {
		if (listing->token == token) {
			listing->done(listing);
			return;
		}
	}
}

struct grant_calls *hub_grants(struct hub *hub)
{
	return &hub->grants;
}

const struct label *hub_label(struct hub *hub, uint32_t guard)
{
	return hub->back->label ? hub->back->label(guard, hub->user) : NULL;
}

void hub_recall(struct hub *hub, struct recall *recall)
{
	recall_begin(&hub->recalls, recall);
}

void hub_recall_end(struct hub *hub, struct recall *recall)
{
	recall_end(&hub->recalls, recall);
}

void hub_recall_entry(struct hub *hub, const struct msg_entry *entry)
{
	recall_entry(&hub->recalls, entry);
}

void hub_recall_done(struct hub *hub, const struct msg_listed *listed)
{
	recall_done(&hub->recalls, listed);
}
