/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_podman.h - podman asked, each time with a bound; its silence is never an answer
 *
 * What podman could not be asked is an error with its reason, never an empty list and never "no such
 * container". The PATH is the user's own, as in a shell. Threads: none.
 */
#ifndef TEROK_SANDBOX_PODMAN_H
#define TEROK_SANDBOX_PODMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "base/json.h"
#include "base/spawn.h"
#include "sandbox_words.h"

#define PODMAN_PROBE_NS (30 * SECOND_NS)
#define PODMAN_ID_LEN   65  /* 64 digits and NUL */
#define PODMAN_NAME_LEN 256 /* longer than any that podman gives */

/**
 * podman_ask() - run "podman ARG..." and take what it says
 * @args: without "podman", NULL-terminated
 *
 * Return: 0 whatever its exit status; -ENOENT there is no podman, -ETIMEDOUT, other errno; with
 * @why. @ret is the caller's to spawn_result_done() on 0 only.
 */
int podman_ask(const char *const *args, uint64_t limit_ns, struct spawn_result *ret,
	       struct problem *why);

/** podman_ask_both() - two at once; same errors, and both are the caller's on 0 only */
int podman_ask_both(const char *const *first, const char *const *second, uint64_t limit_ns,
		    struct spawn_result ret[static 2], struct problem *why);

/** podman_take_json() - what it said, if it ended with 0 and JSON; -EIO */
int podman_take_json(const char *what, const struct spawn_result *result, struct json_object **ret,
		     struct problem *why);

/** podman_ask_json() - the same, which has to end with 0 and JSON; -EIO if it does not */
int podman_ask_json(const char *const *args, uint64_t limit_ns, struct json_object **ret,
		    struct problem *why);

/** podman_failed() - its status is not 0: -EIO with the end of what it said */
int podman_failed(const char *what, const struct spawn_result *result, struct problem *why);

/** podman_unknown() - did it say that there is no such container? */
bool podman_unknown(const struct spawn_result *result);

struct podman_state {
	bool there; /* it knows such a container; the rest is only then */
	char id[PODMAN_ID_LEN], name[PODMAN_NAME_LEN];
	char status[24]; /* lower-case: "running", "exited" ... */
	bool running;
	int exit_code;
	int64_t made_s; /* by the wall clock */
};

/** podman_text_check() - a container's name, its id or the beginning of it; -EINVAL with @why */
int podman_text_check(const char *text, struct problem *why);

/** podman_state() - of one container, by name or id; 0 also if there is none */
int podman_state(const char *name, struct podman_state *ret, struct problem *why);

#endif
