// SPDX-License-Identifier: Apache-2.0
/*
 * bench_refuse.c - what a refused connect() pays, and when somebody hears of it
 *
 * TCP connect() on a new socket, refused. "Awake": one after the other, so that the consumer
 * never sleeps; "asleep": PAUSE_NS apart, so that each record has to wake it. "No record" is
 * our own program with the guard's record budget spent.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.skel.h"
#include "consumer.h"
#include "families.h"
#include "nflog.h"
#include "place.h"

#include <bpf/bpf.h>

#define PAUSE_NS 4000000 /* more than any consumer of either side lingers */
#define WARM_UP  50

enum side { SIDE_LEAST, SIDE_SILENT, SIDE_READER, SIDE_AGENT, SIDE_NFT };

static struct {
	struct ours ours;
	struct bench_bpf *skel;
	int least, silent, record; /* cgroups */
	int client;                /* namespace */
	struct guard silent_guard, record_guard;
	struct reader reader;
	struct agent agent;
	struct asker asker;
	struct nflog nflog;
} state = { .nflog = { .lines = -1 } };

struct path {
	enum side side;
	const char *netns;
	uint64_t pause_ns;
};

static void pause_for(uint64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	nanosleep(&t, NULL); /* the idle time is what is measured */
}

static int path_enter(struct config *config)
{
	const struct path *path = config->user;
	int r = 0, netns, cgroup = state.record;

	switch (path->side) {
	case SIDE_LEAST: cgroup = state.least; break;
	case SIDE_SILENT: cgroup = state.silent; break;
	case SIDE_READER: r = reader_start(&state.reader); break;
	case SIDE_AGENT:
		r = agent_start(&state.agent, true);
		if (!r)
			r = asker_open(&state.asker);
		break;
	case SIDE_NFT:
		cgroup = -1;
		r = nflog_start(&state.nflog, path->netns, false);
		break;
	}
	netns = place_netns(path->netns);
	if (!r)
		r = place_enter(cgroup, netns);
	close(netns);
	return r;
}

static void path_leave(struct config *config)
{
	const struct path *path = config->user;

	place_leave();
	switch (path->side) {
	case SIDE_LEAST:
	case SIDE_SILENT: break;
	case SIDE_READER: reader_stop(&state.reader); break;
	case SIDE_AGENT:
		asker_close(&state.asker);
		agent_stop(&state.agent);
		break;
	case SIDE_NFT: nflog_stop(&state.nflog); break;
	}
}

static int path_measure(struct config *config, struct samples *out)
{
	const struct path *path = config->user;
	unsigned skip = path->pause_ns ? 1 : WARM_UP;

	for (unsigned i = 0; i < config->n + skip; i++) {
		struct sockaddr_in to = place_refused(place_random(64));
		int error;
		uint64_t ns;

		if (path->pause_ns)
			pause_for(path->pause_ns);
		ns = place_connect(&to, &error);
		if (!error)
			return bench_fail(-EPROTO, "a connect that must be refused passed");
		if (i >= skip)
			samples_add(out, ns);
	}
	return 0;
}

enum { LEAST, SILENT, READER, AWAKE, ASLEEP, NFT, NFT_ASLEEP, N_PATHS };

static void path_judge(const struct config *c)
{
	bench_judge("refused connect with its record, consumer awake, over one without",
		    figure_difference(&c[AWAKE], &c[SILENT]), "ns", BOUND_AT_MOST, 350,
		    "the refusal without a record", figure_ratio(&c[AWAKE], &c[SILENT]).value);
	bench_judge("  the ring consumer alone, without the agent",
		    figure_difference(&c[READER], &c[SILENT]), "ns", BOUND_NONE, 0, NULL, 0);
	bench_judge("refused connect, our whole path over nft log + tcp reset, C reader",
		    figure_ratio(&c[AWAKE], &c[NFT]), "ratio", BOUND_AT_MOST, 0.20,
		    "nft log + tcp reset with a C reader", figure_ratio(&c[AWAKE], &c[NFT]).value);
	bench_judge("  both asleep", figure_ratio(&c[ASLEEP], &c[NFT_ASLEEP]), "ratio", BOUND_NONE,
		    0, "the same, woken each time", figure_ratio(&c[ASLEEP], &c[NFT_ASLEEP]).value);
}

static int paths(void)
{
	struct path least = { SIDE_LEAST, "client", 0 }, silent = { SIDE_SILENT, "client", 0 },
		    reader = { SIDE_READER, "client", 0 }, awake = { SIDE_AGENT, "client", 0 },
		    asleep = { SIDE_AGENT, "client", PAUSE_NS }, nft = { SIDE_NFT, "reset", 0 },
		    nft_asleep = { SIDE_NFT, "reset", PAUSE_NS };
	struct config c[N_PATHS] = {
		[LEAST] = { .name = "a hook that refuses at once", .user = &least },
		[SILENT] = { .name = "ours, no record", .user = &silent },
		[READER] = { .name = "ours, record, ring consumer awake", .user = &reader },
		[AWAKE] = { .name = "ours, record, agent and hub client, awake", .user = &awake },
		[ASLEEP] = { .name = "ours, record, agent and hub client, asleep",
			     .user = &asleep },
		[NFT] = { .name = "nft log + tcp reset, C reader, awake", .user = &nft },
		[NFT_ASLEEP] = { .name = "nft log + tcp reset, C reader, asleep",
				 .user = &nft_asleep },
	};
	int r;

	for (int i = 0; i < N_PATHS; i++) {
		c[i].enter = path_enter;
		c[i].leave = path_leave;
		c[i].measure = path_measure;
		c[i].n = ((struct path *)c[i].user)->pause_ns ? bench_pick(60, 30)
							      : bench_pick(8000, 4000);
	}
	r = bench_rounds(c, N_PATHS, bench_pick(9, 3));
	if (r)
		return r;
	bench_table("TCP connect(), refused", c, N_PATHS, SILENT);
	path_judge(c);
	return 0;
}

/* The system we replace, as it is shipped: its ICMP error leaves connect() waiting. */
static int shipped(void)
{
	struct path ours = { SIDE_AGENT, "client", PAUSE_NS },
		    theirs = { SIDE_NFT, "shipped", PAUSE_NS };
	struct config c[] = {
		{ .name = "ours, agent and hub client, asleep", .user = &ours, .n = 4 },
		{ .name = "nft reject icmpx + log, C reader, as shipped", .user = &theirs, .n = 1 },
	};
	int r;

	for (int i = 0; i < 2; i++) {
		c[i].enter = path_enter;
		c[i].leave = path_leave;
		c[i].measure = path_measure;
	}
	r = bench_rounds(c, 2, bench_pick(3, 1));
	if (r)
		return r;
	bench_table("TCP connect(), refused, against the path as shipped", c, 2, 1);
	bench_judge("refused connect against the path we replace, as shipped",
		    figure_ratio(&c[0], &c[1]), "ratio", BOUND_NONE, 0,
		    "nft reject icmpx + log, C reader", figure_ratio(&c[0], &c[1]).value);
	return 0;
}

static int set_up(void)
{
	int r = ours_load(&state.ours);

	if (r)
		return r;
	bench_cpu(0);
	state.skel = bench_bpf__open_and_load();
	state.least = place_cgroup("refuse-least");
	state.silent = place_cgroup("refuse-silent");
	state.record = place_cgroup("refuse-record");
	if (!state.skel || state.least < 0 || state.silent < 0 || state.record < 0)
		return bench_fail(-ENOENT, "set up");
	r = bpf_prog_attach(bpf_program__fd(state.skel->progs.bench_refuse), state.least,
			    BPF_CGROUP_INET4_CONNECT, BPF_F_ALLOW_MULTI);
	if (!r)
		r = ours_guard(&state.ours, "silent", state.silent, OURS_NO_RECORD,
			       &state.silent_guard);
	if (!r)
		r = ours_guard(&state.ours, "record", state.record, OURS_UNLIMITED,
			       &state.record_guard);
	return r;
}

int bench_refuse(void)
{
	int r = set_up();

	if (!r)
		r = paths();
	if (!r)
		r = shipped();
	ours_unload(&state.ours);
	return r;
}
