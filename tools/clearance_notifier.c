// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_notifier.c - terok-clearance notifier: the hub's requests on a desktop
 *
 * A hub client on one side, a notification service on the other, popups between them. What is
 * open is told by the hub whenever we connect to it, so neither side has to be there first, and
 * both may come back. `notify` shows one note and is no client of anything.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/log.h"
#include "base/signals.h"
#include "clearance.h"
#include "clearance_notifier.h"
#include "clearance_popup.h"

#define SERVICE_NS (3 * SECOND_NS) /* one that is started may take minutes, or for ever */

struct notifier {
	struct loop *loop;
	struct desktop desktop;
	struct popups popups;
	struct signals signals;
	struct timer patience;
	bool begun, absent, ending;

	/* the hub */
	const char *given;           /* --socket; NULL: where it is by itself, which may change */
	struct terok_client *client; /* NULL: none now */
	struct source hub;
	struct timer again;
	unsigned tries;
	uint64_t connected_ns; /* CLOCK_BOOTTIME */
	int64_t lost;
	bool closed, missed;
};

/* --- the hub ------------------------------------------------------------------------------ */

static void hub_connect(struct notifier *notifier);

static int hub_again(struct timer *timer)
{
	hub_connect(container_of(timer, struct notifier, again));
	return 0;
}

/* 1, 2, 4, 8, 10, 10... seconds. */
static void hub_schedule(struct notifier *notifier)
{
	unsigned seconds = notifier->tries < 4 ? 1U << notifier->tries : 10;

	notifier->tries++;
	timer_arm(notifier->loop, &notifier->again, now_boot_ns() + seconds * SECOND_NS, hub_again);
}

static void hub_disconnect(struct notifier *notifier)
{
	source_del(&notifier->hub);
	terok_client_close(TAKE_PTR(notifier->client));
	notifier->closed = notifier->missed = false;
	notifier->lost = 0;
	popups_hub_lost(&notifier->popups);
}

/*
 * A hub tells what is open when it is asked to; the listing of guards behind it says whose
 * shield is down still, and where that ends.
 */
static void hub_subscribed(void *user)
{
	struct notifier *notifier = user;

	popups_replay(&notifier->popups, true);
	terok_client_list_guards(notifier->client);
}

static void hub_guard(const struct terok_guard_status *guard, void *user)
{
	struct notifier *notifier = user;

	if (guard)
		popups_guard(&notifier->popups, guard);
	else
		popups_replay(&notifier->popups, false);
}

static void hub_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct notifier *notifier = user;

	/* what was lost may be the end of something that we show: ask anew */
	if (lost > notifier->lost || !strcmp(event->type, "missed"))
		notifier->missed = true;
	notifier->lost = lost;
	popups_event(&notifier->popups, event);
}

static void hub_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user)
{
	struct notifier *notifier = user;

	popups_outcome(&notifier->popups, outcome, cookie);
}

static void hub_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct notifier *notifier = user;

	popups_answered(&notifier->popups, error, problem, cookie);
}

static void hub_closed(int error, void *user)
{
	struct notifier *notifier = user;

	(void)error;
	notifier->closed = true; /* closed where it is safe: behind terok_client_process() */
}

static int hub_ready(struct source *source, uint32_t events)
{
	struct notifier *notifier = container_of(source, struct notifier, hub);
	bool again;

	(void)events;
	terok_client_process(notifier->client);
	if (!notifier->closed && !notifier->missed)
		return 0;
	if (notifier->closed)
		log_info("the hub went away; trying again");
	again = notifier->missed && !notifier->closed &&
		now_boot_ns() - notifier->connected_ns > SECOND_NS;
	hub_disconnect(notifier);
	if (again)
		hub_connect(notifier);
	else
		hub_schedule(notifier);
	return 0;
}

static void hub_connect(struct notifier *notifier)
{
	static const struct terok_client_events events = {
		.subscribed = hub_subscribed,
		.event = hub_event,
		.outcome = hub_outcome,
		.answered = hub_answered,
		.guard = hub_guard,
		.closed = hub_closed,
	};
	const char *path = notifier->given ?: session_socket();
	int r = terok_client_open(path, &events, notifier, &notifier->client);

	if (!r)
		r = terok_client_monitor(notifier->client, 0, true);
	if (!r)
		r = source_add(notifier->loop, &notifier->hub, terok_client_fd(notifier->client),
			       EPOLLIN, hub_ready);
	if (!r) {
		notifier->tries = 0;
		notifier->connected_ns = now_boot_ns();
		return;
	}
	if (!notifier->tries)
		log_warn(r, "no hub at %s yet; waiting for it", path);
	hub_disconnect(notifier);
	hub_schedule(notifier);
}

/* Once it is known whether somebody shows what it tells, or that takes long. */
static void hub_begin(struct notifier *notifier)
{
	if (notifier->begun || notifier->ending)
		return;
	notifier->begun = true;
	hub_connect(notifier);
}

/* --- popups, between both -------------------------------------------------------------------- */

static int popup_notify(const struct desktop_note *note, uint32_t replaces, uint64_t *ret,
			void *user)
{
	struct notifier *notifier = user;

	return desktop_notify(&notifier->desktop, note, replaces, ret);
}

static void popup_close(uint32_t id, void *user)
{
	struct notifier *notifier = user;

	desktop_close(&notifier->desktop, id);
}

static void popup_wake(void *user)
{
	struct notifier *notifier = user;

	desktop_wake(&notifier->desktop);
}

static int popup_answer(const char *request_id, bool allow, const char *scope, uint64_t cookie,
			void *user)
{
	struct notifier *notifier = user;

	if (!notifier->client)
		return -ENOTCONN;
	return terok_client_answer(notifier->client, request_id, allow ? "allow" : "deny", scope, 0,
				   cookie);
}

static const struct popup_face popup_face = {
	.notify = popup_notify,
	.close = popup_close,
	.wake = popup_wake,
	.answer = popup_answer,
};

/* --- the desktop --------------------------------------------------------------------------- */

static void on_ready(void *user)
{
	struct notifier *notifier = user;

	if (!notifier->desktop.actions)
		log_warn(0, "this desktop shows no buttons; answer with terok-clearance");
	if (notifier->absent)
		log_info("notifications are shown");
	notifier->absent = false;
	popups_ready(&notifier->popups, notifier->desktop.actions);
	hub_begin(notifier);
}

static void on_lost(void *user)
{
	struct notifier *notifier = user;

	popups_lost(&notifier->popups);
}

static void on_absent(const char *why, void *user)
{
	struct notifier *notifier = user;

	notifier->absent = true;
	log_warn(0,
		 "nobody shows notifications here (%s): answer with terok-clearance in a terminal; "
		 "waiting for somebody who does",
		 why);
	hub_begin(notifier);
}

static void on_sent(uint64_t call, uint32_t id, void *user)
{
	struct notifier *notifier = user;

	popups_sent(&notifier->popups, call, id);
	if (notifier->ending && popups_close(&notifier->popups))
		loop_stop(notifier->loop);
}

static void on_action(uint32_t id, const char *key, void *user)
{
	struct notifier *notifier = user;

	popups_action(&notifier->popups, id, key);
}

static void on_closed(uint32_t id, uint32_t why, void *user)
{
	struct notifier *notifier = user;

	popups_closed(&notifier->popups, id, why);
}

static const struct desktop_face desktop_face = {
	.ready = on_ready,
	.lost = on_lost,
	.absent = on_absent,
	.sent = on_sent,
	.action = on_action,
	.closed = on_closed,
};

static int service_is_slow(struct timer *timer)
{
	hub_begin(container_of(timer, struct notifier, patience));
	return 0;
}

/* --- verbs ----------------------------------------------------------------------------------- */

static int patience_ends(struct timer *timer)
{
	loop_stop(container_of(timer, struct notifier, patience)->loop);
	return 0;
}

/* Nobody answers any more: no button may stay behind, also of what is just being shown. */
static int on_signal(struct signals *signals, int signal)
{
	struct notifier *notifier = container_of(signals, struct notifier, signals);

	(void)signal;
	signals_end(signals);
	timer_disarm(&notifier->again);
	hub_disconnect(notifier);
	notifier->ending = true;
	if (popups_close(&notifier->popups))
		loop_stop(notifier->loop);
	else
		timer_arm(notifier->loop, &notifier->patience, now_boot_ns() + SECOND_NS,
			  patience_ends);
	return 0;
}

static int notifier_run(struct notifier *notifier)
{
	struct problem why = {};
	int r = loop_new(&notifier->loop);

	if (r)
		return log_error(r, "notifier");
	notifier->popups.loop = notifier->desktop.bus.loop = notifier->loop;
	notifier->popups.face = &popup_face;
	notifier->desktop.face = &desktop_face;
	notifier->popups.user = notifier->desktop.user = notifier;
	popups_start(&notifier->popups);
	signal(SIGPIPE, SIG_IGN);
	r = signals_add(notifier->loop, &notifier->signals, NULL, on_signal);
	if (!r)
		r = desktop_start(&notifier->desktop, &why);
	if (!r) {
		timer_arm(notifier->loop, &notifier->patience, now_boot_ns() + SERVICE_NS,
			  service_is_slow);
		r = loop_run(notifier->loop);
	}
	if (r)
		log_error(0, "%s; use terok-clearance in a terminal",
			  why.text[0] ? why.text : strerror(-r));
	timer_disarm(&notifier->patience);
	timer_disarm(&notifier->again);
	hub_disconnect(notifier);
	popups_stop(&notifier->popups);
	desktop_stop(&notifier->desktop);
	signals_end(&notifier->signals);
	loop_free(notifier->loop);
	return r;
}

int verb_notifier(int argc, char **argv)
{
	struct notifier notifier = { .popups.categories = POPUP_ALL };
	const char *only = NULL;
	const struct cli_option options[] = {
		{ "only", "WORDS", "blocked,verdict,shield_up,...; see terok-clearance(1)",
		  CLI_STRING, &only },
		{ "socket", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING,
		  &notifier.given },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	if (only)
		notifier.popups.categories = popup_categories(only);
	return notifier_run(&notifier);
}

int verb_notify(int argc, char **argv)
{
	struct desktop_note note = { .urgency = URGENCY_NORMAL };
	const char *timeout = "-1";
	const struct cli_option options[] = {
		{ "timeout", "MS", "how long it is shown; 0: until it is closed", CLI_STRING,
		  &timeout },
		{ "t", "MS", "the same", CLI_STRING, &timeout },
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 2);
	int64_t id;
	char *end;
	long ms;

	if (r < 0)
		return r;
	ms = strtol(timeout, &end, 10);
	if (!*timeout || *end || ms < -1 || ms > INT32_MAX)
		return log_error(0, "'%s' is no number of milliseconds", timeout), -EINVAL;
	note.summary = argv[1];
	note.body = r > 1 ? argv[2] : "";
	note.timeout_ms = ms;
	/* nobody there to show it is nothing that a script should stop for */
	id = desktop_show(&note);
	printf("%" PRId64 "\n", id < 0 ? 0 : id);
	return 0;
}
