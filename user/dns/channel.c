// SPDX-License-Identifier: Apache-2.0
#include "dns/channel.h"

#include <errno.h>
#include <string.h>

#include "base/event.h"
#include "dns/hash.h"

#define NAMES      2048 /* of one set; two of them remember what was sent */
#define NAME_SLOTS 4096 /* open addressing: at most half full */
#define ZONES      64   /* wildcards whose children are counted apart; more share the last */
#define DATA_LABEL 20   /* bytes: below it chance alone makes a label look like data */
#define MINUTE_US  UINT64_C(60000000)

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
	unsigned n;
	uint32_t slot[NAME_SLOTS];
};

struct channel {
	struct hash_key key;
	struct channel_counts counts;
	uint32_t rate, burst; /* bytes a minute, bytes */
	uint64_t saved;       /* of the burst, in bytes * MINUTE_US */
	uint64_t saved_ns;    /* until when it is reckoned */
	uint64_t second_ns;   /* when the second began whose questions are counted */
	unsigned queries;     /* in it */
	uint64_t window_ns;   /* when the window of the alarms began */
	unsigned raised;      /* alarms of this window */
	unsigned n_zones;
	struct {
		uint32_t hash, children;
	} zone[ZONES];
	struct names tried;   /* in this window, whether sent or not */
	struct names sent[2]; /* those sent last, and those before */
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
	channel->rate = CHANNEL_RATE;
	channel->burst = CHANNEL_BURST;
	channel->saved = CHANNEL_BURST * MINUTE_US;
	channel->saved_ns = channel->second_ns = channel->window_ns = now_ns;
	*ret = TAKE_PTR(channel);
	return 0;
}

void channel_free(struct channel *channel)
{
	free(channel);
}

void channel_limit(struct channel *channel, uint32_t bytes_per_minute, uint32_t burst)
{
	if (bytes_per_minute)
		channel->rate = bytes_per_minute;
	if (!burst)
		return;
	/* What is new of it is there at once, as it is in a new channel. */
	if (burst > channel->burst)
		channel->saved += (burst - channel->burst) * MINUTE_US;
	else if (channel->saved > burst * MINUTE_US)
		channel->saved = burst * MINUTE_US;
	channel->burst = burst;
}

static void channel_save(struct channel *channel, uint64_t now_ns)
{
	uint64_t full = channel->burst * MINUTE_US;
	uint64_t us = (now_ns - channel->saved_ns) / 1000;

	if (now_ns <= channel->saved_ns)
		return;
	channel->saved_ns += us * 1000;
	if (us > (full - channel->saved) / channel->rate)
		channel->saved = full;
	else
		channel->saved += us * channel->rate;
}

static bool channel_spend(struct channel *channel, unsigned bytes, uint64_t now_ns)
{
	channel_save(channel, now_ns);
	if (channel->saved < bytes * MINUTE_US)
		return false;
	channel->saved -= bytes * MINUTE_US;
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
	unsigned at = hash % NAME_SLOTS;

	while (names->slot[at] && names->slot[at] != hash)
		at = (at + 1) % NAME_SLOTS;
	return &names->slot[at];
}

static bool names_has(struct names *names, uint32_t hash)
{
	return *names_at(names, hash);
}

static void names_clear(struct names *names)
{
	if (names->n)
		memset(names, 0, sizeof(*names));
}

/* False: full. */
static bool names_add(struct names *names, uint32_t hash)
{
	uint32_t *slot = names_at(names, hash);

	if (*slot)
		return true;
	if (names->n == NAMES)
		return false;
	*slot = hash;
	names->n++;
	return true;
}

/* When one set is full it becomes the older one, and what that one held is forgotten. */
static void sent_add(struct channel *channel, uint32_t hash)
{
	if (names_add(&channel->sent[0], hash))
		return;
	channel->sent[1] = channel->sent[0];
	names_clear(&channel->sent[0]);
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

static void channel_ask_new(struct channel *channel, const char *name, const char *zone,
			    uint32_t hash, uint64_t now_ns, struct channel_say *say)
{
	size_t bytes = size_below(name, zone);

	say->alarms |= labels_alarms(name, bytes) | children_alarms(channel, zone, hash);
	if (!channel_spend(channel, bytes, now_ns)) {
		say->verdict = CHANNEL_BUDGET;
		say->alarms |= CHANNEL_ALARM_BUDGET;
		channel->counts.spent++;
		return;
	}
	say->bytes = bytes;
	channel->counts.bytes += bytes;
	sent_add(channel, hash);
}

struct channel_say channel_ask(struct channel *channel, const char *name, const char *zone,
			       uint64_t now_ns)
{
	struct channel_say say = { .verdict = CHANNEL_PASS };
	uint32_t hash = zone ? channel_hash(channel, name) : 0;

	channel_turn_window(channel, now_ns);
	if (channel_floods(channel, now_ns)) {
		say.verdict = CHANNEL_FLOOD;
		say.alarms = CHANNEL_ALARM_FLOOD;
		channel->counts.flooded++;
	} else if (zone && !sent_has(channel, hash)) {
		channel_ask_new(channel, name, zone, hash, now_ns, &say);
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
