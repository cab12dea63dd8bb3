/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names_list.h - everything that a guard's names are now, for people: sorted, with addresses
 *
 * A snapshot of terok_names, terok_learned and terok_synthetic; of two entries that changed
 * between two reads each is true by itself. And what of it shares an address: in the kernel an
 * address is all that a learned name is, so whoever may reach one of two names by it may reach
 * the other.
 *
 * Called by: verbs. Threads: none.
 */
#ifndef TEROK_NAMES_LIST_H
#define TEROK_NAMES_LIST_H

#include "names.h"
#include "profile.h"

struct listed_name {
	uint64_t id;
	struct terok_name name;
	const struct name_address *address; /* of the list, by address */
	unsigned n;
};

struct names_list {
	struct listed_name *name; /* by text */
	size_t n, room;
	struct name_address *address;
	size_t n_addresses, addresses_room;
};

void names_list_done(struct names_list *list);
#define _cleanup_names_list_ _cleanup_(names_list_done)

/** names_list() - all names of a guard; *@ret, zero before, is the caller's in any case */
int names_list(const struct kernel *kernel, uint32_t guard, struct names_list *ret,
	       struct problem *why);

/** names_list_find() - by text; NULL: nobody asked for it, or it was flushed */
const struct listed_name *names_list_find(const struct names_list *list, const char *text);

/** name_is_synthetic() - does that address stand for another one? */
bool name_is_synthetic(const struct name_address *address);

/** name_has_ended() - is it kept only for flows that stand? */
bool name_has_ended(const struct name_address *address, uint64_t now_ns);

/** names_queries() - what its resolver was asked; all zero if it was asked nothing yet */
void names_queries(const struct kernel *kernel, uint32_t guard, struct terok_queries *ret);

enum shared_how {
	SHARED_DENIED, /* the other one is a denied domain: nobody reaches the address */
	SHARED_WIDER,  /* the other one is allowed less: it is reached as the first one is */
};

/* An address that two names have, of which policy says different things. */
struct names_shared {
	enum shared_how how;
	uint8_t addr[16];
	char name[TEROK_DOMAIN_LEN], other[TEROK_DOMAIN_LEN];
};

/**
 * names_shared_each() - every such address; @fn not 0 ends it
 *
 * A name that nobody allowed is not asked for, so of its addresses nobody knows: only what is
 * allowed or denied is compared. A denied domain's addresses are those that the host found.
 */
int names_shared_each(const struct kernel *kernel, uint32_t guard, const struct names_list *list,
		      int (*fn)(const struct names_shared *shared, void *user), void *user,
		      struct problem *why);

/** names_shared_fix() - what to do about it, a sentence; returns @buf */
const char *names_shared_fix(char *buf, size_t size, const struct names_shared *shared,
			     const char *guard);

#endif
