// SPDX-License-Identifier: Apache-2.0
#include "dns/channel.h"

#include <errno.h>
#include <string.h>

#include "base/event.h"
#include "dns/hash.h"
#include "dns/wire.h"

#define TRIED      2048 /* names of a window that are told apart; more are one */
#define SENT       64   /* names of one set of two, which are what seen means */
#define ASKED_ROWS 1024 /* names of the last minute: so many rows, no memory until used, ... */
#define ASKED      8    /* ... of so many */
#define ZONES      64   /* wildcards whose children are counted apart; more share the last */
#define DATA_LABEL 20   /* bytes: below it chance alone makes a label look like data */
#define SLOTS      61   /* seconds that any minute touches */

/* x * log2(x) in 1/1024, for the bytes of a label: entropy without a floating point */
static const uint32_t x_log2_x[DNS_LABEL_MAX + 1] = {
	0,      0,      2048,   4869,   8192,   11888,  15882,  20123,  24576,  29214,  34017,
	38967,  44052,  49260,  54582,  60010,  65536,  71155,  76860,  82648,  88513,  94452,
	100462, 106539, 112680, 118883, 125145, 131463, 137836, 144263, 150740, 157266, 163840,
	170460, 177125, 183834, 190584, 197376, 204207, 211078, 217986, 224931, 231913, 238929,
	245980, 253065, 260182, 267331, 274512, 281724, 288965, 296237, 303537, 310866, 318222,
	325606, 333017, 340454, 347917, 355406, 362919, 370458, 378020, 385606,
};

/* Hashes of names, 0: a free slot. One that meets another by chance is taken for it. */
struct names {
	unsigned n, max;
	uint32_t *slot; /* 2 * max, open addressing: at most half full */
};

/* When a name went upstream last, in 2^20 ns: a clock that meets itself again after 52 days. */
struct asked {
	uint32_t hash, at;
};

struct channel {
	struct hash_key key;
	struct channel_counts counts;
	uint32_t budget;       /* bytes in any minute */
	uint32_t spent[SLOTS]; /* by second, in a ring */
	uint32_t spent_all;
	uint64_t slot;      /* the second that is spent from */
	uint64_t second_ns; /* when the second began whose questions are counted */
	unsigned queries;   /* in it */
	uint64_t window_ns; /* when the window of the alarms began */
	unsigned raised;    /* alarms of this window */
	unsigned n_zones;
	struct {
		uint32_t hash, children;
	} zone[ZONES];
	struct names tried;   /* in this window, whether sent or not */
	struct names sent[2]; /* those sent last, and those before */
	struct asked asked[ASKED_ROWS][ASKED];
	uint32_t slots[2 * TRIED + 4 * SENT];
};

int channel_new(uint64_t now_ns, struct channel **ret)
{
	_cleanup_(channel_freep) struct channel *channel = calloc(1, sizeof(*channel));
	int r;

	if (!channel)
		return -ENOMEM;
	r = hash_key_fill(&channel->key);
	if (r)
		return r;
	channel->budget = CHANNEL_BYTES;
	channel->second_ns = channel->window_ns = now_ns;
	channel->slot = now_ns / SECOND_NS;
	channel->tried = (struct names){ .max = TRIED, .slot = channel->slots };
	for (unsigned i = 0; i < 2; i++)
		channel->sent[i] = (struct names){
			.max = SENT,
			.slot = channel->slots + 2 * TRIED + i * 2 * SENT,
		};
	*ret = TAKE_PTR(channel);
	return 0;
}

void channel_free(struct channel *channel)
{
	free(channel);
}

void channel_limit(struct channel *channel, uint32_t bytes)
{
	channel->budget = bytes;
}

/* What was spent more than a minute ago is forgotten. */
static void channel_turn(struct channel *channel, uint64_t now_ns)
{
	uint64_t slot = now_ns / SECOND_NS;

	for (unsigned i = 0; i < SLOTS && channel->slot < slot; i++) {
		uint32_t *spent = &channel->spent[++channel->slot % SLOTS];

		channel->spent_all -= *spent;
		*spent = 0;
	}
	if (channel->slot < slot)
		channel->slot = slot;
}

static bool channel_spend(struct channel *channel, unsigned bytes, uint32_t limit, uint64_t now_ns)
{
	channel_turn(channel, now_ns);
	if (!bytes)
		return true;
	if (bytes > limit || channel->spent_all > limit - bytes)
		return false;
	channel->spent[channel->slot % SLOTS] += bytes;
	channel->spent_all += bytes;
	return true;
}

static bool channel_floods(struct channel *channel, uint64_t now_ns)
{
	if (now_ns - channel->second_ns >= SECOND_NS) {
		channel->second_ns = now_ns;
		channel->queries = 0;
	}
	if (channel->queries >= CHANNEL_QUERIES)
		return true;
	channel->queries++;
	return false;
}

static uint32_t *names_at(struct names *names, uint32_t hash)
{
	unsigned n = 2 * names->max, at = hash % n;

	while (names->slot[at] && names->slot[at] != hash)
		at = (at + 1) % n;
	return &names->slot[at];
}

static bool names_has(struct names *names, uint32_t hash)
{
	return *names_at(names, hash);
}

static void names_clear(struct names *names)
{
	if (names->n)
		memset(names->slot, 0, 2 * names->max * sizeof(*names->slot));
	names->n = 0;
}

/* False: full. */
static bool names_add(struct names *names, uint32_t hash)
{
	uint32_t *slot = names_at(names, hash);

	if (*slot)
		return true;
	if (names->n == names->max)
		return false;
	*slot = hash;
	names->n++;
	return true;
}

/* When one set is full it becomes the older one, and what that one held is forgotten. */
static void sent_add(struct channel *channel, uint32_t hash)
{
	struct names older;

	if (names_add(&channel->sent[0], hash))
		return;
	older = channel->sent[1];
	names_clear(&older);
	channel->sent[1] = channel->sent[0];
	channel->sent[0] = older;
	names_add(&channel->sent[0], hash);
}

static bool sent_has(struct channel *channel, uint32_t hash)
{
	if (names_has(&channel->sent[0], hash))
		return true;
	if (!names_has(&channel->sent[1], hash))
		return false;
	sent_add(channel, hash); /* in use: not among the oldest any more */
	return true;
}

/* The name's place: its own, else the one used longest ago. */
static struct asked *asked_at(struct channel *channel, uint32_t hash, uint32_t now)
{
	struct asked *row = channel->asked[hash % ASKED_ROWS], *best = row;

	for (unsigned i = 0; i < ASKED; i++) {
		if (row[i].hash == hash)
			return &row[i];
		if (!row[i].hash || now - row[i].at > now - best->at)
			best = &row[i];
		if (!best->hash)
			break;
	}
	return best;
}

static uint32_t asked_clock(uint64_t now_ns)
{
	return now_ns >> 20;
}

/* Within the last minute; with more names than there is room for it may be said of others. */
static bool asked_lately(struct channel *channel, uint32_t hash, uint64_t now_ns)
{
	uint32_t now = asked_clock(now_ns);
	const struct asked *asked = asked_at(channel, hash, now);

	return asked->hash && now - asked->at < asked_clock(CHANNEL_WINDOW_NS);
}

static void asked_note(struct channel *channel, uint32_t hash, uint64_t now_ns)
{
	uint32_t now = asked_clock(now_ns);

	*asked_at(channel, hash, now) = (struct asked){ .hash = hash, .at = now };
}

/* Never 0, which marks a free slot. */
static uint32_t channel_hash(const struct channel *channel, const char *name)
{
	uint32_t hash = hash_name(&channel->key, 0, name) >> 32;

	return hash ? hash : 1;
}

static bool label_is_random(const char *label, size_t size)
{
	uint8_t times[256] = {};
	uint32_t sum = x_log2_x[size];

	for (size_t i = 0; i < size; i++)
		times[(uint8_t)label[i]]++;
	/* each byte's own term once: its count is taken when it is met, then no more */
	for (size_t i = 0; i < size; i++) {
		sum -= x_log2_x[times[(uint8_t)label[i]]];
		times[(uint8_t)label[i]] = 0;
	}
	return sum > (uint32_t)(CHANNEL_ENTROPY * 1024) * size;
}

/*
 * Sixteen or thirty-two different bytes cannot look random enough in a label's length: hex,
 * dashes aside, and base32, which has two or more of its six digits almost always, as words
 * hardly ever do.
 */
static bool label_is_encoded(const char *label, size_t size)
{
	unsigned hex = 0, dashes = 0, letters = 0, digits = 0;

	for (size_t i = 0; i < size; i++) {
		char c = label[i];

		hex += (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		dashes += c == '-';
		letters += c >= 'a' && c <= 'z';
		digits += c >= '2' && c <= '7';
	}
	return (hex >= DATA_LABEL && hex + dashes == size) ||
	       (digits >= 2 && letters && letters + digits == size);
}

/* @size: bytes of @name that are below the wildcard's zone, dots between labels included */
static unsigned labels_alarms(const char *name, size_t size)
{
	const char *end = name + size;
	unsigned alarms = 0;

	for (const char *label = name; label < end;) {
		const char *dot = memchr(label, '.', end - label);
		size_t n = (dot ? dot : end) - label;

		if (n > CHANNEL_LABEL)
			alarms |= CHANNEL_ALARM_LENGTH;
		if (n >= DATA_LABEL && n <= DNS_LABEL_MAX &&
		    (label_is_random(label, n) || label_is_encoded(label, n)))
			alarms |= CHANNEL_ALARM_ENTROPY;
		label += n + 1;
	}
	return alarms;
}

/*
 * One more new child of @zone. Refused names count as well, once each: who asks for many is
 * to be heard of before a budget is found that is large enough.
 */
static unsigned children_alarms(struct channel *channel, const char *zone, uint32_t name_hash)
{
	uint32_t hash = channel_hash(channel, zone);
	unsigned i = 0;

	if (names_has(&channel->tried, name_hash))
		return 0;
	names_add(&channel->tried, name_hash);
	while (i < channel->n_zones && channel->zone[i].hash != hash)
		i++;
	if (i == ZONES)
		i--;
	else if (i == channel->n_zones)
		channel->zone[channel->n_zones++].hash = hash;
	return ++channel->zone[i].children > CHANNEL_CHILDREN ? CHANNEL_ALARM_CHILDREN : 0;
}

static void channel_turn_window(struct channel *channel, uint64_t now_ns)
{
	if (now_ns - channel->window_ns < CHANNEL_WINDOW_NS)
		return;
	channel->window_ns = now_ns;
	channel->raised = 0;
	channel->n_zones = 0;
	memset(channel->zone, 0, sizeof(channel->zone));
	names_clear(&channel->tried);
}

/*
 * Dots between the labels count: where they are says something too. A name that is not below
 * the zone counts whole, so that a mistake of the caller's costs instead of giving.
 */
static size_t size_below(const char *name, const char *zone)
{
	size_t size = strlen(name);

	if (!strcmp(name, zone))
		return 0;
	return dns_name_is_below(name, zone) && *zone ? size - strlen(zone) - 1 : size;
}

/*
 * What one question says, in bytes. Labels: each. Which of the names it is that were asked for
 * before, or of the exact ones more often than answers are kept: one, as they are less than 256.
 * Which type: another one.
 */
static unsigned channel_cost(struct channel *channel, uint16_t type, size_t below, uint32_t hash,
			     uint64_t now_ns)
{
	if (type != DNS_A && type != DNS_AAAA)
		return (sent_has(channel, hash) ? 0 : below) + 2;
	if (below)
		return (sent_has(channel, hash) ? 0 : below) + 1;
	return asked_lately(channel, hash, now_ns);
}

/* Of what clients ask beside addresses, and do without, no more than a quarter of it. */
static uint32_t channel_share(const struct channel *channel, uint16_t type)
{
	return type == DNS_HTTPS || type == DNS_SVCB ? channel->budget / 4 : channel->budget;
}

static void channel_ask_budget(struct channel *channel, const char *name, uint16_t type,
			       const char *zone, uint64_t now_ns, struct channel_say *say)
{
	uint32_t hash = channel_hash(channel, name);
	size_t below = zone ? size_below(name, zone) : 0;
	unsigned cost = channel_cost(channel, type, below, hash, now_ns);

	if (below && !sent_has(channel, hash))
		say->alarms |= labels_alarms(name, below) | children_alarms(channel, zone, hash);
	if (!channel_spend(channel, cost, channel_share(channel, type), now_ns)) {
		say->verdict = CHANNEL_BUDGET;
		say->alarms |= CHANNEL_ALARM_BUDGET;
		channel->counts.spent++;
		return;
	}
	say->bytes = cost;
	channel->counts.bytes += cost;
	asked_note(channel, hash, now_ns);
	if (below)
		sent_add(channel, hash);
}

struct channel_say channel_ask(struct channel *channel, const char *name, uint16_t type,
			       const char *zone, uint64_t now_ns)
{
	struct channel_say say = { .verdict = CHANNEL_PASS };

	channel_turn_window(channel, now_ns);
	if (channel_floods(channel, now_ns)) {
		say.verdict = CHANNEL_FLOOD;
		say.alarms = CHANNEL_ALARM_FLOOD;
		channel->counts.flooded++;
	} else if (type != DNS_PTR) {
		channel_ask_budget(channel, name, type, zone, now_ns, &say);
	}
	if (say.verdict == CHANNEL_PASS)
		channel->counts.sent++;
	say.alarms &= ~channel->raised;
	channel->raised |= say.alarms;
	channel->counts.alarms += __builtin_popcount(say.alarms);
	return say;
}

const struct channel_counts *channel_counts(const struct channel *channel)
{
	return &channel->counts;
}
