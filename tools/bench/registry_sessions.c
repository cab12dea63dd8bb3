// SPDX-License-Identifier: Apache-2.0
/*
 * registry_sessions.c - a thousand sessions: what each costs, what they do when nothing happens, and
 * how long it takes until all are there again when the control plane was killed
 *
 * The peers are one process (tests/registry/peer/crowd.c), which a script has, and which stock grpcio
 * has as many streams to.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "registry.h"
#include "script.h"

#define SESSIONS 1000
#define EACH     (64.0 * 1024) /* bytes */
#define STORM_NS 60e9
#define IDLE_S   60
#define WAKES    2 /* a minute, of each: it is asked whether it lives twice, and answers */

static struct script script;
static unsigned sessions;

/* What the script says of one word: as many numbers as there are in @ret. */
static int told(const char *word, double *ret, unsigned n)
{
	char line[128] = "", *at = line;

	fprintf(script.to, "%s\n", word);
	fflush(script.to);
	if (!fgets(line, sizeof(line), script.from))
		return bench_fail(-EPIPE, "%s failed", word);
	for (unsigned i = 0; i < n; i++) {
		int used = 0;

		if (sscanf(at, "%lf%n", &ret[i], &used) != 1)
			return bench_fail(-EBADMSG, "%s: %s", word, line);
		at += used;
	}
	return 0;
}

static int storms(void)
{
	double ns[BENCH_ROUNDS_MAX], cpu[BENCH_ROUNDS_MAX], failed = 0;
	unsigned rounds = bench_pick(5, 2);

	for (unsigned i = 0; i < rounds; i++) {
		double it[3];
		int r = told("storm", it, 3);

		if (r)
			return r;
		ns[i] = it[0];
		cpu[i] = it[1] * 1e6 / sessions;
		failed += it[2];
	}
	bench_row("killed: processor's time for each session", figure_of(cpu, rounds), "ns");
	bench_judge("killed: until all have run their plans again", figure_of(ns, rounds), "ns",
		    BOUND_AT_MOST, STORM_NS, NULL, 0);
	bench_judge("... cycles that failed", figure_flat(failed), "", BOUND_AT_MOST, 0, NULL, 0);
	return 0;
}

static int idle(void)
{
	unsigned seconds = bench_pick(2 * IDLE_S, IDLE_S);
	double it[2];
	char word[32];
	int r;

	snprintf(word, sizeof(word), "idle %u", seconds);
	r = told(word, it, 2);
	if (r)
		return r;
	bench_row("idle: processor's time a minute", figure_flat(it[1] * 1e6 * IDLE_S / seconds),
		  "ns");
	bench_judge("idle: wake-ups a minute", figure_flat(it[0] * IDLE_S / seconds), "",
		    BOUND_AT_MOST, WAKES * sessions, NULL, 0);
	return 0;
}

static int figures(void)
{
	double ours, theirs;
	int r = told("ours", &ours, 1) ?: storms();

	r = r ?: idle();
	r = r ?: told("grpcio", &theirs, 1);
	if (r)
		return r;
	bench_row("a stream of stock grpcio, in memory", figure_flat(theirs), "B");
	bench_judge("a session, in memory", figure_flat(ours), "B", BOUND_AT_MOST, EACH,
		    "a stream of stock grpcio", ours / theirs);
	return 0;
}

int registry_sessions(void)
{
	char number[16], line[64] = "";
	const char *const more[] = { number, NULL };
	int r;

	sessions = bench_pick(SESSIONS, SESSIONS / 4);
	snprintf(number, sizeof(number), "%u", sessions);
	r = script_start(&script, "sessions.sh", more);
	if (r || !fgets(line, sizeof(line), script.from) || strcmp(line, "ready\n") != 0) {
		if (script_end(&script) == SCRIPT_NOT_HERE)
			r = -ENOTSUP;
		return bench_fail(r ?: -EPIPE, "there are no sessions");
	}
	bench_note("%u sessions", sessions);
	r = figures();
	return script_end(&script) && !r ? bench_fail(-EPIPE, "the script failed") : r;
}
