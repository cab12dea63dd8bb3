// SPDX-License-Identifier: Apache-2.0
/*
 * bench_upgrade.c - an agent gives way to another build's while 1,000 connects a second go on
 *
 * Every second connect is refused, to a port of its own. Both builds note what they read
 * (tests/kernel/builds), so after each change of agents every refusal must have been read, each
 * connect decided as the rules say; and the longest time between two records that were read is
 * the pause of the reader, from the one's last to the other's first.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "consumer.h"
#include "families.h"
#include "place.h"
#include "tests/kernel/builds/counted.h"

#define GAP_NS     1000000 /* between connects */
#define AROUND_US  200000  /* of load before and after a change */
#define DRAIN_MS   5000
#define FIRST_PORT 1024

static struct {
	struct ours ours;
	struct guard guard;
	struct agent agent;
	int cgroup, netns;
	struct counted *counted;
	volatile unsigned *tries, *wrong; /* shared with who connects */
	unsigned refused, upgrades;
	double pause_ns[BENCH_ROUNDS_MAX];
} state;

static void *shared(size_t size, int fd)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

static int counted_make(void)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/counted", bench.dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*state.counted)))
		return bench_fail(-errno, "%s", path);
	state.counted = shared(sizeof(*state.counted), fd);
	close(fd);
	setenv(COUNTED_FILE, path, 1);
	state.tries = shared(2 * sizeof(unsigned), -1);
	state.wrong = state.tries + 1;
	return state.counted && state.tries ? 0 : -ENOMEM;
}

static int set_up(void)
{
	int r;

	state.cgroup = place_cgroup("upgrade");
	state.netns = place_netns("client");
	if (state.cgroup < 0 || state.netns < 0)
		return bench_fail(-EIO, "the place is not there");
	r = counted_make();
	if (!r)
		r = ours_load(&state.ours);
	if (!r)
		r = ours_guard(&state.ours, "upgrade", state.cgroup, OURS_UNLIMITED, &state.guard);
	return r ?: ours_allow(&state.ours, state.guard.id, 0, 1);
}

/* Nobody listens where it may go: a refusal from there is a connect that got through. */
static _Noreturn void connect_on(void)
{
	struct sockaddr_in open = place_allowed(0), shut = place_refused(0);
	struct timespec at;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (place_enter(state.cgroup, state.netns))
		_exit(1);
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (;;) {
		unsigned n = *state.tries;

		shut.sin_port = htons(FIRST_PORT + n / 2);
		place_connect(n % 2 ? &open : &shut, &error);
		*state.wrong += error != (n % 2 ? ECONNREFUSED : EHOSTUNREACH);
		*state.tries = n + 1;
		at.tv_nsec += GAP_NS;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
}

static int upgrade(unsigned round)
{
	int r;

	usleep(AROUND_US);
	state.counted->pause_ns = 0;
	agent_stop(&state.agent);
	state.agent.program = round % 2 ? "tests/kernel/builds/first"
					: "tests/kernel/builds/other/bpfd";
	r = agent_start(&state.agent, false);
	usleep(AROUND_US);
	state.pause_ns[round] = state.counted->pause_ns;
	state.upgrades++;
	return r;
}

/* The refusals that no agent has read. */
static unsigned unread(void)
{
	unsigned char kind = ntohl(place_refused(0).sin_addr.s_addr) % COUNTED_KINDS;
	unsigned n = 0;

	for (unsigned i = 0; i < state.refused; i++)
		n += !state.counted->times[kind][FIRST_PORT + i];
	return n;
}

static void judge(unsigned rounds)
{
	char what[BENCH_NAME];

	for (int i = 0; i < DRAIN_MS && unread(); i++)
		usleep(1000);
	snprintf(what, sizeof(what), "records lost, of %u, by %u upgrades under load",
		 state.refused, state.upgrades);
	bench_judge(what, figure_flat(unread()), "records", BOUND_AT_MOST, 0, NULL, 0);
	snprintf(what, sizeof(what), "connects decided wrongly, of %u", *state.tries);
	bench_judge(what, figure_flat(*state.wrong), "connects", BOUND_AT_MOST, 0, NULL, 0);
	bench_judge("the reader's pause, one build's last record to the next's first",
		    figure_of(state.pause_ns, rounds), "ns", BOUND_AT_MOST, 1e9, NULL, 0);
}

int bench_upgrade(void)
{
	unsigned rounds = bench_pick(20, 6);
	int r = set_up(), status;
	pid_t pid = -1;

	state.agent = (struct agent){ .program = "tests/kernel/builds/first" };
	if (!r)
		r = agent_start(&state.agent, false);
	if (!r)
		pid = fork();
	if (!pid)
		connect_on();
	for (unsigned i = 0; !r && i < rounds; i++)
		r = upgrade(i);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		state.refused = *state.tries / 2; /* one more may have been on its way */
		if (!r)
			judge(rounds);
	}
	agent_stop(&state.agent);
	ours_unload(&state.ours);
	return r;
}
