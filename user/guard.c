// SPDX-License-Identifier: Apache-2.0
#include "guard.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/log.h"
#include "cgroup.h"
#include "explain.h"
#include "journal.h"
#include "netns.h"
#include "pins.h"
#include "policy.h"
#include "terok/names.h"

/* Attach order: the backstop first, so that no socket call is ever the only lock. */
static const struct {
	enum terok_hook hook;
	enum bpf_attach_type type;
} attach_order[] = {
	{ TEROK_HOOK_EGRESS, BPF_CGROUP_INET_EGRESS },
	{ TEROK_HOOK_INGRESS, BPF_CGROUP_INET_INGRESS },
	{ TEROK_HOOK_CONNECT4, BPF_CGROUP_INET4_CONNECT },
	{ TEROK_HOOK_CONNECT6, BPF_CGROUP_INET6_CONNECT },
	{ TEROK_HOOK_SENDMSG4, BPF_CGROUP_UDP4_SENDMSG },
	{ TEROK_HOOK_SENDMSG6, BPF_CGROUP_UDP6_SENDMSG },
	{ TEROK_HOOK_SOCK_CREATE, BPF_CGROUP_INET_SOCK_CREATE },
	{ TEROK_HOOK_SETSOCKOPT, BPF_CGROUP_SETSOCKOPT },
};
#define N_HOOKS (sizeof(attach_order) / sizeof(attach_order[0]))
_Static_assert(N_HOOKS == TEROK_HOOK_MAX_ - 1, "every hook is attached");

static int value_get(const struct kernel *kernel, uint64_t cgroup, struct terok_guard *ret)
{
	return bpf_map_lookup_elem(kernel->map[MAP_GUARDS], &cgroup, ret) ? -errno : 0;
}

/* Storage exists only while something is or was attached: BPF_EXIST is the check for it. */
static int value_put(const struct kernel *kernel, uint64_t cgroup, const struct terok_guard *value)
{
	return bpf_map_update_elem(kernel->map[MAP_GUARDS], &cgroup, value, BPF_EXIST) ? -errno : 0;
}

static bool link_is_on(uint32_t id, enum terok_hook hook, uint64_t cgroup)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	char path[PINS_PATH_LEN];
	_cleanup_close_ int fd = -1;

	fd = bpf_obj_get(pins_path(path, "guards/%u/%s", id, terok_hook_name(hook)));
	/* the kernel shows cgroup 0 for a link whose cgroup was removed */
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
	       info.cgroup.cgroup_id == cgroup;
}

static void guard_fill(const struct kernel *kernel, uint32_t id, const struct terok_info *info,
		       struct guard *ret)
{
	*ret = (struct guard){ .id = id, .info = *info, .alive = true };
	for (size_t i = 0; ret->alive && i < N_HOOKS; i++)
		ret->alive = link_is_on(id, attach_order[i].hook, info->cgroup);
	if (!value_get(kernel, info->cgroup, &ret->value) && ret->value.id == id && ret->alive)
		ret->state = explain_state(&ret->value);
}

int guard_info(const struct kernel *kernel, uint32_t id, struct terok_info *ret)
{
	return bpf_map_lookup_elem(kernel->map[MAP_INFO], &id, ret) ? -errno : 0;
}

int guard_get(const struct kernel *kernel, uint32_t id, struct guard *ret)
{
	struct terok_info info;
	int r = guard_info(kernel, id, &info);

	if (!r)
		guard_fill(kernel, id, &info, ret);
	return r;
}

static int id_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Numbers first, then guards: the callback may change the map that is walked. */
static int id_list(const struct kernel *kernel, uint32_t **ret)
{
	_cleanup_free_ uint32_t *ids = calloc(TEROK_MAX_GUARDS, sizeof(*ids));
	uint32_t id, *prev = NULL;
	int n = 0;

	if (!ids)
		return -ENOMEM;
	while (n < TEROK_MAX_GUARDS && !bpf_map_get_next_key(kernel->map[MAP_INFO], prev, &id)) {
		ids[n++] = id;
		prev = &id;
	}
	qsort(ids, n, sizeof(*ids), id_compare);
	*ret = TAKE_PTR(ids);
	return n;
}

int guard_each(const struct kernel *kernel, int (*fn)(const struct guard *guard, void *user),
	       void *user)
{
	_cleanup_free_ uint32_t *ids = NULL;
	int r = 0, n = id_list(kernel, &ids);

	for (int i = 0; !r && i < n; i++) {
		struct guard guard;

		if (!guard_get(kernel, ids[i], &guard))
			r = fn(&guard, user);
	}
	return n < 0 ? n : r;
}

int guard_name_check(const char *name, struct problem *why)
{
	size_t len = strlen(name);

	if (!len || len >= TEROK_NAME_LEN || *name == '-' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
		len)
		return problem(why, -EINVAL,
			       "a name is 1 to %d letters, digits, '_', '.' or '-', not '%s'",
			       TEROK_NAME_LEN - 1, name);
	return 0;
}

struct search {
	const char *text;
	unsigned found;
	struct guard guard;
};

static bool guard_is_called(const struct guard *guard, const char *text)
{
	size_t n = strlen(text);

	return !strcmp(text, guard->info.name) || !strcmp(text, guard->info.path) ||
	       !strcmp(text, guard->info.container) ||
	       (n >= 12 && strspn(text, "0123456789abcdef") == n &&
		!strncmp(text, guard->info.container, n));
}

static int search_name(const struct guard *guard, void *user)
{
	struct search *search = user;

	if (guard_is_called(guard, search->text)) {
		search->found++;
		search->guard = *guard;
	}
	return 0;
}

/* By cgroup, in the labels alone: attaching the thousandth guard must not look at links. */
static uint32_t id_of_cgroup(const struct kernel *kernel, uint64_t cgroup)
{
	uint32_t id, *prev = NULL, key;
	struct terok_info info;

	while (!bpf_map_get_next_key(kernel->map[MAP_INFO], prev, &id)) {
		if (!bpf_map_lookup_elem(kernel->map[MAP_INFO], &id, &info) &&
		    info.cgroup == cgroup)
			return id;
		key = id;
		prev = &key;
	}
	return 0;
}

int guard_find(const struct kernel *kernel, const char *text, struct guard *ret,
	       struct problem *why)
{
	struct search search = { .text = text };
	char *end;
	unsigned long id = strtoul(text, &end, 10);
	int r;

	if (*text >= '1' && *text <= '9' && !*end && id <= UINT32_MAX &&
	    !guard_get(kernel, id, ret))
		return 0;
	r = guard_each(kernel, search_name, &search);

	if (r < 0)
		return problem(why, r, "list guards: %s", strerror(-r));
	if (!search.found)
		return problem(why, -ENOENT, "no guard '%s'; terok-bpfd status lists them", text);
	if (search.found > 1)
		return problem(why, -ENOTUNIQ, "%u guards are called '%s': use the number",
			       search.found, text);
	*ret = search.guard;
	return 0;
}

/* The next number; it is taken before anything carries it, so none is ever used twice. */
static int id_take(const struct kernel *kernel, uint32_t *ret)
{
	struct terok_meta meta;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(kernel->map[MAP_META], &zero, &meta))
		return -errno;
	*ret = meta.next_id++;
	if (!meta.next_id)
		return -EOVERFLOW;
	return bpf_map_update_elem(kernel->map[MAP_META], &zero, &meta, BPF_ANY) ? -errno : 0;
}

static int info_put(const struct kernel *kernel, uint32_t id, const struct guard_spec *spec,
		    uint64_t cgroup, struct problem *why)
{
	struct terok_info info = {
		.cgroup = cgroup, .made_ns = now_boot_ns(), .uid = spec->uid, .kind = spec->kind
	};
	int r = cgroup_path(spec->cgroup_fd, info.path);

	if (r)
		return problem(why, r, "the cgroup's path: %s", strerror(-r));
	/* the name may be the cgroup's, which whoever made it was free to choose */
	log_safe(info.name, sizeof(info.name), spec->name);
	log_safe(info.container, sizeof(info.container),
		 spec->container ? spec->container : spec->name);
	if (!bpf_map_update_elem(kernel->map[MAP_INFO], &id, &info, BPF_ANY))
		return 0;
	if (errno == E2BIG)
		return problem(why, -ENOSPC, "the guard table is full (%d guards)",
			       TEROK_MAX_GUARDS);
	return problem(why, -errno, "write the guard table: %s", strerror(errno));
}

static int link_make(const struct kernel *kernel, const struct guard_spec *spec, uint32_t id,
		     size_t i, struct problem *why)
{
	const char *name = terok_hook_name(attach_order[i].hook);
	_cleanup_close_ int link = -1;
	char path[PINS_PATH_LEN];

	link = bpf_link_create(kernel->prog[attach_order[i].hook], spec->cgroup_fd,
			       attach_order[i].type, NULL);
	if (link < 0 && errno == EPERM)
		return problem(why, -EBUSY,
			       "another program keeps %s out of this cgroup (attached above or "
			       "here without BPF_F_ALLOW_MULTI); see bpftool cgroup tree",
			       name);
	if (link < 0)
		return problem(why, -errno, "attach %s: %s", name, strerror(errno));
	pins_path(path, "guards/%u/%s", id, name);
	unlink(path); /* a dead link of the same number */
	if (bpf_obj_pin(link, path))
		return problem(why, -errno, "pin %s: %s", path, strerror(errno));
	return 0;
}

static int links_make(const struct kernel *kernel, const struct guard_spec *spec, uint32_t id,
		      uint64_t cgroup, struct problem *why)
{
	int r = pins_guard_dir(id, why);

	for (size_t i = 0; !r && i < N_HOOKS; i++)
		if (!link_is_on(id, attach_order[i].hook, cgroup))
			r = link_make(kernel, spec, id, i, why);
	return r;
}

/* Storage outlives the last detach: whatever was there is taken back first. */
static void value_clear(const struct kernel *kernel, uint64_t cgroup)
{
	static const struct terok_guard none;
	int n = libbpf_num_possible_cpus();
	_cleanup_free_ struct terok_counts *zero = n > 0 ? calloc(n, sizeof(*zero)) : NULL;

	value_put(kernel, cgroup, &none);
	if (zero)
		bpf_map_update_elem(kernel->map[MAP_COUNTS], &cgroup, zero, BPF_EXIST);
}

static int state_write(const struct kernel *kernel, const struct guard_spec *spec,
		       struct terok_guard *value, uint64_t cgroup, struct problem *why)
{
	int r;

	if (spec->rate) {
		value->record_gap_ns = SECOND_NS / spec->rate ?: 1;
		value->record_burst_ns =
		    (uint64_t)(spec->burst ? spec->burst - 1 : 0) * value->record_gap_ns;
	}
	r = value_put(kernel, cgroup, value);
	return r ? problem(why, r, "write the guard's state: %s", strerror(-r)) : 0;
}

/*
 * What was kept of it on disk. A journal that cannot be read must not leave a container
 * without a guard: it gets one that lets out nothing, and says so.
 */
static void value_restore(const struct kernel *kernel, const struct guard_spec *spec,
			  struct terok_guard *value)
{
	struct problem why = {};
	struct terok_info info;
	uint32_t id = value->id;

	if (!bpf_map_lookup_elem(kernel->map[MAP_INFO], &id, &info) &&
	    !policy_restore(kernel, &info, id, value, &why)) {
		if (value->state == TEROK_STATE_NONE || !spec->state_kept)
			value->state = spec->state;
		return;
	}
	log_error(0, "guard %u (%s) starts without its kept policy, in state up: %s", id,
		  spec->name, why.text);
	policy_forget(kernel, id);
	*value = (struct terok_guard){ .id = id, .state = TEROK_STATE_UP };
}

static void attach_undo(const struct kernel *kernel, uint32_t id, uint64_t cgroup)
{
	value_clear(kernel, cgroup);
	pins_guard_remove(id, NULL);
	guard_refresh_self(kernel, id, GUARD_NO_NETNS);
	policy_forget(kernel, id);
	bpf_map_delete_elem(kernel->map[MAP_INFO], &id);
}

static int attach_new(const struct kernel *kernel, const struct guard_spec *spec, uint64_t cgroup,
		      uint32_t *ret, struct problem *why)
{
	struct terok_guard value = {};
	uint32_t id = 0;
	int r = id_take(kernel, &id);

	if (r)
		return problem(why, r, "number the guard: %s", strerror(-r));
	value.id = id;
	value_clear(kernel, cgroup); /* fails if nothing was ever attached: then it is zero */
	r = info_put(kernel, id, spec, cgroup, why);
	if (!r) {
		r = guard_refresh_self(kernel, id, spec->netns_fd);
		if (r)
			problem(why, r, "write the guard's own addresses: %s", strerror(-r));
	}
	if (!r)
		r = links_make(kernel, spec, id, cgroup, why);
	if (!r) {
		value_restore(kernel, spec, &value);
		r = state_write(kernel, spec, &value, cgroup, why);
	}
	if (r) {
		attach_undo(kernel, id, cgroup);
		return r;
	}
	*ret = id;
	return 0;
}

int guard_attach(const struct kernel *kernel, const struct guard_spec *spec, struct guard *ret,
		 bool *existing, struct problem *why)
{
	_cleanup_close_ int lock = -1;
	uint64_t cgroup;
	uint32_t id;
	int r;

	if (!spec->name || !*spec->name || spec->state >= TEROK_STATE_MAX_)
		return problem(why, -EINVAL, "a guard needs a name and a state");
	r = cgroup_id(spec->cgroup_fd, &cgroup);
	if (r)
		return problem(why, r, "not a cgroup v2 directory");
	lock = kernel_lock(why);
	if (lock < 0)
		return lock;

	if (!kernel_is_current(kernel))
		return problem(why, -ESTALE, "the programs were unloaded meanwhile; try again");
	pins_sweep();
	id = id_of_cgroup(kernel, cgroup);
	*existing = id != 0;
	if (!id) {
		r = attach_new(kernel, spec, cgroup, &id, why);
	} else if (!guard_get(kernel, id, ret) && ret->state == TEROK_STATE_NONE) {
		/* an agent died on the way: complete what it began */
		struct terok_guard value = { .id = id, .state = spec->state };

		r = links_make(kernel, spec, id, cgroup, why);
		policy_shapes(kernel, id, &value);
		if (!r)
			r = state_write(kernel, spec, &value, cgroup, why);
	}
	return r ? r : guard_get(kernel, id, ret);
}

/* Rules, own addresses and label of a guard whose links are gone. */
static int guard_forget(const struct kernel *kernel, const struct guard *guard)
{
	guard_refresh_self(kernel, guard->id, GUARD_NO_NETNS);
	policy_forget(kernel, guard->id);
	return bpf_map_delete_elem(kernel->map[MAP_INFO], &guard->id) ? -errno : 0;
}

/*
 * A connection outlives its process: the kernel goes on sending what was written and not
 * acknowledged, which may be what the guard refused. If its cgroup was removed already the
 * links stay, without a state, and drop all until the last socket is gone; then a sweep
 * takes the folder.
 */
static int links_remove(const struct guard *guard, struct problem *why)
{
	_cleanup_close_ int cgroup_fd = cgroup_open_id(guard->info.cgroup, NULL);

	if (cgroup_fd == -ENOENT)
		return 0;
	return pins_guard_remove(guard->id, why);
}

int guard_detach(const struct kernel *kernel, const struct guard *guard, struct problem *why)
{
	static const struct terok_guard none;
	_cleanup_close_ int lock = kernel_lock(why);
	int r;

	if (lock < 0)
		return lock;
	value_put(kernel, guard->info.cgroup, &none); /* the cgroup may be gone */
	r = links_remove(guard, why);
	if (r)
		return r;
	r = guard_forget(kernel, guard);
	pins_sweep();
	return r && r != -ENOENT ? problem(why, r, "forget guard %u: %s", guard->id, strerror(-r))
				 : 0;
}

int guard_retire(const struct kernel *kernel, const struct guard *guard, int cgroup_fd,
		 struct problem *why)
{
	/* EINVAL: it is there already, from an end that did not get further; ENODEV: removed */
	if (bpf_prog_attach(kernel->prog[TEROK_HOOK_EGRESS], cgroup_fd, BPF_CGROUP_INET_EGRESS,
			    BPF_F_ALLOW_MULTI) &&
	    errno != EINVAL && errno != ENODEV)
		return problem(why, -errno, "keep the backstop of guard %u: %s", guard->id,
			       strerror(errno));
	return guard_detach(kernel, guard, why);
}

int guard_value(const struct kernel *kernel, uint32_t id, struct terok_info *info,
		struct terok_guard *value, struct problem *why)
{
	if (bpf_map_lookup_elem(kernel->map[MAP_INFO], &id, info))
		return problem(why, -ENOENT, "no guard %u; terok-bpfd status lists them", id);
	if (value_get(kernel, info->cgroup, value) || value->id != id)
		return problem(why, -ENODEV,
			       "guard %u: its cgroup is gone or it is half attached; attach it "
			       "again or detach it",
			       id);
	return 0;
}

int guard_change(const struct kernel *kernel, uint32_t id, void (*fn)(struct terok_guard *, void *),
		 void *user, struct problem *why)
{
	struct terok_guard value;
	struct terok_info info;
	int r = guard_value(kernel, id, &info, &value, why);

	if (r)
		return r;
	fn(&value, user);
	r = value_put(kernel, info.cgroup, &value);
	return r ? problem(why, r, "write guard %u: %s", id, strerror(-r)) : 0;
}

static void change_state(struct terok_guard *value, void *user)
{
	value->state = *(enum terok_state *)user;
	value->bypass_ns = 0;
	value->epoch++; /* a flow approved by a timed rule does not outlive a transition */
}

int guard_set_state(const struct kernel *kernel, uint32_t id, enum terok_state state,
		    struct problem *why)
{
	_cleanup_close_ int lock = -1;
	char key[JOURNAL_KEY_LEN];
	struct terok_guard value;
	struct terok_info info;
	int r;

	if (state >= TEROK_STATE_MAX_)
		return problem(why, -EINVAL, "no such state");
	lock = kernel_lock(why);
	if (lock < 0)
		return lock;
	r = guard_value(kernel, id, &info, &value, why);
	if (!r && journal_key(&info, key))
		r = journal_put_state(key, state, why);
	return r ? r : guard_change(kernel, id, change_state, &state, why);
}

static void change_bypass(struct terok_guard *value, void *user)
{
	value->bypass_ns = *(uint64_t *)user;
	value->epoch++;
}

int guard_set_bypass(const struct kernel *kernel, uint32_t id, uint64_t until_ns,
		     struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	struct terok_guard value;
	struct terok_info info;
	int r = lock < 0 ? lock : guard_value(kernel, id, &info, &value, why);

	if (r)
		return r;
	if (value.state != TEROK_STATE_UP)
		return problem(why, -EPERM,
			       "guard %u is %s: only state up has something to bypass; terok-bpfd "
			       "up first",
			       id, terok_state_name(value.state));
	return guard_change(kernel, id, change_bypass, &until_ns, why);
}

int guard_counts(const struct kernel *kernel, const struct guard *guard, struct terok_counts *ret)
{
	_cleanup_free_ struct terok_counts *cpu = NULL;
	struct terok_counts sum = {};
	int n = libbpf_num_possible_cpus();

	if (n < 0)
		return n;
	cpu = calloc(n, sizeof(*cpu));
	if (!cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(kernel->map[MAP_COUNTS], &guard->info.cgroup, cpu))
		return -errno;
	for (int i = 0; i < n; i++) {
		sum.allowed += cpu[i].allowed;
		sum.refused += cpu[i].refused;
		sum.delivered += cpu[i].delivered;
		sum.limited += cpu[i].limited;
		sum.lost += cpu[i].lost;
		sum.dropped += cpu[i].dropped;
	}
	*ret = sum;
	return 0;
}

/* Remove the own addresses of @id that are not in @keep. */
static void self_prune(int map, uint32_t id, uint8_t keep[][16], int n)
{
	struct terok_self_key key, next, *prev = NULL;

	while (!bpf_map_get_next_key(map, prev, &next)) {
		bool stays = next.guard != id;

		for (int i = 0; !stays && i < n; i++)
			stays = !memcmp(keep[i], next.addr, 16);
		if (stays) {
			key = next;
			prev = &key;
		} else {
			bpf_map_delete_elem(map, &next);
			prev = NULL; /* start again: the key to go on from is gone */
		}
	}
}

int guard_refresh_self(const struct kernel *kernel, uint32_t id, int netns_fd)
{
	uint8_t addrs[NETNS_MAX_ADDRS][16];
	uint32_t one = 1;
	int n = netns_fd == GUARD_NO_NETNS ? 0 : netns_addresses(netns_fd, addrs);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		struct terok_self_key key = { .guard = id };

		memcpy(key.addr, addrs[i], sizeof(key.addr));
		if (bpf_map_update_elem(kernel->map[MAP_SELF], &key, &one, BPF_ANY))
			return errno == E2BIG ? -ENOSPC : -errno;
	}
	self_prune(kernel->map[MAP_SELF], id, addrs, n);
	return 0;
}
