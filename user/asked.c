// SPDX-License-Identifier: Apache-2.0
#include "asked.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/event.h"
#include "dns/name.h"
#include "terok/core_msg.h"

#define BUCKETS (ASKED_MAX * 2) /* open addressing: at most half full */
#define NOBODY  UINT16_MAX

/* Slots are used in a circle, oldest replaced; buckets find them by destination. */
struct asked_table {
	uint64_t last_order;
	unsigned next; /* slot to use next */
	struct asked slot[ASKED_MAX];
	void (*expired)(const struct asked *asked, void *user);
	void *user;
	struct asked unkept;      /* the last that found no slot */
	uint16_t bucket[BUCKETS]; /* slot number or NOBODY */
};

int asked_new(struct asked_table **ret)
{
	struct asked_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	memset(table->bucket, 0xff, sizeof(table->bucket));
	*ret = table;
	return 0;
}

void asked_free(struct asked_table *table)
{
	free(table);
}

static unsigned record_hash(const struct terok_record *record, const char *name)
{
	uint64_t a, b, h;

	memcpy(&a, record->dst, 8);
	memcpy(&b, record->dst + 8, 8);
	h = (a ^ record->guard) * 0x9e3779b97f4a7c15ULL;
	h = (h ^ b ^ (uint64_t)record->dst_port << 8 ^ record->proto) * 0x9e3779b97f4a7c15ULL;
	if (*name)
		h ^= dns_name_hash(name) * 0x9e3779b97f4a7c15ULL;
	return (h >> 40) % BUCKETS;
}

static bool record_same(const struct terok_record *a, const struct terok_record *b)
{
	return a->guard == b->guard && a->dst_port == b->dst_port && a->proto == b->proto &&
	       a->sock_type == b->sock_type && !memcmp(a->dst, b->dst, sizeof(a->dst));
}

/* The bucket that holds this destination, or the free one where it would go. */
static unsigned bucket_find(const struct asked_table *table, const struct terok_record *record,
			    const char *name)
{
	unsigned b = record_hash(record, name);

	while (table->bucket[b] != NOBODY &&
	       (!record_same(&table->slot[table->bucket[b]].record, record) ||
		strcmp(table->slot[table->bucket[b]].name, name)))
		b = (b + 1) % BUCKETS;
	return b;
}

/* Empty a bucket and close the gap, so that every chain stays findable. */
static void bucket_clear(struct asked_table *table, unsigned b)
{
	unsigned gap = b;

	for (;;) {
		unsigned home;

		b = (b + 1) % BUCKETS;
		if (table->bucket[b] == NOBODY)
			break;
		home = record_hash(&table->slot[table->bucket[b]].record,
				   table->slot[table->bucket[b]].name);
		/* may move into the gap unless its home lies after the gap */
		if ((b - home + BUCKETS) % BUCKETS >= (b - gap + BUCKETS) % BUCKETS) {
			table->bucket[gap] = table->bucket[b];
			gap = b;
		}
	}
	table->bucket[gap] = NOBODY;
}

static bool slot_is_open(const struct asked *slot)
{
	return slot->id && slot->question && !slot->answered_ns;
}

static void slot_clear(struct asked_table *table, struct asked *slot)
{
	if (!slot->id)
		return;
	if (slot_is_open(slot) && table->expired)
		table->expired(slot, table->user);
	bucket_clear(table, bucket_find(table, &slot->record, slot->name));
	*slot = (struct asked){};
}

/* That a thousand open ones have it already is as likely as one in 10^12: it is not looked for. */
static uint64_t id_take(void)
{
	uint64_t random = 0;

	while (getrandom(&random, sizeof(random), 0) != sizeof(random))
		;
	return 1 + random % ASKED_ID_MAX;
}

/*
 * All are open questions: which gives way? The oldest of a guard that holds more than its
 * share, so that one that asks for everything loses its own questions and not another's; if
 * none does, the oldest.
 */
static unsigned slot_give_way(const struct asked_table *table)
{
	uint16_t open[MSG_SHARE_BUCKETS] = {};
	unsigned best = 0, best_greedy = 0;

	for (unsigned i = 0; i < ASKED_MAX; i++)
		open[table->slot[i].record.guard % MSG_SHARE_BUCKETS]++;
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		const struct asked *slot = &table->slot[i];
		unsigned greedy = open[slot->record.guard % MSG_SHARE_BUCKETS] > ASKED_MAX / 4;

		if (greedy > best_greedy ||
		    (greedy == best_greedy && slot->order < table->slot[best].order)) {
			best = i;
			best_greedy = greedy;
		}
	}
	return best;
}

/*
 * What asks nothing pushes out no question, or a process that runs into its rules often
 * enough makes every one unanswerable: if nothing else is left it is told and not remembered.
 */
static struct asked *slot_take(struct asked_table *table, const struct terok_record *record,
			       const char *name, bool question)
{
	unsigned n = table->next, looked = 0;

	while (looked < ASKED_MAX && slot_is_open(&table->slot[n])) {
		n = (n + 1) % ASKED_MAX;
		looked++;
	}
	if (looked == ASKED_MAX && !question) {
		table->unkept = (struct asked){ .id = id_take(), .record = *record };
		snprintf(table->unkept.name, sizeof(table->unkept.name), "%s", name);
		return &table->unkept;
	}
	if (looked == ASKED_MAX)
		n = slot_give_way(table);
	table->next = (n + 1) % ASKED_MAX;
	slot_clear(table, &table->slot[n]);
	table->slot[n] =
	    (struct asked){ .id = id_take(), .order = ++table->last_order, .record = *record };
	snprintf(table->slot[n].name, sizeof(table->slot[n].name), "%s", name);
	table->bucket[bucket_find(table, record, name)] = n;
	return &table->slot[n];
}

const struct asked *asked_note(struct asked_table *table, const struct terok_record *record,
			       const char *of_name, bool question)
{
	const char *name = of_name ?: "";
	unsigned b = bucket_find(table, record, name);
	struct asked *slot = NULL;

	if (table->bucket[b] != NOBODY)
		slot = &table->slot[table->bucket[b]];
	if (slot && record->boot_ns <= slot->answered_ns)
		return NULL;
	if (slot && slot->question == question && !slot->answered_ns) {
		slot->count++;
		slot->last_ns = record->boot_ns;
		if (record->boot_ns - slot->told_ns < ASKED_QUIET_NS)
			return NULL;
	} else {
		/* new, or what was a question is now refused by a rule, or the other way round */
		if (slot)
			slot_clear(table, slot);
		slot = slot_take(table, record, name, question);
		slot->question = question;
		slot->count = 1;
	}
	slot->told_ns = slot->last_ns = record->boot_ns;
	slot->record = *record;
	return slot;
}

void asked_told(struct asked_table *table, uint64_t id, const char *name)
{
	struct asked *slot = (struct asked *)asked_find(table, id);

	if (slot)
		snprintf(slot->told, sizeof(slot->told), "%s", name);
}

const struct asked *asked_find(struct asked_table *table, uint64_t id)
{
	for (unsigned i = 0; id && i < ASKED_MAX; i++) {
		const struct asked *slot =
		    &table->slot[(table->next + ASKED_MAX - 1 - i) % ASKED_MAX];

		if (slot->id == id)
			return slot_is_open(slot) ? slot : NULL;
	}
	return NULL;
}

void asked_answered(struct asked_table *table, uint64_t id)
{
	struct asked *slot = (struct asked *)asked_find(table, id);

	if (slot)
		slot->answered_ns = now_boot_ns();
}

void asked_forget_guard(struct asked_table *table, uint32_t guard)
{
	for (unsigned i = 0; i < ASKED_MAX; i++)
		if (table->slot[i].id && table->slot[i].record.guard == guard)
			slot_clear(table, &table->slot[i]);
}

void asked_each(struct asked_table *table, void (*fn)(const struct asked *asked, void *user),
		void *user)
{
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		const struct asked *slot = &table->slot[(table->next + i) % ASKED_MAX];

		if (slot_is_open(slot))
			fn(slot, user);
	}
}

void asked_on_expired(struct asked_table *table, void (*fn)(const struct asked *asked, void *user),
		      void *user)
{
	table->expired = fn;
	table->user = user;
}

unsigned asked_last(const struct asked_table *table, uint32_t guard, const struct asked **ret,
		    unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ASKED_MAX; i++) {
		const struct asked *slot = &table->slot[i];
		unsigned at = n;

		if (!slot->id || slot->record.guard != guard)
			continue;
		while (at && ret[at - 1]->last_ns < slot->last_ns)
			at--;
		if (at == max)
			continue;
		n += n < max;
		memmove(&ret[at + 1], &ret[at], (n - 1 - at) * sizeof(*ret));
		ret[at] = slot;
	}
	return n;
}
