// SPDX-License-Identifier: Apache-2.0
#include "domains.h"

#include <errno.h>
#include <string.h>

#include "base/event.h"
#include "explain.h"
#include "guard.h"
#include "journal.h"
#include "policy_map.h"

/* The addresses a domain had and has; of both the map must say what is true now. */
struct change {
	const struct kernel *kernel;
	const char *key;
	uint32_t guard;
	const struct domain_rule *name;
	uint8_t addr[2 * RESOLVE_ADDRS][16];
	unsigned n;
	struct problem *why;
};

static struct rule rule_of(const struct change *change, const uint8_t addr[static 16])
{
	struct rule rule = { .guard = change->guard,
			     .dest = change->name->dest,
			     .value = change->name->value };

	memcpy(rule.dest.addr, addr, sizeof(rule.dest.addr));
	rule.dest.bits = 128;
	rule.value.bits = 128;
	return rule;
}

static void change_add(struct change *change, const uint8_t addr[static 16])
{
	for (unsigned i = 0; i < change->n; i++)
		if (!memcmp(change->addr[i], addr, 16))
			return;
	if (change->n < sizeof(change->addr) / sizeof(change->addr[0]))
		memcpy(change->addr[change->n++], addr, 16);
}

static int had(const struct rule *rule, void *user)
{
	change_add(user, rule->dest.addr);
	return 0;
}

/* Those that may have a rule; of the others the first is remembered, for people. */
static unsigned answers_sift(const struct domain_rule *name, const struct resolved *found,
			     struct domains_done *done)
{
	*done = (struct domains_done){};
	for (unsigned i = 0; i < found->n; i++) {
		if (name->value.action == TEROK_ALLOW && explain_is_special(found->addr[i])) {
			if (!done->refused++)
				memcpy(done->first_refused, found->addr[i], 16);
			continue;
		}
		memcpy(done->addr[done->addresses++], found->addr[i], 16);
	}
	return done->addresses;
}

/* Every address of the change, old or new. */
static int change_settle(struct change *change)
{
	int r = 0;

	for (unsigned i = 0; !r && i < change->n; i++) {
		struct rule rule = rule_of(change, change->addr[i]);

		if (change->name->value.action == TEROK_DENY)
			r = policy_take_allow(change->kernel, change->key, &rule, change->why);
		if (!r)
			r = policy_settle(change->kernel, change->key, &rule, change->why);
	}
	return r;
}

static int change_begin(struct change *change, char key[static JOURNAL_KEY_LEN],
			struct terok_guard *guard)
{
	struct terok_info info;
	int r = guard_value(change->kernel, change->guard, &info, guard, change->why);

	if (!r && !journal_key(&info, key))
		r = problem(change->why, -EPERM,
			    "guard %u is of exec and keeps nothing: it takes addresses, not "
			    "domains",
			    change->guard);
	change->key = key;
	return r ? r : journal_each_answer(key, change->name, had, change, change->why);
}

static int put_locked(struct change *change, const struct resolved *found,
		      struct domains_done *done)
{
	static const uint8_t none[16];
	struct rule shape = rule_of(change, none);
	char key[JOURNAL_KEY_LEN];
	struct terok_guard guard;
	int r = change_begin(change, key, &guard);

	if (!r)
		r = policy_announce(change->kernel, &shape, &guard, change->why);
	if (!r)
		r = journal_put_domain(key, change->name, change->why);
	if (!r && !found->error) {
		answers_sift(change->name, found, done);
		r = journal_put_answers(key, change->name, done->addr, done->addresses,
					change->why);
		for (unsigned i = 0; i < done->addresses; i++)
			change_add(change, done->addr[i]);
	} else if (!r) {
		done->addresses = change->n;
		memcpy(done->addr, change->addr, sizeof(done->addr));
	}
	if (!r)
		r = change_settle(change);
	if (r || change->name->value.action == TEROK_ALLOW)
		return r;
	return policy_end_flows(change->kernel, change->guard, change->why);
}

int domains_put(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
		const struct resolved *found, struct domains_done *ret, struct problem *why)
{
	struct change change = { .kernel = kernel, .guard = guard, .name = name, .why = why };
	_cleanup_close_ int lock = kernel_lock(why);
	struct domains_done done = {};
	int r = lock < 0 ? lock : put_locked(&change, found, &done);

	if (!r && ret)
		*ret = done;
	return r;
}

int domains_drop(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
		 struct problem *why)
{
	struct change change = { .kernel = kernel, .guard = guard, .name = name, .why = why };
	_cleanup_close_ int lock = kernel_lock(why);
	char key[JOURNAL_KEY_LEN];
	struct terok_guard value;
	int r = lock < 0 ? lock : change_begin(&change, key, &value);

	if (!r) {
		r = journal_drop_domain(key, name, why);
		if (r == -ENOENT)
			return problem(why, r, "no such rule: %s %s; terok-bpfd rules lists them",
				       name->value.action == TEROK_ALLOW ? "allow" : "deny",
				       name->domain);
	}
	for (unsigned i = 0; !r && i < change.n; i++) {
		struct rule rule = rule_of(&change, change.addr[i]);

		r = policy_settle(kernel, key, &rule, why);
	}
	return r ? r : policy_end_flows(kernel, guard, why);
}

struct list {
	struct domain_rule *item;
	size_t n, room;
};

static int list_add(const struct domain_rule *name, void *user)
{
	struct list *list = user;

	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 32;
		struct domain_rule *more = reallocarray(list->item, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		list->item = more;
		list->room = room;
	}
	list->item[list->n++] = *name;
	return 0;
}

int domains_list(const struct kernel *kernel, uint32_t guard, struct domain_rule **ret,
		 struct problem *why)
{
	char key[JOURNAL_KEY_LEN];
	struct list list = {};
	struct terok_guard value;
	struct terok_info info;
	int r = guard_value(kernel, guard, &info, &value, why);

	*ret = NULL;
	if (r || !journal_key(&info, key))
		return r;
	r = journal_each_domain(key, list_add, &list, why);
	if (r) {
		free(list.item);
		return r;
	}
	*ret = list.item;
	return list.n;
}
