/* SPDX-License-Identifier: Apache-2.0 */
/*
 * executor.h - a plan is run in one session: a step at a time, and what became of each as events
 *
 * The first step that fails ends it; the session goes on. A step is a ShellCommand and the end of
 * its input; the last one says that the agent may start. The peer keeps the time-outs of its
 * programs; who does not even tell of that is given EXECUTOR_GRACE_NS more. Nothing of two of them
 * is shared, but for the plan, which is kept as it was when they began. What a program writes on standard error is kept, so much of it, for the step that fails.
 *
 * Owned by: dial. Called by: dial. Threads: none.
 */
#ifndef REGISTRY_EXECUTOR_H
#define REGISTRY_EXECUTOR_H

#include "base/event.h"
#include "bus.h"
#include "command.h"
#include "plan.h"

#define EXECUTOR_STDERR_MAX 4096 /* bytes of one step; the contract's */
#define EXECUTOR_READY_S    30   /* for the agent to start */
#define EXECUTOR_GRACE_NS   (30 * SECOND_NS)
#define EXECUTOR_ID_LEN     13 /* how much of a container's id its commands are called by */

struct executor;

struct executor_use {
	struct loop *loop;
	struct bus *bus;
	struct plan *plan; /* kept until it is freed; NULL: none but the last step */
	const char *container, *agent, *project;
	struct command_way way;
	uint64_t grace_ns; /* 0: EXECUTOR_GRACE_NS */
	/* it is over, well or not; once, never from within executor_new(). May free it */
	void (*done)(void *user, bool ok);
	void *user;
};

/**
 * executor_new() - begin, from the loop; @use is copied, what it names is borrowed
 *
 * Return: 0; -EINVAL without a bus, a loop or somebody to tell; -ENOMEM.
 */
int executor_new(const struct executor_use *use, struct executor **ret);

/** executor_take() - a Response of the session; what is not for it is said and forgotten */
void executor_take(struct executor *executor, const Response *response);

/** executor_broken() - there is no session any more: as a failure, done() as well */
void executor_broken(struct executor *executor, const char *why);

/** executor_free() - nothing is told any more. NULL: nothing */
void executor_free(struct executor *executor);
DEFINE_CLEANUP(struct executor, executor_free)

#endif
