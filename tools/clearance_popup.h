/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_popup.h - which notifications there are: what happens becomes what is shown
 *
 * One popup for each destination that a container waits for, replaced as more is known of it:
 *
 *   blocked   asked; may be clicked         -> outcome, or closed (expired, the container went)
 *   outcome   what became of an answer      -> forgotten once it is shown
 *
 * POPUPS_SHOWN of a container are shown at a time, POPUPS_SEEN of all; those beyond wait,
 * counted by one popup, and come forward as others are answered. What is new is shown at once
 * up to a burst, then at a pace that a person can read. Knows no bus and no hub: both are
 * behind functions of the owner, and a reply of the service is awaited before a popup is sent
 * again.
 * Called by: clearance_notifier.c. Threads: none, all on one loop.
 */
#ifndef TOOLS_CLEARANCE_POPUP_H
#define TOOLS_CLEARANCE_POPUP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/event.h"
#include "clearance_desktop.h"
#include "terok/clearance.h"

#define POPUPS_SHOWN   5    /* of one container: as many as one looks at */
#define POPUPS_SEEN    10   /* of all of them: half the height of a screen */
#define POPUPS_MAX     1024 /* requests that wait: as many as a hub has open */
#define POPUP_LABEL    224
#define POPUP_CHOICES  4
#define POPUPS_PASSING 16 /* news that wait for their turn; more is not told */
#define POPUP_TERMS    128

enum popup_category {
	POPUP_BLOCKED = 1,
	POPUP_VERDICT = 2,
	POPUP_SHIELD_UP = 4,
	POPUP_SHIELD_DOWN = 8,
	POPUP_STARTED = 16,
	POPUP_EXITED = 32,
	POPUP_ALL = 63,
};

/**
 * struct popup_face - what is done for popups; all must be there
 * @notify: as desktop_notify()
 * @close:  as desktop_close()
 * @wake:   as desktop_wake()
 * @answer: send an answer to the hub; popups_answered() follows with @cookie; or negative errno
 */
struct popup_face {
	int (*notify)(const struct desktop_note *note, uint32_t replaces, uint64_t *ret,
		      void *user);
	void (*close)(uint32_t id, void *user);
	void (*wake)(void *user);
	int (*answer)(const char *request_id, bool allow, const char *scope, uint64_t cookie,
		      void *user);
};

enum popup_kind {
	KIND_BLOCKED,   /* waits for an answer */
	KIND_MORE,      /* how many wait unseen: one for all containers */
	KIND_SHIELD,    /* a container's shield is down: until it is up, or the container ends */
	KIND_ALARM,     /* a container asks for a guard and has none: until it has, or ends */
	KIND_CONTAINED, /* its agent is not trusted: until its guard has another state, or ends */
	KIND_PASSING,   /* says something once */
};

/* clearance_popup.c's, and for clearance_popup_text.c to read. */
struct popup {
	struct popup *next;
	enum popup_kind kind;
	uint64_t number; /* cookie of the answer that is on its way; never reused */
	int64_t guard;
	char container[72], label[POPUP_LABEL];
	bool task; /* the label is a task's */

	/* KIND_BLOCKED */
	char request_id[80], target[256], process[96], parents[128], rule[128];
	int64_t port, proto, count,
	    before; /* before: counted under earlier ids; of KIND_MORE: held */
	time_t since;
	bool answering, allow;
	bool refused; /* that it failed was told by the reply: not again by the event */
	bool stale;   /* not told again by a hub that is back; also of the alerts */

	/* the others: what they say */
	char summary[SUMMARY_MAX + 1], body[256];
	enum urgency urgency;

	/* at the service */
	bool shown;    /* it is to be seen; else it waits, or was put away */
	bool away;     /* put away by somebody: it does not come back by itself */
	bool dirty;    /* what can be seen is not what is known */
	bool ending;   /* goes as soon as the service has said what it is called */
	uint64_t call; /* Notify is on its way; 0: it is not */
	uint32_t id;   /* 0: not at the service */
	uint64_t next_ns;
};

struct popups {
	struct loop *loop;
	const struct popup_face *face;
	void *user;
	unsigned categories; /* enum popup_category; whatever is not shown is still kept track of */
	bool buttons;        /* the service shows actions */
	/* below: clearance_popup.c's */
	struct popup *first, **last;
	struct timer later;
	unsigned n_waiting, n_passing;
	int64_t held; /* refusals that nobody is asked about, while some wait unseen */
	uint64_t number, paced_ns;
	bool ready;
};

/** popups_start() - empty; fill loop, face, user and categories first */
void popups_start(struct popups *popups);

/**
 * popups_close() - close all; true: done. false: some are closed when popups_sent() has told what
 * they are called; ask again then
 */
bool popups_close(struct popups *popups);

/** popups_stop() - forget what is left */
void popups_stop(struct popups *popups);

/** popups_event() - something happened */
void popups_event(struct popups *popups, const struct terok_event *event);

/** popups_outcome() - somebody else's answer is in force; popups_answered() follows */
void popups_outcome(struct popups *popups, const struct terok_outcome *outcome, uint64_t cookie);

/** popups_answered() - what the hub said to an answer; @error as in terok_client_events */
void popups_answered(struct popups *popups, const char *error, const char *problem,
		     uint64_t cookie);

/**
 * popups_replay() - the hub begins to tell what is open (true), or has told it all (false):
 * what it did not tell was decided elsewhere
 */
void popups_replay(struct popups *popups, bool begins);

/** popups_guard() - a guard that the hub has; between the two of popups_replay() */
void popups_guard(struct popups *popups, const struct terok_guard_status *guard);

/** popups_hub_lost() - what was answered and not heard of may be answered again */
void popups_hub_lost(struct popups *popups);

/** popups_ready(), popups_lost() - of the service: as desktop_face's */
void popups_ready(struct popups *popups, bool buttons);
void popups_lost(struct popups *popups);

/** popups_sent(), popups_action(), popups_closed() - as desktop_face's */
void popups_sent(struct popups *popups, uint64_t call, uint32_t id);
void popups_action(struct popups *popups, uint32_t id, const char *key);
void popups_closed(struct popups *popups, uint32_t id, uint32_t why);

/** popup_categories() - "blocked,verdict" as a set; words that are none are left out */
unsigned popup_categories(const char *text);

/**
 * popup_label() - what people call a container; @project, @task, @name may be ""
 *
 * "project/task . name" with a middle dot, else the name, else @container. Return: @buf.
 */
const char *popup_label(char buf[static POPUP_LABEL], const char *project, const char *task,
			const char *name, const char *container);

/** popup_label_set() - the same of an event, with what a reader told its hub beyond the name */
void popup_label_set(struct popup *popup, const struct terok_event *event);

/** popup_asker_set() - who asks, and the rule that stood in the way, where the event says so */
void popup_asker_set(struct popup *popup, const struct terok_event *event);

/** popup_note() - what @popup says; @summary (SUMMARY_MAX + 1), @body (BODY_MAX + 1): room for it */
void popup_note(const struct popup *popup, bool buttons, struct desktop_note *note, char *summary,
		char *body);

/** popup_body_begin() - whose it is; popup_body_add() - one more line, cut where @size ends */
void popup_body_begin(const struct popup *popup, char *buf, size_t size);
void popup_body_add(char *buf, size_t size, const char *fmt, ...)
    __attribute__((__format__(__printf__, 3, 4)));

/**
 * popup_terms() - until when an answer holds and who gave it, for people
 * @scope, @client: as the hub has them, or ""; @until_ns: CLOCK_BOOTTIME, 0: no end of its own
 *
 * Who gave it is not said where it was the user who reads it. Return: @buf; may be "".
 */
const char *popup_terms(char buf[static POPUP_TERMS], const char *scope, int64_t until_ns,
			int64_t uid, const char *client);

/* Keys of clicks and their labels, as the service takes them. */
extern const char *const popup_actions[2 * POPUP_CHOICES + 1];

/** popup_choices() - how many of them there are: a session's hub knows allow and deny, for ever */
static inline unsigned popup_choices(const struct popup *popup)
{
	return popup->guard ? POPUP_CHOICES : 2;
}

#endif
