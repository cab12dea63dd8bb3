// SPDX-License-Identifier: Apache-2.0
/*
 * bench_proxy.c - requests through the proxy, through nginx and through HAProxy
 *
 * All three swap a token for a secret in front of the same upstream (ways.h). They have CPU 0 each in
 * its turn; who asks and who answers have CPU 1. The processor's time of a request is the process's
 * own: what else the machine does changes it less than a rate.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "families.h"
#include "ways.h"

#define CONNECTIONS 32
#define RATE_NGINX  0.8
#define RATE        10000 /* a second, at which it is looked how late replies are */
#define BUSY        0.8   /* of what nginx can do: with more of it, nobody's replies come in time */
#define LATE_NGINX  1.2
#define EVENT_NS    200000
#define FLOOR_NS    1000.0 /* what is less is not told from nothing */

static int load_enter(struct config *config)
{
	struct way *way = config->user;
	uint64_t took;
	int64_t n;

	way->load = web_load_new(&way->target, CONNECTIONS);
	if (!way->load)
		return bench_fail(-errno, "%s does not answer", way->who);
	n = web_load_closed(way->load, 30000000, &took); /* upstream connections are there */
	return n < 0 ? bench_fail((int)n, "%s stopped", way->who) : 0;
}

static void load_leave(struct config *config)
{
	struct way *way = config->user;

	web_load_free(way->load);
	way->load = NULL;
}

/* --- flat out ------------------------------------------------------------------------------- */

/* Nanoseconds of a request, and of the proxy's process. */
static int flat_out(struct config *config, struct samples *out)
{
	struct way *way = config->user;
	uint64_t took = 0, cpu = way_cpu_ns(way);
	int64_t n = web_load_closed(way->load, config->n * UINT64_C(1000000), &took);

	if (n <= 0)
		return bench_fail(n ? (int)n : -ENODATA, "%s stopped", way->who);
	way->cpu[way->rounds++] = (double)(way_cpu_ns(way) - cpu) / (double)n;
	samples_add(out, took / (uint64_t)n);
	return 0;
}

static struct figure rate(const struct config *config)
{
	struct figure ns = figure_p50(config);

	return (struct figure){ 1e9 / ns.value, 1e9 / ns.max, 1e9 / ns.min };
}

/* Who asks and who answers share a CPU: when that is full, the proxy is not what is measured. */
static void asked_enough(const struct config *c)
{
	double without = figure_p50(&c[DIRECT]).value;

	for (int w = 0; w < DIRECT; w++) {
		const struct way *way = c[w].user;

		if (figure_of(way->cpu, way->rounds).value < without)
			bench_note("%s waits for requests: its rate is that of who asks", way->who);
	}
}

/* @nginx: what that can do, a second */
static int requests(const char *what, enum log log, enum scheme scheme, double *nginx)
{
	enum bound least = log == LOG ? BOUND_AT_LEAST : BOUND_NONE;
	enum bound most = log == LOG ? BOUND_AT_MOST : BOUND_NONE;
	struct config c[WHOS] = {};
	int r;

	ways_configs(c, WHOS, what, log, scheme);
	for (int w = 0; w < WHOS; w++) {
		c[w].enter = load_enter;
		c[w].measure = flat_out;
		c[w].leave = load_leave;
		c[w].n = bench_pick(200, 60); /* milliseconds */
	}
	r = bench_rounds(c, WHOS, bench_pick(30, 12));
	if (r)
		return r;
	bench_table(what, c, WHOS, NGINX);
	ways_cpu(c, DIRECT, "a request");
	asked_enough(c);
	*nginx = rate(&c[NGINX]).value;
	/* what takes longer is less of it */
	bench_judge(what, rate(&c[OURS]), "/s", BOUND_NONE, 0, "HAProxy",
		    figure_ratio(&c[HAPROXY], &c[OURS]).value);
	bench_judge("... over nginx's", figure_ratio(&c[NGINX], &c[OURS]), "x", least, RATE_NGINX,
		    NULL, 0);
	bench_judge("... processor's time of a request, over nginx's",
		    way_cpu_ratio(c[OURS].user, c[NGINX].user), "x", most, 1 / RATE_NGINX,
		    "HAProxy", way_cpu_ratio(c[OURS].user, c[HAPROXY].user).value);
	return 0;
}

/* --- at a rate ------------------------------------------------------------------------------- */

static unsigned paced_rate;

static int paced(struct config *config, struct samples *out)
{
	struct way *way = config->user;
	int64_t late = web_load_open(way->load, paced_rate, config->n * UINT64_C(1000000), out);

	if (late > 0)
		bench_note("%s left %lld requests without a reply", way->who, (long long)late);
	return late < 0 ? bench_fail((int)late, "%s stopped", way->who) : 0;
}

/* What it adds to the p99 of who goes by nobody. */
static struct figure added(const struct config *c, enum who who)
{
	double each[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < c->rounds; i++)
		each[i] = c[who].p99[i] - c[DIRECT].p99[i];
	return figure_of(each, c->rounds);
}

static struct figure added_ratio(const struct config *c, enum who who, enum who base)
{
	double each[BENCH_ROUNDS_MAX];

	for (unsigned i = 0; i < c->rounds; i++) {
		double a = c[who].p99[i] - c[DIRECT].p99[i], b = c[base].p99[i] - c[DIRECT].p99[i];

		each[i] = (a > FLOOR_NS ? a : FLOOR_NS) / (b > FLOOR_NS ? b : FLOOR_NS);
	}
	return figure_of(each, c->rounds);
}

static int latency(double nginx)
{
	struct config c[WHOS] = {};
	char what[64];
	int r;

	paced_rate = RATE;
	if (nginx * BUSY < RATE) {
		paced_rate = (unsigned)(nginx * BUSY / 2);
		bench_note("nginx does %.0f requests a second here: asked are %u, not %u", nginx,
			   paced_rate, RATE);
	}
	snprintf(what, sizeof(what), "%u requests a second", paced_rate);
	ways_configs(c, WHOS, what, LOG, HTTP);
	for (int w = 0; w < WHOS; w++) {
		c[w].enter = load_enter;
		c[w].measure = paced;
		c[w].leave = load_leave;
		c[w].n = bench_pick(1000, 300); /* milliseconds */
	}
	r = bench_rounds(c, WHOS, bench_pick(15, 5));
	if (r)
		return r;
	bench_table("from when a request is due until its reply is there", c, WHOS, DIRECT);
	snprintf(what, sizeof(what), "added p99 at %u requests a second", paced_rate);
	bench_judge(what, added(c, OURS), "ns", BOUND_NONE, 0, "HAProxy",
		    added_ratio(c, OURS, HAPROXY).value);
	bench_judge("... over nginx's", added_ratio(c, OURS, NGINX), "x", BOUND_AT_MOST, LATE_NGINX,
		    NULL, 0);
	return 0;
}

/* --- events ---------------------------------------------------------------------------------- */

static int events(struct config *config, struct samples *out)
{
	struct way *way = config->user;
	int r = web_events(&way->target, config->n, out);

	return r ? bench_fail(r, "%s does not stream", way->who) : 0;
}

static int streams(const char *what, enum scheme scheme)
{
	struct config c[WHOS] = {};
	struct figure ours, nginx;
	int r;

	ways_configs(c, WHOS, what, LOG, scheme);
	for (int w = 0; w < WHOS; w++) {
		c[w].measure = events;
		c[w].n = bench_pick(500, 300); /* one each millisecond */
	}
	r = bench_rounds(c, WHOS, bench_pick(15, 5));
	if (r)
		return r;
	bench_table("from when an event is written until it is there", c, WHOS, DIRECT);
	ours = figure_difference(&c[OURS], &c[DIRECT]);
	nginx = figure_difference(&c[NGINX], &c[DIRECT]);
	bench_judge(what, ours, "ns", BOUND_AT_MOST, EVENT_NS, "nginx, buffering off",
		    ours.value / nginx.value);
	bench_judge("... p99", added(c, OURS), "ns", BOUND_AT_MOST, EVENT_NS,
		    "nginx, buffering off", added_ratio(c, OURS, NGINX).value);
	return 0;
}

static int figures(void)
{
	double nginx, other;
	int r = requests("requests a second, audit on", LOG, HTTP, &nginx);

	r = r ?: requests("... TLS to the upstream", LOG, HTTPS, &other);
	r = r ?: requests("... no audit, no access_log", QUIET, HTTP, &other);
	r = r ?: latency(nginx);
	r = r ?: streams("a streamed event, added", HTTP);
	return r ?: streams("... TLS to the upstream", HTTPS);
}

int bench_proxy(void)
{
	return ways_run(figures);
}
