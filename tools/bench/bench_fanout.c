// SPDX-License-Identifier: Apache-2.0
/*
 * bench_fanout.c - one event to a hundred subscribers: deliveries a second, and how late
 *
 * The hub runs in this process on one core, the subscribers are a process on the other. Flat out,
 * events are told as fast as the slowest subscriber takes them, with a window in which nobody
 * misses any; at the promised rate, each carries the time at which it was told. Some visits have
 * another process beside, with a thousand subscribers that never read.
 * The peer is a send() of the same bytes to as many sockets, with nothing before it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/sock.h"
#include "bench.h"
#include "families.h"
#include "hub/hub_core.h"
#include "hub/serve.h"

#define SUBSCRIBERS 100
#define STUCK       1000
#define WINDOW      32      /* events on their way; a queue holds four times as many */
#define PACE_NS     1000000 /* of an event: with so many subscribers, 100,000 deliveries a second */
#define FILL        1024    /* events after which who never reads is stuck */
#define LATE_US     65536   /* and later */
#define LIMIT_NS    20000000000ull
#define MONITOR     "{\"method\":\"org.terok.Firewall1.Monitor\",\"more\":true}"
#define STANDS      "{\"continues\":true,\"parameters\":{\"lost\":0}}"
#define BOOT_NS     "\"boot_ns\":"

enum way { WAY_HUB, WAY_SEND };

struct kind {
	const char *name;
	enum way way;
	bool stuck;
	double rate[BENCH_ROUNDS_MAX],
	    cpu[BENCH_ROUNDS_MAX]; /* deliveries a second: of time, of CPU */
	double p50[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX];
};

static struct {
	char path[128];
	struct sock_place place;
	struct loop *loop;
	struct hub_core *core;
	struct varlink_server *server;
	pid_t readers, stuck;
	int direct[SUBSCRIBERS]; /* WAY_SEND: our ends */
	volatile struct seen {   /* by the subscribers */
		uint64_t frames;
		uint32_t ready, stuck_ready;
		uint32_t late[LATE_US]; /* deliveries by microseconds */
	} * seen;
	uint64_t told;
} state;

/* --- subscribers --------------------------------------------------------------------------- */

static int dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char frame[sizeof(STANDS)];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, state.path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) ||
	    send(fd, MONITOR, sizeof(MONITOR), 0) < 0 ||
	    recv(fd, frame, sizeof(frame), MSG_WAITALL) != sizeof(frame))
		_exit(1);
	return fd;
}

static void note_late(const char *frame)
{
	const char *at = strstr(frame, BOOT_NS);
	uint64_t us = at ? (now_boot_ns() - strtoull(at + strlen(BOOT_NS), NULL, 10)) / 1000 : 0;

	state.seen->late[us < LATE_US ? us : LATE_US - 1]++;
}

/* What came, frame by frame; a frame may be cut. */
struct cut {
	char text[8192];
	size_t n;
};

static void take(int fd, struct cut *cut)
{
	ssize_t n = recv(fd, cut->text + cut->n, sizeof(cut->text) - 1 - cut->n, MSG_DONTWAIT);
	char *start = cut->text, *nul;

	if (n <= 0)
		_exit(n ? 1 : 0);
	cut->n += n;
	while ((nul = memchr(start, '\0', cut->n - (start - cut->text)))) {
		note_late(start);
		__atomic_fetch_add(&state.seen->frames, 1, __ATOMIC_RELEASE);
		start = nul + 1;
	}
	cut->n -= start - cut->text;
	memmove(cut->text, start, cut->n);
}

static void be_readers(enum way way, const int *pair)
{
	static struct cut cut[SUBSCRIBERS];
	struct epoll_event event = { .events = EPOLLIN }, ready[SUBSCRIBERS];
	int epoll = epoll_create1(0), fd[SUBSCRIBERS];

	bench_cpu(1);
	for (unsigned i = 0; i < SUBSCRIBERS; i++) {
		fd[i] = way == WAY_HUB ? dial() : pair[i];
		event.data.u32 = i;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd[i], &event);
	}
	state.seen->ready = 1;
	for (;;) {
		int n = epoll_wait(epoll, ready, SUBSCRIBERS, -1);

		for (int i = 0; i < n; i++)
			take(fd[ready[i].data.u32], &cut[ready[i].data.u32]);
	}
}

static void be_stuck(void)
{
	bench_cpu(1);
	for (unsigned i = 0; i < STUCK; i++)
		dial();
	state.seen->stuck_ready = 1;
	for (;;)
		pause();
}

/* --- the hub ------------------------------------------------------------------------------- */

static int fake_send(struct msg_packet *packet, void *user)
{
	(void)packet, (void)user;
	return -EIO;
}

static int turn_over(struct timer *timer)
{
	(void)timer;
	return 1;
}

/* All that is due, and then on. */
static int turn(void)
{
	struct timer timer = {};

	timer_arm(state.loop, &timer, now_boot_ns(), turn_over);
	return loop_run(state.loop) == 1 ? 0 : -EIO;
}

static int turn_until(volatile uint32_t *ready)
{
	uint64_t end = bench_ns() + LIMIT_NS;
	int r = 0;

	while (!r && !*ready)
		r = bench_ns() > end ? -ETIME : turn();
	return r;
}

/* A refusal as people are shown it, about 700 bytes. */
static void tell(void)
{
	static struct msg_packet packet = { .type = MSG_REFUSED };
	struct terok_record *record = &packet.REFUSED.record;

	*record = (struct terok_record){ .guard = 1,
					 .reason = TEROK_REASON_DEFAULT,
					 .hook = TEROK_HOOK_CONNECT4,
					 .proto = 6,
					 .dst_port = 443,
					 .boot_ns = now_boot_ns(),
					 .pid = 4712,
					 .tgid = 4711,
					 .comm = "curl",
					 .pcomm = "bash" };
	memcpy(record->dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	strcpy(packet.REFUSED.domain, "registry.example.org");
	strcpy(packet.REFUSED.exe, "/usr/bin/curl");
	strcpy(packet.REFUSED.cmdline, "curl -sSf https://registry.example.org/v2/");
	hub_core_hear(state.core, &packet);
	state.told++;
}

/* The same bytes with nothing before them. */
static void tell_directly(void)
{
	static char frame[1024];
	int n = snprintf(frame, sizeof(frame),
			 "{\"continues\":true,\"parameters\":{" BOOT_NS "%llu%*s}}",
			 (unsigned long long)now_boot_ns(), 700, "");

	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		send(state.direct[i], frame, n + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	state.told++;
}

static int start_hub(void)
{
	struct msg_packet guard = { .type = MSG_GUARD };
	struct problem why = {};
	int r = loop_new(&state.loop);

	if (!r)
		r = sock_place_take(state.path, &state.place, &why);
	if (!r)
		r = hub_core_new(fake_send, NULL, &state.core);
	if (!r)
		r = serve_new(state.loop, state.place.fd, hub_core_hub(state.core), &state.server);
	if (r)
		return bench_fail(r, "start a hub: %s", why.text);
	guard.GUARD = (struct msg_guard){ .news = GUARD_LISTED, .id = 1, .state = TEROK_STATE_UP };
	strcpy(guard.GUARD.info.container, "0123456789abcdef0123456789abcdef");
	strcpy(guard.GUARD.info.name, "box");
	hub_core_hear(state.core, &guard);
	return 0;
}

static pid_t start_child(const struct kind *kind, bool stuck, int pair[][2])
{
	int theirs[SUBSCRIBERS];
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (stuck)
		be_stuck();
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		theirs[i] = pair[i][1];
	be_readers(kind->way, theirs);
	_exit(1);
}

static int start_readers(const struct kind *kind)
{
	int pair[SUBSCRIBERS][2];

	for (unsigned i = 0; kind->way == WAY_SEND && i < SUBSCRIBERS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]))
			return -errno;
		state.direct[i] = pair[i][0];
	}
	state.readers = start_child(kind, false, pair);
	for (unsigned i = 0; kind->way == WAY_SEND && i < SUBSCRIBERS; i++)
		close(pair[i][1]);
	return state.readers < 0 ? -errno : turn_until(&state.seen->ready);
}

static void end_child(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void stop(void)
{
	end_child(&state.readers);
	end_child(&state.stuck);
	for (unsigned i = 0; i < SUBSCRIBERS; i++) {
		if (state.direct[i] > 0)
			close(state.direct[i]);
		state.direct[i] = 0;
	}
	varlink_server_free(state.server);
	hub_core_free(state.core);
	sock_place_leave(&state.place);
	if (state.loop)
		loop_free(state.loop);
	state.loop = NULL;
	state.server = NULL;
	state.core = NULL;
}

/* --- measuring ----------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t delivered(void)
{
	return __atomic_load_n(&state.seen->frames, __ATOMIC_ACQUIRE);
}

/* Until all but so many events have been delivered to everybody. */
static int settle(uint64_t events)
{
	uint64_t end = bench_ns() + LIMIT_NS;
	int r = 0;

	while (!r && delivered() + events * SUBSCRIBERS < state.told * SUBSCRIBERS)
		r = bench_ns() > end ? -ETIME : turn();
	return r;
}

/* @pace_ns: an event each; 0: flat out. CPU is that of telling, without the waiting. */
static int tell_many(const struct kind *kind, unsigned n, uint64_t pace_ns, uint64_t *cpu)
{
	uint64_t due = bench_ns(), from;
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++) {
		from = cpu_ns();
		if (kind->way == WAY_SEND)
			tell_directly();
		else
			tell();
		r = turn();
		*cpu += cpu_ns() - from;
		if (!r)
			r = settle(WINDOW);
		for (due += pace_ns; pace_ns && bench_ns() < due;)
			;
	}
	return r ?: settle(0);
}

static void measure_late(struct kind *kind, unsigned round)
{
	uint64_t all = 0, n = 0;

	for (unsigned us = 0; us < LATE_US; us++)
		all += state.seen->late[us];
	kind->p50[round] = kind->p99[round] = 0;
	for (unsigned us = 0; us < LATE_US; us++) {
		n += state.seen->late[us];
		if (!kind->p50[round] && n * 2 >= all)
			kind->p50[round] = us + 1;
		if (!kind->p99[round] && n * 100 >= all * 99)
			kind->p99[round] = us + 1;
	}
}

static int start(const struct kind *kind)
{
	uint64_t ignored = 0;
	int r;

	memset((void *)state.seen, 0, sizeof(*state.seen));
	state.told = 0;
	r = start_hub();
	if (!r && kind->stuck) {
		state.stuck = start_child(kind, true, NULL);
		r = state.stuck < 0 ? -errno : turn_until(&state.seen->stuck_ready);
	}
	for (unsigned i = 0; !r && kind->stuck && i < FILL; i++) {
		tell();
		r = turn();
	}
	state.told = 0;
	if (!r)
		r = start_readers(kind);
	return r ?: tell_many(kind, WINDOW, 0, &ignored);
}

static int visit(struct kind *kind, unsigned round)
{
	unsigned n = bench_pick(4000, 1000);
	uint64_t from, cpu = 0, ignored = 0;
	int r = start(kind);

	from = bench_ns();
	if (!r)
		r = tell_many(kind, n, 0, &cpu);
	kind->rate[round] = n * SUBSCRIBERS * 1e9 / (bench_ns() - from);
	kind->cpu[round] = n * SUBSCRIBERS * 1e9 / (cpu ?: 1);
	memset((void *)state.seen->late, 0, sizeof(state.seen->late));
	if (!r)
		r = tell_many(kind, n / 2, PACE_NS, &ignored);
	measure_late(kind, round);
	stop();
	return r ? bench_fail(r, "%s: %llu of %llu deliveries", kind->name,
			      (unsigned long long)delivered(),
			      (unsigned long long)state.told * SUBSCRIBERS)
		 : 0;
}

enum { ALONE, BESIDE_STUCK, PEER, KINDS };

static struct figure ratio(const double *ours, const double *peer, unsigned rounds)
{
	double each[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < rounds; i++)
		each[i] = ours[i] / peer[i];
	return figure_of(each, rounds);
}

static void report(const struct kind *kinds, unsigned rounds)
{
	struct figure to_peer = ratio(kinds[ALONE].rate, kinds[PEER].rate, rounds);

	for (unsigned k = 0; k < KINDS; k++) {
		char name[BENCH_NAME];

		snprintf(name, sizeof(name), "%s: per second of CPU", kinds[k].name);
		bench_row(name, figure_of(kinds[k].cpu, rounds), "/s");
		snprintf(name, sizeof(name), "%s: p50 at 100,000/s", kinds[k].name);
		bench_row(name, figure_of(kinds[k].p50, rounds), "us");
	}
	bench_judge("deliveries a second, 100 subscribers", figure_of(kinds[ALONE].rate, rounds),
		    "/s", BOUND_AT_LEAST, 100000, "send() of the same bytes", to_peer.value);
	bench_judge("lateness at 100,000 deliveries/s, p99", figure_of(kinds[ALONE].p99, rounds),
		    "us", BOUND_AT_MOST, 5000, "send() of the same bytes",
		    ratio(kinds[ALONE].p99, kinds[PEER].p99, rounds).value);
	bench_judge("deliveries a second beside 1,000 that never read",
		    figure_of(kinds[BESIDE_STUCK].rate, rounds), "/s", BOUND_AT_LEAST, 100000,
		    "without them",
		    ratio(kinds[BESIDE_STUCK].rate, kinds[ALONE].rate, rounds).value);
	bench_judge("per second of CPU beside 1,000 that never read, to without",
		    ratio(kinds[BESIDE_STUCK].cpu, kinds[ALONE].cpu, rounds), "x", BOUND_AT_LEAST,
		    0.95, NULL, 0);
}

int bench_fanout(void)
{
	struct kind kinds[KINDS] = {
		[ALONE] = { .name = "100 subscribers" },
		[BESIDE_STUCK] = { .name = "beside 1,000 that never read", .stuck = true },
		[PEER] = { .name = "send() of the same bytes", .way = WAY_SEND },
	};
	unsigned rounds = bench_pick(7, 3);
	struct rlimit files = { 8192, 8192 };
	int r = 0;

	setrlimit(RLIMIT_NOFILE, &files);
	state.place = SOCK_PLACE_NONE;
	state.seen = mmap(NULL, sizeof(*state.seen), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state.seen == MAP_FAILED)
		return bench_fail(-errno, "shared memory");
	snprintf(state.path, sizeof(state.path), "%s/fanout/clients", bench.dir);
	bench_cpu(0);
	for (unsigned round = 0; !r && round < rounds; round++)
		for (unsigned k = 0; !r && k < KINDS; k++)
			r = visit(&kinds[(round + k) % KINDS], round);
	if (!r)
		report(kinds, rounds);
	return r;
}
