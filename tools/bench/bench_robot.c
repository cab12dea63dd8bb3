// SPDX-License-Identifier: Apache-2.0
/*
 * bench_robot.c - refused, asked, allowed by a robot, retried, passed
 *
 * The path that we replace: a script reads nft's log group and runs `nft` for each address.
 * Ours: a process that is a hub client and allows what it is asked. Measured in two ways:
 * "retries": the refused process tries again every RETRY_NS by itself, until it passes (how
 * the limit's reference was measured); "told": it sleeps until the decider has been told that
 * the rule is in force, and tries once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "consumer.h"
#include "families.h"
#include "place.h"

/* A client that retries keeps CPU 0 to itself, so the deciders of both sides have CPU 1. */
#define PAUSE_NS 8000000
#define RETRY_NS 2000
#define WAIT_NS  2000000000ull

static struct {
	struct ours ours;
	int cgroup, listener;
	struct guard guard;
	struct agent agent;
	pid_t decider;
	int says; /* a line for each destination that the decider has allowed */
} state = { .says = -1 };

struct path {
	const char *netns; /* "client": ours */
	bool told;
};

static bool is_ours(const struct path *path)
{
	return !strcmp(path->netns, "client");
}

static void script_exec(const char *netns)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/reader.py", bench.source);
	place_enter(-1, place_netns(netns));
	execl("/usr/bin/python3", "python3", path, NULL);
	execlp("python3", "python3", path, NULL);
	_exit(127);
}

static void robot_run(void)
{
	struct asker asker;
	int r = asker_open(&asker);

	if (!r)
		dprintf(STDOUT_FILENO, "ready\n");
	while (!r) {
		r = asker_wait(&asker, NULL, 60 * WAIT_NS);
		if (!r)
			r = asker_answer(&asker, "allow", WAIT_NS);
		if (!r)
			dprintf(STDOUT_FILENO, "%s\n", asker.dest);
	}
	_exit(1);
}

/* The next line of the decider; its end cut off. */
static int decider_line(char *line, size_t size)
{
	struct pollfd p = { .fd = state.says, .events = POLLIN };
	size_t n = 0;

	while (n + 1 < size) {
		if (poll(&p, 1, WAIT_NS / 1000000) <= 0)
			return -ETIMEDOUT;
		if (read(p.fd, &line[n], 1) != 1)
			return -EPIPE;
		if (line[n] == '\n') {
			line[n] = 0;
			return 0;
		}
		n++;
	}
	return -EMSGSIZE;
}

/* Wait until the decider has said @wanted; it may be asked twice about what is retried fast. */
static int decider_wait(const char *wanted)
{
	char line[128] = "";
	int r = 0;

	while (!r && strcmp(line, wanted))
		r = decider_line(line, sizeof(line));
	return r;
}

static int decider_start(const struct path *path)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	state.decider = fork();
	if (!state.decider) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bench_cpu(1);
		dup2(pipes[1], STDOUT_FILENO);
		if (is_ours(path))
			robot_run();
		script_exec(path->netns);
	}
	close(pipes[1]);
	state.says = pipes[0];
	return state.decider < 0 ? -errno : decider_wait("ready");
}

static void decider_stop(void)
{
	if (state.decider > 0) {
		kill(state.decider, SIGKILL);
		waitpid(state.decider, NULL, 0);
	}
	if (state.says >= 0)
		close(state.says);
	state.decider = 0;
	state.says = -1;
}

static int path_enter(struct config *config)
{
	const struct path *path = config->user;
	int r = is_ours(path) ? agent_start(&state.agent, !path->told) : 0;
	int netns = place_netns(path->netns);

	if (!r)
		r = decider_start(path);
	if (!r)
		r = place_enter(is_ours(path) ? state.cgroup : -1, netns);
	close(netns);
	return r;
}

static void path_leave(struct config *config)
{
	(void)config;
	place_leave();
	decider_stop();
	agent_stop(&state.agent);
}

static int attempt(const struct path *path, uint64_t *ns)
{
	struct sockaddr_in to = place_fresh();
	char dest[INET_ADDRSTRLEN];
	uint64_t start = bench_ns();
	int r = 0, error;

	inet_ntop(AF_INET, &to.sin_addr, dest, sizeof(dest));
	place_connect(&to, &error);
	if (!error)
		return bench_fail(-EPROTO, "%s passed before anybody allowed it", dest);
	if (path->told)
		r = decider_wait(dest);
	do {
		uint64_t tried = bench_ns();

		if (tried - start > WAIT_NS)
			r = -ETIMEDOUT;
		place_connect(&to, &error);
		while (error && bench_ns() - tried < RETRY_NS)
			;
	} while (!r && error && !path->told);
	*ns = bench_ns() - start;
	if (!r && error)
		r = -error;
	if (!r && !path->told)
		r = decider_wait(dest);
	return r ? bench_fail(r, "%s", dest) : 0;
}

static int path_measure(struct config *config, struct samples *out)
{
	struct timespec pause = { .tv_nsec = PAUSE_NS };

	for (unsigned i = 0; i < config->n + 1; i++) { /* the first warms up */
		uint64_t ns = 0;
		int r;

		nanosleep(&pause, NULL); /* the idle time is what is measured */
		r = attempt(config->user, &ns);
		place_accept(state.listener);
		if (r)
			return r;
		if (i)
			samples_add(out, ns);
	}
	return 0;
}

enum { OURS, THEIRS, HASH, OURS_TOLD, THEIRS_TOLD, HASH_TOLD, N_PATHS };

/* The path we replace declares its sets as interval sets, which nft reads back whole before it
 * adds to them. A hash set is what it could have had: shown. */
static void robots_judge(const struct config *c)
{
	bench_judge("robot decider: refused to retry passed, over nft log + script + nft",
		    figure_ratio(&c[OURS], &c[THEIRS]), "ratio", BOUND_AT_MOST, 0.05,
		    "nft log, script reader, nft process, interval set",
		    figure_ratio(&c[OURS], &c[THEIRS]).value);
	bench_judge("  over a hash set, which the path we replace does not use",
		    figure_ratio(&c[OURS], &c[HASH]), "ratio", BOUND_NONE, 0, "the same, hash set",
		    figure_ratio(&c[OURS], &c[HASH]).value);
	bench_judge("  the client told when to retry, in both",
		    figure_ratio(&c[OURS_TOLD], &c[HASH_TOLD]), "ratio", BOUND_NONE, 0,
		    "the same, told, hash set", figure_ratio(&c[OURS_TOLD], &c[HASH_TOLD]).value);
	bench_judge("  told, over an interval set", figure_ratio(&c[OURS_TOLD], &c[THEIRS_TOLD]),
		    "ratio", BOUND_NONE, 0, "the same, told, interval set",
		    figure_ratio(&c[OURS_TOLD], &c[THEIRS_TOLD]).value);
}

static int robots(void)
{
	struct path p[N_PATHS] = {
		[OURS] = { "client", false },       [THEIRS] = { "script", false },
		[HASH] = { "reset", false },        [OURS_TOLD] = { "client", true },
		[THEIRS_TOLD] = { "script", true }, [HASH_TOLD] = { "reset", true },
	};
	struct config c[N_PATHS] = {
		[OURS] = { .name = "ours, through the hub; retries" },
		[THEIRS] = { .name = "nft log, script, nft, interval set; retries" },
		[HASH] = { .name = "nft log, script, nft, hash set; retries" },
		[OURS_TOLD] = { .name = "ours, through the hub; told" },
		[THEIRS_TOLD] = { .name = "nft log, script, nft, interval set; told" },
		[HASH_TOLD] = { .name = "nft log, script, nft, hash set; told" },
	};
	int r;

	for (int i = 0; i < N_PATHS; i++) {
		c[i].user = &p[i];
		c[i].enter = path_enter;
		c[i].leave = path_leave;
		c[i].measure = path_measure;
		c[i].n = is_ours(&p[i]) ? bench_pick(60, 30) : bench_pick(20, 8);
	}
	r = bench_rounds(c, N_PATHS, bench_pick(7, 3));
	if (r)
		return r;
	bench_table("refused, asked, allowed, retry passed: a robot decides", c, N_PATHS, THEIRS);
	robots_judge(c);
	return 0;
}

int bench_robot(void)
{
	int r = ours_load(&state.ours);

	if (r)
		return r;
	bench_cpu(0);
	state.cgroup = place_cgroup("robot");
	state.listener = place_listen();
	if (state.cgroup < 0 || state.listener < 0)
		return bench_fail(-ENOENT, "set up");
	r = ours_guard(&state.ours, "robot", state.cgroup, OURS_UNLIMITED, &state.guard);
	if (!r)
		r = robots();
	ours_unload(&state.ours);
	return r;
}
