// SPDX-License-Identifier: Apache-2.0
/* answer.c - one question: from the cache, from here, refused, or on its way */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "dns/resolver.h"

#define SECOND UINT64_C(1000000000)

/* Nobody can allow them, and nobody should be asked: RFC 6761, 6762, 7050, 8880, 9462, and the
 * canary of browsers that would rather ask somebody else. */
static const char *const nobodys[] = { "local",
				       "localdomain",
				       "invalid",
				       "test.invalid",
				       "onion",
				       "home.arpa",
				       "resolver.arpa",
				       "ipv4only.arpa",
				       "in-addr.arpa",
				       "ip6.arpa",
				       "use-application-dns.net" };

static uint8_t reply[DNS_TCP_SIZE];

void answer_reply(struct served *served, const struct client *client, const struct dns_body *body,
		  const uint8_t *bytes, uint32_t ttl, enum dns_ede ede, const char *text)
{
	size_t limit = client->conn ? sizeof(reply) : client->query.udp_size;
	size_t size = dns_reply_write(reply, limit, &client->query, body, bytes, ttl, ede, text);

	listen_reply(served, client, reply, size);
}

void answer_code(struct served *served, const struct client *client, enum dns_rcode rcode,
		 enum dns_ede ede, const char *text)
{
	struct dns_body body = { .rcode = rcode };

	answer_reply(served, client, &body, NULL, 0, ede, text);
}

void answer_refuse(struct served *served, const struct client *client, const char *text)
{
	struct dns_body body = { .rcode = DNS_NXDOMAIN, .negative = true };

	answer_reply(served, client, &body, NULL, RESOLVER_TTL_REFUSE, DNS_EDE_BLOCKED, text);
}

/* There is such a name, and nothing of that type. */
static void answer_nothing(struct served *served, const struct client *client, enum dns_ede ede,
			   const char *text)
{
	struct dns_body body = { .rcode = DNS_NOERROR, .negative = true };

	served_count(served, &served->counts.local);
	answer_reply(served, client, &body, NULL, RESOLVER_TTL_REFUSE, ede, text);
}

static int tell_again(struct timer *timer);

static void tell_arm(struct resolver *resolver, uint64_t at_ns)
{
	if (!resolver->tell.loop || resolver->tell.at_ns > at_ns)
		timer_arm(resolver->loop, &resolver->tell, at_ns, tell_again);
}

static void tell_core(const struct tell_name *name, void *user)
{
	struct served *served = user;
	struct msg_packet packet = { .type = MSG_UNNAMED };

	packet.UNNAMED.guard = served->id;
	packet.UNNAMED.why = name->why;
	packet.UNNAMED.type = name->type;
	packet.UNNAMED.port = name->port;
	packet.UNNAMED.proto = name->proto;
	packet.UNNAMED.v6 = name->v6;
	packet.UNNAMED.count = name->count;
	memcpy(packet.UNNAMED.name, name->name, sizeof(packet.UNNAMED.name));
	served->resolver->say(&packet, served->resolver->user);
}

static int tell_again(struct timer *timer)
{
	struct resolver *resolver = container_of(timer, struct resolver, tell);
	uint64_t now = now_boot_ns();

	for (unsigned i = 0; i < RESOLVER_BUCKETS; i++) {
		for (struct served *served = resolver->bucket[i]; served; served = served->next) {
			uint64_t next = tell_due(served->tell, now, tell_core, served);

			if (next)
				tell_arm(resolver, next);
		}
	}
	return 0;
}

void answer_told(struct resolver *resolver)
{
	for (unsigned i = 0; i < RESOLVER_BUCKETS; i++)
		for (struct served *served = resolver->bucket[i]; served; served = served->next)
			tell_hurry(served->tell);
	tell_again(&resolver->tell);
}

void answer_tell(struct served *served, const struct client *client, const char *name,
		 enum unnamed_why why)
{
	uint64_t now = now_boot_ns();
	struct tell_name told = { .type = client->query.type, .why = why };

	memccpy(told.name, name, '\0', sizeof(told.name) - 1);
	told.proto = client->conn ? IPPROTO_TCP : IPPROTO_UDP;
	told.v6 = client->addr.sin6_family == AF_INET6;
	/* the port is at the same place in both families */
	told.port = ntohs(client->addr.sin6_port);
	tell_note(served->tell, &told, now);
	tell_arm(served->resolver, now + TELL_WAIT_NS);
}

static bool is_nobodys(const char *name)
{
	for (size_t i = 0; i < sizeof(nobodys) / sizeof(nobodys[0]); i++)
		if (!strcmp(name, nobodys[i]) || dns_name_is_below(name, nobodys[i]))
			return true;
	return false;
}

/* "localhost" and what is below it: RFC 6761 6.3. */
static bool answer_localhost(struct served *served, const struct client *client)
{
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 127, 0, 0, 1 }, v6[16] = { [15] = 1 };
	const struct dns_query *query = &client->query;
	struct dns_answer *answer;
	struct dns_body body;
	uint8_t bytes[64];

	if (strcmp(query->name, "localhost") && !dns_name_is_below(query->name, "localhost"))
		return false;
	answer = calloc(1, sizeof(*answer));
	if (!answer || (query->type != DNS_A && query->type != DNS_AAAA)) {
		free(answer);
		answer_nothing(served, client, DNS_EDE_NONE, NULL);
		return true;
	}
	memcpy(answer->addr[answer->n_addr++], query->type == DNS_A ? v4 : v6, 16);
	served_count(served, &served->counts.local);
	if (!dns_body_build(bytes, sizeof(bytes), query->type, answer, &body))
		answer_reply(served, client, &body, bytes, RESOLVER_TTL_SENT, DNS_EDE_NONE, NULL);
	free(answer);
	return true;
}

static int nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "7.100.51.198.in-addr.arpa" */
static bool reverse_read4(const char *name, uint8_t ret[static 16])
{
	unsigned a, b, c, d;
	int n = 0;

	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &d, &c, &b, &a, &n) != 4 || !n ||
	    name[n] || a > 255 || b > 255 || c > 255 || d > 255)
		return false;
	addr_of_v4(ret, (uint8_t[]){ a, b, c, d });
	return true;
}

/* 32 nibbles, the last first, and "ip6.arpa" */
static bool reverse_read6(const char *name, uint8_t ret[static 16])
{
	if (strlen(name) != 64 + 8 || strcmp(name + 64, "ip6.arpa"))
		return false;
	for (unsigned i = 0; i < 16; i++) {
		int high = nibble(name[4 * (15 - i) + 2]), low = nibble(name[4 * (15 - i)]);

		if (high < 0 || low < 0 || name[4 * i + 1] != '.' || name[4 * i + 3] != '.')
			return false;
		ret[i] = high << 4 | low;
	}
	return true;
}

static bool type_is_forwarded(const struct served *served, uint32_t flags, uint16_t type)
{
	bool exact = served->names & TEROK_NAMES_EXACT || flags & TEROK_RULE_SYNTHETIC;

	switch (type) {
	case DNS_A:
	case DNS_AAAA:
	case DNS_CNAME:
	case DNS_MX:
	case DNS_SRV:
	case DNS_TXT: return true;
	case DNS_SVCB:
	case DNS_HTTPS: return !exact; /* it may lead to another name */
	default: return false;
	}
}

/* Spent. What clients do without is not there; of a new name people hear. */
static void answer_spent(struct served *served, const struct client *client, const char *zone)
{
	const struct dns_query *query = &client->query;

	if (query->type == DNS_HTTPS || query->type == DNS_SVCB) {
		struct dns_body body = { .rcode = DNS_NOERROR, .negative = true };

		answer_reply(served, client, &body, NULL, RESOLVER_TTL_REFUSE, DNS_EDE_FILTERED,
			     "too many questions a minute");
	} else if (zone) {
		answer_tell(served, client, query->name, UNNAMED_BUDGET);
		answer_refuse(served, client, "too many new names below a wildcard");
	} else {
		answer_code(served, client, DNS_SERVFAIL, DNS_EDE_PROHIBITED,
			    "asked too often a minute");
	}
}

/* May one more question leave the host? */
static bool answer_afford(struct served *served, const struct client *client, const char *zone,
			  uint64_t now_ns)
{
	const char *name = client->query.name;
	struct channel_say say =
	    channel_ask(served->channel, name, client->query.type, zone, now_ns);

	if (say.alarms & ~(CHANNEL_ALARM_BUDGET | CHANNEL_ALARM_FLOOD)) {
		served_count(served, &served->counts.alarms);
		answer_tell(served, client, name, UNNAMED_ALARM);
	}
	if (say.verdict == CHANNEL_PASS)
		return true;
	served_count(served, &served->counts.spent);
	if (say.verdict == CHANNEL_FLOOD)
		answer_code(served, client, DNS_SERVFAIL, DNS_EDE_PROHIBITED,
			    "too many questions a second");
	else
		answer_spent(served, client, zone);
	return false;
}

/*
 * Upstream is not asked: whose address something is would be a way to say things. The core is,
 * which has other things to do: no more often than upstream would be.
 */
static void answer_reverse(struct served *served, const struct client *client, uint64_t now_ns)
{
	uint8_t addr[16];

	if (!answer_afford(served, client, NULL, now_ns))
		return;
	served_count(served, &served->counts.local);
	if (reverse_read4(client->query.name, addr) || reverse_read6(client->query.name, addr))
		pending_reverse(served, client, addr);
	else
		answer_refuse(served, client, NULL);
}

static bool entry_denies(const struct terok_name *entry)
{
	for (unsigned i = 0; i < entry->n; i++)
		if (entry->grant[i].action == TEROK_DENY && !entry->grant[i].port &&
		    !entry->grant[i].proto)
			return true;
	return false;
}

/* What is open by a window only is so until that ends; 0: it has no end. */
static uint64_t served_open_ends(const struct served *served)
{
	return served->state == TEROK_STATE_UP ? served->bypass_ns : 0;
}

/* A host name, of a guard that lets things out at all. */
static void answer_name(struct served *served, const struct client *client, enum terok_state state,
			uint64_t now_ns)
{
	const char *name = client->query.name, *zone;
	struct terok_name entry;
	int allowed = dns_policy_look(served->policy, name, now_ns, &entry, &zone);
	bool open = !allowed && state != TEROK_STATE_UP && !entry_denies(&entry);

	if (!allowed && !open) {
		served_count(served, &served->counts.blocked);
		answer_tell(served, client, name,
			    entry_denies(&entry) ? UNNAMED_DENIED : UNNAMED_POLICY);
		answer_refuse(served, client, "not allowed by policy");
		return;
	}
	if (allowed < 0) {
		served_count(served, &served->counts.blocked);
		answer_code(served, client, DNS_SERVFAIL, DNS_EDE_PROHIBITED,
			    "too many rules for this name");
		return;
	}
	if (!type_is_forwarded(served, entry.flags, client->query.type)) {
		answer_nothing(served, client, DNS_EDE_FILTERED, "this type is not passed on");
		return;
	}
	if (pending_join(served, client)) {
		served_count(served, &served->counts.forwarded);
	} else if (open || answer_afford(served, client, zone, now_ns)) {
		served_count(served, &served->counts.forwarded);
		pending_start(served, client, !open || served->notes,
			      open ? served_open_ends(served) : dns_policy_ends(&entry));
	}
}

static void answer_uncached(struct served *served, const struct client *client, uint64_t now_ns)
{
	enum terok_state state = served_state(served, now_ns);
	const struct dns_query *query = &client->query;

	if (!*query->name)
		answer_nothing(served, client, DNS_EDE_FILTERED, NULL);
	else if (query->type == DNS_PTR)
		answer_reverse(served, client, now_ns);
	else if (answer_localhost(served, client))
		;
	else if (is_nobodys(query->name) || state == TEROK_STATE_BLOCK ||
		 state == TEROK_STATE_NONE) {
		served_count(served, &served->counts.blocked);
		answer_refuse(served, client, state == TEROK_STATE_BLOCK ? "blocked" : NULL);
	} else {
		answer_name(served, client, state, now_ns);
	}
}

void answer_again(struct served *served, const struct client *client)
{
	served_count(served, &served->counts.asked);
	answer_uncached(served, client, now_boot_ns());
}

void answer_parked(struct served *served, const struct client *client)
{
	answer_uncached(served, client, now_boot_ns());
}

/*
 * What the core has said already holds: a verdict is in force when its reply comes, however
 * many questions are before it here.
 */
static bool answer_must_wait(const struct served *served)
{
	const struct resolver *resolver = served->resolver;

	return served->coming || resolver->is_spoken_to(resolver->user);
}

int answer_query(struct served *served, struct client *client, const uint8_t *msg, size_t size)
{
	int r = dns_query_parse(msg, size, &client->query);
	const struct cache_entry *entry;
	uint64_t now;

	served_count(served, &served->counts.asked);
	if (r) {
		served_count(served, &served->counts.malformed);
		if (r > 0)
			answer_code(served, client, r, DNS_EDE_NONE, NULL);
		return r < 0 ? r : 0;
	}
	now = now_boot_ns();
	tell_asked(served->tell, client->query.name);
	entry = cache_find(served->resolver->cache, served->id, client->query.name,
			   client->query.type, now);
	if (entry) {
		uint64_t left = (entry->until_ns - now) / SECOND;
		uint32_t ttl = left > RESOLVER_TTL_SENT ? RESOLVER_TTL_SENT : left ? left : 1;

		served->counts.cached++;
		answer_reply(served, client, &entry->body, entry->bytes, ttl, DNS_EDE_NONE, NULL);
		return 0;
	}
	if (!answer_must_wait(served) || !pending_park(served, client))
		answer_uncached(served, client, now);
	return 0;
}
