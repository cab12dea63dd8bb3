// SPDX-License-Identifier: Apache-2.0
/* pending.c - questions on their way: upstream's answer, the core's word, the reply */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/log.h"
#include "dns/resolver.h"

#define SECOND           UINT64_C(1000000000)

#define TTL_NEGATIVE_MAX RESOLVER_TTL_MIN

#define PARKED_MAX       (RESOLVER_PENDING / 2) /* the rest is for questions that are asked */

enum stage { STAGE_UPSTREAM, STAGE_CORE, STAGE_REVERSE, STAGE_PARKED };

struct waiter {
	struct waiter *next;
	struct client client;
};

struct pending {
	struct pending *next; /* in its bucket */
	uint64_t token;
	uint32_t guard;
	uint16_t type;
	enum stage stage;
	bool learn;
	unsigned generation;       /* of the guard's policy when it was asked */
	uint64_t ends_ns;          /* when policy ends: no answer is kept longer; 0: never */
	struct dns_answer *answer; /* STAGE_CORE: what upstream said */
	struct waiter *waiters;
	unsigned n_waiters;
	char name[DNS_NAME_LEN];
};

static struct pending **pending_slot(struct resolver *resolver, uint64_t token)
{
	struct pending **slot = &resolver->pending[token % RESOLVER_BUCKETS];

	while (*slot && (*slot)->token != token)
		slot = &(*slot)->next;
	return slot;
}

static void pending_free(struct resolver *resolver, struct pending **slot)
{
	struct pending *pending = *slot;
	struct served *served = served_find(resolver, pending->guard);

	*slot = pending->next;
	resolver->n_pending--;
	resolver->n_parked -= pending->stage == STAGE_PARKED;
	if (served)
		served->n_pending--;
	while (pending->waiters) {
		struct waiter *waiter = pending->waiters;

		pending->waiters = waiter->next;
		free(waiter);
	}
	free(pending->answer);
	free(pending);
}

void pending_drop(struct resolver *resolver, uint32_t guard)
{
	for (unsigned i = 0; i < RESOLVER_BUCKETS; i++) {
		struct pending **slot = &resolver->pending[i];

		while (*slot) {
			if ((*slot)->guard == guard)
				pending_free(resolver, slot);
			else
				slot = &(*slot)->next;
		}
	}
}

static bool waiter_add(struct pending *pending, const struct client *client)
{
	struct waiter *waiter;

	if (pending->n_waiters == RESOLVER_WAITERS || !(waiter = malloc(sizeof(*waiter))))
		return false;
	waiter->client = *client;
	waiter->next = pending->waiters;
	pending->waiters = waiter;
	pending->n_waiters++;
	return true;
}

/* A new one that nobody waits for; NULL: no room. */
static struct pending *pending_add(struct served *served, const char *name, uint16_t type,
				   enum stage stage)
{
	struct resolver *resolver = served->resolver;
	struct pending *pending = NULL, **slot;

	if (resolver->n_pending < RESOLVER_PENDING && served->n_pending < RESOLVER_SHARE)
		pending = calloc(1, sizeof(*pending));
	if (!pending)
		return NULL;
	pending->token = ++resolver->last_token;
	pending->guard = served->id;
	pending->generation = served->generation;
	pending->type = type;
	pending->stage = stage;
	memccpy(pending->name, name, '\0', sizeof(pending->name) - 1);
	slot = pending_slot(resolver, pending->token);
	pending->next = *slot;
	*slot = pending;
	resolver->n_pending++;
	served->n_pending++;
	return pending;
}

/* A new one, with its first waiter; NULL: no room, and the client has been told. */
static struct pending *pending_new(struct served *served, const struct client *client,
				   enum stage stage)
{
	struct resolver *resolver = served->resolver;
	struct pending *pending =
	    pending_add(served, client->query.name, client->query.type, stage);

	if (pending && waiter_add(pending, client))
		return pending;
	if (pending)
		pending_free(resolver, pending_slot(resolver, pending->token));
	served_count(served, &served->counts.failed);
	answer_code(served, client, DNS_SERVFAIL, DNS_EDE_NETWORK, "too many questions");
	return NULL;
}

/* The same question of the same guard, by the same policy. */
static struct pending *pending_same(const struct served *served, const char *name, uint16_t type)
{
	const struct resolver *resolver = served->resolver;

	for (unsigned i = 0; resolver->n_pending && i < RESOLVER_BUCKETS; i++)
		for (struct pending *p = resolver->pending[i]; p; p = p->next)
			if (p->guard == served->id && p->type == type &&
			    p->stage != STAGE_REVERSE && p->stage != STAGE_PARKED &&
			    p->generation == served->generation && !strcmp(p->name, name))
				return p;
	return NULL;
}

static void reply_all(struct served *served, struct pending *pending, const struct dns_body *body,
		      const uint8_t *bytes, uint32_t ttl, enum dns_ede ede, const char *text)
{
	for (struct waiter *waiter = pending->waiters; waiter; waiter = waiter->next)
		answer_reply(served, &waiter->client, body, bytes, ttl, ede, text);
}

static void fail_all(struct served *served, struct pending *pending, enum dns_ede ede,
		     const char *text)
{
	struct dns_body body = { .rcode = DNS_SERVFAIL };

	if (pending->waiters)
		served_count(served, &served->counts.failed);
	reply_all(served, pending, &body, NULL, 0, ede, text);
}

static uint32_t clamp(uint32_t n, uint32_t low, uint32_t high)
{
	return n < low ? low : n > high ? high : n;
}

/* What is known now is kept, and sent to all who wait. */
static void pending_settle(struct served *served, struct pending *pending,
			   const struct dns_answer *answer, uint32_t ttl)
{
	static uint8_t bytes[DNS_TCP_SIZE];
	uint64_t now = now_boot_ns(), until;
	struct dns_body body;

	if (dns_body_build(bytes, sizeof(bytes), pending->type, answer, &body)) {
		fail_all(served, pending, DNS_EDE_NONE, NULL);
		return;
	}
	ttl = clamp(ttl, 1, body.negative ? TTL_NEGATIVE_MAX : RESOLVER_TTL_MAX);
	until = now + ttl * SECOND;
	if (pending->ends_ns && pending->ends_ns < until) {
		until = pending->ends_ns;
		ttl = until > now ? (until - now) / SECOND : 0;
	}
	cache_put(served->resolver->cache, served->id, pending->name, pending->type, &body, bytes,
		  until);
	reply_all(served, pending, &body, bytes, clamp(ttl, 1, RESOLVER_TTL_SENT), DNS_EDE_NONE,
		  NULL);
}

/* An AAAA record that is an IPv4 address in disguise is nobody's. */
static void answer_sift(struct dns_answer *answer, uint16_t type)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < answer->n_addr; i++)
		if (addr_is_v4(answer->addr[i]) == (type == DNS_A))
			memmove(answer->addr[kept++], answer->addr[i], 16);
	answer->n_addr = kept;
}

/* The core writes the addresses down, then they may be told. */
static void pending_learn(struct served *served, struct pending *pending)
{
	const struct dns_answer *answer = pending->answer;
	struct msg_packet packet = { .type = MSG_LEARN };

	pending->stage = STAGE_CORE;
	packet.LEARN.token = pending->token;
	packet.LEARN.guard = served->id;
	packet.LEARN.seconds = clamp(answer->ttl, RESOLVER_TTL_MIN, RESOLVER_TTL_MAX);
	packet.LEARN.n = answer->n_addr;
	memcpy(packet.LEARN.name, pending->name, sizeof(packet.LEARN.name));
	memcpy(packet.LEARN.addr, answer->addr, answer->n_addr * sizeof(answer->addr[0]));
	served->resolver->say(&packet, served->resolver->user);
}

/*
 * Policy is another than when it was asked. Addresses are judged by the core, by what holds
 * now; of all else nobody would ask again.
 */
static void pending_again(struct served *served, struct pending *pending)
{
	for (struct waiter *waiter = pending->waiters; waiter; waiter = waiter->next)
		answer_again(served, &waiter->client);
}

static int pending_take(struct served *served, struct pending *pending,
			const struct dns_answer *answer)
{
	if (answer->rcode != DNS_NOERROR && answer->rcode != DNS_NXDOMAIN) {
		fail_all(served, pending, DNS_EDE_NETWORK, "the name server failed");
		return 0;
	}
	if (pending->generation != served->generation) {
		pending_again(served, pending);
		return 0;
	}
	pending->answer = malloc(sizeof(*answer));
	if (!pending->answer) {
		fail_all(served, pending, DNS_EDE_NONE, NULL);
		return 0;
	}
	*pending->answer = *answer;
	if (pending->answer->ttl < RESOLVER_TTL_MIN)
		pending->answer->ttl = RESOLVER_TTL_MIN;
	answer_sift(pending->answer, pending->type);
	if (pending->answer->n_addr && pending->learn) {
		pending_learn(served, pending);
		return 1;
	}
	pending_settle(served, pending, pending->answer, pending->answer->ttl);
	return 0;
}

void pending_upstream(void *user, uint64_t cookie, const struct dns_answer *answer, int error)
{
	struct resolver *resolver = user;
	struct pending **slot = pending_slot(resolver, cookie);
	struct served *served = *slot ? served_find(resolver, (*slot)->guard) : NULL;

	if (!*slot || (*slot)->stage != STAGE_UPSTREAM)
		return;
	if (served && !answer)
		fail_all(served, *slot, DNS_EDE_NETWORK,
			 error == -ENETUNREACH ? "the host has no name server"
					       : "no name server answered");
	if (!served || !answer || !pending_take(served, *slot, answer))
		pending_free(resolver, pending_slot(resolver, cookie));
}

bool pending_join(struct served *served, const struct client *client)
{
	struct pending *pending = pending_same(served, client->query.name, client->query.type);

	if (!pending)
		return false;
	if (!waiter_add(pending, client))
		answer_code(served, client, DNS_SERVFAIL, DNS_EDE_NONE, NULL);
	return true;
}

/* On its way, or at its end: those who wait were told. */
static void pending_ask(struct served *served, struct pending *pending, bool learn,
			uint64_t ends_ns)
{
	struct resolver *resolver = served->resolver;
	int r;

	pending->learn = learn;
	pending->ends_ns = ends_ns;
	r = upstream_ask(resolver->upstream, served->id, pending->name, pending->type,
			 pending->token);
	if (!r)
		return;
	fail_all(served, pending, DNS_EDE_NETWORK,
		 r == -ENETUNREACH ? "the host has no name server" : "too many questions");
	pending_free(resolver, pending_slot(resolver, pending->token));
}

/*
 * The other half of a pair. What is good for as long as the next answer will be is not asked
 * for again: otherwise the two would end at different times, and each end be a question.
 */
static struct pending *pending_other(struct served *served, const struct client *client)
{
	const char *name = client->query.name;
	uint16_t type = client->query.type == DNS_A ? DNS_AAAA : DNS_A;
	uint64_t later = now_boot_ns() + RESOLVER_TTL_MIN * SECOND;

	if (pending_same(served, name, type) ||
	    cache_until(served->resolver->cache, served->id, name, type) > later)
		return NULL;
	return pending_add(served, name, type, STAGE_UPSTREAM);
}

void pending_start(struct served *served, const struct client *client, bool learn, uint64_t ends_ns)
{
	struct pending *pending = pending_new(served, client, STAGE_UPSTREAM), *other = NULL;
	uint16_t type = client->query.type;

	if (!pending)
		return;
	/* where nothing is counted nothing is to be hidden */
	if (learn && (type == DNS_A || type == DNS_AAAA))
		other = pending_other(served, client);
	if (other && type == DNS_AAAA)
		pending_ask(served, other, learn, ends_ns);
	pending_ask(served, pending, learn, ends_ns);
	if (other && type == DNS_A)
		pending_ask(served, other, learn, ends_ns);
}

/* Nothing was written, and why. */
static void learned_fail(struct served *served, struct pending *pending,
			 const struct msg_learned *learned)
{
	struct dns_body body = { .rcode = DNS_NXDOMAIN, .negative = true };

	if (learned->result == -EACCES) { /* it was allowed when it was asked */
		reply_all(served, pending, &body, NULL, RESOLVER_TTL_REFUSE, DNS_EDE_BLOCKED,
			  "not allowed by policy");
		return;
	}
	log_warn(learned->result, "guard %u: the addresses of %s could not be kept", served->id,
		 pending->name);
	fail_all(served, pending, DNS_EDE_PROHIBITED, "the table of names is full");
}

void pending_learned(struct resolver *resolver, const struct msg_learned *learned)
{
	struct pending **slot = pending_slot(resolver, learned->token), *pending = *slot;
	struct served *served = pending ? served_find(resolver, pending->guard) : NULL;

	if (!pending || pending->stage != STAGE_CORE)
		return;
	if (served && learned->result) {
		learned_fail(served, pending, learned);
	} else if (served) {
		unsigned n = learned->n > DNS_ADDRS ? DNS_ADDRS : learned->n;

		served->counts.rebound += learned->refused;
		if (learned->refused && !n && pending->waiters)
			answer_tell(served, &pending->waiters->client, pending->name,
				    UNNAMED_REBOUND);
		memcpy(pending->answer->addr, learned->addr, n * sizeof(learned->addr[0]));
		pending->answer->n_addr = n;
		/* a rule may open what was left out, and nobody tells us of rules of addresses */
		pending_settle(served, pending, pending->answer,
			       learned->refused ? RESOLVER_TTL_REFUSE : pending->answer->ttl);
	}
	pending_free(resolver, pending_slot(resolver, learned->token));
}

bool pending_park(struct served *served, const struct client *client)
{
	struct resolver *resolver = served->resolver;

	if (resolver->n_parked >= PARKED_MAX || resolver->n_pending >= RESOLVER_PENDING ||
	    served->n_pending >= RESOLVER_SHARE)
		return false;
	if (pending_new(served, client, STAGE_PARKED))
		resolver->n_parked++;
	return true;
}

/* Those that may go on, out of the table: answering puts others into it. */
static struct pending *parked_take(struct resolver *resolver)
{
	struct pending *all = NULL;

	for (unsigned i = 0; i < RESOLVER_BUCKETS; i++) {
		struct pending **slot = &resolver->pending[i];

		while (*slot) {
			struct pending *pending = *slot;
			struct served *served = served_find(resolver, pending->guard);

			if (pending->stage != STAGE_PARKED || !served || served->coming) {
				slot = &pending->next;
				continue;
			}
			*slot = pending->next;
			pending->next = all;
			all = pending;
		}
	}
	return all;
}

void pending_unpark(struct resolver *resolver)
{
	struct pending *all = parked_take(resolver);

	while (all) {
		struct served *served = served_find(resolver, all->guard);

		if (served)
			answer_parked(served, &all->waiters->client);
		pending_free(resolver, &all);
	}
}

void pending_reverse(struct served *served, const struct client *client,
		     const uint8_t addr[static 16])
{
	struct msg_packet packet = { .type = MSG_REVERSE };
	struct pending *pending = pending_new(served, client, STAGE_REVERSE);

	if (!pending)
		return;
	packet.REVERSE.token = pending->token;
	packet.REVERSE.guard = served->id;
	memcpy(packet.REVERSE.addr, addr, sizeof(packet.REVERSE.addr));
	served->resolver->say(&packet, served->resolver->user);
}

void pending_reversed(struct resolver *resolver, const struct msg_reversed *reversed)
{
	struct pending **slot = pending_slot(resolver, reversed->token), *pending = *slot;
	struct served *served = pending ? served_find(resolver, pending->guard) : NULL;

	if (!pending || pending->stage != STAGE_REVERSE)
		return;
	if (served && *reversed->name)
		pending->answer = calloc(1, sizeof(*pending->answer));
	if (pending->answer) {
		struct dns_data *data = &pending->answer->data[pending->answer->n_data++];

		data->type = DNS_PTR;
		memcpy(data->target, reversed->name, sizeof(data->target));
		pending_settle(served, pending, pending->answer, 1);
	} else if (served) {
		answer_refuse(served, &pending->waiters->client, NULL);
	}
	pending_free(resolver, pending_slot(resolver, reversed->token));
}
