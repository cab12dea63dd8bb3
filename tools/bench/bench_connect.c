// SPDX-License-Identifier: Apache-2.0
/*
 * bench_connect.c - what an allowed connect() pays
 *
 * Two tables for each protocol. One guard: nothing attached anywhere, a hook that returns at
 * once, ours with 1,000 rules, nft. Many guards: 1,000 of ours with 100,000 rules between
 * them, against 1,000 cgroups and against one cgroup with a hook that returns at once; every
 * call from a random cgroup to a random destination, so caches are as cold as on a busy host.
 * UDP times connect() alone, no packet: the connect hook and nothing else, and so the figure
 * that the limits are for. TCP over veth carries two packets of its handshake through the
 * egress hook as well, which in its barest form costs more than the limit: shown, beside that.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.skel.h"
#include "families.h"
#include "ours.h"
#include "place.h"

#define RULES_ONE  1000
#define GUARDS     1000
#define RULES_EACH 100
#define SOCKETS    2 /* of each guard in a visit */
#define CALLS      (GUARDS * SOCKETS)

enum hooks { HOOKS_NONE, HOOKS_CONNECT, HOOKS_BOTH, HOOKS_OURS };

static struct {
	struct ours ours;
	struct bench_bpf *skel;
	int listener;
	int cgroup, client, reset, shipped; /* of the one-guard tables */
	struct guard guard;
} state;

/* A configuration of the one-guard tables. */
struct one {
	enum hooks hooks;
	int *netns;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	unsigned rules;
};

static int attach_least(int cgroup, bool packets)
{
	int r = bpf_prog_attach(bpf_program__fd(state.skel->progs.bench_allow), cgroup,
				BPF_CGROUP_INET4_CONNECT, BPF_F_ALLOW_MULTI);

	if (!r && packets)
		r = bpf_prog_attach(bpf_program__fd(state.skel->progs.bench_pass), cgroup,
				    BPF_CGROUP_INET_EGRESS, BPF_F_ALLOW_MULTI);
	return r;
}

static void detach_least(int cgroup, bool packets)
{
	bpf_prog_detach2(bpf_program__fd(state.skel->progs.bench_allow), cgroup,
			 BPF_CGROUP_INET4_CONNECT);
	if (packets)
		bpf_prog_detach2(bpf_program__fd(state.skel->progs.bench_pass), cgroup,
				 BPF_CGROUP_INET_EGRESS);
}

static int one_enter(struct config *config)
{
	const struct one *one = config->user;
	int r = 0;

	if (one->hooks == HOOKS_OURS) {
		r = ours_guard(&state.ours, "connect", state.cgroup, OURS_UNLIMITED, &state.guard);
		if (!r)
			r = ours_allow(&state.ours, state.guard.id, 0, one->rules);
	} else if (one->hooks != HOOKS_NONE) {
		r = attach_least(state.cgroup, one->hooks == HOOKS_BOTH);
	}
	return r ? r : place_enter(state.cgroup, *one->netns);
}

static void one_leave(struct config *config)
{
	const struct one *one = config->user;

	place_leave();
	if (one->hooks == HOOKS_OURS)
		ours_release(&state.ours, &state.guard);
	else if (one->hooks != HOOKS_NONE)
		detach_least(state.cgroup, one->hooks == HOOKS_BOTH);
}

static int one_tcp(struct config *config, struct samples *out)
{
	const struct one *one = config->user;

	for (unsigned i = 0; i < config->n + config->n / 10; i++) {
		struct sockaddr_in to = place_allowed(place_random(one->rules));
		int error;
		uint64_t ns = place_connect(&to, &error);

		if (error)
			return bench_fail(-error, "an allowed connect was refused");
		place_accept(state.listener);
		if (i >= config->n / 10) /* the first tenth warms up */
			samples_add(out, ns);
	}
	return 0;
}

static int one_udp(struct config *config, struct samples *out)
{
	const struct one *one = config->user;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	for (unsigned i = 0; i < config->n + config->n / 10; i++) {
		struct sockaddr_in to = place_allowed(place_random(one->rules));
		uint64_t start = bench_ns();
		int r = connect(fd, (struct sockaddr *)&to, sizeof(to));
		uint64_t end = bench_ns();

		if (r) {
			r = -errno;
			close(fd);
			return bench_fail(r, "an allowed connect was refused");
		}
		if (i >= config->n / 10)
			samples_add(out, end - start);
	}
	close(fd);
	return 0;
}

/* One more visit of ours with the kernel's statistics on, which cost some 80 ns a run. */
static void profile(struct config *config, const char *title)
{
	struct samples samples = {};
	int fd = ours_stats();

	if (fd >= 0 && !config->enter(config))
		config->measure(config, &samples);
	config->leave(config);
	ours_stats_print(&state.ours, title);
	if (fd >= 0)
		close(fd);
	free(samples.ns);
}

static int one_guard(int type)
{
	bool tcp = type == SOCK_STREAM;
	struct one none = { HOOKS_NONE, &state.client, type, RULES_ONE },
		   least = { HOOKS_CONNECT, &state.client, type, RULES_ONE },
		   both = { HOOKS_BOTH, &state.client, type, RULES_ONE },
		   ours = { HOOKS_OURS, &state.client, type, RULES_ONE },
		   set = { HOOKS_NONE, &state.reset, type, RULES_ONE },
		   shipped = { HOOKS_NONE, &state.shipped, type, RULES_ONE };
	struct config c[] = {
		{ .name = "no program anywhere", .user = &none },
		{ .name = "connect hook that returns at once", .user = &least },
		{ .name = "the same and an egress hook that returns at once", .user = &both },
		{ .name = "ours, 1,000 rules in one guard", .user = &ours },
		{ .name = "nft, hash set of 1,000, accept", .user = &set },
		{ .name = "nft, the chain we replace, 1,000, no reader", .user = &shipped },
	};
	size_t n = tcp ? 6 : 4; /* nft sees packets, and a UDP connect() sends none */
	int r;

	for (size_t i = 0; i < n; i++) {
		c[i].enter = one_enter;
		c[i].leave = one_leave;
		c[i].measure = tcp ? one_tcp : one_udp;
		c[i].n = tcp ? bench_pick(1500, 800) : bench_pick(8000, 4000);
	}
	r = bench_rounds(c, n, bench_pick(9, 3));
	if (r)
		return r;
	bench_table(tcp ? "TCP connect() over veth, allowed, one guard"
			: "UDP connect(), allowed, one guard",
		    c, n, 1);
	bench_judge(tcp ? "allowed TCP connect, 1,000 rules, over a hook that returns at once"
			: "allowed connect(), 1,000 rules, over a hook that returns at once",
		    figure_difference(&c[3], &c[1]), "ns", tcp ? BOUND_NONE : BOUND_AT_MOST, 150,
		    "the whole call with that hook", figure_ratio(&c[3], &c[1]).value);
	profile(&c[3], tcp ? "TCP, one guard, hook and clock" : "UDP, one guard, hook and clock");
	if (tcp)
		bench_judge("  over a connect and an egress hook that return at once",
			    figure_difference(&c[3], &c[2]), "ns", BOUND_NONE, 0,
			    "the chain we replace",
			    figure_p50(&c[3]).value / figure_p50(&c[5]).value);
	return 0;
}

/* One socket and one guard that has every rule: what the table's size alone costs. */
static int one_guard_all(void)
{
	struct one least = { HOOKS_CONNECT, &state.client, SOCK_DGRAM, DEST_ALLOWED },
		   ours = { HOOKS_OURS, &state.client, SOCK_DGRAM, DEST_ALLOWED };
	struct config c[] = {
		{ .name = "connect hook that returns at once", .user = &least },
		{ .name = "ours, 100,000 rules in one guard", .user = &ours },
	};
	int r;

	for (size_t i = 0; i < 2; i++) {
		c[i].enter = one_enter;
		c[i].leave = one_leave;
		c[i].measure = one_udp;
		c[i].n = 20000;
	}
	r = bench_rounds(c, 2, bench_pick(5, 2));
	if (r)
		return r;
	bench_table("UDP connect(), allowed, one guard, one socket, random destinations", c, 2, 0);
	bench_judge("  100,000 rules in one guard, random destinations (the prototype's way)",
		    figure_difference(&c[1], &c[0]), "ns", BOUND_NONE, 0,
		    "the whole call with that hook", figure_ratio(&c[1], &c[0]).value);
	return 0;
}

/* --- many guards ------------------------------------------------------------------------- */

struct many {
	const int *cgroups;
	unsigned n; /* cgroups; 1 or GUARDS */
	int type;
};

struct call {
	int fd;
	unsigned guard;
};

/* Shared with the children that make the sockets. */
static struct call *calls;

static int ours_cgroup[GUARDS], least_cgroup[GUARDS];

/*
 * A socket belongs to the cgroup of the task that makes it: a child, born in that cgroup and
 * sharing our descriptors, is far quicker than moving there and back.
 */
static int sockets_in(int cgroup, int type, struct call *into)
{
	struct clone_args args = { .flags = CLONE_FILES | CLONE_VFORK | CLONE_INTO_CGROUP,
				   .exit_signal = SIGCHLD,
				   .cgroup = cgroup };
	int status;
	pid_t pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (!pid) {
		for (int i = 0; i < SOCKETS; i++)
			into[i].fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && !status ? 0 : -ECHILD;
}

static struct sockaddr_in destination_of(unsigned guard)
{
	return place_allowed(guard * RULES_EACH + place_random(RULES_EACH));
}

static int many_enter(struct config *config)
{
	const struct many *many = config->user;
	int r = 0;

	for (unsigned guard = 0; !r && guard < GUARDS; guard++) {
		struct call *into = &calls[guard * SOCKETS];

		r = sockets_in(many->cgroups[guard % many->n], many->type, into);
		for (unsigned k = 0; k < SOCKETS; k++)
			into[k].guard = guard;
	}
	for (unsigned i = CALLS - 1; i > 0; i--) {
		unsigned other = place_random(i + 1);
		struct call call = calls[i];

		calls[i] = calls[other];
		calls[other] = call;
	}
	return r;
}

static int connect_timed(const struct call *call, uint64_t *ns)
{
	struct sockaddr_in to = destination_of(call->guard);
	uint64_t start = bench_ns();
	int r = connect(call->fd, (struct sockaddr *)&to, sizeof(to));

	*ns = bench_ns() - start;
	return r ? bench_fail(-errno, "an allowed connect was refused") : 0;
}

/* TCP: each socket once. UDP: the first connect() also binds a port, which is not our subject. */
static int many_measure(struct config *config, struct samples *out)
{
	const struct many *many = config->user;
	unsigned passes = many->type == SOCK_STREAM ? 1 : 4;

	for (unsigned pass = 0; pass < passes; pass++) {
		for (unsigned i = 0; i < CALLS; i++) {
			uint64_t ns;
			int r = connect_timed(&calls[i], &ns);

			if (r)
				return r;
			if (pass || passes == 1)
				samples_add(out, ns);
			place_accept(state.listener);
		}
	}
	return 0;
}

static void many_leave(struct config *config)
{
	struct linger hard = { .l_onoff = 1 };

	(void)config;
	for (unsigned i = 0; i < CALLS; i++) {
		setsockopt(calls[i].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(calls[i].fd);
	}
}

static int many_guards(int type)
{
	struct many one = { least_cgroup, 1, type }, least = { least_cgroup, GUARDS, type },
		    ours = { ours_cgroup, GUARDS, type };
	struct config c[] = {
		{ .name = "hook that returns at once, one cgroup", .user = &one },
		{ .name = "hook that returns at once, 1,000 cgroups", .user = &least },
		{ .name = "ours, 100,000 rules in 1,000 guards", .user = &ours },
	};
	bool tcp = type == SOCK_STREAM;
	int r;

	for (size_t i = 0; i < 3; i++) {
		c[i].enter = many_enter;
		c[i].measure = many_measure;
		c[i].leave = many_leave;
	}
	r = bench_rounds(c, 3, bench_pick(9, 2));
	if (r)
		return r;
	bench_table(tcp ? "TCP connect() over veth, allowed, random guard and destination"
			: "UDP connect(), allowed, random guard and destination",
		    c, 3, 0);
	/* like for like: the hook that returns at once has to find its way to 1,000 cgroups too */
	bench_judge(tcp ? "allowed TCP connect, 100,000 rules, 1,000 guards, random destinations"
			: "allowed connect(), 100,000 rules, 1,000 guards, random destinations",
		    figure_difference(&c[2], &c[1]), "ns", tcp ? BOUND_NONE : BOUND_AT_MOST, 400,
		    "the whole call with a hook that returns at once, 1,000 cgroups",
		    figure_ratio(&c[2], &c[1]).value);
	profile(&c[2],
		tcp ? "TCP, many guards, hook and clock" : "UDP, many guards, hook and clock");
	bench_judge("  over one cgroup with a hook that returns at once",
		    figure_difference(&c[2], &c[0]), "ns", BOUND_NONE, 0, NULL, 0);
	return 0;
}

static int many_set_up(void)
{
	int r = 0;

	calls = mmap(NULL, CALLS * sizeof(*calls), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (calls == MAP_FAILED)
		return -errno;
	for (unsigned i = 0; !r && i < GUARDS; i++) {
		struct guard guard;
		char name[32];

		snprintf(name, sizeof(name), "least-%u", i);
		least_cgroup[i] = place_cgroup(name);
		snprintf(name, sizeof(name), "guard-%u", i);
		ours_cgroup[i] = place_cgroup(name);
		if (least_cgroup[i] < 0 || ours_cgroup[i] < 0)
			return bench_fail(-ENOENT, "make cgroup %s", name);
		r = attach_least(least_cgroup[i], false);
		if (!r)
			r = ours_guard(&state.ours, name, ours_cgroup[i], OURS_UNLIMITED, &guard);
		if (!r)
			r = ours_allow(&state.ours, guard.id, i * RULES_EACH, RULES_EACH);
	}
	return r;
}

int bench_connect(void)
{
	uint64_t start;
	int r = ours_load(&state.ours);

	if (r)
		return r;
	bench_cpu(0);
	state.skel = bench_bpf__open_and_load();
	state.listener = place_listen();
	state.cgroup = place_cgroup("connect");
	state.client = place_netns("client");
	state.reset = place_netns("reset");
	state.shipped = place_netns("shipped");
	if (!state.skel || state.listener < 0 || state.cgroup < 0)
		return bench_fail(-ENOENT, "set up");
	r = one_guard(SOCK_DGRAM);
	if (!r)
		r = one_guard(SOCK_STREAM);
	if (!r)
		r = one_guard_all();
	start = bench_ns();
	if (!r)
		r = many_set_up();
	if (!r)
		bench_note("1,000 guards and 100,000 rules were set up in %.1f s",
			   (bench_ns() - start) / 1e9);
	if (!r)
		r = many_guards(SOCK_DGRAM);
	if (!r)
		r = many_guards(SOCK_STREAM);
	ours_unload(&state.ours);
	return r;
}
