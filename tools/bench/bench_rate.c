// SPDX-License-Identifier: Apache-2.0
/*
 * bench_rate.c - refusals flat out: how many, are they all accounted, is any lost
 *
 * One producer on CPU 0 calls connect() on one UDP socket and is refused each time; whoever
 * consumes is on CPU 1. For nft, which sees packets, it is send() on a connected socket. After
 * each visit the guard's counters must have risen by exactly the refusals made, and the
 * records delivered must have been read.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consumer.h"
#include "families.h"
#include "nflog.h"
#include "place.h"

#define DESTINATIONS 64
#define DRAIN_NS     2000000000ull

enum side { SIDE_SILENT, SIDE_READER, SIDE_AGENT, SIDE_BOTH, SIDE_NFT };

static struct {
	struct ours ours;
	int silent, record; /* cgroups */
	struct guard silent_guard, record_guard;
	struct reader reader;
	struct agent agent;
	struct asker asker;
	struct nflog nflog;
} state = { .nflog = { .lines = -1 } };

struct path {
	enum side side;
	const char *netns;
	uint64_t gap_ns; /* between refusals; 0: none */
	/* over all visits */
	uint64_t refused, lost, wrong, unread, cpu_us;
};

static int path_enter(struct config *config)
{
	const struct path *path = config->user;
	int r = 0, netns, cgroup = state.record;

	switch (path->side) {
	case SIDE_SILENT: cgroup = state.silent; break;
	case SIDE_READER: r = reader_start(&state.reader); break;
	case SIDE_AGENT:
	case SIDE_BOTH:
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
	(void)config;
	place_leave();
	reader_stop(&state.reader);
	asker_close(&state.asker);
	agent_stop(&state.agent);
	nflog_stop(&state.nflog);
}

/* Refusals until @end; for nft by send(), else by connect(). */
static uint64_t produce(bool packets, uint64_t gap_ns, uint64_t end)
{
	struct sockaddr_in to[DESTINATIONS];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t n = 0;

	for (unsigned i = 0; i < DESTINATIONS; i++)
		to[i] = place_refused(i);
	if (packets)
		connect(fd, (struct sockaddr *)&to[0], sizeof(to[0]));
	while (bench_ns() < end) {
		for (unsigned i = 0; i < DESTINATIONS; i++) {
			uint64_t next = gap_ns ? bench_ns() + gap_ns : 0;

			if (packets)
				/* a send that only hears of the last refusal made none */
				n += send(fd, "", 1, 0) < 0 && errno == EPERM;
			else
				n += connect(fd, (struct sockaddr *)&to[i], sizeof(to[i])) < 0;
			while (gap_ns && bench_ns() < next)
				;
		}
	}
	close(fd);
	return n;
}

/* A second producer, on the consumer's CPU; its refusals come back in shared memory. */
static pid_t second_producer(uint64_t end, uint64_t *made)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_cpu(1);
	*made = produce(false, 0, end);
	_exit(0);
}

static struct terok_counts counts_of(enum side side)
{
	struct terok_counts counts = {};

	if (side != SIDE_NFT)
		guard_counts(state.ours.kernel,
			     side == SIDE_SILENT ? &state.silent_guard : &state.record_guard,
			     &counts);
	return counts;
}

/* Everything that was refused must be counted, and everything delivered must be read. */
static void account(struct path *path, uint64_t made, const struct terok_counts *before,
		    uint64_t read_before)
{
	struct terok_counts after;

	path->refused += made;
	if (path->side == SIDE_NFT) {
		uint64_t seen;

		nflog_wait(&state.nflog, read_before + made, 200000000);
		seen = state.nflog.seen->records - read_before;
		path->lost += made > seen ? made - seen : 0;
		return;
	}
	if (path->side != SIDE_SILENT && agent_drained(&state.ours, DRAIN_NS))
		path->unread++;
	after = counts_of(path->side);
	path->lost += after.lost - before->lost;
	path->wrong += after.refused - before->refused != made ||
		       after.refused != after.delivered + after.limited + after.lost;
	if (path->side == SIDE_READER &&
	    state.reader.seen->records - read_before != after.delivered - before->delivered)
		path->unread++;
}

static int path_measure(struct config *config, struct samples *out)
{
	struct path *path = config->user;
	struct terok_counts before = counts_of(path->side);
	uint64_t *other =
	    mmap(NULL, sizeof(*other), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t read = path->side == SIDE_NFT      ? state.nflog.seen->records
			: path->side == SIDE_READER ? state.reader.seen->records
						    : 0;
	uint64_t start, took, made, cpu = agent_cpu_us();
	pid_t second = 0;

	if (other == MAP_FAILED)
		return -errno;
	start = bench_ns();
	if (path->side == SIDE_BOTH)
		second = second_producer(start + config->n * 1000000ull, other);
	made = produce(path->side == SIDE_NFT, path->gap_ns, start + config->n * 1000000ull);
	took = bench_ns() - start;
	if (second > 0)
		waitpid(second, NULL, 0);
	made += *other;
	munmap(other, sizeof(*other));

	account(path, made, &before, read);
	path->cpu_us += agent_cpu_us() - cpu;
	samples_add(out, made ? took / made : 0);
	return made ? 0 : -ENODATA;
}

static void path_print(const struct config *c)
{
	const struct path *path = c->user;
	struct figure ns = figure_p50(c);
	char name[BENCH_NAME];

	snprintf(name, sizeof(name), "%s: refusals a second", c->name);
	bench_row(name, (struct figure){ 1e9 / ns.value, 1e9 / ns.max, 1e9 / ns.min }, "/s");
	snprintf(name, sizeof(name), "%s: records lost, of a million", c->name);
	bench_row(name, figure_flat(1e6 * path->lost / path->refused), "ppm");
	snprintf(name, sizeof(name), "%s: consumer CPU for a refusal", c->name);
	bench_row(name, figure_flat(1000.0 * path->cpu_us / path->refused), "ns");
}

enum { SILENT, READER, AGENT, BOTH, NFT, AGENT_PACED, NFT_PACED, N_PATHS };

#define PACED_NS 100000 /* 10,000 a second */

static void cpu_judge(const char *what, const struct path *ours, const struct path *theirs)
{
	double a = (double)ours->cpu_us / ours->refused;
	double b = (double)theirs->cpu_us / theirs->refused;

	bench_judge(what, figure_flat(a / b), "ratio", BOUND_NONE, 0,
		    "nft log, C reader, queue-threshold 1", a / b);
}

static void rate_judge(const struct config *c, const struct path *p)
{
	struct figure ns = figure_p50(&c[AGENT]);
	struct figure rate = { 1e9 / ns.value, 1e9 / ns.max, 1e9 / ns.min };

	bench_judge("refusals a second, flat out, agent consuming", rate, "/s", BOUND_AT_LEAST,
		    1000000, "nft log, C reader, queue-threshold 1",
		    1 / figure_ratio(&c[AGENT], &c[NFT]).value);
	bench_judge("  of those, records lost for want of room in the ring",
		    figure_flat(p[AGENT].lost), "records", BOUND_AT_MOST, 0, NULL, 0);
	bench_judge("  visits whose refusals the counters do not add up to",
		    figure_flat(p[AGENT].wrong + p[AGENT].unread), "visits", BOUND_AT_MOST, 0, NULL,
		    0);
	cpu_judge("CPU for a refusal, flat out, against the path we replace", &p[AGENT], &p[NFT]);
	cpu_judge("CPU for a refusal, 10,000 a second, against the path we replace",
		  &p[AGENT_PACED], &p[NFT_PACED]);
}

int bench_rate(void)
{
	struct path p[N_PATHS] = {
		[SILENT] = { .side = SIDE_SILENT, .netns = "client" },
		[READER] = { .side = SIDE_READER, .netns = "client" },
		[AGENT] = { .side = SIDE_AGENT, .netns = "client" },
		[BOTH] = { .side = SIDE_BOTH, .netns = "client" },
		[NFT] = { .side = SIDE_NFT, .netns = "reset" },
		[AGENT_PACED] = { .side = SIDE_AGENT, .netns = "client", .gap_ns = PACED_NS },
		[NFT_PACED] = { .side = SIDE_NFT, .netns = "reset", .gap_ns = PACED_NS },
	};
	struct config c[N_PATHS] = {
		[SILENT] = { .name = "no record" },
		[READER] = { .name = "ring consumer alone" },
		[AGENT] = { .name = "agent and hub client" },
		[BOTH] = { .name = "the same, producers on both CPUs" },
		[NFT] = { .name = "nft log, C reader" },
		[AGENT_PACED] = { .name = "agent and hub client, 10,000/s" },
		[NFT_PACED] = { .name = "nft log, C reader, 10,000/s" },
	};
	int r = ours_load(&state.ours);

	if (r)
		return r;
	bench_cpu(0);
	state.silent = place_cgroup("rate-silent");
	state.record = place_cgroup("rate-record");
	r = ours_guard(&state.ours, "silent", state.silent, OURS_NO_RECORD, &state.silent_guard);
	if (!r)
		r = ours_guard(&state.ours, "record", state.record, OURS_UNLIMITED,
			       &state.record_guard);
	for (int i = 0; i < N_PATHS; i++) {
		c[i].user = &p[i];
		c[i].enter = path_enter;
		c[i].measure = path_measure;
		c[i].leave = path_leave;
		c[i].n = bench_pick(400, 150); /* milliseconds */
	}
	if (!r)
		r = bench_rounds(c, N_PATHS, bench_pick(5, 2));
	if (!r) {
		bench_table("refusals flat out: one producer, wall time of each", c, N_PATHS, 0);
		for (int i = 0; i < N_PATHS; i++)
			path_print(&c[i]);
		rate_judge(c, p);
	}
	ours_unload(&state.ours);
	return r;
}
