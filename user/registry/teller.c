// SPDX-License-Identifier: Apache-2.0
#include "teller.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "contain.h"
#include "service/word.h"

#define AGAIN_NS                                                                                   \
	(SECOND_NS / 10) /* without an agent, or one that has no time; doubled each time ... */
#define AGAIN_MAX_NS (2 * SECOND_NS) /* ... up to that */
#define ANSWER_NS    (5 * SECOND_NS) /* for its answer */
#define FAILED_NS    (2 * SECOND_NS) /* what could not be done, until it is tried again */

struct teller {
	struct loop *loop;
	struct bus *bus;
	enum contain_policy policy;
	char path[WORD_PATH];
	struct bus_subscriber subscriber;
	struct contain contain;
	struct word word;
	struct agent_event *event; /* that is said, or is next; NULL: none */
	char of[AGENT_ID_LEN];     /* whom the word is to contain; "": it is .event */
	struct timer again;
	uint64_t pause_ns; /* 0: the agent answers, or nobody waits for it */
	bool met;          /* it has answered once */
	bool away;         /* and that was said */
};

static void go(struct teller *teller);

static int on_again(struct timer *timer)
{
	go(container_of(timer, struct teller, again));
	return 0;
}

static void look_at(struct teller *teller, uint64_t when_ns)
{
	timer_arm(teller->loop, &teller->again, when_ns, on_again);
}

/* --- an agent that is away ------------------------------------------------------------------ */

static bool somebody_waits(const struct teller *teller)
{
	const struct containing *one = teller->contain.first;

	while (one && !one->waits)
		one = one->next;
	return one != NULL;
}

static void agent_away(struct teller *teller, const char *why)
{
	teller->pause_ns = teller->pause_ns ? 2 * teller->pause_ns : AGAIN_NS;
	if (teller->pause_ns > AGAIN_MAX_NS)
		teller->pause_ns = AGAIN_MAX_NS;
	if (!teller->away)
		log_warn(0,
			 "event=guards_away %s: what happens is not told, and nobody is contained "
			 "until terok-bpfd answers at %s",
			 why, teller->path);
	teller->away = true;
	/* where none has ever run, what happened waits for the next that happens, and wakes nobody */
	if (!teller->met && !somebody_waits(teller) && !word_agent_is_known(teller->path))
		teller->pause_ns = 0;
	else
		look_at(teller, now_boot_ns() + teller->pause_ns);
}

static void agent_here(struct teller *teller)
{
	uint64_t lost = bus_lost(&teller->subscriber);

	teller->pause_ns = 0;
	teller->met = true;
	if (teller->away)
		log_info("event=guards_back");
	if (lost)
		log_warn(0, "event=guards_untold events=%" PRIu64, lost);
	teller->away = false;
}

/* --- whom to contain ------------------------------------------------------------------------ */

static void publish(struct teller *teller, const struct containing *one, bool ok,
		    const char *reason, const char *detail)
{
	const struct agent_event event = { .type = AGENT_EVENT_CONTAINED,
					   .container = one->container,
					   .agent = one->agent,
					   .project = one->project,
					   .ok = ok,
					   .reason = reason,
					   .detail = detail };

	(void)bus_publish(teller->bus, &event);
}

static void say_failed(struct teller *teller, struct containing *one, const char *reason,
		       const char *detail)
{
	char safe[CONTROL_TEXT];

	if (one->said)
		return;
	one->said = true;
	log_error(0, "event=contain_failed container=%.12s reason=%s %s", one->container, reason,
		  log_safe(safe, sizeof(safe), detail));
	publish(teller, one, false, reason, detail);
}

static void contained(struct teller *teller, struct containing *one,
		      const struct control_done *done)
{
	char safe[CONTROL_TEXT];

	log_warn(0, "event=contained container=%.12s guard=%u reason=%s: terok-bpfd up %u ends it",
		 one->container, done->guard, one->reason, done->guard);
	if (*done->problem)
		log_error(0, "event=contained container=%.12s %s", one->container,
			  log_safe(safe, sizeof(safe), done->problem));
	publish(teller, one, true, one->reason, one->detail);
	contain_drop(&teller->contain, one->container);
}

static void contain_answered(struct teller *teller, struct containing *one,
			     const struct control_done *done)
{
	if (!done->result || (done->result == -EALREADY && one->unheard)) {
		contained(teller, one, done);
	} else if (done->result == -EALREADY && !one->unheard) {
		log_info("event=contained container=%.12s still", one->container);
		contain_drop(&teller->contain, one->container);
	} else if (done->result == -ENOENT) {
		/* it may have one when it is untrusted again */
		one->waits = false;
		say_failed(teller, one, "no_guard",
			   "its container has no guard of ours: nothing is blocked");
	} else {
		one->due_ns = now_boot_ns() + FAILED_NS;
		say_failed(teller, one, "not_blocked", done->problem);
	}
}

#define COPY_TEXT(to, from) snprintf(to, sizeof(to), "%s", (from) ?: "")

/* A container whose id is longer than any of podman's has no guard: it is not to be another's. */
static bool has_place(const char *container)
{
	return container && strlen(container) < TEROK_NAME_LEN;
}

static void contain_say(struct control_packet *packet, const struct containing *one)
{
	packet->type = CONTROL_CONTAIN;
	if (has_place(one->container))
		strcpy(packet->CONTAIN.container, one->container);
	COPY_TEXT(packet->CONTAIN.reason, one->reason);
	COPY_TEXT(packet->CONTAIN.detail, one->detail);
}

/* --- what happens --------------------------------------------------------------------------- */

static void event_say(struct control_packet *packet, const struct agent_event *event)
{
	struct agent_told *told = &packet->AGENT;

	packet->type = CONTROL_AGENT;
	*told = (struct agent_told){ .type = event->type,
				     .attempts = event->attempts,
				     .step_index = event->step_index,
				     .step_count = event->step_count,
				     .exit_code = event->exit_code,
				     .ok = event->ok,
				     .wall_ns = event->wall_ns,
				     .duration_ns = event->duration_ns };
	COPY_TEXT(told->container, event->container);
	COPY_TEXT(told->agent, event->agent);
	COPY_TEXT(told->project, event->project);
	COPY_TEXT(told->step, event->step);
	COPY_TEXT(told->peer_name, event->peer_name);
	COPY_TEXT(told->peer_thumbprint, event->peer_thumbprint);
	COPY_TEXT(told->address, event->address);
	COPY_TEXT(told->reason, event->reason);
	COPY_TEXT(told->detail, event->detail);
}

static void event_done(struct teller *teller)
{
	agent_event_unref(teller->event);
	teller->event = NULL;
}

/* --- one word after the other --------------------------------------------------------------- */

static void answered(struct teller *teller, const struct control_done *done)
{
	struct containing *one = *teller->of ? contain_find(&teller->contain, teller->of) : NULL;

	if (one)
		contain_answered(teller, one, done);
	else if (!*teller->of && done->result == -EBUSY) /* too much of ours for its budget */
		teller->pause_ns = AGAIN_NS;
	else if (!*teller->of)
		event_done(teller);
	if (teller->pause_ns)
		look_at(teller, now_boot_ns() + teller->pause_ns);
	else
		go(teller);
}

static void on_heard(struct word *word, int error, const struct control_packet *reply, int *fd)
{
	struct teller *teller = container_of(word, struct teller, word);
	struct containing *one = contain_find(&teller->contain, teller->of);
	bool is_done = !error && reply->type == CONTROL_DONE &&
		       control_text_ok(reply->DONE.problem) && reply->DONE.result != -EAGAIN;

	(void)fd;
	if (is_done) {
		agent_here(teller);
		answered(teller, &reply->DONE);
		return;
	}
	if (one && error)
		one->unheard = true;
	agent_away(teller, error ? strerror(-error) : "it has no time");
}

static bool next_event(struct teller *teller)
{
	while (!teller->event && (teller->event = bus_take(&teller->subscriber)))
		if (!has_place(teller->event->container))
			event_done(teller);
	return teller->event;
}

static void say(struct teller *teller, struct control_packet *packet)
{
	int r = word_say(teller->loop, &teller->word, teller->path, packet, ANSWER_NS);

	if (r)
		agent_away(teller, strerror(-r));
}

static void go(struct teller *teller)
{
	struct control_packet packet = {};
	struct containing *one;
	uint64_t next_ns;

	if (word_is_said(&teller->word))
		return;
	one = contain_due(&teller->contain, now_boot_ns(), &next_ns);
	*teller->of = '\0';
	if (one) {
		strcpy(teller->of, one->container);
		contain_say(&packet, one);
		say(teller, &packet);
	} else if (next_event(teller)) {
		event_say(&packet, teller->event);
		say(teller, &packet);
	} else if (next_ns) {
		look_at(teller, next_ns);
	}
}

static void on_ready(struct bus_subscriber *subscriber)
{
	struct teller *teller = container_of(subscriber, struct teller, subscriber);

	if (!teller->pause_ns)
		go(teller);
}

void teller_heard(struct teller *teller, const struct agent_event *event)
{
	int r;

	if (!teller || !event->container)
		return;
	if (teller->away && !teller->pause_ns) /* nothing else looks for an agent now */
		look_at(teller, 0);
	if (event->type == AGENT_EVENT_CONTAINER && event->action &&
	    !strcmp(event->action, "destroy"))
		contain_drop(&teller->contain, event->container);
	if (event->type != AGENT_EVENT_UNTRUSTED || teller->policy == CONTAIN_OFF)
		return;
	r = contain_add(&teller->contain, event->container, event->agent, event->project,
			event->reason ?: "untrusted", event->detail ?: "");
	if (r)
		log_error(r, "event=contain_failed container=%.12s", event->container);
	else if (!teller->pause_ns && !word_is_said(&teller->word))
		look_at(teller, 0); /* the bus may have no room for it, and tell nobody */
}

/* --- begin and end -------------------------------------------------------------------------- */

int teller_new(struct loop *loop, struct bus *bus, enum contain_policy policy, struct teller **ret)
{
	struct teller *teller = calloc(1, sizeof(*teller));
	int r = teller ? word_path(teller->path) : -ENOMEM;

	if (!r) {
		teller->loop = loop;
		teller->bus = bus;
		teller->policy = policy;
		teller->word.heard = on_heard;
		teller->subscriber.types = AGENT_EVENT_TOLD;
		teller->subscriber.ready = on_ready;
		r = bus_subscribe(bus, &teller->subscriber);
	}
	if (r)
		free(teller);
	else
		*ret = teller;
	return r;
}

void teller_free(struct teller *teller)
{
	if (!teller)
		return;
	bus_leave(&teller->subscriber);
	word_end(&teller->word);
	timer_disarm(&teller->again);
	event_done(teller);
	contain_done(&teller->contain);
	free(teller);
}
