/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_record.h - what is kept of a container that was started here, for stop and the others
 *
 * STATE/runs/NAME/meta.json, this user's alone, from its start until stop has removed it: hooks, the
 * marker, how long it may take to end. A container without one is podman's, and is stopped all the
 * same. Threads: none.
 */
#ifndef TEROK_SANDBOX_RECORD_H
#define TEROK_SANDBOX_RECORD_H

#include "sandbox_spec.h"

struct record {
	struct spec spec; /* name, image, task_dir, hooks, marker, times, no_guard; no more of it */
	char id[72];
	bool ready; /* post_ready was run */
};

/** record_save() - keep it; 0 or negative errno with @why */
int record_save(const struct record *record, struct problem *why);

/** record_load() - of a container's name; -ENOENT: none is kept; 0: the caller's to record_done() */
int record_load(const char *name, struct record *ret, struct problem *why);

/** record_forget() - nothing is kept of it any more */
void record_forget(const char *name);

/**
 * record_each() - @fn for the name of each, and how many seconds ago it was written
 *
 * Return: 0, or what @fn returned if not 0.
 */
int record_each(int (*fn)(const char *name, long age_s, void *user), void *user);

void record_done(struct record *record);

#endif
