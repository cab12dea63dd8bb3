/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub.h - who hears what, who may answer what; knows no transport and no kernel
 *
 * Between a back end, which knows what was refused and can change it, and people. The back end
 * tells (hub_publish), asks (hub_request_open) and takes back what it asked
 * (hub_request_purge); the hub hands it each answer once (struct hub_back) and is told what
 * became of it (hub_answered). An answer must name an open request that its sender may answer
 * for; while it is on its way nobody else can answer, and what is purged meanwhile never opens
 * again. There are two: hub_core.c speaks to the core of the agent, hub_reader.c to readers and a
 * verdict helper. One hub has one of them.
 *
 * For a back end without guards: .guard is 0 everywhere, requests belong to a container, and
 * .owner of what it tells is the uid whose session it is. Texts that answers cite (id,
 * container, dest of a question) are the sanitised ones, as people saw them; all else is
 * sanitised here, when it is told.
 *
 * Who may see and answer: root everything, a user what is theirs. A request that is not theirs
 * does not exist for them.
 * Owns: requests, answers on their way, the last that are in force. Threads: none.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "answered.h"
#include "base/cleanup.h"
#include "event.h"
#include "grant_calls.h"
#include "lane.h"
#include "recall.h"
#include "request.h"
#include "terok/core_msg.h"
#include "wire.h"

struct hub;

/* --- the back end's side ------------------------------------------------------------------ */

/* What somebody answered. */
struct hub_answer {
	uint32_t uid, pid; /* who, by peer credentials; pid for the program's name, 0: not known */
	enum terok_action action;
	enum scope scope;
	uint64_t seconds; /* SCOPE_TIME */
	enum reach reach;
	enum ports ports;
};

/* What became of an answer. Texts live until the call returns; NULL: none. */
struct hub_outcome {
	int result; /* 0: in force; -ENOENT: it can never be answered; else it may be tried again */
	uint64_t until_ns; /* when it ends, CLOCK_BOOTTIME; 0: no end of its own */
	const char *problem;
	const char *rule;   /* that was made, as `rules` prints it */
	const char *client; /* the program that answered */
};

struct hub_back {
	/*
	 * Carry out an answer, later: hub_answered() with that token says what became of it, but
	 * not before this has returned. Negative errno: nothing was begun.
	 */
	int (*answer)(const struct request *request, const struct hub_answer *answer,
		      uint64_t token, void *user);
	/* Tell that user's guards, root: all, by hub_list_guard(), then hub_list_done(). NULL: none. */
	int (*list)(uint64_t token, uint32_t uid, void *user);
	/* Nobody waits for that any more. May be NULL. */
	void (*list_end)(uint64_t token, void *user);
	/*
	 * Send entries by hub_recall_entry(), then hub_recall_done(), maybe before this returns.
	 * Negative errno: nothing comes. NULL: there is no journal.
	 */
	int (*history)(const struct msg_history *wanted, void *user);
	/* Send grants by grant_calls_heard(), then ..._heard_all(); NULL: answers make no rules here. */
	int (*grants)(const struct msg_grants *wanted, void *user);
	/* Take one back: grant_calls_heard_revoked() says what became of it. NULL as grants. */
	int (*revoke)(const struct msg_revoke *revoke, void *user);
	/* A request is new; nobody can answer it any more, and nobody has. NULL: who knows already. */
	void (*asked)(const struct request *request, void *user);
	void (*expired)(const struct request *request, void *user);
	/* Who listens has changed; not 0: say it again at the next change. NULL: it does not matter. */
	int (*audience)(const struct msg_audience *audience, void *user);
	/* What is known of a guard, borrowed; NULL: nothing (any more). May be NULL itself. */
	const struct label *(*label)(uint32_t guard, void *user);
};

/** hub_new() - @back stays the caller's; its functions get @user */
int hub_new(const struct hub_back *back, void *user, struct hub **ret);
void hub_free(struct hub *hub);
DEFINE_CLEANUP(struct hub, hub_free)

/** hub_publish() - tell everybody who may see it; sets the times */
void hub_publish(struct hub *hub, struct news *news);

/**
 * hub_alarm() - a container asks for a guard and has none, or, @over, that has ended
 * @news: .owner and .container say which; told once, also if it is said again
 */
void hub_alarm(struct hub *hub, struct news *news, bool over);

/** hub_alarms() - every alarm that @uid may see, oldest first */
void hub_alarms(struct hub *hub, uint32_t uid, void (*fn)(const struct event *event, void *user),
		void *user);

/**
 * hub_contained() - a guard lets nothing out because of what a control plane said: told until it is
 * another state's, or has ended (hub_contained_end()), to who comes later as well
 * @fresh: it is that now; else it still is, which is no news where it is known
 */
void hub_contained(struct hub *hub, struct news *news, bool fresh);
void hub_contained_end(struct hub *hub, const struct label *label);

/**
 * hub_request_open() - publish a question, new or told again, that may be answered from now on
 * @news: what is told; type, request_id and, where there is no label, guard, owner and
 *	  container are of @question. .clearance stays as it is.
 *
 * Return: as request_open(); then nothing was told.
 */
int hub_request_open(struct hub *hub, const struct question *question, struct news *news);

/** hub_request_purge() - what a container asked can no longer be answered; NULL: what any has */
void hub_request_purge(struct hub *hub, const char *container);

/** hub_request_purge_guard() - what a guard asked can no longer be answered */
void hub_request_purge_guard(struct hub *hub, uint32_t guard);

/**
 * hub_request_settled() - another's answer decided this one as well: it is as if @given were its own
 *
 * One whose own answer is on its way ends with that.
 */
void hub_request_settled(struct hub *hub, const char *id, const struct hub_answer *given,
			 const struct hub_outcome *outcome);

/** hub_answering() - the request that the answer of that token is for; NULL: no such answer */
const struct request *hub_answering(struct hub *hub, uint64_t token);

/** hub_answered() - what became of an answer; one that nobody gave is passed over */
void hub_answered(struct hub *hub, uint64_t token, const struct hub_outcome *outcome);

/** hub_list_guard() - one guard for the listing of that token; hub_list_done() - no more of them */
void hub_list_guard(struct hub *hub, uint64_t token, const struct label *label,
		    const struct terok_counts *counts);
void hub_list_done(struct hub *hub, uint64_t token);

/** hub_recall_entry() - one entry of the journal; hub_recall_done() - no more of that token */
void hub_recall_entry(struct hub *hub, const struct msg_entry *entry);
void hub_recall_done(struct hub *hub, const struct msg_listed *listed);

/* --- people's side ------------------------------------------------------------------------ */

/** hub_subscribe() - from now on; @replay: first alarms, who is contained, and the requests that are
 * open; -ENOMEM */
int hub_subscribe(struct hub *hub, struct subscriber *subscriber, bool replay);
void hub_unsubscribe(struct subscriber *subscriber);

/** hub_missed() - what one who was too slow is told: @count events gave way; NULL: no memory */
struct event *hub_missed(uint64_t count);

/** hub_requests() - every open request that @uid may see, oldest first */
void hub_requests(struct hub *hub, uint32_t uid, uint32_t guard,
		  void (*fn)(const struct event *event, void *user), void *user);

/** hub_find() - the open request of that id that @uid may answer; NULL */
struct request *hub_find(struct hub *hub, const char *id, uint32_t uid);

/**
 * hub_requests_for() - every open request of that container and target that @uid may answer,
 * oldest first; @fn may send its answer. @container: its id, its first twelve digits or more, or its name;
 * @dest: its target, or the address that it was for.
 */
void hub_requests_for(struct hub *hub, uint32_t uid, const char *container, const char *dest,
		      void (*fn)(struct request *request, void *user), void *user);

/** hub_has_guards() - is it the agent's, which has guards and writes its rules itself? */
bool hub_has_guards(const struct hub *hub);

/* What becomes of an answer; called once, unless the asker was forgotten. */
typedef void (*answer_fn)(const struct hub_outcome *outcome, void *user);

/**
 * hub_answer_send() - hand an answer to the back end
 * @ret: a token for hub_answer_forget()
 *
 * Return: 0; -ENOMEM, or what the back end said; then the request is open as before.
 */
int hub_answer_send(struct hub *hub, struct request *request, const struct hub_answer *answer,
		    answer_fn done, void *user, uint64_t *ret);

/** hub_answer_forget() - the asker has gone; the answer goes on */
void hub_answer_forget(struct hub *hub, uint64_t token);

/** hub_find_answered() - the outcome of that request, if @uid might have answered it; NULL */
const struct answered *hub_find_answered(struct hub *hub, const char *id, uint32_t uid);

/* Somebody who waits for the end of another's answer; zero at first, embedded like a subscriber. */
struct waiter {
	struct waiter *next, **slot;
	void (*again)(struct waiter *waiter); /* it came, in whatever way: look again */
};

/**
 * hub_wait() - while an answer to that request is on its way: call again() when it has ended
 *
 * Return: false: none is, or not for @uid to know; then nothing was begun.
 */
bool hub_wait(struct hub *hub, const char *id, uint32_t uid, struct waiter *waiter);
/** hub_wait_end() - no more; also where none was begun, or it has ended */
void hub_wait_end(struct waiter *waiter);

/* A listing of guards: guard() for each that @uid may see, then done(). */
struct listing {
	struct listing *next;
	uint64_t token;
	uint32_t uid;
	void (*guard)(struct listing *listing, const struct label *label,
		      const struct terok_counts *counts);
	void (*done)(struct listing *listing);
};

/** hub_list() - begin one, which may be done when this returns; negative errno: it did not begin */
int hub_list(struct hub *hub, struct listing *listing);
/** hub_list_end() - forget it, also before it is done */
void hub_list_end(struct hub *hub, struct listing *listing);

/** hub_grants() - for calls about grants, and the back end's words on them */
struct grant_calls *hub_grants(struct hub *hub);

/** hub_label() - what is known of a guard, borrowed; NULL: nothing (any more) */
const struct label *hub_label(struct hub *hub, uint32_t guard);

/** hub_recall() - ask what happened; hub_recall_end() - forget that, also before it is answered */
void hub_recall(struct hub *hub, struct recall *recall);
void hub_recall_end(struct hub *hub, struct recall *recall);

#endif
