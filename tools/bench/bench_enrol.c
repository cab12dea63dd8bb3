// SPDX-License-Identifier: Apache-2.0
/*
 * bench_enrol.c - what a guard adds to podman run
 *
 * The whole of it, as a person waits for it: three stages of the hook, the agent, its child, the
 * profile that containers have by default. Plain and guarded containers in turn, each a process
 * of podman's, by a script in a host of its own (enrol.sh). And what terok-sandbox adds to that: the
 * same container, guarded and left to itself, started by podman and by terok-sandbox.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "families.h"

#define ADDED_NS   10e6
#define SANDBOX_NS 60e6

static struct {
	pid_t pid;
	FILE *to, *from;
} script;

static int script_start(void)
{
	char lab[600], file[600];
	int in[2], out[2];

	snprintf(lab, sizeof(lab), "%s/../../tests/lab/inlab.sh", bench.source);
	snprintf(file, sizeof(file), "%s/enrol.sh", bench.source);
	if (pipe(in) || pipe(out))
		return -errno;
	fflush(NULL);
	script.pid = fork();
	if (!script.pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execl(lab, lab, "bash", file, bench.build, bench.source, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	script.to = fdopen(in[1], "w");
	script.from = fdopen(out[0], "r");
	return script.pid < 0 || !script.to || !script.from ? -errno : 0;
}

static int script_hear(char line[static 64])
{
	return fgets(line, 64, script.from) ? 0 : -EPIPE;
}

static void script_end(void)
{
	fclose(script.to);
	fclose(script.from);
	waitpid(script.pid, NULL, 0);
}

static int run_measure(struct config *config, struct samples *out)
{
	char line[64];

	for (unsigned i = 0; i < config->n; i++) {
		fprintf(script.to, "%s\n", (const char *)config->user);
		fflush(script.to);
		if (script_hear(line))
			return bench_fail(-EPIPE, "a container did not run");
		samples_add(out, strtoull(line, NULL, 10));
	}
	return 0;
}

static void added(struct config *c)
{
	double plain = samples_percentile(&c[0].all, 99), ours = samples_percentile(&c[1].all, 99);

	bench_judge("added to podman run, median", figure_difference(&c[1], &c[0]), "ns",
		    BOUND_AT_MOST, ADDED_NS, "podman run", figure_ratio(&c[1], &c[0]).value);
	bench_judge("added to podman run, p99", figure_flat(ours - plain), "ns", BOUND_AT_MOST,
		    ADDED_NS, "podman run", ours / plain);
}

static int measure(const char *family, struct config *c, unsigned rounds)
{
	char line[64] = "";
	int r = script_start();

	if (!r)
		r = script_hear(line);
	if (r || strcmp(line, "ready\n"))
		return bench_fail(r ?: -ENOTSUP, "podman runs no container here");
	for (unsigned i = 0; i < 2; i++)
		c[i].n = bench_pick(5, 2);
	r = bench_rounds(c, 2, rounds);
	if (!r)
		bench_table(family, c, 2, 0);
	script_end();
	return r;
}

int bench_enrol(void)
{
	struct config c[] = {
		{ "podman run --rm --network none", NULL, run_measure, NULL, "plain", .n = 1 },
		{ "... with terok.guard", NULL, run_measure, NULL, "guarded", .n = 1 },
	};
	int r = measure("enrol", c, bench_pick(30, 8));

	if (!r)
		added(c);
	return r;
}

/* What podman said of the host is known after a round or two, as it is on a person's machine. */
int bench_sandbox(void)
{
	struct config c[] = {
		{ "podman run -d with terok.guard", NULL, run_measure, NULL, "by_podman", .n = 1 },
		{ "terok-sandbox run", NULL, run_measure, NULL, "by_sandbox", .n = 1 },
	};
	int r = measure("sandbox", c, bench_pick(15, 6));

	if (!r)
		bench_judge("added by terok-sandbox, median", figure_difference(&c[1], &c[0]), "ns",
			    BOUND_AT_MOST, SANDBOX_NS, "podman run -d",
			    figure_ratio(&c[1], &c[0]).value);
	return r;
}
