// SPDX-License-Identifier: Apache-2.0
#include "dns/cache.h"

#include <errno.h>
#include <string.h>

#include "dns/hash.h"

#define SHARES 1024 /* buckets of guards */

struct share;

/* An entry in its bucket, and in its guard's list from the newest use to the oldest. */
struct cached {
	struct cache_entry entry;
	struct cached *next;
	struct cached *newer, *older;
	struct share *share;
	uint64_t hash;
	uint8_t bytes[]; /* the body, then the name */
};

/* What one guard has; gone with its last entry. */
struct share {
	struct share *next;
	struct cached *newest, *oldest;
	uint32_t guard;
	unsigned n;
};

struct cache {
	struct hash_key key;
	struct cache_counts counts;
	struct share *share[SHARES];
	struct cached *bucket[CACHE_MAX];
};

int cache_new(struct cache **ret)
{
	_cleanup_(cache_freep) struct cache *cache = calloc(1, sizeof(*cache));
	int r;

	if (!cache)
		return -ENOMEM;
	r = hash_key_fill(&cache->key);
	if (r)
		return r;
	*ret = TAKE_PTR(cache);
	return 0;
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	cache_drop(cache, 0, NULL);
	free(cache);
}

static struct share **share_at(struct cache *cache, uint32_t guard)
{
	struct share **p = &cache->share[guard % SHARES];

	while (*p && (*p)->guard != guard)
		p = &(*p)->next;
	return p;
}

/* Made where there is none; NULL: no memory. */
static struct share *share_get(struct cache *cache, uint32_t guard)
{
	struct share **p = share_at(cache, guard);

	if (!*p) {
		*p = calloc(1, sizeof(**p));
		if (*p)
			(*p)->guard = guard;
	}
	return *p;
}

static struct share *share_largest(struct cache *cache)
{
	struct share *best = NULL;

	for (unsigned i = 0; i < SHARES; i++)
		for (struct share *share = cache->share[i]; share; share = share->next)
			if (!best || share->n > best->n)
				best = share;
	return best;
}

static void share_unlink(struct cached *cached)
{
	struct share *share = cached->share;

	*(cached->newer ? &cached->newer->older : &share->newest) = cached->older;
	*(cached->older ? &cached->older->newer : &share->oldest) = cached->newer;
}

static void share_link(struct cached *cached)
{
	struct share *share = cached->share;

	cached->newer = NULL;
	cached->older = share->newest;
	*(share->newest ? &share->newest->newer : &share->oldest) = cached;
	share->newest = cached;
}

static struct cached **cached_at(struct cache *cache, uint64_t hash, uint32_t guard,
				 const char *name, uint16_t type)
{
	struct cached **p = &cache->bucket[hash % CACHE_MAX];

	for (; *p; p = &(*p)->next) {
		const struct cache_entry *entry = &(*p)->entry;

		if ((*p)->hash == hash && entry->guard == guard && entry->type == type &&
		    !strcmp(entry->name, name))
			break;
	}
	return p;
}

static uint64_t cached_hash(const struct cache *cache, uint32_t guard, const char *name,
			    uint16_t type)
{
	return hash_name(&cache->key, (uint64_t)guard << 16 | type, name);
}

static void cached_remove(struct cache *cache, struct cached *cached)
{
	struct share *share = cached->share, **at;
	struct cached **p = &cache->bucket[cached->hash % CACHE_MAX];

	while (*p != cached)
		p = &(*p)->next;
	*p = cached->next;
	share_unlink(cached);
	free(cached);
	cache->counts.entries--;
	if (--share->n)
		return;
	at = share_at(cache, share->guard);
	*at = share->next;
	free(share);
}

const struct cache_entry *cache_find(struct cache *cache, uint32_t guard, const char *name,
				     uint16_t type, uint64_t now_ns)
{
	uint64_t hash = cached_hash(cache, guard, name, type);
	struct cached *cached = *cached_at(cache, hash, guard, name, type);

	/* What has ended stays: the caller may hold it still, and the next answer replaces it. */
	if (!cached || cached->entry.until_ns <= now_ns) {
		cache->counts.missed++;
		return NULL;
	}
	cache->counts.found++;
	cached->entry.hits++;
	cached->entry.asked_ns = now_ns;
	if (cached->newer) {
		share_unlink(cached);
		share_link(cached);
	}
	return &cached->entry;
}

uint64_t cache_until(struct cache *cache, uint32_t guard, const char *name, uint16_t type)
{
	uint64_t hash = cached_hash(cache, guard, name, type);
	const struct cached *cached = *cached_at(cache, hash, guard, name, type);

	return cached ? cached->entry.until_ns : 0;
}

/* Room for one more of @guard: its own oldest goes; of who has nothing, the largest share's. */
static void cache_make_room(struct cache *cache, uint32_t guard)
{
	struct share *share = *share_at(cache, guard);

	if (cache->counts.entries < CACHE_MAX && (!share || share->n < CACHE_PER_GUARD))
		return;
	if (!share)
		share = share_largest(cache);
	cached_remove(cache, share->oldest);
	cache->counts.pushed_out++;
}

/* A copy of everything, so that what is put may be an entry's own. */
static struct cached *cached_new(uint32_t guard, const char *name, uint16_t type,
				 const struct dns_body *body, const uint8_t *bytes)
{
	size_t name_size = strlen(name) + 1;
	struct cached *cached = malloc(sizeof(*cached) + body->size + name_size);

	if (!cached)
		return NULL;
	*cached = (struct cached){
		.entry = { .guard = guard, .type = type, .body = *body, .bytes = cached->bytes },
	};
	if (body->size)
		memcpy(cached->bytes, bytes, body->size);
	cached->entry.name = memcpy(cached->bytes + body->size, name, name_size);
	return cached;
}

int cache_put(struct cache *cache, uint32_t guard, const char *name, uint16_t type,
	      const struct dns_body *body, const uint8_t *bytes, uint64_t until_ns)
{
	uint64_t hash = cached_hash(cache, guard, name, type);
	bool fits = body->size <= CACHE_BODY && strlen(name) <= DNS_NAME_MAX;
	struct cached *old = *cached_at(cache, hash, guard, name, type);
	struct cached *cached = fits ? cached_new(guard, name, type, body, bytes) : NULL;

	if (old)
		cached_remove(cache, old);
	if (!cached)
		return fits ? -ENOMEM : -E2BIG;
	cache_make_room(cache, guard);
	cached->share = share_get(cache, guard);
	if (!cached->share) {
		free(cached);
		return -ENOMEM;
	}
	cached->entry.until_ns = until_ns;
	cached->hash = hash;
	cached->next = cache->bucket[hash % CACHE_MAX];
	cache->bucket[hash % CACHE_MAX] = cached;
	share_link(cached);
	cached->share->n++;
	cache->counts.entries++;
	cache->counts.added++;
	return 0;
}

/* The share goes with its last entry, so the next one is looked up first. */
static unsigned share_drop(struct cache *cache, struct share *share, const char *name)
{
	struct cached *cached = share->newest, *older;
	unsigned n = 0;

	for (; cached; cached = older) {
		older = cached->older;
		if (name && strcmp(cached->entry.name, name))
			continue;
		cached_remove(cache, cached);
		n++;
	}
	return n;
}

unsigned cache_drop(struct cache *cache, uint32_t guard, const char *name)
{
	struct share *share, *next;
	char copy[DNS_NAME_LEN]; /* @name may be of an entry that goes */
	unsigned n = 0;

	if (name && strlen(name) > DNS_NAME_MAX)
		return 0;
	if (name)
		name = strcpy(copy, name);
	if (guard) {
		share = *share_at(cache, guard);
		return share ? share_drop(cache, share, name) : 0;
	}
	for (unsigned i = 0; i < SHARES; i++) {
		for (share = cache->share[i]; share; share = next) {
			next = share->next;
			n += share_drop(cache, share, name);
		}
	}
	return n;
}

void cache_each(const struct cache *cache, uint32_t guard,
		void (*fn)(const struct cache_entry *entry, void *user), void *user)
{
	const struct share *share = cache->share[guard % SHARES];

	while (share && share->guard != guard)
		share = share->next;
	for (struct cached *cached = share ? share->newest : NULL; cached; cached = cached->older)
		fn(&cached->entry, user);
}

const struct cache_counts *cache_counts(const struct cache *cache)
{
	return &cache->counts;
}
