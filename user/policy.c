// SPDX-License-Identifier: Apache-2.0
#include "policy.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "guard.h"
#include "journal.h"
#include "names.h"
#include "policy_map.h"

#define ADD_BATCH 256 /* so many go to disk together, while whoever else changes policy waits */

/* Which fields a rule names: its shape, by which hooks know whether to look. */
static enum terok_shape shape_of(const struct dest *dest)
{
	return (dest->port ? TEROK_SHAPE_PORT : 0) | (dest->proto ? TEROK_SHAPE_PROTO : 0);
}

static struct terok_rule_key exact_key(const struct rule *rule)
{
	struct terok_rule_key key = { .guard = rule->guard,
				      .port = rule->dest.port,
				      .proto = rule->dest.proto };

	memcpy(key.addr, rule->dest.addr, sizeof(key.addr));
	return key;
}

static struct terok_prefix_key prefix_key(const struct rule *rule, enum terok_action action)
{
	struct terok_prefix_key key = { .prefixlen = TEROK_PREFIX_FIXED + rule->dest.bits,
					.guard = rule->guard,
					.port = rule->dest.port,
					.proto = rule->dest.proto,
					.action = action };

	memcpy(key.addr, rule->dest.addr, sizeof(key.addr));
	return key;
}

struct bits {
	__u32 exact, prefix, epochs, publishes;
};

static void add_bits(struct terok_guard *value, void *user)
{
	const struct bits *bits = user;

	value->exact |= bits->exact;
	value->prefix |= bits->prefix;
	value->epoch += bits->epochs;
	value->publishes |= bits->publishes;
}

static void shape_bits(const struct rule *rule, struct bits *ret)
{
	unsigned shape = shape_of(&rule->dest);

	if (rule->dest.bits == 128)
		ret->exact = 1U << shape;
	else
		ret->prefix = 1U << (shape + TEROK_SHAPE_MAX_ * rule->value.action);
}

static int write_problem(const struct rule *rule, struct problem *why)
{
	char text[ADDR_TEXT];

	if (errno == E2BIG || errno == ENOSPC)
		return problem(why, -ENOSPC,
			       "the rule table is full (%d rules): %s was not added, nothing was "
			       "removed; take rules away with terok-bpfd allow|deny --remove",
			       TEROK_MAX_RULES, dest_format(text, &rule->dest));
	return problem(why, -errno, "write the rule for %s: %s", dest_format(text, &rule->dest),
		       strerror(errno));
}

static int exact_write(const struct kernel *kernel, const struct rule *rule,
		       const struct terok_rule *value, struct problem *why)
{
	struct terok_rule_key key = exact_key(rule);

	if (bpf_map_update_elem(kernel->map[MAP_RULES], &key, value, BPF_ANY))
		return write_problem(rule, why);
	return 0;
}

/* A trie keeps allow and deny apart; saying the opposite replaces, so the other one goes. */
static int prefix_write(const struct kernel *kernel, const struct rule *rule,
			const struct terok_rule *value, struct problem *why)
{
	struct terok_prefix_key key = prefix_key(rule, value->action);
	struct terok_prefix_key other = prefix_key(rule, !value->action);

	if (bpf_map_update_elem(kernel->map[MAP_PREFIX], &key, value, BPF_ANY))
		return write_problem(rule, why);
	/* a deny that stays still counts, an allow beside a deny does not: said, it is safe */
	if (bpf_map_delete_elem(kernel->map[MAP_PREFIX], &other) && errno != ENOENT)
		return write_problem(rule, why);
	return 0;
}

/*
 * Tell the hooks that rules of this shape exist, before there is one: whoever dies between
 * the two steps leaves a lookup in vain, never a rule that nobody looks for.
 */
int policy_announce(const struct kernel *kernel, const struct rule *rule,
		    const struct terok_guard *guard, struct problem *why)
{
	struct bits bits = {};

	shape_bits(rule, &bits);
	if ((guard->exact & bits.exact) == bits.exact &&
	    (guard->prefix & bits.prefix) == bits.prefix)
		return 0;
	return guard_change(kernel, rule->guard, add_bits, &bits, why);
}

static int map_write(const struct kernel *kernel, const struct rule *rule, struct problem *why)
{
	return rule->value.bits == 128 ? exact_write(kernel, rule, &rule->value, why)
				       : prefix_write(kernel, rule, &rule->value, why);
}

/* A rule that is being added, and what was kept of its destination. */
struct adding {
	struct rule rule, before;
	bool had;
	bool yields; /* it is weak, and something was */
};

static int adding_keep(struct adding *adding, const char *key, struct problem *why)
{
	const struct rule *rule = &adding->rule;
	int had = journal_get_rule(key, rule, &adding->before, why);

	if (had < 0)
		return had;
	adding->had = had;
	adding->yields = had && rule->weak && adding->before.value.author != rule->value.author;
	return adding->yields ? 0 : journal_put_rule(key, rule, why);
}

static void adding_unkeep(const struct adding *adding, const char *key)
{
	if (!adding->had)
		journal_drop_rule(key, &adding->rule, NULL);
	else if (!adding->yields)
		journal_put_rule(key, &adding->before, NULL);
}

/* Disk first, all of them together, then map; what the map refuses the disk forgets. */
static int add_kept(const struct kernel *kernel, struct adding *adding, unsigned n, const char *key,
		    struct problem *why)
{
	int r = journal_begin(why);
	unsigned done = 0;

	if (r)
		return r;
	for (unsigned i = 0; !r && i < n; i++)
		r = adding_keep(&adding[i], key, why);
	r = journal_end(r, why);
	if (r)
		return r;
	for (; !r && done < n; done += !r)
		r = adding[done].yields ? 0 : map_write(kernel, &adding[done].rule, why);
	for (unsigned i = n; i-- > done;)
		adding_unkeep(&adding[i], key);
	return r;
}

/* All of one guard, and all kept or none; with the lock held. */
static int add_locked(const struct kernel *kernel, struct adding *adding, unsigned n,
		      struct problem *why)
{
	const struct rule *first = &adding->rule;
	char key[JOURNAL_KEY_LEN];
	struct terok_guard guard;
	struct terok_info info;
	int r = guard_value(kernel, first->guard, &info, &guard, why);

	for (unsigned i = 0; !r && i < n; i++)
		r = policy_announce(kernel, &adding[i].rule, &guard, why);
	if (r)
		return r;
	if (first->keep && journal_key(&info, key))
		return add_kept(kernel, adding, n, key, why);
	for (unsigned i = 0; !r && i < n; i++)
		r = map_write(kernel, &adding[i].rule, why);
	return r;
}

static int adding_fill(struct adding *adding, const struct rule *rule, struct problem *why)
{
	if (rule->value.action > TEROK_ALLOW || rule->dest.bits > 128)
		return problem(why, -EINVAL, "a rule allows or denies one address or prefix");
	*adding = (struct adding){ .rule = *rule };
	adding->rule.value.made_ns = now_boot_ns();
	adding->rule.value.bits = rule->dest.bits;
	return 0;
}

int policy_add_all(const struct kernel *kernel, const struct rule *rules, unsigned n,
		   struct problem *why)
{
	_cleanup_free_ struct adding *adding =
	    calloc(n < ADD_BATCH ? n + 1 : ADD_BATCH, sizeof(*adding));
	int r = adding ? 0 : problem(why, -ENOMEM, "add rules: %s", strerror(ENOMEM));

	for (unsigned at = 0; !r && at < n; at += ADD_BATCH) {
		unsigned some = n - at < ADD_BATCH ? n - at : ADD_BATCH;
		_cleanup_close_ int lock = -1;

		for (unsigned i = 0; !r && i < some; i++)
			r = adding_fill(&adding[i], &rules[at + i], why);
		if (r)
			break;
		lock = kernel_lock(why);
		r = lock < 0 ? lock : add_locked(kernel, adding, some, why);
	}
	return r;
}

int policy_add(const struct kernel *kernel, const struct rule *rule, struct problem *why)
{
	return policy_add_all(kernel, rule, 1, why);
}

/* Of this address, port and protocol, whatever it says. 1: there is one, 0: none, or -errno */
static int exact_get(const struct kernel *kernel, const struct rule *rule, struct terok_rule *ret)
{
	struct terok_rule_key key = exact_key(rule);

	if (!bpf_map_lookup_elem(kernel->map[MAP_RULES], &key, ret))
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

/* 1: it is, 0: not, or a negative errno */
static int rule_get(const struct kernel *kernel, const struct rule *rule, struct terok_rule *ret)
{
	struct terok_prefix_key prefix = prefix_key(rule, rule->value.action);
	int r;

	if (rule->dest.bits == 128) {
		r = exact_get(kernel, rule, ret);
		return r > 0 ? ret->action == rule->value.action : r;
	}
	if (bpf_map_lookup_elem(kernel->map[MAP_PREFIX], &prefix, ret))
		return errno == ENOENT ? 0 : -errno;
	/* a trie finds the longest that fits: it may be a shorter one */
	return ret->bits == rule->dest.bits;
}

bool policy_exact(const struct kernel *kernel, struct rule *rule)
{
	return exact_get(kernel, rule, &rule->value) > 0;
}

bool policy_is_kept(const struct kernel *kernel, const struct rule *rule)
{
	_cleanup_close_ int lock = kernel_lock(NULL);
	char key[JOURNAL_KEY_LEN];
	struct terok_info info;
	struct rule kept;

	return lock >= 0 && !guard_info(kernel, rule->guard, &info) && journal_key(&info, key) &&
	       journal_get_rule(key, rule, &kept, NULL) > 0 &&
	       kept.value.action == rule->value.action;
}

static int map_remove(const struct kernel *kernel, const struct rule *rule)
{
	struct terok_rule_key exact = exact_key(rule);
	struct terok_prefix_key prefix = prefix_key(rule, rule->value.action);
	bool one = rule->dest.bits == 128;

	if (bpf_map_delete_elem(kernel->map[one ? MAP_RULES : MAP_PREFIX],
				one ? (void *)&exact : &prefix) &&
	    errno != ENOENT)
		return -errno;
	return 0;
}

static int no_such_rule(const struct rule *rule, struct problem *why)
{
	char text[ADDR_TEXT], port[8], proto[8];

	snprintf(port, sizeof(port), "%u", rule->dest.port);
	return problem(
	    why, -ENOENT, "no such rule: %s %s port %s protocol %s; terok-bpfd rules lists them",
	    rule->value.action == TEROK_ALLOW ? "allow" : "deny", dest_format(text, &rule->dest),
	    rule->dest.port ? port : "any", proto_name(rule->dest.proto, proto));
}

static int remove_problem(int r, const struct rule *rule, struct problem *why)
{
	char text[ADDR_TEXT];

	return r ? problem(why, r, "remove the rule for %s: %s", dest_format(text, &rule->dest),
			   strerror(-r))
		 : 0;
}

/* Disk first, then map; what the map keeps the disk gets back. */
static int map_remove_kept(const struct kernel *kernel, const struct rule *rule, const char *key,
			   struct problem *why)
{
	struct rule before;
	int had = journal_get_rule(key, rule, &before, why), r;

	if (had < 0)
		return had;
	r = journal_drop_rule(key, rule, why);
	if (r)
		return r;
	r = map_remove(kernel, rule);
	if (r && had)
		journal_put_rule(key, &before, NULL);
	return remove_problem(r, rule, why);
}

int policy_settle(const struct kernel *kernel, const char *key, const struct rule *rule,
		  struct problem *why)
{
	struct terok_rule there;
	struct rule kept;
	int has = exact_get(kernel, rule, &there);
	int r = has < 0 ? has : journal_get_effective(key, rule, &kept, why);

	if (has < 0)
		return problem(why, has, "look for a rule: %s", strerror(-has));
	if (r < 0 || (has && there.author != TEROK_AUTHOR_NAME))
		return r < 0 ? r : 0;
	if (!r)
		return has ? remove_problem(map_remove(kernel, rule), rule, why) : 0;
	kept.guard = rule->guard;
	kept.value.made_ns = now_boot_ns();
	kept.value.bits = 128;
	return map_write(kernel, &kept, why);
}

int policy_take_allow(const struct kernel *kernel, const char *key, const struct rule *rule,
		      struct problem *why)
{
	struct terok_rule there;
	struct rule kept;
	int has = exact_get(kernel, rule, &there);
	int r = has < 0 ? has : journal_get_rule(key, rule, &kept, why);

	if (has < 0)
		return problem(why, has, "look for a rule: %s", strerror(-has));
	if (r > 0 && kept.value.action == TEROK_ALLOW && kept.value.author != TEROK_AUTHOR_INFRA)
		r = journal_drop_rule(key, rule, why);
	if (r >= 0 && has && there.action == TEROK_ALLOW && there.author != TEROK_AUTHOR_INFRA)
		r = remove_problem(map_remove(kernel, rule), rule, why);
	return r < 0 ? r : 0;
}

int policy_end_flows(const struct kernel *kernel, uint32_t guard, struct problem *why)
{
	struct bits bits = { .epochs = 1 };

	return guard_change(kernel, guard, add_bits, &bits, why);
}

int policy_remove(const struct kernel *kernel, const struct rule *rule, struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	char key[JOURNAL_KEY_LEN];
	struct terok_rule there;
	struct terok_guard guard;
	struct terok_info info;
	bool kept;
	int r;

	if (lock < 0)
		return lock;
	r = rule_get(kernel, rule, &there);
	if (!r) {
		/* taken back by somebody who died before its flows were */
		policy_end_flows(kernel, rule->guard, NULL);
		return no_such_rule(rule, why);
	}
	if (r < 0)
		return remove_problem(r, rule, why);
	if (there.author == TEROK_AUTHOR_NAME)
		return problem(why, -EPERM,
			       "that is an address of a domain: take the domain away; "
			       "terok-bpfd rules shows which there are");
	r = guard_value(kernel, rule->guard, &info, &guard, why);
	if (r)
		return r;
	kept = journal_key(&info, key);
	r = kept ? map_remove_kept(kernel, rule, key, why)
		 : remove_problem(map_remove(kernel, rule), rule, why);
	if (!r && kept && rule->dest.bits == 128) /* a domain may have had this address as well */
		r = policy_settle(kernel, key, rule, why);
	/* flows that this rule's end spared end now */
	return r ? r : policy_end_flows(kernel, rule->guard, why);
}

static int each_exact(int map, uint32_t guard, int (*fn)(const struct rule *, void *), void *user)
{
	struct terok_rule_key key, *prev = NULL;
	int r = 0;

	while (!r && !bpf_map_get_next_key(map, prev, &key)) {
		struct rule rule = { .guard = key.guard,
				     .dest = {
					 .bits = 128, .proto = key.proto, .port = key.port } };

		prev = &key;
		memcpy(rule.dest.addr, key.addr, sizeof(key.addr));
		if (guard && key.guard != guard)
			continue;
		if (!bpf_map_lookup_elem(map, &key, &rule.value))
			r = fn(&rule, user);
		else if (errno != ENOENT) /* gone between the two calls */
			r = -errno;
	}
	return kernel_walk_end(r);
}

static int each_prefix(int map, uint32_t guard, int (*fn)(const struct rule *, void *), void *user)
{
	struct terok_prefix_key key, *prev = NULL;
	int r = 0;

	while (!r && !bpf_map_get_next_key(map, prev, &key)) {
		struct rule rule = { .guard = key.guard,
				     .dest = { .bits = key.prefixlen - TEROK_PREFIX_FIXED,
					       .proto = key.proto,
					       .port = key.port } };

		prev = &key;
		memcpy(rule.dest.addr, key.addr, sizeof(key.addr));
		if (guard && key.guard != guard)
			continue;
		if (!bpf_map_lookup_elem(map, &key, &rule.value))
			r = fn(&rule, user);
		else if (errno != ENOENT) /* gone between the two calls */
			r = -errno;
	}
	return kernel_walk_end(r);
}

int policy_each(const struct kernel *kernel, uint32_t guard,
		int (*fn)(const struct rule *rule, void *user), void *user)
{
	int r = each_exact(kernel->map[MAP_RULES], guard, fn, user);

	return r ? r : each_prefix(kernel->map[MAP_PREFIX], guard, fn, user);
}

static struct terok_publish_key publish_key(uint32_t guard, const struct publish *publish)
{
	return (struct terok_publish_key){ .guard = guard,
					   .port = publish->port,
					   .proto = publish->proto };
}

static int port_write(const struct kernel *kernel, const struct terok_publish_key *key,
		      struct problem *why)
{
	__u32 one = 1;

	if (!bpf_map_update_elem(kernel->map[MAP_PUBLISH], key, &one, BPF_ANY))
		return 0;
	if (errno == E2BIG || errno == ENOSPC)
		return problem(why, -ENOSPC,
			       "the table of published ports is full (%d): %u was not added",
			       TEROK_MAX_PUBLISH, key->port);
	return problem(why, -errno, "publish port %u: %s", key->port, strerror(errno));
}

int policy_publish(const struct kernel *kernel, uint32_t guard, const struct publish *publish,
		   bool on, struct problem *why)
{
	struct terok_publish_key of = publish_key(guard, publish);
	struct bits bits = { .publishes = 1 };
	_cleanup_close_ int lock = kernel_lock(why);
	char key[JOURNAL_KEY_LEN];
	struct terok_guard value;
	struct terok_info info;
	__u32 one;
	int r;

	if (lock < 0)
		return lock;
	if (!on && bpf_map_lookup_elem(kernel->map[MAP_PUBLISH], &of, &one))
		return errno == ENOENT
			   ? problem(why, -ENOENT, "port %u is not published", publish->port)
			   : problem(why, -errno, "look for port %u: %s", publish->port,
				     strerror(errno));
	r = guard_value(kernel, guard, &info, &value, why);
	if (!r && journal_key(&info, key))
		r = on ? journal_put_port(key, publish, why) : journal_drop_port(key, publish, why);
	if (r)
		return r;
	if (!on)
		return bpf_map_delete_elem(kernel->map[MAP_PUBLISH], &of)
			   ? problem(why, -errno, "close port %u: %s", publish->port,
				     strerror(errno))
			   : 0;
	/* as with shapes: the word first, so that no port is there that nobody looks for */
	r = guard_change(kernel, guard, add_bits, &bits, why);
	return r ? r : port_write(kernel, &of, why);
}

static int port_compare(const void *a, const void *b)
{
	const struct publish *x = a, *y = b;

	return x->port != y->port ? x->port - y->port : x->proto - y->proto;
}

int policy_published(const struct kernel *kernel, uint32_t guard, struct publish *ports,
		     unsigned max)
{
	struct terok_publish_key key, *prev = NULL;
	unsigned n = 0;

	while (n < max) {
		if (bpf_map_get_next_key(kernel->map[MAP_PUBLISH], prev, &key)) {
			if (kernel_walk_end(0))
				return kernel_walk_end(0);
			break;
		}
		prev = &key;
		if (key.guard == guard)
			ports[n++] = (struct publish){ key.port, key.proto };
	}
	qsort(ports, n, sizeof(*ports), port_compare);
	return n;
}

static int shape_collect(const struct rule *rule, void *user)
{
	struct bits bits = {};

	shape_bits(rule, &bits);
	add_bits(user, &bits);
	return 0;
}

int policy_shapes(const struct kernel *kernel, uint32_t id, struct terok_guard *guard)
{
	struct publish port;
	int r;

	guard->exact = guard->prefix = 0;
	r = policy_each(kernel, id, shape_collect, guard);
	if (r)
		return r;
	r = policy_published(kernel, id, &port, 1);
	guard->publishes = r > 0;
	return r < 0 ? r : 0;
}

struct restore {
	const struct kernel *kernel;
	uint32_t guard;
	struct terok_guard *value;
	struct problem *why;
};

static int restore_rule(const struct rule *kept, void *user)
{
	struct restore *restore = user;
	struct rule rule = *kept;
	struct terok_rule there;
	struct bits bits = {};

	rule.guard = restore->guard;
	rule.value.made_ns = now_boot_ns();
	rule.value.bits = rule.dest.bits;
	if (rule.value.author == TEROK_AUTHOR_INFRA)
		rule.value.flags = TEROK_RULE_INFRA;
	if (rule.value.author == TEROK_AUTHOR_NAME) {
		int r = exact_get(restore->kernel, &rule, &there);

		if (r) /* what was written first stands above it */
			return r < 0 ? problem(restore->why, r, "look for a rule: %s", strerror(-r))
				     : 0;
	}
	shape_bits(&rule, &bits);
	add_bits(restore->value, &bits);
	return map_write(restore->kernel, &rule, restore->why);
}

static int restore_port(const struct publish *port, void *user)
{
	struct restore *restore = user;
	struct terok_publish_key key = publish_key(restore->guard, port);

	restore->value->publishes = 1;
	return port_write(restore->kernel, &key, restore->why);
}

static int restore_domain(const struct domain_rule *name, void *user)
{
	struct restore *restore = user;

	restore->value->domains++; /* it has some */
	return names_restore(restore->kernel, restore->guard, name, restore->why);
}

int policy_restore(const struct kernel *kernel, const struct terok_info *info, uint32_t guard,
		   struct terok_guard *value, struct problem *why)
{
	struct restore restore = { kernel, guard, value, why };
	const struct journal_reader reader = { restore_rule, restore_port, &restore };
	char key[JOURNAL_KEY_LEN];
	enum terok_state state = TEROK_STATE_NONE;
	bool kept = journal_key(info, key);
	int r = kept ? journal_read(key, &reader, &state, why) : 0;

	if (!r && kept)
		r = journal_get_names(key, &value->names, why);
	if (!r && kept)
		r = journal_each_domain(key, restore_domain, &restore, why);
	value->state = state;
	return r;
}

int policy_unkeep(const struct terok_info *info, struct problem *why)
{
	char key[JOURNAL_KEY_LEN];

	return journal_key(info, key) ? journal_forget(key, why) : 0;
}

#define FORGET_BATCH 256 /* rules per walk: deleting while walking restarts the walk */

struct batch {
	struct rule rule[FORGET_BATCH];
	unsigned n;
};

static int batch_collect(const struct rule *rule, void *user)
{
	struct batch *batch = user;

	batch->rule[batch->n++] = *rule;
	return batch->n == FORGET_BATCH;
}

static int ports_forget(const struct kernel *kernel, uint32_t guard)
{
	struct publish ports[FORGET_BATCH];
	int n, total = 0;

	do {
		n = policy_published(kernel, guard, ports, FORGET_BATCH);
		for (int i = 0; i < n; i++) {
			struct terok_publish_key key = publish_key(guard, &ports[i]);

			if (bpf_map_delete_elem(kernel->map[MAP_PUBLISH], &key) && errno != ENOENT)
				return -errno;
		}
		total += n;
	} while (n == FORGET_BATCH);
	return n < 0 ? n : total;
}

int policy_forget(const struct kernel *kernel, uint32_t guard)
{
	int total = ports_forget(kernel, guard),
	    r = total < 0 ? total : names_forget(kernel, guard);
	struct batch batch = { .n = FORGET_BATCH };

	while (r >= 0 && batch.n == FORGET_BATCH) {
		batch.n = 0;
		r = policy_each(kernel, guard, batch_collect, &batch);
		for (unsigned i = 0; r >= 0 && i < batch.n; i++)
			r = map_remove(kernel, &batch.rule[i]);
		total += batch.n;
	}
	return r < 0 ? r : total;
}
