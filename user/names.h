/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - names in the kernel's maps: what is said of domains, names that were asked for,
 * their addresses
 *
 * terok_domains is the truth about domains while a guard lives, as terok_rules is about
 * addresses: written by verbs and the agent alike, under policy.lock. From it follows, for each
 * name that somebody asked for, one entry of terok_names (dns/policy.h says how), and every
 * hook looks there: names_settle() after each change is the moment from which it holds.
 * Addresses of a name are in terok_learned, or in terok_synthetic behind an address that stands
 * for one. Written before anybody is told of them.
 *
 * Owns: those maps. Called by: verbs, domains.c, policy.c, guard.c, nameserver.c. Threads: none.
 */
#ifndef TEROK_NAMES_LEARN_H
#define TEROK_NAMES_LEARN_H

#include "base/problem.h"
#include "dns/policy.h"
#include "kernel.h"
#include "terok/core_msg.h"

#define NAMES_PER_GUARD 8192
#define NAMES_ADDRESSES 32768                              /* of one guard */
#define NAMES_OLD_NS    (24 * 3600 * UINT64_C(1000000000)) /* not asked for so long: it may give way */
#define NAMES_SWEEP_NS  (10 * UINT64_C(1000000000)) /* so often at most what ended is looked for */
#define NAMES_TTL_MIN   60                          /* seconds an address holds at least ... */
#define NAMES_TTL_MAX   300 /* ... at most, whatever the resolver says ... */
#define NAMES_GRACE     60  /* ... and on top of what its name server says */
#define NAMES_SLOTS     8   /* synthetic addresses of one name and family */

struct domain_rule;

/** names_put() - say something of a domain; the same domain, port and protocol is replaced
 *
 * In force for names that were asked for when this returns. The caller holds policy.lock.
 * Return: 0; -ENOSPC the table is full, -ENOENT no such guard.
 */
int names_put(const struct kernel *kernel, uint32_t guard, const struct domain_rule *rule,
	      struct problem *why);

/** names_restore() - the same for a guard that is being attached: nothing is there to be settled */
int names_restore(const struct kernel *kernel, uint32_t guard, const struct domain_rule *rule,
		  struct problem *why);

/** names_drop() - say it no more; -ENOENT: it does not say that. The caller holds policy.lock. */
int names_drop(const struct kernel *kernel, uint32_t guard, const struct domain_rule *rule,
	       struct problem *why);

/** names_domains() - everything that is said of a guard's domains; @fn not 0 ends it */
int names_domains(const struct kernel *kernel, uint32_t guard,
		  int (*fn)(const struct domain_rule *rule, void *user), void *user);

/** names_domain() - the rule of that domain, port and protocol, its value filled in; false: none */
bool names_domain(const struct kernel *kernel, uint32_t guard, struct domain_rule *rule);

/**
 * names_domain_of() - the rule of that port and protocol for @name or what it is below
 * @rule: dest and value.action; domain and value are filled in, the nearest
 */
bool names_domain_of(const struct kernel *kernel, uint32_t guard, const char *name,
		     struct domain_rule *rule);

/** names_get() - what is said of a name that was asked for and may be had; false: it is none */
bool names_get(const struct kernel *kernel, uint32_t guard, const char *name,
	       struct terok_name *ret);

/** names_policy() - the same as something that names can be looked up in; -ENOMEM */
int names_policy(const struct kernel *kernel, uint32_t guard, struct dns_policy *ret);

/* What the agent remembers of one guard between two answers; zero at first. */
struct names_book {
	struct dns_policy *policy; /* the caller's, to be freed with dns_policy_free() */
	uint32_t domains;          /* the word's counter when policy was read */
	bool counted;
	unsigned names, addresses; /* of this guard in the maps */
	uint64_t swept_ns;         /* when what ended was looked for, because it was at its limit */
};

/**
 * names_learn() - addresses of a name that was asked for: write them down
 * @learn: what upstream said; @ret: what may be told, and result
 *
 * Takes policy.lock.
 */
void names_learn(const struct kernel *kernel, struct names_book *book,
		 const struct msg_learn *learn, struct msg_learned *ret);

/** names_reverse() - the name that has this address, as it was answered; false: none */
bool names_reverse(const struct kernel *kernel, uint32_t guard, const uint8_t addr[static 16],
		   char ret[static TEROK_DOMAIN_LEN]);

/** names_has() - has that name this address, and does that hold now? */
bool names_has(const struct kernel *kernel, uint32_t guard, const uint8_t addr[static 16],
	       const char *name);

/** names_had() - has this address been learned, whatever is said of its names now? */
bool names_had(const struct kernel *kernel, uint32_t guard, const uint8_t addr[static 16]);

/** names_said() - whom a flow named that was refused for it, by its socket's cookie; false: forgotten */
bool names_said(const struct kernel *kernel, uint64_t cookie, char ret[static TEROK_DOMAIN_LEN]);

/* One address of a name, as names_each() gives it. */
struct name_address {
	uint8_t addr[16];  /* as the container knows it */
	uint8_t real[16];  /* of a synthetic one: what it stands for; else the same */
	uint64_t until_ns; /* 0: a synthetic one, which has no end of its own */
	uint64_t name;
};

/** names_each() - every name of a guard, in no order */
int names_each(const struct kernel *kernel, uint32_t guard,
	       int (*fn)(uint64_t id, const struct terok_name *name, void *user), void *user);

/** names_addresses() - every address of all names of a guard */
int names_addresses(const struct kernel *kernel, uint32_t guard,
		    int (*fn)(const struct name_address *address, void *user), void *user);

/**
 * names_flush() - forget what was learned of @name (NULL: of all)
 *
 * Its addresses open nothing from now on; the agent, which answers from memory, forgets as soon
 * as it is told of the guard (control.h). Takes policy.lock. Return: how many names.
 */
int names_flush(const struct kernel *kernel, uint32_t guard, const char *name, struct problem *why);

/**
 * names_prune() - forget addresses of names that are gone
 *
 * They open nothing while their name is away, and would again when it is asked for anew. For who
 * took something back, when the flows that it opened have ended: they are known by what is
 * forgotten here. Takes policy.lock.
 */
int names_prune(const struct kernel *kernel, uint32_t guard);

/** names_forget() - everything of a guard that is gone; the caller holds policy.lock */
int names_forget(const struct kernel *kernel, uint32_t guard);

#endif
