// SPDX-License-Identifier: Apache-2.0
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/confine.h"
#include "base/dir.h"
#include "base/log.h"
#include "service/calls.h"
#include "service/reach.h"

/* netlink: whether this host has IPv6, for names of upstreams. */
static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, 0 };

int proxy_confine(const struct proxy_confine *confine, struct problem *why)
{
	_cleanup_reach_ struct reach reach = {};
	int r;

	if (confine->locks)
		dir_make(confine->locks);
	r = reach_system(&reach);
	r = r ?: reach_parent(&reach, confine->store, CONFINE_KEEP);
	r = r ?: reach_parent(&reach, confine->audit, CONFINE_KEEP);
	if (!r && confine->locks)
		r = reach_folder(&reach, confine->locks, CONFINE_KEEP);
	if (!r && confine->local)
		r = reach_folder(&reach, confine->local, CONFINE_SERVE);
	r = r ?: reach_parent(&reach, confine->routes, CONFINE_LOOK);
	r = r ?: reach_parent(&reach, confine->ca_file, CONFINE_LOOK);
	if (!r && confine->socket_folder >= 0) {
		int fd = fcntl(confine->socket_folder, F_DUPFD_CLOEXEC, 3);

		r = fd < 0 ? -errno : reach_fd(&reach, fd, CONFINE_REMOVE);
	}
	if (!r && confine->key && reach_reads(&reach, confine->key))
		log_warn(0,
			 "%s is in a folder that this process reads: whoever takes it over has the "
			 "SSH keys as well; try: --key-file in another",
			 confine->key);
	r = r ?: confine_caps(0);
	r = r ?: reach_confine(&reach, "whoever takes the proxy over reads all files that you can");
	r = r ?: calls_give_up(families, CALLS_ALONE);
	return r ? problem(why, r, "give up the files and calls that are none of the proxy's: %s",
			   strerror(-r))
		 : 0;
}
