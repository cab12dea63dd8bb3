// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "terok/core_msg.h"

#define BUCKETS 1024
#define ASKERS  64
#define OWN     64 /* buckets of one user */

/* One user's requests; no other's is in its buckets, so looking in them passes none by. */
struct asker {
	struct asker *next;
	uint32_t uid;
	unsigned open;
	size_t bytes; /* of their texts, open or being answered */
	struct request *oldest, *newest;
	struct request *bucket[OWN];
};

struct requests {
	unsigned n, greedy;               /* greedy: shares above SHARE_MAX */
	uint16_t open[MSG_SHARE_BUCKETS]; /* of each share */
	size_t all_bytes;
	uint32_t bytes[MSG_SHARE_BUCKETS]; /* of each share's texts, open or being answered */
	struct request *oldest, *newest;
	struct request *bucket[BUCKETS];
	struct asker *askers[ASKERS];
};

#define SHARE_MAX (REQUEST_MAX / 4)

int requests_new(struct requests **ret)
{
	struct requests *requests = calloc(1, sizeof(*requests));

	if (!requests)
		return -ENOMEM;
	*ret = requests;
	return 0;
}

void requests_free(struct requests *requests)
{
	if (!requests)
		return;
	while (requests->oldest)
		request_remove(requests, requests->oldest);
	free(requests);
}

/* FNV-1a */
uint32_t request_hash(const char *id)
{
	uint32_t hash = 2166136261U;

	for (; *id; id++)
		hash = (hash ^ (uint8_t)*id) * 16777619U;
	return hash;
}

struct request *request_find(struct requests *requests, const char *id)
{
	struct request *request = requests->bucket[request_hash(id) % BUCKETS];

	while (request && (request->dead || strcmp(request->id, id)))
		request = request->next;
	return request;
}

/* --- each user's own ------------------------------------------------------------------ */

static struct asker **asker_slot(struct requests *requests, uint32_t uid)
{
	struct asker **slot = &requests->askers[uid % ASKERS];

	while (*slot && (*slot)->uid != uid)
		slot = &(*slot)->next;
	return slot;
}

struct request *request_find_own(struct requests *requests, const char *id, uint32_t uid)
{
	unsigned bucket = request_hash(id) % OWN;
	struct asker *asker = *asker_slot(requests, uid);
	struct request *request = asker ? asker->bucket[bucket] : NULL;

	while (request && (request->dead || strcmp(request->id, id)))
		request = request->next_own;
	return request;
}

static int own_add(struct requests *requests, struct request *request)
{
	struct asker **slot = asker_slot(requests, request->uid);
	struct request **bucket;

	if (!*slot) {
		*slot = calloc(1, sizeof(**slot));
		if (!*slot)
			return -ENOMEM;
		(*slot)->uid = request->uid;
	}
	request->older_own = (*slot)->newest;
	if (request->older_own)
		request->older_own->newer_own = request;
	else
		(*slot)->oldest = request;
	(*slot)->newest = request;
	bucket = &(*slot)->bucket[request_hash(request->id) % OWN];
	request->next_own = *bucket;
	*bucket = request;
	return 0;
}

static void own_remove(struct requests *requests, struct request *request)
{
	struct asker **slot = asker_slot(requests, request->uid), *asker = *slot;
	struct request **bucket = &asker->bucket[request_hash(request->id) % OWN];

	while (*bucket != request)
		bucket = &(*bucket)->next_own;
	*bucket = request->next_own;
	if (request->older_own)
		request->older_own->newer_own = request->newer_own;
	else
		asker->oldest = request->newer_own;
	if (request->newer_own)
		request->newer_own->older_own = request->older_own;
	else
		asker->newest = request->older_own;
	if (asker->oldest)
		return;
	*slot = asker->next;
	free(asker);
}

void requests_each_own(struct requests *requests, uint32_t uid,
		       void (*fn)(const struct request *request, void *user), void *user)
{
	const struct asker *asker = *asker_slot(requests, uid);

	for (struct request *request = asker ? asker->oldest : NULL, *newer; request;
	     request = newer) {
		newer = request->newer_own;
		if (request->state == REQUEST_OPEN && !request->dead)
			fn(request, user);
	}
}

/* --- all of them ---------------------------------------------------------------------- */

/* Every change of what is open passes here: the shares are counted, not looked through. */
static void share_add(struct requests *requests, const struct request *request, int n)
{
	uint16_t *open = &requests->open[request->share];

	(*asker_slot(requests, request->uid))->open += n;
	requests->greedy -= *open > SHARE_MAX;
	*open += n;
	requests->greedy += *open > SHARE_MAX;
}

static void told_set(struct requests *requests, struct request *request, struct event *event)
{
	struct asker *asker = *asker_slot(requests, request->uid);

	event_unref(request->event);
	asker->bytes -= request->bytes;
	requests->all_bytes -= request->bytes;
	requests->bytes[request->share] -= request->bytes;
	request->event = event;
	request->bytes = event ? event_size(event) : 0;
	asker->bytes += request->bytes;
	requests->all_bytes += request->bytes;
	requests->bytes[request->share] += request->bytes;
}

void request_remove(struct requests *requests, struct request *request)
{
	struct request **slot = &requests->bucket[request_hash(request->id) % BUCKETS];

	while (*slot != request)
		slot = &(*slot)->next;
	*slot = request->next;
	if (request->older)
		request->older->newer = request->newer;
	else
		requests->oldest = request->newer;
	if (request->newer)
		request->newer->older = request->older;
	else
		requests->newest = request->older;
	requests->n--;
	if (request->state == REQUEST_OPEN)
		share_add(requests, request, -1);
	told_set(requests, request, NULL);
	own_remove(requests, request);
	free(request->text);
	free(request);
}

/* Of the user who has most; with @greedy of a share above SHARE_MAX. */
static struct request *oldest_of(struct requests *requests, unsigned most, bool greedy)
{
	struct request *request = requests->oldest;

	while (request && (request->state != REQUEST_OPEN ||
			   (*asker_slot(requests, request->uid))->open < most ||
			   (greedy && requests->open[request->share] <= SHARE_MAX)))
		request = request->newer;
	return request;
}

/* Which gives way: the core chooses by the same rule (asked.c), or it could not be answered. */
static struct request *give_way(struct requests *requests)
{
	struct request *request = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < ASKERS; i++)
		for (const struct asker *asker = requests->askers[i]; asker; asker = asker->next)
			most = asker->open > most ? asker->open : most;
	if (requests->greedy)
		request = oldest_of(requests, most, true);
	return request ?: oldest_of(requests, most, false);
}

static int make_room(struct requests *requests,
		     void (*expired)(const struct request *request, void *user), void *user)
{
	struct request *request;

	if (requests->n < REQUEST_MAX)
		return 0;
	request = give_way(requests);
	if (!request)
		return -ENOSPC;
	expired(request, user);
	request_remove(requests, request);
	return 0;
}

static bool text_fits(const char *text)
{
	return strnlen(text, REQUEST_TEXT_MAX + 1) <= REQUEST_TEXT_MAX;
}

/* In one piece: a table full of the longest is a megabyte, of the usual a tenth of it. */
static int texts_set(struct request *request, const struct question *question)
{
	size_t id = strlen(question->id) + 1, container = strlen(question->container) + 1,
	       dest = strlen(question->dest) + 1;
	char *text = malloc(id + container + dest);

	if (!text)
		return -ENOMEM;
	memcpy(text, question->id, id);
	memcpy(text + id, question->container, container);
	memcpy(text + id + container, question->dest, dest);
	free(request->text);
	request->text = text;
	request->id = text;
	request->container = text + id;
	request->dest = text + id + container;
	return 0;
}

static struct request *request_new(const struct question *question)
{
	struct request *request = malloc(sizeof(*request));

	if (!request)
		return NULL;
	*request = (struct request){
		.state = REQUEST_OPEN,
		.share = (question->guard ?: request_hash(question->container)) % MSG_SHARE_BUCKETS,
		.guard = question->guard,
		.uid = question->uid,
		.ask = question->ask,
		.port = question->port,
		.proto = question->proto,
	};
	if (texts_set(request, question)) {
		free(request);
		return NULL;
	}
	return request;
}

static int request_add(struct requests *requests, struct request *request)
{
	struct request **bucket = &requests->bucket[request_hash(request->id) % BUCKETS];
	int r = own_add(requests, request);

	if (r)
		return r;
	request->next = *bucket;
	*bucket = request;
	request->older = requests->newest;
	if (request->older)
		request->older->newer = request;
	else
		requests->oldest = request;
	requests->newest = request;
	requests->n++;
	share_add(requests, request, 1);
	return 0;
}

void request_end(struct requests *requests, struct request *request)
{
	if (request->state == REQUEST_OPEN)
		request_remove(requests, request);
	else
		request->dead = true;
}

static bool is_about_the_same(const struct request *request, const struct question *question)
{
	return !strcmp(request->container, question->container) &&
	       !strcmp(request->dest, question->dest);
}

/* A number is one question for ever, whatever it is called meanwhile; else the texts are it. */
static bool is_same(const struct request *request, const struct question *question)
{
	return request->ask == question->ask && request->guard == question->guard &&
	       request->uid == question->uid &&
	       (question->ask || is_about_the_same(request, question));
}

static void addr_set(struct request *request, const struct question *question)
{
	memset(request->addr, 0, sizeof(request->addr));
	if (question->addr)
		memcpy(request->addr, question->addr, sizeof(request->addr));
}

static int tell_again(struct request *request, const struct question *question)
{
	addr_set(request, question);
	return is_about_the_same(request, question) ? 0 : texts_set(request, question);
}

int request_open(struct requests *requests, const struct question *question,
		 void (*expired)(const struct request *request, void *user), void *user,
		 struct request **ret)
{
	struct request *request;
	int r;

	if (!text_fits(question->id) || !text_fits(question->container) ||
	    !text_fits(question->dest))
		return -E2BIG;
	request = request_find(requests, question->id);
	if (request && is_same(request, question)) {
		r = tell_again(request, question);
		if (!r)
			*ret = request;
		return r;
	}
	if (request)
		request_end(requests, request);
	r = make_room(requests, expired, user);
	if (r)
		return r;
	request = request_new(question);
	if (!request)
		return -ENOMEM;
	addr_set(request, question);
	r = request_add(requests, request);
	if (r) {
		free(request->text);
		free(request);
		return r;
	}
	*ret = request;
	return 0;
}

/* Of the user whose texts are longest, and of theirs of the guard or container whose are. */
static bool is_heavier(struct requests *requests, const struct request *a, const struct request *b)
{
	size_t bytes = (*asker_slot(requests, a->uid))->bytes;
	size_t others = (*asker_slot(requests, b->uid))->bytes;

	if (bytes != others)
		return bytes > others;
	return requests->bytes[a->share] > requests->bytes[b->share];
}

/* The oldest open one of those, but this. */
static struct request *heaviest(struct requests *requests, const struct request *but)
{
	struct request *best = NULL;

	for (struct request *request = requests->oldest; request; request = request->newer)
		if (request != but && request->state == REQUEST_OPEN && !request->dead &&
		    (!best || is_heavier(requests, request, best)))
			best = request;
	return best;
}

void request_told(struct requests *requests, struct request *request, struct event *event,
		  void (*expired)(const struct request *request, void *user), void *user)
{
	struct request *heavy;

	if (event)
		event_keep(event, FACE_FIREWALL);
	told_set(requests, request, event);
	while (requests->all_bytes > REQUEST_BYTES_MAX && (heavy = heaviest(requests, request))) {
		expired(heavy, user);
		request_remove(requests, heavy);
	}
}

void request_answering(struct requests *requests, struct request *request)
{
	share_add(requests, request, -1);
	request->state = REQUEST_ANSWERING;
}

void request_reopen(struct requests *requests, struct request *request)
{
	if (request->dead) {
		request_remove(requests, request);
		return;
	}
	request->state = REQUEST_OPEN;
	share_add(requests, request, 1);
}

void requests_purge(struct requests *requests,
		    bool (*ended)(const struct request *request, const void *user),
		    const void *user)
{
	struct request *newer;

	for (struct request *request = requests->oldest; request; request = newer) {
		newer = request->newer;
		if (ended(request, user))
			request_end(requests, request);
	}
}

void requests_each(struct requests *requests, void (*fn)(const struct request *request, void *user),
		   void *user)
{
	struct request *newer;

	for (struct request *request = requests->oldest; request; request = newer) {
		newer = request->newer;
		if (request->state == REQUEST_OPEN)
			fn(request, user);
	}
}
