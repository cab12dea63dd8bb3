/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - open questions as people see them: the authorisation of every answer
 *
 * A request is known by its text id. It exists from the moment a back end tells it until it
 * is answered or can no longer be:
 *
 *   OPEN      shown to subscribers                    -> ANSWERING, or gone (purged, room)
 *   ANSWERING an answer is on its way; nobody else can answer -> gone, or OPEN again
 *
 * A request that is purged while it is ANSWERING (its guard or container ended, or another
 * took its id) is marked dead: nobody finds it, and it never opens again.
 * Owns: the table, bounded. Only request.c writes .state. Threads: none.
 */
#ifndef HUB_REQUEST_H
#define HUB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"

#define REQUEST_MAX       1024 /* as many as the core remembers: an older one could not be answered */
#define REQUEST_BYTES_MAX (13 << 16) /* that they are told in: a thousand usual ones */
#define REQUEST_TEXT_MAX  256 /* characters of an id, container or target: what people are shown */

enum request_state { REQUEST_OPEN, REQUEST_ANSWERING };

/* What a back end asks; .id is one that it never gives to another question that is open. */
struct question {
	const char *id;        /* what an answer must name */
	const char *container; /* ... and cite, in org.terok.Clearance1: as shown */
	const char *dest;      /* ... and this: the name if there is one, else the address */
	const uint8_t *addr; /* the address that it was for, as in base/addr.h; NULL: none known */
	uint64_t ask;        /* the back end's own number; 0: it has none */
	uint32_t guard;      /* 0: none */
	uint32_t uid;        /* who may answer, besides root */
	uint16_t port;
	uint8_t proto;
};

struct request {
	struct request *next;          /* in its bucket */
	struct request *newer, *older; /* in order of first asking */
	/* the same among those of its user */
	struct request *next_own, *newer_own, *older_own;
	enum request_state state;
	bool dead;
	uint16_t share; /* of the table: its guard's, or its container's */
	uint16_t port;
	uint8_t proto;
	uint32_t guard, uid;
	uint64_t ask;
	uint8_t addr[16];                  /* all zero: none */
	const char *id, *container, *dest; /* of the question, in .text */
	char *text;
	struct event *event; /* its latest telling, for replay */
	size_t bytes;        /* of that */
};

struct requests;

int requests_new(struct requests **ret);
void requests_free(struct requests *requests);

/** request_hash() - of an id, for tables of them */
uint32_t request_hash(const char *id);

/** request_find() - by its id; NULL: none, or dead */
struct request *request_find(struct requests *requests, const char *id);

/**
 * request_find_own() - the same of one user's
 *
 * Another's is not found and then withheld, it is not met: the time that this takes says nothing
 * of whether there is one.
 */
struct request *request_find_own(struct requests *requests, const char *id, uint32_t uid);

/**
 * request_open() - a question, new or told again
 * @expired: called for the one that gives way when the table is full, one of the user who has
 *	     most: the oldest of a share that holds more than a quarter of the table, else the
 *	     oldest
 *
 * The same id of another number, or without a number for another container or target, is another
 * question: it takes the place of the one that was there. Return: 0; -E2BIG a text is longer than
 * REQUEST_TEXT_MAX, -ENOSPC every one is being answered, -ENOMEM.
 */
int request_open(struct requests *requests, const struct question *question,
		 void (*expired)(const struct request *request, void *user), void *user,
		 struct request **ret);

/**
 * request_told() - what people were told of it, for those who ask later; @event becomes its own
 * @expired: called for those that give way while all of it together is more than
 *	     REQUEST_BYTES_MAX: of the user who has most the oldest of the share that has most;
 *	     never this one
 */
void request_told(struct requests *requests, struct request *request, struct event *event,
		  void (*expired)(const struct request *request, void *user), void *user);

/** request_answering() - an answer is on its way; request_reopen() - it failed */
void request_answering(struct requests *requests, struct request *request);
void request_reopen(struct requests *requests, struct request *request);

/** request_remove() - answered for good, and told */
void request_remove(struct requests *requests, struct request *request);

/** request_end() - nobody may answer it any more: it is dead, or gone if it was open */
void request_end(struct requests *requests, struct request *request);

/** requests_purge() - the open ones go that @ended says; those being answered die when they are */
void requests_purge(struct requests *requests,
		    bool (*ended)(const struct request *request, const void *user),
		    const void *user);

/** requests_each() - every open one, oldest first */
void requests_each(struct requests *requests, void (*fn)(const struct request *request, void *user),
		   void *user);

/** requests_each_own() - every open one of one user's, in the same order; passes no other by */
void requests_each_own(struct requests *requests, uint32_t uid,
		       void (*fn)(const struct request *request, void *user), void *user);

#endif
