// SPDX-License-Identifier: Apache-2.0
/*
 * main.c - terok-bench: the families in their order, the summary, the exit code
 *
 * Started by tools/bench/run, which makes the place; started by hand it starts the runner.
 * Exit codes: 0 all were measured; 1 a family could not be, or --strict and a figure is over
 * its limit; 2 the command line was wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "families.h"

#define IDLE_ENOUGH 90 /* per cent; below it figures move */
#define IDLE_TRIES  10

static const struct family {
	const char *name;
	int (*run)(void);
} families[] = {
	{ "connect", bench_connect }, { "refuse", bench_refuse },
	{ "rate", bench_rate },       { "ask", bench_ask },
	{ "robot", bench_robot },     { "verdict", bench_verdict },
	{ "bulk", bench_bulk },       { "flows", bench_flows },
	{ "names", bench_names },     { "idle", bench_idle },
	{ "load", bench_load },       { "transition", bench_transition },
	{ "ingest", bench_ingest },   { "history", bench_history },
	{ "screen", bench_screen },   { "fanout", bench_fanout },
	{ "weight", bench_weight },   { "enrol", bench_enrol },
	{ "sandbox", bench_sandbox }, { "gate", bench_gate },
	{ "ssh", bench_ssh },         { "proxy", bench_proxy },
	{ "carry", bench_carry },     { "registry", bench_registry },
	{ "upgrade", bench_upgrade },
};
#define N_FAMILIES (sizeof(families) / sizeof(families[0]))

static struct {
	const char *json, *only;
	bool strict;
} options;

static bool wanted(const char *name)
{
	const char *at = options.only;
	size_t n = strlen(name);

	if (!at)
		return true;
	while (at) {
		if (!strncmp(at, name, n) && (!at[n] || at[n] == ','))
			return true;
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return false;
}

/* Others may share the machine: wait for them a little, then say that they were there. */
static void wait_for_idle(void)
{
	double idle = 0;

	for (int i = 0; i < IDLE_TRIES; i++) {
		idle = bench_idle_cpu();
		if (idle >= IDLE_ENOUGH)
			return;
	}
	bench_note("the machine was busy: %.0f%% idle", idle);
}

static bool run_family(const struct family *family)
{
	uint64_t start = bench_ns();
	int status;
	pid_t pid;

	bench.family = family->name;
	printf("\n== %s\n", family->name);
	wait_for_idle();
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int r = family->run();

		fflush(stdout);
		_exit(r ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return false;
	if (status)
		printf("  %s COULD NOT BE MEASURED\n", family->name);
	printf("  (%.1f s)\n", (bench_ns() - start) / 1e9);
	return !status;
}

static int parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "quick", no_argument, NULL, 'q' },      { "strict", no_argument, NULL, 's' },
		{ "json", required_argument, NULL, 'j' }, { "only", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },       {},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		switch (c) {
		case 'q': bench.quick = true; break;
		case 's': options.strict = true; break;
		case 'j': options.json = optarg; break;
		case 'o': options.only = optarg; break;
		case 'h': return 1;
		default: return -EINVAL;
		}
	}
	return optind < argc ? -EINVAL : 0;
}

static void usage(FILE *to)
{
	fprintf(to, "Usage: tools/bench/run [BUILD] [--quick] [--strict] [--json FILE] "
		    "[--only FAMILY[,FAMILY]]\n\nFamilies:");
	for (size_t i = 0; i < N_FAMILIES; i++)
		fprintf(to, " %s", families[i].name);
	fputc('\n', to);
}

int main(int argc, char **argv)
{
	unsigned over, failed = 0;
	int r = parse(argc, argv);

	if (r) {
		usage(r > 0 ? stdout : stderr);
		return r > 0 ? 0 : 2;
	}
	bench.dir = getenv("BENCH_DIR");
	bench.build = getenv("BENCH_BUILD");
	bench.source = getenv("BENCH_SOURCE");
	if (!bench.dir || !bench.build || !bench.source) {
		execv("tools/bench/run", argv);
		fprintf(stderr, "terok-bench: start tools/bench/run, which makes the place\n");
		return 2;
	}
	bench.family = "run";
	r = bench_summary_open();
	if (r)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < N_FAMILIES; i++)
		if (wanted(families[i].name))
			failed += !run_family(&families[i]);

	over = bench_summary();
	printf("%u over, %u families not measured\n", over, failed);
	if (options.json && (r = bench_json(options.json)))
		fprintf(stderr, "bench: %s: %s\n", options.json, strerror(-r));
	return failed || r || (over && options.strict) ? 1 : 0;
}
