// SPDX-License-Identifier: Apache-2.0
/*
 * bench_ask.c - from a refusal to the one who hears of it
 *
 * Every attempt goes to a destination that nobody has tried, PAUSE_NS after the last, so that
 * all is asleep. "In hand" ends when the record is parsed in the reader's process; "subscriber"
 * and "hub client" end in this process, which waits for it asleep.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "consumer.h"
#include "families.h"
#include "nflog.h"
#include "place.h"

#define PAUSE_NS 8000000
#define OPEN     48            /* requests that wait: a guard has room for 64 */
#define WAIT_NS  3000000000ull /* longer than the kernel batches log records */

enum way { WAY_READER, WAY_HUB, WAY_NFLOG, WAY_LINES, WAY_WAKE };

static struct {
	struct ours ours;
	int cgroup, listener;
	struct guard guard;
	struct reader reader;
	struct agent agent;
	struct asker asker;
	char open[OPEN][sizeof(((struct asker *)0)->request_id)];
	unsigned n_open;
	struct nflog nflog;
	pid_t wake_pid;
	int wake_fd;
	struct {
		uint64_t count, at_ns;
	} * wake; /* shared with the one that is woken */
} state = { .nflog = { .lines = -1 } };

struct path {
	enum way way;
	const char *netns;
	uint64_t events, cpu_us; /* of the consumer's side, over all visits */
};

/* --- one attempt each; the result is the time it took, 0 for an error that was said --- */

static uint64_t attempt_reader(const struct sockaddr_in *to)
{
	uint64_t before = state.reader.seen->records, start = bench_ns(), end = start + WAIT_NS;
	int error;

	place_connect(to, &error);
	while (__atomic_load_n(&state.reader.seen->records, __ATOMIC_ACQUIRE) == before) {
		if (bench_ns() > end)
			return bench_fail(-ETIMEDOUT, "no record"), 0;
		usleep(20);
	}
	return state.reader.seen->at_ns - start;
}

static uint64_t attempt_nflog(const struct sockaddr_in *to)
{
	uint64_t before = state.nflog.seen->records, start = bench_ns();
	int error;

	place_connect(to, &error);
	if (nflog_wait(&state.nflog, before + 1, WAIT_NS))
		return bench_fail(-ETIMEDOUT, "no log record"), 0;
	return state.nflog.seen->at_ns - start;
}

static uint64_t attempt_lines(const struct sockaddr_in *to)
{
	struct pollfd p = { .fd = state.nflog.lines, .events = POLLIN };
	uint64_t start = bench_ns();
	char line[4096];
	int error;

	place_connect(to, &error);
	if (poll(&p, 1, WAIT_NS / 1000000) <= 0 || read(p.fd, line, sizeof(line)) <= 0)
		return bench_fail(-ETIMEDOUT, "no line"), 0;
	return bench_ns() - start;
}

static uint64_t attempt_hub(const struct sockaddr_in *to)
{
	uint64_t start = bench_ns();
	char dest[INET_ADDRSTRLEN];
	int r, error;

	inet_ntop(AF_INET, &to->sin_addr, dest, sizeof(dest));
	place_connect(to, &error);
	r = asker_wait(&state.asker, dest, WAIT_NS);
	return r ? bench_fail(r, "%s through the hub", dest), 0 : bench_ns() - start;
}

/* The floor: what it takes to wake any process on the other CPU. */
static uint64_t attempt_wake(void)
{
	uint64_t one = 1, before = state.wake->count, start = bench_ns(), end = start + WAIT_NS;

	if (write(state.wake_fd, &one, sizeof(one)) < 0)
		return bench_fail(-errno, "eventfd"), 0;
	while (__atomic_load_n(&state.wake->count, __ATOMIC_ACQUIRE) == before) {
		if (bench_ns() > end)
			return bench_fail(-ETIMEDOUT, "no wake-up"), 0;
		usleep(20);
	}
	return state.wake->at_ns - start;
}

static int wake_start(void)
{
	uint64_t n;

	state.wake = mmap(NULL, sizeof(*state.wake), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	state.wake_fd = eventfd(0, EFD_CLOEXEC);
	if (state.wake == MAP_FAILED || state.wake_fd < 0)
		return -errno;
	state.wake_pid = fork();
	if (state.wake_pid)
		return state.wake_pid < 0 ? -errno : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_cpu(1);
	while (read(state.wake_fd, &n, sizeof(n)) == sizeof(n)) {
		state.wake->at_ns = bench_ns();
		__atomic_add_fetch(&state.wake->count, 1, __ATOMIC_RELEASE);
	}
	_exit(0);
}

static void wake_stop(void)
{
	if (state.wake_pid <= 0)
		return;
	kill(state.wake_pid, SIGKILL);
	waitpid(state.wake_pid, NULL, 0);
	close(state.wake_fd);
	munmap(state.wake, sizeof(*state.wake));
	state.wake_pid = 0;
}

static int path_enter(struct config *config)
{
	struct path *path = config->user;
	int r = 0, netns, cgroup = -1;

	switch (path->way) {
	case WAY_READER:
		cgroup = state.cgroup;
		r = reader_start(&state.reader);
		break;
	case WAY_HUB:
		cgroup = state.cgroup;
		r = agent_start(&state.agent, false);
		if (!r)
			r = asker_open(&state.asker);
		break;
	case WAY_NFLOG: r = nflog_start(&state.nflog, path->netns, false); break;
	case WAY_LINES: r = nflog_start(&state.nflog, path->netns, true); break;
	case WAY_WAKE: r = wake_start(); break;
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
	wake_stop();
}

static uint64_t attempt(enum way way)
{
	struct sockaddr_in to = place_fresh();

	switch (way) {
	case WAY_READER: return attempt_reader(&to);
	case WAY_HUB: return attempt_hub(&to);
	case WAY_NFLOG: return attempt_nflog(&to);
	case WAY_LINES: return attempt_lines(&to);
	case WAY_WAKE: return attempt_wake();
	}
	return 0;
}

/* What waits is answered between two attempts, and is no part of what they took. */
static int make_room(uint64_t *cpu_us)
{
	struct timespec rest = { .tv_nsec = 30 * PAUSE_NS }; /* and the journal is written */
	uint64_t before = agent_cpu_us();
	int r = 0;

	while (!r && state.n_open) {
		strcpy(state.asker.request_id, state.open[--state.n_open]);
		r = asker_answer(&state.asker, "deny", WAIT_NS);
	}
	nanosleep(&rest, NULL);
	*cpu_us += agent_cpu_us() - before;
	return r;
}

static int path_measure(struct config *config, struct samples *out)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct path *path = config->user;
	uint64_t cpu = agent_cpu_us(), answering = 0;

	state.n_open = 0;

	for (unsigned i = 0; i < config->n + 1; i++) { /* the first warms up */
		uint64_t ns;

		nanosleep(&pause, NULL); /* the idle time is what is measured */
		ns = attempt(path->way);
		place_accept(state.listener);
		if (!ns)
			return -EPROTO;
		if (i)
			samples_add(out, ns);
		if (path->way != WAY_HUB)
			continue;
		strcpy(state.open[state.n_open++], state.asker.request_id);
		if (state.n_open == OPEN && make_room(&answering))
			return -EPROTO;
	}
	path->cpu_us += agent_cpu_us() - cpu - answering;
	path->events += config->n + 1;
	return 0;
}

static int run(struct config *c, size_t n, unsigned rounds)
{
	for (size_t i = 0; i < n; i++) {
		c[i].enter = path_enter;
		c[i].leave = path_leave;
		c[i].measure = path_measure;
	}
	return bench_rounds(c, n, rounds);
}

static struct figure pooled_p99(struct config *c)
{
	struct figure rounds = figure_of(c->p99, c->rounds);

	return (struct figure){ samples_percentile(&c->all, 99), rounds.min, rounds.max };
}

/* CPU time of the consumer's side for one event, nanoseconds. */
static double cpu_per_event(const struct path *path)
{
	return path->events ? path->cpu_us * 1000.0 / path->events : 0;
}

enum { HAND, HUB, NFT_HAND, NFT_LINES, WAKE, N_EVENTS };

static int events(struct path p[static N_EVENTS])
{
	unsigned n = bench_pick(80, 40);
	struct config c[N_EVENTS] = {
		[HAND] = { .name = "ours, record in hand (ring consumer alone)", .n = n },
		[HUB] = { .name = "ours, event in a hub client's hands", .n = n },
		[NFT_HAND] = { .name = "nft log + tcp reset, C reader, record in hand", .n = n },
		[NFT_LINES] = { .name = "nft log + tcp reset, C reader, JSON line to a subscriber",
				.n = n },
		[WAKE] = { .name = "waking a process on the other CPU by eventfd", .n = n },
	};
	double ours_ns, theirs_ns;
	int r;

	for (int i = 0; i < N_EVENTS; i++)
		c[i].user = &p[i];
	r = run(c, N_EVENTS, bench_pick(7, 2));
	if (r)
		return r;
	bench_table("connect() entry to event, idle", c, N_EVENTS, NFT_LINES);
	bench_judge("refused connect to event in a hub client's hands, idle, median",
		    figure_p50(&c[HUB]), "ns", BOUND_AT_MOST, 150000,
		    "nft log, C reader, JSON to a subscriber",
		    figure_ratio(&c[HUB], &c[NFT_LINES]).value);
	bench_judge("the same, p99", pooled_p99(&c[HUB]), "ns", BOUND_AT_MOST, 1000000,
		    "nft log, C reader, JSON to a subscriber",
		    pooled_p99(&c[HUB]).value / pooled_p99(&c[NFT_LINES]).value);
	ours_ns = cpu_per_event(&p[HUB]);
	theirs_ns = cpu_per_event(&p[NFT_LINES]);
	bench_row("CPU of agent and hub for an event, woken each time", figure_flat(ours_ns), "ns");
	bench_row("CPU of the C reader for an event and its line, woken each time",
		  figure_flat(theirs_ns), "ns");
	bench_judge("CPU for an event, woken each time, against the path we replace",
		    figure_flat(ours_ns / theirs_ns), "ratio", BOUND_NONE, 0,
		    "the C reader and its JSON line", ours_ns / theirs_ns);
	return 0;
}

static int events_shipped(struct path *ours, struct path *theirs)
{
	struct config c[] = {
		{ .name = "ours, event in a hub client's hands", .user = ours, .n = 4 },
		{ .name = "nft as shipped, C reader, record in hand", .user = theirs, .n = 1 },
	};
	int r = run(c, 2, bench_pick(3, 1));

	if (r)
		return r;
	bench_table("connect() entry to event, against the path as shipped", c, 2, 1);
	bench_judge("event latency against the path we replace, as shipped",
		    figure_ratio(&c[0], &c[1]), "ratio", BOUND_NONE, 0,
		    "nft reject icmpx + log, batched", figure_ratio(&c[0], &c[1]).value);
	return 0;
}

int bench_ask(void)
{
	struct path p[N_EVENTS] = {
		[HAND] = { .way = WAY_READER, .netns = "client" },
		[HUB] = { .way = WAY_HUB, .netns = "client" },
		[NFT_HAND] = { .way = WAY_NFLOG, .netns = "reset" },
		[NFT_LINES] = { .way = WAY_LINES, .netns = "reset" },
		[WAKE] = { .way = WAY_WAKE, .netns = "client" },
	};
	struct path ours = { .way = WAY_HUB, .netns = "client" },
		    theirs = { .way = WAY_NFLOG, .netns = "shipped" };
	int r = ours_load(&state.ours);

	if (r)
		return r;
	bench_cpu(0);
	state.cgroup = place_cgroup("ask");
	state.listener = place_listen();
	if (state.cgroup < 0 || state.listener < 0)
		return bench_fail(-ENOENT, "set up");
	r = ours_guard(&state.ours, "ask", state.cgroup, OURS_UNLIMITED, &state.guard);
	if (!r)
		r = events(p);
	if (!r)
		r = events_shipped(&ours, &theirs);
	ours_unload(&state.ours);
	return r;
}
