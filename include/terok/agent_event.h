/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/agent_event.h - what happens to the agent in a container: its kinds, their names, one of them
 *
 * A control plane (terok-cp) hears of it first, tells the core, and the hub tells people. Names are a
 * contract: programs that are not ours select by them. Numbers are said between programs of
 * different builds: never renumber. Texts are bytes that a peer may have chosen, each ends in a NUL.
 */
#ifndef TEROK_AGENT_EVENT_H
#define TEROK_AGENT_EVENT_H

#include <linux/types.h>

#include "terok/abi.h"
#include "terok/names.h"

/* In the order of an agent's life. AGENT_EVENT_CONTAINER is the runtime's: docker.container.ACTION */
enum agent_event_type {
	AGENT_EVENT_NONE,
	AGENT_EVENT_CONTAINER,
	AGENT_EVENT_CONNECTING,
	AGENT_EVENT_CONNECTED,
	AGENT_EVENT_FAILED,
	AGENT_EVENT_BROKEN,
	AGENT_EVENT_REGISTERED,
	AGENT_EVENT_UNTRUSTED,
	AGENT_EVENT_INIT_STARTED,
	AGENT_EVENT_STEP_STARTED,
	AGENT_EVENT_STEP_COMPLETED,
	AGENT_EVENT_STEP_FAILED,
	AGENT_EVENT_INIT_COMPLETED,
	AGENT_EVENT_INIT_FAILED,
	AGENT_EVENT_REAP_DEGRADED,
	AGENT_EVENT_CONTAINED, /* ok: its guard lets nothing out because of what was said of it */
	AGENT_EVENT_TYPES_
};

/** agent_event_type_name() - "agent.session.connected"; of the runtime's what comes before the action */
static inline const char *agent_event_type_name(__u32 type)
{
	static const char *const names[] = {
		[AGENT_EVENT_NONE] = "agent.none",
		[AGENT_EVENT_CONTAINER] = "docker.container.",
		[AGENT_EVENT_CONNECTING] = "agent.session.connecting",
		[AGENT_EVENT_CONNECTED] = "agent.session.connected",
		[AGENT_EVENT_FAILED] = "agent.session.failed",
		[AGENT_EVENT_BROKEN] = "agent.session.broken",
		[AGENT_EVENT_REGISTERED] = "agent.registered",
		[AGENT_EVENT_UNTRUSTED] = "agent.untrusted",
		[AGENT_EVENT_INIT_STARTED] = "agent.init.started",
		[AGENT_EVENT_STEP_STARTED] = "agent.init.step.started",
		[AGENT_EVENT_STEP_COMPLETED] = "agent.init.step.completed",
		[AGENT_EVENT_STEP_FAILED] = "agent.init.step.failed",
		[AGENT_EVENT_INIT_COMPLETED] = "agent.init.completed",
		[AGENT_EVENT_INIT_FAILED] = "agent.init.failed",
		[AGENT_EVENT_REAP_DEGRADED] = "agent.reap.degraded",
		[AGENT_EVENT_CONTAINED] = "agent.contained",
	};

	TEROK_NAME_OF(names, AGENT_EVENT_TYPES_, type);
}

/* May a control plane say it of a guard? Who is contained the core says itself. */
#define AGENT_EVENT_TOLD                                                                           \
	(1U << AGENT_EVENT_CONNECTING | 1U << AGENT_EVENT_CONNECTED | 1U << AGENT_EVENT_FAILED |   \
	 1U << AGENT_EVENT_BROKEN | 1U << AGENT_EVENT_REGISTERED | 1U << AGENT_EVENT_UNTRUSTED |   \
	 1U << AGENT_EVENT_INIT_STARTED | 1U << AGENT_EVENT_STEP_STARTED |                         \
	 1U << AGENT_EVENT_STEP_COMPLETED | 1U << AGENT_EVENT_STEP_FAILED |                        \
	 1U << AGENT_EVENT_INIT_COMPLETED | 1U << AGENT_EVENT_INIT_FAILED)

#define AGENT_TEXT   208 /* a name of an agent, of a project, of a step */
#define AGENT_REASON 64
#define AGENT_DETAIL 256

/* One of them; what does not belong to its type is zero. */
struct agent_told {
	__u32 type; /* enum agent_event_type */
	__u32 attempts, step_index, step_count;
	__s32 exit_code;
	__u32 ok;
	__u64 wall_ns, duration_ns;
	char container[TEROK_NAME_LEN]; /* its whole id */
	char agent[AGENT_TEXT], project[AGENT_TEXT], step[AGENT_TEXT];
	char peer_name[2 * AGENT_TEXT], peer_thumbprint[72], address[72];
	char reason[AGENT_REASON], detail[AGENT_DETAIL];
};

#endif
