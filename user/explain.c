// SPDX-License-Identifier: Apache-2.0
#include "explain.h"

#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/event.h"
#include "synthetic.h"

#define SEEN_MAX 64 /* more rules than one decision can look at */

/* One question: where decide() looks things up, and what it found on the way. */
static struct {
	const struct kernel *kernel;
	struct terok_rule value; /* what a lookup returned; read before the next one */
	struct rule seen[SEEN_MAX];
	unsigned n;
	struct terok_learned learned;
	struct terok_synthetic synthetic;
	struct terok_name name; /* the last that was looked at: the one that decided, if one did */
} question;

static const struct terok_rule *rule_seen(struct rule rule, const uint8_t addr[16])
{
	rule.value = question.value;
	memcpy(rule.dest.addr, addr, sizeof(rule.dest.addr));
	if (question.n < SEEN_MAX)
		question.seen[question.n++] = rule;
	return &question.value;
}

static const struct terok_rule *rule_find(const struct terok_rule_key *key)
{
	if (bpf_map_lookup_elem(question.kernel->map[MAP_RULES], key, &question.value))
		return NULL;
	return rule_seen(
	    (struct rule){ .guard = key->guard,
			   .dest = { .bits = 128, .port = key->port, .proto = key->proto } },
	    key->addr);
}

/* The trie says how long the rule's prefix is, not what its last bits are: they are zero. */
static void addr_mask(uint8_t ret[16], const uint8_t addr[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++)
		ret[i] = 8 * i + 8 <= bits ? addr[i]
			 : 8 * i >= bits   ? 0
					   : addr[i] & (0xff << (8 * i + 8 - bits));
}

static const struct terok_rule *prefix_find(const struct terok_prefix_key *key)
{
	uint8_t addr[16];

	if (bpf_map_lookup_elem(question.kernel->map[MAP_PREFIX], key, &question.value))
		return NULL;
	addr_mask(addr, key->addr, question.value.bits);
	return rule_seen(
	    (struct rule){
		.guard = key->guard,
		.dest = { .bits = question.value.bits, .port = key->port, .proto = key->proto } },
	    addr);
}

static _Bool self_find(const struct terok_self_key *key)
{
	__u32 one;

	return !bpf_map_lookup_elem(question.kernel->map[MAP_SELF], key, &one);
}

static _Bool publish_find(const struct terok_publish_key *key)
{
	__u32 one;

	return !bpf_map_lookup_elem(question.kernel->map[MAP_PUBLISH], key, &one);
}

/* Of a socket, not of a destination: nobody asks here. */
static const __u64 *asker_find(const struct terok_asker_key *key)
{
	(void)key;
	return NULL;
}

static const struct terok_learned *learned_find(const struct terok_learned_key *key)
{
	if (bpf_map_lookup_elem(question.kernel->map[MAP_LEARNED], key, &question.learned))
		return NULL;
	return &question.learned;
}

static const struct terok_synthetic *synthetic_find(const struct terok_learned_key *key)
{
	if (bpf_map_lookup_elem(question.kernel->map[MAP_SYNTHETIC], key, &question.synthetic))
		return NULL;
	return &question.synthetic;
}

static struct terok_name *name_find(const struct terok_name_key *key)
{
	if (bpf_map_lookup_elem(question.kernel->map[MAP_NAMES], key, &question.name))
		return NULL;
	return &question.name;
}

/* Nobody goes there. */
static void name_count(struct terok_name *name)
{
	(void)name;
}

/* Where those that are in nobody's map come from: one of the range says the same. */
static _Bool range_is_synthetic(const __u32 addr[4])
{
	return synthetic_is_ours((const uint8_t *)addr);
}

static __u64 decide_now(void)
{
	return now_boot_ns();
}

#include "bpf/decide.h"

/* What a rule that decided must have said. */
static __u32 reason_says(enum terok_reason reason)
{
	switch (reason) {
	case TEROK_REASON_INFRA: return SAID_INFRA;
	case TEROK_REASON_RULE_DENY: return SAID_DENY | SAID_DENY_NAME;
	case TEROK_REASON_RULE_ALLOW: return SAID_ALLOW | SAID_ALLOW_TIMED;
	case TEROK_REASON_EXPIRED: return SAID_ENDED;
	default: return 0;
	}
}

static struct flow flow_of(const struct dest *dest)
{
	struct flow flow = { .port = dest->port, .proto = dest->proto };

	memcpy(flow.addr, dest->addr, sizeof(flow.addr));
	return flow;
}

static void question_begin(const struct kernel *kernel)
{
	question.kernel = kernel;
	question.n = 0;
	*question.name.text = '\0';
}

/* What was decided, and by what. */
static struct explanation explanation_of(const struct terok_guard *value, const struct dest *dest,
					 const struct decision *decision)
{
	struct explanation ret = { .action = decision->action,
				   .reason = decision->reason,
				   .lapsed = decision->named & NAMED_LAPSED };

	if (dest->proto && decision->reason != TEROK_REASON_NO_GUARD &&
	    !decide_socket(value, dest->proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM,
			   dest->proto)) {
		ret.action = TEROK_DENY;
		ret.reason = TEROK_REASON_SOCKET_KIND;
	}
	if (ret.reason == TEROK_REASON_NAME)
		memcpy(ret.name, question.name.text, sizeof(ret.name));
	for (unsigned i = 0; !ret.by_rule && i < question.n; i++) {
		ret.by_rule = rule_says(&question.seen[i].value) & reason_says(ret.reason);
		ret.rule = question.seen[i];
	}
	return ret;
}

struct explanation explain_synthetic(const struct kernel *kernel, const struct terok_guard *value,
				     const struct dest *real, uint64_t name)
{
	struct flow flow = flow_of(real);
	struct decision decision;

	question_begin(kernel);
	decision = decide_elsewhere(value, &flow);
	decide_synthetic(value, &flow, name, &decision);
	decision = decide_self(value, &flow, decision);
	return explanation_of(value, real, &decision);
}

/* As the hooks of socket calls do: what a synthetic address stands for is what is decided. */
struct explanation explain_dest(const struct kernel *kernel, const struct terok_guard *value,
				const struct dest *dest)
{
	struct flow flow = flow_of(dest);
	const struct terok_synthetic *synthetic;
	struct terok_learned_key key = { .guard = value->id };
	struct decision decision;

	question_begin(kernel);
	memcpy(key.addr, flow.addr, sizeof(key.addr));
	synthetic = value->names & TEROK_NAMES_SYNTHETIC ? synthetic_find(&key) : NULL;
	if (synthetic)
		memcpy(flow.addr, synthetic->real, sizeof(flow.addr));
	decision = decide_elsewhere(value, &flow);
	if (synthetic)
		decide_synthetic(value, &flow, synthetic->name, &decision);
	decision = decide_self(value, &flow, decision);
	return explanation_of(value, dest, &decision);
}

enum terok_state explain_state(const struct terok_guard *value)
{
	return guard_state(value);
}

bool explain_is_special(const uint8_t addr[static 16])
{
	struct flow flow = {};

	memcpy(flow.addr, addr, sizeof(flow.addr));
	return flow_is_loopback(&flow) || flow_kind(&flow);
}

bool explain_published(const struct kernel *kernel, const struct terok_guard *value, uint16_t port)
{
	question.kernel = kernel;
	return decide_published(value, IPPROTO_TCP, port);
}
