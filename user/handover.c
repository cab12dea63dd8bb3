// SPDX-License-Identifier: Apache-2.0
#include "handover.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "budget.h"
#include "cgroup.h"
#include "dossier.h"
#include "guard.h"
#include "netns.h"

#define BACKLOG 128

static struct budget budgets[BUDGET_USERS];

static bool is_service(uint16_t port)
{
	return port == CONTROL_PORT_PEER || port == CONTROL_PORT_REGISTRY ||
	       port == CONTROL_PORT_GATE || port == CONTROL_PORT_PROXY ||
	       port == CONTROL_PORT_AGENT;
}

/* Where somebody who is in it is, and stays while it is looked at. */
static int netns_of(const struct terok_info *info, struct problem *why)
{
	_cleanup_close_ int cgroup = cgroup_open(info->path, why), netns = -1;
	pid_t pid;

	if (cgroup < 0)
		return cgroup;
	pid = cgroup_first_pid(cgroup);
	netns = pid ? netns_of_pid(pid, NULL) : -1;
	if (netns < 0 || !cgroup_holds(info->path, pid))
		return problem(why, -ESRCH, "nobody is in guard %s", info->name);
	return TAKE_FD(netns);
}

struct others {
	const struct terok_info *info;
	uint64_t netns;
	bool found;
};

/* A pod's containers share one: none of them is alone there. */
static int look_at_other(uint32_t id, const struct terok_info *info, void *user)
{
	struct others *others = user;
	_cleanup_close_ int netns = -1;
	uint64_t inode;

	(void)id;
	if (info->cgroup == others->info->cgroup || info->uid != others->info->uid)
		return 0;
	netns = netns_of(info, NULL);
	others->found = netns >= 0 && !netns_inode(netns, &inode) && inode == others->netns;
	return others->found;
}

static int is_alone(const struct kernel *kernel, const struct terok_info *info, int netns,
		    struct problem *why)
{
	_cleanup_close_ int ours = netns_of_pid(0, why);
	struct others others = { .info = info };
	uint64_t host;
	int r = ours < 0 ? ours : netns_inode(ours, &host);

	if (!r)
		r = netns_inode(netns, &others.netns);
	if (r)
		return problem(why, r, "which network guard %s has: %s", info->name, strerror(-r));
	if (others.netns == host)
		return problem(why, -EADDRNOTAVAIL,
			       "guard %s has the host's network, and no loopback of its own",
			       info->name);
	r = kernel_each_label(kernel->map[MAP_INFO], look_at_other, &others);
	if (r < 0)
		return problem(why, r, "look at the guards: %s", strerror(-r));
	return others.found ? problem(why, -EADDRNOTAVAIL,
				      "guard %s shares its network with another guard, as in a pod",
				      info->name)
			    : 0;
}

/* @make: what it becomes there; NULL: no more than a socket */
static int socket_in(int netns, int (*make)(int fd, uint16_t port), uint16_t port)
{
	_cleanup_close_ int fd = -1;
	int back = netns_enter(netns), r;

	if (back < 0)
		return back;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	r = fd < 0 ? -errno : make ? make(fd, port) : 0;
	netns_leave(&back);
	return r ?: TAKE_FD(fd);
}

/* Nobody can share the port: SO_REUSEADDR is for connections of before. Loopback may be down still. */
static int listen_at(int fd, uint16_t port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one)) ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) || listen(fd, BACKLOG))
		return -errno;
	return 0;
}

static int open_in(int netns, uint16_t port, struct problem *why)
{
	int fd;

	if (port == CONTROL_PORT_PEER) {
		fd = socket_in(netns, NULL, port);
		return fd >= 0 ? fd
			       : problem(why, fd, "make a socket within it: %s", strerror(-fd));
	}
	fd = socket_in(netns, listen_at, port);
	return fd >= 0 ? fd
		       : problem(why, fd, "listen at 127.0.0.1 port %u within it: %s", port,
				 strerror(-fd));
}

int handover_listen(const struct kernel *kernel, const struct control_listen *want, uint32_t uid,
		    struct control_listens *ret, struct problem *why)
{
	_cleanup_close_ int netns = -1;
	struct terok_info info;
	int r = guard_info(kernel, want->guard, &info);

	if (r || info.uid != uid) /* root's services are for root's containers */
		return problem(why, -ENOENT, "there is no guard %u of yours", want->guard);
	if (!is_service(want->port))
		return problem(why, -EINVAL, "port %u is no service's: %d, %d, %d, %d, %d are",
			       want->port, CONTROL_PORT_PEER, CONTROL_PORT_REGISTRY,
			       CONTROL_PORT_GATE, CONTROL_PORT_PROXY, CONTROL_PORT_AGENT);
	if (!budget_spend(budget_of_user(budgets, uid), HANDOVER_AT_ONCE, HANDOVER_A_SECOND))
		return problem(why, -EAGAIN, "user %u asks more often than %u times a second", uid,
			       HANDOVER_A_SECOND);
	netns = netns_of(&info, why);
	r = netns < 0 ? netns : is_alone(kernel, &info, netns, why);
	if (r)
		return r;
	*ret = (struct control_listens){ .guard = want->guard, .uid = info.uid };
	memcpy(ret->container, info.container, sizeof(ret->container));
	memcpy(ret->name, info.name, sizeof(ret->name));
	dossier_read(kernel, want->guard, &ret->dossier);
	return open_in(netns, want->port, why);
}
