/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - where the gate's files are, and what a project may be called
 *
 * One project is one bare repository, <base>/<project>.git, of the user who runs the gate.
 * The defaults are those of base/paths.h; every verb takes --base-path and its like instead.
 * Threads: none (it reads the environment).
 */
#ifndef GATE_PLACE_H
#define GATE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/problem.h"

#define GATE_PROJECT_MAX 64   /* bytes of a project's or task's name, without a NUL */
#define GATE_PORT        9418 /* TCP, on 127.0.0.1 */

enum place {
	PLACE_BASE,   /* folder of the mirrors: <state>/gate */
	PLACE_TOKENS, /* <state>/gate/tokens.json */
	PLACE_PID,    /* <runtime>/gate-server.pid */
	PLACE_AUDIT,  /* <state>/gate/audit.jsonl */
	PLACE_CACHE,  /* folder of clone caches: <state>/clone-cache */
	PLACE_KEYS,   /* folder of projects' keys: <state>/ssh-keys */
	PLACE_MAX_
};

/** place_default() - the caller's to free; NULL without memory or without a home */
char *place_default(enum place place);

/** place_absolute() - what was said, from the current folder on; NULL: place_default(); as that */
char *place_absolute(const char *path, enum place otherwise);

/**
 * place_project_check() - may a project (or a task) be called so?
 *
 * A letter or digit, then those and . _ -; GATE_PROJECT_MAX at most; not ending in ".git"
 * or ".lock". Return: 0; -EINVAL with @why.
 */
int place_project_check(const char *name, struct problem *why);

/**
 * place_repository() - <base>/<project>.git, the caller's to free
 *
 * Whether there is one is not looked at. Return: 0; -EINVAL (the name), -ENOMEM, with @why.
 */
int place_repository(const char *base, const char *project, char **ret, struct problem *why);

#endif
