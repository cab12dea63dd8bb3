/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_name.h - what an agent is called: by people, in a certificate's URIs, and as one text
 *
 * "clawker.PROJECT.AGENT", or "clawker.AGENT" where it is of no project. Neither part has a dot, or
 * agent "a.b" of no project would be agent "b" of project "a". Threads: no state, any.
 */
#ifndef REGISTRY_AGENT_NAME_H
#define REGISTRY_AGENT_NAME_H

#include "base/problem.h"

#define AGENT_NAME_MAX                                                                             \
	200 /* bytes of a part: names have no place in a certificate's CN, which has 64 */
#define AGENT_NAME_LEN (AGENT_NAME_MAX + 1)
#define AGENT_FULL_LEN (sizeof("clawker..") + 2 * AGENT_NAME_MAX)
#define AGENT_ID_MAX   128 /* digits of a container's id; runtimes have 64 */
#define AGENT_ID_LEN   (AGENT_ID_MAX + 1)

/** agent_name_check() - may an agent be called so? @project "" is none. 0; -EINVAL with @why */
int agent_name_check(const char *project, const char *agent, struct problem *why);

/** agent_name_full() - the one text of both, which agent_name_check() has seen */
void agent_name_full(const char *project, const char *agent, char ret[static AGENT_FULL_LEN]);

/** agent_id_check() - lowercase hexadecimal digits, one at least. 0; -EINVAL with @why */
int agent_id_check(const char *id, struct problem *why);

#endif
