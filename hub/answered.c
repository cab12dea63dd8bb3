// SPDX-License-Identifier: Apache-2.0
#include "answered.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

/* A ring, the oldest replaced; buckets find them by their id. */
struct answered_table {
	unsigned next; /* place to use next */
	struct answered place[ANSWERED_MAX];
	struct answered *bucket[ANSWERED_MAX];
	struct answered *own[ANSWERED_MAX]; /* the same by id and owner */
};

int answered_new(struct answered_table **ret)
{
	struct answered_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	*ret = table;
	return 0;
}

void answered_free(struct answered_table *table)
{
	for (unsigned i = 0; table && i < ANSWERED_MAX; i++)
		free(table->place[i].id);
	free(table);
}

const struct answered *answered_find(const struct answered_table *table, const char *id)
{
	const struct answered *answered = table->bucket[request_hash(id) % ANSWERED_MAX];

	while (answered && strcmp(answered->id, id))
		answered = answered->next;
	return answered;
}

static unsigned own_bucket(const char *id, uint32_t owner)
{
	return (request_hash(id) ^ owner * 2654435761U) % ANSWERED_MAX;
}

const struct answered *answered_find_own(const struct answered_table *table, const char *id,
					 uint32_t owner)
{
	const struct answered *answered = table->own[own_bucket(id, owner)];

	while (answered && (answered->owner != owner || strcmp(answered->id, id)))
		answered = answered->next_own;
	return answered;
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
	slot = &table->own[own_bucket(answered->id, answered->owner)];
	while (*slot != answered)
		slot = &(*slot)->next_own;
	*slot = answered->next_own;
	free(answered->id);
	answered->id = NULL;
}

void answered_note(struct answered_table *table, const struct answered *answered)
{
	struct answered *place = &table->place[table->next];
	struct answered **bucket = &table->bucket[request_hash(answered->id) % ANSWERED_MAX];
	char *id = strdup(answered->id);

	if (!id)
		return;
	forget(table, (struct answered *)answered_find(table, id));
	forget(table, place);
	table->next = (table->next + 1) % ANSWERED_MAX;
	*place = *answered;
	place->id = id;
	place->next = *bucket;
	*bucket = place;
	bucket = &table->own[own_bucket(id, place->owner)];
	place->next_own = *bucket;
	*bucket = place;
}
