/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup.h - what has to be done so that podman calls our hooks and the agent runs, and doing it
 *
 * A plan is made first: it looks, and changes nothing. Each step is one change, or one thing that
 * was found and is left alone. To print it is --dry-run, to have none is --check, to make each
 * when it has been printed is setup. A second plan after that has no step.
 *
 * Whose a file is: ours if it has a version (setup_text.h) and is as the record (setup_record.h)
 * or a text of ours has it. What has none is somebody else's, what was edited is kept, what is
 * newer is of a newer program: such a file is left alone and named.
 *
 * Called by: verb_setup.c, verb_status.c. Threads: none.
 */
#ifndef TEROK_SETUP_H
#define TEROK_SETUP_H

#include <sys/stat.h>

#include "setup_place.h"
#include "setup_record.h"
#include "setup_text.h"

#define SETUP_STEPS_MAX 160

enum setup_act {
	/* changes */
	SETUP_MKDIR = 1,
	SETUP_CHMOD,
	SETUP_WRITE,   /* a file that is missing */
	SETUP_REPLACE, /* one that is outdated */
	SETUP_EDIT,    /* a containers.conf */
	SETUP_DELETE,
	SETUP_RMDIR,
	SETUP_RUN, /* what is a command's words */
	/* the record: made with the changes, nothing by itself */
	SETUP_RECORD,
	/* nothing is done; --check fails */
	SETUP_KEEP,
	SETUP_WARN,
	SETUP_REFUSE, /* and setup fails as well */
	SETUP_ACT_MAX_
};

struct setup_step {
	enum setup_act act;
	bool for_record; /* a folder that only the record needs */
	char *what;      /* owned */
	char why[256];
	char *text; /* owned; of a file, or of the record: NULL takes it away */
	size_t size;
	struct stat like;
};

struct setup {
	bool force, systemd; /* is there one that can be asked? */
	struct setup_place place;
	struct setup_programs programs;
	struct setup_record had, have; /* before and after */
	struct setup_step step[SETUP_STEPS_MAX];
	unsigned n;
};

/** setup_plan() - what is missing or outdated; @force: what was edited counts as outdated */
int setup_plan(enum setup_scope scope, bool force, struct setup *ret, struct problem *why);

/** setup_plan_removal() - what takes away all that setup made, and nothing else */
int setup_plan_removal(enum setup_scope scope, bool force, struct setup *ret, struct problem *why);

/** setup_changes(), setup_findings() - steps that change something; and those that --check counts */
unsigned setup_changes(const struct setup *setup);
unsigned setup_findings(const struct setup *setup);

/** setup_act_name() - what a step does, in a word for people: "write" */
const char *setup_act_name(enum setup_act act);

/** setup_step_fn - called before a step is made */
typedef void (*setup_step_fn)(const struct setup_step *step, void *user);

/**
 * setup_apply() - make each change, in order
 *
 * Return: 0; or what the first that failed says, with @why: all before it are made, it is not, and
 * a second run goes on from there. A command that fails is told and does not stop the rest: -EIO.
 */
int setup_apply(struct setup *setup, setup_step_fn before, void *user, struct problem *why);

/** setup_done() - what either plan made, also after an error */
void setup_done(struct setup *setup);

/* --- for setup_*.c ------------------------------------------------------------------------- */

/** setup_begin() - where things belong, and the record */
int setup_begin(enum setup_scope scope, bool force, struct setup *ret, struct problem *why);

/** setup_add() - one more step; NULL: there is no room or no memory, and the plan is void */
struct setup_step *setup_add(struct setup *setup, enum setup_act act, const char *what,
			     const char *fmt, ...) __attribute__((__format__(__printf__, 4, 5)));

/** setup_add_record() - write @record here; NULL: take it away */
int setup_add_record(struct setup *setup, const struct setup_record *record);

/** setup_add_leftovers() - take away what was being written when a run was ended */
int setup_add_leftovers(struct setup *setup);

/** setup_record_path() - where the record is */
const char *setup_record_path(char buf[static SETUP_DIR_LEN + 16], const struct setup *setup);

/** setup_systemctl() - one question to the service manager; its exit code, or negative errno */
int setup_systemctl(const struct setup *setup, const char *words);

/* --- for status ---------------------------------------------------------------------------- */

struct setup_health {
	const char *hooks;  /* global-system, global-user, not-installed */
	const char *health; /* ok, setup-needed, stale-hooks */
	char dir[SETUP_DIR_LEN];
	int version;      /* of the hooks, negative: none that can be read */
	char issue[256];  /* "": none */
	const char *hint; /* a command, or "" */
};

/** setup_health() - would podman of whoever asks call hooks of ours, and are they current? */
void setup_health(struct setup_health *ret);

#endif
