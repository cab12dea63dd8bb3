// SPDX-License-Identifier: Apache-2.0
/*
 * bench_enrol.c - what a guard adds to podman run
 *
 * The whole of it, as a person waits for it: three stages of the hook, the agent, its child, the
 * profile that containers have by default. Plain and guarded containers in turn, each a process
 * of podman's, by a script in a host of its own (enrol.sh).
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

#define ADDED_NS 10e6

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

int bench_enrol(void)
{
	struct config c[] = {
		{ "podman run --rm --network none", NULL, run_measure, NULL, "plain", .n = 1 },
		{ "... with terok.guard", NULL, run_measure, NULL, "guarded", .n = 1 },
	};
	unsigned rounds = bench_pick(30, 8);
	char line[64] = "";
	int r;

	for (unsigned i = 0; i < 2; i++)
		c[i].n = bench_pick(5, 2);
	r = script_start();
	if (!r)
		r = script_hear(line);
	if (r || strcmp(line, "ready\n"))
		return bench_fail(r ?: -ENOTSUP, "podman runs no container here");
	r = bench_rounds(c, 2, rounds);
	if (!r) {
		bench_table("enrol", c, 2, 0);
		added(c);
	}
	script_end();
	return r;
}
