// SPDX-License-Identifier: Apache-2.0
#include "flows.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cgroup.h"
#include "diag.h"
#include "explain.h"
#include "names.h"
#include "netns.h"

#define NETNS_MAX   64          /* namespaces of one guard; in more than that it hides nothing */
#define BITE        (256 << 10) /* bytes of one read of the kernel's list */
#define BATCH       64          /* sockets destroyed by one message */
#define STATES_OPEN (~(1U << TCP_LISTEN | 1U << TCP_TIME_WAIT | 1U << TCP_CLOSE))

/* One guard's sweep. */
struct sweep {
	const struct kernel *kernel;
	struct terok_guard value;
	enum flows_end which;
	uint64_t *cgroup; /* ids of its cgroups, sorted */
	size_t n, room;
	int netns[NETNS_MAX];
	uint64_t inode[NETNS_MAX];
	unsigned n_netns;
	struct name_address *synthetic; /* real addresses that others stand for */
	size_t n_synthetic, synthetic_room;
	uint64_t cookie; /* only that socket; 0: by policy */
	struct inet_diag_msg *doomed;
	size_t n_doomed, doomed_room;
};

static int netns_note(struct sweep *sweep, pid_t pid)
{
	_cleanup_close_ int fd = netns_of_pid(pid, NULL);
	uint64_t inode;

	if (fd < 0 || netns_inode(fd, &inode))
		return 0; /* it ended meanwhile */
	for (unsigned i = 0; i < sweep->n_netns; i++)
		if (sweep->inode[i] == inode)
			return 0;
	if (sweep->n_netns == NETNS_MAX)
		return 0;
	sweep->inode[sweep->n_netns] = inode;
	sweep->netns[sweep->n_netns++] = TAKE_FD(fd);
	return 0;
}

static int place_note(uint64_t id, pid_t pid, void *user)
{
	struct sweep *sweep = user;

	if (pid)
		return netns_note(sweep, pid);
	if (sweep->n == sweep->room) {
		size_t room = sweep->room ? 2 * sweep->room : 16;
		uint64_t *more = reallocarray(sweep->cgroup, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		sweep->cgroup = more;
		sweep->room = room;
	}
	sweep->cgroup[sweep->n++] = id;
	return 0;
}

static int id_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct dest peer_of(const struct inet_diag_msg *msg)
{
	struct dest dest = { .bits = 128,
			     .proto = IPPROTO_TCP,
			     .port = ntohs(msg->id.idiag_dport) };

	if (msg->idiag_family == AF_INET) {
		memset(dest.addr + 10, 0xff, 2);
		memcpy(dest.addr + 12, msg->id.idiag_dst, 4);
	} else {
		memcpy(dest.addr, msg->id.idiag_dst, 16);
	}
	return dest;
}

static int synthetic_note(const struct name_address *address, void *user)
{
	struct sweep *sweep = user;

	if (address->until_ns) /* learned: its own address */
		return 0;
	if (sweep->n_synthetic == sweep->synthetic_room) {
		size_t room = sweep->synthetic_room ? 2 * sweep->synthetic_room : 64;
		struct name_address *more = reallocarray(sweep->synthetic, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		sweep->synthetic = more;
		sweep->synthetic_room = room;
	}
	sweep->synthetic[sweep->n_synthetic++] = *address;
	return 0;
}

/*
 * Of a socket that asked for a synthetic address the kernel knows the real one. *@had: a name
 * has or had the address, so that it is a name that decides about the flow.
 */
static bool is_by_name(struct sweep *sweep, const struct dest *dest, bool *had)
{
	*had = names_had(sweep->kernel, sweep->value.id, dest->addr);
	for (size_t i = 0; i < sweep->n_synthetic; i++) {
		if (memcmp(sweep->synthetic[i].real, dest->addr, 16))
			continue;
		*had = true;
		if (explain_synthetic(sweep->kernel, &sweep->value, dest, sweep->synthetic[i].name)
			.action == TEROK_ALLOW)
			return true;
	}
	return false;
}

static bool is_doomed(struct sweep *sweep, const struct inet_diag_msg *msg)
{
	uint64_t cookie = (uint64_t)msg->id.idiag_cookie[1] << 32 | msg->id.idiag_cookie[0];
	struct dest dest = peer_of(msg);
	struct explanation e;
	bool had;

	if (sweep->cookie)
		return sweep->cookie == cookie;
	e = explain_dest(sweep->kernel, &sweep->value, &dest);
	if (e.action == TEROK_ALLOW || e.lapsed || is_by_name(sweep, &dest, &had))
		return false;
	/* accepted from outside, and nothing forbids it by name */
	if (e.reason != TEROK_REASON_RULE_DENY && e.reason != TEROK_REASON_BLOCKED &&
	    explain_published(sweep->kernel, &sweep->value, ntohs(msg->id.idiag_sport)))
		return false;
	return sweep->which == FLOWS_REFUSED || had || e.reason == TEROK_REASON_RULE_DENY;
}

/* One socket of the kernel's list. Destroying waits: the list must not change under it. */
static int on_socket(struct nl_msg *nl, void *user)
{
	struct nlmsghdr *head = nlmsg_hdr(nl);
	struct inet_diag_msg *msg = nlmsg_data(head);
	struct sweep *sweep = user;
	uint64_t id;

	if (diag_cgroup(head, &id) ||
	    !bsearch(&id, sweep->cgroup, sweep->n, sizeof(id), id_compare) ||
	    !is_doomed(sweep, msg))
		return NL_SKIP;
	if (sweep->n_doomed == sweep->doomed_room) {
		size_t room = sweep->doomed_room ? 2 * sweep->doomed_room : 64;
		struct inet_diag_msg *more = reallocarray(sweep->doomed, room, sizeof(*more));

		if (!more)
			return -NLE_NOMEM;
		sweep->doomed = more;
		sweep->doomed_room = room;
	}
	sweep->doomed[sweep->n_doomed++] = *msg;
	return NL_OK;
}

/*
 * Both families in one walk over the kernel's table, which is most of the time when there
 * are few sockets: only the older form of the request can ask for that.
 */
static int diag_list(struct nl_sock *sk)
{
	struct inet_diag_req req = { .idiag_family = AF_UNSPEC, .idiag_states = STATES_OPEN };
	int r = nl_send_simple(sk, TCPDIAG_GETSOCK, NLM_F_DUMP, &req, sizeof(req));

	return r < 0 ? r : nl_recvmsgs_default(sk);
}

/* What the kernel answers at once to destroying: nothing when it did, an error when not. */
struct refusals {
	unsigned n;
	bool unable;
};

static int on_refusal(struct sockaddr_nl *from, struct nlmsgerr *error, void *user)
{
	struct refusals *refusals = user;

	(void)from;
	refusals->n++;
	refusals->unable = refusals->unable || error->error == -EOPNOTSUPP;
	return NL_SKIP;
}

/* Many in one message: the call costs more than what it asks for. Return: how many ended. */
static int diag_destroy(struct nl_sock *sk, const struct inet_diag_msg *doomed, size_t n)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} batch[BATCH] = {};
	struct refusals refusals = {};

	for (size_t i = 0; i < n; i++) {
		batch[i].head = (struct nlmsghdr){ .nlmsg_len = sizeof(batch[i]),
						   .nlmsg_type = SOCK_DESTROY,
						   .nlmsg_flags = NLM_F_REQUEST };
		batch[i].req = (struct inet_diag_req_v2){ .sdiag_family = doomed[i].idiag_family,
							  .sdiag_protocol = IPPROTO_TCP,
							  .idiag_states = STATES_OPEN,
							  .id = doomed[i].id };
	}
	if (nl_sendto(sk, batch, n * sizeof(batch[0])) < 0)
		return -EIO;
	nl_socket_modify_err_cb(sk, NL_CB_CUSTOM, on_refusal, &refusals);
	while (nl_recvmsgs_default(sk) >= 0)
		; /* non-blocking: until there is nothing more */
	return refusals.unable ? -EOPNOTSUPP : (int)(n - refusals.n);
}

static int sweep_netns(struct sweep *sweep, int netns_fd, struct problem *why)
{
	struct nl_sock *sk = diag_open(netns_fd);
	int r, ended = 0;

	if (!sk || nl_socket_set_msg_buf_size(sk, BITE)) {
		nl_socket_free(sk);
		return problem(why, -EIO, "cannot list connections (sock_diag)");
	}
	sweep->n_doomed = 0;
	nl_socket_modify_cb(sk, NL_CB_VALID, NL_CB_CUSTOM, on_socket, sweep);
	r = diag_list(sk);
	if (r)
		problem(why, -EIO, "list connections: %s", nl_geterror(r));
	if (!r)
		r = nl_socket_set_nonblocking(sk);
	for (size_t i = 0; r >= 0 && i < sweep->n_doomed; i += BATCH) {
		size_t left = sweep->n_doomed - i;

		r = diag_destroy(sk, &sweep->doomed[i], left < BATCH ? left : BATCH);
		ended += r > 0 ? r : 0;
	}
	if (r == -EOPNOTSUPP)
		problem(why, r,
			"this kernel cannot end connections (CONFIG_INET_DIAG_DESTROY); their "
			"packets are dropped");
	nl_socket_free(sk);
	if (r < 0)
		return r == -EOPNOTSUPP ? r : -EIO;
	return ended;
}

static void sweep_free(struct sweep *sweep)
{
	for (unsigned i = 0; i < sweep->n_netns; i++)
		closep(&sweep->netns[i]);
	free(sweep->cgroup);
	free(sweep->doomed);
	free(sweep->synthetic);
}

static int sweep_run(struct sweep *sweep, uint32_t guard, struct problem *why)
{
	_cleanup_close_ int fd = -1;
	struct terok_info info;
	int r = guard_value(sweep->kernel, guard, &info, &sweep->value, why), ended = 0;

	if (r)
		return r;
	fd = cgroup_open_id(info.cgroup, why);
	if (fd < 0)
		return fd;
	r = cgroup_each(fd, place_note, sweep);
	if (!r && !sweep->cookie && sweep->value.names & TEROK_NAMES_SYNTHETIC)
		r = names_addresses(sweep->kernel, guard, synthetic_note, sweep);
	if (r)
		return problem(why, r, "look through the guard's processes: %s", strerror(-r));
	qsort(sweep->cgroup, sweep->n, sizeof(*sweep->cgroup), id_compare);
	for (unsigned i = 0; r >= 0 && i < sweep->n_netns; i++) {
		r = sweep_netns(sweep, sweep->netns[i], why);
		ended += r > 0 ? r : 0;
	}
	return r < 0 ? r : ended;
}

int flows_end(const struct kernel *kernel, uint32_t guard, enum flows_end which,
	      struct problem *why)
{
	_cleanup_(sweep_free) struct sweep sweep = { .kernel = kernel, .which = which };

	return sweep_run(&sweep, guard, why);
}

int flows_end_socket(const struct kernel *kernel, uint32_t guard, uint64_t cookie,
		     struct problem *why)
{
	_cleanup_(sweep_free) struct sweep sweep = { .kernel = kernel, .cookie = cookie };

	return cookie ? sweep_run(&sweep, guard, why) : 0;
}

unsigned flows_end_said(const struct kernel *kernel, uint32_t guard, enum flows_end which)
{
	struct problem why = {};
	int r = flows_end(kernel, guard, which, &why);

	if (r < 0)
		log_warn(0, "connections of guard %u that are refused now stay open, silent: %s",
			 guard, why.text);
	return r < 0 ? 0 : r;
}
