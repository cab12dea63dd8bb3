/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * decide.h - the one decision, for every hook and for people who ask about one
 *
 * Plain C over terok/abi.h: no helper, no map. Whoever includes it first provides the functions
 * that are declared below and not defined: bpf/ looks into the pinned maps, tests use tables.
 * A rule about policy that is not here does not exist.
 *
 * The order is the specification:
 *   1. no guard, or one without a state: deny
 *   2. loopback, the guard's own addresses: allow; not in state block where somebody listens who
 *      sends on what is said there (TEROK_PORT_*)
 *   3. state block: deny
 *   4. infrastructure rules: allow
 *   5. link-local and metadata addresses that no exact rule names: deny
 *   6. deny rules, exact or prefix: deny, whatever the prefix lengths of the allows
 *   7. allow rules that have not ended: allow; not in state down, which has its own answer
 *      to all that follows (an exact rule still opens what step 5 forbids). In state up also
 *      addresses of names that are allowed, until they end
 *   8. private ranges: deny, unless the state is down_all
 *   9. the state's default
 * A synthetic address is decided as the address it stands for, by the name it was given for
 * (decide_synthetic()); one that stands for nothing is denied in every state.
 * A bypass window makes up mean down until it ends. The own addresses are looked up last,
 * because only a refusal makes the answer matter; what is on the wire already is no longer
 * on its way to them, nor to loopback, whatever its address says.
 */
#ifndef TEROK_DECIDE_H
#define TEROK_DECIDE_H

#ifndef __always_inline
#define __always_inline inline __attribute__((__always_inline__))
#endif

/*
 * The verifier walks a static function again for every path that leads to it, a global one
 * once: as statics these cost seconds of loading, as globals milliseconds.
 */
#ifdef __bpf__
#define DECIDE_FUNCTION __attribute__((__noinline__))
#else
#define DECIDE_FUNCTION static __attribute__((__noinline__, __unused__))
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define decide_host32(x) __builtin_bswap32(x)
#else
#define decide_host32(x) (x)
#endif

/* Prefix rules that have ended hide shorter ones that have not: look this often. */
#define PREFIX_TRIES 4

/* What is known of the way it takes. */
enum flow_way {
	FLOW_ASKED = 0, /* a socket call: not routed yet, the address is all there is */
	FLOW_LOOPBACK,  /* a packet on the loopback interface */
	FLOW_WIRE,      /* a packet on any other */
};

/* Where one attempt goes. */
struct flow {
	__u32 addr[4]; /* network order, IPv4 as ::ffff:a.b.c.d */
	__u16 port;    /* host order; 0 where the protocol has none */
	__u8 proto;
	__u8 way; /* enum flow_way */
};

struct decision {
	__u8 action; /* enum terok_action */
	__u8 reason; /* enum terok_reason */
	__u8 timed;  /* allowed by a rule with an end: the flow must be remembered */
	__u8 state;  /* enum terok_state: the one that counted */
	__u8 named;  /* NAMED_* */
};

/* What names have to do with a decision: bits. */
enum named {
	NAMED_CHECK = 1,  /* allowed by names that all want their flows' first data looked at */
	NAMED_SOON = 2,   /* allowed by a name whose address ends within NAMED_SOON_NS */
	NAMED_LAPSED = 4, /* a name allows it, but its address has ended: what flows may flow on */
	NAMED_DENY = 8,   /* denied, but only because a denied domain has the address as well */
};
#define NAMED_SOON_NS (30 * 1000000000ULL)

/* What the rules of one kind say: bits, so that the words of several kinds add up with |. */
enum said {
	SAID_ALLOW = 1,       /* without an end */
	SAID_ALLOW_TIMED = 2, /* until later */
	SAID_DENY = 4,
	SAID_INFRA = 8,
	SAID_ENDED = 16, /* a rule was there, and is over */
	SAID_DENY_NAME =
	    32, /* of a domain that has the address; for who comes by name it is another */
};

static const struct terok_rule *rule_find(const struct terok_rule_key *key);
static const struct terok_rule *prefix_find(const struct terok_prefix_key *key);
static _Bool self_find(const struct terok_self_key *key);
static _Bool publish_find(const struct terok_publish_key *key);
static const __u64 *asker_find(const struct terok_asker_key *key);
static const struct terok_learned *learned_find(const struct terok_learned_key *key);
static struct terok_name *name_find(const struct terok_name_key *key);
static void name_count(struct terok_name *name); /* a connect or datagram that it allowed */
static _Bool range_is_synthetic(const __u32 addr[4]);
static __u64 decide_now(void);

/*
 * The same word, of which the verifier knows nothing any more: it walks what comes behind once,
 * and not once for each way that led to it. A call would do that, too, and costs twenty times
 * as much. 48 bits.
 */
static __always_inline __u64 forget(__u64 word, const struct flow *flow)
{
#ifdef __bpf__
	__u64 unknown = (__u64)flow->addr[3] << 16 | flow->port;

	word ^= unknown;
	asm volatile("" : "+r"(word));
	word ^= unknown;
#else
	(void)flow;
#endif
	return word;
}

/* The clock costs as much as a lookup: asked only for rules that have an end. */
static __always_inline _Bool rule_ended(const struct terok_rule *rule)
{
	return rule->until_ns && rule->until_ns <= decide_now();
}

static __always_inline _Bool flow_is_v4(const struct flow *flow)
{
	return !flow->addr[0] && !flow->addr[1] && decide_host32(flow->addr[2]) == 0xffff;
}

static __always_inline _Bool flow_is_loopback(const struct flow *flow)
{
	if (flow->way != FLOW_ASKED)
		return flow->way == FLOW_LOOPBACK;
	if (flow_is_v4(flow)) /* 0.0.0.0 is routed to loopback */
		return !flow->addr[3] || decide_host32(flow->addr[3]) >> 24 == 127;
	return !flow->addr[0] && !flow->addr[1] && !flow->addr[2] &&
	       decide_host32(flow->addr[3]) <= 1; /* :: and ::1 */
}

/* The gate, the proxy and the SSH agent: by them a guard that may send nothing would all the same. */
static __always_inline _Bool flow_leads_out(const struct flow *flow)
{
	return flow->proto == IPPROTO_TCP &&
	       (flow->port == TEROK_PORT_GATE || flow->port == TEROK_PORT_PROXY ||
		flow->port == TEROK_PORT_AGENT);
}

/*
 * The IPv4 address that it is, or that a gateway would take out of it: NAT64 (RFC 6052,
 * well-known prefix), 6to4 (RFC 3056), IPv4-compatible (RFC 4291).
 */
static __always_inline _Bool flow_to_v4(const struct flow *flow, __u32 *ret)
{
	__u32 first = decide_host32(flow->addr[0]);

	*ret = decide_host32(flow->addr[3]);
	if (flow_is_v4(flow))
		return 1;
	if (first >> 16 == 0x2002) {
		*ret = first << 16 | decide_host32(flow->addr[1]) >> 16;
		return 1;
	}
	return (!first || first == 0x64ff9b) && !flow->addr[1] && !flow->addr[2];
}

static __always_inline _Bool v4_is_private(__u32 a)
{
	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || /* RFC 1918 */
	       a >> 16 == 0xa9fe || a >> 24 == 127 ||                    /* link-local, loopback */
	       a >> 24 == 0 || a >> 22 == 0x6440 >> 6 || /* this network, 100.64/10 */
	       a >> 28 >= 14;                            /* multicast, 240/4 */
}

/* Of an address: bits. */
enum kind {
	KIND_HARD = 1, /* metadata services, and the link-local addresses they live on */
	KIND_PRIVATE = 2,
};

/* What kind of address it is by itself; needed only where no exact rule allows it. */
static __always_inline __u32 flow_kind(const struct flow *flow)
{
	__u32 first, v4;

	if (flow_to_v4(flow, &v4))
		return (v4 >> 16 == 0xa9fe ? KIND_HARD : 0) | /* 169.254/16 */
		       (v4_is_private(v4) ? KIND_PRIVATE : 0);
	first = decide_host32(flow->addr[0]);
	if (first >> 22 == 0xfe80 >> 6) /* fe80::/10 */
		return KIND_HARD | KIND_PRIVATE;
	if (first == 0xfd000ec2 && !flow->addr[1] && !flow->addr[2] &&
	    decide_host32(flow->addr[3]) == 0x254)
		return KIND_HARD | KIND_PRIVATE;
	if (first >> 25 == 0xfc >> 1 || first >> 22 == 0xfec0 >> 6 || /* fc00::/7, fec0::/10 */
	    first >> 24 == 0xff ||                                    /* multicast */
	    (first == 0x64ff9b && decide_host32(flow->addr[1]) >> 16 == 1)) /* RFC 8215 */
		return KIND_PRIVATE;
	return 0;
}

/* The state that counts now. */
static __always_inline __u32 guard_state(const struct terok_guard *guard)
{
	if (guard->state == TEROK_STATE_UP && guard->bypass_ns && guard->bypass_ns > decide_now())
		return TEROK_STATE_DOWN;
	return guard->state;
}

/* What a rule that was found says now. */
static __always_inline __u32 rule_says(const struct terok_rule *rule)
{
	if (rule_ended(rule))
		return SAID_ENDED;
	if (rule->flags & TEROK_RULE_INFRA)
		return SAID_INFRA;
	if (rule->action != TEROK_ALLOW)
		return rule->author == TEROK_AUTHOR_NAME ? SAID_DENY_NAME : SAID_DENY;
	return rule->until_ns ? SAID_ALLOW_TIMED : SAID_ALLOW;
}

/* The exact rule of one shape. */
DECIDE_FUNCTION __u32 exact_look(const struct flow *flow, __u32 guard, __u32 shape)
{
	const struct terok_rule *rule;
	struct terok_rule_key key = {};

	if (!flow)
		return 0;
	key.guard = guard;
	key.port = shape & TEROK_SHAPE_PORT ? flow->port : 0;
	key.proto = shape & TEROK_SHAPE_PROTO ? flow->proto : 0;
	__builtin_memcpy(key.addr, flow->addr, sizeof(key.addr));
	rule = rule_find(&key);
	return rule ? rule_says(rule) : 0;
}

/* The longest prefix rule of one shape and action that has not ended. */
DECIDE_FUNCTION __u32 prefix_look(const struct flow *flow, __u32 guard, __u32 shape, __u32 action)
{
	struct terok_prefix_key key = { .prefixlen = TEROK_PREFIX_FIXED + 128, .guard = guard };
	__u32 said = 0;

	if (!flow)
		return 0;
	key.port = shape & TEROK_SHAPE_PORT ? flow->port : 0;
	key.proto = shape & TEROK_SHAPE_PROTO ? flow->proto : 0;
	key.action = action;
	__builtin_memcpy(key.addr, flow->addr, sizeof(key.addr));

	for (int i = 0; i < PREFIX_TRIES; i++) {
		const struct terok_rule *rule = prefix_find(&key);

		if (!rule)
			return said;
		said = rule_says(rule);
		if (said != SAID_ENDED)
			return said;
		if (!rule->bits || rule->bits > 128)
			return said;
		key.prefixlen = TEROK_PREFIX_FIXED + rule->bits - 1;
	}
	/* more ended rules than anyone looks through: whatever is behind them, be safe */
	return action == TEROK_DENY ? SAID_DENY : SAID_ENDED;
}

/* All exact rules; only shapes that the guard has are asked for. */
static __always_inline __u32 exact_look_all(const struct terok_guard *guard,
					    const struct flow *flow)
{
	__u32 said = 0;

	if (guard->exact & 1 << TEROK_SHAPE_PORT_PROTO)
		said |= exact_look(flow, guard->id, TEROK_SHAPE_PORT_PROTO);
	if (guard->exact & 1 << TEROK_SHAPE_ANY)
		said |= exact_look(flow, guard->id, TEROK_SHAPE_ANY);
	if (guard->exact & 1 << TEROK_SHAPE_PORT)
		said |= exact_look(flow, guard->id, TEROK_SHAPE_PORT);
	if (guard->exact & 1 << TEROK_SHAPE_PROTO)
		said |= exact_look(flow, guard->id, TEROK_SHAPE_PROTO);
	return said;
}

/* All prefix rules of one action, the same way. */
static __always_inline __u32 prefix_look_all(const struct terok_guard *guard,
					     const struct flow *flow, enum terok_action action)
{
	__u32 has = guard->prefix >> (action == TEROK_ALLOW ? TEROK_SHAPE_MAX_ : 0), said = 0;

	for (__u32 shape = 0; shape < TEROK_SHAPE_MAX_; shape++)
		if (has & 1 << shape)
			said |= prefix_look(flow, guard->id, shape, action);
	return said;
}

#define DECISION(action, reason, timed) ((struct decision){ action, reason, timed, 0, 0 })

/*
 * getaddrinfo() sorts addresses by connecting a UDP socket to each, at no port (glibc) or the last
 * (musl), and sends nothing. It succeeds where a name is allowed at all, or what can be reached
 * is sorted behind what cannot; a packet to that port is refused on the wire.
 */
static __always_inline _Bool flow_is_probe(const struct flow *flow)
{
	return flow->way == FLOW_ASKED && flow->proto == IPPROTO_UDP &&
	       (!flow->port || flow->port == 0xffff);
}

/* What one grant says of a port and protocol: SAID_ALLOW, SAID_DENY or nothing. */
static __always_inline __u32 grant_speaks(const struct terok_grant *grant, const struct flow *flow)
{
	if (grant->until_ns && grant->until_ns <= decide_now())
		return 0;
	if (flow_is_probe(flow))
		return grant->action == TEROK_ALLOW ? SAID_ALLOW : 0;
	if ((grant->port && grant->port != flow->port) ||
	    (grant->proto && grant->proto != flow->proto))
		return 0;
	return grant->action == TEROK_ALLOW ? SAID_ALLOW : SAID_DENY;
}

DECIDE_FUNCTION __u32 grant_says(const struct terok_grant *grant, const struct flow *flow)
{
	return grant && flow ? grant_speaks(grant, flow) : 0;
}

/*
 * What all of a name say together; SAID_ALLOW alone lets it pass. Here and below the first is
 * looked at in place, because it mostly is the only one and a call costs as much as a lookup.
 */
static __always_inline __u32 grants_say(const struct terok_name *name, const struct flow *flow)
{
	__u32 said = name->n ? grant_speaks(&name->grant[0], flow) : 0;

	for (__u32 i = 1; i < TEROK_GRANTS; i++) {
		if (i >= name->n)
			break;
		said |= grant_says(&name->grant[i], flow);
	}
	return said;
}

#define NAME_ALLOWS 1
#define NAME_CHECKS 2
#define NAME_STANDS 4

/*
 * May a flow go there by that name? NAME_ALLOWS, with NAME_CHECKS if it wants to be looked at,
 * NAME_STANDS if it is to be reached by synthetic addresses.
 */
static __always_inline __u32 name_says(const struct flow *flow, __u32 guard, __u64 id)
{
	struct terok_name_key key = {};
	struct terok_name *name;

	if (!id)
		return 0;
	key.guard = guard;
	key.name = id;
	name = name_find(&key);
	if (!name || grants_say(name, flow) != SAID_ALLOW)
		return 0;
	if (flow->way == FLOW_ASKED && !flow_is_probe(flow))
		name_count(name);
	return NAME_ALLOWS | (name->flags & TEROK_RULE_CHECK ? NAME_CHECKS : 0) |
	       (name->flags & TEROK_RULE_SYNTHETIC ? NAME_STANDS : 0);
}

DECIDE_FUNCTION __u32 name_look(const struct flow *flow, __u32 guard, __u64 id)
{
	return flow ? name_says(flow, guard, id) : 0;
}

/* Beside NAMED_*, of one name or of all that have an address. */
#define NAMED_ALLOW 0x80
#define NAMED_FREE  0x40 /* allowed, or lapsed, by one that does not want to be looked at */

/* What a name says of an address that it has until then. */
static __always_inline __u32 sharer_says(__u32 says, __u64 until, __u64 now)
{
	__u32 free = says & NAME_CHECKS ? 0 : NAMED_FREE;

	if (!(says & NAME_ALLOWS))
		return 0;
	/* made synthetic since: what flows flows on, what is new goes the other way */
	if (until <= now || says & NAME_STANDS)
		return NAMED_LAPSED | free;
	return NAMED_ALLOW | free | (until - now < NAMED_SOON_NS ? NAMED_SOON : 0);
}

DECIDE_FUNCTION __u32 sharer_look(const struct flow *flow, __u32 guard, __u64 id, __u64 until,
				  __u64 now)
{
	return flow ? sharer_says(name_says(flow, guard, id), until, now) : 0;
}

/* All but the first; @first: what that one says. */
DECIDE_FUNCTION __u32 sharers_look(const struct flow *flow, __u32 guard, __u32 first, __u64 now)
{
	__u32 allow = first & NAMED_ALLOW ? first : 0, lapsed = first & NAMED_ALLOW ? 0 : first;
	const struct terok_learned *learned;
	struct terok_learned_key key = {};

	if (!flow)
		return 0;
	key.guard = guard;
	__builtin_memcpy(key.addr, flow->addr, sizeof(key.addr));
	learned = learned_find(&key);
	/* without a branch, or the verifier walks sixteen times two ways */
	for (__u32 i = 1; learned && i < TEROK_SHARERS; i++) {
		__u32 says = sharer_look(flow, guard, learned->name[i], learned->until_ns[i], now);
		__u32 allows = says / NAMED_ALLOW & 1;

		allow |= says * allows;
		lapsed |= says * (1 - allows);
	}
	if (allow & NAMED_FREE)
		return allow & ~NAMED_FREE;
	if (allow)
		return allow | NAMED_CHECK;
	return lapsed & NAMED_FREE ? NAMED_LAPSED : lapsed ? NAMED_LAPSED | NAMED_CHECK : 0;
}

/*
 * The names that have this address: NAMED_* and NAMED_ALLOW. One that allows it and does not
 * want to be looked at is the end of the search.
 */
static __always_inline __u32 learned_look(const struct flow *flow, __u32 guard)
{
	const struct terok_learned *learned;
	struct terok_learned_key key = {};
	__u32 first;
	__u64 now;

	key.guard = guard;
	__builtin_memcpy(key.addr, flow->addr, sizeof(key.addr));
	learned = learned_find(&key);
	if (!learned)
		return 0;
	now = decide_now();
	first = forget(name_says(flow, guard, learned->name[0]), flow);
	first = sharer_says(first, learned->until_ns[0], now);
	if (first & NAMED_ALLOW && first & NAMED_FREE)
		return first & ~NAMED_FREE;
	return sharers_look(flow, guard, first, now);
}

/* Step 7's names, in state up. False: they say nothing that ends the search. */
static __always_inline _Bool decide_named(const struct terok_guard *guard, const struct flow *flow,
					  struct decision *decision)
{
	__u32 named = guard->names & TEROK_NAMES_LEARNED ? learned_look(flow, guard->id) : 0;

	if (named & NAMED_ALLOW)
		*decision = DECISION(TEROK_ALLOW, TEROK_REASON_NAME, 0);
	else if (named & NAMED_LAPSED)
		*decision = DECISION(TEROK_DENY, TEROK_REASON_EXPIRED, 0);
	decision->named = named & ~NAMED_ALLOW;
	return named != 0;
}

/* Step 7. @said: by the exact rules, completed by the prefix rules. */
static __always_inline __u32 allow_look(const struct terok_guard *guard, const struct flow *flow,
					__u32 said)
{
	if (!(said & SAID_ALLOW) && guard->prefix >> TEROK_SHAPE_MAX_)
		said |= prefix_look_all(guard, flow, TEROK_ALLOW);
	return said;
}

/* Steps 7 to 9: nothing forbids it by name. @said: by the exact rules; @kind: of the address. */
static __always_inline struct decision decide_allow(const struct terok_guard *guard, __u32 state,
						    const struct flow *flow, __u32 said, __u32 kind)
{
	struct decision by_name;

	if (state != TEROK_STATE_DOWN || kind & KIND_HARD) {
		said = allow_look(guard, flow, said);
		if (said & SAID_ALLOW)
			return DECISION(TEROK_ALLOW, TEROK_REASON_RULE_ALLOW, 0);
		if (said & SAID_ALLOW_TIMED)
			return DECISION(TEROK_ALLOW, TEROK_REASON_RULE_ALLOW, 1);
	}
	if (state == TEROK_STATE_UP && decide_named(guard, flow, &by_name))
		return by_name;
	if (guard->names & TEROK_NAMES_SYNTHETIC && range_is_synthetic(flow->addr))
		return DECISION(TEROK_DENY, TEROK_REASON_NAME_DENY, 0);

	if (state == TEROK_STATE_DOWN_ALL)
		return DECISION(TEROK_ALLOW, TEROK_REASON_DEFAULT, 0);
	if (said & SAID_ENDED && state == TEROK_STATE_UP)
		return DECISION(TEROK_DENY, TEROK_REASON_EXPIRED, 0);
	if (kind & KIND_PRIVATE)
		return DECISION(TEROK_DENY, TEROK_REASON_PRIVATE, 0);
	if (state == TEROK_STATE_DOWN)
		return DECISION(TEROK_ALLOW, TEROK_REASON_DEFAULT, 0);
	return DECISION(TEROK_DENY, TEROK_REASON_DEFAULT, 0);
}

/* Steps 3 to 9. */
static __always_inline struct decision decide_policy(const struct terok_guard *guard, __u32 state,
						     const struct flow *flow)
{
	__u32 said, kind = 0;

	if (state == TEROK_STATE_BLOCK)
		return DECISION(TEROK_DENY, TEROK_REASON_BLOCKED, 0);

	said = exact_look_all(guard, flow);
	if (said & SAID_INFRA)
		return DECISION(TEROK_ALLOW, TEROK_REASON_INFRA, 0);
	if (said & SAID_DENY)
		return DECISION(TEROK_DENY, TEROK_REASON_RULE_DENY, 0);
	/* in every other case that matters to nobody, and each call costs */
	if (!(said & (SAID_ALLOW | SAID_ALLOW_TIMED)) || state == TEROK_STATE_DOWN)
		kind = forget(flow_kind(flow), flow);
	if (!(said & (SAID_ALLOW | SAID_ALLOW_TIMED)) && kind & KIND_HARD)
		return DECISION(TEROK_DENY, TEROK_REASON_HARD, 0);
	if (guard->prefix & ((1 << TEROK_SHAPE_MAX_) - 1) &&
	    prefix_look_all(guard, flow, TEROK_DENY) & SAID_DENY)
		return DECISION(TEROK_DENY, TEROK_REASON_RULE_DENY, 0);
	if (said & SAID_DENY_NAME)
		return (struct decision){ TEROK_DENY, TEROK_REASON_RULE_DENY, 0, 0, NAMED_DENY };
	return decide_allow(guard, state, flow, said, kind);
}

/* All steps, but the guard's own addresses are like others. */
static __always_inline struct decision decide_steps(const struct terok_guard *guard,
						    const struct flow *flow)
{
	struct decision decision;
	__u32 state;

	if (!guard->id || guard->state == TEROK_STATE_NONE || guard->state >= TEROK_STATE_MAX_)
		return DECISION(TEROK_DENY, TEROK_REASON_NO_GUARD, 0);
	if (flow_is_loopback(flow) && (guard->state != TEROK_STATE_BLOCK || !flow_leads_out(flow)))
		return DECISION(TEROK_ALLOW, TEROK_REASON_LOOPBACK, 0);

	state = guard_state(guard);
	decision = decide_policy(guard, state, flow);
	decision.state = state;
	return decision;
}

/* decide(), but the guard's own addresses are like others. */
static __always_inline struct decision decide_elsewhere(const struct terok_guard *guard,
							const struct flow *flow)
{
	struct decision decision = DECISION(TEROK_DENY, TEROK_REASON_NO_GUARD, 0);
	__u64 word;

	if (guard)
		decision = decide_steps(guard, flow);
	word = forget(decision.action | (__u64)decision.reason << 8 | (__u64)decision.timed << 16 |
			  (__u64)decision.state << 24 | (__u64)decision.named << 32,
		      flow);
	return (struct decision){ .action = word,
				  .reason = word >> 8,
				  .timed = word >> 16,
				  .state = word >> 24,
				  .named = word >> 32 };
}

/* A refusal, unless it is of one of the guard's own addresses. */
static __always_inline struct decision
decide_self(const struct terok_guard *guard, const struct flow *flow, struct decision decision)
{
	struct terok_self_key self = {};

	if (decision.action == TEROK_ALLOW || decision.reason == TEROK_REASON_NO_GUARD || !guard ||
	    flow->way == FLOW_WIRE || flow_is_loopback(flow))
		return decision;
	self.guard = guard->id;
	__builtin_memcpy(self.addr, flow->addr, sizeof(self.addr));
	if (self_find(&self))
		return DECISION(TEROK_ALLOW, TEROK_REASON_SELF, 0);
	return decision;
}

/**
 * decide() - may this guard reach this destination now?
 * @guard: the guard; NULL, or its zero value, if the hook ran for a cgroup nobody set up
 * @flow:  destination, already unmapped
 */
static __always_inline struct decision decide(const struct terok_guard *guard,
					      const struct flow *flow)
{
	return decide_self(guard, flow, decide_elsewhere(guard, flow));
}

/* The same as a call, for who has more to do than to save one: half as much to load. */
DECIDE_FUNCTION __u64 decide_word(const struct terok_guard *guard, const struct flow *flow)
{
	struct decision decision;

	if (!guard || !flow)
		return 0; /* deny, for no guard */
	decision = decide(guard, flow);
	return decision.action | (__u64)decision.reason << 8 | (__u64)decision.timed << 16 |
	       (__u64)decision.state << 24 | (__u64)decision.named << 32;
}

static __always_inline struct decision decide_apart(const struct terok_guard *guard,
						    const struct flow *flow)
{
	__u64 word = decide_word(guard, flow);

	return (struct decision){ .action = word,
				  .reason = word >> 8,
				  .timed = word >> 16,
				  .state = word >> 24,
				  .named = word >> 32 };
}

/* Would the rule's end alone refuse it? Anything that forbids by name holds for old flows too. */
static __always_inline _Bool reason_spares_flows(enum terok_reason reason)
{
	return reason == TEROK_REASON_EXPIRED || reason == TEROK_REASON_DEFAULT ||
	       reason == TEROK_REASON_PRIVATE || reason == TEROK_REASON_HARD;
}

/**
 * decide_synthetic() - may this guard reach what a synthetic address stands for?
 * @flow: to the real address, port and protocol as asked
 * @name: that the address was given for
 * @decision: decide_elsewhere()'s of that flow; decide_self() completes what it is afterwards
 *
 * What is said of the real address by a rule holds, and what kind of address it is; where only
 * the state's default speaks, or a denied domain that lives there as well, the name does.
 */
static __always_inline void decide_synthetic(const struct terok_guard *guard,
					     const struct flow *flow, __u64 name,
					     struct decision *decision)
{
	__u32 says;

	if (decision->action == TEROK_ALLOW ||
	    (decision->reason != TEROK_REASON_DEFAULT && decision->reason != TEROK_REASON_EXPIRED &&
	     !(decision->named & NAMED_DENY)))
		return;
	says = forget(name_says(flow, guard->id, name), flow);
	decision->action = says & NAME_ALLOWS ? TEROK_ALLOW : TEROK_DENY;
	decision->reason = says & NAME_ALLOWS ? TEROK_REASON_NAME : TEROK_REASON_NAME_DENY;
	decision->named = says & NAME_CHECKS ? NAMED_CHECK : 0;
}

/* Is it a port that the outside may connect to? */
static __always_inline _Bool decide_published(const struct terok_guard *guard, __u8 proto,
					      __u16 port)
{
	struct terok_publish_key key = {};

	if (!guard->publishes)
		return 0;
	key.guard = guard->id;
	key.port = port;
	key.proto = proto;
	return publish_find(&key);
}

/* Is this datagram, from @port here, the answer to one that came to that published port? */
static __always_inline _Bool decide_answer(const struct terok_guard *guard, const struct flow *flow,
					   __u16 port)
{
	struct terok_asker_key key = {};
	const __u64 *until;

	if (flow->proto != IPPROTO_UDP || !decide_published(guard, IPPROTO_UDP, port))
		return 0;
	key.guard = guard->id;
	key.port = port;
	key.peer_port = flow->port;
	__builtin_memcpy(key.peer, flow->addr, sizeof(key.peer));
	until = asker_find(&key);
	return until && *until > decide_now();
}

/**
 * decide_inbound() - may a connection begin, or a datagram arrive, from outside?
 * @peer: who sends, as if a packet went back there; FLOW_WIRE
 * @port: where to, here
 *
 * What a rule lets out it lets in. What the state alone lets out, or a name that others share the
 * address with, it does not, but for datagrams, which may be the answer to one that went out.
 */
static __always_inline struct decision decide_inbound(const struct terok_guard *guard,
						      const struct flow *peer, __u16 port)
{
	struct decision decision = decide_apart(guard, peer);

	if (decision.reason == TEROK_REASON_NO_GUARD || decision.reason == TEROK_REASON_BLOCKED ||
	    decision.reason == TEROK_REASON_RULE_DENY)
		return decision;
	if (decide_published(guard, peer->proto, port))
		return DECISION(TEROK_ALLOW, TEROK_REASON_PUBLISHED, 0);
	if (decision.action == TEROK_ALLOW &&
	    ((decision.reason != TEROK_REASON_DEFAULT && decision.reason != TEROK_REASON_NAME) ||
	     peer->proto != IPPROTO_TCP))
		return decision;
	decision.action = TEROK_DENY;
	decision.reason = TEROK_REASON_UNSOLICITED;
	return decision;
}

/* Could any rule of this guard, or its state, let an ICMP echo (which has no port) out? */
static __always_inline _Bool decide_ping_possible(const struct terok_guard *guard)
{
	const __u32 portless = 1 << TEROK_SHAPE_ANY | 1 << TEROK_SHAPE_PROTO;
	__u32 state = guard_state(guard);

	return state == TEROK_STATE_DOWN || state == TEROK_STATE_DOWN_ALL ||
	       guard->exact & portless || guard->prefix >> TEROK_SHAPE_MAX_ & portless;
}

/**
 * decide_socket() - may this guard have a socket of that kind?
 * @type: SOCK_*; @proto: as the socket has it, so never 0
 *
 * Only sockets whose every packet the other hooks understand: UDP-Lite, SCTP and raw
 * sockets send past connect and sendmsg without a privilege.
 */
static __always_inline _Bool decide_socket(const struct terok_guard *guard, __u32 type, __u32 proto)
{
	if (type == SOCK_STREAM)
		return proto == IPPROTO_TCP;
	if (type != SOCK_DGRAM)
		return 0;
	if (proto == IPPROTO_UDP)
		return 1;
	/* sendto() of an echo socket runs no hook but the backstop, which decides each packet */
	return (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) && decide_ping_possible(guard);
}

#endif
