// SPDX-License-Identifier: Apache-2.0
/* ways.c - the programs that are compared, and what they take; see ways.h */
#include "ways.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "script.h"
#include "user/base/cleanup.h"

#define SECRET "sk-bench-0123456789abcdef0123456789abcdef"
#define FILES  8192 /* a thousand connections, on both sides */

static const char *const who_name[] = { "ours", "nginx", "HAProxy", "nobody" };
static const char *const log_name[] = { "log", "quiet" };
static const char *const scheme_name[] = { "http", "https" };

static struct {
	struct script script;
	struct web_upstream upstream;
	struct way way[WHOS][LOGS][SCHEMES];
} here;

static int number(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcasecmp(names[i], name))
			return i;
	return -1;
}

/* A line for each way, then "ready". */
static int script_hear(void)
{
	char line[256], who[16], log[16], scheme[16];

	while (fgets(line, sizeof(line), here.script.from) && strcmp(line, "ready\n")) {
		struct way one = {};
		int w, l, s;

		if (sscanf(line, "%15s %15s %15s %d %" SCNu16 " %95s", who, log, scheme, &one.pid,
			   &one.target.port, one.target.token) != 6)
			return -EBADMSG;
		w = number(who_name, DIRECT, who);
		l = number(log_name, LOGS, log);
		s = number(scheme_name, SCHEMES, scheme);
		if (w < 0 || l < 0 || s < 0)
			return -EBADMSG;
		one.who = who_name[w];
		here.way[w][l][s] = one;
	}
	for (int w = 0; w < DIRECT; w++)
		for (int i = 0; i < LOGS * SCHEMES; i++)
			if (!here.way[w][i / SCHEMES][i % SCHEMES].pid)
				return -EPIPE;
	return 0;
}

struct way *way(enum who who, enum log log, enum scheme scheme)
{
	return who == DIRECT ? &here.way[DIRECT][0][0] : &here.way[who][log][scheme];
}

static int begin(void)
{
	const struct rlimit files = { FILES, FILES };
	struct way *direct = way(DIRECT, LOG, HTTP);
	char plain[16], tls[16];
	const char *const more[] = { plain, tls, SECRET, NULL };
	int r = web_upstream_listen(&here.upstream);

	if (r || setrlimit(RLIMIT_NOFILE, &files))
		return bench_fail(r ?: -errno, "the upstream");
	snprintf(plain, sizeof(plain), "%u", here.upstream.plain_port);
	snprintf(tls, sizeof(tls), "%u", here.upstream.tls_port);
	r = script_start(&here.script, "proxy.sh", more) ?: script_hear();
	if (r) {
		if (script_end(&here.script) == SCRIPT_NOT_HERE)
			r = -ENOTSUP;
		return bench_fail(r, "the proxies that are compared do not all serve");
	}
	direct->who = who_name[DIRECT];
	direct->target.port = here.upstream.plain_port;
	snprintf(direct->target.token, sizeof(direct->target.token), "%s", SECRET);
	return web_upstream_start(&here.upstream, here.script.folder, SECRET, 1);
}

static void end(void)
{
	web_upstream_stop(&here.upstream);
	script_end(&here.script);
}

int ways_run(int (*figures)(void))
{
	int r = begin();

	if (!r) {
		bench_cpu(1);
		r = figures();
		bench_cpu(BENCH_ANY_CPU);
	}
	end();
	return r;
}

void ways_configs(struct config *configs, int n, const char *what, enum log log, enum scheme scheme)
{
	for (int w = 0; w < n; w++) {
		struct way *one = way(w, log, scheme);

		snprintf(one->name, sizeof(one->name), "%s: %s", what, one->who);
		one->rounds = 0;
		configs[w].name = one->name;
		configs[w].user = one;
	}
}

void ways_cpu(const struct config *configs, int n, const char *of)
{
	char text[BENCH_NAME + 56];

	for (int w = 0; w < n; w++) {
		const struct way *way = configs[w].user;

		snprintf(text, sizeof(text), "%s, processor's time of %s", way->name, of);
		bench_row(text, figure_of(way->cpu, way->rounds), "ns");
	}
}

uint64_t way_cpu_ns(const struct way *way)
{
	struct timespec t = {};
	clockid_t clock;

	if (!way->pid || clock_getcpuclockid(way->pid, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A line "FIELD: N kB" of a file of its process. */
static double process_bytes(const struct way *way, const char *file, const char *field)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], line[256];
	size_t n = strlen(field);

	snprintf(path, sizeof(path), "/proc/%d/%s", way->pid, file);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n) && line[n] == ':')
			return 1024.0 * strtod(line + n + 1, NULL);
	return 0;
}

double way_memory(const struct way *way)
{
	return process_bytes(way, "smaps_rollup", "Pss");
}

double way_most(const struct way *way)
{
	return process_bytes(way, "status", "VmHWM");
}

void way_forget(const struct way *way)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", way->pid);
	f = fopen(path, "we");
	if (f)
		fputs("5\n", f);
}

struct figure way_cpu_ratio(const struct way *ours, const struct way *theirs)
{
	double each[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < ours->rounds; i++)
		each[i] = theirs->cpu[i] > 0 ? ours->cpu[i] / theirs->cpu[i] : 0;
	return figure_of(each, ours->rounds);
}
