// SPDX-License-Identifier: Apache-2.0
#include "confine.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/confine.h"
#include "service/calls.h"
#include "service/reach.h"

/* netlink: whether this host has IPv6, for the name of a server that knows tokens. */
static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, 0 };

int cp_confine(const struct cp_confine *confine, struct problem *why)
{
	const struct rlimit none = {};
	_cleanup_reach_ struct reach reach = {};
	int r = setrlimit(RLIMIT_CORE, &none) ? -errno : reach_system(&reach);

	r = r ?: reach_folder(&reach, confine->pki, CONFINE_LOOK);
	r = r ?: reach_parent(&reach, confine->db, CONFINE_KEEP);
	r = r ?: reach_parent(&reach, confine->plan, CONFINE_LOOK);
	r = r ?: reach_parent(&reach, confine->ca_file, CONFINE_LOOK);
	r = r ?: reach_parent(&reach, confine->socket, CONFINE_REMOVE);
	r = r ?: confine_caps(0);
	r = r
		?: reach_confine(
		       &reach, "whoever takes the control plane over reads all files that you can");
	r = r ?: calls_give_up(families, CALLS_ALONE);
	return r ? problem(why, r,
			   "give up the files and calls that are none of the control plane's: %s",
			   strerror(-r))
		 : 0;
}
