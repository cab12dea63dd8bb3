// SPDX-License-Identifier: Apache-2.0
/* bench.c - rounds, statistics and the machine's state; see bench.h */
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct bench bench;

uint64_t bench_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

void bench_cpu(int cpu)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	if (cpus < 2)
		return;
	CPU_ZERO(&set);
	for (long i = 0; i < cpus; i++)
		if (cpu == BENCH_ANY_CPU || cpu == i)
			CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

void samples_add(struct samples *samples, uint64_t ns)
{
	if (samples->n == samples->room) {
		size_t room = samples->room ? samples->room * 2 : 1024;
		uint32_t *bigger = reallocarray(samples->ns, room, sizeof(*bigger));

		if (!bigger)
			return;
		samples->ns = bigger;
		samples->room = room;
	}
	samples->ns[samples->n++] = ns > UINT32_MAX ? UINT32_MAX : ns;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

double samples_percentile(struct samples *samples, double p)
{
	size_t at;

	if (!samples->n)
		return 0;
	qsort(samples->ns, samples->n, sizeof(*samples->ns), by_size);
	at = samples->n * p / 100;
	return samples->ns[at < samples->n ? at : samples->n - 1];
}

static double samples_mean(const struct samples *samples)
{
	double sum = 0;

	for (size_t i = 0; i < samples->n; i++)
		sum += samples->ns[i];
	return samples->n ? sum / samples->n : 0;
}

static int visit(struct config *config, unsigned round)
{
	struct samples samples = {};
	int r = config->enter ? config->enter(config) : 0;

	if (!r)
		r = config->measure(config, &samples);
	if (config->leave)
		config->leave(config);
	if (!r && !samples.n)
		r = -ENODATA;
	if (r) {
		free(samples.ns);
		return bench_fail(r, "%s", config->name);
	}

	config->p50[round] = samples_percentile(&samples, 50);
	config->p99[round] = samples_percentile(&samples, 99);
	config->mean[round] = samples_mean(&samples);
	config->rounds = round + 1;
	for (size_t i = 0; i < samples.n; i++)
		samples_add(&config->all, samples.ns[i]);
	free(samples.ns);
	return 0;
}

int bench_rounds(struct config *configs, size_t n, unsigned rounds)
{
	if (rounds > BENCH_ROUNDS_MAX)
		return -EINVAL;
	for (unsigned round = 0; round < rounds; round++) {
		for (size_t i = 0; i < n; i++) {
			int r = visit(&configs[(i + round) % n], round);

			if (r)
				return r;
		}
	}
	return 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct figure figure_of(const double *per_round, unsigned rounds)
{
	double sorted[BENCH_ROUNDS_MAX];

	if (!rounds)
		return (struct figure){};
	memcpy(sorted, per_round, rounds * sizeof(*sorted));
	qsort(sorted, rounds, sizeof(*sorted), by_value);
	return (struct figure){
		.value = (sorted[rounds / 2] + sorted[(rounds - 1) / 2]) / 2,
		.min = sorted[0],
		.max = sorted[rounds - 1],
	};
}

struct figure figure_p50(const struct config *config)
{
	return figure_of(config->p50, config->rounds);
}

struct figure figure_difference(const struct config *config, const struct config *base)
{
	double each[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < config->rounds; i++)
		each[i] = config->p50[i] - base->p50[i];
	return figure_of(each, config->rounds);
}

struct figure figure_ratio(const struct config *config, const struct config *base)
{
	double each[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < config->rounds; i++)
		each[i] = base->p50[i] ? config->p50[i] / base->p50[i] : 0;
	return figure_of(each, config->rounds);
}

struct figure figure_scaled(struct figure figure, double by)
{
	return (struct figure){ figure.value * by, figure.min * by, figure.max * by };
}

static void cpu_times(unsigned long long *idle, unsigned long long *all)
{
	unsigned long long t[8] = {};
	FILE *f = fopen("/proc/stat", "re");

	*idle = *all = 0;
	if (!f)
		return;
	if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
		   &t[4], &t[5], &t[6], &t[7]) == 8)
		*idle = t[3] + t[4];
	for (int i = 0; i < 8; i++)
		*all += t[i];
	fclose(f);
}

double bench_idle_cpu(void)
{
	unsigned long long idle[2], all[2];

	cpu_times(&idle[0], &all[0]);
	usleep(200000); /* what is measured is a stretch of time */
	cpu_times(&idle[1], &all[1]);
	return all[1] > all[0] ? 100.0 * (idle[1] - idle[0]) / (all[1] - all[0]) : 0;
}
