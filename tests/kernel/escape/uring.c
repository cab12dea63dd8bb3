// SPDX-License-Identifier: Apache-2.0
/*
 * uring.c - io_uring: the same calls, made by the kernel's own workers
 */
#include <linux/io_uring.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "vector.h"

struct ring {
	int fd;
	bool polled; /* a kernel thread takes what we put in */
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
};

static void *ring_map(const struct ring *ring, size_t size, off_t at)
{
	void *map =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, at);

	need(map == MAP_FAILED ? -1 : 0);
	return map;
}

static void ring_open(struct ring *ring, unsigned flags)
{
	struct io_uring_params *p = &ring->params;

	*ring = (struct ring){ .polled = flags & IORING_SETUP_SQPOLL };
	p->flags = flags;
	p->sq_thread_idle = 100;
	ring->fd = syscall(SYS_io_uring_setup, 4, p);
	if (ring->fd < 0 && (errno == ENOSYS || errno == EPERM))
		cannot("io_uring is not there or disabled (kernel.io_uring_disabled)");
	need(ring->fd);
	ring->sq = ring_map(ring, p->sq_off.array + p->sq_entries * 4, IORING_OFF_SQ_RING);
	ring->cq = ring_map(ring, p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe),
			    IORING_OFF_CQ_RING);
	ring->sqes = ring_map(ring, p->sq_entries * sizeof(*ring->sqes), IORING_OFF_SQES);
}

/* One operation, to its end; negative: errno is set. */
static int ring_do(struct ring *ring, const struct io_uring_sqe *sqe)
{
	const struct io_uring_params *p = &ring->params;
	unsigned *tail = (void *)(ring->sq + p->sq_off.tail), at = *tail & (p->sq_entries - 1);
	unsigned *head = (void *)(ring->cq + p->cq_off.head);
	const struct io_uring_cqe *cqes = (void *)(ring->cq + p->cq_off.cqes);
	unsigned flags = IORING_ENTER_GETEVENTS | (ring->polled ? IORING_ENTER_SQ_WAKEUP : 0);
	int result;

	ring->sqes[at] = *sqe;
	((unsigned *)(ring->sq + p->sq_off.array))[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	need(syscall(SYS_io_uring_enter, ring->fd, 1, 1, flags, NULL, 0));
	result = cqes[*head & (p->cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	if (result < 0)
		errno = -result;
	return result;
}

static int ring_socket(struct ring *ring, const struct target *target, int type)
{
	const struct io_uring_sqe sqe = { .opcode = IORING_OP_SOCKET,
					  .fd = target->family,
					  .off = type };
	int fd = ring_do(ring, &sqe);

	if (fd < 0 && errno == EINVAL) /* before Linux 5.19 */
		return sock(target, type, 0);
	return need(fd);
}

static void ring_connect(struct ring *ring, const struct target *target, int fd)
{
	const struct io_uring_sqe sqe = { .opcode = IORING_OP_CONNECT,
					  .fd = fd,
					  .addr = (uintptr_t)&target->to,
					  .off = target->len };

	need(ring_do(ring, &sqe));
}

static void ring_send(struct ring *ring, const struct target *target, int fd)
{
	const struct io_uring_sqe sqe = { .opcode = IORING_OP_SEND,
					  .fd = fd,
					  .addr = (uintptr_t)target->marker,
					  .len = MARKER_LEN,
					  .msg_flags = MSG_NOSIGNAL };

	need(ring_do(ring, &sqe));
}

static void connect_send(struct ring *ring, struct target *target, int type)
{
	int fd = ring_socket(ring, target, type);

	ring_connect(ring, target, fd);
	ring_send(ring, target, fd);
}

static void tcp(struct target *target)
{
	struct ring ring;

	ring_open(&ring, 0);
	connect_send(&ring, target, SOCK_STREAM);
}

VECTOR(uring_tcp) = { .name = "uring_tcp",
		      .what = "io_uring: TCP socket, connect, send",
		      .families = BOTH,
		      .attempt = tcp };

static void udp(struct target *target)
{
	struct ring ring;

	ring_open(&ring, 0);
	connect_send(&ring, target, SOCK_DGRAM);
}

VECTOR(uring_udp) = { .name = "uring_udp",
		      .what = "io_uring: UDP socket, connect, send",
		      .families = BOTH,
		      .attempt = udp };

static void ring_sendmsg(struct ring *ring, struct target *target, int flags)
{
	struct iovec iov = { target->marker, MARKER_LEN };
	struct msghdr msg = { .msg_name = &target->to,
			      .msg_namelen = target->len,
			      .msg_iov = &iov,
			      .msg_iovlen = 1 };
	const struct io_uring_sqe sqe = { .opcode = IORING_OP_SENDMSG,
					  .flags = flags,
					  .fd = ring_socket(ring, target, SOCK_DGRAM),
					  .addr = (uintptr_t)&msg,
					  .len = 1 };

	need(ring_do(ring, &sqe));
}

static void message(struct target *target)
{
	struct ring ring;

	ring_open(&ring, 0);
	ring_sendmsg(&ring, target, 0);
}

VECTOR(uring_sendmsg) = { .name = "uring_sendmsg",
			  .what = "io_uring: UDP sendmsg",
			  .families = BOTH,
			  .attempt = message };

static void message_worker(struct target *target)
{
	struct ring ring;

	ring_open(&ring, 0);
	ring_sendmsg(&ring, target, IOSQE_ASYNC);
}

VECTOR(uring_worker) = { .name = "uring_worker",
			 .what = "io_uring: UDP sendmsg by a kernel worker (IOSQE_ASYNC)",
			 .families = BOTH,
			 .attempt = message_worker };

static struct ring old_ring;

static void poll_before(struct target *target)
{
	(void)target;
	ring_open(&old_ring, IORING_SETUP_SQPOLL);
}

static void poll_tcp(struct target *target)
{
	connect_send(&old_ring, target, SOCK_STREAM);
}

VECTOR(uring_poll_tcp) = { .name = "uring_poll_tcp",
			   .what = "io_uring polled by a thread older than the guard: TCP connect",
			   .families = BOTH,
			   .before = poll_before,
			   .attempt = poll_tcp };

static void poll_udp(struct target *target)
{
	ring_sendmsg(&old_ring, target, 0);
}

VECTOR(uring_poll_udp) = { .name = "uring_poll_udp",
			   .what = "io_uring polled by a thread older than the guard: UDP sendmsg",
			   .families = BOTH,
			   .before = poll_before,
			   .attempt = poll_udp };

static int old_fd;

static void connected_before(struct target *target)
{
	old_fd = sock(target, SOCK_STREAM, 0);
	connect_to(old_fd, target, &target->to);
	ring_open(&old_ring, 0);
}

static void send_later(struct target *target)
{
	ring_send(&old_ring, target, old_fd);
}

VECTOR(uring_old_send) = { .name = "uring_old_send",
			   .what = "io_uring send on a TCP connection older than the guard",
			   .families = BOTH,
			   .before = connected_before,
			   .attempt = send_later };

/* Since Linux 6.7; older headers lack the names, so the places are written out. */
struct option_sqe {
	uint8_t opcode, flags;
	uint16_t ioprio;
	int32_t fd;
	uint32_t op, pad0;
	uint32_t level, name;
	uint32_t pad1[2];
	uint64_t pad2;
	uint32_t pad3, size;
	uint64_t value;
	uint64_t pad4;
};
_Static_assert(sizeof(struct option_sqe) == sizeof(struct io_uring_sqe), "the kernel's layout");

#define URING_CMD  46 /* IORING_OP_URING_CMD */
#define SETSOCKOPT 3  /* SOCKET_URING_OP_SETSOCKOPT */

static void join(struct target *target)
{
	struct group_req req = { .gr_interface = if_nametoindex("near0") };
	struct option_sqe option = { .opcode = URING_CMD,
				     .fd = sock(target, SOCK_DGRAM, 0),
				     .op = SETSOCKOPT,
				     .level = target->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
				     .name = MCAST_JOIN_GROUP,
				     .size = sizeof(req),
				     .value = (uintptr_t)&req };
	struct io_uring_sqe sqe;
	struct ring ring;

	memcpy(&req.gr_group, &target->group, target->len);
	memcpy(&sqe, &option, sizeof(sqe));
	ring_open(&ring, 0);
	errno = 0;
	if (ring_do(&ring, &sqe) < 0 && errno == EINVAL)
		cannot("this kernel sets no socket options by io_uring (Linux 6.7)");
	need(-!!errno);
}

VECTOR(uring_join) = { .name = "uring_join",
		       .what = "io_uring: MCAST_JOIN_GROUP",
		       .families = BOTH,
		       .joins = true,
		       .attempt = join };
