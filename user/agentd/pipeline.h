/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline.h - the programs of one ShellCommand, joined by pipes, from their start to their one end
 *
 * All stages are one process group, so that all of it can be signalled and ended, and its number
 * stays ours because the first stage is let go of last. Whoever asked hears, in this order: started,
 * output and the stages' ends as they come, over; or over alone if a stage could not be started.
 * Nothing is told while there is no room for it: the pipes fill, and the programs wait. Its standard
 * input takes what was sent before the programs ran, and what they never read is no error.
 * The stages' output is complete before it is over; of what others write, who inherited their pipes,
 * that of PIPELINE_DRAIN_NS more.
 * Called by: session.c. Owns: the children and their pipes. Threads: none.
 */
#ifndef AGENTD_PIPELINE_H
#define AGENTD_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/event.h"
#include "base/problem.h"
#include "proto/clawkerd.pb-c.h"
#include "reaper.h"

#define PIPELINE_CHUNK    (32 << 10) /* bytes of output at once, as the contract says */
#define PIPELINE_STAGES   32
#define PIPELINE_INPUT    (1 << 20) /* bytes that wait for a program before more are held back */
#define PIPELINES_MAX     64        /* of all sessions, those that have been cancelled included */
#define PIPELINE_DRAIN_NS (2 * SECOND_NS)

struct pipeline;

/* All there are; a member of who runs them. */
struct pipelines {
	struct loop *loop;
	struct reaper *reaper;
	unsigned n;
};

enum pipeline_end { PIPELINE_DONE, PIPELINE_SPAWN_FAILED, PIPELINE_TIMEOUT };

/* What is told. None but over() may be called from within a call to pipeline_*(). */
struct pipeline_ways {
	bool (*room)(void *user);  /* may the next be told? */
	void (*taken)(void *user); /* it is full no more */
	void (*started)(void *user);
	void (*output)(void *user, const uint8_t *bytes, size_t n);
	void (*error)(void *user, unsigned stage, const uint8_t *bytes, size_t n);
	void (*exited)(void *user, unsigned stage, int code, int signo);

	/**
	 * over() - once, and last: the pipeline is no more
	 * @code: of the last stage, 128 + signal if one ended it
	 * @text: what failed; "" if nothing did
	 */
	void (*over)(void *user, enum pipeline_end end, int code, const char *text);
};

/**
 * pipeline_new() - start it; the command has stages, and each of them a program
 * @command: read before this returns, and not after
 *
 * Return: 0, then over() comes, from the loop; negative errno with @why: nothing was started.
 */
int pipeline_new(struct pipelines *all, const Clawker__Clawkerd__V1__ShellCommand *command,
		 const struct pipeline_ways *ways, void *user, struct pipeline **ret,
		 struct problem *why);

/** pipeline_input() - more for its first stage; 0, -EPIPE after pipeline_input_end(), -ENOMEM */
int pipeline_input(struct pipeline *pipeline, const void *bytes, size_t n);

/** pipeline_input_end() - no more; twice is once */
void pipeline_input_end(struct pipeline *pipeline);

/** pipeline_full() - more input had better wait */
bool pipeline_full(const struct pipeline *pipeline);

/** pipeline_signal() - to all of its processes; 0 or negative errno */
int pipeline_signal(struct pipeline *pipeline, int signo);

/** pipeline_go_on() - there is room again, or there may be */
void pipeline_go_on(struct pipeline *pipeline);

/** pipeline_cancel() - end it; nothing is told any more. NULL: nothing */
void pipeline_cancel(struct pipeline *pipeline);

#endif
