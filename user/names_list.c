// SPDX-License-Identifier: Apache-2.0
#include "names_list.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "domains.h"
#include "guard.h"
#include "journal.h"
#include "policy.h"

void names_list_done(struct names_list *list)
{
	free(list->name);
	free(list->address);
	*list = (struct names_list){};
}

/* Room for one more of @size bytes. */
static int list_grow(void **array, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *grown;

	if (n < *room)
		return 0;
	grown = reallocarray(*array, more, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = more;
	return 0;
}

static int list_name(uint64_t id, const struct terok_name *name, void *user)
{
	struct names_list *list = user;
	int r = list_grow((void **)&list->name, list->n, &list->room, sizeof(*list->name));

	if (r)
		return r;
	list->name[list->n] = (struct listed_name){ .id = id, .name = *name };
	list->name[list->n++].name.text[TEROK_DOMAIN_LEN - 1] = '\0';
	return 0;
}

static int list_address(const struct name_address *address, void *user)
{
	struct names_list *list = user;
	int r = list_grow((void **)&list->address, list->n_addresses, &list->addresses_room,
			  sizeof(*list->address));

	if (!r)
		list->address[list->n_addresses++] = *address;
	return r;
}

static int by_text(const void *a, const void *b)
{
	const struct listed_name *x = a, *y = b;

	return strcmp(x->name.text, y->name.text);
}

static int by_name_and_address(const void *a, const void *b)
{
	const struct name_address *x = a, *y = b;

	return x->name != y->name ? (x->name < y->name ? -1 : 1) : memcmp(x->addr, y->addr, 16);
}

/* Where the addresses of that name would begin. */
static size_t first_of(const struct names_list *list, uint64_t id)
{
	size_t low = 0, high = list->n_addresses;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->address[middle].name < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int names_list(const struct kernel *kernel, uint32_t guard, struct names_list *ret,
	       struct problem *why)
{
	int r = names_each(kernel, guard, list_name, ret);

	if (!r)
		r = names_addresses(kernel, guard, list_address, ret);
	if (r)
		return problem(why, r, "read the names of guard %u: %s", guard, strerror(-r));
	if (ret->n)
		qsort(ret->name, ret->n, sizeof(*ret->name), by_text);
	if (ret->n_addresses)
		qsort(ret->address, ret->n_addresses, sizeof(*ret->address), by_name_and_address);
	for (size_t i = 0; i < ret->n; i++) {
		struct listed_name *name = &ret->name[i];
		size_t at = first_of(ret, name->id);

		name->address = ret->address + at;
		while (at < ret->n_addresses && ret->address[at++].name == name->id)
			name->n++;
	}
	return 0;
}

const struct listed_name *names_list_find(const struct names_list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->name[i].name.text, text))
			return &list->name[i];
	return NULL;
}

bool name_is_synthetic(const struct name_address *address)
{
	return !address->until_ns;
}

bool name_has_ended(const struct name_address *address, uint64_t now_ns)
{
	return address->until_ns && address->until_ns <= now_ns;
}

void names_queries(const struct kernel *kernel, uint32_t guard, struct terok_queries *ret)
{
	*ret = (struct terok_queries){};
	bpf_map_lookup_elem(kernel->map[MAP_QUERIES], &guard, ret);
}

/* --- shared addresses --------------------------------------------------------------------- */

/* One address of one denied domain. */
struct denied {
	uint8_t addr[16];
	const char *domain;
};

struct search {
	const struct names_list *list;
	uint64_t now_ns;
	struct denied *denied;
	size_t n, room;
	const char *domain; /* the one whose addresses are being read */
	int (*fn)(const struct names_shared *shared, void *user);
	void *user;
};

static int denied_add(const struct rule *rule, void *user)
{
	struct search *search = user;
	int r =
	    list_grow((void **)&search->denied, search->n, &search->room, sizeof(*search->denied));

	if (r)
		return r;
	search->denied[search->n].domain = search->domain;
	memcpy(search->denied[search->n++].addr, rule->dest.addr, 16);
	return 0;
}

/* The addresses of every denied domain, as the journal has them. */
static int denied_read(struct search *search, const struct terok_info *info,
		       const struct domain_rule *domain, int n, struct problem *why)
{
	char key[JOURNAL_KEY_LEN];
	int r = 0;

	if (!journal_key(info, key)) /* of exec: its denies are by name only */
		return 0;
	for (int i = 0; !r && i < n; i++) {
		search->domain = domain[i].domain;
		if (domain[i].value.action == TEROK_DENY)
			r = journal_each_answer(key, &domain[i], denied_add, search, why);
	}
	return r;
}

static bool is_allowed(const struct terok_name *name)
{
	for (unsigned i = 0; i < name->n && i < TEROK_GRANTS; i++)
		if (name->grant[i].action == TEROK_ALLOW)
			return true;
	return false;
}

static int search_denied(const struct search *search, const struct listed_name *name)
{
	int r = 0;

	for (unsigned i = 0; i < name->n; i++) {
		const struct name_address *address = &name->address[i];

		/* by a synthetic one it is reached, whoever else lives there */
		if (name_has_ended(address, search->now_ns) || name_is_synthetic(address) ||
		    name->name.flags & TEROK_RULE_SYNTHETIC)
			continue;
		for (size_t k = 0; !r && k < search->n; k++) {
			struct names_shared shared = { .how = SHARED_DENIED };

			if (memcmp(address->real, search->denied[k].addr, 16))
				continue;
			memcpy(shared.addr, address->real, 16);
			strcpy(shared.name, name->name.text);
			memccpy(shared.other, search->denied[k].domain, '\0', TEROK_DOMAIN_LEN - 1);
			r = search->fn(&shared, search->user);
		}
	}
	return r;
}

static bool has_grant(const struct terok_name *name, const struct terok_grant *grant)
{
	for (unsigned i = 0; i < name->n && i < TEROK_GRANTS; i++)
		if (name->grant[i].port == grant->port && name->grant[i].proto == grant->proto &&
		    name->grant[i].action == grant->action)
			return true;
	return false;
}

/* Is there something that @a may and @b may not? A name without an end is not compared. */
static bool is_wider(const struct terok_name *a, const struct terok_name *b)
{
	const struct terok_grant all = { .action = TEROK_ALLOW };

	if (b->flags & ~a->flags & TEROK_RULE_CHECK)
		return true;
	for (unsigned i = 0; i < a->n && i < TEROK_GRANTS; i++)
		if (a->grant[i].action == TEROK_ALLOW && !has_grant(b, &a->grant[i]) &&
		    !has_grant(b, &all))
			return true;
	for (unsigned i = 0; i < b->n && i < TEROK_GRANTS; i++)
		if (b->grant[i].action == TEROK_DENY && !has_grant(a, &b->grant[i]))
			return true;
	return false;
}

/* A learned address and whose it is. */
struct live {
	const struct listed_name *name;
	const uint8_t *addr;
};

static int live_compare(const void *a, const void *b)
{
	const struct live *x = a, *y = b;

	return memcmp(x->addr, y->addr, 16);
}

static int search_pair(const struct search *search, const struct live *a, const struct live *b)
{
	struct names_shared shared = { .how = SHARED_WIDER };
	const struct live *swap = a;

	if (!is_wider(&a->name->name, &b->name->name)) {
		a = b;
		b = swap;
	}
	if (!is_wider(&a->name->name, &b->name->name))
		return 0;
	memcpy(shared.addr, a->addr, 16);
	strcpy(shared.name, a->name->name.text);
	strcpy(shared.other, b->name->name.text);
	return search->fn(&shared, search->user);
}

/* Learned addresses side by side; TEROK_SHARERS names have one at most. */
static int search_wider(const struct search *search)
{
	const struct names_list *list = search->list;
	_cleanup_free_ struct live *live = calloc(list->n_addresses + 1, sizeof(*live));
	size_t n = 0;
	int r = 0;

	if (!live)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++) {
		const struct listed_name *name = &list->name[i];
		/* of one that is synthetic now they are good for what flows */
		bool stands = name->name.flags & TEROK_RULE_SYNTHETIC;

		for (unsigned k = 0; k < name->n; k++)
			if (!name_is_synthetic(&name->address[k]) && !stands &&
			    !name_has_ended(&name->address[k], search->now_ns))
				live[n++] = (struct live){ name, name->address[k].addr };
	}
	qsort(live, n, sizeof(*live), live_compare);
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; !r && k < n && !live_compare(&live[i], &live[k]); k++)
			r = search_pair(search, &live[i], &live[k]);
	return r;
}

int names_shared_each(const struct kernel *kernel, uint32_t guard, const struct names_list *list,
		      int (*fn)(const struct names_shared *shared, void *user), void *user,
		      struct problem *why)
{
	struct search search = { .list = list, .now_ns = now_boot_ns(), .fn = fn, .user = user };
	_cleanup_free_ struct domain_rule *domain = NULL;
	struct terok_info info;
	int n = domains_list(kernel, guard, &domain, why);
	int r = n < 0 ? n : guard_info(kernel, guard, &info);

	if (!r)
		r = denied_read(&search, &info, domain, n, why);
	for (size_t i = 0; !r && i < list->n; i++)
		if (is_allowed(&list->name[i].name))
			r = search_denied(&search, &list->name[i]);
	if (!r)
		r = search_wider(&search);
	free(search.denied);
	return r;
}

const char *names_shared_fix(char *buf, size_t size, const struct names_shared *shared,
			     const char *guard)
{
	snprintf(buf, size, "terok-bpfd allow %s %s --synthetic", guard, shared->name);
	return buf;
}
