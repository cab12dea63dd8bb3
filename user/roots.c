// SPDX-License-Identifier: Apache-2.0
#include "roots.h"

#include <errno.h>
#include <string.h>

#include "names.h"

static bool is_roots(const struct terok_rule *value)
{
	return !value->uid &&
	       (value->author == TEROK_AUTHOR_OPERATOR || value->author == TEROK_AUTHOR_VERDICT ||
		value->author == TEROK_AUTHOR_INFRA);
}

static int rule_is(const struct rule *rule, void *user)
{
	const struct dest *a = &rule->dest, *b = user;

	return is_roots(&rule->value) &&
	       (!b || (a->bits == b->bits && a->port == b->port && a->proto == b->proto &&
		       !memcmp(a->addr, b->addr, sizeof(a->addr))));
}

static int domain_is(const struct domain_rule *name, void *user)
{
	const struct domain_rule *wanted = user;

	return is_roots(&name->value) && (!wanted || (!strcmp(name->domain, wanted->domain) &&
						      name->dest.port == wanted->dest.port &&
						      name->dest.proto == wanted->dest.proto));
}

/* What a walk found. */
static int verdict(int r, const char *what, struct problem *why)
{
	if (r > 0)
		return problem(why, -EPERM, "root said something of %s: only root changes it",
			       what);
	return r < 0 ? problem(why, r, "read its rules: %s", strerror(-r)) : 0;
}

int roots_rule(const struct kernel *kernel, uint32_t guard, const struct dest *dest,
	       struct problem *why)
{
	struct dest wanted = *dest;

	return verdict(policy_each(kernel, guard, rule_is, &wanted), "just that destination", why);
}

int roots_domain(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
		 struct problem *why)
{
	struct domain_rule wanted = *name;

	return verdict(names_domains(kernel, guard, domain_is, &wanted), "just that domain", why);
}

int roots_any(const struct kernel *kernel, const struct guard *guard, struct problem *why)
{
	int r = policy_each(kernel, guard->id, rule_is, NULL);

	if (guard->info.flags & TEROK_INFO_ROOTS)
		return problem(why, -EPERM, "root attached this guard: only root changes that");
	if (!r)
		r = guard_root_blocks(guard);
	return verdict(r ? r : names_domains(kernel, guard->id, domain_is, NULL), "this guard",
		       why);
}
