// SPDX-License-Identifier: Apache-2.0
#include "guard.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/event.h"
#include "base/log.h"
#include "caller.h"
#include "cgroup.h"
#include "dossier.h"
#include "explain.h"
#include "guard_dir.h"
#include "hooks.h"
#include "journal.h"
#include "names.h"
#include "netns.h"
#include "policy.h"
#include "reached.h"
#include "terok/names.h"

/* Numbers of users' guards, of nine digits at most, for people; root's are below. */
#define ID_ANY UINT32_C(1000000)
#define ID_END UINT32_C(1000000000)

static int value_get(const struct kernel *kernel, uint64_t cgroup, struct terok_guard *ret)
{
	return bpf_map_lookup_elem(kernel->map[MAP_GUARDS], &cgroup, ret) ? -errno : 0;
}

/* Storage exists only while something is or was attached: BPF_EXIST is the check for it. */
static int value_put(const struct kernel *kernel, uint64_t cgroup, const struct terok_guard *value)
{
	return bpf_map_update_elem(kernel->map[MAP_GUARDS], &cgroup, value, BPF_EXIST) ? -errno : 0;
}

static int guard_fill(const struct kernel *kernel, uint32_t id, const struct terok_info *info,
		      struct guard *ret)
{
	_cleanup_close_ int cgroup_fd = cgroup_open_id(info->cgroup, NULL);
	int n = cgroup_fd < 0 ? cgroup_fd : hooks_count(kernel, cgroup_fd);

	if (n < 0 && n != -ENOENT) /* it may stand: nobody should call it dead */
		return n;
	*ret = (struct guard){ .id = id, .info = *info };
	ret->alive = n == TEROK_HOOK_MAX_ - 1;
	n = ret->alive ? value_get(kernel, info->cgroup, &ret->value) : -ENOENT;
	if (!n && ret->value.id == id)
		ret->state = explain_state(&ret->value);
	return n && n != -ENOENT ? n : 0;
}

int guard_info(const struct kernel *kernel, uint32_t id, struct terok_info *ret)
{
	return bpf_map_lookup_elem(kernel->map[MAP_INFO], &id, ret) ? -errno : 0;
}

int guard_get(const struct kernel *kernel, uint32_t id, struct guard *ret)
{
	struct terok_info info;
	int r = guard_info(kernel, id, &info);

	return r ? r : guard_fill(kernel, id, &info, ret);
}

static int id_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

struct numbers {
	uint32_t *id;
	int n;
};

static int number_take(uint32_t id, const struct terok_info *info, void *user)
{
	struct numbers *numbers = user;

	(void)info;
	if (numbers->n < TEROK_MAX_GUARDS)
		numbers->id[numbers->n++] = id;
	return 0;
}

/* Numbers first, then guards: the callback may change the map that is walked. */
static int id_list(const struct kernel *kernel, uint32_t **ret)
{
	_cleanup_free_ uint32_t *ids = calloc(TEROK_MAX_GUARDS, sizeof(*ids));
	struct numbers numbers = { .id = ids };
	int r = ids ? kernel_each_label(kernel->map[MAP_INFO], number_take, &numbers) : -ENOMEM;

	if (r)
		return r;
	qsort(ids, numbers.n, sizeof(*ids), id_compare);
	*ret = TAKE_PTR(ids);
	return numbers.n;
}

int guard_each(const struct kernel *kernel, int (*fn)(const struct guard *guard, void *user),
	       void *user)
{
	_cleanup_free_ uint32_t *ids = NULL;
	int r = 0, n = id_list(kernel, &ids);

	for (int i = 0; !r && i < n; i++) {
		struct guard guard;

		r = guard_get(kernel, ids[i], &guard);
		if (!r)
			r = fn(&guard, user);
		else if (r == -ENOENT) /* detached meanwhile */
			r = 0;
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
	uint64_t cgroup;
	uint32_t id;
	unsigned found;
};

static int search_label(uint32_t id, const struct terok_info *info, void *user)
{
	struct search *search = user;

	if (info->cgroup != search->cgroup)
		return 0;
	search->found++;
	search->id = id;
	return 0;
}

/* In the labels alone: asking each guard for its hooks takes longer than all the rest. */
static int search(const struct kernel *kernel, struct search *search)
{
	return kernel_each_label(kernel->map[MAP_INFO], search_label, search);
}

/*
 * A user's guard gets any number that no guard has: the next one would tell them how many others
 * there have been. That one of the dead had it is as likely as one in a thousand million.
 */
static int id_take_any(const struct kernel *kernel, uint32_t *ret)
{
	struct terok_info info;

	do {
		if (getrandom(ret, sizeof(*ret), 0) != sizeof(*ret))
			return -errno;
		*ret = ID_ANY + *ret % (ID_END - ID_ANY);
	} while (!bpf_map_lookup_elem(kernel->map[MAP_INFO], ret, &info));
	return errno == ENOENT ? 0 : -errno;
}

/* The next number; it is taken before anything carries it, so none is ever used twice. */
static int id_take(const struct kernel *kernel, uint32_t *ret)
{
	struct terok_meta meta;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(kernel->map[MAP_META], &zero, &meta))
		return -errno;
	*ret = meta.next_id++;
	if (meta.next_id > ID_ANY)
		return -EOVERFLOW;
	return bpf_map_update_elem(kernel->map[MAP_META], &zero, &meta, BPF_ANY) ? -errno : 0;
}

static int info_put(const struct kernel *kernel, uint32_t id, const struct guard_spec *spec,
		    uint64_t cgroup, struct problem *why)
{
	struct terok_info info = { .cgroup = cgroup,
				   .made_ns = now_boot_ns(),
				   .uid = spec->uid,
				   .kind = spec->kind,
				   .flags = spec->by_root ? TEROK_INFO_ROOTS : 0 };
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

/* Storage outlives the last detach: whatever was there is taken back first; -ENOENT: nothing. */
static int value_clear(const struct kernel *kernel, uint64_t cgroup)
{
	static const struct terok_guard none;
	int n = libbpf_num_possible_cpus();
	_cleanup_free_ struct terok_counts *zero = n > 0 ? calloc(n, sizeof(*zero)) : NULL;

	int r = value_put(kernel, cgroup, &none);

	if (!r && zero)
		bpf_map_update_elem(kernel->map[MAP_COUNTS], &cgroup, zero, BPF_EXIST);
	return r;
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
	if (spec->held)
		value->state = TEROK_STATE_NONE;
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
		if (value->state == TEROK_STATE_NONE ||
		    (!spec->state_kept && !guard_stays_blocked(spec, &info, value->state)))
			value->state = spec->state;
		return;
	}
	log_error(0, "guard %u (%s) starts without its kept policy, in state up: %s", id,
		  spec->name, why.text);
	policy_forget(kernel, id);
	*value = (struct terok_guard){ .id = id, .state = TEROK_STATE_UP };
}

static void attach_undo(const struct kernel *kernel, uint32_t id, int cgroup_fd, uint64_t cgroup)
{
	value_clear(kernel, cgroup);
	hooks_detach(kernel, cgroup_fd, NULL);
	guard_refresh_self(kernel, id, GUARD_NO_NETNS);
	policy_forget(kernel, id);
	reached_forget(kernel, id);
	dossier_forget(kernel, id);
	bpf_map_delete_elem(kernel->map[MAP_INFO], &id);
}

static int attach_new(const struct kernel *kernel, const struct guard_spec *spec, uint64_t cgroup,
		      uint32_t *ret, struct problem *why)
{
	struct terok_guard value = {};
	uint32_t id = 0;
	int r = spec->uid ? id_take_any(kernel, &id) : id_take(kernel, &id);

	if (r)
		return problem(why, r, "number the guard: %s", strerror(-r));
	value.id = id;
	r = value_clear(kernel, cgroup);
	if (r && r != -ENOENT)
		return problem(why, r, "clear what was there: %s", strerror(-r));
	r = info_put(kernel, id, spec, cgroup, why);
	if (!r) {
		r = guard_refresh_self(kernel, id, spec->netns_fd);
		if (r == -ENOSPC)
			problem(why, r, "the table of own addresses is full (%d of all guards)",
				TEROK_MAX_SELF);
		else if (r)
			problem(why, r, "write the guard's own addresses: %s", strerror(-r));
	}
	if (!r)
		r = hooks_attach(kernel, spec->cgroup_fd, why);
	if (!r) {
		value_restore(kernel, spec, &value);
		r = state_write(kernel, spec, &value, cgroup, why);
	}
	if (r) {
		attach_undo(kernel, id, spec->cgroup_fd, cgroup);
		return r;
	}
	*ret = id;
	return 0;
}

/*
 * An agent died on the way, or somebody took a hook off: complete what is missing. A state
 * word that was written is not written again: it may be a safer one than is asked for now.
 */
static int attach_complete(const struct kernel *kernel, const struct guard_spec *spec, uint32_t id,
			   uint64_t cgroup, struct problem *why)
{
	struct terok_guard value;
	int r = hooks_attach(kernel, spec->cgroup_fd, why);

	if (r)
		return r;
	r = value_get(kernel, cgroup, &value);
	if (r)
		return problem(why, r, "read guard %u: %s", id, strerror(-r));
	if (value.id == id && value.state != TEROK_STATE_NONE)
		return 0;
	value = (struct terok_guard){ .id = id };
	value_restore(kernel, spec, &value);
	r = policy_shapes(kernel, id, &value);
	if (r)
		return problem(why, r, "read the rules of guard %u: %s", id, strerror(-r));
	return state_write(kernel, spec, &value, cgroup, why);
}

/* With the lock held. */
static int attach_locked(const struct kernel *kernel, const struct guard_spec *spec,
			 uint64_t cgroup, struct guard *ret, bool *existing, struct problem *why)
{
	struct search there = { .cgroup = cgroup };
	int r = search(kernel, &there);

	if (!r && there.id)
		r = guard_get(kernel, there.id, ret);
	if (r)
		return problem(why, r, "look for its guard: %s", strerror(-r));
	/* who enrols a container finds what guards it already, and changes nothing of it */
	if (there.id && !caller_may(ret->info.uid) &&
	    !(spec->held && ret->state != TEROK_STATE_NONE))
		return problem(why, -EEXIST, "it is guarded already, and that guard is not yours");
	*existing = there.id != 0;
	if (!there.id)
		r = attach_new(kernel, spec, cgroup, &there.id, why);
	else if (ret->state == TEROK_STATE_NONE)
		r = attach_complete(kernel, spec, there.id, cgroup, why);
	else
		return 0;
	if (spec->held) /* whoever held it before did not come to the end */
		*existing = false;
	if (r)
		return r;
	r = guard_get(kernel, there.id, ret);
	if (r && !*existing) /* who made it could not end it: it does not know which it is */
		attach_undo(kernel, there.id, spec->cgroup_fd, cgroup);
	return r ? problem(why, r, "read guard %u: %s", there.id, strerror(-r)) : 0;
}

int guard_attach(const struct kernel *kernel, const struct guard_spec *spec, struct guard *ret,
		 bool *existing, struct problem *why)
{
	_cleanup_close_ int lock = -1;
	uint64_t cgroup;
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
	return attach_locked(kernel, spec, cgroup, ret, existing, why);
}

static void change_release(struct terok_guard *value, void *user)
{
	value->state = *(enum terok_state *)user;
	value->epoch++;
}

/* As value_restore() has it; nobody has changed the journal since but by what is kept of it. */
static enum terok_state state_due(const struct guard_spec *spec, const struct guard *guard)
{
	enum terok_state kept = TEROK_STATE_NONE;
	char key[JOURNAL_KEY_LEN];
	struct problem why = {};

	if (journal_key(&guard->info, key) && journal_get_state(key, &kept, &why))
		return TEROK_STATE_UP;
	if (kept == TEROK_STATE_NONE)
		return spec->state;
	return spec->state_kept || guard_stays_blocked(spec, &guard->info, kept) ? kept
										 : spec->state;
}

int guard_release(const struct kernel *kernel, const struct guard_spec *spec, struct guard *guard,
		  struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	enum terok_state state;
	int r = lock < 0 ? lock : 0;

	if (r)
		return r;
	state = state_due(spec, guard);
	r = guard_change(kernel, guard->id, change_release, &state, why);
	if (!r)
		guard->state = guard->value.state = state;
	return r;
}

struct of_container {
	const char *container;
	uint32_t uid, id;
};

static int container_label(uint32_t id, const struct terok_info *info, void *user)
{
	struct of_container *of = user;

	if (strcmp(info->container, of->container) || of->uid != info->uid)
		return 0;
	of->id = id;
	return 1;
}

int guard_of_container(const struct kernel *kernel, const char *container, uint32_t uid,
		       struct guard *ret)
{
	struct of_container of = { .container = container, .uid = uid };
	int r = kernel_each_label(kernel->map[MAP_INFO], container_label, &of);

	return r < 0 ? r : of.id ? guard_get(kernel, of.id, ret) : -ENOENT;
}

int guard_around(const struct kernel *kernel, const char *cgroup, uint32_t *ret)
{
	char path[TEROK_PATH_LEN], *slash;

	if (snprintf(path, sizeof(path), "%s", cgroup) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	while ((slash = strrchr(path, '/')) && path[1]) {
		_cleanup_close_ int fd = cgroup_open(path, NULL);
		struct terok_guard value;
		uint64_t id;
		int r = fd < 0 ? fd : cgroup_id(fd, &id);

		if (r) /* it has gone: what was around it is not known */
			return r == -ENOENT ? -ESTALE : r;
		r = value_get(kernel, id, &value);
		if (r && r != -ENOENT)
			return r;
		if (!r && value.id) {
			*ret = value.id;
			return 0;
		}
		*slash = '\0';
	}
	return -ENOENT;
}

bool guard_holds(const struct kernel *kernel, pid_t pid)
{
	char path[TEROK_PATH_LEN];
	uint32_t id;

	return cgroup_of_pid(pid, path, NULL) || guard_around(kernel, path, &id) != -ENOENT;
}

int guard_of_cgroup(const struct kernel *kernel, uint64_t cgroup, struct guard *ret)
{
	struct search there = { .cgroup = cgroup };
	int r = search(kernel, &there);

	return r ? r : there.id ? guard_get(kernel, there.id, ret) : -ENOENT;
}

/* Rules, own addresses and label of a guard whose hooks are gone. */
static int guard_forget(const struct kernel *kernel, const struct guard *guard)
{
	int r = guard_refresh_self(kernel, guard->id, GUARD_NO_NETNS);

	if (!r)
		r = policy_forget(kernel, guard->id);
	if (r >= 0)
		r = reached_forget(kernel, guard->id);
	if (r >= 0)
		r = dossier_forget(kernel, guard->id);
	if (r < 0) /* its label stays, so that detaching again finds it */
		return r;
	return bpf_map_delete_elem(kernel->map[MAP_INFO], &guard->id) ? -errno : 0;
}

/*
 * A connection outlives its process: the kernel goes on sending what was written and not
 * acknowledged, which may be what the guard refused. If its cgroup was removed already the
 * hooks stay, without a state, and drop all until the last socket is gone; the kernel takes
 * them then.
 */
static int hooks_remove(const struct kernel *kernel, const struct guard *guard, struct problem *why)
{
	_cleanup_close_ int cgroup_fd = cgroup_open_id(guard->info.cgroup, why);
	int r = cgroup_fd < 0 ? cgroup_fd : hooks_detach(kernel, cgroup_fd, why);

	return r < 0 && r != -ENOENT ? r : 0;
}

/* From here on it lets nothing out, whatever becomes of the rest. */
static int guard_close(const struct kernel *kernel, const struct guard *guard, struct problem *why)
{
	static const struct terok_guard none;
	int r = value_put(kernel, guard->info.cgroup, &none);

	return r && r != -ENOENT /* the cgroup is gone */
		   ? problem(why, r, "close guard %u: %s", guard->id, strerror(-r))
		   : 0;
}

static int forget_problem(int r, const struct guard *guard, struct problem *why)
{
	return r && r != -ENOENT ? problem(why, r, "forget guard %u: %s", guard->id, strerror(-r))
				 : 0;
}

int guard_detach(const struct kernel *kernel, const struct guard *guard, struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	int r;

	if (lock < 0)
		return lock;
	r = guard_close(kernel, guard, why);
	if (!r)
		r = hooks_remove(kernel, guard, why);
	return r ? r : forget_problem(guard_forget(kernel, guard), guard, why);
}

int guard_retire(const struct kernel *kernel, const struct guard *guard, struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	int r;

	if (lock < 0)
		return lock;
	r = guard_close(kernel, guard, why);
	return r ? r : forget_problem(guard_forget(kernel, guard), guard, why);
}

int guard_value(const struct kernel *kernel, uint32_t id, struct terok_info *info,
		struct terok_guard *value, struct problem *why)
{
	int r = bpf_map_lookup_elem(kernel->map[MAP_INFO], &id, info) ? -errno : 0;

	if (r == -ENOENT)
		return problem(why, r, "no guard %u; terok-bpfd status lists them", id);
	if (!r)
		r = value_get(kernel, info->cgroup, value);
	if (r && r != -ENOENT)
		return problem(why, r, "read guard %u: %s", id, strerror(-r));
	if (r || value->id != id)
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

int guard_rename(const struct kernel *kernel, uint32_t id, const char *name, struct problem *why)
{
	int r = guard_name_check(name, why);
	_cleanup_close_ int lock = r ? -1 : kernel_lock(why);
	struct terok_info info, before;

	if (lock < 0)
		return r ?: lock;
	r = guard_info(kernel, id, &before);
	info = before;
	memset(info.name, 0, sizeof(info.name));
	memcpy(info.name, name, strlen(name));
	if (!r && bpf_map_update_elem(kernel->map[MAP_INFO], &id, &info, BPF_EXIST))
		r = -errno;
	if (r)
		return problem(why, r, "rename guard %u: %s", id, strerror(-r));
	guard_dir_rename(&before, &info);
	return 0;
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
static int self_prune(int map, uint32_t id, uint8_t keep[][16], int n)
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
			if (bpf_map_delete_elem(map, &next) && errno != ENOENT)
				return -errno;
			prev = NULL; /* start again: the key to go on from is gone */
		}
	}
	return errno == ENOENT ? 0 : -errno;
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
	return self_prune(kernel->map[MAP_SELF], id, addrs, n);
}
