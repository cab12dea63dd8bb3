// SPDX-License-Identifier: Apache-2.0
/*
 * bench_history.c - what it costs that the agent keeps a journal of what people were asked
 *
 * The same refusals of destinations that nobody has tried, heard by a hub client each and denied
 * by it (a guard has room for so many open requests), once with an agent that keeps history and
 * once with one that does not. CPU time is that of the whole agent, workers included, up to the
 * moment when the last entries are on disk.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "consumer.h"
#include "families.h"
#include "hub/history_db.h"
#include "place.h"

#define NAME    "history" /* of the guard */
#define EVENTS  400       /* of one visit: two entries each, by the budget of a guard */
#define GAP_NS  500000    /* between two: 2,000 a second at most */
#define REST_NS 400000000 /* entries wait for 0.2 s, then they are written */
#define WAIT_NS 3000000000ull

static struct {
	struct ours ours;
	int cgroup;
	struct guard guard;
	struct agent agent;
	struct asker asker;
} state;

struct side {
	bool forgets;
	double cpu_us[BENCH_ROUNDS_MAX]; /* for an event, of each round */
	unsigned rounds;
};

static int side_enter(struct config *config)
{
	const struct side *side = config->user;
	int r;

	state.agent.forgets = side->forgets;
	r = agent_start(&state.agent, true);
	if (!r)
		r = asker_open(&state.asker);
	return r ? r : place_enter(state.cgroup, -1);
}

static void side_leave(struct config *config)
{
	(void)config;
	place_leave();
	asker_close(&state.asker);
	agent_stop(&state.agent);
}

static int one_event(struct samples *out)
{
	struct sockaddr_in to = place_fresh();
	struct timespec gap = { .tv_nsec = GAP_NS };
	uint64_t start = bench_ns();
	char dest[INET_ADDRSTRLEN];
	int r, error;

	inet_ntop(AF_INET, &to.sin_addr, dest, sizeof(dest));
	place_connect(&to, &error);
	r = asker_wait(&state.asker, dest, WAIT_NS);
	if (r)
		return bench_fail(r, "%s through the hub", dest);
	samples_add(out, bench_ns() - start);
	r = asker_answer(&state.asker, "deny", WAIT_NS);
	nanosleep(&gap, NULL);
	return r;
}

static int side_measure(struct config *config, struct samples *out)
{
	struct side *side = config->user;
	struct timespec rest = { .tv_nsec = REST_NS };
	uint64_t before = agent_cpu_us();
	int r = 0;

	for (unsigned i = 0; !r && i < config->n; i++)
		r = one_event(out);
	nanosleep(&rest, NULL);
	side->cpu_us[side->rounds++] = (double)(agent_cpu_us() - before) / config->n;
	return r;
}

static void count_one(const struct msg_entry *entry, void *user)
{
	if (strcmp(entry->name, NAME)) /* of the families before */
		return;
	*(unsigned *)user += entry->type == ENTRY_REQUEST || entry->type == ENTRY_VERDICT;
}

/* A journal that kept nothing would be cheap. */
static int all_were_kept(unsigned entries)
{
	const struct history_query all = {};
	struct problem why = {};
	sqlite3 *db = NULL;
	unsigned n = 0;
	int r = history_db_reader(&db, &why);

	if (!r)
		r = history_db_read(db, &all, count_one, &n, &why);
	sqlite3_close(db);
	if (r < 0)
		return bench_fail(r, "%s", why.text);
	return n == entries ? 0 : bench_fail(-ENODATA, "%u of %u entries were kept", n, entries);
}

static void judge(const struct config *c, const struct side *kept, const struct side *without)
{
	double more[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < kept->rounds; i++)
		more[i] = kept->cpu_us[i] - without->cpu_us[i];
	bench_row("agent's CPU for a request and its answer, with a journal",
		  figure_of(kept->cpu_us, kept->rounds), "us");
	bench_row("agent's CPU for a request and its answer, without",
		  figure_of(without->cpu_us, without->rounds), "us");
	bench_judge("what both entries in the journal cost, CPU", figure_of(more, kept->rounds),
		    "us", BOUND_AT_MOST, 30, NULL, 0);
	bench_judge("what it adds to the way of an event to a client",
		    figure_scaled(figure_difference(&c[0], &c[1]), 0.001), "us", BOUND_AT_MOST, 5,
		    NULL, 0);
}

int bench_history(void)
{
	struct side kept = {}, without = { .forgets = true };
	struct config c[] = {
		{ .name = "with a journal", .user = &kept },
		{ .name = "without (--history-days 0)", .user = &without },
	};
	unsigned rounds = bench_pick(7, 3);
	int r = ours_load(&state.ours);

	if (r)
		return r;
	bench_cpu(0);
	state.cgroup = place_cgroup("history");
	for (unsigned i = 0; i < 2; i++) {
		c[i].enter = side_enter;
		c[i].measure = side_measure;
		c[i].leave = side_leave;
		c[i].n = EVENTS;
	}
	r = ours_guard(&state.ours, NAME, state.cgroup, OURS_UNLIMITED, &state.guard);
	if (!r)
		r = bench_rounds(c, 2, rounds);
	if (!r)
		r = all_were_kept(2 * rounds * EVENTS);
	if (!r) {
		bench_table("from a refusal to a hub client", c, 2, 1);
		judge(c, &kept, &without);
	}
	ours_unload(&state.ours);
	return r;
}
