// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "domains.h"
#include "guard.h"
#include "names_map.h"

static int domain_key(uint32_t guard, const struct domain_rule *rule, struct terok_domain_key *ret)
{
	*ret = (struct terok_domain_key){ .guard = guard,
					  .port = rule->dest.port,
					  .proto = rule->dest.proto };
	if (strlen(rule->domain) >= sizeof(ret->domain))
		return -EINVAL;
	strcpy(ret->domain, rule->domain);
	return 0;
}

int names_domains(const struct kernel *kernel, uint32_t guard,
		  int (*fn)(const struct domain_rule *rule, void *user), void *user)
{
	struct terok_domain_key key, *prev = NULL;
	int r = 0;

	while (!r && !bpf_map_get_next_key(kernel->map[MAP_DOMAINS], prev, &key)) {
		struct domain_rule rule = { .dest = { .port = key.port, .proto = key.proto } };

		prev = &key;
		if (key.guard != guard)
			continue;
		memcpy(rule.domain, key.domain, sizeof(rule.domain));
		rule.domain[sizeof(rule.domain) - 1] = '\0';
		if (!bpf_map_lookup_elem(kernel->map[MAP_DOMAINS], &key, &rule.value))
			r = fn(&rule, user);
		else if (errno != ENOENT)
			r = -errno;
	}
	return kernel_walk_end(r);
}

bool names_domain(const struct kernel *kernel, uint32_t guard, struct domain_rule *rule)
{
	struct terok_domain_key key;

	return !domain_key(guard, rule, &key) &&
	       !bpf_map_lookup_elem(kernel->map[MAP_DOMAINS], &key, &rule->value);
}

/* "x.y.z" itself, then "*.x.y.z", "*.y.z", "*.z" */
bool names_domain_of(const struct kernel *kernel, uint32_t guard, const char *name,
		     struct domain_rule *rule)
{
	struct domain_rule look = *rule;
	const char *below = NULL;

	for (;;) {
		int n = snprintf(look.domain, sizeof(look.domain), "%s%s", below ? "*." : "",
				 below ?: name);

		if (n < (int)sizeof(look.domain) && names_domain(kernel, guard, &look) &&
		    look.value.action == rule->value.action) {
			*rule = look;
			return true;
		}
		below = below ? strchr(below, '.') : name;
		if (!below)
			return false;
		below += *below == '.';
	}
}

bool names_get(const struct kernel *kernel, uint32_t guard, const char *name,
	       struct terok_name *ret)
{
	struct terok_name_key key = { .guard = guard, .name = dns_name_hash(name) };

	return !bpf_map_lookup_elem(kernel->map[MAP_NAMES], &key, ret) && !strcmp(ret->text, name);
}

bool names_has(const struct kernel *kernel, uint32_t guard, const uint8_t addr[static 16],
	       const char *name)
{
	struct terok_learned_key key = { .guard = guard };
	uint64_t id = dns_name_hash(name), now = now_boot_ns();
	struct terok_synthetic synthetic;
	struct terok_learned learned;

	memcpy(key.addr, addr, sizeof(key.addr));
	if (!bpf_map_lookup_elem(kernel->map[MAP_SYNTHETIC], &key, &synthetic))
		return synthetic.name == id;
	if (bpf_map_lookup_elem(kernel->map[MAP_LEARNED], &key, &learned))
		return false;
	for (unsigned i = 0; i < TEROK_SHARERS; i++)
		if (learned.name[i] == id && learned.until_ns[i] > now)
			return true;
	return false;
}

static int policy_take(const struct domain_rule *rule, void *user)
{
	struct dns_rule of = { .until_ns = rule->value.until_ns,
			       .flags = rule->value.flags,
			       .port = rule->dest.port,
			       .proto = rule->dest.proto,
			       .action = rule->value.action };

	memcpy(of.domain, rule->domain, sizeof(of.domain));
	return dns_policy_add(user, &of);
}

int names_policy(const struct kernel *kernel, uint32_t guard, struct dns_policy *ret)
{
	dns_policy_clear(ret);
	return names_domains(kernel, guard, policy_take, ret);
}

int names_each(const struct kernel *kernel, uint32_t guard,
	       int (*fn)(uint64_t id, const struct terok_name *name, void *user), void *user)
{
	struct terok_name_key key, next;
	bool more = !bpf_map_get_next_key(kernel->map[MAP_NAMES], NULL, &key);
	int r = more ? 0 : kernel_walk_end(0);

	/* the next one first: @fn may delete this one */
	while (!r && more) {
		struct terok_name name;

		more = !bpf_map_get_next_key(kernel->map[MAP_NAMES], &key, &next);
		r = more || errno == ENOENT ? 0 : -errno;
		if (!r && key.guard == guard &&
		    !bpf_map_lookup_elem(kernel->map[MAP_NAMES], &key, &name))
			r = fn(key.name, &name, user);
		key = next;
	}
	return r;
}

/* --- names from domains ------------------------------------------------------------------ */

struct settle {
	const struct kernel *kernel;
	uint32_t guard;
	struct dns_policy *policy;
	uint64_t now_ns;
	struct problem *why;
};

/* What policy says of it now: written if it is something else than is there. */
static int settle_name(uint64_t id, const struct terok_name *there, void *user)
{
	struct settle *settle = user;
	struct terok_name_key key = { .guard = settle->guard, .name = id };
	struct terok_name now = *there;
	int allowed = dns_policy_look(settle->policy, there->text, settle->now_ns, &now, NULL);
	int r;

	if (allowed == 1 && now.n == there->n && now.flags == there->flags &&
	    !memcmp(now.grant, there->grant, sizeof(now.grant)))
		return 0;
	if (allowed == 1)
		r = bpf_map_update_elem(settle->kernel->map[MAP_NAMES], &key, &now, BPF_EXIST);
	else /* not allowed, or by more rules than fit: it is asked for again */
		r = bpf_map_delete_elem(settle->kernel->map[MAP_NAMES], &key);
	if (!r || errno == ENOENT)
		return 0;
	return problem(settle->why, -errno, "write what is said of %s: %s", there->text,
		       strerror(errno));
}

static int names_settle(const struct kernel *kernel, uint32_t guard, struct problem *why)
{
	_cleanup_(dns_policy_freep) struct dns_policy *policy = NULL;
	struct settle settle = {
		.kernel = kernel, .guard = guard, .now_ns = now_boot_ns(), .why = why
	};
	int r = dns_policy_new(&policy);

	settle.policy = policy;
	if (!r)
		r = names_policy(kernel, guard, policy);
	if (!r)
		r = names_each(kernel, guard, settle_name, &settle);
	return r && !*why->text ? problem(why, r, "look through the names: %s", strerror(-r)) : r;
}

/* Whoever holds a copy of what is said sees by this that it is old. */
static void domains_count(struct terok_guard *value, void *user)
{
	(void)user;
	value->domains++;
}

static bool guard_has_names(const struct kernel *kernel, uint32_t guard)
{
	struct terok_guard value;
	struct terok_info info;

	return guard_value(kernel, guard, &info, &value, NULL) ||
	       value.names & (TEROK_NAMES_LEARNED | TEROK_NAMES_SYNTHETIC);
}

static int names_changed(const struct kernel *kernel, uint32_t guard, struct problem *why)
{
	struct problem unused = {};
	int r = guard_change(kernel, guard, domains_count, NULL, why);

	if (r || !guard_has_names(kernel, guard))
		return r;
	return names_settle(kernel, guard, why ?: &unused);
}

int names_restore(const struct kernel *kernel, uint32_t guard, const struct domain_rule *rule,
		  struct problem *why)
{
	struct terok_rule value = rule->value;
	struct terok_domain_key key;
	int r = domain_key(guard, rule, &key);

	value.made_ns = now_boot_ns();
	value.bits = 0;
	if (r)
		return problem(why, r, "%s is too long", rule->domain);
	if (!bpf_map_update_elem(kernel->map[MAP_DOMAINS], &key, &value, BPF_ANY))
		return 0;
	if (errno == E2BIG || errno == ENOSPC)
		return problem(why, -ENOSPC,
			       "the table of domains is full (%d): %s was not added; take domains "
			       "away with terok-bpfd allow|deny --remove",
			       TEROK_MAX_DOMAINS, rule->domain);
	return problem(why, -errno, "write the rule for %s: %s", rule->domain, strerror(errno));
}

int names_put(const struct kernel *kernel, uint32_t guard, const struct domain_rule *rule,
	      struct problem *why)
{
	int r = names_restore(kernel, guard, rule, why);

	return r ? r : names_changed(kernel, guard, why);
}

int names_drop(const struct kernel *kernel, uint32_t guard, const struct domain_rule *rule,
	       struct problem *why)
{
	struct terok_domain_key key;
	struct terok_rule there;
	int r = domain_key(guard, rule, &key);

	if (r)
		return problem(why, r, "%s is too long", rule->domain);
	if (bpf_map_lookup_elem(kernel->map[MAP_DOMAINS], &key, &there))
		return errno == ENOENT
			   ? -ENOENT
			   : problem(why, -errno, "look for %s: %s", rule->domain, strerror(errno));
	if (there.action != rule->value.action)
		return -ENOENT;
	if (bpf_map_delete_elem(kernel->map[MAP_DOMAINS], &key) && errno != ENOENT)
		return problem(why, -errno, "remove the rule for %s: %s", rule->domain,
			       strerror(errno));
	return names_changed(kernel, guard, why);
}

/* --- what was learned, taken back --------------------------------------------------------- */

struct flush {
	const struct kernel *kernel;
	uint32_t guard;
	const char *name; /* NULL: all */
	int n;
};

static int flush_name(uint64_t id, const struct terok_name *name, void *user)
{
	struct flush *flush = user;

	if (flush->name && strcmp(flush->name, name->text))
		return 0;
	if (names_delete(flush->kernel, flush->guard, id, name) && errno != ENOENT)
		return -errno;
	flush->n++;
	return 0;
}

int names_flush(const struct kernel *kernel, uint32_t guard, const char *name, struct problem *why)
{
	struct flush flush = { .kernel = kernel, .guard = guard, .name = name };
	_cleanup_close_ int lock = kernel_lock(why);
	int r = lock < 0 ? lock : names_each(kernel, guard, flush_name, &flush);

	if (!r)
		r = name ? names_prune_locked(kernel, guard)
			 : names_forget_addresses(kernel, guard);
	if (!r) /* by this the agent and its resolver forget what they remember, when they look */
		r = guard_change(kernel, guard, domains_count, NULL, why);
	if (r && lock >= 0)
		problem(why, r, "forget names: %s", strerror(-r));
	return r ? r : flush.n;
}

#define FORGET_BATCH 256 /* deleting while walking would begin the walk anew */

static int domains_forget(const struct kernel *kernel, uint32_t guard)
{
	struct terok_domain_key key[FORGET_BATCH], at, *prev;
	unsigned n = FORGET_BATCH;

	while (n == FORGET_BATCH) {
		n = 0;
		prev = NULL;
		while (n < FORGET_BATCH &&
		       !bpf_map_get_next_key(kernel->map[MAP_DOMAINS], prev, &at)) {
			prev = &at;
			if (at.guard == guard)
				key[n++] = at;
		}
		for (unsigned i = 0; i < n; i++)
			if (bpf_map_delete_elem(kernel->map[MAP_DOMAINS], &key[i]) &&
			    errno != ENOENT)
				return -errno;
	}
	return 0;
}

int names_forget(const struct kernel *kernel, uint32_t guard)
{
	struct flush flush = { .kernel = kernel, .guard = guard };
	int r = domains_forget(kernel, guard);

	if (!r)
		r = names_each(kernel, guard, flush_name, &flush);
	if (!r)
		r = names_forget_addresses(kernel, guard);
	bpf_map_delete_elem(kernel->map[MAP_QUERIES], &guard);
	return r;
}
