// SPDX-License-Identifier: Apache-2.0
/*
 * packet.c - below IP: packet sockets and AF_XDP, which no cgroup hook sees
 *
 * What keeps them out is the capability, which the container start withholds.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vector.h"

#define XDP_KICKS 200

/* An IP packet to the target with the marker in it; may begin at an odd address. */
static size_t packet_make(const struct target *target, unsigned char *packet)
{
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = 253 };
	struct ip6_hdr ip6 = { .ip6_dst = target->to.in6.sin6_addr };
	size_t n = target->family == AF_INET ? sizeof(ip) : sizeof(ip6);

	ip.tot_len = htons(n + MARKER_LEN);
	ip.daddr = target->to.in.sin_addr.s_addr;
	ip6.ip6_flow = htonl(6U << 28);
	ip6.ip6_plen = htons(MARKER_LEN);
	ip6.ip6_nxt = 253;
	memcpy(packet, target->family == AF_INET ? (void *)&ip : (void *)&ip6, n);
	memcpy(packet + n, target->marker, MARKER_LEN);
	return n + MARKER_LEN;
}

static size_t frame_make(const struct target *target, unsigned char *frame)
{
	struct ethhdr eth = { .h_dest = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
			      .h_source = { 2 },
			      .h_proto = htons(target->family == AF_INET ? ETH_P_IP : ETH_P_IPV6) };

	memcpy(frame, &eth, sizeof(eth));
	return sizeof(eth) + packet_make(target, frame + sizeof(eth));
}

static struct sockaddr_ll device(const struct target *target)
{
	return (struct sockaddr_ll){ .sll_family = AF_PACKET,
				     .sll_protocol =
					 htons(target->family == AF_INET ? ETH_P_IP : ETH_P_IPV6),
				     .sll_ifindex = if_nametoindex("near0"),
				     .sll_halen = ETH_ALEN,
				     .sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
}

static void frame(struct target *target)
{
	unsigned char text[128];
	struct sockaddr_ll to = device(target);
	size_t n = frame_make(target, text);

	need(sendto(sock_of(AF_PACKET, SOCK_RAW, 0), text, n, 0, (void *)&to, sizeof(to)));
}

VECTOR(packet_raw) = { .name = "packet_raw",
		       .what = "AF_PACKET, SOCK_RAW",
		       .families = BOTH,
		       .needs = NEEDS_NET_RAW,
		       .unseen = true,
		       .attempt = frame };

static void packet(struct target *target)
{
	unsigned char text[128];
	struct sockaddr_ll to = device(target);
	size_t n = packet_make(target, text);

	need(sendto(sock_of(AF_PACKET, SOCK_DGRAM, 0), text, n, 0, (void *)&to, sizeof(to)));
}

VECTOR(packet_dgram) = { .name = "packet_dgram",
			 .what = "AF_PACKET, SOCK_DGRAM",
			 .families = BOTH,
			 .needs = NEEDS_NET_RAW,
			 .unseen = true,
			 .attempt = packet };

/* The oldest name of it: an AF_INET socket that is none. */
static void packet_old(struct target *target)
{
	unsigned char text[128];
	struct sockaddr_pkt to = { .spkt_family = AF_PACKET,
				   .spkt_device = "near0",
				   .spkt_protocol = htons(ETH_P_IP) };
	size_t n = frame_make(target, text);

	need(sendto(sock_of(AF_INET, SOCK_PACKET, 0), text, n, 0, (void *)&to, sizeof(to)));
}

VECTOR(packet_inet) = { .name = "packet_inet",
			.what = "AF_INET, SOCK_PACKET",
			.families = V4,
			.needs = NEEDS_NET_RAW,
			.unseen = true,
			.attempt = packet_old };

#define XDP_FRAMES 16
#define XDP_SIZE   2048

static void *ring_map(int fd, const struct xdp_ring_offset *ring, size_t entry, off_t at)
{
	void *map = mmap(NULL, ring->desc + XDP_FRAMES * entry, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, fd, at);

	need(map == MAP_FAILED ? -1 : 0);
	return map;
}

static void *xdp_open(int fd)
{
	void *area = mmap(NULL, XDP_FRAMES * XDP_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xdp_umem_reg reg = { .addr = (uintptr_t)area,
				    .len = XDP_FRAMES * XDP_SIZE,
				    .chunk_size = XDP_SIZE };
	struct sockaddr_xdp at = { .sxdp_family = AF_XDP,
				   .sxdp_ifindex = if_nametoindex("near0"),
				   .sxdp_flags = XDP_COPY };

	need(area == MAP_FAILED ? -1 : 0);
	need(setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)));
	setint(fd, SOL_XDP, XDP_UMEM_FILL_RING, XDP_FRAMES);
	setint(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, XDP_FRAMES);
	setint(fd, SOL_XDP, XDP_TX_RING, XDP_FRAMES);
	while (bind(fd, (void *)&at, sizeof(at))) /* the last one leaves the queue a moment later */
		need(errno == EBUSY ? sched_yield() : -1);
	return area;
}

static void xdp(struct target *target)
{
	int fd = sock_of(AF_XDP, SOCK_RAW, 0);
	unsigned char *area = xdp_open(fd);
	struct xdp_mmap_offsets offsets;
	socklen_t len = sizeof(offsets);
	struct xdp_desc *desc;
	char *tx;

	need(getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &len));
	tx = ring_map(fd, &offsets.tx, sizeof(*desc), XDP_PGOFF_TX_RING);
	desc = (void *)(tx + offsets.tx.desc);
	desc[0] = (struct xdp_desc){ .len = frame_make(target, area) };
	__atomic_store_n((uint32_t *)(tx + offsets.tx.producer), 1, __ATOMIC_RELEASE);
	/* EBUSY: the device's queue did not take it, the ring still has it */
	for (int i = 0; sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0); i++) {
		if (errno != EBUSY && errno != EAGAIN)
			need(-1);
		if (i == XDP_KICKS)
			cannot("this device takes nothing from AF_XDP here");
		usleep(1000);
	}
}

VECTOR(xdp) = { .name = "xdp",
		.what = "AF_XDP, transmit ring",
		.families = V4,
		.needs = NEEDS_NET_RAW,
		.unseen = true,
		.attempt = xdp };
