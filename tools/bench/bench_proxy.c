// SPDX-License-Identifier: Apache-2.0
/*
 * bench_proxy.c - requests through the proxy, through nginx and through HAProxy
 *
 * All three swap a token for a secret in front of the same upstream (web.h); a script has them
 * (proxy.sh). They have CPU 0 each in its turn, who asks and who answers CPU 1. The processor's time
 * of a request is the process's own: it hardly changes with what else the machine does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "families.h"
#include "web.h"

#define SECRET      "sk-bench-0123456789abcdef0123456789abcdef"
#define CONNECTIONS 32
#define RATE_NGINX  0.8

enum who { OURS, NGINX, HAPROXY, DIRECT, WHOS };
enum log { LOG, QUIET, LOGS };
enum scheme { HTTP, HTTPS, SCHEMES };

static const char *const who_name[] = { "ours", "nginx", "haproxy", "nobody" };
static const char *const log_name[] = { "log", "quiet" };
static const char *const scheme_name[] = { "http", "https" };

struct way {
	struct web_target target;
	pid_t pid;             /* 0: no proxy */
	struct web_load *load; /* of a visit */
	double cpu[BENCH_ROUNDS_MAX];
	unsigned rounds;
	char name[BENCH_NAME];
};

static struct {
	pid_t pid;
	FILE *to, *from;
	char folder[300];
	struct web_upstream upstream;
	struct way way[WHOS][LOGS][SCHEMES];
} here;

static int script_start(void)
{
	char file[600], plain[16], tls[16];
	int in[2], out[2];

	snprintf(file, sizeof(file), "%s/proxy.sh", bench.source);
	snprintf(here.folder, sizeof(here.folder), "%s/proxy", bench.dir);
	snprintf(plain, sizeof(plain), "%u", here.upstream.plain_port);
	snprintf(tls, sizeof(tls), "%u", here.upstream.tls_port);
	if (mkdir(here.folder, 0700) || pipe(in) || pipe(out))
		return -errno;
	fflush(NULL);
	here.pid = fork();
	if (!here.pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execl(file, file, bench.build, here.folder, plain, tls, SECRET, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	here.to = fdopen(in[1], "we");
	here.from = fdopen(out[0], "re");
	return here.pid < 0 || !here.to || !here.from ? -errno : 0;
}

static int script_end(void)
{
	int status;

	fclose(here.to);
	fclose(here.from);
	waitpid(here.pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int number(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

/* A line for each way, then "ready". */
static int script_hear(void)
{
	char line[256], who[16], log[16], scheme[16];

	while (fgets(line, sizeof(line), here.from) && strcmp(line, "ready\n")) {
		struct way way = {};
		int w, l, s;

		if (sscanf(line, "%15s %15s %15s %d %" SCNu16 " %95s", who, log, scheme, &way.pid,
			   &way.target.port, way.target.token) != 6)
			return -EBADMSG;
		w = number(who_name, DIRECT, who);
		l = number(log_name, LOGS, log);
		s = number(scheme_name, SCHEMES, scheme);
		if (w < 0 || l < 0 || s < 0)
			return -EBADMSG;
		here.way[w][l][s] = way;
	}
	for (int w = 0; w < DIRECT; w++)
		for (int i = 0; i < LOGS * SCHEMES; i++)
			if (!here.way[w][i / SCHEMES][i % SCHEMES].pid)
				return -EPIPE;
	here.way[DIRECT][QUIET][HTTP].target.port = here.upstream.plain_port;
	snprintf(here.way[DIRECT][QUIET][HTTP].target.token, sizeof(line) / 4, "%s", SECRET);
	return 0;
}

static uint64_t cpu_ns(const struct way *way)
{
	struct timespec t = {};
	clockid_t clock;

	if (!way->pid || clock_getcpuclockid(way->pid, &clock) || clock_gettime(clock, &t))
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int load_enter(struct config *config)
{
	struct way *way = config->user;
	uint64_t took;
	int64_t n;

	way->load = web_load_new(&way->target, CONNECTIONS);
	if (!way->load)
		return bench_fail(-errno, "%s does not answer", config->name);
	n = web_load_closed(way->load, 30000000, &took); /* upstream connections are there */
	return n < 0 ? (int)n : 0;
}

static void load_leave(struct config *config)
{
	struct way *way = config->user;

	web_load_free(way->load);
	way->load = NULL;
}

/* Nanoseconds of a request flat out, and of the proxy's process. */
static int flat_out(struct config *config, struct samples *out)
{
	struct way *way = config->user;
	uint64_t took = 0, cpu = cpu_ns(way);
	int64_t n = web_load_closed(way->load, config->n * UINT64_C(1000000), &took);

	if (n <= 0)
		return n ? (int)n : -ENODATA;
	way->cpu[way->rounds++] = (double)(cpu_ns(way) - cpu) / (double)n;
	samples_add(out, took / (uint64_t)n);
	return 0;
}

static struct figure cpu_ratio(const struct way *ours, const struct way *theirs)
{
	double each[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < ours->rounds; i++)
		each[i] = ours->cpu[i] / theirs->cpu[i];
	return figure_of(each, ours->rounds);
}

/* Ours over theirs, as a rate: what took longer is less of it. */
static struct figure rate_ratio(const struct config *ours, const struct config *theirs)
{
	return figure_ratio(theirs, ours);
}

static struct figure rate(const struct config *config)
{
	struct figure ns = figure_p50(config);

	return (struct figure){ 1e9 / ns.value, 1e9 / ns.max, 1e9 / ns.min };
}

static int requests(const char *what, enum log log, enum scheme scheme, bool judged)
{
	struct config c[DIRECT] = {};
	char text[BENCH_NAME + 40];
	int r;

	for (int w = 0; w < DIRECT; w++) {
		struct way *way = &here.way[w][log][scheme];

		snprintf(way->name, sizeof(way->name), "%s: %s", what, who_name[w]);
		c[w] = (struct config){ way->name,  load_enter, flat_out,
					load_leave, way,        .n = bench_pick(400, 150) };
	}
	r = bench_rounds(c, DIRECT, bench_pick(15, 5));
	if (r)
		return r;
	bench_table(what, c, DIRECT, NGINX);
	for (int w = 0; w < DIRECT; w++) {
		const struct way *way = c[w].user;

		snprintf(text, sizeof(text), "%s: processor's time of a request", way->name);
		bench_row(text, figure_of(way->cpu, way->rounds), "ns");
	}
	bench_judge(what, rate(&c[OURS]), "/s", BOUND_NONE, 0, "nginx",
		    rate_ratio(&c[OURS], &c[NGINX]).value);
	bench_judge("... over nginx's", rate_ratio(&c[OURS], &c[NGINX]), "x",
		    judged ? BOUND_AT_LEAST : BOUND_NONE, RATE_NGINX, "HAProxy",
		    rate_ratio(&c[OURS], &c[HAPROXY]).value);
	bench_judge("... processor's time of a request, over nginx's",
		    cpu_ratio(c[OURS].user, c[NGINX].user), "x",
		    judged ? BOUND_AT_MOST : BOUND_NONE, 1 / RATE_NGINX, "HAProxy",
		    cpu_ratio(c[OURS].user, c[HAPROXY].user).value);
	return 0;
}

int bench_proxy(void)
{
	int r = web_upstream_listen(&here.upstream), ended;

	if (r)
		return bench_fail(r, "the upstream");
	r = script_start() ?: script_hear();
	if (r)
		bench_fail(r, "proxies to compare");
	else
		r = web_upstream_start(&here.upstream, here.folder, SECRET, 1);
	bench_cpu(1);
	if (!r)
		r = requests("requests a second, audit on", LOG, HTTP, true);
	if (!r)
		r = requests("requests a second, audit on, TLS to the upstream", LOG, HTTPS, true);
	if (!r)
		r = requests("requests a second, no audit", QUIET, HTTP, false);
	bench_cpu(BENCH_ANY_CPU);
	web_upstream_stop(&here.upstream);
	ended = script_end();
	return ended == 77 ? bench_fail(-ENOTSUP, "a peer is missing, see above") : r;
}
