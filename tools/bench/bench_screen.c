// SPDX-License-Identifier: Apache-2.0
/*
 * bench_screen.c - from an event to a person's screen, at rest and in a flood
 *
 * "The whole way" begins before a refused connect() and ends when terok-clearance has drawn the
 * row; agent and hub are the real ones, also beside a container that asks for another
 * destination every ASK_NS. In the flood the hub is played here, for no hub lets a container ask
 * that much: 10,000 events a second, requests, answers and ends of 20 containers, in the same
 * process that reads the terminal.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "consumer.h"
#include "families.h"
#include "place.h"
#include "screen.h"

#define ROWS        90
#define MARKS       70            /* requests that have a row on it */
#define WAIT_NS     3000000000ull /* for a row */
#define PAUSE_NS    100000000     /* between marks at rest: longer than drawings are apart */
#define FLOOD_RATE  10000         /* events a second */
#define TICK_NS     1000000       /* FLOOD_RATE / 1000 of them at once */
#define GAP_TICKS   60            /* between marks in the flood: fewer than that, by chance */
#define BOXES       20
#define ASK_NS      160000     /* between two questions of the container that asks much */
#define ASK_SET     8000       /* its destinations: many times as many as are kept */
#define UNSEEN      3          /* rows of a visit, each of WAIT_NS: more tell nothing more */
#define ASK_FULL_NS 1000000000 /* until it has asked more than are kept */
#define OPEN        1000       /* requests that wait at a time */
#define LIMIT_NS    100e6      /* of the issue, p99 */

static struct {
	struct ours ours;
	struct guard guard;
	struct agent agent;
	struct screen screen;
	struct played_hub hub;
	int cgroup, asking_cgroup;
	struct guard asking_guard;
	pid_t asking;
	uint64_t asked, asked_ns; /* what it asked, and in what time */
	unsigned unseen;          /* rows beside it that did not come in WAIT_NS */
	uint64_t number;          /* of events played so far */
	uint64_t cpu_ns, flood_ns, events, bytes, longest_ns;
} state;

/* --- the whole way --------------------------------------------------------------------- */

static int real_enter(struct config *config)
{
	int r = agent_start(&state.agent, false), netns;

	(void)config;
	if (!r)
		r = screen_start(&state.screen, agent_socket(), ROWS);
	if (!r && (r = screen_await(&state.screen, "Nothing waits", WAIT_NS)))
		bench_fail(r, "terok-clearance shows nothing");
	netns = place_netns("client");
	if (!r)
		r = place_enter(state.cgroup, netns);
	close(netns);
	return r;
}

static void real_leave(struct config *config)
{
	(void)config;
	place_leave();
	screen_stop(&state.screen);
	agent_stop(&state.agent);
}

static int real_measure(struct config *config, struct samples *out)
{
	for (unsigned i = 0; i < config->n && i < MARKS; i++) {
		struct sockaddr_in to = place_fresh();
		char dest[INET_ADDRSTRLEN + 8];
		uint64_t start;
		int r, error;

		inet_ntop(AF_INET, &to.sin_addr, dest, INET_ADDRSTRLEN);
		strcat(dest, ":");
		usleep(PAUSE_NS / 1000);
		start = bench_ns();
		place_connect(&to, &error);
		r = screen_await(&state.screen, dest, WAIT_NS);
		if (r)
			return bench_fail(r, "no row for %s", dest);
		samples_add(out, bench_ns() - start);
	}
	return 0;
}

/* --- the same, beside a container that asks ---------------------------------------------- */

static void be_asking(void)
{
	struct timespec at;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	if (place_enter(state.asking_cgroup, -1))
		_exit(1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* belongs where it was made */
	clock_gettime(CLOCK_MONOTONIC, &at);
	for (unsigned i = 0;; i++) {
		struct sockaddr_in to = place_refused(DEST_REFUSED - ASK_SET + i % ASK_SET);

		connect(fd, (struct sockaddr *)&to, sizeof(to));
		at.tv_nsec += ASK_NS;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
}

/* So long, and what is drawn meanwhile is taken from the terminal. */
static void pass(uint64_t ns)
{
	uint64_t end = bench_ns() + ns, now;

	while ((now = bench_ns()) < end)
		screen_take(&state.screen, (end - now) / 1000000);
}

/* One row of a new destination; how long it took. */
static uint64_t beside_row(void)
{
	struct sockaddr_in to = place_fresh();
	char dest[INET_ADDRSTRLEN + 8];
	uint64_t start = bench_ns();
	int error;

	inet_ntop(AF_INET, &to.sin_addr, dest, INET_ADDRSTRLEN);
	strcat(dest, ":");
	place_connect(&to, &error);
	if (screen_await(&state.screen, dest, WAIT_NS))
		state.unseen++; /* on a machine that has no time for readers */
	return bench_ns() - start;
}

static struct terok_counts asking_counts(void)
{
	struct terok_counts counts = {};

	guard_counts(state.ours.kernel, &state.asking_guard, &counts);
	return counts;
}

static int beside_enter(struct config *config)
{
	int r = real_enter(config);

	if (r)
		return r;
	beside_row(); /* its container stands above the other */
	fflush(NULL);
	state.asking = fork();
	if (!state.asking)
		be_asking();
	pass(ASK_FULL_NS);
	return state.asking < 0 ? -errno : 0;
}

static void beside_leave(struct config *config)
{
	if (state.asking > 0) {
		kill(state.asking, SIGKILL);
		waitpid(state.asking, NULL, 0);
	}
	state.asking = 0;
	real_leave(config);
}

static int beside_measure(struct config *config, struct samples *out)
{
	uint64_t start = bench_ns(), asked = asking_counts().delivered;
	unsigned unseen = state.unseen;

	for (unsigned i = 0; i < config->n && i < MARKS && state.unseen < unseen + UNSEEN; i++) {
		pass(place_random(2 * PAUSE_NS / 1000) * 1000ull);
		samples_add(out, beside_row());
	}
	state.asked += asking_counts().delivered - asked;
	state.asked_ns += bench_ns() - start;
	return 0;
}

/* --- in a flood ------------------------------------------------------------------------ */

static void flood_request(uint64_t id)
{
	unsigned box = id % BOXES;

	played_hub_event(&state.hub,
			 "\"type\":\"request\",\"request_id\":\"box%u:%llu\",\"guard\":%u,"
			 "\"container\":\"box%u\",\"name\":\"box%u\",\"dest\":\"198.19.%u.%u\","
			 "\"domain\":\"h%llu.d%u.example\",\"port\":443,\"proto\":6,\"count\":1,"
			 "\"reason\":\"default\",\"hook\":\"connect4\",\"process\":{\"pid\":4711,"
			 "\"uid\":1000,\"comm\":\"curl\",\"exe\":\"/usr/bin/curl\",\"cmdline\":"
			 "\"curl -sS https://x\",\"parent_comm\":\"bash\"}",
			 box, (unsigned long long)id, 2 + box, box, box, (unsigned)(id >> 8 & 255),
			 (unsigned)(id & 255), (unsigned long long)id, (unsigned)(id / BOXES % 30));
}

static void flood_end(uint64_t id, const char *type)
{
	played_hub_event(&state.hub,
			 "\"type\":\"%s\",\"request_id\":\"box%u:%llu\",\"guard\":%u,\"action\":"
			 "\"deny\",\"scope\":\"session\",\"ok\":true,\"uid\":1000",
			 type, (unsigned)(id % BOXES), (unsigned long long)id,
			 2 + (unsigned)(id % BOXES));
}

/* Half are requests; each is answered or ends when OPEN others have come after it. */
static void flood_event(void)
{
	uint64_t n = state.number++, id = n / 2;

	if (n % 2 == 0)
		flood_request(id);
	else
		flood_end(id - OPEN, id % 5 < 2 ? "verdict" : "expired"); /* not, of the first */
}

static void mark_event(const char *mark)
{
	played_hub_event(
	    &state.hub,
	    "\"type\":\"request\",\"request_id\":\"mark:%s\",\"guard\":1,\"container\":"
	    "\"mark\",\"name\":\"mark\",\"dest\":\"198.18.0.1\",\"domain\":\"%s\",\"port\":443,"
	    "\"proto\":6,\"count\":1,\"reason\":\"default\",\"process\":{\"pid\":1,\"comm\":"
	    "\"mark\"}",
	    mark, mark);
}

static int played_enter(struct config *config)
{
	int r = played_hub_open(&state.hub);

	(void)config;
	if (!r)
		r = screen_start(&state.screen, state.hub.path, ROWS);
	if (!r)
		r = played_hub_accept(&state.hub);
	if (!r && (r = screen_await(&state.screen, "Nothing waits", WAIT_NS)))
		bench_fail(r, "terok-clearance shows nothing");
	state.cpu_ns -= screen_cpu_ns(&state.screen);
	state.flood_ns -= bench_ns();
	return r;
}

static void played_leave(struct config *config)
{
	(void)config;
	state.cpu_ns += screen_cpu_ns(&state.screen);
	state.flood_ns += bench_ns();
	state.bytes += state.screen.bytes;
	state.events += state.hub.sent;
	if (state.hub.longest_ns > state.longest_ns)
		state.longest_ns = state.hub.longest_ns;
	screen_stop(&state.screen);
	played_hub_close(&state.hub);
}

/* One tick: its events, then the terminal until the next; true once @text is seen. */
static bool flood_tick(uint64_t *next, const char *text)
{
	bool seen = false;

	for (int i = 0; i < FLOOD_RATE / 1000; i++)
		flood_event();
	*next += TICK_NS;
	do {
		struct timespec rest = {};
		uint64_t now = bench_ns();

		while (screen_take(&state.screen, 0) == 0)
			;
		seen = seen || (text && screen_has(&state.screen, text));
		if (now < *next && !seen) {
			rest.tv_nsec = *next - now < 200000 ? *next - now : 200000;
			nanosleep(&rest, NULL);
		}
	} while (!seen && bench_ns() < *next);
	return seen;
}

/* Until @text is on the screen, the flood going on; 0 or -ETIMEDOUT. */
static int flood_await(uint64_t *next, const char *text, uint64_t start)
{
	while (!flood_tick(next, text))
		if (bench_ns() - start > WAIT_NS)
			return bench_fail(-ETIMEDOUT, "no '%s' on the screen", text);
	return 0;
}

static int flood_measure(struct config *config, struct samples *out)
{
	uint64_t next = bench_ns(), start;
	char mark[40];
	int r;

	mark_event("first.example"); /* its container stands above those of the flood */
	r = flood_await(&next, "first.example", next);
	for (unsigned i = 0; !r && i < config->n && i < MARKS; i++) {
		for (unsigned tick = place_random(GAP_TICKS); tick; tick--)
			flood_tick(&next, NULL);
		snprintf(mark, sizeof(mark), "mark-%u.example", i);
		start = bench_ns();
		mark_event(mark);
		r = flood_await(&next, mark, start);
		samples_add(out, bench_ns() - start);
	}
	return r;
}

/* A key, until what it does is seen; then back. */
static int key_measure(struct config *config, struct samples *out)
{
	uint64_t next = bench_ns(), start;
	int r;

	mark_event("first.example");
	r = flood_await(&next, "first.example", next);
	for (unsigned i = 0; !r && i < config->n; i++) {
		for (unsigned tick = place_random(GAP_TICKS); tick; tick--)
			flood_tick(&next, NULL);
		start = bench_ns();
		screen_key(&state.screen, '?');
		r = flood_await(&next, "what is open stays open", start);
		samples_add(out, bench_ns() - start);
		screen_key(&state.screen, '?');
		if (!r)
			r = flood_await(&next, "first.example", bench_ns());
	}
	return r;
}

/* --- what came of it ------------------------------------------------------------------- */

enum { REAL, BESIDE, FLOOD, KEY, N_WAYS };

static void judge_p99(const char *what, const struct config *config)
{
	bench_judge(what, figure_of(config->p99, config->rounds), "ns", BOUND_AT_MOST, LIMIT_NS,
		    NULL, 0);
}

static void judge(const struct config *c)
{
	double seconds = state.flood_ns / 1e9;

	judge_p99("refused connect() to its row on a terminal, at rest, p99", &c[REAL]);
	judge_p99("the same beside a container that asks without end, p99", &c[BESIDE]);
	bench_judge("  rows beside it that did not come in 3 s", figure_flat(state.unseen), "rows",
		    BOUND_AT_MOST, 0, NULL, 0);
	bench_row("  what that one asks", figure_flat(state.asked / (state.asked_ns / 1e9)), "/s");
	judge_p99("event to its row on a terminal, 10,000 events a second, p99", &c[FLOOD]);
	judge_p99("key to what it shows, 10,000 events a second, p99", &c[KEY]);
	bench_judge("  events a second in those", figure_flat(state.events / seconds), "/s",
		    BOUND_AT_LEAST, FLOOD_RATE * 0.95, NULL, 0);
	bench_row("  longest that a hub waited for the client", figure_flat(state.longest_ns),
		  "ns");
	bench_row("  CPU of terok-clearance meanwhile",
		  figure_flat(100.0 * state.cpu_ns / state.flood_ns), "%");
	bench_row("  written to the terminal meanwhile", figure_flat(state.bytes / seconds),
		  "bytes/s");
}

int bench_screen(void)
{
	struct config c[N_WAYS] = {
		[REAL] = { .name = "the whole way, at rest",
			   .enter = real_enter,
			   .measure = real_measure,
			   .leave = real_leave,
			   .n = bench_pick(40, 15) },
		[BESIDE] = { .name = "the whole way, beside one that asks",
			     .enter = beside_enter,
			     .measure = beside_measure,
			     .leave = beside_leave,
			     .n = bench_pick(40, 15) },
		[FLOOD] = { .name = "event to its row, 10,000/s",
			    .enter = played_enter,
			    .measure = flood_measure,
			    .leave = played_leave,
			    .n = bench_pick(70, 20) },
		[KEY] = { .name = "key to what it shows, 10,000/s",
			  .enter = played_enter,
			  .measure = key_measure,
			  .leave = played_leave,
			  .n = bench_pick(50, 20) },
	};
	int r = ours_load(&state.ours);

	if (r)
		return r;
	state.cgroup = place_cgroup("screen");
	state.asking_cgroup = place_cgroup("screen-asking");
	r = ours_guard(&state.ours, "screen", state.cgroup, OURS_UNLIMITED, &state.guard);
	if (!r)
		r = ours_guard(&state.ours, "asking", state.asking_cgroup, OURS_UNLIMITED,
			       &state.asking_guard);
	if (!r)
		r = bench_rounds(c, N_WAYS, bench_pick(7, 2));
	if (!r) {
		bench_table("to a person's screen, 80 columns, 90 rows", c, N_WAYS, 0);
		judge(c);
	}
	ours_unload(&state.ours);
	return r;
}
