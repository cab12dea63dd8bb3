// SPDX-License-Identifier: Apache-2.0
#include "dns/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256 /* at first; doubled when there are as many rules */

struct item {
	struct item *next;
	bool wildcard;
	uint64_t hash; /* of the domain without "*." */
	struct dns_rule rule;
};

struct dns_policy {
	struct item **bucket;
	unsigned n, n_buckets;
};

int dns_policy_new(struct dns_policy **ret)
{
	struct dns_policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return -ENOMEM;
	policy->bucket = calloc(BUCKETS, sizeof(struct item *));
	policy->n_buckets = BUCKETS;
	if (!policy->bucket) {
		free(policy);
		return -ENOMEM;
	}
	*ret = policy;
	return 0;
}

void dns_policy_clear(struct dns_policy *policy)
{
	for (unsigned i = 0; i < policy->n_buckets; i++) {
		while (policy->bucket[i]) {
			struct item *item = policy->bucket[i];

			policy->bucket[i] = item->next;
			free(item);
		}
	}
	policy->n = 0;
}

void dns_policy_free(struct dns_policy *policy)
{
	if (!policy)
		return;
	dns_policy_clear(policy);
	free(policy->bucket);
	free(policy);
}

unsigned dns_policy_count(const struct dns_policy *policy)
{
	return policy->n;
}

/* No room for a larger table is no harm: chains get longer. */
static void policy_grow(struct dns_policy *policy)
{
	unsigned n = 2 * policy->n_buckets;
	struct item **bucket = calloc(n, sizeof(struct item *));

	if (!bucket)
		return;
	for (unsigned i = 0; i < policy->n_buckets; i++) {
		while (policy->bucket[i]) {
			struct item *item = policy->bucket[i];

			policy->bucket[i] = item->next;
			item->next = bucket[item->hash % n];
			bucket[item->hash % n] = item;
		}
	}
	free(policy->bucket);
	policy->bucket = bucket;
	policy->n_buckets = n;
}

static const char *domain_bare(const char *domain, bool *wildcard)
{
	*wildcard = !strncmp(domain, "*.", 2);
	return domain + (*wildcard ? 2 : 0);
}

int dns_policy_add(struct dns_policy *policy, const struct dns_rule *rule)
{
	bool wildcard;
	uint64_t hash = dns_name_hash(domain_bare(rule->domain, &wildcard));
	struct item *item = policy->bucket[hash % policy->n_buckets];

	for (; item; item = item->next) {
		if (item->rule.port == rule->port && item->rule.proto == rule->proto &&
		    !strcmp(item->rule.domain, rule->domain)) {
			item->rule = *rule;
			return 0;
		}
	}
	if (policy->n >= policy->n_buckets)
		policy_grow(policy);
	item = malloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	*item = (struct item){ .next = policy->bucket[hash % policy->n_buckets],
			       .wildcard = wildcard,
			       .hash = hash,
			       .rule = *rule };
	policy->bucket[hash % policy->n_buckets] = item;
	policy->n++;
	return 0;
}

/* One name's way through the rules. */
struct look {
	uint64_t now_ns;
	struct terok_name *ret;
	const char *zone; /* of a wildcard that allows it */
	bool exact, allowed, denied, full;
};

/* A grant for everything, without an end, makes every other of its action needless. */
static bool grant_is_whole(const struct terok_grant *grant)
{
	return !grant->port && !grant->proto && !grant->until_ns;
}

static void grant_add(struct look *look, const struct terok_grant *grant)
{
	struct terok_name *name = look->ret;
	unsigned kept = 0;

	for (unsigned i = 0; i < name->n; i++)
		if (name->grant[i].action == grant->action && grant_is_whole(&name->grant[i]))
			return;
	for (unsigned i = 0; i < name->n; i++)
		if (name->grant[i].action != grant->action || !grant_is_whole(grant))
			name->grant[kept++] = name->grant[i];
	name->n = kept;
	if (name->n == TEROK_GRANTS)
		look->full = true;
	else
		name->grant[name->n++] = *grant;
}

static void rule_speaks(struct look *look, const struct item *item)
{
	const struct dns_rule *rule = &item->rule;
	struct terok_grant grant = { .until_ns = rule->until_ns,
				     .port = rule->port,
				     .proto = rule->proto,
				     .action = rule->action };

	if (rule->until_ns && rule->until_ns <= look->now_ns)
		return;
	grant_add(look, &grant);
	if (rule->action == TEROK_ALLOW) {
		look->allowed = true;
		look->ret->flags |= rule->flags & (TEROK_RULE_SYNTHETIC | TEROK_RULE_CHECK);
		look->exact |= !item->wildcard;
		if (item->wildcard)
			look->zone = item->rule.domain + 2;
	} else if (!rule->port && !rule->proto) {
		look->denied = true;
	}
}

int dns_policy_look(const struct dns_policy *policy, const char *name, uint64_t now_ns,
		    struct terok_name *ret, const char **zone)
{
	struct look look = { .now_ns = now_ns, .ret = ret };

	ret->n = ret->flags = 0;
	memset(ret->grant, 0, sizeof(ret->grant));
	memset(ret->text, 0, sizeof(ret->text));
	memccpy(ret->text, name, '\0', sizeof(ret->text) - 1);
	for (const char *tail = name; tail; tail = strchr(tail, '.')) {
		uint64_t hash;

		tail += *tail == '.';
		hash = dns_name_hash(tail);
		for (const struct item *item = policy->bucket[hash % policy->n_buckets]; item;
		     item = item->next)
			if (item->hash == hash && (item->wildcard || tail == name) &&
			    !strcmp(item->rule.domain + (item->wildcard ? 2 : 0), tail))
				rule_speaks(&look, item);
	}
	if (zone)
		*zone = look.exact ? NULL : look.zone;
	if (!look.allowed || look.denied)
		return 0;
	return look.full ? -E2BIG : 1;
}

uint64_t dns_policy_ends(const struct terok_name *entry)
{
	uint64_t last = 1;

	for (unsigned i = 0; i < entry->n; i++) {
		if (entry->grant[i].action != TEROK_ALLOW)
			continue;
		if (!entry->grant[i].until_ns)
			return 0;
		if (entry->grant[i].until_ns > last)
			last = entry->grant[i].until_ns;
	}
	return last;
}
