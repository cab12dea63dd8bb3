// SPDX-License-Identifier: Apache-2.0
#include "whose.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/addr.h"
#include "base/container.h"
#include "budget.h"
#include "cgroup.h"
#include "diag.h"
#include "guard.h"
#include "netns.h"

/* Where the other end may be. */
struct places {
	const struct whose_use *use;
	const struct control_whose *asked;
	uint32_t uid;
	uint32_t claimed; /* the guard of the container that it is taken for; 0: it has none */
	int netns[WHOSE_PLACES]; /* borrowed */
	uint64_t inode[WHOSE_PLACES];
	unsigned n;
	bool any; /* somebody's guard has the address */
	bool many;
};

static struct budget budgets[BUDGET_USERS];

int whose_check(const struct control_whose *asked, struct problem *why)
{
	if (control_text_ok(asked->container) && container_is_id(asked->container) &&
	    asked->peer_port && asked->own_port &&
	    addr_is_v4(asked->peer) == addr_is_v4(asked->own))
		return 0;
	return problem(why, -EBADMSG, "that is no connection, or no container's id");
}

static void place_add(struct places *places, uint32_t guard)
{
	int netns = places->use->netns(guard, places->use->user);
	uint64_t inode;

	if (netns < 0 || netns_inode(netns, &inode))
		return;
	for (unsigned i = 0; i < places->n; i++)
		if (places->inode[i] == inode)
			return;
	if (places->n == WHOSE_PLACES) {
		places->many = true;
		return;
	}
	places->inode[places->n] = inode;
	places->netns[places->n++] = netns;
}

static int claimed_note(uint32_t id, const struct terok_info *info, void *user)
{
	struct places *places = user;

	if (info->uid == places->uid && info->kind == TEROK_KIND_CONTAINER &&
	    !strcmp(info->container, places->asked->container))
		places->claimed = id;
	return !!places->claimed;
}

static int place_note(uint32_t id, const struct terok_info *info, void *user)
{
	struct places *places = user;
	struct terok_self_key key = { .guard = id };
	uint32_t one;

	if (info->uid != places->uid)
		return 0;
	memcpy(key.addr, places->asked->peer, sizeof(key.addr));
	if (bpf_map_lookup_elem(places->use->kernel->map[MAP_SELF], &key, &one))
		return errno == ENOENT ? 0 : -errno;
	places->any = true;
	place_add(places, id);
	return 0;
}

/* The container that it is taken for says where it must be; without it whoever has the address. */
static int places_find(struct places *places, struct problem *why)
{
	int labels = places->use->kernel->map[MAP_INFO];
	int r = kernel_each_label(labels, claimed_note, places);
	char addr[ADDR_TEXT];

	if (!r)
		r = kernel_each_label(labels, place_note, places);
	if (r < 0)
		return problem(why, r, "look at the guards: %s", strerror(-r));
	if (places->claimed) {
		place_add(places, places->claimed);
		if (!places->n)
			return problem(why, -ESRCH, "nobody is in guard %u", places->claimed);
	} else if (places->many) {
		return problem(why, -E2BIG, "more than %u networks of guards have the address %s",
			       WHOSE_PLACES, addr_format(addr, places->asked->peer));
	}
	return 0;
}

/* -ENOENT: nobody there has it */
static int cgroup_of(const struct places *places, uint64_t *ret)
{
	struct diag_ends ends = { .here_port = places->asked->peer_port,
				  .there_port = places->asked->own_port };
	int r = -ENOENT;

	memcpy(ends.here, places->asked->peer, sizeof(ends.here));
	memcpy(ends.there, places->asked->own, sizeof(ends.there));
	for (unsigned i = 0; r == -ENOENT && i < places->n; i++)
		r = diag_find(places->netns[i], &ends, ret);
	return r;
}

/* Where a guard has the address it may be its socket, hidden: bound to a device, or gone by now. */
static int nobody_has_it(const struct places *places, struct problem *why)
{
	char addr[ADDR_TEXT];

	if (places->claimed)
		return problem(why, -ENOTCONN, "guard %u has no such connection", places->claimed);
	if (!places->any)
		return 0;
	return problem(why, -ENOTCONN, "no such connection where guards have the address %s",
		       addr_format(addr, places->asked->peer));
}

/* Of the socket in that cgroup; one that was detached meanwhile has no label. */
static int owner_find(const struct places *places, uint64_t cgroup, struct control_owner *ret,
		      struct problem *why)
{
	const struct kernel *kernel = places->use->kernel;
	char path[TEROK_PATH_LEN];
	struct terok_info info;
	uint32_t around = 0;
	int r = cgroup_path_of_id(cgroup, path);

	if (r)
		return problem(why, -ESTALE, "the cgroup of its socket is not there: %s",
			       strerror(-r));
	r = guard_around(kernel, path, &around);
	if (r && r != -ENOENT)
		return problem(why, r, "look for the guard around %s: %s", path, strerror(-r));
	if (!around && !places->claimed)
		return 0;
	ret->is = around && around == places->claimed ? CONTROL_OWNER_SAME : CONTROL_OWNER_OTHER;
	if (around && !guard_info(kernel, around, &info) &&
	    (!places->uid || info.uid == places->uid)) {
		ret->guard = around;
		memcpy(ret->container, info.container, sizeof(ret->container));
	}
	return 0;
}

int whose_socket(const struct whose_use *use, const struct control_whose *asked, uint32_t uid,
		 struct control_owner *ret, struct problem *why)
{
	struct places places = { .use = use, .asked = asked, .uid = uid };
	uint64_t cgroup;
	int r = whose_check(asked, why);

	if (r)
		return r;
	if (!budget_spend(budget_of_user(budgets, uid), WHOSE_AT_ONCE, WHOSE_A_SECOND))
		return problem(why, -EAGAIN, "user %u asks more often than %u times a second", uid,
			       WHOSE_A_SECOND);
	*ret = (struct control_owner){ .is = CONTROL_OWNER_NONE };
	r = places_find(&places, why);
	if (r)
		return r;
	r = cgroup_of(&places, &cgroup);
	if (r == -ENOENT)
		return nobody_has_it(&places, why);
	if (r)
		return problem(why, r, "ask the kernel about a socket (sock_diag): %s",
			       strerror(-r));
	return owner_find(&places, cgroup, ret, why);
}
