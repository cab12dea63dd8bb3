// SPDX-License-Identifier: Apache-2.0
#include "domains.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/log.h"
#include "explain.h"
#include "guard.h"
#include "journal.h"
#include "names.h"
#include "policy_map.h"

#define PUT_BATCH 64 /* so many go to disk together, while whoever else changes policy waits */

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

static bool resolver_comes;

/* Is a domain of this guard in force by name? An exact guard has no other way. */
static bool rule_is_by_name(const struct terok_guard *value, const struct domain_rule *name)
{
	bool exact = value->names & TEROK_NAMES_EXACT || name->value.flags & TEROK_RULE_SYNTHETIC;

	if (exact)
		return true;
	if (name->value.action != TEROK_ALLOW)
		return false;
	return value->dns_port || (resolver_comes && !(value->names & TEROK_NAMES_OFF));
}

void domains_expect_resolver(void)
{
	resolver_comes = true;
}

int domains_ask(const struct kernel *kernel, uint32_t guard, const struct domain_rule *names,
		unsigned n, struct resolved *ret, struct problem *why)
{
	_cleanup_free_ const char **domain = calloc(n + 1, sizeof(*domain));
	_cleanup_free_ struct resolved *found = calloc(n + 1, sizeof(*found));
	_cleanup_free_ unsigned *of = calloc(n + 1, sizeof(*of));
	struct terok_guard value;
	struct terok_info info;
	unsigned asked = 0;
	int r = guard_value(kernel, guard, &info, &value, why);

	if (!r && (!domain || !found || !of))
		r = problem(why, -ENOMEM, "ask for domains: %s", strerror(ENOMEM));
	for (unsigned i = 0; !r && i < n; i++) {
		ret[i] = (struct resolved){ .error = -ENOTSUP };
		if (rule_is_by_name(&value, &names[i]))
			continue;
		domain[asked] = names[i].domain;
		of[asked++] = i;
	}
	if (r)
		return r;
	resolve_domains(domain, asked, found);
	for (unsigned i = 0; i < asked; i++)
		ret[of[i]] = found[i];
	return asked;
}

/* *kept: it is in the journal; its old addresses are in @change then. */
static int change_begin(struct change *change, char key[static JOURNAL_KEY_LEN],
			struct terok_guard *guard, bool *kept)
{
	struct terok_info info;
	int r = guard_value(change->kernel, change->guard, &info, guard, change->why);

	if (r)
		return r;
	*kept = journal_key(&info, key);
	change->key = key;
	return *kept ? journal_each_answer(key, change->name, had, change, change->why) : 0;
}

/* The addresses that the host found, in place of those it had found before. */
static int answers_put(struct change *change, const struct resolved *found,
		       struct domains_done *done)
{
	int r = 0;

	if (done->by_name) {
		r = journal_put_answers(change->key, change->name, NULL, 0, change->why);
	} else if (!found->error) {
		answers_sift(change->name, found, done);
		r = journal_put_answers(change->key, change->name, done->addr, done->addresses,
					change->why);
		for (unsigned i = 0; i < done->addresses; i++)
			change_add(change, done->addr[i]);
	} else {
		done->addresses = change->n;
		memcpy(done->addr, change->addr, sizeof(done->addr));
	}
	return r;
}

/* What is kept of it; the hooks hear that there are addresses before there is one. */
static int put_on_disk(struct change *change, const struct terok_guard *guard,
		       const struct resolved *found, struct domains_done *done)
{
	static const uint8_t none[16];
	struct rule shape = rule_of(change, none);
	bool by_name = rule_is_by_name(guard, change->name) || (!change->key && guard->dns_port);
	int r = 0;

	*done = (struct domains_done){ .by_name = by_name };
	if (!change->key && !by_name)
		return problem(change->why, -EPERM,
			       "guard %u is of exec and has no resolver: it takes addresses, not "
			       "domains",
			       change->guard);
	if (!by_name)
		r = policy_announce(change->kernel, &shape, guard, change->why);
	if (r || !change->key)
		return r;
	r = journal_each_answer(change->key, change->name, had, change, change->why);
	if (!r)
		r = journal_put_domain(change->key, change->name, change->why);
	return r ? r : answers_put(change, found, done);
}

static int put_in_force(struct change *change)
{
	int r = names_put(change->kernel, change->guard, change->name, change->why);

	if (!r && change->key)
		r = change_settle(change);
	if (r || change->name->value.action == TEROK_ALLOW)
		return r;
	return policy_end_flows(change->kernel, change->guard, change->why);
}

/* Disk first, all of them together, then the maps. */
static int put_locked(struct change *change, unsigned n, const struct resolved *found,
		      struct domains_done *done)
{
	struct problem *why = change->why;
	char key[JOURNAL_KEY_LEN];
	struct terok_guard guard;
	struct terok_info info;
	bool kept;
	int r = guard_value(change->kernel, change->guard, &info, &guard, why);

	if (r)
		return r;
	kept = journal_key(&info, key);
	r = kept ? journal_begin(why) : 0;
	if (r)
		return r;
	for (unsigned i = 0; !r && i < n; i++) {
		change[i].key = kept ? key : NULL;
		r = put_on_disk(&change[i], &guard, &found[i], &done[i]);
	}
	if (kept)
		r = journal_end(r, why);
	for (unsigned i = 0; !r && i < n; i++)
		r = put_in_force(&change[i]);
	return r;
}

int domains_put(const struct kernel *kernel, uint32_t guard, const struct domain_rule *names,
		unsigned n, const struct resolved *found, struct domains_done *ret,
		struct problem *why)
{
	_cleanup_free_ struct change *change = calloc(PUT_BATCH, sizeof(*change));
	int r = change ? 0 : problem(why, -ENOMEM, "keep domains: %s", strerror(ENOMEM));

	for (unsigned at = 0; !r && at < n; at += PUT_BATCH) {
		_cleanup_close_ int lock = kernel_lock(why);
		unsigned some = n - at < PUT_BATCH ? n - at : PUT_BATCH;

		for (unsigned i = 0; i < some; i++)
			change[i] = (struct change){
				.kernel = kernel, .guard = guard, .name = &names[at + i], .why = why
			};
		r = lock < 0 ? lock : put_locked(change, some, found + at, ret + at);
	}
	return r;
}

int domains_put_session(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
			struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	struct terok_guard value;
	struct terok_info info;
	int r = lock < 0 ? lock : guard_value(kernel, guard, &info, &value, why);

	if (!r && !value.dns_port)
		r = problem(why, -EPERM, "guard %u has no resolver", guard);
	if (!r)
		r = names_put(kernel, guard, name, why);
	if (r || name->value.action == TEROK_ALLOW)
		return r;
	return policy_end_flows(kernel, guard, why);
}

static int no_such_domain(const struct domain_rule *name, struct problem *why)
{
	return problem(why, -ENOENT, "no such rule: %s %s; terok-bpfd rules lists them",
		       name->value.action == TEROK_ALLOW ? "allow" : "deny", name->domain);
}

int domains_drop(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name,
		 struct problem *why)
{
	struct change change = { .kernel = kernel, .guard = guard, .name = name, .why = why };
	_cleanup_close_ int lock = kernel_lock(why);
	char key[JOURNAL_KEY_LEN];
	struct terok_guard value;
	bool kept = false;
	int r = lock < 0 ? lock : change_begin(&change, key, &value, &kept), dropped = 0;

	if (!r && kept)
		dropped = journal_drop_domain(key, name, why);
	if (!r && (!dropped || dropped == -ENOENT))
		r = names_drop(kernel, guard, name, why);
	if (!r && dropped && dropped != -ENOENT)
		r = dropped;
	if (r == -ENOENT)
		return no_such_domain(name, why);
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

/* How many addresses the host found for it. */
static int list_count(const struct domain_rule *kept, void *user)
{
	struct list *list = user;

	for (size_t i = 0; i < list->n; i++)
		if (list->item[i].dest.port == kept->dest.port &&
		    list->item[i].dest.proto == kept->dest.proto &&
		    !strcmp(list->item[i].domain, kept->domain))
			list->item[i].addresses = kept->addresses;
	return 0;
}

/* As domains_put() would decide it now. */
static void list_mark(struct list *list, const struct terok_guard *value, bool kept)
{
	for (size_t i = 0; i < list->n; i++)
		list->item[i].by_name = rule_is_by_name(value, &list->item[i]) ||
					(!kept && value->dns_port);
}

static int list_compare(const void *a, const void *b)
{
	const struct domain_rule *x = a, *y = b;
	int r = x->value.action - y->value.action;

	if (!r)
		r = strcmp(x->domain, y->domain);
	if (!r)
		r = x->dest.port - y->dest.port;
	return r ? r : x->dest.proto - y->dest.proto;
}

int domains_list(const struct kernel *kernel, uint32_t guard, struct domain_rule **ret,
		 struct problem *why)
{
	char key[JOURNAL_KEY_LEN];
	struct list list = {};
	struct terok_guard value;
	struct terok_info info;
	int r = guard_value(kernel, guard, &info, &value, why);

	bool kept;

	*ret = NULL;
	if (r)
		return r;
	kept = journal_key(&info, key);
	r = names_domains(kernel, guard, list_add, &list);
	if (r)
		problem(why, r, "list the domains: %s", strerror(-r));
	else if (kept)
		r = journal_each_domain(key, list_count, &list, why);
	if (r) {
		free(list.item);
		return r;
	}
	list_mark(&list, &value, kept);
	if (list.n)
		qsort(list.item, list.n, sizeof(*list.item), list_compare);
	*ret = list.item;
	return list.n;
}

static int is_the_same(const struct domain_rule *kept, void *user)
{
	const struct domain_rule *name = user;

	return kept->dest.port == name->dest.port && kept->dest.proto == name->dest.proto &&
	       kept->value.action == name->value.action && !strcmp(kept->domain, name->domain);
}

bool domains_is_kept(const struct kernel *kernel, uint32_t guard, const struct domain_rule *name)
{
	_cleanup_close_ int lock = kernel_lock(NULL);
	char key[JOURNAL_KEY_LEN];
	struct terok_info info;

	return lock >= 0 && !guard_info(kernel, guard, &info) && journal_key(&info, key) &&
	       journal_each_domain(key, is_the_same, (void *)name, NULL) == 1;
}

struct adopt {
	const struct kernel *kernel;
	uint32_t guard;
};

static int adopt_domain(const struct domain_rule *name, void *user)
{
	const struct adopt *adopt = user;

	return names_put(adopt->kernel, adopt->guard, name, NULL);
}

static int is_any(const struct domain_rule *name, void *user)
{
	(void)name;
	(void)user;
	return 1;
}

void domains_adopt(const struct kernel *kernel, uint32_t guard)
{
	struct adopt adopt = { kernel, guard };
	char key[JOURNAL_KEY_LEN];
	struct problem why = {};
	struct terok_info info;
	int lock;

	if (guard_info(kernel, guard, &info) || !journal_key(&info, key) ||
	    names_domains(kernel, guard, is_any, NULL))
		return;
	lock = kernel_lock(NULL);
	if (lock < 0 || journal_each_domain(key, adopt_domain, &adopt, &why))
		log_warn(0, "guard %u: its domains are not in force by name: %s", guard, why.text);
	closep(&lock);
}
