// SPDX-License-Identifier: Apache-2.0
#include "dns/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define COUNTS_NS UINT64_C(1000000000) /* the core hears of new counts so often */

static struct served **served_slot(struct resolver *resolver, uint32_t id)
{
	struct served **slot = &resolver->bucket[id % RESOLVER_BUCKETS];

	while (*slot && (*slot)->id != id)
		slot = &(*slot)->next;
	return slot;
}

struct served *served_find(struct resolver *resolver, uint32_t id)
{
	return *served_slot(resolver, id);
}

enum terok_state served_state(const struct served *served, uint64_t now_ns)
{
	if (served->state == TEROK_STATE_UP && served->bypass_ns > now_ns)
		return TEROK_STATE_DOWN;
	return served->state;
}

static int counts_say(struct timer *timer)
{
	struct resolver *resolver = container_of(timer, struct resolver, counts);

	for (unsigned i = 0; i < RESOLVER_BUCKETS; i++) {
		for (struct served *served = resolver->bucket[i]; served; served = served->next) {
			struct msg_packet packet = { .type = MSG_QUERIES };

			if (!served->counted)
				continue;
			served->counted = false;
			packet.QUERIES.guard = served->id;
			packet.QUERIES.counts = served->counts;
			resolver->say(&packet, resolver->user);
		}
	}
	return 0;
}

void served_count(struct served *served, __u64 *counter)
{
	struct resolver *resolver = served->resolver;

	++*counter;
	served->counted = true;
	if (!resolver->counts.loop)
		timer_arm(resolver->loop, &resolver->counts, now_boot_ns() + COUNTS_NS, counts_say);
}

static void close_all(int fd[static MSG_SOCKETS])
{
	for (unsigned i = 0; i < MSG_SOCKETS; i++)
		closep(&fd[i]);
}

static void served_free(struct resolver *resolver, struct served **slot)
{
	struct served *served = *slot;

	*slot = served->next;
	listen_stop(served);
	pending_drop(resolver, served->id);
	upstream_forget(resolver->upstream, served->id);
	cache_drop(resolver->cache, served->id, NULL);
	dns_policy_free(served->policy);
	dns_policy_free(served->coming);
	close_all(served->held);
	channel_free(served->channel);
	tell_free(served->tell);
	free(served);
}

static void suffixes_tell(const struct resolver *resolver, struct served *served)
{
	for (unsigned i = 0; i < resolver->n_search; i++)
		tell_suffix(served->tell, resolver->search[i]);
}

static struct served *served_new(struct resolver *resolver, uint32_t id)
{
	struct served *served = calloc(1, sizeof(*served)), **slot = served_slot(resolver, id);
	int r = served ? dns_policy_new(&served->policy) : -ENOMEM;

	if (!r)
		r = channel_new(now_boot_ns(), &served->channel);
	if (!r)
		r = tell_new(&served->tell);
	if (r) {
		log_error(r, "guard %u gets no resolver", id);
		if (served) {
			dns_policy_free(served->policy);
			channel_free(served->channel);
		}
		free(served);
		return NULL;
	}
	served->resolver = resolver;
	served->id = id;
	for (unsigned i = 0; i < MSG_SOCKETS; i++)
		served->held[i] = -1;
	suffixes_tell(resolver, served);
	*slot = served;
	return served;
}

/* What was answered in another state, by other rules or addresses is not answered again. */
static void served_turn(struct served *served)
{
	served->generation++;
	cache_drop(served->resolver->cache, served->id, NULL);
}

/* Names are not refused because what allows them is still being said. */
static void served_listen(struct served *served, const int fd[static MSG_SOCKETS])
{
	close_all(served->held);
	if (served->whole)
		listen_start(served, fd);
	else
		memcpy(served->held, fd, sizeof(served->held));
}

static void hear_serve(struct resolver *resolver, const struct msg_serve *serve, int *fd)
{
	struct served *served = served_find(resolver, serve->guard);

	if (!served)
		served = served_new(resolver, serve->guard);
	if (!served) {
		close_all(fd);
		return;
	}
	if (served->state != serve->state || served->bypass_ns != serve->bypass_ns ||
	    served->names != serve->names)
		served_turn(served);
	served->state = serve->state;
	served->bypass_ns = serve->bypass_ns;
	served->names = serve->names;
	served->notes = serve->notes;
	if (serve->fresh)
		served_listen(served, fd);
	else
		close_all(fd);
}

/* All was said: now it holds. Of what was not heard to the end nothing does. */
static void domains_done(struct served *served)
{
	int held[MSG_SOCKETS];

	if (served->coming) {
		dns_policy_free(served->policy);
		served->policy = TAKE_PTR(served->coming);
	} else {
		dns_policy_clear(served->policy);
	}
	served_turn(served);
	if (served->whole)
		return;
	served->whole = true;
	for (unsigned i = 0; i < MSG_SOCKETS; i++)
		held[i] = TAKE_FD(served->held[i]);
	listen_start(served, held);
}

static void hear_domain(struct resolver *resolver, const struct msg_domain *domain)
{
	struct served *served = served_find(resolver, domain->guard);
	struct dns_rule rule = { .until_ns = domain->until_ns,
				 .flags = domain->flags,
				 .port = domain->port,
				 .proto = domain->proto,
				 .action = domain->action };

	if (!served)
		return;
	if (domain->news == DOMAIN_DONE)
		domains_done(served);
	if (domain->news == DOMAIN_NONE || domain->news == DOMAIN_DONE) {
		dns_policy_free(served->coming);
		served->coming = NULL;
	}
	if (domain->news == DOMAIN_NONE && dns_policy_new(&served->coming))
		log_error(-ENOMEM, "guard %u: names are refused", served->id);
	if (domain->news != DOMAIN_MORE || !served->coming)
		return;
	memccpy(rule.domain, domain->domain, '\0', sizeof(rule.domain) - 1);
	if (!dns_policy_add(served->coming, &rule))
		return;
	log_error(-ENOMEM, "guard %u: what is said of %s is not heard; names are refused",
		  served->id, rule.domain);
	dns_policy_free(served->coming); /* it may have been a denial */
	served->coming = NULL;
}

static void hear_upstreams(struct resolver *resolver, const struct msg_upstreams *heard)
{
	struct upstream_server server[MSG_SERVERS];
	unsigned n = heard->n > MSG_SERVERS ? MSG_SERVERS : heard->n;

	for (unsigned i = 0; i < n; i++) {
		memcpy(server[i].addr, heard->addr[i], sizeof(server[i].addr));
		server[i].port = heard->port[i];
	}
	upstream_set(resolver->upstream, server, n);
	resolver->n_search = heard->n_search > MSG_SEARCH ? MSG_SEARCH : heard->n_search;
	memcpy(resolver->search, heard->search, sizeof(resolver->search));
	for (unsigned i = 0; i < RESOLVER_BUCKETS; i++)
		for (struct served *s = resolver->bucket[i]; s; s = s->next)
			suffixes_tell(resolver, s);
}

void resolver_hear(struct resolver *resolver, const struct msg_packet *packet, int *fd)
{
	struct msg_packet told = { .type = MSG_TOLD }, pong = { .type = MSG_PONG };
	struct served **slot;

	switch (packet->type) {
	case MSG_SERVE: hear_serve(resolver, &packet->SERVE, fd); break;
	case MSG_UNSERVE:
		slot = served_slot(resolver, packet->UNSERVE.guard);
		if (*slot)
			served_free(resolver, slot);
		break;
	case MSG_DOMAIN: hear_domain(resolver, &packet->DOMAIN); break;
	case MSG_UPSTREAMS: hear_upstreams(resolver, &packet->UPSTREAMS); break;
	case MSG_LEARNED: pending_learned(resolver, &packet->LEARNED); break;
	case MSG_BECAUSE:
	case MSG_BECAUSES: listen_because(resolver, packet); break;
	case MSG_REVERSED: pending_reversed(resolver, &packet->REVERSED); break;
	case MSG_TELL:
		answer_told(resolver);
		told.TOLD.token = packet->TELL.token;
		resolver->say(&told, resolver->user);
		break;
	case MSG_FLUSH:
		cache_drop(resolver->cache, packet->FLUSH.guard,
			   *packet->FLUSH.name ? packet->FLUSH.name : NULL);
		break;
	case MSG_PING:
		pong.PONG = packet->PING;
		resolver->say(&pong, resolver->user);
		break;
	default: break;
	}
}

void resolver_heard(struct resolver *resolver)
{
	if (resolver->n_parked)
		pending_unpark(resolver);
}

int resolver_new(struct loop *loop, void (*say)(struct msg_packet *packet, void *user),
		 bool (*is_spoken_to)(void *user), void *user, struct resolver **ret)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	int r = resolver ? cache_new(&resolver->cache) : -ENOMEM;

	if (!r) {
		resolver->loop = loop;
		resolver->say = say;
		resolver->is_spoken_to = is_spoken_to;
		resolver->user = user;
		r = upstream_new(loop, pending_upstream, resolver, &resolver->upstream);
	}
	if (r)
		resolver_free(resolver);
	else
		*ret = resolver;
	return r;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	for (unsigned i = 0; i < RESOLVER_BUCKETS; i++)
		while (resolver->bucket[i])
			served_free(resolver, &resolver->bucket[i]);
	timer_disarm(&resolver->tell);
	timer_disarm(&resolver->counts);
	upstream_free(resolver->upstream);
	cache_free(resolver->cache);
	free(resolver);
}
