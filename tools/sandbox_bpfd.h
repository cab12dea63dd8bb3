/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_bpfd.h - terok-bpfd, the program, run from here
 *
 * Threads: none.
 */
#ifndef TEROK_SANDBOX_BPFD_H
#define TEROK_SANDBOX_BPFD_H

#include "base/json.h"
#include "base/problem.h"

#define BPFD_PATH_MAX 4096

/** bpfd_find() - where it is: in the PATH, or where it is installed; -ENOENT with @why */
int bpfd_find(char *ret, struct problem *why);

/** bpfd_doctor() - what its doctor says; -ENOENT there is no such program; other errno */
int bpfd_doctor(struct json_object **ret, struct problem *why);

#define BPFD_STATE_LEN 24

/**
 * bpfd_guard() - the state of a container's guard, by the container's full id
 * @ret: "up", "down", ... BPFD_STATE_LEN bytes
 *
 * Return: 0; -ENOENT it has none that this user may see; another errno when it could not be asked;
 * with @why.
 */
int bpfd_guard(const char *id, char *ret, struct problem *why);

/** bpfd_parse_guards() - the same of what "terok-bpfd status --json" printed; for the test */
int bpfd_parse_guards(struct json_object *status, const char *id, char *ret, struct problem *why);

/** bpfd_exec() - become it; @args without the program's name; returns only if it failed */
int bpfd_exec(const char *const *args, struct problem *why);

#endif
