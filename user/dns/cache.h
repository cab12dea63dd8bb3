/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cache.h - answers that were given, ready to be sent again
 *
 * One entry per (guard, name, type): the reply's answer section as dns_body_build() made it,
 * and until when it may be given. Guards share nothing, so that none learns from the time an
 * answer takes what another one asks. Bounded: CACHE_MAX entries in all, CACHE_PER_GUARD of
 * one guard; who adds more loses its own oldest, never another's.
 *
 * Called by: the resolver worker. cache_find() allocates nothing. Threads: none.
 */
#ifndef TEROK_DNS_CACHE_H
#define TEROK_DNS_CACHE_H

#include "base/cleanup.h"
#include "dns/wire.h"

#define CACHE_MAX       65536
#define CACHE_PER_GUARD 4096
#define CACHE_BODY      4096 /* bytes of one entry's body; larger answers are not kept */

struct cache;

struct cache_entry {
	uint32_t guard;
	uint16_t type;
	struct dns_body body;
	uint64_t until_ns; /* CLOCK_BOOTTIME: the end of the upstream's TTL */
	uint64_t asked_ns; /* last cache_find() that found it */
	uint64_t hits;
	const uint8_t *bytes; /* body.size; of the entry */
	const char *name;
};

struct cache_counts {
	uint64_t found, missed, added, pushed_out;
	unsigned entries;
};

int cache_new(struct cache **ret);
void cache_free(struct cache *cache);
DEFINE_CLEANUP(struct cache, cache_free)

/**
 * cache_find() - what may be answered at @now_ns; NULL: nothing, or it has ended
 *
 * Borrowed until the next call that is not cache_find().
 */
const struct cache_entry *cache_find(struct cache *cache, uint32_t guard, const char *name,
				     uint16_t type, uint64_t now_ns);

/** cache_until() - when what is there ends, used or not; 0: nothing is */
uint64_t cache_until(struct cache *cache, uint32_t guard, const char *name, uint16_t type);

/** cache_put() - keep a body, replacing what was there; -ENOMEM, -E2BIG: not kept, nothing there */
int cache_put(struct cache *cache, uint32_t guard, const char *name, uint16_t type,
	      const struct dns_body *body, const uint8_t *bytes, uint64_t until_ns);

/** cache_drop() - forget a guard's (0: of all guards) entries of @name (NULL: all); how many */
unsigned cache_drop(struct cache *cache, uint32_t guard, const char *name);

/** cache_each() - every entry of @guard, in no order */
void cache_each(const struct cache *cache, uint32_t guard,
		void (*fn)(const struct cache_entry *entry, void *user), void *user);

/** cache_counts() - since cache_new(); borrowed, always up to date */
const struct cache_counts *cache_counts(const struct cache *cache);

#endif
