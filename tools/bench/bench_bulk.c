// SPDX-License-Identifier: Apache-2.0
/*
 * bench_bulk.c - what a guard costs a stream: one TCP connection over veth, as fast as it goes
 *
 * The same bytes to the same sink, from a cgroup with nothing attached, from a guard whose
 * rules allow the destination, and from a guard in state down. Sender on CPU 0, sink on CPU 1.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "families.h"
#include "ours.h"
#include "place.h"

#define BLOCK (128 << 10)

static struct {
	struct ours ours;
	int plain, guarded, listener, netns;
	struct guard guard;
	pid_t sink;
	unsigned blocks;
} state;

/* Which guard's rules, if any. */
struct side {
	const int *cgroup;
	enum terok_state guard; /* NONE: no guard */
};

/* Take one connection after the other to its end; says so by closing it. */
static void sink_run(void)
{
	static char room[BLOCK];
	struct pollfd ready = { .fd = state.listener, .events = POLLIN };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_cpu(1);
	for (;;) {
		int fd;

		poll(&ready, 1, -1);
		fd = accept(state.listener, NULL, NULL);
		while (fd >= 0 && read(fd, room, sizeof(room)) > 0)
			;
		close(fd);
	}
}

static int bulk_enter(struct config *config)
{
	const struct side *side = config->user;
	int r = side->guard ? guard_set_state(state.ours.kernel, state.guard.id, side->guard, NULL)
			    : 0;

	return r ? r : place_enter(*side->cgroup, state.netns);
}

static void bulk_leave(struct config *config)
{
	(void)config;
	place_leave();
}

static int bulk_measure(struct config *config, struct samples *out)
{
	static char block[BLOCK];
	struct sockaddr_in to = place_allowed(0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r = 0;
	uint64_t start;
	char end;

	(void)config;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		r = -errno;
	start = bench_ns();
	for (unsigned i = 0; !r && i < state.blocks; i++)
		for (size_t done = 0; !r && done < sizeof(block);) {
			ssize_t n = send(fd, block + done, sizeof(block) - done, 0);

			r = n < 0 ? -errno : 0;
			done += n > 0 ? n : 0;
		}
	shutdown(fd, SHUT_WR);
	if (!r && read(fd, &end, 1) != 0) /* the sink has all of it */
		r = -EIO;
	samples_add(out, bench_ns() - start);
	close(fd);
	return r ? bench_fail(r, "the stream broke") : 0;
}

static int bulk_all(void)
{
	struct side none = { &state.plain, TEROK_STATE_NONE },
		    up = { &state.guarded, TEROK_STATE_UP },
		    down = { &state.guarded, TEROK_STATE_DOWN_ALL };
	struct config c[] = {
		{ .name = "no guard", .user = &none },
		{ .name = "guard, up, 1,000 rules", .user = &up },
		{ .name = "guard, down_all", .user = &down },
	};
	int r;

	for (int i = 0; i < 3; i++) {
		c[i].enter = bulk_enter;
		c[i].measure = bulk_measure;
		c[i].leave = bulk_leave;
	}
	r = bench_rounds(c, 3, bench_pick(15, 3));
	if (r)
		return r;
	bench_table("1 GiB over one TCP connection", c, 3, 0);
	bench_judge("time of a TCP stream through a guard, over without",
		    figure_ratio(&c[1], &c[0]), "ratio", BOUND_AT_MOST, 1.02,
		    "the same without a guard", figure_ratio(&c[1], &c[0]).value);
	return 0;
}

int bench_bulk(void)
{
	int r = ours_load(&state.ours);

	if (r)
		return r;
	state.blocks = bench_pick(8192, 1024);
	state.plain = place_cgroup("bulk-plain");
	state.guarded = place_cgroup("bulk");
	state.netns = place_netns("client");
	state.listener = place_listen();
	if (state.plain < 0 || state.guarded < 0 || state.netns < 0 || state.listener < 0)
		return bench_fail(-ENOENT, "set up");
	state.sink = fork();
	if (!state.sink)
		sink_run();
	bench_cpu(0);
	r = ours_guard(&state.ours, "bulk", state.guarded, OURS_UNLIMITED, &state.guard);
	if (!r)
		r = ours_allow(&state.ours, state.guard.id, 0, 1000);
	if (!r)
		r = bulk_all();
	kill(state.sink, SIGKILL);
	waitpid(state.sink, NULL, 0);
	ours_unload(&state.ours);
	return r;
}
