/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_event.h - what happened to an agent, once, for all who hear of it
 *
 * An event never changes after it was made, and is shared by reference. Names of events and of their
 * fields are a contract: programs that are not ours select by them. Called by: bus, world, dialer,
 * executor, verbs. Threads: none shared.
 */
#ifndef REGISTRY_AGENT_EVENT_H
#define REGISTRY_AGENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "terok/agent_event.h"

/*
 * Which members count is said by the type; a text that is not there is NULL. An event that was made
 * owns its texts; those of a wish are the caller's.
 */
struct agent_event {
	enum agent_event_type type;
	unsigned refs;
	uint64_t wall_ns; /* since 1970; 0 in a wish: now */
	const char *container, *agent, *project;
	const char *address, *reason, *detail, *step;
	const char *peer_name, *peer_thumbprint; /* the latter in hexadecimal digits */
	const char *action, *name, *old_name;    /* of a container */
	const char *labels;                      /* JSON, an object */
	uint64_t duration_ns;
	uint32_t attempts, step_index, step_count;
	int32_t exit_code;
	bool ok;
};

/** agent_event_new() - of a wish, texts copied; NULL: no memory */
struct agent_event *agent_event_new(const struct agent_event *wish);
struct agent_event *agent_event_ref(struct agent_event *event);
void agent_event_unref(struct agent_event *event);
DEFINE_CLEANUP(struct agent_event, agent_event_unref)
#define _cleanup_agent_event_ _cleanup_(agent_event_unrefp)

/**
 * agent_event_name() - "agent.session.connected", "docker.container.start"
 * @buf: where it is made if it has to be
 */
const char *agent_event_name(const struct agent_event *event, char *buf, size_t size);

/** agent_event_json() - one object with its name, its time and what its type has */
void agent_event_json(struct json *json, const char *key, const struct agent_event *event);

#endif
