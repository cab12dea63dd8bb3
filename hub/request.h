/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - open questions as people see them: the authorisation of every answer
 *
 * A request exists from the core's MSG_REFUSED with a question number until it is answered
 * or can no longer be:
 *
 *   OPEN      shown to subscribers                    -> ANSWERING, or gone (guard, room)
 *   ANSWERING an answer is with the core; nobody else can answer -> gone, or OPEN again
 *
 * A request whose guard ends while it is ANSWERING is marked dead and never opens again.
 * Owns: the table, bounded. Only request.c writes .state. Threads: none.
 */
#ifndef HUB_REQUEST_H
#define HUB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "event.h"
#include "terok/core_msg.h"

#define REQUEST_MAX 1024 /* as many as the core remembers: an older one could not be answered */

enum request_state { REQUEST_OPEN, REQUEST_ANSWERING };

struct request {
	struct request *next;          /* in its bucket */
	struct request *newer, *older; /* in order of first asking */
	uint64_t ask;
	uint32_t guard, uid;
	enum request_state state;
	bool dead;
	char id[32];                    /* "<first 12 of container>:<ask>" */
	char container[TEROK_NAME_LEN]; /* as shown */
	char dest[TEROK_DOMAIN_LEN];    /* what an answer must cite: the name if there is one */
	struct event *event;            /* its latest telling, for replay */
};

struct requests;

int requests_new(struct requests **ret);
void requests_free(struct requests *requests);

/** request_find() - by number; request_find_id() - by text; NULL: none, or dead */
struct request *request_find(struct requests *requests, uint64_t ask);
struct request *request_find_id(struct requests *requests, const char *id);

/**
 * request_open() - the question @ask, new or told again; NULL: no memory
 * @expired: called for the one that gives way when the table is full: the oldest of a guard
 *	     that holds more than a quarter of it, else the oldest
 */
struct request *request_open(struct requests *requests, uint64_t ask,
			     void (*expired)(const struct request *request, void *user),
			     void *user);

/** request_answering() - an answer is on its way; request_reopen() - it failed */
void request_answering(struct request *request);
void request_reopen(struct requests *requests, struct request *request);

/** request_remove() - answered for good */
void request_remove(struct requests *requests, struct request *request);

/** requests_end_guard() - its open requests go; those being answered die when they are */
void requests_end_guard(struct requests *requests, uint32_t guard);

/** requests_each() - every open one, oldest first */
void requests_each(struct requests *requests, void (*fn)(const struct request *request, void *user),
		   void *user);

#endif
