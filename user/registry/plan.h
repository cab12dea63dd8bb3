/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - what is run in each agent's container before its own command: a file of people's, to steps
 *
 * The file decides what runs as which user in every container of an agent, so it must be ours
 * alone, and it is read strictly: a key that nobody knows or that is there twice (of which programs
 * take either), a name that two steps have, a text with a NUL refuse all of it. After the last step the peer is told that the agent may start; that
 * step is in every plan, and is not written down.
 *
 * Owned by: serve. Called by: executor, serve, verb_plan. Threads: no state, any.
 */
#ifndef REGISTRY_PLAN_H
#define REGISTRY_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define PLAN_READY       "agent-ready" /* the last step of all, no name for another */
#define PLAN_MAX         64            /* steps: a plan is minutes of a container's start */
#define PLAN_FILE_MAX    (1 << 20)     /* bytes */
#define PLAN_NAME_MAX    32            /* of a step: letters, digits and - */
#define PLAN_WORDS       256           /* of a command, and variables of an environment */
#define PLAN_TEXT_MAX    (64 << 10)    /* bytes of a command's word or a variable's value */
#define PLAN_STDIN_MAX   (256 << 10)   /* bytes: with the rest of a step less than a message */
#define PLAN_TIMEOUT_S   30
#define PLAN_TIMEOUT_MAX 3600

struct plan_env {
	char *key, *value;
};

struct plan_step {
	char *name;
	uint32_t uid, gid;
	char *cwd;   /* NULL: the peer's */
	char **argv; /* one at least */
	struct plan_env *env;
	char *input; /* NULL: none */
	size_t n_argv, n_env, n_input;
	uint32_t timeout_s;
};

struct plan {
	struct plan_step *step;
	unsigned n;    /* without PLAN_READY */
	unsigned refs; /* whose plan it is: a session keeps the one that it began with */
};

/** plan_parse() - a file's bytes; -EINVAL with @why, which has the line first, and the step; -ENOMEM */
int plan_parse(const char *text, size_t size, struct plan **ret, struct problem *why);

/** plan_read() - a file; as plan_parse(), -ENOENT none, or as own_file_read(); with @why */
int plan_read(const char *path, struct plan **ret, struct problem *why);

/** plan_ref() - one more has it. NULL: nobody has nothing */
struct plan *plan_ref(struct plan *plan);

/** plan_free() - one has it no more; with the last it goes. NULL: nothing */
void plan_free(struct plan *plan);
DEFINE_CLEANUP(struct plan, plan_free)

#endif
