/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - what is wrong, or will be: a table of checks, each with verdict, detail and fix
 *
 * A check looks and changes nothing. It says what it found with doctor_say(), once or for each
 * thing that it found; a check that says nothing had nothing to look at. To add one: write it,
 * and put it into a table that verb_doctor.c goes through.
 *
 * Called by: verb_doctor.c. Threads: none; a check may stand in a container's network for a
 * moment (netns.h).
 */
#ifndef TEROK_DOCTOR_H
#define TEROK_DOCTOR_H

#include "base/json.h"
#include "guard.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL, VERDICT_MAX_ };

struct doctor {
	const struct kernel *kernel; /* NULL: nothing is loaded */
	const struct guard *guard;   /* that is looked at; NULL: the host */
	const char *check;           /* that is running */
	enum verdict worst;
	unsigned said; /* findings so far */
	bool as_json;
	struct json json;
};

struct check {
	const char *name;
	void (*host)(struct doctor *doctor);  /* once; NULL: not a check of the host */
	void (*guard)(struct doctor *doctor); /* for each guard; NULL: not a check of guards */
};

/**
 * doctor_say() - one finding
 * @fix: a sentence that says what to do; "": nothing has to be done
 */
void doctor_say(struct doctor *doctor, enum verdict verdict, const char *fix, const char *fmt, ...)
    __attribute__((__format__(__printf__, 4, 5)));

/** doctor_names - checks about names: who resolves them, and what became of them */
extern const struct check doctor_names[];

#endif
