// SPDX-License-Identifier: Apache-2.0
/* why_peer.c - whose socket is the other end of a connection on loopback? (why.h) */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "cgroup.h"
#include "diag.h"
#include "why.h"

/* The connection from the side of who asks. */
static void ends_of(const struct msg_why *why, uint16_t served, struct diag_ends *ret)
{
	const struct in6_addr loopback6 = IN6ADDR_LOOPBACK_INIT;
	const uint32_t loopback4 = htonl(INADDR_LOOPBACK);

	*ret = (struct diag_ends){ .here_port = why->port, .there_port = served };
	if (why->v6)
		memcpy(ret->here, &loopback6, sizeof(ret->here));
	else
		addr_of_v4(ret->here, (const uint8_t *)&loopback4);
	memcpy(ret->there, ret->here, sizeof(ret->there));
}

int why_peer_check(int netns_fd, uint64_t cgroup, const struct msg_why *why, uint16_t served)
{
	char whole[TEROK_PATH_LEN], part[TEROK_PATH_LEN];
	struct diag_ends ends;
	uint64_t id;

	ends_of(why, served, &ends);
	if (diag_find(netns_fd, &ends, &id))
		return -EPERM;
	if (id == cgroup)
		return 0;
	if (cgroup_path_of_id(cgroup, whole) || cgroup_path_of_id(id, part))
		return -EPERM;
	return cgroup_is_within(part, whole) ? 0 : -EPERM;
}
