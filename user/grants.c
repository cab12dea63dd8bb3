// SPDX-License-Identifier: Apache-2.0
#include "grants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/event.h"
#include "domains.h"
#include "guard.h"
#include "names.h"

#define BUCKETS    256                       /* of users */
#define NUMBER_MAX UINT64_C(999999999999999) /* fifteen digits: every reader of JSON keeps them */

struct grant {
	struct grant *next; /* an older one of the same guard */
	uint64_t number, made_ns;
	enum scope scope;
	enum terok_action action;
	bool by_name;
	struct dest dest;
	char domain[]; /* "": by address */
};

struct holder { /* a guard */
	struct holder *next;
	uint32_t guard, uid;
	bool read; /* what was in the kernel before us is in the table */
	unsigned n;
	struct grant *newest;
};

struct grants {
	const struct kernel *kernel;
	unsigned n;
	struct holder *bucket[BUCKETS]; /* by user */
};

int grants_new(const struct kernel *kernel, struct grants **ret)
{
	struct grants *grants = calloc(1, sizeof(*grants));

	if (!grants)
		return -ENOMEM;
	grants->kernel = kernel;
	*ret = grants;
	return 0;
}

static void grant_drop(struct grants *grants, struct holder *holder, struct grant **slot)
{
	struct grant *grant = *slot;

	*slot = grant->next;
	free(grant);
	holder->n--;
	grants->n--;
}

static void holder_empty(struct grants *grants, struct holder *holder)
{
	while (holder->newest)
		grant_drop(grants, holder, &holder->newest);
	holder->read = false;
}

void grants_free(struct grants *grants)
{
	struct holder *holder;

	if (!grants)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while ((holder = grants->bucket[i])) {
			grants->bucket[i] = holder->next;
			holder_empty(grants, holder);
			free(holder);
		}
	}
	free(grants);
}

static struct holder *holder_find(const struct grants *grants, uint32_t guard, uint32_t uid)
{
	struct holder *holder = grants->bucket[uid % BUCKETS];

	while (holder && (holder->guard != guard || holder->uid != uid))
		holder = holder->next;
	return holder;
}

void grants_guard(struct grants *grants, uint32_t guard, uint32_t uid)
{
	struct holder *holder;

	if (holder_find(grants, guard, uid))
		return;
	holder = malloc(sizeof(*holder));
	if (!holder)
		return;
	*holder =
	    (struct holder){ .next = grants->bucket[uid % BUCKETS], .guard = guard, .uid = uid };
	grants->bucket[uid % BUCKETS] = holder;
}

void grants_gone(struct grants *grants, uint32_t guard)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct holder **slot = &grants->bucket[i]; *slot; slot = &(*slot)->next) {
			struct holder *holder = *slot;

			if (holder->guard != guard)
				continue;
			*slot = holder->next;
			holder_empty(grants, holder);
			free(holder);
			return;
		}
	}
}

/* --- what there is ------------------------------------------------------------------------ */

static uint64_t number_take(void)
{
	uint64_t random = 0;

	while (getrandom(&random, sizeof(random), 0) != sizeof(random))
		;
	return 1 + random % NUMBER_MAX;
}

static bool is_of(const struct grant *grant, const struct verdict_rule *rule)
{
	return grant->by_name == rule->by_name &&
	       !memcmp(&grant->dest, &rule->dest, sizeof(grant->dest)) &&
	       !strcmp(grant->domain, rule->domain);
}

/* What the kernel has in that place now; false: nothing. */
static bool rule_look(const struct kernel *kernel, uint32_t guard, const struct verdict_rule *rule,
		      struct terok_rule *ret)
{
	struct domain_rule name = { .dest = rule->dest };
	struct rule exact = { .guard = guard, .dest = rule->dest };
	bool found;

	memcpy(name.domain, rule->domain, sizeof(name.domain));
	found = rule->by_name ? names_domain(kernel, guard, &name) : policy_exact(kernel, &exact);
	if (found)
		*ret = rule->by_name ? name.value : exact.value;
	return found;
}

static bool is_in_force(const struct terok_rule *value, enum terok_action action)
{
	return value->author == TEROK_AUTHOR_VERDICT && value->action == action &&
	       (!value->until_ns || value->until_ns > now_boot_ns());
}

static bool granted_fill(const struct grants *grants, const struct holder *holder,
			 const struct grant *grant, struct granted *ret)
{
	*ret = (struct granted){ .number = grant->number,
				 .guard = holder->guard,
				 .scope = grant->scope,
				 .rule = { .by_name = grant->by_name, .dest = grant->dest } };
	strcpy(ret->rule.domain, grant->domain);
	if (!rule_look(grants->kernel, holder->guard, &ret->rule, &ret->value) ||
	    !is_in_force(&ret->value, grant->action))
		return false;
	ret->rule.until_ns = ret->value.until_ns;
	return true;
}

/* Those that hold no more are forgotten. */
static void holder_sift(struct grants *grants, struct holder *holder)
{
	struct granted granted;

	for (struct grant **slot = &holder->newest; *slot;) {
		if (granted_fill(grants, holder, *slot, &granted))
			slot = &(*slot)->next;
		else
			grant_drop(grants, holder, slot);
	}
}

/* How many that user has, of all their guards. */
static unsigned user_count(const struct grants *grants, uint32_t uid)
{
	unsigned n = 0;

	for (const struct holder *h = grants->bucket[uid % BUCKETS]; h; h = h->next)
		if (h->uid == uid)
			n += h->n;
	return n;
}

/* The guard with most of them, of the user with most of them. */
static struct holder *holder_greediest(const struct grants *grants)
{
	struct holder *best = NULL;
	unsigned most = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct holder *holder = grants->bucket[i]; holder; holder = holder->next) {
			unsigned n = user_count(grants, holder->uid);

			if (best && (n < most || (n == most && holder->n <= best->n)))
				continue;
			best = holder;
			most = n;
		}
	}
	return best;
}

/*
 * There is room for one more. Whose grants are forgotten for it is looked at again when asked, and
 * gets new numbers: so it is whoever has most of them, and never somebody with a few.
 */
static void room_make(struct grants *grants)
{
	struct holder *holder;

	for (unsigned i = 0; grants->n >= GRANTS_MAX && i < BUCKETS; i++)
		for (holder = grants->bucket[i]; holder; holder = holder->next)
			holder_sift(grants, holder);
	while (grants->n >= GRANTS_MAX)
		holder_empty(grants, holder_greediest(grants));
}

static void grant_add(struct grants *grants, struct holder *holder, const struct verdict_rule *rule,
		      const struct terok_rule *value, enum scope scope)
{
	size_t size = strlen(rule->domain) + 1;
	struct grant *grant;

	grant = malloc(sizeof(*grant) + size);
	if (!grant)
		return;
	*grant = (struct grant){ .next = holder->newest,
				 .number = number_take(),
				 .made_ns = value->made_ns,
				 .scope = scope,
				 .action = value->action,
				 .by_name = rule->by_name,
				 .dest = rule->dest };
	memcpy(grant->domain, rule->domain, size);
	holder->newest = grant;
	holder->n++;
	grants->n++;
}

static struct grant **grant_slot(struct holder *holder, const struct verdict_rule *rule)
{
	struct grant **slot = &holder->newest;

	while (*slot && !is_of(*slot, rule))
		slot = &(*slot)->next;
	return slot;
}

void grants_note(struct grants *grants, uint32_t guard, const struct verdict_rule *rule,
		 enum terok_action action, enum scope scope)
{
	struct terok_rule value;
	struct terok_info info;
	struct holder *holder;
	struct grant **slot;

	if (guard_info(grants->kernel, guard, &info))
		return;
	grants_guard(grants, guard, info.uid);
	holder = holder_find(grants, guard, info.uid);
	if (!holder || !rule_look(grants->kernel, guard, rule, &value) ||
	    !is_in_force(&value, action))
		return;
	slot = grant_slot(holder, rule);
	if (*slot && (*slot)->made_ns == value.made_ns && (*slot)->action == action)
		return; /* a longer one stayed as it was */
	if (*slot)
		grant_drop(grants, holder, slot);
	room_make(grants);
	grant_add(grants, holder, rule, &value, scope);
}

/* --- what there was before ---------------------------------------------------------------- */

struct reading {
	struct grants *grants;
	struct holder *holder;
	const struct grant *known; /* before it began */
};

static int read_one(const struct reading *reading, const struct verdict_rule *rule,
		    const struct terok_rule *value, bool kept)
{
	enum scope scope = value->until_ns ? SCOPE_TIME : kept ? SCOPE_FOREVER : SCOPE_SESSION;
	const struct grant *known = reading->known;

	while (known && !is_of(known, rule))
		known = known->next;
	if (known || !is_in_force(value, value->action))
		return 0;
	if (reading->grants->n >= GRANTS_MAX)
		return -ENOSPC;
	grant_add(reading->grants, reading->holder, rule, value, scope);
	return 0;
}

static int read_rule(const struct rule *rule, void *user)
{
	const struct reading *reading = user;
	struct verdict_rule made = { .dest = rule->dest };

	if (rule->value.author != TEROK_AUTHOR_VERDICT)
		return 0;
	return read_one(reading, &made, &rule->value,
			!rule->value.until_ns && policy_is_kept(reading->grants->kernel, rule));
}

static int read_name(const struct domain_rule *name, void *user)
{
	const struct reading *reading = user;
	struct verdict_rule made = { .by_name = true, .dest = name->dest };

	if (name->value.author != TEROK_AUTHOR_VERDICT)
		return 0;
	memcpy(made.domain, name->domain, sizeof(made.domain));
	return read_one(reading, &made, &name->value,
			!name->value.until_ns &&
			    domains_is_kept(reading->grants->kernel, reading->holder->guard, name));
}

/* What did not fit, or could not be read, is looked for again the next time. */
static void holder_read(struct grants *grants, struct holder *holder)
{
	struct reading reading = { grants, holder, holder->newest };

	if (!holder->read)
		holder->read = !policy_each(grants->kernel, holder->guard, read_rule, &reading) &&
			       !names_domains(grants->kernel, holder->guard, read_name, &reading);
}

/* --- for people --------------------------------------------------------------------------- */

struct showing {
	void (*fn)(const struct granted *granted, void *user);
	void *user;
	unsigned n;
	bool more;
};

static void holder_show(struct grants *grants, struct holder *holder, struct showing *showing)
{
	struct granted granted;

	holder_read(grants, holder);
	for (struct grant **slot = &holder->newest; *slot && !showing->more;) {
		if (!granted_fill(grants, holder, *slot, &granted)) {
			grant_drop(grants, holder, slot);
			continue;
		}
		showing->more = showing->n == GRANTS_SHOWN;
		if (!showing->more) {
			showing->n++;
			showing->fn(&granted, showing->user);
		}
		slot = &(*slot)->next;
	}
	showing->more |= !holder->read;
}

bool grants_each(struct grants *grants, uint32_t uid, uint32_t guard,
		 void (*fn)(const struct granted *granted, void *user), void *user)
{
	struct showing showing = { .fn = fn, .user = user };
	unsigned from = uid ? uid % BUCKETS : 0, to = uid ? from : BUCKETS - 1;

	for (unsigned i = from; i <= to; i++)
		for (struct holder *holder = grants->bucket[i]; holder; holder = holder->next)
			if ((!uid || holder->uid == uid) && (!guard || holder->guard == guard))
				holder_show(grants, holder, &showing);
	return showing.more;
}

static struct grant **number_find(struct grants *grants, uint32_t uid, uint64_t number,
				  struct holder **of)
{
	unsigned from = uid ? uid % BUCKETS : 0, to = uid ? from : BUCKETS - 1;

	for (unsigned i = from; i <= to; i++) {
		for (struct holder *holder = grants->bucket[i]; holder; holder = holder->next) {
			if (uid && holder->uid != uid)
				continue;
			*of = holder;
			for (struct grant **slot = &holder->newest; *slot; slot = &(*slot)->next)
				if ((*slot)->number == number)
					return slot;
		}
	}
	return NULL;
}

static int granted_remove(const struct kernel *kernel, const struct granted *granted,
			  struct problem *why)
{
	const struct verdict_rule *made = &granted->rule;
	struct domain_rule name = { .dest = made->dest, .value = granted->value };
	struct rule exact = { .guard = granted->guard,
			      .dest = made->dest,
			      .value = granted->value };

	memcpy(name.domain, made->domain, sizeof(name.domain));
	return made->by_name ? domains_drop(kernel, granted->guard, &name, why)
			     : policy_remove(kernel, &exact, why);
}

int grants_revoke(struct grants *grants, uint32_t uid, uint64_t number, struct granted *ret,
		  struct problem *why)
{
	struct holder *holder = NULL;
	struct grant **slot = number_find(grants, uid, number, &holder);
	struct granted granted;
	int r;

	if (!slot)
		return problem(why, -ENOENT, "there is no such grant (any more)");
	if (!granted_fill(grants, holder, *slot, &granted)) {
		grant_drop(grants, holder, slot);
		return problem(why, -ENOENT, "it has ended, or a verb said something else since");
	}
	if (uid && !granted.value.uid)
		return problem(why, -EPERM, "root has said that");
	r = granted_remove(grants->kernel, &granted, why);
	if (r)
		return r;
	grant_drop(grants, holder, slot);
	*ret = granted;
	return 0;
}
