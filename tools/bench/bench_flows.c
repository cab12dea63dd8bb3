// SPDX-License-Identifier: Apache-2.0
/*
 * bench_flows.c - a transition to block that ends every connection of a guard
 *
 * From the write of the state to the last socket destroyed, with 10,000 open connections
 * over veth; beside it ss --kill on the same sockets, which is how people do it by hand.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "families.h"
#include "flows.h"
#include "ours.h"
#include "place.h"

#define FLOWS 10000

static struct {
	struct ours ours;
	struct guard guard;
	int cgroup, listener, netns;
	pid_t holder; /* the far side of every connection */
	int fd[FLOWS];
	unsigned n;
} state;

/* Accept all and hold it; ends with its parent or by a signal. */
static void hold(void)
{
	struct pollfd ready = { .fd = state.listener, .events = POLLIN };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		poll(&ready, 1, -1);
		while (accept(state.listener, NULL, NULL) >= 0)
			;
	}
}

static int flows_open(struct config *config)
{
	int r = guard_set_state(state.ours.kernel, state.guard.id, TEROK_STATE_DOWN_ALL, NULL);

	(void)config;
	state.holder = fork();
	if (!state.holder)
		hold();
	if (!r)
		r = place_enter(state.cgroup, state.netns);
	for (unsigned i = 0; !r && i < state.n; i++) {
		struct sockaddr_in to = place_allowed(i);

		state.fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (state.fd[i] < 0 || connect(state.fd[i], (struct sockaddr *)&to, sizeof(to)))
			r = bench_fail(-errno, "connection %u", i);
	}
	return r;
}

static void flows_close(struct config *config)
{
	struct linger hard = { .l_onoff = 1 };

	(void)config;
	for (unsigned i = 0; i < state.n; i++) {
		setsockopt(state.fd[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(state.fd[i]);
	}
	kill(state.holder, SIGKILL);
	waitpid(state.holder, NULL, 0);
	place_leave();
}

static int block_measure(struct config *config, struct samples *out)
{
	uint64_t start = bench_ns();
	struct problem why = {};
	int r;

	(void)config;
	r = guard_set_state(state.ours.kernel, state.guard.id, TEROK_STATE_BLOCK, &why);
	if (!r)
		r = flows_end(state.ours.kernel, state.guard.id, FLOWS_REFUSED, &why);
	samples_add(out, bench_ns() - start);
	if (r >= 0 && r != (int)state.n)
		return bench_fail(-EIO, "%d of %u connections ended", r, state.n);
	return r < 0 ? bench_fail(r, "%s", why.text) : 0;
}

static int ss_measure(struct config *config, struct samples *out)
{
	uint64_t start = bench_ns();
	int r = system("ss -H -t -n -K dst 198.18.0.0/15 >/dev/null 2>&1");

	(void)config;
	samples_add(out, bench_ns() - start);
	return r ? bench_fail(-ECHILD, "ss -K") : 0;
}

static int flows_all(void)
{
	struct config c[] = {
		{ .name = "block, and every connection ended", .measure = block_measure },
		{ .name = "ss --kill, the same connections", .measure = ss_measure },
	};
	int r;

	for (int i = 0; i < 2; i++) {
		c[i].enter = flows_open;
		c[i].leave = flows_close;
	}
	r = bench_rounds(c, 2, bench_pick(5, 2));
	if (r)
		return r;
	bench_table("10,000 open connections, then block", c, 2, 1);
	bench_judge("block ends 10,000 connections", figure_p50(&c[0]), "ns", BOUND_AT_MOST,
		    50000000, "ss --kill", figure_ratio(&c[0], &c[1]).value);
	return 0;
}

int bench_flows(void)
{
	int r = ours_load(&state.ours);

	if (r)
		return r;
	state.n = bench_pick(FLOWS, FLOWS / 5);
	state.cgroup = place_cgroup("flows");
	state.netns = place_netns("client");
	state.listener = place_listen();
	if (state.cgroup < 0 || state.netns < 0 || state.listener < 0)
		return bench_fail(-ENOENT, "set up");
	r = ours_guard(&state.ours, "flows", state.cgroup, OURS_UNLIMITED, &state.guard);
	if (!r)
		r = flows_all();
	ours_unload(&state.ours);
	return r;
}
