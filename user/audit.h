/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit.h - audit.jsonl: who changed what, and what was refused, a line each
 *
 * One file for each guard, in its folder (guard_dir.h), so that a noisy guard pushes out
 * nobody's history but its own; refusals have a budget, so that not even its own is gone
 * soon. Full, a file becomes audit.jsonl.1 and takes the place of the one before. A line is
 * one compact object: ts (UTC), container, action; then dest, port, proto, detail as far as
 * there are any, of refusals the dossier; then what is ours: id, uid, and of refusals reason,
 * comm, pid, exe.
 * A line that cannot be written is a warning: nothing that decides waits for it.
 *
 * Owns: those files. Called by: core and verbs, at the same time. Threads: none.
 */
#ifndef TEROK_AUDIT_H
#define TEROK_AUDIT_H

#include "base/addr.h"
#include "base/event.h"
#include "kernel.h"
#include "process.h"
#include "terok/dossier.h"

#define AUDIT_FILE  "audit.jsonl"
#define AUDIT_OLDER "audit.jsonl.1"
#define AUDIT_MAX   (4 << 20) /* bytes of one file */
#define AUDIT_RATE  1         /* refusals a second and guard, for ever: 700 KiB an hour */
#define AUDIT_BURST 1000      /* ... and at once */

/* What somebody did to a guard. */
struct audit_deed {
	const char *action;      /* shield_up, allowed, ...: terok-bpfd(8) has all */
	const struct dest *dest; /* NULL: none; bits 0 and no address: only port and protocol */
	const char *domain;      /* in place of an address; NULL: none */
	const char *detail;      /* NULL: none */
	uint32_t uid;            /* who */
};

/** audit_deed() - write what was done; a failure is a warning */
void audit_deed(const struct terok_info *guard, const struct audit_deed *deed);

/**
 * audit_refused() - write a refusal that people are told of
 * @name: that was refused, NULL: an address was
 * @process: what /proc says, or NULL
 * @dossier: what people are told of the guard, or NULL
 *
 * Over its guard's budget it is counted only; the next line has the number as "missed".
 */
void audit_refused(const struct kernel *kernel, const struct terok_info *guard,
		   const struct terok_record *record, const char *name,
		   const struct process_text *process, const struct terok_dossier *dossier);

/**
 * audit_defer() - from now on write lines from @loop, up to 20 ms later; NULL: what waits now, and
 * all else at once again
 *
 * For an agent: a file takes longer than all it does for a refusal, while people wait.
 */
void audit_defer(struct loop *loop);

/** audit_flush() - write what waits */
void audit_flush(void);

#endif
