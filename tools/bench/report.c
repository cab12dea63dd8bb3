// SPDX-License-Identifier: Apache-2.0
/*
 * report.c - what a run says: tables as they are measured, the summary, the JSON document
 *
 * Families are child processes: their verdicts reach the summary through shared memory, their
 * rows the document through a file that each line is appended to.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#define VERDICTS_MAX 128 /* judged figures of all families */

struct verdict {
	char what[BENCH_NAME], unit[16], peer[BENCH_NAME];
	struct figure figure;
	enum bound bound;
	double limit, ratio;
};

static struct {
	unsigned n;
	struct verdict verdict[VERDICTS_MAX];
} * summary;

int bench_summary_open(void)
{
	summary =
	    mmap(NULL, sizeof(*summary), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return summary == MAP_FAILED ? -errno : 0;
}

/* One line of $BENCH_DIR/rows; the names in it are ours and need no escaping. */
static void record(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));
static void record(const char *fmt, ...)
{
	char path[256];
	va_list args;
	FILE *f;

	snprintf(path, sizeof(path), "%s/rows", bench.dir);
	f = fopen(path, "ae");
	if (!f)
		return;
	fprintf(f, "{\"family\":\"%s\",", bench.family);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	fputs("}\n", f);
	fclose(f);
}

/* Three significant digits where they help, in the unit that fits. */
static const char *amount(char buf[static 24], double value, const char *unit)
{
	double v = value, size = fabs(value);

	if (!strcmp(unit, "ns") && size >= 1e8)
		v = value / 1e9, unit = "s";
	else if (!strcmp(unit, "ns") && size >= 1e6)
		v = value / 1e6, unit = "ms";
	else if (!strcmp(unit, "ns") && size >= 1e4)
		v = value / 1e3, unit = "us";
	size = fabs(v);
	snprintf(buf, 24, "%.*f %s",
		 size >= 100 || v == floor(v) ? 0
		 : size >= 10                 ? 1
		 : size >= 0.1                ? 2
					      : 5,
		 v, unit);
	return buf;
}

static const char *spread(char buf[static 56], struct figure figure, const char *unit)
{
	char min[24], max[24];

	snprintf(buf, 56, "%s .. %s", amount(min, figure.min, unit), amount(max, figure.max, unit));
	return buf;
}

static void table_row(const struct config *c, const struct config *base)
{
	struct figure p50 = figure_p50(c), diff = figure_difference(c, base);
	struct figure p99 = figure_of(c->p99, c->rounds), ratio = figure_ratio(c, base);
	struct figure mean = figure_of(c->mean, c->rounds);
	char a[24], b[56], d[24], e[24], m[24];

	printf("  %-58s %10s  %-26s %10s %10s  ", c->name, amount(a, p50.value, "ns"),
	       spread(b, p50, "ns"), amount(m, mean.value, "ns"), amount(d, p99.value, "ns"));
	if (c == base)
		printf("reference\n");
	else
		printf("%s%s (x %.3g)\n", diff.value >= 0 ? "+" : "", amount(e, diff.value, "ns"),
		       ratio.value);
	record("\"row\":\"%s\",\"unit\":\"ns\",\"median\":%.1f,\"min\":%.1f,\"max\":%.1f,"
	       "\"mean\":%.1f,\"p99\":%.1f,\"samples\":%zu,\"rounds\":%u,\"base\":\"%s\","
	       "\"difference\":{\"median\":%.1f,\"min\":%.1f,\"max\":%.1f},\"ratio\":%.5g",
	       c->name, p50.value, p50.min, p50.max, mean.value, p99.value, c->all.n, c->rounds,
	       base->name, diff.value, diff.min, diff.max, ratio.value);
}

void bench_table(const char *title, const struct config *configs, size_t n, size_t base)
{
	printf("\n%s  (%u rounds)\n  %-58s %10s  %-26s %10s %10s  %s\n", title, configs->rounds,
	       "configuration", "median", "rounds", "mean", "p99", "paired to the reference");
	for (size_t i = 0; i < n; i++)
		table_row(&configs[i], &configs[base]);
}

void bench_row(const char *name, struct figure figure, const char *unit)
{
	char a[24], b[56];

	printf("  %-58s %10s  %s\n", name, amount(a, figure.value, unit),
	       figure.min == figure.max ? "" : spread(b, figure, unit));
	record("\"row\":\"%s\",\"unit\":\"%s\",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g", name,
	       unit, figure.value, figure.min, figure.max);
}

static const char *mark(const struct verdict *v)
{
	if (v->bound == BOUND_NONE)
		return "shown";
	if (v->bound == BOUND_AT_MOST)
		return v->figure.value <= v->limit ? "within" : "over";
	return v->figure.value >= v->limit ? "within" : "over";
}

static void verdict_print(const struct verdict *v)
{
	char value[24], limit[24] = "-", range[56] = "", peer[BENCH_NAME + 32] = "";

	if (v->bound)
		amount(limit, v->limit, v->unit);
	if (v->figure.min != v->figure.max)
		spread(range, v->figure, v->unit);
	if (v->peer[0])
		snprintf(peer, sizeof(peer), "x %.3g of %s", v->ratio, v->peer);
	printf("  %-6s %-66s %12s  %-30s %s %-10s %s\n", mark(v), v->what,
	       amount(value, v->figure.value, v->unit), range,
	       v->bound == BOUND_AT_LEAST ? ">=" : "<=", limit, peer);
}

void bench_judge(const char *what, struct figure figure, const char *unit, enum bound bound,
		 double limit, const char *peer, double ratio)
{
	struct verdict *v;

	if (summary->n == VERDICTS_MAX)
		return;
	v = &summary->verdict[summary->n++];
	*v = (struct verdict){ .figure = figure, .bound = bound, .limit = limit, .ratio = ratio };
	snprintf(v->what, sizeof(v->what), "%s", what);
	snprintf(v->unit, sizeof(v->unit), "%s", unit);
	if (peer)
		snprintf(v->peer, sizeof(v->peer), "%s", peer);

	verdict_print(v);
	record("\"figure\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"min\":%.6g,\"max\":%.6g,"
	       "\"bound\":\"%s\",\"limit\":%.6g,\"peer\":\"%s\",\"ratio\":%.5g,\"mark\":\"%s\"",
	       v->what, v->unit, figure.value, figure.min, figure.max,
	       bound == BOUND_NONE      ? "none"
	       : bound == BOUND_AT_MOST ? "at most"
					: "at least",
	       limit, v->peer, ratio, mark(v));
}

unsigned bench_summary(void)
{
	unsigned over = 0;

	printf("\nFigures\n");
	for (unsigned i = 0; i < summary->n; i++) {
		verdict_print(&summary->verdict[i]);
		over += !strcmp(mark(&summary->verdict[i]), "over");
	}
	return over;
}

void bench_note(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("  note: %s\n", text);
	record("\"note\":\"%s\"", text);
}

int bench_fail(int err, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fflush(stdout);
	fprintf(stderr, "bench: %s: %s: %s\n", bench.family, text, strerror(-err));
	return err;
}

int bench_json(const char *path)
{
	char rows[256], line[2048];
	struct utsname uts;
	bool first = true;
	FILE *in, *out;

	snprintf(rows, sizeof(rows), "%s/rows", bench.dir);
	in = fopen(rows, "re");
	if (!in)
		return -errno;
	out = fopen(path, "we");
	if (!out) {
		int r = -errno;

		fclose(in);
		return r;
	}
	uname(&uts);
	fprintf(out, "{\"kernel\":\"%s\",\"cpus\":%ld,\"quick\":%s,\"rows\":[\n", uts.release,
		sysconf(_SC_NPROCESSORS_ONLN), bench.quick ? "true" : "false");
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		fprintf(out, "%s%s", first ? "" : ",\n", line);
		first = false;
	}
	fputs("\n]}\n", out);
	fclose(in);
	return fclose(out) ? -errno : 0;
}
