/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h - the containers of agents, as the runtime has them
 *
 * Whose they are labels say (dev.clawker.purpose=agent, .project, .agent), which nobody within can
 * change. An interface, so that tests can have one that fails; runtime_podman() is the one there is.
 * Threads: none.
 */
#ifndef REGISTRY_RUNTIME_H
#define REGISTRY_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "agent_name.h"
#include "base/event.h"

#define RUNTIME_PURPOSE   "agent"
#define RUNTIME_NETWORK   "clawker-net"
#define RUNTIME_MAX       4096 /* containers of agents: more is an error, not fewer of them */
#define RUNTIME_ADDRESSES 4    /* of one container in the network: v4, v6, and as much again */
#define RUNTIME_NS        (5 * SECOND_NS)

struct runtime_container {
	char id[AGENT_ID_LEN];
	char project[AGENT_NAME_LEN], agent[AGENT_NAME_LEN]; /* "" without the label */
	bool labelled; /* both can be names of an agent: see agent_name_check() */
	uint8_t addr[RUNTIME_ADDRESSES][16]; /* in the network of agents, IPv4 as ::ffff:a.b.c.d */
	unsigned n_addr;
};

/* What was seen; all of it is the callback's until it returns. */
struct runtime_seen {
	const struct runtime_container *container; /* those of which all is known */
	unsigned n;
	unsigned failed; /* that were listed, and could not be looked at */
};

/* @error: negative errno with @why: there is no list, which is not an empty one. Called once. */
typedef void (*runtime_fn)(const struct runtime_seen *seen, int error, const char *why, void *user);

struct runtime {
	/* running ones, each looked at. 0: @done comes, from the loop */
	int (*look)(struct runtime *runtime, runtime_fn done, void *user);
	/* all of them, stopped ones as well, of which only the id is told */
	int (*list)(struct runtime *runtime, runtime_fn done, void *user);
	/* what was begun is ended, and done() is not called; the runtime is no more */
	void (*free)(struct runtime *runtime);
};

/**
 * runtime_podman_new() - podman of the user that we are
 * @by: a runner's socket (base/runner.h), borrowed; 0: we run it
 * @network: whose addresses count
 */
int runtime_podman_new(struct loop *loop, int by, const char *network, struct runtime **ret);

/** runtime_free() - NULL: nothing */
void runtime_free(struct runtime *runtime);

#endif
