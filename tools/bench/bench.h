/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - the harness: rounds, percentiles, paired differences, verdict on a figure
 *
 * A family of figures lists its configurations; bench_rounds() visits each once a round, in
 * an order that turns by one each round, so that what drifts in the machine hits all of them
 * alike. A cell is the median over rounds of a round's median, its spread the smallest and
 * the largest of them; a difference or a ratio is taken within each round first.
 * Figures go to stdout as tables, to the shared summary, and to $BENCH_DIR/rows as JSON lines.
 * Called by: the bench_*.c files; main.c prints the summary. One thread per family process.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_ROUNDS_MAX 32
#define BENCH_NAME       96

/* What the whole run was asked for; set by main.c before any family starts. */
struct bench {
	bool quick;
	const char *dir;    /* private folder: namespaces, logs */
	const char *build;  /* where terok-bpfd is */
	const char *source; /* where the peer's script is */
	const char *family; /* the running one */
};
extern struct bench bench;

struct samples {
	uint32_t *ns; /* up to 4.29 s each */
	size_t n, room;
};

/** samples_add() - append; what does not fit a u32 is cut to its largest */
void samples_add(struct samples *samples, uint64_t ns);

/** samples_percentile() - @p in 0..100; sorts @samples; 0 when empty */
double samples_percentile(struct samples *samples, double p);

struct config {
	const char *name;
	int (*enter)(struct config *config); /* untimed set-up of each visit; NULL: none */
	int (*measure)(struct config *config, struct samples *out);
	void (*leave)(struct config *config);
	void *user;
	unsigned n; /* samples wanted from a visit */
	/* filled by bench_rounds() */
	unsigned rounds;
	double p50[BENCH_ROUNDS_MAX], p99[BENCH_ROUNDS_MAX], mean[BENCH_ROUNDS_MAX];
	struct samples all;
};

/** bench_rounds() - visit each configuration once a round; the first error ends it */
int bench_rounds(struct config *configs, size_t n, unsigned rounds);

/** bench_pick() - @full rounds or samples, or @quick ones when the run is a quick one */
static inline unsigned bench_pick(unsigned full, unsigned quick)
{
	return bench.quick ? quick : full;
}

/* A number and its spread over rounds. */
struct figure {
	double value, min, max;
};

/** figure_flat() - a number that was taken once */
static inline struct figure figure_flat(double value)
{
	return (struct figure){ value, value, value };
}

struct figure figure_of(const double *per_round, unsigned rounds);
struct figure figure_p50(const struct config *config);
struct figure figure_difference(const struct config *config, const struct config *base);
struct figure figure_ratio(const struct config *config, const struct config *base);
struct figure figure_scaled(struct figure figure, double by);

/** bench_table() - print and record all rows; differences are to configs[base] */
void bench_table(const char *title, const struct config *configs, size_t n, size_t base);

/** bench_row() - one row that is not a struct config */
void bench_row(const char *name, struct figure figure, const char *unit);

enum bound { BOUND_NONE, BOUND_AT_MOST, BOUND_AT_LEAST };

/**
 * bench_judge() - a figure of the issue: print, record, and say whether it holds
 * @peer:  what it is compared with in the same run; NULL: nothing
 * @ratio: ours over the peer's; ignored without @peer
 */
void bench_judge(const char *what, struct figure figure, const char *unit, enum bound bound,
		 double limit, const char *peer, double ratio);

/** bench_note() - a line of context, also in the JSON */
void bench_note(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));

/** bench_fail() - say why this family cannot go on; returns @err (a negative errno) */
int bench_fail(int err, const char *fmt, ...) __attribute__((__format__(__printf__, 2, 3)));

/** bench_summary_open() - shared memory for the families' verdicts; once, before the first */
int bench_summary_open(void);

/** bench_summary() - print every judged figure; returns how many are over */
unsigned bench_summary(void);

/** bench_json() - everything recorded as one JSON document; 0 or negative errno */
int bench_json(const char *path);

/** bench_idle_cpu() - per cent of CPU time that nobody used during the last 200 ms */
double bench_idle_cpu(void);

#define BENCH_ANY_CPU -1

/** bench_cpu() - pin the caller, or let it go; a machine with one CPU is left alone */
void bench_cpu(int cpu);

uint64_t bench_ns(void); /* CLOCK_MONOTONIC, about 20 ns a call */

#endif
