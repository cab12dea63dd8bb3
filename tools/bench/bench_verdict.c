// SPDX-License-Identifier: Apache-2.0
/*
 * bench_verdict.c - from a client's answer to the next connect() that passes
 *
 * The clock starts when the client sends its verdict and stops when the connect() that it
 * makes on the reply has returned. Beside it what the path we replace does for a verdict: one
 * nft process, then the connect().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "consumer.h"
#include "families.h"
#include "place.h"

#define PAUSE_NS 4000000
#define WAIT_NS  2000000000ull

extern char **environ;

static struct {
	struct ours ours;
	int cgroup, listener;
	struct guard guard;
	struct agent agent;
	struct asker asker;
} state;

static int hub_enter(struct config *config)
{
	int r = agent_start(&state.agent, false);

	(void)config;
	if (!r)
		r = asker_open(&state.asker);
	return r ? r : place_enter(state.cgroup, -1);
}

static void hub_leave(struct config *config)
{
	(void)config;
	place_leave();
	asker_close(&state.asker);
	agent_stop(&state.agent);
}

static int hub_verdict(const struct sockaddr_in *to, uint64_t *ns)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	char dest[INET_ADDRSTRLEN];
	uint64_t start;
	int r, error;

	inet_ntop(AF_INET, &to->sin_addr, dest, sizeof(dest));
	place_connect(to, &error);
	if (!error)
		return bench_fail(-EPROTO, "%s passed before anybody allowed it", dest);
	r = asker_wait(&state.asker, dest, WAIT_NS);
	nanosleep(&pause, NULL); /* a person thinks; everything sleeps again */
	start = bench_ns();
	if (!r)
		r = asker_answer(&state.asker, "allow", WAIT_NS);
	if (!r)
		place_connect(to, &error);
	*ns = bench_ns() - start;
	return r ? r : -error;
}

static int hub_measure(struct config *config, struct samples *out)
{
	for (unsigned i = 0; i < config->n + 1; i++) {
		struct sockaddr_in to = place_fresh();
		uint64_t ns = 0;
		int r = hub_verdict(&to, &ns);

		place_accept(state.listener);
		if (r)
			return bench_fail(r, "a verdict through the hub");
		if (i)
			samples_add(out, ns);
	}
	return 0;
}

static int nft_enter(struct config *config)
{
	int r, netns = place_netns("reset");

	(void)config;
	r = place_enter(-1, netns);
	close(netns);
	return r;
}

static void nft_leave(struct config *config)
{
	(void)config;
	place_leave();
}

static int nft_add(const char *dest)
{
	char element[64];
	char *argv[] = { "nft", "add", "element", "inet", "bench", "allow", element, NULL };
	int status;
	pid_t pid;

	snprintf(element, sizeof(element), "{ %s }", dest);
	if (posix_spawnp(&pid, "nft", NULL, NULL, argv, environ))
		return -ENOENT;
	return waitpid(pid, &status, 0) == pid && !status ? 0 : -ECHILD;
}

static int nft_measure(struct config *config, struct samples *out)
{
	for (unsigned i = 0; i < config->n; i++) {
		struct sockaddr_in to = place_fresh();
		char dest[INET_ADDRSTRLEN];
		uint64_t start = bench_ns();
		int r, error = 0;

		inet_ntop(AF_INET, &to.sin_addr, dest, sizeof(dest));
		r = nft_add(dest);
		if (!r)
			place_connect(&to, &error);
		if (r || error)
			return bench_fail(r ? r : -error, "a verdict by nft");
		samples_add(out, bench_ns() - start);
		place_accept(state.listener);
	}
	return 0;
}

int bench_verdict(void)
{
	struct config c[] = {
		{ .name = "ours, verdict sent by a hub client",
		  .enter = hub_enter,
		  .measure = hub_measure,
		  .leave = hub_leave,
		  .n = bench_pick(120, 60) },
		{ .name = "nft add element, a process each",
		  .enter = nft_enter,
		  .measure = nft_measure,
		  .leave = nft_leave,
		  .n = bench_pick(40, 20) },
	};
	struct figure p99;
	int r = ours_load(&state.ours);

	if (r)
		return r;
	bench_cpu(0);
	state.cgroup = place_cgroup("verdict");
	state.listener = place_listen();
	r = ours_guard(&state.ours, "verdict", state.cgroup, OURS_UNLIMITED, &state.guard);
	if (!r)
		r = bench_rounds(c, 2, bench_pick(7, 3));
	if (!r) {
		bench_table("verdict sent to the next connect() that passed", c, 2, 1);
		p99 = figure_of(c[0].p99, c[0].rounds);
		p99.value = samples_percentile(&c[0].all, 99);
		bench_judge("verdict sent by a client to next connect passes, p99", p99, "ns",
			    BOUND_AT_MOST, 250000, "an nft process and the connect",
			    p99.value / samples_percentile(&c[1].all, 99));
	}
	ours_unload(&state.ours);
	return r;
}
