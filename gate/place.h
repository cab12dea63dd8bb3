/* SPDX-License-Identifier: Apache-2.0 */
/*
 * place.h - where the gate's files are
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
#include "service/project.h"

#define GATE_PORT 9418 /* TCP, on 127.0.0.1 */

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

/** place_absolute() - path_absolute() of what was said; NULL: place_default(); as that */
char *place_absolute(const char *path, enum place otherwise);

/**
 * place_repository() - <base>/<project>.git, the caller's to free
 *
 * Whether there is one is not looked at. Return: 0; -EINVAL (the name), -ENOMEM, with @why.
 */
int place_repository(const char *base, const char *project, char **ret, struct problem *why);

#endif
