// SPDX-License-Identifier: Apache-2.0
#include "answered.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

#define OWNERS 64
#define OWN    64 /* buckets of one owner */

/* One owner's; no other's is in its buckets, so looking in them passes none by. */
struct owner {
	struct owner *next;
	uint32_t uid;
	unsigned n;
	struct answered *bucket[OWN];
};

/* Buckets find them by their id. */
struct answered_table {
	uint64_t last;                /* order of the newest */
	uint64_t order[ANSWERED_MAX]; /* of each place; 0: it is free */
	struct answered place[ANSWERED_MAX];
	struct answered *bucket[ANSWERED_MAX];
	struct owner *owners[OWNERS];
};

int answered_new(struct answered_table **ret)
{
	struct answered_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	*ret = table;
	return 0;
}

static struct owner **owner_slot(const struct answered_table *table, uint32_t uid)
{
	struct owner **slot = (struct owner **)&table->owners[uid % OWNERS];

	while (*slot && (*slot)->uid != uid)
		slot = &(*slot)->next;
	return slot;
}

const struct answered *answered_find(const struct answered_table *table, const char *id)
{
	const struct answered *answered = table->bucket[request_hash(id) % ANSWERED_MAX];

	while (answered && strcmp(answered->id, id))
		answered = answered->next;
	return answered;
}

const struct answered *answered_find_own(const struct answered_table *table, const char *id,
					 uint32_t owner)
{
	unsigned bucket = request_hash(id) % OWN;
	const struct owner *own = *owner_slot(table, owner);
	const struct answered *answered = own ? own->bucket[bucket] : NULL;

	while (answered && strcmp(answered->id, id))
		answered = answered->next_own;
	return answered;
}

static void own_forget(struct answered_table *table, const struct answered *answered)
{
	struct owner **slot = owner_slot(table, answered->owner), *own = *slot;
	struct answered **place = &own->bucket[request_hash(answered->id) % OWN];

	while (*place != answered)
		place = &(*place)->next_own;
	*place = answered->next_own;
	if (--own->n)
		return;
	*slot = own->next;
	free(own);
}

static void forget(struct answered_table *table, struct answered *answered)
{
	struct answered **slot;

	if (!answered || !answered->id)
		return;
	slot = &table->bucket[request_hash(answered->id) % ANSWERED_MAX];
	while (*slot != answered)
		slot = &(*slot)->next;
	*slot = answered->next;
	own_forget(table, answered);
	table->order[answered - table->place] = 0;
	free(answered->id);
	answered->id = NULL;
}

void answered_free(struct answered_table *table)
{
	for (unsigned i = 0; table && i < ANSWERED_MAX; i++)
		forget(table, &table->place[i]);
	free(table);
}

/* The owner's, made if there was none; NULL: no memory. */
static struct owner *owner_of(struct answered_table *table, uint32_t uid)
{
	struct owner **slot = owner_slot(table, uid);

	if (!*slot)
		*slot = calloc(1, sizeof(**slot));
	if (*slot)
		(*slot)->uid = uid;
	return *slot;
}

/* A free place, or the one of the oldest. */
static struct answered *place_take(struct answered_table *table)
{
	unsigned oldest = 0;

	for (unsigned i = 1; i < ANSWERED_MAX && table->order[oldest]; i++)
		if (table->order[i] < table->order[oldest])
			oldest = i;
	return &table->place[oldest];
}

/* The same among those of one owner, who has many. */
static struct answered *place_take_own(struct answered_table *table, const struct owner *own)
{
	struct answered *oldest = NULL;

	for (unsigned i = 0; i < OWN; i++)
		for (struct answered *a = own->bucket[i]; a; a = a->next_own)
			if (!oldest ||
			    table->order[a - table->place] < table->order[oldest - table->place])
				oldest = a;
	return oldest;
}

void answered_note(struct answered_table *table, const struct answered *answered)
{
	struct answered *place;
	struct answered **bucket = &table->bucket[request_hash(answered->id) % ANSWERED_MAX];
	char *id = strdup(answered->id);
	struct owner *own;

	if (!id)
		return;
	forget(table, (struct answered *)answered_find(table, id));
	own = *owner_slot(table, answered->owner);
	place = answered->owner && own && own->n >= ANSWERED_USER_MAX ? place_take_own(table, own)
								      : place_take(table);
	forget(table, place);
	own = owner_of(table, answered->owner);
	if (!own) {
		free(id);
		return;
	}
	own->n++;
	table->order[place - table->place] = ++table->last;
	*place = *answered;
	place->id = id;
	place->next = *bucket;
	*bucket = place;
	bucket = &own->bucket[request_hash(id) % OWN];
	place->next_own = *bucket;
	*bucket = place;
}
