/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub.h - who hears what, who may answer what; knows no transport and no kernel
 *
 * Down: the core's messages become events for the subscribers who may see them. Up: an
 * answer must name an open request of a guard that its sender may answer for; it goes to
 * the core by the question's number, and the subscribers hear what became of it before
 * its sender does.
 *
 * Who may see and answer: root everything, a user the guards that are theirs. A request
 * that is not theirs does not exist for them.
 * Owns: guards' labels, requests, answers on their way. Threads: none.
 */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "event.h"
#include "request.h"
#include "terok/core_msg.h"
#include "wire.h"

struct hub;

/** hub_send_fn - one message to the core; 0 or negative errno */
typedef int (*hub_send_fn)(struct msg_packet *packet, void *user);

int hub_new(hub_send_fn send, void *user, struct hub **ret);
void hub_free(struct hub *hub);
DEFINE_CLEANUP(struct hub, hub_free)

/** hub_hear() - one checked message from the core */
void hub_hear(struct hub *hub, const struct msg_packet *packet);

/* One who listens; embedded in a subscription. push() must not call back into the hub. */
struct subscriber {
	struct subscriber *next, **slot;
	enum face face;
	uint32_t uid, guard; /* guard 0: all it may see */
	void (*push)(struct subscriber *subscriber, struct event *event);
};

/** hub_subscribe() - from now on; @replay: first the requests that are open */
void hub_subscribe(struct hub *hub, struct subscriber *subscriber, bool replay);
void hub_unsubscribe(struct subscriber *subscriber);

/** hub_requests() - every open request that @uid may see, oldest first */
void hub_requests(struct hub *hub, uint32_t uid, uint32_t guard,
		  void (*fn)(const struct event *event, void *user), void *user);

/** hub_find() - the open request of that id that @uid may answer; NULL */
struct request *hub_find(struct hub *hub, const char *id, uint32_t uid);

/* What becomes of an answer; done() is called once, unless the asker was forgotten. */
typedef void (*answer_fn)(const struct msg_result *result, void *user);

/**
 * hub_answer_send() - send an answer to the core
 * @ret: a token for hub_answer_forget()
 *
 * Return: 0; -ENOMEM, or what sending said; then the request is open as before.
 */
int hub_answer_send(struct hub *hub, struct request *request, uint32_t uid,
		    enum terok_action action, enum scope scope, uint64_t seconds, answer_fn done,
		    void *user, uint64_t *ret);

/** hub_answer_forget() - the asker has gone; the answer goes on */
void hub_answer_forget(struct hub *hub, uint64_t token);

/* A listing of guards: guard() for each that @uid may see, then done(). */
struct listing {
	struct listing *next;
	uint64_t token;
	uint32_t uid;
	void (*guard)(struct listing *listing, const struct label *label,
		      const struct terok_counts *counts);
	void (*done)(struct listing *listing);
};

/** hub_list() - begin one; hub_list_end() - forget it, also before it is done */
int hub_list(struct hub *hub, struct listing *listing);
void hub_list_end(struct hub *hub, struct listing *listing);

#endif
