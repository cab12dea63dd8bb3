// SPDX-License-Identifier: Apache-2.0
#include "diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

#include "base/addr.h"
#include "netns.h"

/* A lookup also finds who listens, and what is left of a connection that has ended. */
#define STATES_CONNECTED                                                                           \
	(1U << TCP_ESTABLISHED | 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 |                       \
	 1U << TCP_CLOSE_WAIT | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING)

struct nl_sock *diag_open(int netns_fd)
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

int diag_cgroup(struct nlmsghdr *reply, uint64_t *ret)
{
	struct nlattr *cgroup;

	if (!nlmsg_valid_hdr(reply, sizeof(struct inet_diag_msg)))
		return -ENOENT;
	cgroup = nlmsg_find_attr(reply, sizeof(struct inet_diag_msg), INET_DIAG_CGROUP_ID);
	if (!cgroup || nla_len(cgroup) != sizeof(*ret))
		return -ENOENT;
	memcpy(ret, nla_data(cgroup), sizeof(*ret));
	return 0;
}

static void request_of(const struct diag_ends *ends, struct inet_diag_req_v2 *ret)
{
	bool v4 = addr_is_v4(ends->here);
	unsigned skip = v4 ? 12 : 0;

	*ret = (struct inet_diag_req_v2){ .sdiag_family = v4 ? AF_INET : AF_INET6,
					  .sdiag_protocol = IPPROTO_TCP,
					  .idiag_states = STATES_CONNECTED };
	ret->id.idiag_sport = htons(ends->here_port);
	ret->id.idiag_dport = htons(ends->there_port);
	ret->id.idiag_cookie[0] = ret->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	memcpy(ret->id.idiag_src, ends->here + skip, 16 - skip);
	memcpy(ret->id.idiag_dst, ends->there + skip, 16 - skip);
}

/* The kernel looks up, and filters nothing of that. */
static int on_socket(struct nl_msg *nl, void *user)
{
	struct nlmsghdr *head = nlmsg_hdr(nl);
	const struct inet_diag_msg *msg = nlmsg_data(head);

	if (nlmsg_valid_hdr(head, sizeof(*msg)) && msg->idiag_state < 32 &&
	    STATES_CONNECTED & 1U << msg->idiag_state)
		diag_cgroup(head, user);
	return NL_OK;
}

int diag_find(int netns_fd, const struct diag_ends *ends, uint64_t *ret)
{
	struct nl_sock *sk = diag_open(netns_fd);
	struct inet_diag_req_v2 req;
	uint64_t cgroup = 0;
	int r;

	if (!sk)
		return -EIO;
	request_of(ends, &req);
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_socket, &cgroup);
	r = nl_send_simple(sk, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, &req, sizeof(req));
	if (r >= 0)
		r = nl_recvmsgs_default(sk);
	nl_socket_free(sk);
	if (r < 0 && r != -NLE_OBJ_NOTFOUND)
		return -EIO;
	if (r < 0 || !cgroup)
		return -ENOENT;
	*ret = cgroup;
	return 0;
}
