/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - policy that outlives its guard: rules, published ports and state, on disk
 *
 * The kernel's maps are the truth while a guard lives; this is what a container finds again
 * when it comes back, and every guard after the machine was. Whoever changes policy for
 * longer than the guard writes here first, then the map: what cannot be written here is
 * refused, and a process killed between the two leaves a change that nobody was told of.
 * Times are kept as wall-clock seconds, since CLOCK_BOOTTIME ends with the machine.
 *
 * Owns: policy.db in TEROK_STATE (/var/lib/terok), opened at first use.
 * Called by: policy.c, guard.c. Threads: one; the caller holds policy.lock.
 */
#ifndef TEROK_JOURNAL_H
#define TEROK_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "terok/abi.h"

struct rule;

#define JOURNAL_KEY_LEN (TEROK_PATH_LEN + 16)

/**
 * journal_key() - what a guard is called on disk: its container, or its cgroup's path
 *
 * Return: false for a guard that never comes back (exec).
 */
bool journal_key(const struct terok_info *info, char ret[static JOURNAL_KEY_LEN]);

/** journal_put_rule() - keep it; saying the opposite of the same destination replaces it */
int journal_put_rule(const char *key, const struct rule *rule, struct problem *why);
int journal_drop_rule(const char *key, const struct rule *rule, struct problem *why);

/** journal_get_rule() - the one with the destination of @like; 1: there is, 0: none */
int journal_get_rule(const char *key, const struct rule *like, struct rule *ret,
		     struct problem *why);

/** journal_put_port() - a published TCP port; journal_drop_port() - no longer */
int journal_put_port(const char *key, uint16_t port, struct problem *why);
int journal_drop_port(const char *key, uint16_t port, struct problem *why);

/** journal_put_state() - the state it comes back in */
int journal_put_state(const char *key, enum terok_state state, struct problem *why);

/** journal_forget() - all of one guard */
int journal_forget(const char *key, struct problem *why);

struct journal_reader {
	/* Each returns 0 to go on. A rule's guard is 0: the reader knows it. */
	int (*rule)(const struct rule *rule, void *user);
	int (*port)(uint16_t port, void *user);
	void *user;
};

/**
 * journal_read() - what is kept of one guard; rules that have ended are left out
 * @state: NONE if none was kept
 */
int journal_read(const char *key, const struct journal_reader *reader, enum terok_state *state,
		 struct problem *why);

/** journal_close() - for tests: open it anew at the next use */
void journal_close(void);

#endif
