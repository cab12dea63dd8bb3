// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_web_hub.c - the web page's half that speaks to the hub; nothing else of it does
 *
 * A feed subscribes for one stream: what the hub replays, guards, "ready", then all that
 * happens; it connects again when the hub goes away. While its stream has no room it reads
 * nothing, so that the hub counts what is missed. An ask is one call with an end: answered,
 * refused, or too late.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "clearance_item.h"
#include "clearance_web.h"

#define ASK_NS (5 * SECOND_NS) /* how long a call to the hub may take */

/* --- feed ------------------------------------------------------------------------------ */

static void feed_tell(struct feed *feed, const char *event)
{
	const char *text = json_done(&feed->json);

	if (text)
		feed->face->tell(event, text, feed->user);
	json_reset(&feed->json);
}

/* The hub's clock is not the page's: both, so that it can tell one from the other. */
static void tell_hub(struct feed *feed, bool connected)
{
	json_open_object(&feed->json, NULL);
	json_add_bool(&feed->json, "connected", connected);
	json_add_uint(&feed->json, "boot_ns", now_boot_ns());
	json_add_int(&feed->json, "wall_ns", now_wall_ns());
	json_add_string(&feed->json, "version", TEROK_VERSION);
	json_close_object(&feed->json);
	feed_tell(feed, "hub");
}

/* Where it belongs, as the terminal's list has it. */
static void add_group(struct json *json, const struct terok_event *event)
{
	struct item item = {};
	char domain[256];

	item_fill(&item, event);
	item_domain(domain, &item);
	json_add_string(json, "site", domain);
	json_add_bool(json, "shared", item_is_shared(&item));
	json_add_bool(json, "local", item_is_local(&item));
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct feed *feed = user;

	if (lost > feed->lost) {
		json_open_object(&feed->json, NULL);
		json_add_int(&feed->json, "lost", lost - feed->lost);
		json_close_object(&feed->json);
		feed_tell(feed, "lost");
		feed->lost = lost;
	}
	/* waits for nobody: no view has it; the other is what was just told */
	if (!strcmp(event->type, "refused") || !strcmp(event->type, "missed"))
		return;
	json_open_object(&feed->json, NULL);
	json_add_raw(&feed->json, "event", event->json, strlen(event->json));
	if (!strcmp(event->type, "request"))
		add_group(&feed->json, event);
	json_close_object(&feed->json);
	feed_tell(feed, "event");
}

/* The replay is on its way; what is asked now is answered behind it. */
static void on_subscribed(void *user)
{
	struct feed *feed = user;

	if (terok_client_list_guards(feed->client))
		feed->closed = true;
}

static void on_guard(const struct terok_guard_status *guard, void *user)
{
	struct feed *feed = user;

	if (guard)
		feed->face->tell("guard", guard->json, feed->user);
	else
		feed->listed = true;
}

static void on_feed_closed(int error, void *user)
{
	struct feed *feed = user;

	(void)error;
	feed->closed = true; /* closed where it is safe: behind terok_client_process() */
}

static const struct terok_client_events feed_events = {
	.subscribed = on_subscribed, .event = on_event, .guard = on_guard, .closed = on_feed_closed
};

static int feed_again(struct timer *timer);

/* 1, 2, 4, 8, 10, 10... seconds. */
static void feed_schedule(struct feed *feed)
{
	unsigned seconds = feed->tries < 4 ? 1U << feed->tries : 10;

	feed->tries++;
	timer_arm(feed->loop, &feed->again, now_boot_ns() + seconds * SECOND_NS, feed_again);
}

static void feed_disconnect(struct feed *feed)
{
	source_del(&feed->source);
	terok_client_close(TAKE_PTR(feed->client));
	feed->closed = feed->listed = feed->ready = false;
	feed->lost = 0;
}

/* All that was open has been told when nothing of it waits in our socket any more. */
static void feed_check_ready(struct feed *feed)
{
	struct pollfd more = { .fd = terok_client_fd(feed->client), .events = POLLIN };

	if (feed->ready || !feed->listed || poll(&more, 1, 0) != 0)
		return;
	feed->ready = true;
	feed->face->tell("ready", "{}", feed->user);
}

static int feed_readable(struct source *source, uint32_t events)
{
	struct feed *feed = container_of(source, struct feed, source);

	(void)events;
	terok_client_process(feed->client);
	if (feed->closed) {
		feed_disconnect(feed);
		tell_hub(feed, false);
		feed_schedule(feed);
		return 0;
	}
	feed_check_ready(feed);
	return feed->face->full(feed->user) ? source_set(source, 0) : 0;
}

static int feed_connect(struct feed *feed)
{
	int r = terok_client_open(feed->path, &feed_events, feed, &feed->client);

	if (r)
		return r;
	tell_hub(feed, true);
	r = terok_client_monitor(feed->client, 0, true);
	if (!r)
		r = source_add(feed->loop, &feed->source, terok_client_fd(feed->client), EPOLLIN,
			       feed_readable);
	if (r)
		feed_disconnect(feed);
	else
		feed->tries = 0;
	return r;
}

static int feed_again(struct timer *timer)
{
	struct feed *feed = container_of(timer, struct feed, again);

	if (feed_connect(feed))
		feed_schedule(feed);
	return 0;
}

void feed_start(struct feed *feed)
{
	if (!feed_connect(feed))
		return;
	tell_hub(feed, false);
	feed_schedule(feed);
}

void feed_resume(struct feed *feed)
{
	if (feed->client)
		source_set(&feed->source, EPOLLIN);
}

void feed_stop(struct feed *feed)
{
	timer_disarm(&feed->again);
	feed_disconnect(feed);
	json_free(&feed->json);
}

/* --- ask ------------------------------------------------------------------------------- */

struct ask {
	struct loop *loop;
	struct terok_client *client;
	struct source source;
	struct timer end; /* too late, or in the next round */
	ask_fn done;
	void *user;
	struct json json;
	unsigned status, waits; /* answers that have not come */
	bool over, closed, outcome;
	char ids[WEB_ANSWERS][WEB_ID_LEN];
};

/* Nothing more is waited for: told from the loop, never from within the call or a callback. */
static int ask_tell(struct timer *timer)
{
	struct ask *ask = container_of(timer, struct ask, end);
	const char *text = json_done(&ask->json);

	source_del(&ask->source);
	terok_client_close(TAKE_PTR(ask->client));
	ask->done(text ? ask->status : 500, text ?: "{}", ask->user);
	return 0;
}

static void ask_over(struct ask *ask, unsigned status)
{
	if (ask->over)
		return;
	ask->over = true;
	ask->status = status;
	timer_arm(ask->loop, &ask->end, 0, ask_tell);
}

/* A refusal in place of what was asked. */
static void ask_fail(struct ask *ask, unsigned status, const char *error, const char *text)
{
	if (ask->over)
		return;
	json_reset(&ask->json);
	json_open_object(&ask->json, NULL);
	json_add_string(&ask->json, "error", error);
	json_add_string(&ask->json, "problem", text);
	json_close_object(&ask->json);
	ask_over(ask, status);
}

static int ask_late(struct timer *timer)
{
	struct ask *ask = container_of(timer, struct ask, end);

	ask_fail(ask, 504, "HubSilent", "the hub does not answer");
	return 0;
}

static void on_ask_closed(int error, void *user)
{
	struct ask *ask = user;

	(void)error;
	ask->closed = true;
}

static int ask_readable(struct source *source, uint32_t events)
{
	struct ask *ask = container_of(source, struct ask, source);

	(void)events;
	terok_client_process(ask->client);
	if (ask->closed)
		ask_fail(ask, 503, "HubAway", "the hub went away");
	return ask->over ? source_set(source, 0) : 0;
}

/* The end of a list; @text: NULL, or why it is not all: what came is true all the same. */
static void list_close(struct ask *ask, bool more, const char *text)
{
	json_close_array(&ask->json);
	json_add_bool(&ask->json, "more", more);
	if (text)
		json_add_string(&ask->json, "problem", text);
	json_close_object(&ask->json);
	ask_over(ask, 200);
}

static void on_ask_guard(const struct terok_guard_status *guard, void *user)
{
	struct ask *ask = user;

	if (guard)
		json_add_raw(&ask->json, NULL, guard->json, strlen(guard->json));
	else
		list_close(ask, false, NULL);
}

static void on_grant(const struct terok_grant_status *grant, bool more, const char *text,
		     void *user)
{
	struct ask *ask = user;

	if (grant)
		json_add_raw(&ask->json, NULL, grant->json, strlen(grant->json));
	else
		list_close(ask, more, text);
}

static void on_entry(const struct terok_entry *entry, bool more, const char *text, void *user)
{
	struct ask *ask = user;

	if (entry)
		json_add_raw(&ask->json, NULL, entry->json, strlen(entry->json));
	else
		list_close(ask, more, text);
}

static void on_revoked(const char *error, const char *text, uint64_t cookie, void *user)
{
	struct ask *ask = user;

	(void)cookie;
	if (error) {
		ask_fail(ask, 409, error, text);
		return;
	}
	json_open_object(&ask->json, NULL);
	json_close_object(&ask->json);
	ask_over(ask, 200);
}

/* Before on_answered(), which closes the object. */
static void on_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user)
{
	struct ask *ask = user;

	(void)cookie;
	json_open_object(&ask->json, NULL);
	json_add_int(&ask->json, "until_ns", outcome->until_ns);
	json_add_string(&ask->json, "rule", outcome->rule);
	if (outcome->already) {
		json_add_string(&ask->json, "action", outcome->action);
		json_add_string(&ask->json, "scope", outcome->scope);
		json_add_string(&ask->json, "client", outcome->client);
		json_add_int(&ask->json, "uid", outcome->uid);
	}
	ask->outcome = true;
}

static void on_answered(const char *error, const char *text, uint64_t cookie, void *user)
{
	struct ask *ask = user;

	if (!ask->outcome)
		json_open_object(&ask->json, NULL);
	ask->outcome = false;
	json_add_string(&ask->json, "request_id", ask->ids[cookie]);
	json_add_bool(&ask->json, "ok", !error);
	if (error) {
		json_add_string(&ask->json, "error", error);
		json_add_string(&ask->json, "problem", text);
	}
	json_close_object(&ask->json);
	if (--ask->waits)
		return;
	json_close_array(&ask->json);
	json_close_object(&ask->json);
	ask_over(ask, 200);
}

static const struct terok_client_events ask_events = { .guard = on_ask_guard,
						       .outcome = on_outcome,
						       .answered = on_answered,
						       .grant = on_grant,
						       .revoked = on_revoked,
						       .entry = on_entry,
						       .closed = on_ask_closed };

struct ask *ask_new(struct loop *loop, const char *path, ask_fn done, void *user)
{
	struct ask *ask = calloc(1, sizeof(*ask));
	int r;

	if (!ask)
		return NULL;
	ask->loop = loop;
	ask->done = done;
	ask->user = user;
	r = terok_client_open(path, &ask_events, ask, &ask->client);
	if (!r)
		r = source_add(loop, &ask->source, terok_client_fd(ask->client), EPOLLIN,
			       ask_readable);
	if (r)
		ask_fail(ask, 503, "HubAway", "cannot reach the hub; is the agent running?");
	else
		timer_arm(loop, &ask->end, now_boot_ns() + ASK_NS, ask_late);
	return ask;
}

void ask_free(struct ask *ask)
{
	if (!ask)
		return;
	timer_disarm(&ask->end);
	source_del(&ask->source);
	terok_client_close(ask->client);
	json_free(&ask->json);
	free(ask);
}

static void ask_sent(struct ask *ask, int r)
{
	if (r)
		ask_fail(ask, 503, "HubAway", strerror(-r));
}

static void list_open(struct ask *ask, const char *key)
{
	json_open_object(&ask->json, NULL);
	json_open_array(&ask->json, key);
}

void ask_answer(struct ask *ask, const struct web_answer *answer)
{
	const struct terok_answer what = { answer->action, answer->scope, answer->seconds,
					   answer->reach, answer->ports };
	int r = 0;

	if (ask->over)
		return;
	list_open(ask, "results");
	for (unsigned i = 0; !r && i < answer->n; i++) {
		strcpy(ask->ids[i], answer->ids[i]);
		ask->waits++;
		r = terok_client_answer_with(ask->client, ask->ids[i], &what, i);
	}
	ask_sent(ask, r);
}

void ask_guards(struct ask *ask)
{
	if (ask->over)
		return;
	list_open(ask, "guards");
	ask_sent(ask, terok_client_list_guards(ask->client));
}

void ask_grants(struct ask *ask)
{
	if (ask->over)
		return;
	list_open(ask, "grants");
	ask_sent(ask, terok_client_list_grants(ask->client, 0));
}

void ask_history(struct ask *ask, int64_t after, int64_t limit)
{
	if (ask->over)
		return;
	list_open(ask, "entries");
	ask_sent(ask, terok_client_history(ask->client, 0, after, limit));
}

void ask_revoke(struct ask *ask, const char *grant)
{
	if (!ask->over)
		ask_sent(ask, terok_client_revoke(ask->client, grant, 0));
}
