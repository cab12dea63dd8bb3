// SPDX-License-Identifier: Apache-2.0
/* nflog.c - a log group's reader on raw netlink; see nflog.h */
#include "nflog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "place.h"

#define READ_BYTES  (1 << 17)  /* several batches of the kernel */
#define SOCK_BYTES  (32 << 20) /* so that what is measured is speed, not a small buffer */
#define NLBUF_BYTES (1 << 16)

struct record {
	char prefix[32];
	uint8_t addr[16]; /* IPv4 in the first four */
	bool v6;
	uint8_t proto;
	uint16_t port;
};

struct reader {
	int fd, lines;
	struct nflog_seen *seen;
	uint64_t number;
};

struct request {
	struct nlmsghdr head;
	struct nfgenmsg gen;
	struct nlattr attr;
	union {
		struct nfulnl_msg_config_cmd cmd;
		struct nfulnl_msg_config_mode mode;
		uint32_t number;
	};
};

/* One attribute in one message, and the kernel's answer to it. */
static int configure(int fd, uint16_t type, const void *value, size_t size)
{
	struct request req = {
		.head = { .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.gen = { .nfgen_family = AF_INET, .res_id = htons(NFLOG_GROUP) },
		.attr = { .nla_len = NLA_HDRLEN + size, .nla_type = type },
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
	} ack;

	memcpy(&req.cmd, value, size);
	req.head.nlmsg_len = NLMSG_LENGTH(sizeof(req.gen)) + NLA_HDRLEN + NLA_ALIGN(size);
	if (send(fd, &req, req.head.nlmsg_len, 0) < 0)
		return -errno;
	if (recv(fd, &ack, sizeof(ack), MSG_TRUNC) < 0)
		return -errno;
	return ack.head.nlmsg_type == NLMSG_ERROR ? ack.err.error : -EPROTO;
}

static int reader_bind(struct reader *reader)
{
	struct nfulnl_msg_config_cmd bind = { .command = NFULNL_CFG_CMD_BIND };
	struct nfulnl_msg_config_mode mode = { .copy_range = htonl(128),
					       .copy_mode = NFULNL_COPY_PACKET };
	uint32_t bytes = htonl(NLBUF_BYTES);
	int r, size = SOCK_BYTES;

	reader->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (reader->fd < 0)
		return -errno;
	setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	r = configure(reader->fd, NFULA_CFG_CMD, &bind, sizeof(bind));
	if (!r)
		r = configure(reader->fd, NFULA_CFG_MODE, &mode, sizeof(mode));
	if (!r)
		r = configure(reader->fd, NFULA_CFG_NLBUFSIZ, &bytes, sizeof(bytes));
	return r;
}

static void packet_parse(struct record *record, const uint8_t *data, size_t size)
{
	size_t head;

	if (size >= sizeof(struct iphdr) && data[0] >> 4 == 4) {
		head = (data[0] & 15) * 4;
		record->proto = data[9];
		memcpy(record->addr, data + 16, 4);
	} else if (size >= sizeof(struct ip6_hdr) && data[0] >> 4 == 6) {
		head = sizeof(struct ip6_hdr);
		record->v6 = true;
		record->proto = data[6];
		memcpy(record->addr, data + 24, 16);
	} else {
		return;
	}
	if ((record->proto == IPPROTO_TCP || record->proto == IPPROTO_UDP) && size >= head + 4)
		record->port = data[head + 2] << 8 | data[head + 3];
}

static void line_send(struct reader *reader, const struct record *record)
{
	char addr[INET6_ADDRSTRLEN], line[384];
	int n;

	inet_ntop(record->v6 ? AF_INET6 : AF_INET, record->addr, addr, sizeof(addr));
	n = snprintf(line, sizeof(line),
		     "{\"type\":\"pending\",\"container\":\"bench\",\"id\":\"bench:%llu\","
		     "\"dest\":\"%s\",\"port\":%u,\"proto\":%u,\"domain\":\"\",\"dossier\":{}}\n",
		     (unsigned long long)reader->number, addr, record->port, record->proto);
	if (send(reader->lines, line, n, MSG_NOSIGNAL) < 0)
		_exit(1); /* the subscriber is gone: so is the bench */
}

static void message_read(struct reader *reader, const struct nlmsghdr *head)
{
	const struct nlattr *attr;
	struct record record = {};
	size_t left;

	if (head->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
		return;
	attr = (const void *)((const char *)NLMSG_DATA(head) + sizeof(struct nfgenmsg));
	left = head->nlmsg_len - NLMSG_LENGTH(sizeof(struct nfgenmsg));
	while (left >= NLA_HDRLEN && attr->nla_len >= NLA_HDRLEN && attr->nla_len <= left) {
		const uint8_t *data = (const uint8_t *)attr + NLA_HDRLEN;
		size_t size = attr->nla_len - NLA_HDRLEN, whole = NLA_ALIGN(attr->nla_len);

		if ((attr->nla_type & NLA_TYPE_MASK) == NFULA_PREFIX)
			snprintf(record.prefix, sizeof(record.prefix), "%.*s", (int)size, data);
		else if ((attr->nla_type & NLA_TYPE_MASK) == NFULA_PAYLOAD)
			packet_parse(&record, data, size);
		left -= whole < left ? whole : left;
		attr = (const void *)((const char *)attr + whole);
	}
	if (strncmp(record.prefix, "BLOCKED", 7))
		return;
	reader->number++;
	memcpy(&reader->seen->addr, record.addr, 4);
	reader->seen->at_ns = bench_ns();
	__atomic_store_n(&reader->seen->records, reader->number, __ATOMIC_RELEASE);
	if (reader->lines >= 0)
		line_send(reader, &record);
}

static void reader_run(struct reader *reader)
{
	static char buf[READ_BYTES] __attribute__((aligned(8)));

	for (;;) {
		const struct nlmsghdr *head = (const void *)buf;
		ssize_t n = recv(reader->fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == ENOBUFS)
			reader->seen->overruns++;
		else if (n < 0)
			_exit(1);
		for (; n > 0 && NLMSG_OK(head, (size_t)n); head = NLMSG_NEXT(head, n))
			message_read(reader, head);
	}
}

static void reader_child(struct reader *reader, const char *netns)
{
	int fd = place_netns(netns), r = fd < 0 ? fd : place_enter(-1, fd);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_cpu(1);
	if (!r)
		r = reader_bind(reader);
	__atomic_store_n(&reader->seen->ready, r ? r : 1, __ATOMIC_RELEASE);
	if (!r)
		reader_run(reader);
	_exit(1);
}

int nflog_start(struct nflog *nflog, const char *netns, bool lines)
{
	struct reader reader = { .fd = -1, .lines = -1 };
	int pair[2] = { -1, -1 };
	int cgroup = place_cgroup("agent");

	if (lines && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	reader.seen = mmap(NULL, sizeof(*reader.seen), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reader.seen == MAP_FAILED)
		return -errno;
	reader.lines = pair[1];
	nflog->seen = reader.seen;
	nflog->lines = pair[0];
	nflog->pid = fork();
	if (nflog->pid < 0)
		return -errno;
	if (!nflog->pid) {
		place_enter(cgroup, -1);
		reader_child(&reader, netns);
	}
	close(cgroup);
	if (pair[1] >= 0)
		close(pair[1]);
	for (int i = 0; i < 5000 && !__atomic_load_n(&nflog->seen->ready, __ATOMIC_ACQUIRE); i++)
		usleep(1000); /* a start, not a measurement */
	if (nflog->seen->ready == 1)
		return 0;
	nflog_stop(nflog);
	return nflog->seen->ready ? nflog->seen->ready : -ETIMEDOUT;
}

void nflog_stop(struct nflog *nflog)
{
	if (nflog->pid > 0) {
		kill(nflog->pid, SIGKILL);
		waitpid(nflog->pid, NULL, 0);
	}
	if (nflog->lines >= 0)
		close(nflog->lines);
	nflog->pid = 0;
	nflog->lines = -1;
}

int nflog_wait(const struct nflog *nflog, uint64_t records, uint64_t timeout_ns)
{
	uint64_t end = bench_ns() + timeout_ns;

	while (__atomic_load_n(&nflog->seen->records, __ATOMIC_ACQUIRE) < records) {
		if (bench_ns() > end)
			return -ETIMEDOUT;
		usleep(20);
	}
	return 0;
}
