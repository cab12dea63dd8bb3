// SPDX-License-Identifier: Apache-2.0
/* why_peer.c - whose socket is the other end of a connection on loopback? (why.h) */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <string.h>

#include "cgroup.h"
#include "netns.h"
#include "why.h"

static int on_socket(struct nl_msg *nl, void *user)
{
	struct nlmsghdr *head = nlmsg_hdr(nl);
	struct nlattr *cgroup;

	if (!nlmsg_valid_hdr(head, sizeof(struct inet_diag_msg)))
		return NL_SKIP;
	cgroup = nlmsg_find_attr(head, sizeof(struct inet_diag_msg), INET_DIAG_CGROUP_ID);
	if (cgroup && nla_len(cgroup) == sizeof(uint64_t))
		memcpy(user, nla_data(cgroup), sizeof(uint64_t));
	return NL_OK;
}

static struct nl_sock *diag_open(int netns_fd)
{
	struct nl_sock *sk = nl_socket_alloc();
	int back = netns_enter(netns_fd), r = -1;

	if (sk && back >= 0)
		r = nl_connect(sk, NETLINK_SOCK_DIAG);
	netns_leave(&back);
	if (!r)
		return sk;
	nl_socket_free(sk);
	return NULL;
}

/* The socket that has this connection from its side. */
static void request_of(const struct msg_why *why, uint16_t served, struct inet_diag_req_v2 *ret)
{
	struct in6_addr loopback6 = IN6ADDR_LOOPBACK_INIT;
	uint32_t loopback4 = htonl(INADDR_LOOPBACK);

	*ret = (struct inet_diag_req_v2){ .sdiag_family = why->v6 ? AF_INET6 : AF_INET,
					  .sdiag_protocol = IPPROTO_TCP,
					  .idiag_states = ~0U };
	ret->id.idiag_sport = htons(why->port);
	ret->id.idiag_dport = htons(served);
	ret->id.idiag_cookie[0] = ret->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	memcpy(ret->id.idiag_src, why->v6 ? (void *)&loopback6 : &loopback4, why->v6 ? 16 : 4);
	memcpy(ret->id.idiag_dst, ret->id.idiag_src, sizeof(ret->id.idiag_dst));
}

static int cgroup_of_socket(int netns_fd, const struct msg_why *why, uint16_t served, uint64_t *ret)
{
	struct nl_sock *sk = diag_open(netns_fd);
	struct inet_diag_req_v2 req;
	int r;

	if (!sk)
		return -EIO;
	request_of(why, served, &req);
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_socket, ret);
	r = nl_send_simple(sk, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, &req, sizeof(req));
	if (r >= 0)
		r = nl_recvmsgs_default(sk);
	nl_socket_free(sk);
	return r < 0 ? -ENOENT : 0;
}

int why_peer_check(int netns_fd, uint64_t cgroup, const struct msg_why *why, uint16_t served)
{
	char whole[TEROK_PATH_LEN], part[TEROK_PATH_LEN];
	uint64_t id = 0;
	size_t n;

	if (cgroup_of_socket(netns_fd, why, served, &id) || !id)
		return -EPERM;
	if (id == cgroup)
		return 0;
	if (cgroup_path_of_id(cgroup, whole) || cgroup_path_of_id(id, part))
		return -EPERM;
	n = strlen(whole);
	return !strncmp(whole, part, n) && part[n] == '/' ? 0 : -EPERM;
}
