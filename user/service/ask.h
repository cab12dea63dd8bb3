/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask.h - a service asks a person, by a request at the session's hub, and waits for the answer
 *
 * The hub of the user who runs the service (terok-clearance-hub), not the machine's, which hears of
 * nobody but the kernel. The request is told on its readers' socket, and the verdict is heard as
 * any client hears it (terok/push.h); only a verdict that names this request, by a number
 * that nobody could guess, counts. One deed is answered, once: nothing of it is kept. When the
 * deed is over, or the process that asks is no more, the request is withdrawn.
 *
 * ask_operator() waits; ask_begin() goes on in a loop. Called by: the gate's hook, the proxy.
 * Owns: a process that withdraws, for each question that is open. Threads: none (it forks).
 */
#ifndef SERVICE_ASK_H
#define SERVICE_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "base/problem.h"

#define ASK_REASONS 10

/* What is asked for: the same for each question of it. */
struct ask_kind {
	const char *who;   /* before the colon of the place that asks: "gate" */
	const char *id;    /* how its number begins: "push-" */
	const char *dest;  /* and its destination: TEROK_PUSH_DEST */
	const char *asks;  /* for people: "a push to git, this once" */
	const char *by;    /* what the container is called among its pairs: "pushed_by" */
	const char *over;  /* "the push is over" */
	const char *again; /* what is done to be asked again: "push" */
};

struct ask {
	const struct ask_kind *kind;
	const char *runtime;                          /* folder of the hub's sockets */
	const char *project, *task, *container, *ref; /* the last is behind .dest */
	char *reason[ASK_REASONS]; /* what is asked, a line each; NULL is left out */
	unsigned n;
	uint64_t seconds; /* to wait */
};

/**
 * ask_operator() - ask, and wait
 * @why: also where 0 is returned and @ret is false: whether it was denied, or nobody answered
 *
 * Return: 0 with @ret; -ENOENT: no hub is there; -EPROTO: it takes no such request; or another
 * negative errno; with @why.
 */
int ask_operator(const struct ask *ask, bool *ret, struct problem *why);

struct asking;

/**
 * ask_fn - what became of it, told once from the loop: @error as ask_operator() returns it
 *
 * The question may be ended within it, and has to be some time.
 */
typedef void (*ask_fn)(int error, bool allowed, const struct problem *why, void *user);

/**
 * ask_begin() - ask, and do not wait
 * @ask: its strings have to stay until ask_end()
 *
 * Return: 0, then @done comes; or a negative errno as ask_operator(), with @why.
 */
int ask_begin(struct loop *loop, const struct ask *ask, ask_fn done, void *user,
	      struct asking **ret, struct problem *why);

/** ask_end() - it is over, and withdrawn if nobody has answered; done() is not called. NULL: nothing */
void ask_end(struct asking *asking);

#endif
