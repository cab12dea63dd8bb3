// SPDX-License-Identifier: Apache-2.0
/*
 * bench_transition.c - a guard with 10,000 rules goes up, down and block while processes connect
 *
 * Each refusal's record carries the state that counted and the reason. A decision that was
 * half of one state and half of another would show a pair that no state gives: up refuses
 * what no rule names, down what is private, block says nothing but blocked. How fast they
 * connect meanwhile is the other figure; the peer is the same without a transition.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "families.h"
#include "ours.h"
#include "place.h"
#include "policy.h"
#include "record.h"

#define RULES    10000
#define ROUND_NS 500000000
#define GAP_US   300 /* between transitions: about 3,000 a second */

static struct {
	struct ours ours;
	struct guard guard;
	struct records *records;
	int cgroup, netns;
	volatile uint64_t *connects; /* shared with who connects */
	uint64_t seen, mixed, transitions;
} state;

static void on_record(const struct terok_record *record, void *user)
{
	static const uint8_t alone[TEROK_STATE_MAX_] = {
		[TEROK_STATE_UP] = TEROK_REASON_DEFAULT,
		[TEROK_STATE_DOWN] = TEROK_REASON_PRIVATE,
		[TEROK_STATE_BLOCK] = TEROK_REASON_BLOCKED,
	};

	(void)user;
	state.seen++;
	state.mixed += record->state >= TEROK_STATE_MAX_ || record->reason != alone[record->state];
}

/* UDP connects: to a private address that a rule allows, and to one that no rule names. */
static _Noreturn void hammer(void)
{
	struct sockaddr_in kept = { .sin_family = AF_INET, .sin_port = htons(PLACE_PORT) },
			   other = place_refused(0);
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_cpu(1);
	kept.sin_addr.s_addr = htonl(0x0a010203);
	if (place_enter(state.cgroup, state.netns))
		_exit(1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (;;) {
		connect(fd, (struct sockaddr *)&kept, sizeof(kept));
		connect(fd, (struct sockaddr *)&other, sizeof(other));
		*state.connects += 2;
	}
}

/* @transitions: change the state all the time, else leave it at up. */
static int run(bool transitions, struct samples *out)
{
	static const enum terok_state cycle[] = { TEROK_STATE_DOWN, TEROK_STATE_BLOCK,
						  TEROK_STATE_UP };
	uint64_t start, ns, before;
	pid_t pid = fork();
	int r = 0;

	if (!pid)
		hammer();
	before = *state.connects;
	while (pid > 0 && *state.connects == before && !waitpid(pid, NULL, WNOHANG))
		;
	before = *state.connects;
	start = bench_ns();
	for (unsigned i = 0; !r && bench_ns() - start < ROUND_NS; i++) {
		if (transitions) {
			r = guard_set_state(state.ours.kernel, state.guard.id, cycle[i % 3], NULL);
			state.transitions++;
		}
		while (records_drain(state.records, RECORD_BATCH) == RECORD_BATCH)
			;
		usleep(GAP_US);
	}
	ns = bench_ns() - start;
	samples_add(out, ns / (*state.connects - before ?: 1));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (records_drain(state.records, RECORD_BATCH))
		;
	return r ? r : guard_set_state(state.ours.kernel, state.guard.id, TEROK_STATE_UP, NULL);
}

static int changing_measure(struct config *config, struct samples *out)
{
	(void)config;
	return run(true, out);
}

static int still_measure(struct config *config, struct samples *out)
{
	(void)config;
	return run(false, out);
}

static int transition_all(void)
{
	struct config c[] = {
		{ .name = "a connect, 3,000 transitions a second", .measure = changing_measure },
		{ .name = "a connect, none", .measure = still_measure },
	};
	int r = bench_rounds(c, 2, bench_pick(7, 3));

	if (r)
		return r;
	if (!state.seen || !state.transitions)
		return bench_fail(-EIO, "no refusal was seen");
	bench_table("10,000 rules, refusals recorded", c, 2, 1);
	bench_note("%llu transitions, %llu refusals looked at",
		   (unsigned long long)state.transitions, (unsigned long long)state.seen);
	bench_judge("a connect under transitions (100,000 a second)", figure_p50(&c[0]), "ns",
		    BOUND_AT_MOST, 10000, "without them", figure_ratio(&c[0], &c[1]).value);
	bench_judge("decisions by a mixture of two states", figure_flat(state.mixed), "",
		    BOUND_AT_MOST, 0, NULL, 0);
	return 0;
}

static int rules_make(void)
{
	struct rule rule = { .guard = state.guard.id,
			     .dest = { .bits = 128 },
			     .value = { .action = TEROK_ALLOW } };
	struct sockaddr_in to = { .sin_addr.s_addr = htonl(0x0a010203) };
	int r = ours_allow(&state.ours, state.guard.id, 0, RULES);

	place_mapped(&to, rule.dest.addr);
	return r ? r : policy_add(state.ours.kernel, &rule, NULL);
}

int bench_transition(void)
{
	int r = ours_load(&state.ours);

	if (r)
		return r;
	state.connects = mmap(NULL, sizeof(*state.connects), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	state.cgroup = place_cgroup("transition");
	state.netns = place_netns("client");
	if (state.cgroup < 0 || state.netns < 0 || state.connects == MAP_FAILED)
		return bench_fail(-ENOENT, "set up");
	r = ours_guard(&state.ours, "transition", state.cgroup, OURS_UNLIMITED, &state.guard);
	if (!r)
		r = rules_make();
	if (!r)
		r = records_open(state.ours.kernel, on_record, NULL, &state.records);
	if (!r)
		r = transition_all();
	records_close(state.records);
	ours_unload(&state.ours);
	return r;
}
