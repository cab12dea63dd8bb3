/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.h - the resolver worker's own: guards that are served, questions on their way
 *
 *   listen.c    sockets in the containers' namespaces: datagrams, connections
 *   answer.c    one question: from the cache, from here, refused, or on its way
 *   pending.c   questions on their way: upstream's answer, the core's word, the reply
 *   why.c       questions of another kind, by HTTP: what was refused, and why (why.h)
 *   worker.c    the process: privileges, the core's messages
 *
 * A question goes: listen -> answer -> (cache: reply) -> pending -> upstream -> core, which writes
 * the addresses into the kernel's map -> body -> cache -> reply. What is sent is what the core
 * wrote; upstream's bytes end in wire.c. The way through the cache allocates nothing.
 *
 * Called by: this room only. Threads: none.
 */
#ifndef TEROK_DNS_RESOLVER_H
#define TEROK_DNS_RESOLVER_H

#include <netinet/in.h>

#include "base/event.h"
#include "dns/cache.h"
#include "dns/channel.h"
#include "dns/policy.h"
#include "dns/tell.h"
#include "dns/upstream.h"
#include "dns/wire.h"
#include "terok/core_msg.h"

#define RESOLVER_TTL_MIN    60  /* seconds: nor before, or how often it is asked would say things */
#define RESOLVER_TTL_MAX    300 /* seconds: an upstream's answer is asked for again after */
#define RESOLVER_TTL_SENT   60  /* at most, to a client */
#define RESOLVER_TTL_REFUSE 1   /* of a refusal: nothing remembers it after the operator said yes */
#define RESOLVER_BUCKETS    1024
#define RESOLVER_PENDING    1024 /* questions on their way, of all guards */
#define RESOLVER_SHARE      128  /* of them, of one guard */
#define RESOLVER_WAITERS    64   /* clients of one such question */
#define RESOLVER_CONNS      64   /* connections of one guard */
#define RESOLVER_MESSAGE    2048 /* bytes of a query by TCP; ours are 300 */

struct resolver;
struct conn;

/* One guard. */
struct served {
	struct served *next; /* in its bucket */
	struct resolver *resolver;
	uint32_t id, state, names;
	bool notes; /* names that nobody allowed are learned as well, where all is open */
	uint64_t bypass_ns;
	struct dns_policy *policy;
	struct dns_policy *coming; /* what is being said of domains; NULL: nothing, or no memory */
	unsigned generation;       /* of state and policy: an answer of another is not kept */
	bool whole;                /* policy was said to the end; before, nobody is listened to */
	int held[MSG_SOCKETS];     /* sockets that wait for that */
	struct channel *channel;
	struct tell *tell;
	struct conn *conns;
	unsigned n_conns, n_pending;
	uint64_t why_whole_ns; /* when its budget of questions why is whole again */
	bool counted;          /* its counts have changed since the core was told */
	struct terok_queries counts;
	struct listener {
		struct source source;
		struct served *served;
		int fd;
		bool tcp, v6;
	} listener[MSG_SOCKETS];
};

/* Who asks. */
struct client {
	struct listener *listener; /* of a datagram */
	uint64_t conn;             /* of a connection: its number; 0: a datagram */
	struct sockaddr_in6 addr;  /* of a datagram: its sender, in the listener's family */
	socklen_t addr_size;
	struct dns_query query;
};

struct pending;

struct resolver {
	struct loop *loop;
	struct cache *cache;
	struct upstream *upstream;
	struct served *bucket[RESOLVER_BUCKETS];
	struct pending *pending[RESOLVER_BUCKETS];
	unsigned n_pending, n_parked, n_why;
	uint64_t last_token, last_conn;
	struct timer tell, counts;
	char search[MSG_SEARCH][TEROK_DOMAIN_LEN];
	unsigned n_search;
	void (*say)(struct msg_packet *packet, void *user); /* to the core */
	bool (*is_spoken_to)(void *user); /* by the core, and has not heard it yet */
	void *user;
};

/** resolver_new() - @say: messages to the core; @is_spoken_to: one of it waits */
int resolver_new(struct loop *loop, void (*say)(struct msg_packet *packet, void *user),
		 bool (*is_spoken_to)(void *user), void *user, struct resolver **ret);
void resolver_free(struct resolver *resolver);
DEFINE_CLEANUP(struct resolver, resolver_free)

/** resolver_hear() - one checked message from the core; @fd: its MSG_SOCKETS descriptors, ours now */
void resolver_hear(struct resolver *resolver, const struct msg_packet *packet, int *fd);

/** resolver_heard() - nothing of the core waits any more */
void resolver_heard(struct resolver *resolver);

/** served_find() - NULL: not served */
struct served *served_find(struct resolver *resolver, uint32_t id);

/** served_state() - that counts now: down in a bypass window */
enum terok_state served_state(const struct served *served, uint64_t now_ns);

/** served_count() - @counter, one of its counts, goes up by one; the core hears of it soon */
void served_count(struct served *served, __u64 *counter);

/* listen.c */

/** listen_start() - take over these descriptors (-1: none) */
void listen_start(struct served *served, const int fd[static MSG_SOCKETS]);

/** listen_stop() - close sockets and connections */
void listen_stop(struct served *served);

/** listen_reply() - send one message to a client, if it is still there */
void listen_reply(struct served *served, const struct client *client, const uint8_t *bytes,
		  size_t size);

/** listen_because() - MSG_BECAUSE or MSG_BECAUSES, for a connection that asked why */
void listen_because(struct resolver *resolver, const struct msg_packet *packet);

/* answer.c */

/**
 * answer_query() - one message of a client, whose .query is filled here
 *
 * Return: 0; -EBADMSG: no reply is due: a connection that says such a thing ends.
 */
int answer_query(struct served *served, struct client *client, const uint8_t *msg, size_t size);

/** answer_parked() - a question that waited for the core's word */
void answer_parked(struct served *served, const struct client *client);

/** answer_again() - a question whose answer came when policy was another: judged anew */
void answer_again(struct served *served, const struct client *client);

/** answer_reply() - to a client, from a body */
void answer_reply(struct served *served, const struct client *client, const struct dns_body *body,
		  const uint8_t *bytes, uint32_t ttl, enum dns_ede ede, const char *text);

/** answer_refuse() - no such name, for a second */
void answer_refuse(struct served *served, const struct client *client, const char *text);

/** answer_code() - an rcode and nothing else */
void answer_code(struct served *served, const struct client *client, enum dns_rcode rcode,
		 enum dns_ede ede, const char *text);

/** answer_told() - tell now what waits to be told, of all guards */
void answer_told(struct resolver *resolver);

/** answer_tell() - people should hear of the name that @query asks for */
void answer_tell(struct served *served, const struct client *client, const char *name,
		 enum unnamed_why why);

/* pending.c */

/** pending_join() - wait for the answer to the same question, if it is on its way */
bool pending_join(struct served *served, const struct client *client);

/**
 * pending_start() - ask upstream for what @client asks; the answer is learned if @learn
 *
 * Of A and AAAA both are asked, always in that order.
 */
void pending_start(struct served *served, const struct client *client, bool learn,
		   uint64_t ends_ns);

/**
 * pending_park() - keep a question until the core's word is heard; false: no room
 *
 * pending_unpark() - answer those whose guard's policy is whole
 */
bool pending_park(struct served *served, const struct client *client);
void pending_unpark(struct resolver *resolver);

/** pending_reverse() - ask the core which name has @addr */
void pending_reverse(struct served *served, const struct client *client,
		     const uint8_t addr[static 16]);

/** pending_upstream() - upstream_fn of the resolver */
void pending_upstream(void *user, uint64_t cookie, const struct dns_answer *answer, int error);

/** pending_learned() - the core's word on addresses, pending_reversed() - on a name */
void pending_learned(struct resolver *resolver, const struct msg_learned *learned);
void pending_reversed(struct resolver *resolver, const struct msg_reversed *reversed);

/** pending_drop() - every question of a guard, unanswered */
void pending_drop(struct resolver *resolver, uint32_t guard);

#endif
