// SPDX-License-Identifier: Apache-2.0
/*
 * registry_calls.c - Register over mutual TLS, by agents that keep their connections
 *
 * Two things are compared in the same run (registry.sh has them): what a call costs with a stock
 * grpcio that answers and does nothing else, and what a durable row costs by bare sqlite, in groups
 * as large as a round of our loop. Who serves has CPU 0, who asks CPU 1. Each agent has one call out.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "registry.h"
#include "script.h"

#define AGENTS   1000
#define PER_S    5000
#define P99_NS   10000000
#define GROUP    64  /* rows of a commit: events of a round */
#define CPU_PEER 1.0 /* of what grpcio's answer costs */

enum who { OURS, GRPCIO, WHOS };
static const char *const names[WHOS] = { "ours", "grpcio" };

/* What agents say of a deed. */
struct said {
	uint64_t n, total_ns, p50_ns, p99_ns, max_ns;
};

static struct {
	struct script script;
	pid_t pid[WHOS];
	double cpu[WHOS][BENCH_ROUNDS_MAX]; /* of a call, by round */
	double p99[BENCH_ROUNDS_MAX];
	unsigned rounds[WHOS], agents;
	sqlite3 *db;
	uint64_t row;
} here;

struct deed {
	enum who who;
	const char *words;
};

/* --- the script ------------------------------------------------------------------------------ */

static int line_of(char *line, size_t size)
{
	return fgets(line, (int)size, here.script.from) ? 0 : -EPIPE;
}

static int begin(void)
{
	char line[64], number[16];
	const char *const more[] = { number, NULL };
	int r;

	snprintf(number, sizeof(number), "%u", here.agents);
	r = script_start(&here.script, "registry.sh", more);
	while (!r && !(r = line_of(line, sizeof(line))) && strcmp(line, "ready\n") != 0)
		if (sscanf(line, "ours %d", &here.pid[OURS]) != 1 &&
		    sscanf(line, "grpcio %d", &here.pid[GRPCIO]) != 1)
			r = -EBADMSG;
	return r;
}

static int tell(const char *line)
{
	fputs(line, here.script.to);
	return fflush(here.script.to) ? -EPIPE : 0;
}

/* All calls of it must have been welcome. */
static int ask(const struct deed *deed, struct said *ret)
{
	char line[256], text[96];
	uint64_t ok;
	int r;

	snprintf(text, sizeof(text), "%s %s\n", names[deed->who], deed->words);
	r = tell(text) ?: line_of(line, sizeof(line));
	if (r)
		return bench_fail(r, "%s", text);
	if (sscanf(line,
		   "calls %" SCNu64 " ns %" SCNu64 " p50 %" SCNu64 " p99 %" SCNu64 " max %" SCNu64
		   " OK=%" SCNu64,
		   &ret->n, &ret->total_ns, &ret->p50_ns, &ret->p99_ns, &ret->max_ns, &ok) != 6 ||
	    ok != ret->n || !ret->n)
		return bench_fail(-EPROTO, "%s: %s", names[deed->who], line);
	return 0;
}

static uint64_t cpu_ns(pid_t pid)
{
	struct timespec t = {};
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct figure rate(const struct config *config)
{
	struct figure ns = figure_p50(config);

	return (struct figure){ 1e9 / ns.value, 1e9 / ns.max, 1e9 / ns.min };
}

/* --- the same again --------------------------------------------------------------------------- */

static int call(struct config *config, struct samples *out)
{
	const struct deed *deed = config->user;
	uint64_t cpu = cpu_ns(here.pid[deed->who]);
	struct said said;
	int r = ask(deed, &said);

	if (r)
		return r;
	here.cpu[deed->who][here.rounds[deed->who]++] =
	    (double)(cpu_ns(here.pid[deed->who]) - cpu) / (double)said.n;
	samples_add(out, said.total_ns / said.n);
	return 0;
}

static struct figure cpu_ratio(void)
{
	double each[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < here.rounds[OURS]; i++)
		each[i] = here.cpu[OURS][i] / here.cpu[GRPCIO][i];
	return figure_of(each, here.rounds[OURS]);
}

static int again(void)
{
	char words[32], text[64];
	struct deed deeds[WHOS] = { { OURS, words }, { GRPCIO, words } };
	struct config c[WHOS] = {
		{ "Register of who is known, flat out: ours", NULL, call, NULL, &deeds[OURS],
		  .n = 1 },
		{ "... an answer of stock grpcio", NULL, call, NULL, &deeds[GRPCIO], .n = 1 },
	};
	int r;

	snprintf(words, sizeof(words), "closed own %u", bench_pick(500, 200));
	r = bench_rounds(c, WHOS, bench_pick(12, 4));
	if (r)
		return r;
	bench_table("from call to call", c, WHOS, GRPCIO);
	for (int w = 0; w < WHOS; w++) {
		snprintf(text, sizeof(text), "processor's time of a call: %s", names[w]);
		bench_row(text, figure_of(here.cpu[w], here.rounds[w]), "ns");
	}
	bench_judge("Register of who is known", rate(&c[OURS]), "/s", BOUND_AT_LEAST, PER_S,
		    "stock grpcio's answer", figure_ratio(&c[GRPCIO], &c[OURS]).value);
	bench_judge("... processor's time of a call, over grpcio's", cpu_ratio(), "x",
		    BOUND_AT_MOST, CPU_PEER, NULL, 0);
	return 0;
}

/* --- new ones, on disk ------------------------------------------------------------------------ */

static int evict(struct config *config)
{
	char line[64];
	int r = tell("evict\n") ?: line_of(line, sizeof(line));

	(void)config;
	return r || strcmp(line, "evicted\n") ? bench_fail(-EPIPE, "rows that stay") : 0;
}

static int call_new(struct config *config, struct samples *out)
{
	struct said said;
	int r = ask(config->user, &said);

	if (!r)
		samples_add(out, said.total_ns / said.n);
	return r;
}

static int sql(const char *text)
{
	return sqlite3_exec(here.db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

/* On the disk where ours is, with the same promise. */
static int bare_open(void)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/bare.db", here.script.folder);
	if (sqlite3_open(path, &here.db) != SQLITE_OK)
		return -EIO;
	return sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		   "CREATE TABLE rows (thumbprint TEXT NOT NULL UNIQUE, id TEXT NOT NULL UNIQUE,"
		   " name TEXT, project TEXT, a INTEGER, b INTEGER)");
}

static int bare_group(unsigned n)
{
	char text[256];
	int r = sql("BEGIN IMMEDIATE");

	for (unsigned i = 0; !r && i < n; i++, here.row++) {
		snprintf(text, sizeof(text),
			 "INSERT INTO rows VALUES ('%064" PRIx64 "', '%064" PRIx64
			 "', 'a', 'load', 1, 1)",
			 here.row, here.row);
		r = sql(text);
	}
	return r ?: sql("COMMIT");
}

static int bare(struct config *config, struct samples *out)
{
	uint64_t start = bench_ns();
	int r = 0;

	(void)config;
	for (unsigned left = here.agents, n; !r && left; left -= n) {
		n = left < GROUP ? left : GROUP;
		r = bare_group(n);
	}
	samples_add(out, (bench_ns() - start) / here.agents);
	return r ? bench_fail(r, "sqlite: %s", sqlite3_errmsg(here.db)) : 0;
}

static int first_time(void)
{
	struct deed deed = { OURS, "each own 1" };
	struct config c[] = {
		{ "Register of who is new, on disk, flat out", evict, call_new, NULL, &deed,
		  .n = 1 },
		{ "... a bare row of sqlite, on disk, in groups of 64", NULL, bare, NULL, NULL,
		  .n = 1 },
	};
	int r = bare_open() ?: bench_rounds(c, 2, bench_pick(20, 5));

	sqlite3_close(here.db);
	if (r)
		return r;
	bench_table("a row", c, 2, 1);
	bench_judge("Register of who is new, on disk", rate(&c[0]), "/s", BOUND_AT_LEAST, PER_S,
		    "bare sqlite in groups", figure_ratio(&c[1], &c[0]).value);
	return 0;
}

/* --- at a rate -------------------------------------------------------------------------------- */

static int paced(struct config *config, struct samples *out)
{
	struct said said;
	int r = ask(config->user, &said);

	if (r)
		return r;
	samples_add(out, said.p50_ns);
	here.p99[config->rounds] = (double)said.p99_ns;
	return 0;
}

static int late(const char *what, int (*enter)(struct config *), unsigned ms)
{
	char words[32], text[96];
	struct deed deed = { OURS, words };
	struct config c = { what, enter, paced, NULL, &deed, .n = 1 };
	int r;

	snprintf(words, sizeof(words), "paced own %d %u", PER_S, ms);
	r = bench_rounds(&c, 1, bench_pick(20, 5));
	if (r)
		return r;
	snprintf(text, sizeof(text), "%s, median", what);
	bench_row(text, figure_p50(&c), "ns");
	snprintf(text, sizeof(text), "%s, p99", what);
	bench_judge(text, figure_of(here.p99, c.rounds), "ns", BOUND_AT_MOST, P99_NS, NULL, 0);
	return 0;
}

static int figures(void)
{
	int r = again() ?: first_time();

	r = r ?: late("5,000 a second of who is known", NULL, bench_pick(1000, 300));
	/* each of them once */
	return r ?: late("5,000 a second of who is new", evict, here.agents * 1000 / PER_S);
}

int registry_calls(void)
{
	int r;

	here.agents = bench_pick(AGENTS, 250);
	r = begin();
	if (r) {
		if (script_end(&here.script) == SCRIPT_NOT_HERE)
			r = -ENOTSUP;
		return bench_fail(r, "the two that are compared do not both serve");
	}
	bench_note("%u agents with a connection each", here.agents);
	bench_cpu(1);
	r = figures();
	bench_cpu(BENCH_ANY_CPU);
	return script_end(&here.script) && !r ? bench_fail(-EPIPE, "the script failed") : r;
}
