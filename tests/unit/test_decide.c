// SPDX-License-Identifier: Apache-2.0
/* test_decide.c - bpf/decide.h on the host: the order of policy, step by step */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <cmocka.h>

#include "base/addr.h"
#include "terok/abi.h"

/* Tables in place of the pinned maps, searched the way the kernel searches them. */
#define ROOM 16
#define NOW  1000
#define ME   7

static struct {
	struct {
		struct terok_rule_key key;
		struct terok_rule rule;
	} exact[ROOM];
	struct {
		struct terok_prefix_key key;
		struct terok_rule rule;
	} prefix[ROOM];
	struct terok_self_key self;
	struct terok_publish_key published;
	struct terok_asker_key asker;
	__u64 asker_until;
	struct terok_learned_key learned_key;
	struct terok_learned learned;
	struct terok_name_key name_key[2];
	struct terok_name name[2];
	unsigned n_exact, n_prefix, lookups;
} table;

static struct terok_guard the_guard;

static const struct terok_rule *rule_find(const struct terok_rule_key *key)
{
	table.lookups++;
	for (unsigned i = 0; i < table.n_exact; i++)
		if (!memcmp(key, &table.exact[i].key, sizeof(*key)))
			return &table.exact[i].rule;
	return NULL;
}

static int bits_match(const struct terok_prefix_key *a, const struct terok_prefix_key *b,
		      unsigned bits)
{
	const uint8_t *x = (const uint8_t *)&a->guard, *y = (const uint8_t *)&b->guard;

	if (memcmp(x, y, bits / 8))
		return 0;
	return !(bits % 8) || (x[bits / 8] ^ y[bits / 8]) >> (8 - bits % 8) == 0;
}

static const struct terok_rule *prefix_find(const struct terok_prefix_key *key)
{
	const struct terok_rule *best = NULL;
	unsigned longest = 0;

	table.lookups++;
	for (unsigned i = 0; i < table.n_prefix; i++) {
		unsigned bits = table.prefix[i].key.prefixlen;

		if (bits > key->prefixlen || bits < longest ||
		    !bits_match(key, &table.prefix[i].key, bits))
			continue;
		longest = bits;
		best = &table.prefix[i].rule;
	}
	return best;
}

static _Bool self_find(const struct terok_self_key *key)
{
	return !memcmp(key, &table.self, sizeof(*key));
}

static _Bool publish_find(const struct terok_publish_key *key)
{
	return !memcmp(key, &table.published, sizeof(*key));
}

static const __u64 *asker_find(const struct terok_asker_key *key)
{
	return memcmp(key, &table.asker, sizeof(*key)) ? NULL : &table.asker_until;
}

static const struct terok_learned *learned_find(const struct terok_learned_key *key)
{
	return memcmp(key, &table.learned_key, sizeof(*key)) ? NULL : &table.learned;
}

static struct terok_name *name_find(const struct terok_name_key *key)
{
	for (unsigned i = 0; i < 2; i++)
		if (!memcmp(key, &table.name_key[i], sizeof(*key)))
			return &table.name[i];
	return NULL;
}

static void name_count(struct terok_name *name)
{
	name->hits++;
}

/* 198.18.0.0/15 */
static _Bool range_is_synthetic(const __u32 addr[4])
{
	return (ntohl(addr[3]) & 0xfffe0000) == 0xc6120000;
}

static __u64 decide_now(void)
{
	return NOW;
}

#include "decide.h"

static int setup(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	the_guard = (struct terok_guard){ .id = ME, .state = TEROK_STATE_UP };
	return 0;
}

static struct flow flow_to(const char *text)
{
	struct dest dest;
	struct flow flow;

	assert_int_equal(dest_parse(text, &dest, NULL), 0);
	memcpy(flow.addr, dest.addr, sizeof(flow.addr));
	flow.port = dest.port ? dest.port : 443;
	flow.proto = dest.proto ? dest.proto : 6;
	flow.way = FLOW_ASKED;
	return flow;
}

static void rule(enum terok_action action, const char *text, uint64_t until_ns, unsigned flags)
{
	struct terok_rule value = { .action = action, .until_ns = until_ns, .flags = flags };
	unsigned shape;
	struct dest d;

	assert_int_equal(dest_parse(text, &d, NULL), 0);
	value.bits = d.bits;
	shape = (d.port ? TEROK_SHAPE_PORT : 0) | (d.proto ? TEROK_SHAPE_PROTO : 0);
	if (d.bits == 128) {
		struct terok_rule_key key = { .guard = ME, .port = d.port, .proto = d.proto };

		memcpy(key.addr, d.addr, 16);
		table.exact[table.n_exact].key = key;
		table.exact[table.n_exact++].rule = value;
		the_guard.exact |= 1 << shape;
	} else {
		struct terok_prefix_key key = { .prefixlen = TEROK_PREFIX_FIXED + d.bits,
						.guard = ME,
						.port = d.port,
						.proto = d.proto,
						.action = action };

		memcpy(key.addr, d.addr, 16);
		table.prefix[table.n_prefix].key = key;
		table.prefix[table.n_prefix++].rule = value;
		the_guard.prefix |= 1 << (shape + TEROK_SHAPE_MAX_ * action);
	}
}

#define assert_decides(to, want_action, want_reason)                                               \
	do {                                                                                       \
		struct flow flow_ = flow_to(to);                                                   \
		struct decision decision_ = decide(&the_guard, &flow_);                            \
		assert_int_equal(decision_.reason, want_reason);                                   \
		assert_int_equal(decision_.action, want_action);                                   \
	} while (0)

static void without_a_guard_nothing_leaves(void **state)
{
	struct flow flow = flow_to("127.0.0.1");

	(void)state;
	assert_int_equal(decide(NULL, &flow).action, TEROK_DENY);
	the_guard.state = TEROK_STATE_NONE;
	assert_decides("127.0.0.1", TEROK_DENY, TEROK_REASON_NO_GUARD);
	the_guard.state = TEROK_STATE_MAX_;
	assert_decides("127.0.0.1", TEROK_DENY, TEROK_REASON_NO_GUARD);
	the_guard = (struct terok_guard){ .state = TEROK_STATE_DOWN_ALL };
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_NO_GUARD);
}

static void loopback_and_own_addresses_come_before_block(void **state)
{
	struct dest own;

	(void)state;
	the_guard.state = TEROK_STATE_BLOCK;
	assert_int_equal(dest_parse("10.0.0.5", &own, NULL), 0);
	table.self.guard = ME;
	memcpy(table.self.addr, own.addr, 16);
	assert_decides("127.1.2.3", TEROK_ALLOW, TEROK_REASON_LOOPBACK);
	assert_decides("0.0.0.0", TEROK_ALLOW, TEROK_REASON_LOOPBACK);
	assert_decides("::1", TEROK_ALLOW, TEROK_REASON_LOOPBACK);
	assert_decides("::", TEROK_ALLOW, TEROK_REASON_LOOPBACK);
	assert_decides("10.0.0.5", TEROK_ALLOW, TEROK_REASON_SELF);
	assert_decides("10.0.0.6", TEROK_DENY, TEROK_REASON_BLOCKED);
	assert_decides("::2", TEROK_DENY, TEROK_REASON_BLOCKED);
	assert_decides("0.0.0.1", TEROK_DENY, TEROK_REASON_BLOCKED);
}

static void in_block_no_loopback_leads_to_a_service_that_leads_out(void **state)
{
	static const char *const out[] = { "127.0.0.1:9418/tcp", "127.0.0.1:18731/tcp",
					   "127.0.0.1:18732/tcp", "0.0.0.0:18731/tcp" };
	struct flow flow;

	(void)state;
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		the_guard.state = TEROK_STATE_UP;
		assert_decides(out[i], TEROK_ALLOW, TEROK_REASON_LOOPBACK); /* the control */
		the_guard.state = TEROK_STATE_BLOCK;
		assert_decides(out[i], TEROK_DENY, TEROK_REASON_BLOCKED);
		flow = flow_to(out[i]); /* what was connected before */
		flow.way = FLOW_LOOPBACK;
		assert_int_equal(decide(&the_guard, &flow).action, TEROK_DENY);
	}
	flow = flow_to(out[0]);
	table.self.guard = ME;
	memcpy(table.self.addr, flow.addr, 16);
	assert_decides(out[0], TEROK_DENY, TEROK_REASON_BLOCKED);
	assert_decides("127.0.0.1:7444/tcp", TEROK_ALLOW, TEROK_REASON_LOOPBACK);
	assert_decides("127.0.0.1:18731/udp", TEROK_ALLOW, TEROK_REASON_LOOPBACK);
}

static void block_stands_before_infrastructure_and_rules(void **state)
{
	(void)state;
	rule(TEROK_ALLOW, "192.0.2.53:53/udp", 0, TEROK_RULE_INFRA);
	rule(TEROK_ALLOW, "192.0.2.1", 0, 0);
	the_guard.state = TEROK_STATE_BLOCK;
	assert_decides("192.0.2.53:53/udp", TEROK_DENY, TEROK_REASON_BLOCKED);
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_BLOCKED);
}

static void infrastructure_stands_before_hard_and_operator_denies(void **state)
{
	(void)state;
	rule(TEROK_ALLOW, "169.254.1.1:53/udp", 0, TEROK_RULE_INFRA);
	rule(TEROK_DENY, "169.254.0.0/16", 0, 0);
	rule(TEROK_DENY, "169.254.1.1", 0, 0);
	assert_decides("169.254.1.1:53/udp", TEROK_ALLOW, TEROK_REASON_INFRA);
	assert_decides("169.254.1.1:53/tcp", TEROK_DENY, TEROK_REASON_RULE_DENY);
}

static void a_hard_deny_falls_to_an_exact_name_only(void **state)
{
	(void)state;
	the_guard.state = TEROK_STATE_DOWN_ALL;
	rule(TEROK_ALLOW, "0.0.0.0/0", 0, 0);
	rule(TEROK_ALLOW, "::/0", 0, 0);
	assert_decides("169.254.169.254", TEROK_DENY, TEROK_REASON_HARD);
	assert_decides("fe80::1", TEROK_DENY, TEROK_REASON_HARD);
	assert_decides("fd00:ec2::254", TEROK_DENY, TEROK_REASON_HARD);
	assert_decides("64:ff9b::a9fe:a9fe", TEROK_DENY, TEROK_REASON_HARD);
	assert_decides("fd00:ec2::253", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	rule(TEROK_ALLOW, "169.254.169.254:80", 0, 0);
	assert_decides("169.254.169.254:80", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	assert_decides("169.254.169.254:81", TEROK_DENY, TEROK_REASON_HARD);
}

static void a_prefix_that_holds_mapped_addresses_holds_ipv4(void **state)
{
	(void)state;
	rule(TEROK_ALLOW, "2000::/3", 0, 0);
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_DEFAULT);
	assert_decides("2001:db8::1", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	rule(TEROK_ALLOW, "::/0", 0, 0);
	assert_decides("192.0.2.1", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	rule(TEROK_DENY, "::/80", 0, 0);
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
	assert_decides("2001:db8::1", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
}

static void deny_wins_in_every_shape_and_length(void **state)
{
	static const char *const denies[] = { "192.0.2.1",         "192.0.2.1/tcp", "192.0.2.1:443",
					      "192.0.2.1:443/tcp", "192.0.2.0/24",  "192.0.0.0/8",
					      "192.0.2.0/31:443",  "0.0.0.0/0/tcp" };

	for (size_t i = 0; i < sizeof(denies) / sizeof(denies[0]); i++) {
		setup(state);
		/* one key holds one rule: the allow takes another shape than the deny */
		rule(TEROK_ALLOW, i == 3 ? "192.0.2.1" : "192.0.2.1:443/tcp", 0, 0);
		rule(TEROK_ALLOW, "192.0.2.0/28", 0, 0);
		assert_decides("192.0.2.1", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
		rule(TEROK_DENY, denies[i], 0, 0);
		assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
		the_guard.state = TEROK_STATE_DOWN_ALL;
		assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
	}
}

static void a_rule_ends_at_its_deadline(void **state)
{
	(void)state;
	rule(TEROK_ALLOW, "192.0.2.1", NOW + 1, 0);
	rule(TEROK_ALLOW, "192.0.2.2", NOW, 0);
	rule(TEROK_ALLOW, "198.51.100.0/24", NOW + 1, 0);
	rule(TEROK_ALLOW, "203.0.113.0/24", NOW, 0);
	assert_decides("192.0.2.1", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	assert_decides("192.0.2.2", TEROK_DENY, TEROK_REASON_EXPIRED);
	assert_decides("198.51.100.9", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	assert_decides("203.0.113.9", TEROK_DENY, TEROK_REASON_EXPIRED);
	the_guard.state = TEROK_STATE_DOWN;
	rule(TEROK_DENY, "192.0.2.3", NOW, 0);
	assert_decides("192.0.2.3", TEROK_ALLOW, TEROK_REASON_DEFAULT);
}

static void an_ended_prefix_hides_no_shorter_one(void **state)
{
	(void)state;
	rule(TEROK_ALLOW, "192.0.0.0/8", 0, 0);
	rule(TEROK_ALLOW, "192.0.2.0/24", NOW, 0);
	rule(TEROK_ALLOW, "192.0.2.0/28", NOW, 0);
	assert_decides("192.0.2.1", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	rule(TEROK_DENY, "192.0.0.0/16", 0, 0);
	rule(TEROK_DENY, "192.0.2.0/25", NOW, 0);
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
}

static void more_ended_prefixes_than_are_looked_through_deny(void **state)
{
	char text[32];

	(void)state;
	rule(TEROK_ALLOW, "192.0.0.0/8", 0, 0);
	for (int bits = 20; bits < 20 + PREFIX_TRIES; bits++) {
		snprintf(text, sizeof(text), "192.0.2.0/%d", bits);
		rule(TEROK_ALLOW, text, NOW, 0);
	}
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_EXPIRED);
	for (int bits = 20; bits < 20 + PREFIX_TRIES; bits++) {
		snprintf(text, sizeof(text), "192.0.2.0/%d", bits);
		rule(TEROK_DENY, text, NOW, 0);
	}
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
}

static void only_a_rule_with_an_end_makes_a_timed_flow(void **state)
{
	struct flow flow = flow_to("192.0.2.1");

	(void)state;
	rule(TEROK_ALLOW, "192.0.2.1:443", NOW + 5, 0);
	assert_int_equal(decide(&the_guard, &flow).timed, 1);
	rule(TEROK_ALLOW, "192.0.2.0/24", 0, 0);
	assert_int_equal(decide(&the_guard, &flow).timed, 0);
}

static void private_ranges_hold_in_up_and_down_but_not_in_down_all(void **state)
{
	static const char *const private[] = {
		"10.0.0.1",   "172.16.0.1",      "172.31.255.255", "192.168.0.1",
		"100.64.0.1", "100.127.255.255", "0.1.2.3",        "224.0.0.1",
		"240.0.0.1",  "255.255.255.255", "fc00::1",        "fdff::1",
		"ff02::1",    "fec0::1",         "64:ff9b::a00:1", "64:ff9b:1::1",
		"::10.0.0.1", "2002:c0a8:101::1"
	};
	static const char *const public[] = {
		"9.255.255.255",  "172.15.0.1",       "172.32.0.1",     "192.167.0.1",
		"100.63.0.1",     "100.128.0.1",      "223.255.255.1",  "fbff::1",
		"fe00::1",        "2001:db8::1",      "::8.8.8.8",      "64:ff9b::808:808",
		"64:ff9c::a00:1", "2003:c0a8:101::1", "2002:808:808::1"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
		the_guard.state = TEROK_STATE_UP;
		assert_decides(private[i], TEROK_DENY, TEROK_REASON_PRIVATE);
		the_guard.state = TEROK_STATE_DOWN;
		assert_decides(private[i], TEROK_DENY, TEROK_REASON_PRIVATE);
		the_guard.state = TEROK_STATE_DOWN_ALL;
		assert_decides(private[i], TEROK_ALLOW, TEROK_REASON_DEFAULT);
	}
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
		the_guard.state = TEROK_STATE_UP;
		assert_decides(public[i], TEROK_DENY, TEROK_REASON_DEFAULT);
		the_guard.state = TEROK_STATE_DOWN;
		assert_decides(public[i], TEROK_ALLOW, TEROK_REASON_DEFAULT);
	}
	the_guard.state = TEROK_STATE_UP;
	rule(TEROK_ALLOW, "10.0.0.0/8", 0, 0);
	assert_decides("10.0.0.1", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
}

/* In down the rules that allow say nothing: what up allows of private ranges, it does not. */
static void down_does_not_ask_allow_rules(void **state)
{
	(void)state;
	rule(TEROK_ALLOW, "10.0.0.1", 0, 0);
	rule(TEROK_ALLOW, "10.1.0.0/16", 0, 0);
	rule(TEROK_ALLOW, "169.254.169.254", 0, 0);
	rule(TEROK_DENY, "192.0.2.1", 0, 0);
	the_guard.state = TEROK_STATE_DOWN;
	assert_decides("10.0.0.1", TEROK_DENY, TEROK_REASON_PRIVATE);
	assert_decides("10.1.0.1", TEROK_DENY, TEROK_REASON_PRIVATE);
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
	assert_decides("192.0.2.2", TEROK_ALLOW, TEROK_REASON_DEFAULT);
	/* an operator who names the metadata address means it */
	assert_decides("169.254.169.254", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	assert_decides("169.254.169.253", TEROK_DENY, TEROK_REASON_HARD);
}

static void a_bypass_window_makes_up_mean_down_until_it_ends(void **state)
{
	(void)state;
	rule(TEROK_DENY, "192.0.2.1:443", 0, 0);
	the_guard.bypass_ns = NOW + 1;
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
	assert_decides("192.0.2.2", TEROK_ALLOW, TEROK_REASON_DEFAULT);
	assert_decides("10.0.0.1", TEROK_DENY, TEROK_REASON_PRIVATE);
	assert_true(decide_ping_possible(&the_guard));
	the_guard.bypass_ns = NOW;
	assert_decides("192.0.2.2", TEROK_DENY, TEROK_REASON_DEFAULT);
	assert_false(decide_ping_possible(&the_guard));
	/* it opens nothing that was blocked */
	the_guard.bypass_ns = NOW + 1;
	the_guard.state = TEROK_STATE_BLOCK;
	assert_decides("192.0.2.2", TEROK_DENY, TEROK_REASON_BLOCKED);
}

/* An address can leave its interface while the packet to it is on the way. */
static void on_the_wire_nothing_is_loopback_or_our_own(void **state)
{
	static const char *const ours[] = { "127.0.0.1", "0.0.0.0", "::1", "203.0.113.9" };
	struct flow flow = flow_to("203.0.113.9");

	(void)state;
	table.self.guard = ME;
	memcpy(table.self.addr, flow.addr, 16);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		flow = flow_to(ours[i]);
		assert_int_equal(decide(&the_guard, &flow).action, TEROK_ALLOW);
		flow.way = FLOW_WIRE;
		assert_int_equal(decide(&the_guard, &flow).action, TEROK_DENY);
		flow.way = FLOW_LOOPBACK;
		assert_int_equal(decide(&the_guard, &flow).reason, TEROK_REASON_LOOPBACK);
	}
}

#define assert_lets_in(from, to_port, want_action, want_reason)                                    \
	do {                                                                                       \
		struct flow peer_ = flow_to(from);                                                 \
		struct decision decision_;                                                         \
		peer_.way = FLOW_WIRE;                                                             \
		decision_ = decide_inbound(&the_guard, &peer_, to_port);                           \
		assert_int_equal(decision_.reason, want_reason);                                   \
		assert_int_equal(decision_.action, want_action);                                   \
	} while (0)

static void nobody_comes_in_but_to_what_is_published_or_from_what_is_allowed(void **state)
{
	(void)state;
	rule(TEROK_ALLOW, "192.0.2.1", 0, 0);
	rule(TEROK_DENY, "192.0.2.2", 0, 0);
	table.published =
	    (struct terok_publish_key){ .guard = ME, .port = 8080, .proto = IPPROTO_TCP };
	/* the word does not say that there are any: nobody looks */
	assert_lets_in("203.0.113.1", 8080, TEROK_DENY, TEROK_REASON_UNSOLICITED);
	the_guard.publishes = 1;
	for (int s = TEROK_STATE_UP; s <= TEROK_STATE_DOWN_ALL; s++) {
		the_guard.state = s;
		assert_lets_in("203.0.113.1", 8080, TEROK_ALLOW, TEROK_REASON_PUBLISHED);
		assert_lets_in("203.0.113.1", 8081, TEROK_DENY, TEROK_REASON_UNSOLICITED);
		assert_lets_in("10.0.0.1", 8081, TEROK_DENY, TEROK_REASON_UNSOLICITED);
		assert_lets_in("127.0.0.1", 8081, TEROK_DENY, TEROK_REASON_UNSOLICITED);
		assert_lets_in("192.0.2.2", 8080, TEROK_DENY, TEROK_REASON_RULE_DENY);
	}
	the_guard.state = TEROK_STATE_BLOCK;
	assert_lets_in("203.0.113.1", 8080, TEROK_DENY, TEROK_REASON_BLOCKED);
	the_guard.state = TEROK_STATE_UP;
	assert_lets_in("192.0.2.1", 22, TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	/* datagrams: an answer cannot be told from a question */
	assert_lets_in("203.0.113.1/udp", 5353, TEROK_DENY, TEROK_REASON_UNSOLICITED);
	the_guard.state = TEROK_STATE_DOWN;
	assert_lets_in("203.0.113.1/udp", 5353, TEROK_ALLOW, TEROK_REASON_DEFAULT);
	assert_lets_in("10.0.0.1/udp", 5353, TEROK_DENY, TEROK_REASON_UNSOLICITED);
}

static void who_asked_a_published_port_is_answered_from_it_and_for_a_while(void **state)
{
	struct flow to = flow_to("203.0.113.1:999/udp"), tcp = flow_to("203.0.113.1:999/tcp");

	(void)state;
	table.asker = (struct terok_asker_key){ .guard = ME, .port = 53, .peer_port = 999 };
	memcpy(table.asker.peer, to.addr, sizeof(to.addr));
	table.asker_until = NOW + 1;
	table.published = (struct terok_publish_key){ .guard = ME, .port = 53, .proto = 17 };
	assert_false(decide_answer(&the_guard, &to, 53)); /* the word says there are no ports */
	the_guard.publishes = 1;
	assert_true(decide_answer(&the_guard, &to, 53));
	assert_false(decide_answer(&the_guard, &to, 54));
	assert_false(decide_answer(&the_guard, &tcp, 53));
	to.port = 998;
	assert_false(decide_answer(&the_guard, &to, 53));
	to.port = 999;
	table.asker_until = NOW;
	assert_false(decide_answer(&the_guard, &to, 53));
	table.asker_until = NOW + 1;
	table.published.proto = 6;
	assert_false(decide_answer(&the_guard, &to, 53)); /* it is published no more */
}

static void only_sockets_that_the_hooks_understand_are_made(void **state)
{
	(void)state;
	assert_true(decide_socket(&the_guard, SOCK_STREAM, IPPROTO_TCP));
	assert_true(decide_socket(&the_guard, SOCK_DGRAM, IPPROTO_UDP));
	assert_false(decide_socket(&the_guard, SOCK_DGRAM, IPPROTO_ICMP));
	assert_false(decide_socket(&the_guard, SOCK_STREAM, IPPROTO_SCTP));
	assert_false(decide_socket(&the_guard, SOCK_SEQPACKET, IPPROTO_SCTP));
	assert_false(decide_socket(&the_guard, SOCK_DGRAM, IPPROTO_UDPLITE));
	assert_false(decide_socket(&the_guard, SOCK_RAW, IPPROTO_TCP));
	assert_false(decide_socket(&the_guard, SOCK_RAW, IPPROTO_ICMP));
	the_guard.state = TEROK_STATE_DOWN;
	assert_true(decide_socket(&the_guard, SOCK_DGRAM, IPPROTO_ICMP));
	assert_true(decide_socket(&the_guard, SOCK_DGRAM, IPPROTO_ICMPV6));
	assert_false(decide_socket(&the_guard, SOCK_RAW, IPPROTO_ICMP));
}

static void a_shape_that_a_guard_lacks_is_never_looked_up(void **state)
{
	(void)state;
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_DEFAULT);
	assert_int_equal(table.lookups, 0);
	rule(TEROK_ALLOW, "192.0.2.1:443/tcp", 0, 0);
	assert_decides("192.0.2.1", TEROK_ALLOW, TEROK_REASON_RULE_ALLOW);
	assert_int_equal(table.lookups, 1);
}

static void ping_needs_a_rule_without_a_port(void **state)
{
	(void)state;
	assert_false(decide_ping_possible(&the_guard));
	rule(TEROK_ALLOW, "192.0.2.1:443", 0, 0);
	rule(TEROK_DENY, "192.0.2.0/24", 0, 0);
	assert_false(decide_ping_possible(&the_guard));
	rule(TEROK_ALLOW, "192.0.2.1/icmp", 0, 0);
	assert_true(decide_ping_possible(&the_guard));
}

/* Name @i allows one port and protocol; 0: any. */
static void name(unsigned i, enum terok_action action, uint16_t port, uint64_t until_ns)
{
	struct terok_name *of = &table.name[i];

	table.name_key[i] = (struct terok_name_key){ .guard = ME, .name = 100 + i };
	of->grant[of->n++] =
	    (struct terok_grant){ .until_ns = until_ns, .port = port, .action = action };
}

/* They have this address, the first until @first, the second until @second; 0: it has it not. */
static void learned(const char *text, uint64_t first, uint64_t second)
{
	struct flow flow = flow_to(text);

	the_guard.names |= TEROK_NAMES_LEARNED;
	table.learned_key = (struct terok_learned_key){ .guard = ME };
	memcpy(table.learned_key.addr, flow.addr, 16);
	table.learned = (struct terok_learned){ .name = { first ? 100 : 0, second ? 101 : 0 },
						.until_ns = { first, second } };
}

static void a_name_opens_its_addresses_until_they_end(void **state)
{
	struct flow flow = flow_to("192.0.2.1");

	(void)state;
	name(0, TEROK_ALLOW, 443, 0);
	learned("192.0.2.1", NOW + 60 * 1000000000ULL, 0);
	assert_decides("192.0.2.1", TEROK_ALLOW, TEROK_REASON_NAME);
	assert_decides("192.0.2.1:80", TEROK_DENY, TEROK_REASON_DEFAULT);
	assert_decides("192.0.2.2", TEROK_DENY, TEROK_REASON_DEFAULT);
	assert_int_equal(table.name[0].hits, 1);
	assert_int_equal(decide(&the_guard, &flow).named, 0);
	table.learned.until_ns[0] = NOW + 1;
	assert_int_equal(decide(&the_guard, &flow).named, NAMED_SOON);
	table.learned.until_ns[0] = NOW;
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_EXPIRED);
	assert_int_equal(decide(&the_guard, &flow).named, NAMED_LAPSED);
}

static void a_probe_of_getaddrinfo_succeeds_where_a_name_is_allowed_at_all(void **state)
{
	struct flow probe = flow_to("192.0.2.1"), other = flow_to("192.0.2.2");

	(void)state;
	name(0, TEROK_ALLOW, 443, 0);
	learned("192.0.2.1", 2 * NAMED_SOON_NS, 0);
	probe.proto = other.proto = IPPROTO_UDP;
	probe.port = other.port = 0;
	assert_int_equal(decide(&the_guard, &probe).reason, TEROK_REASON_NAME);
	assert_int_equal(decide(&the_guard, &other).action, TEROK_DENY);
	assert_int_equal(table.name[0].hits, 0);
	probe.port = 0xffff;
	assert_int_equal(decide(&the_guard, &probe).reason, TEROK_REASON_NAME);
	probe.way = FLOW_WIRE;
	assert_int_equal(decide(&the_guard, &probe).action, TEROK_DENY);
	probe.way = FLOW_ASKED;
	probe.port = 53;
	assert_int_equal(decide(&the_guard, &probe).action, TEROK_DENY);
}

static void a_name_that_is_taken_away_opens_nothing_and_spares_no_flow(void **state)
{
	struct flow flow = flow_to("192.0.2.1");

	(void)state;
	name(0, TEROK_ALLOW, 0, NOW + 1);
	learned("192.0.2.1", NOW + 60 * 1000000000ULL, 0);
	assert_decides("192.0.2.1", TEROK_ALLOW, TEROK_REASON_NAME);
	table.name[0].grant[0].until_ns = NOW; /* its rule ended */
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_DEFAULT);
	assert_int_equal(decide(&the_guard, &flow).named, 0);
	table.name[0].grant[0].until_ns = 0;
	name(0, TEROK_DENY, 443, 0);
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_DEFAULT);
	assert_decides("192.0.2.1:22", TEROK_ALLOW, TEROK_REASON_NAME);
	table.name_key[0].name = 0; /* forgotten */
	assert_decides("192.0.2.1:22", TEROK_DENY, TEROK_REASON_DEFAULT);
}

static void of_two_names_with_one_address_either_opens_it(void **state)
{
	struct flow flow = flow_to("192.0.2.1");

	(void)state;
	name(0, TEROK_ALLOW, 22, 0);
	name(1, TEROK_ALLOW, 443, 0);
	table.name[1].flags = TEROK_RULE_CHECK;
	learned("192.0.2.1", 2 * NAMED_SOON_NS, 2 * NAMED_SOON_NS);
	assert_decides("192.0.2.1:22", TEROK_ALLOW, TEROK_REASON_NAME);
	assert_int_equal(decide(&the_guard, &flow).named, NAMED_CHECK);
	name(0, TEROK_ALLOW, 443, 0); /* it allows that port without a look */
	assert_int_equal(decide(&the_guard, &flow).named, 0);
}

static void who_shares_the_address_of_a_name_does_not_come_in(void **state)
{
	struct flow peer = flow_to("192.0.2.1");

	(void)state;
	name(0, TEROK_ALLOW, 0, 0);
	learned("192.0.2.1", 2 * NAMED_SOON_NS, 0);
	peer.way = FLOW_WIRE;
	assert_int_equal(decide_inbound(&the_guard, &peer, 8080).reason, TEROK_REASON_UNSOLICITED);
	peer.proto = IPPROTO_UDP; /* the answer to what went out */
	assert_int_equal(decide_inbound(&the_guard, &peer, 8080).action, TEROK_ALLOW);
	rule(TEROK_ALLOW, "192.0.2.1", 0, 0);
	peer.proto = IPPROTO_TCP;
	assert_int_equal(decide_inbound(&the_guard, &peer, 8080).action, TEROK_ALLOW);
}

static void rules_and_states_stand_above_names(void **state)
{
	(void)state;
	name(0, TEROK_ALLOW, 0, 0);
	learned("192.0.2.1", 2 * NAMED_SOON_NS, 0);
	the_guard.state = TEROK_STATE_BLOCK;
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_BLOCKED);
	the_guard.state = TEROK_STATE_UP;
	rule(TEROK_DENY, "192.0.2.0/24", 0, 0);
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
	learned("169.254.169.254", 2 * NAMED_SOON_NS, 0);
	assert_decides("169.254.169.254", TEROK_DENY, TEROK_REASON_HARD);
}

static enum terok_reason synthetic(const struct flow *real, uint64_t name)
{
	struct decision decision = decide_elsewhere(&the_guard, real);

	decide_synthetic(&the_guard, real, name, &decision);
	assert_int_equal(decision.action, decision.reason == TEROK_REASON_NAME);
	return decision.reason;
}

static void a_synthetic_address_is_what_its_name_says(void **state)
{
	struct flow real = flow_to("192.0.2.1"), metadata = flow_to("169.254.169.254"),
		    private = flow_to("10.0.0.1");

	(void)state;
	the_guard.names = TEROK_NAMES_SYNTHETIC;
	name(0, TEROK_ALLOW, 443, 0);
	assert_int_equal(synthetic(&metadata, 100), TEROK_REASON_HARD);
	assert_int_equal(synthetic(&private, 100), TEROK_REASON_PRIVATE);
	assert_int_equal(synthetic(&real, 100), TEROK_REASON_NAME);
	assert_int_equal(synthetic(&real, 101), TEROK_REASON_NAME_DENY);
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_DEFAULT);
	rule(TEROK_DENY, "192.0.2.1", 0, 0);
	assert_int_equal(synthetic(&real, 100), TEROK_REASON_RULE_DENY);
	/* a denied domain that has the address: another name */
	table.exact[0].rule.author = TEROK_AUTHOR_NAME;
	assert_decides("192.0.2.1", TEROK_DENY, TEROK_REASON_RULE_DENY);
	assert_int_equal(synthetic(&real, 100), TEROK_REASON_NAME);
	assert_int_equal(synthetic(&real, 101), TEROK_REASON_NAME_DENY);
	rule(TEROK_DENY, "192.0.2.0/24", 0, 0);
	assert_int_equal(synthetic(&real, 100), TEROK_REASON_RULE_DENY);
}

static void a_synthetic_address_that_stands_for_nothing_is_refused_in_every_state(void **state)
{
	(void)state;
	the_guard.names = TEROK_NAMES_SYNTHETIC;
	for (int s = TEROK_STATE_UP; s <= TEROK_STATE_DOWN_ALL; s++) {
		the_guard.state = s;
		assert_decides("198.18.0.9", TEROK_DENY, TEROK_REASON_NAME_DENY);
	}
	the_guard.names = 0;
	assert_decides("198.18.0.9", TEROK_ALLOW, TEROK_REASON_DEFAULT);
}

int main(void)
{
	/* -Werror=unused-function makes a test that is not listed here a build error */
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(without_a_guard_nothing_leaves),
		T(loopback_and_own_addresses_come_before_block),
		T(in_block_no_loopback_leads_to_a_service_that_leads_out),
		T(block_stands_before_infrastructure_and_rules),
		T(infrastructure_stands_before_hard_and_operator_denies),
		T(a_hard_deny_falls_to_an_exact_name_only),
		T(a_prefix_that_holds_mapped_addresses_holds_ipv4),
		T(deny_wins_in_every_shape_and_length),
		T(a_rule_ends_at_its_deadline),
		T(an_ended_prefix_hides_no_shorter_one),
		T(more_ended_prefixes_than_are_looked_through_deny),
		T(only_a_rule_with_an_end_makes_a_timed_flow),
		T(private_ranges_hold_in_up_and_down_but_not_in_down_all),
		T(down_does_not_ask_allow_rules),
		T(a_bypass_window_makes_up_mean_down_until_it_ends),
		T(on_the_wire_nothing_is_loopback_or_our_own),
		T(nobody_comes_in_but_to_what_is_published_or_from_what_is_allowed),
		T(who_asked_a_published_port_is_answered_from_it_and_for_a_while),
		T(only_sockets_that_the_hooks_understand_are_made),
		T(a_shape_that_a_guard_lacks_is_never_looked_up),
		T(ping_needs_a_rule_without_a_port),
		T(a_name_opens_its_addresses_until_they_end),
		T(a_probe_of_getaddrinfo_succeeds_where_a_name_is_allowed_at_all),
		T(a_name_that_is_taken_away_opens_nothing_and_spares_no_flow),
		T(of_two_names_with_one_address_either_opens_it),
		T(who_shares_the_address_of_a_name_does_not_come_in),
		T(rules_and_states_stand_above_names),
		T(a_synthetic_address_is_what_its_name_says),
		T(a_synthetic_address_that_stands_for_nothing_is_refused_in_every_state),
	};

	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
