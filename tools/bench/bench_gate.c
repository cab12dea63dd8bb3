// SPDX-License-Identifier: Apache-2.0
/*
 * bench_gate.c - git by the gate, by nginx with fcgiwrap, and over a pipe
 *
 * All three run the same programs of git on the same repository, in turn; a script has them
 * (gate.sh). What is timed is what a person waits for: git ls-remote and git clone, all of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "families.h"
#include "script.h"

#define MIB         (1 << 20)
#define REPOSITORY  "110" /* MiB */
#define CROWD       50
#define PUSH_MIB    1024
#define KILLS       50
#define CLONE_NGINX 1.05
#define CLONE_PIPE  1.10
#define LS_NGINX    0.8
#define OWN         (8.0 * MIB)
#define OWN_EACH    (MIB / 4.0)

static struct script script;

static int script_hear(char line[static 64])
{
	return fgets(line, 64, script.from) ? 0 : -EPIPE;
}

static int timed(struct config *config, struct samples *out)
{
	char line[64];

	for (unsigned i = 0; i < config->n; i++) {
		fprintf(script.to, "%s\n", (const char *)config->user);
		fflush(script.to);
		if (script_hear(line))
			return bench_fail(-EPIPE, "%s failed", (const char *)config->user);
		samples_add(out, strtoull(line, NULL, 10));
	}
	return 0;
}

static int ls_remote(void)
{
	struct config c[] = {
		{ "ls-remote of nginx and fcgiwrap", NULL, timed, NULL, "ls nginx", .n = 1 },
		{ "... of the gate", NULL, timed, NULL, "ls gate", .n = 1 },
	};
	int r;

	for (int i = 0; i < 2; i++)
		c[i].n = bench_pick(10, 5);
	r = bench_rounds(c, 2, bench_pick(20, 6));
	if (r)
		return r;
	bench_table("ls-remote", c, 2, 0);
	bench_judge("ls-remote of the gate", figure_p50(&c[1]), "ns", BOUND_NONE, 0,
		    "nginx and fcgiwrap", figure_ratio(&c[1], &c[0]).value);
	bench_judge("... over nginx's", figure_ratio(&c[1], &c[0]), "x", BOUND_AT_MOST, LS_NGINX,
		    NULL, 0);
	return 0;
}

static int clones(void)
{
	struct config c[] = {
		{ "clone of " REPOSITORY " MiB by nginx and fcgiwrap", NULL, timed, NULL,
		  "clone nginx", .n = 1 },
		{ "... by git upload-pack over a pipe", NULL, timed, NULL, "clone pipe", .n = 1 },
		{ "... by the gate", NULL, timed, NULL, "clone gate", .n = 1 },
	};
	int r = bench_rounds(c, 3, bench_pick(15, 3));

	if (r)
		return r;
	bench_table("clone", c, 3, 0);
	bench_judge("clone by the gate over nginx's", figure_ratio(&c[2], &c[0]), "x",
		    BOUND_AT_MOST, CLONE_NGINX, NULL, 0);
	bench_judge("clone by the gate over a pipe's", figure_ratio(&c[2], &c[1]), "x",
		    BOUND_AT_MOST, CLONE_PIPE, NULL, 0);
	return 0;
}

/* What the script says of one word: two numbers. */
static int told(const char *word, unsigned n, double ret[static 2])
{
	char line[64];

	fprintf(script.to, "%s %u\n", word, n);
	fflush(script.to);
	if (script_hear(line) || sscanf(line, "%lf %lf", &ret[0], &ret[1]) != 2)
		return bench_fail(-EPIPE, "%s failed", word);
	return 0;
}

static int weights(void)
{
	unsigned mib = bench_pick(PUSH_MIB, 128), kills = bench_pick(KILLS, 5);
	double it[2];
	int r = told("crowd", CROWD, it);

	if (r)
		return r;
	bench_judge("50 clones at once: failed", figure_flat(it[0]), "", BOUND_AT_MOST, 0, NULL, 0);
	bench_judge("... the gate's own memory", figure_flat(it[1]), "B", BOUND_AT_MOST,
		    OWN + CROWD * OWN_EACH, NULL, 0);
	r = told("push", mib, it);
	if (r)
		return r;
	bench_note("a push of %u MiB", mib);
	bench_judge("a big push: failed", figure_flat(it[0]), "", BOUND_AT_MOST, 0, NULL, 0);
	bench_judge("... the gate's own memory", figure_flat(it[1]), "B", BOUND_AT_MOST,
		    OWN + OWN_EACH, NULL, 0);
	r = told("kill", kills, it);
	if (r)
		return r;
	bench_note("%u kills in a push, of which %.0f pushes were acknowledged", kills, it[1]);
	bench_judge("kills that broke or lost something", figure_flat(it[0]), "", BOUND_AT_MOST, 0,
		    NULL, 0);
	return 0;
}

int bench_gate(void)
{
	char line[64] = "";
	const char *const more[] = { REPOSITORY, NULL };
	int r = script_start(&script, "gate.sh", more) ?: script_hear(line);

	if (r || strcmp(line, "ready\n")) {
		script_end(&script);
		return bench_fail(r ?: -ENOTSUP, "git is not served here");
	}
	r = ls_remote();
	r = r ?: clones();
	r = r ?: weights();
	return script_end(&script) && !r ? bench_fail(-EPIPE, "the script failed") : r;
}
