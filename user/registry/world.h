/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world.h - what events have made of containers and agents: who runs, who is connected, trusted, ready
 *
 * Nobody but the bus changes it. It is not the registry, which says who an agent is and outlives us:
 * it says how each is doing, and is made again from what the runtime tells. Owned by: serve. Called
 * by: bus (apply), watch, agents. Threads: none.
 */
#ifndef REGISTRY_WORLD_H
#define REGISTRY_WORLD_H

#include "agent_event.h"

#define WORLD_MAX 16384 /* containers; a host has hundreds. More are not known here, and counted */

enum world_session {
	SESSION_NONE,
	SESSION_CONNECTING,
	SESSION_CONNECTED,
	SESSION_FAILED,
	SESSION_BROKEN
};
enum world_init { INIT_NONE, INIT_RUNNING, INIT_COMPLETED, INIT_FAILED };

struct world_agent {
	char *container, *agent, *project, *address, *thumbprint, *error;
	char *untrusted; /* why; NULL: trusted */
	enum world_session session;
	bool registered;
	uint32_t attempts;
	uint64_t updated_ns; /* since 1970 */
	struct {
		enum world_init status;
		char *step, *error;
		uint32_t index, count; /* index < count, if there are any */
		uint64_t started_ns, completed_ns;
	} init;
};

struct world_container {
	char *id, *name;
	char *labels; /* JSON, an object; NULL: none are known */
	enum { CONTAINER_UNKNOWN, CONTAINER_RUNNING, CONTAINER_STOPPED } status;
	uint64_t updated_ns;
};

struct world;

int world_new(struct world **ret);
void world_free(struct world *world);

/** world_apply() - what an event says; what it does not speak of stays as it is */
void world_apply(struct world *world, const struct agent_event *event);

/** world_agent() - of a container; NULL: nothing was heard of it */
const struct world_agent *world_agent(const struct world *world, const char *container);
/** world_container() - see there */
const struct world_container *world_container(const struct world *world, const char *id);

struct world_counts {
	unsigned containers, agents, sessions, unknown;
};
/** world_counts() - unknown: containers that there was no room for, or no memory */
void world_counts(const struct world *world, struct world_counts *ret);

/** world_json() - all of it, as it is now: { "containers": [...], "agents": [...] }, by id */
void world_json(struct json *json, const char *key, const struct world *world);

/** world_agent_json() - one of them */
void world_agent_json(struct json *json, const char *key, const struct world_agent *agent);

#endif
