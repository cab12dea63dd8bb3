// SPDX-License-Identifier: Apache-2.0
#include "asked.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/addr.h"
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
	uint32_t (*owner)(uint32_t guard, void *user);
	void *owner_user;
	struct asked unkept;      /* the last that found no slot */
	uint16_t bucket[BUCKETS]; /* slot number or NOBODY */
	uint64_t seed;
	uint32_t open_guard[ASKED_MAX]; /* whose open question a slot is; 0: none's */
	uint32_t open_owner[ASKED_MAX]; /* the guard's; 0: root's, or none's */
};

int asked_new(struct asked_table **ret)
{
	struct asked_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	memset(table->bucket, 0xff, sizeof(table->bucket));
	while (getrandom(&table->seed, sizeof(table->seed), 0) != sizeof(table->seed))
		;
	*ret = table;
	return 0;
}

void asked_free(struct asked_table *table)
{
	free(table);
}

/*
 * What makes one question: the name that was refused; else the name of the address, of which
 * it is all the same question; else the address. And port, protocol and kind of socket.
 */
struct target {
	const struct terok_record *record;
	const char *name, *told; /* "": none */
};

static unsigned target_hash(const struct asked_table *table, const struct target *target)
{
	const struct terok_record *record = target->record;
	uint64_t seed = table->seed ^ (uint64_t)record->guard << 32 ^
			(uint64_t)record->dst_port << 8 ^ record->proto;
	uint8_t by[16] = {};

	if (*target->name || *target->told) {
		uint64_t name[2] = { dns_name_hash(target->name), dns_name_hash(target->told) };

		memcpy(by, name, sizeof(by));
	}
	/* of a name that was told all addresses are the same */
	return (addr_hash(by, seed) ^ (*target->told ? 0 : addr_hash(record->dst, seed))) % BUCKETS;
}

static struct target target_of(const struct asked *slot)
{
	return (struct target){ &slot->record, slot->name, slot->told };
}

static bool target_same(const struct target *a, const struct target *b)
{
	return a->record->guard == b->record->guard && a->record->dst_port == b->record->dst_port &&
	       a->record->proto == b->record->proto &&
	       a->record->sock_type == b->record->sock_type && !strcmp(a->name, b->name) &&
	       !strcmp(a->told, b->told) &&
	       (*a->told || !memcmp(a->record->dst, b->record->dst, sizeof(a->record->dst)));
}

/* The bucket that holds this target, or the free one where it would go. */
static unsigned bucket_find(const struct asked_table *table, const struct target *target)
{
	unsigned b = target_hash(table, target);

	while (table->bucket[b] != NOBODY) {
		const struct target there = target_of(&table->slot[table->bucket[b]]);

		if (target_same(&there, target))
			break;
		b = (b + 1) % BUCKETS;
	}
	return b;
}

/* Empty a bucket and close the gap, so that every chain stays findable. */
static void bucket_clear(struct asked_table *table, unsigned b)
{
	unsigned gap = b;

	for (;;) {
		struct target there;
		unsigned home;

		b = (b + 1) % BUCKETS;
		if (table->bucket[b] == NOBODY)
			break;
		there = target_of(&table->slot[table->bucket[b]]);
		home = target_hash(table, &there);
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
	struct target target = target_of(slot);

	if (!slot->id)
		return;
	if (slot_is_open(slot) && table->expired)
		table->expired(slot, table->user);
	bucket_clear(table, bucket_find(table, &target));
	table->open_guard[slot - table->slot] = 0;
	table->open_owner[slot - table->slot] = 0;
	*slot = (struct asked){};
}

static unsigned open_count(const uint32_t open[static ASKED_MAX], uint32_t of)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ASKED_MAX; i++)
		n += open[i] == of;
	return n;
}

static uint32_t owner_of(const struct asked_table *table, uint32_t guard)
{
	return table->owner ? table->owner(guard, table->owner_user) : 0;
}

/*
 * Nobody is asked about one more of a guard that has its budget open, nor of a user: with a few
 * guards one could push out everybody's, and would learn by their own how many those are.
 */
static bool budget_is_spent(const struct asked_table *table, uint32_t guard)
{
	uint32_t owner;

	if (open_count(table->open_guard, guard) >= ASKED_OPEN_MAX)
		return true;
	owner = owner_of(table, guard);
	return owner && open_count(table->open_owner, owner) >= ASKED_USER_MAX;
}

/* That a thousand open ones have it already is as likely as one in 10^12: it is not looked for. */
static uint64_t id_take(void)
{
	uint64_t random = 0;

	while (getrandom(&random, sizeof(random), 0) != sizeof(random))
		;
	return 1 + random % ASKED_ID_MAX;
}

/* How many questions each user has; a place for a user is looked for from their number on. */
struct tally {
	uint32_t uid;
	uint16_t open;
};

static struct tally *tally_of(struct tally tally[static BUCKETS], uint32_t uid)
{
	unsigned i = uid % BUCKETS;

	while (tally[i].open && tally[i].uid != uid)
		i = (i + 1) % BUCKETS;
	tally[i].uid = uid;
	return &tally[i];
}

/*
 * All are open questions: the oldest gives way of the user who has most, so that several with
 * their budgets, or root without one, take nobody's who has a few. The hub chooses by the same
 * rule (request.c).
 */
static unsigned slot_give_way(const struct asked_table *table)
{
	struct tally tally[BUCKETS] = {};
	unsigned most = 0, best = ASKED_MAX;

	for (unsigned i = 0; i < ASKED_MAX; i++) {
		unsigned theirs = ++tally_of(tally, table->open_owner[i])->open;

		most = theirs > most ? theirs : most;
	}
	for (unsigned i = 0; i < ASKED_MAX; i++)
		if (tally_of(tally, table->open_owner[i])->open == most &&
		    (best == ASKED_MAX || table->slot[i].order < table->slot[best].order))
			best = i;
	return best;
}

/*
 * What asks nothing pushes out no question, or a process that runs into its rules often
 * enough makes every one unanswerable: if nothing else is left it is told and not remembered.
 */
static struct asked *slot_take(struct asked_table *table, const struct target *target,
			       bool question)
{
	unsigned n = table->next, looked = 0;
	struct asked *slot;

	while (looked < ASKED_MAX && slot_is_open(&table->slot[n])) {
		n = (n + 1) % ASKED_MAX;
		looked++;
	}
	if (looked == ASKED_MAX && question)
		n = slot_give_way(table);
	slot = looked == ASKED_MAX && !question ? &table->unkept : &table->slot[n];
	if (slot != &table->unkept) {
		table->next = (n + 1) % ASKED_MAX;
		slot_clear(table, slot);
	}
	*slot = (struct asked){ .id = id_take(),
				.order = ++table->last_order,
				.question = question,
				.record = *target->record };
	snprintf(slot->name, sizeof(slot->name), "%s", target->name);
	snprintf(slot->told, sizeof(slot->told), "%s", target->told);
	if (slot == &table->unkept)
		return slot;
	table->bucket[bucket_find(table, target)] = n;
	if (question) {
		table->open_guard[n] = target->record->guard;
		table->open_owner[n] = owner_of(table, target->record->guard);
	}
	return slot;
}

const struct asked *asked_note(struct asked_table *table, const struct terok_record *record,
			       const char *name, const char *told, bool question)
{
	const struct target target = { record, name ?: "", told ?: "" };
	unsigned b = bucket_find(table, &target);
	struct asked *slot = NULL;
	bool held;

	if (table->bucket[b] != NOBODY)
		slot = &table->slot[table->bucket[b]];
	if (slot && record->boot_ns <= slot->answered_ns)
		return NULL;
	held = question && !(slot && slot_is_open(slot)) && budget_is_spent(table, record->guard);
	if (held)
		question = false;
	if (slot && slot->question == question && !slot->answered_ns) {
		slot->count++;
		slot->last_ns = record->boot_ns;
		if (record->boot_ns - slot->told_ns < ASKED_QUIET_NS)
			return NULL;
	} else {
		/* new, or what was a question is now refused by a rule, or the other way round */
		if (slot)
			slot_clear(table, slot);
		slot = slot_take(table, &target, question);
		slot->count = 1;
	}
	slot->held = held;
	slot->told_ns = slot->last_ns = record->boot_ns;
	slot->record = *record;
	return slot;
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

	if (!slot)
		return;
	slot->answered_ns = now_boot_ns();
	table->open_guard[slot - table->slot] = 0;
	table->open_owner[slot - table->slot] = 0;
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

void asked_on_owner(struct asked_table *table, uint32_t (*fn)(uint32_t guard, void *user),
		    void *user)
{
	table->owner = fn;
	table->owner_user = user;
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
