// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct requests {
	unsigned n;
	struct request *oldest, *newest;
	struct request *bucket[BUCKETS];
};

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

struct request *request_find(struct requests *requests, uint64_t ask)
{
	struct request *request = requests->bucket[ask % BUCKETS];

	while (request && request->ask != ask)
		request = request->next;
	return request && !request->dead ? request : NULL;
}

struct request *request_find_id(struct requests *requests, const char *id)
{
	const char *colon = strrchr(id, ':');
	struct request *request;

	if (!colon)
		return NULL;
	request = request_find(requests, strtoull(colon + 1, NULL, 10));
	return request && !strcmp(request->id, id) ? request : NULL;
}

void request_remove(struct requests *requests, struct request *request)
{
	struct request **slot = &requests->bucket[request->ask % BUCKETS];

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
	event_unref(request->event);
	free(request);
}

/* Which gives way: the core chooses by the same rule (asked.c), or it could not be answered. */
static struct request *give_way(const struct requests *requests)
{
	uint16_t open[MSG_SHARE_BUCKETS] = {};
	struct request *oldest = NULL;

	for (struct request *r = requests->oldest; r; r = r->newer)
		open[r->guard % MSG_SHARE_BUCKETS] += r->state == REQUEST_OPEN;
	for (struct request *r = requests->oldest; r; r = r->newer) {
		if (r->state != REQUEST_OPEN)
			continue;
		if (open[r->guard % MSG_SHARE_BUCKETS] > REQUEST_MAX / 4)
			return r;
		oldest = oldest ?: r;
	}
	return oldest;
}

struct request *request_open(struct requests *requests, uint64_t ask,
			     void (*expired)(const struct request *request, void *user), void *user)
{
	struct request *request = request_find(requests, ask);

	if (request)
		return request;
	if (requests->n == REQUEST_MAX) {
		request = give_way(requests);
		if (!request)
			return NULL;
		expired(request, user);
		request_remove(requests, request);
	}
	request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	request->ask = ask;
	request->state = REQUEST_OPEN;
	request->next = requests->bucket[ask % BUCKETS];
	requests->bucket[ask % BUCKETS] = request;
	request->older = requests->newest;
	if (request->older)
		request->older->newer = request;
	else
		requests->oldest = request;
	requests->newest = request;
	requests->n++;
	return request;
}

void request_answering(struct request *request)
{
	request->state = REQUEST_ANSWERING;
}

void request_reopen(struct requests *requests, struct request *request)
{
	if (request->dead)
		request_remove(requests, request);
	else
		request->state = REQUEST_OPEN;
}

void requests_end_guard(struct requests *requests, uint32_t guard)
{
	struct request *newer;

	for (struct request *request = requests->oldest; request; request = newer) {
		newer = request->newer;
		if (request->guard != guard)
			continue;
		if (request->state == REQUEST_OPEN)
			request_remove(requests, request);
		else
			request->dead = true;
	}
}

void requests_each(struct requests *requests, void (*fn)(const struct request *request, void *user),
		   void *user)
{
	struct request *newer;

	for (struct request *request = requests->oldest; request; request = newer) {
		newer = request->newer;
		if (request->state == REQUEST_OPEN && !request->dead)
			fn(request, user);
	}
}
