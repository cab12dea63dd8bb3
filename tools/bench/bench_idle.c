// SPDX-License-Identifier: Apache-2.0
/*
 * bench_idle.c - the agent and its workers with one guard and nothing to do
 *
 * Memory is what the kernel says of each process: Rss counts pages shared with others in
 * full, Pss its share of them. A wake-up is a voluntary context switch of any thread.
 */
#include <errno.h>
#include <unistd.h>

#include "consumer.h"
#include "families.h"
#include "nflog.h"
#include "place.h"

#define SETTLE_S 1
#define MIB      1024.0

struct idle {
	struct agent_state state;
	double wakeups; /* a second */
	double cpu_us;
};

static int idle_watch(struct idle *ret, unsigned seconds)
{
	struct agent_state before, after;
	uint64_t cpu;
	int r;

	sleep(SETTLE_S);
	r = agent_state(&before);
	cpu = agent_cpu_us();
	if (r)
		return r;
	sleep(seconds); /* the stretch of time that is measured */
	ret->cpu_us = (double)(agent_cpu_us() - cpu) / seconds;
	r = agent_state(&after);
	ret->state = after;
	ret->wakeups = (double)(after.switches - before.switches) / seconds;
	return r;
}

static int idle_peer(struct idle *ret)
{
	struct nflog nflog = { .lines = -1 };
	int r = nflog_start(&nflog, "reset", false);

	if (r)
		return bench_fail(r, "the C reader");
	r = idle_watch(ret, 1);
	nflog_stop(&nflog);
	return r;
}

static void idle_judge(const struct idle *ours, const struct idle *peer)
{
	bench_row("processes", figure_flat(ours->state.processes), "");
	bench_row("CPU time a second", figure_flat(ours->cpu_us), "us");
	bench_judge("agent with workers, idle: resident memory, Rss summed",
		    figure_flat(ours->state.rss_kib / MIB), "MiB", BOUND_AT_MOST, 12,
		    "the C reader (one process)",
		    (double)ours->state.rss_kib / peer->state.rss_kib);
	bench_judge("  shared pages counted once (Pss)", figure_flat(ours->state.pss_kib / MIB),
		    "MiB", BOUND_NONE, 0, NULL, 0);
	bench_judge("agent with workers, idle: wake-ups a second", figure_flat(ours->wakeups), "/s",
		    BOUND_AT_MOST, 0.2, NULL, 0);
}

int bench_idle(void)
{
	struct idle ours_idle = {}, peer_idle = {};
	struct agent agent = {};
	struct ours ours = {};
	struct guard guard;
	int cgroup, r = ours_load(&ours);

	if (r)
		return r;
	cgroup = place_cgroup("idle");
	r = ours_guard(&ours, "idle", cgroup, 0, &guard);
	if (!r)
		r = idle_peer(&peer_idle);
	if (!r)
		r = agent_start(&agent, false);
	if (!r)
		r = idle_watch(&ours_idle, bench_pick(12, 5));
	if (!r && ours_idle.state.processes < 2)
		r = bench_fail(-ESRCH, "the agent has no worker");
	if (!r)
		idle_judge(&ours_idle, &peer_idle);
	agent_stop(&agent);
	ours_unload(&ours);
	return r;
}
