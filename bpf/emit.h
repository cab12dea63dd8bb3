/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * emit.h - a refusal becomes a record, or a number that says why not
 *
 * Nothing here changes a decision. Per guard: refused = delivered + limited + lost,
 * exactly. The counters are per CPU and still atomic, because these programs can be
 * preempted by another instance on the same CPU.
 */
#ifndef TEROK_EMIT_H
#define TEROK_EMIT_H

#define BUDGET_TRIES 8 /* compare-and-swap attempts; every failure is another CPU's success */

/* The default budget: 1,000 records a second, 2,000 at once. */
#define RECORD_GAP_NS   1000000ULL
#define RECORD_BURST_NS (1999 * RECORD_GAP_NS)

static __always_inline void count(__u64 *counter)
{
	__sync_fetch_and_add(counter, 1);
}

/*
 * Take one record from the guard's budget: budget_ns is the time at which the bucket would
 * be full again, and may run ahead of the clock by at most the burst. One word changed by
 * compare-and-swap, so that two CPUs can never both take the last one.
 */
static __always_inline _Bool budget_take(struct terok_guard *guard, __u64 now)
{
	__u64 gap = guard->record_gap_ns, burst = guard->record_burst_ns;

	if (!gap) {
		gap = RECORD_GAP_NS;
		burst = RECORD_BURST_NS;
	}
	for (int i = 0; i < BUDGET_TRIES; i++) {
		__u64 old = guard->budget_ns, from = old > now ? old : now;

		if (from - now > burst)
			return 0;
		if (__sync_val_compare_and_swap(&guard->budget_ns, old, from + gap) == old)
			return 1;
	}
	return 0;
}

/*
 * Must this record wake the consumer? The consumer stores asleep, then looks at the ring's
 * producer position; we moved that position (reserve) and then look at asleep. Between the
 * two stands the atomic increment of `delivered`, a full barrier, so one of us sees the
 * other. Whoever clears the flag pays for the wake-up; everybody after sends for free.
 */
static __always_inline __u64 wake_flags(void)
{
	__u32 zero = 0;
	struct terok_wake *wake = bpf_map_lookup_elem(&terok_wake, &zero);

	if (wake && wake->asleep && __sync_val_compare_and_swap(&wake->asleep, 1, 0) == 1)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

/* The task that made the call: all from the kernel's structs, now, while it stands still. */
static __always_inline void record_task(struct terok_record *rec)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;
	struct task_struct *parent = leader->real_parent;
	__u64 ids = bpf_get_current_uid_gid();
	struct mm_struct *mm = task->mm;

	rec->pid = task->pid;
	rec->tgid = task->tgid;
	rec->start_ns = leader->start_boottime;
	rec->uid = ids;
	rec->gid = ids >> 32;
	rec->cgroup = bpf_get_current_cgroup_id();
	bpf_get_current_comm(rec->comm, sizeof(rec->comm));
	rec->ppid = parent->tgid;
	bpf_probe_read_kernel(rec->pcomm, sizeof(rec->pcomm), parent->comm);

	rec->exe_ino = 0;
	rec->exe_dev = 0;
	if (mm) { /* a kernel thread has none */
		struct file *exe = mm->exe_file;

		if (exe) {
			rec->exe_ino = exe->f_inode->i_ino;
			rec->exe_dev = exe->f_inode->i_sb->s_dev;
		}
	}
}

static __always_inline void record_no_task(struct terok_record *rec)
{
	rec->pid = 0;
	rec->tgid = 0;
	rec->start_ns = 0;
	rec->uid = 0;
	rec->gid = 0;
	rec->ppid = 0;
	rec->exe_ino = 0;
	rec->exe_dev = 0;
	__builtin_memset(rec->comm, 0, sizeof(rec->comm));
	__builtin_memset(rec->pcomm, 0, sizeof(rec->pcomm));
}

/* Everything but what depends on the context's type: task, cookies, cgroup, socket type. */
static __always_inline void record_fill(struct terok_record *rec, const struct terok_guard *guard,
					const struct route *route, enum terok_hook hook,
					const struct decision *decision, __u64 now)
{
	rec->version = TEROK_ABI_VERSION;
	rec->verdict = TEROK_DENY;
	rec->reason = decision->reason;
	rec->hook = hook;
	rec->family = route->family;
	rec->proto = route->flow.proto;
	rec->state = decision->state; /* the guard's may be another by now */
	rec->boot_ns = now;
	rec->guard = guard->id;
	rec->sock_type = 0;
	__builtin_memcpy(rec->src, route->src, sizeof(rec->src));
	__builtin_memcpy(rec->dst, route->flow.addr, sizeof(rec->dst));
	rec->src_port = route->src_port;
	rec->dst_port = route->flow.port;
	rec->pad1 = 0;
}

/* Count the refusal; may it have a record? */
static __always_inline _Bool record_afford(struct terok_guard *guard, struct terok_counts *counts,
					   __u64 now)
{
	count(&counts->refused);
	if (budget_take(guard, now))
		return 1;
	count(&counts->limited);
	return 0;
}

/*
 * Room for it; the caller's next line is the one test for NULL, with record_lose() behind it.
 * A second test of a pointer that was tested already is one too many for the verifier of 6.1,
 * which then follows a path on which the record is there and is not.
 */
static __always_inline struct terok_record *record_reserve(void)
{
	return bpf_ringbuf_reserve(&terok_records, sizeof(struct terok_record), 0);
}

static __always_inline int record_lose(struct terok_counts *counts)
{
	count(&counts->lost);
	return 0;
}

static __always_inline void record_submit(struct terok_record *rec, struct terok_counts *counts)
{
	count(&counts->delivered); /* also the barrier that wake_flags() needs */
	bpf_ringbuf_submit(rec, wake_flags());
}

#endif
