// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_guards.c - what stands on each guarded cgroup: all hooks, ours, and nobody's between
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/db.h"
#include "base/dir.h"
#include "cgroup.h"
#include "control.h"
#include "doctor.h"
#include "hooks.h"
#include "journal.h"
#include "terok/names.h"

#define PROGS_MAX 64 /* the kernel takes no more on one cgroup and hook */
#define LOOKS     5
#define LOOK_MS   5 /* between two looks at the counters */

/* --- its cgroup ---------------------------------------------------------------------------------- */

static void check_cgroup(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	_cleanup_close_ int fd = cgroup_open_id(guard->info.cgroup, NULL);
	int lives = fd < 0 ? fd : cgroup_populated(fd);
	char path[TEROK_PATH_LEN], fix[TEROK_NAME_LEN + 32];

	snprintf(fix, sizeof(fix), "terok-bpfd detach %u", guard->id);
	if (fd == -ENOENT || lives == -ENODEV) {
		doctor_can(doctor, "detach guard %u, whose cgroup is gone", guard->id);
		doctor_say(doctor, VERDICT_WARN, fix, "its cgroup %s is gone", guard->info.path);
	} else if (lives < 0) {
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell of %s: %s", guard->info.path,
			   strerror(-lives));
	} else if (!cgroup_path(fd, path) && strcmp(path, guard->info.path)) {
		doctor_say(doctor, VERDICT_WARN, "", "its cgroup is now called %s, not %s", path,
			   guard->info.path);
	} else {
		doctor_say(doctor, VERDICT_OK, "", "%s, %s", guard->info.path,
			   lives ? "somebody lives in it" : "nobody lives in it");
	}
}

static int mend_cgroup(struct doctor *doctor, struct problem *why)
{
	const struct guard *guard = doctor->guard;
	_cleanup_close_ int fd = guard ? cgroup_open_id(guard->info.cgroup, NULL) : -ENOENT;
	int r;

	if (!guard || (fd >= 0 && cgroup_populated(fd) != -ENODEV))
		return 0; /* it is back, or was never gone */
	r = guard_detach(doctor->kernel, guard, why);
	control_notify(guard->id);
	return r;
}

/* --- cgroups that no guard names -------------------------------------------------------------------- */

struct orphans {
	struct doctor *doctor;
	unsigned seen;
};

/* By the labels alone: asking each guard for its hooks, for each cgroup, takes too long. */
static int is_of(uint32_t id, const struct terok_info *info, void *user)
{
	(void)id;
	return info->cgroup == *(uint64_t *)user;
}

static int orphan_look(int cgroup_fd, void *user)
{
	struct orphans *orphans = user;
	char path[TEROK_PATH_LEN], fix[TEROK_PATH_LEN + 64];
	struct doctor *doctor = orphans->doctor;
	int n = hooks_count(doctor->kernel, cgroup_fd);
	uint64_t id;

	if (n <= 0 || cgroup_id(cgroup_fd, &id) || cgroup_path(cgroup_fd, path))
		return 0;
	orphans->seen++;
	if (kernel_each_label(doctor->kernel->map[MAP_INFO], is_of, &id))
		return 0;
	snprintf(fix, sizeof(fix), "terok-bpfd attach %s, then detach it if nobody wants it", path);
	doctor_say(doctor, VERDICT_FAIL, fix,
		   "%s has %d hooks of ours and no guard: it lets nothing out", path, n);
	return 0;
}

static void check_orphans(struct doctor *doctor)
{
	struct orphans orphans = { .doctor = doctor };
	_cleanup_close_ int root = doctor->kernel ? cgroup_root_open(NULL) : -1;
	int r;

	if (root < 0)
		return;
	r = cgroup_each_below(root, orphan_look, &orphans);
	if (r)
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell: %s", strerror(-r));
	else if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "",
			   "%u cgroups have hooks of ours, each with a guard", orphans.seen);
}

/* --- its hooks ------------------------------------------------------------------------------------ */

static void prog_name(__u32 id, char ret[static 24])
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		info.name[0] = '\0';
	snprintf(ret, 24, "%s", *info.name ? info.name : "without a name");
}

static int place_of(const __u32 *ids, __u32 n, __u32 mine)
{
	for (__u32 i = 0; i < n; i++)
		if (ids[i] == mine)
			return i;
	return -1;
}

/* What somebody else has put on the same cgroup and hook: it may change what ours has decided. */
static void say_foreign(struct doctor *doctor, enum terok_hook hook, const __u32 *ids, __u32 n,
			int mine)
{
	char name[24], fix[TEROK_PATH_LEN + 128], type[24];

	for (__u32 i = 0; i < n; i++) {
		if ((int)i == mine)
			continue;
		prog_name(ids[i], name);
		snprintf(type, sizeof(type), "%s", hooks_type_name(hook));
		snprintf(fix, sizeof(fix), "whose is it? bpftool cgroup detach CGROUP%s %s id %u",
			 doctor->guard->info.path, type, ids[i]);
		doctor_say(doctor, VERDICT_WARN, fix,
			   "%s: another program, %s (id %u), runs %s ours", terok_hook_name(hook),
			   name, ids[i], (int)i < mine ? "before" : "after");
	}
}

/* 1: ours is on it */
static int look_at_hook(struct doctor *doctor, int cgroup_fd, enum terok_hook hook)
{
	__u32 ids[PROGS_MAX], n = PROGS_MAX;
	int mine;

	if (bpf_prog_query(cgroup_fd, hooks_type(hook), 0, NULL, ids, &n)) {
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell of %s: %s", terok_hook_name(hook),
			   strerror(errno));
		return 1;
	}
	mine = place_of(ids, n, doctor->kernel->prog_id[hook]);
	if (mine < 0) {
		doctor_can(doctor, "attach %s to its cgroup again", terok_hook_name(hook));
		doctor_say(doctor, VERDICT_FAIL, "terok-bpfd doctor --fix, or attach it again",
			   "%s: %s", terok_hook_name(hook),
			   n ? "the pinned program is not on its cgroup, others are"
			     : "no program is on its cgroup");
		return 0;
	}
	say_foreign(doctor, hook, ids, n, mine);
	return 1;
}

static void check_attached(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	_cleanup_close_ int fd = cgroup_open_id(guard->info.cgroup, NULL);
	int n = 0;

	if (fd < 0) /* said with its cgroup */
		return;
	for (int hook = TEROK_HOOK_NONE + 1; hook < TEROK_HOOK_MAX_; hook++)
		n += look_at_hook(doctor, fd, hook);
	if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "", "%d hooks, each the pinned program, alone", n);
}

/* What is there stays; what is missing is put there, backstop first; a state that is there stays. */
static int mend_attached(struct doctor *doctor, struct problem *why)
{
	const struct guard *guard = doctor->guard;
	_cleanup_close_ int fd = guard ? cgroup_open_id(guard->info.cgroup, why) : -ENOENT;
	_cleanup_close_ int lock = fd < 0 ? -1 : kernel_lock(why);
	int r;

	if (!guard || fd == -ENOENT)
		return 0;
	if (fd < 0 || lock < 0)
		return fd < 0 ? fd : lock;
	if (!kernel_is_current(doctor->kernel))
		return problem(why, -ESTALE, "the programs were exchanged meanwhile; try again");
	r = hooks_attach(doctor->kernel, fd, why);
	closep(&lock);
	if (!r)
		control_notify(guard->id);
	return r;
}

/* --- its state -------------------------------------------------------------------------------------- */

/* What the journal keeps of it; NONE: nothing. Read beside its writer, and nothing is changed. */
static int state_kept(const struct terok_info *info, enum terok_state *ret, uint32_t *uid,
		      struct problem *why)
{
	_cleanup_stmt_ sqlite3_stmt *row = NULL;
	char key[JOURNAL_KEY_LEN];
	sqlite3 *db;
	int r;

	*ret = TEROK_STATE_NONE;
	if (!journal_key(info, key))
		return 0;
	r = db_open_reader(state_dir(), "policy.db", JOURNAL_LAYOUT, &db, why);
	if (r)
		return r == -ENOENT ? 0 : r;
	r = db_prepare(db, "SELECT state, state_uid FROM guard WHERE key = ?1", &row, why);
	if (!r) {
		sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
		r = db_step(row, why);
	}
	if (r == 1 && sqlite3_column_int(row, 0) < TEROK_STATE_MAX_) {
		*ret = sqlite3_column_int(row, 0);
		*uid = sqlite3_column_int64(row, 1);
	}
	sqlite3_finalize(TAKE_PTR(row));
	sqlite3_close(db);
	return r < 0 ? r : 0;
}

static void say_half(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	char fix[TEROK_PATH_LEN + 32];

	snprintf(fix, sizeof(fix), "terok-bpfd attach %s", guard->info.path);
	doctor_say(doctor, VERDICT_FAIL, fix,
		   "it has none: whoever attached it did not come to the end, and it lets nothing "
		   "out");
}

static void check_state(struct doctor *doctor)
{
	const struct guard *guard = doctor->guard;
	struct problem why = {};
	enum terok_state kept;
	uint32_t uid = 0;
	int r;

	if (!guard->alive) /* said elsewhere */
		return;
	if (guard->value.id != guard->id || guard->value.state == TEROK_STATE_NONE) {
		say_half(doctor);
		return;
	}
	r = state_kept(&guard->info, &kept, &uid, &why);
	if (r) {
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell what was kept: %s", why.text);
	} else if (kept && kept != guard->value.state) {
		doctor_can(doctor, "restore the state that was kept: %s -> %s",
			   terok_state_name(guard->value.state), terok_state_name(kept));
		doctor_say(doctor, VERDICT_WARN, "terok-bpfd up, down or block says which is meant",
			   "shield state mismatch: actual='%s', desired='%s'",
			   terok_state_name(guard->value.state), terok_state_name(kept));
	} else {
		doctor_say(doctor, VERDICT_OK, "", "%s%s%s", terok_state_name(guard->value.state),
			   guard->state != guard->value.state ? ", bypassed for now" : "",
			   kept ? ", as it was kept" : "");
	}
}

static int mend_state(struct doctor *doctor, struct problem *why)
{
	enum terok_state kept;
	uint32_t uid = 0; /* who said it says it still */
	int r = doctor->guard ? state_kept(&doctor->guard->info, &kept, &uid, why) : -ENOENT;

	if (r || !kept || kept == doctor->guard->value.state)
		return r == -ENOENT ? 0 : r;
	r = guard_set_state_as(doctor->kernel, doctor->guard->id, kept, uid, why);
	if (!r)
		control_notify(doctor->guard->id);
	return r;
}

/* --- its counters ------------------------------------------------------------------------------------ */

static long long gap(const struct terok_counts *c)
{
	return (long long)(c->refused - c->delivered - c->limited - c->lost);
}

/* While it is busy a sum is not of one moment: each CPU may be between two of its numbers. */
static void check_counters(struct doctor *doctor)
{
	struct terok_counts before = {}, c = {};
	int cpus = sysconf(_SC_NPROCESSORS_CONF);
	bool still = false, small = true;
	int r = 0;

	if (!doctor->guard->alive)
		return;
	for (int i = 0; i < LOOKS && !r; i++) {
		if (i)
			poll(NULL, 0, LOOK_MS);
		before = c;
		r = guard_counts(doctor->kernel, doctor->guard, &c);
		if (!r && !gap(&c) && c.dropped <= c.refused)
			break;
		still = i && !memcmp(&before, &c, sizeof(c));
		small = small && llabs(gap(&c)) <= cpus;
	}
	if (r)
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell: %s", strerror(-r));
	else if (c.dropped > c.refused || (gap(&c) && (still || !small)))
		doctor_say(doctor, VERDICT_FAIL, "that is a mistake of ours: please report it",
			   "%llu refused is not %llu delivered + %llu limited + %llu lost, or "
			   "less than %llu dropped",
			   c.refused, c.delivered, c.limited, c.lost, c.dropped);
	else
		doctor_say(doctor, VERDICT_OK, "",
			   "%llu attempts: %llu allowed, %llu refused, of which %llu were not told",
			   c.allowed + c.refused, c.allowed, c.refused, c.limited + c.lost);
}

const struct check doctor_guards[] = {
	{ .name = "orphans", .host = check_orphans, .limit_s = 20 },
	{ .name = "cgroup", .guard = check_cgroup, .mend = mend_cgroup },
	{ .name = "attached", .guard = check_attached, .mend = mend_attached },
	{ .name = "state", .guard = check_state, .mend = mend_state, .asks = true },
	{ .name = "counters", .guard = check_counters },
	{},
};
