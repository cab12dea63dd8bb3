// SPDX-License-Identifier: Apache-2.0
/*
 * bench_carry.c - what the proxy's process grows by: connections that wait, and bodies of any length
 *
 * Beside nginx and HAProxy (ways.h). How fast the bodies went is shown.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "families.h"
#include "ways.h"

#define IDLE       1000
#define IDLE_BYTES (16 << 10)
#define REST_NS    UINT64_C(3000000000)
#define MIB        (1 << 20)

/* --- connections that wait ------------------------------------------------------------------- */

/* The first request makes what all of them share. */
static int once(struct way *way)
{
	int r, fd = web_connect(&way->target);

	r = fd < 0 ? fd : web_tiny(fd, &way->target);
	if (fd >= 0)
		close(fd);
	return r ? bench_fail(r, "%s does not answer", way->who) : 0;
}

struct idle {
	double first, more, crowd; /* bytes of a connection */
};

/* What was freed may be kept for the next burst, but not for long. */
static double memory_at_rest(const struct way *way)
{
	uint64_t end = bench_ns() + REST_NS;
	double least = way_memory(way);

	while (bench_ns() < end) {
		double is;

		usleep(100000); /* nothing tells that memory was given back */
		is = way_memory(way);
		least = is < least ? is : least;
	}
	return least;
}

/* A thousand that each had a request; a thousand more; then they all ask at once. */
static int idle_each(struct way *way, struct idle *ret)
{
	double before = way_memory(way), first, more;
	struct web_load *a = web_load_new(&way->target, IDLE), *b;
	uint64_t took;
	int64_t n;

	first = way_memory(way);
	b = a ? web_load_new(&way->target, IDLE) : NULL;
	n = -errno;
	more = way_memory(way);
	if (b)
		n = web_load_closed(b, 200000000, &took);
	*ret = (struct idle){ (first - before) / IDLE, (more - first) / IDLE,
			      (memory_at_rest(way) - first) / IDLE };
	web_load_free(a);
	web_load_free(b);
	return n < 0 ? bench_fail((int)n, "%s does not take %d connections", way->who, 2 * IDLE)
		     : 0;
}

static int idle(void)
{
	struct idle is[DIRECT];
	double each;

	/* the quiet ones, which had no request yet: what a load leaves behind would be used again */
	for (int w = 0; w < DIRECT; w++) {
		struct way *one = way(w, QUIET, HTTP);
		char text[BENCH_NAME];
		int r = once(one) ?: idle_each(one, &is[w]);

		if (r)
			return r;
		snprintf(text, sizeof(text), "%s: each of 1,000 idle connections", one->who);
		bench_row(text, figure_flat(is[w].first), "B");
		snprintf(text, sizeof(text), "%s: each of 1,000 more", one->who);
		bench_row(text, figure_flat(is[w].more), "B");
		snprintf(text, sizeof(text), "%s: ... after these asked at once", one->who);
		bench_row(text, figure_flat(is[w].crowd), "B");
	}
	each = is[OURS].first > is[OURS].more ? is[OURS].first : is[OURS].more;
	bench_judge("an idle connection that had a request, of 1,000", figure_flat(each), "B",
		    BOUND_AT_MOST, IDLE_BYTES, "nginx", is[OURS].more / is[NGINX].more);
	bench_judge("... after all of them asked at once", figure_flat(is[OURS].crowd), "B",
		    BOUND_AT_MOST, IDLE_BYTES, "nginx", is[OURS].crowd / is[NGINX].crowd);
	return 0;
}

/* --- bodies ---------------------------------------------------------------------------------- */

typedef int (*carry_fn)(const struct web_target *target, uint64_t bytes);

static carry_fn carry;

/* Nanoseconds of a MiB, and of the proxy's process. */
static int carried(struct config *config, struct samples *out)
{
	struct way *way = config->user;
	uint64_t start, took, cpu;
	int r = carry(&way->target, MIB);

	start = bench_ns();
	cpu = way_cpu_ns(way);
	r = r ?: carry(&way->target, config->n * UINT64_C(1048576));
	took = bench_ns() - start;
	if (r)
		return bench_fail(r, "%s does not carry %u MiB", way->who, config->n);
	way->cpu[way->rounds++] = (double)(way_cpu_ns(way) - cpu) / config->n;
	samples_add(out, took / config->n);
	return 0;
}

/* How much more of memory the process takes at most than for a MiB. */
static int carried_memory(const struct way *way, uint64_t bytes, double *more)
{
	double small;
	int r;

	way_forget(way);
	r = carry(&way->target, MIB) ?: carry(&way->target, MIB);
	small = way_most(way);
	way_forget(way);
	r = r ?: carry(&way->target, bytes);
	*more = way_most(way) - small;
	return r ? bench_fail(r, "%s does not carry %llu bytes", way->who,
			      (unsigned long long)bytes)
		 : 0;
}

static int bodies(const char *what, carry_fn fn, enum scheme scheme, unsigned mib)
{
	struct config c[DIRECT] = {};
	struct figure ns;
	char text[64];
	double ours, nginx;
	int r;

	carry = fn;
	ways_configs(c, DIRECT, what, LOG, scheme);
	for (int w = 0; w < DIRECT; w++) {
		c[w].measure = carried;
		c[w].n = bench_pick(512, 128); /* MiB */
	}
	r = bench_rounds(c, DIRECT, bench_pick(7, 3));
	r = r ?: carried_memory(c[OURS].user, mib * UINT64_C(1048576), &ours);
	r = r ?: carried_memory(c[NGINX].user, mib * UINT64_C(1048576), &nginx);
	if (r)
		return r;
	snprintf(text, sizeof(text), "a MiB of %s", what);
	bench_table(text, c, DIRECT, NGINX);
	ways_cpu(c, DIRECT, "a MiB");
	bench_row("nginx: memory for many MiB, more than for one", figure_flat(nginx), "B");
	ns = figure_p50(&c[OURS]);
	snprintf(text, sizeof(text), "%s, MiB a second", what);
	bench_judge(text, (struct figure){ 1e9 / ns.value, 1e9 / ns.max, 1e9 / ns.min }, "/s",
		    BOUND_NONE, 0, "nginx", figure_ratio(&c[NGINX], &c[OURS]).value);
	snprintf(text, sizeof(text), "... memory for %u MiB, more than for one", mib);
	bench_judge(text, figure_flat(ours), "B", BOUND_AT_MOST, MIB, NULL, 0);
	return 0;
}

static int figures(void)
{
	int r = idle();

	r = r ?: bodies("download", web_download, HTTP, bench_pick(10240, 512));
	r = r ?: bodies("upload", web_upload, HTTP, bench_pick(10240, 512));
	r = r
		?: bodies("download, TLS to the upstream", web_download, HTTPS,
			  bench_pick(1024, 128));
	return r ?: bodies("upload, TLS to the upstream", web_upload, HTTPS, bench_pick(1024, 128));
}

int bench_carry(void)
{
	return ways_run(figures);
}
