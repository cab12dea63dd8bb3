// SPDX-License-Identifier: Apache-2.0
#include "capture.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/support.h"

#define FRAME_MAX       65600
#define SENTINEL        "terok-sentinel-"
#define SENTINEL_GROUP  "239.255.77.77"
#define SENTINEL_GROUP6 "ff15::5e:5e"
#define WINDOW_MS       3000 /* a window that no sentinel ends by then is a broken test */

struct frame {
	size_t len;
	unsigned char data[FRAME_MAX];
};

static bool frame_has(const struct frame *frame, const void *bytes, size_t n)
{
	return memmem(frame->data, frame->len, bytes, n) != NULL;
}

static int far_socket(int far_netns)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int size = 16 << 20, near = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd = -1;

	if (near < 0 || setns(far_netns, CLONE_NEWNET))
		return -1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	at.sll_ifindex = if_nametoindex("far0");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) || setns(near, CLONE_NEWNET)) {
		close(fd);
		fd = -1;
	}
	close(near);
	return fd;
}

int capture_open(struct capture *capture, int far_pid)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(TEST_PORT) };
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", far_pid);
	capture->far_netns = open(path, O_RDONLY | O_CLOEXEC);
	capture->fd = far_socket(capture->far_netns);
	capture->sentinel_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, TEST_FAR, &to.sin_addr);
	return capture->fd < 0 || connect(capture->sentinel_fd, (void *)&to, sizeof(to)) ? -errno
											 : 0;
}

void capture_close(struct capture *capture)
{
	close(capture->fd);
	close(capture->sentinel_fd);
	close(capture->far_netns);
}

/* From every CPU that we may run on; what it costs is a few microseconds each. */
static unsigned sentinels_send(struct capture *capture)
{
	char text[64];
	cpu_set_t all, one;
	unsigned n = 0;

	snprintf(text, sizeof(text), SENTINEL "%u.", ++capture->n_sentinels);
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
		assert_true(send(capture->sentinel_fd, text, strlen(text), 0) > 0);
		n++;
	}
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	return n;
}

/* A group of ours: its report comes from the same timer as those of the guard's. */
static int group_join(int family)
{
	struct ip_mreqn mreq = { .imr_ifindex = if_nametoindex("near0") };
	struct ipv6_mreq mreq6 = { .ipv6mr_interface = if_nametoindex("near0") };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, SENTINEL_GROUP, &mreq.imr_multiaddr);
	inet_pton(AF_INET6, SENTINEL_GROUP6, &mreq6.ipv6mr_multiaddr);
	if (family == AF_INET)
		assert_int_equal(setsockopt(fd, 0, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)), 0);
	else
		assert_int_equal(
		    setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mreq6, sizeof(mreq6)), 0);
	return fd;
}

static const char *const own6[] = { TEST_FAR6, "2001:db8::1", "fe80::1", "fe80::2" };

static bool is_own6(const unsigned char *addr)
{
	struct in6_addr own;

	for (size_t i = 0; i < sizeof(own6) / sizeof(own6[0]); i++)
		if (inet_pton(AF_INET6, own6[i], &own) == 1 && !memcmp(addr, &own, 16))
			return true;
	return false;
}

/* ARP between the two ends of the veth, and about nobody else. */
static bool arp_is_own(const struct frame *frame)
{
	struct in_addr near, far;
	const unsigned char *arp = frame->data + ETH_HLEN;

	inet_pton(AF_INET, TEST_NEAR, &near);
	inet_pton(AF_INET, TEST_FAR, &far);
	return frame->len >= ETH_HLEN + 28 && !memcmp(arp + 14, &near, 4) &&
	       (!memcmp(arp + 24, &far, 4) || !memcmp(arp + 24, &near, 4));
}

/* What an interface joins for its own addresses, and because it forwards; and ours. */
static bool group_is_own(const unsigned char *group)
{
	static const char *const own[] = { SENTINEL_GROUP6, "ff02::2", "ff05::2" };
	static const unsigned char node[13] = { 0xff, 2, [11] = 1, [12] = 0xff };
	struct in6_addr addr;

	if (!memcmp(group, node, sizeof(node)))
		return true;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (inet_pton(AF_INET6, own[i], &addr) == 1 && !memcmp(group, &addr, 16))
			return true;
	return false;
}

static bool mld_is_own(const unsigned char *report, size_t len)
{
	size_t n, at = 8;

	if (len < 8)
		return false;
	n = report[6] << 8 | report[7];
	for (size_t i = 0; i < n; i++) {
		if (at + 20 > len || !group_is_own(report + at + 4))
			return false;
		at += 20 + 16 * (report[at + 2] << 8 | report[at + 3]) + 4 * report[at + 1];
	}
	return true;
}

static bool ip6_is_own(const struct frame *frame)
{
	const unsigned char *ip = frame->data + ETH_HLEN, *icmp = ip + 40;
	size_t len = frame->len - ETH_HLEN;

	if (len >= 40 + 8 + 8 && ip[6] == 0 && ip[40] == IPPROTO_ICMPV6 && icmp[1] == 0 &&
	    icmp[8] == 143)
		return mld_is_own(icmp + 8, len - 48);
	if (len < 40 + 24 || ip[6] != IPPROTO_ICMPV6)
		return false;
	return (icmp[0] == ND_NEIGHBOR_SOLICIT || icmp[0] == ND_NEIGHBOR_ADVERT) &&
	       is_own6(icmp + 8);
}

static bool igmp_is_own(const struct frame *frame)
{
	const unsigned char *ip = frame->data + ETH_HLEN, *report = ip + 24;
	struct in_addr sentinel;

	inet_pton(AF_INET, SENTINEL_GROUP, &sentinel);
	return frame->len >= ETH_HLEN + 24 + 16 && ip[9] == IPPROTO_IGMP && ip[0] == 0x46 &&
	       report[0] == 0x22 && report[6] == 0 && report[7] == 1 &&
	       !memcmp(report + 12, &sentinel, 4);
}

/*
 * The near kernel's answer to a segment for a port that nobody has: a reset without data,
 * to the far end's own address. No socket sends it.
 */
static bool reset_is_own(const struct frame *frame)
{
	const unsigned char *ip = frame->data + ETH_HLEN, *tcp = ip + (ip[0] >> 4 == 4 ? 20 : 40);
	struct in_addr far;
	struct in6_addr far6;

	inet_pton(AF_INET, TEST_FAR, &far);
	inet_pton(AF_INET6, TEST_FAR6, &far6);
	if (tcp + 20 != frame->data + frame->len || !(tcp[13] & 4))
		return false;
	if (ip[0] == 0x45)
		return ip[9] == IPPROTO_TCP && !memcmp(ip + 16, &far, 4);
	return ip[0] >> 4 == 6 && ip[6] == IPPROTO_TCP && !memcmp(ip + 24, &far6, 16);
}

/* What the near kernel says by itself, and what we say. */
static bool frame_is_own(const struct frame *frame)
{
	unsigned proto = frame->data[12] << 8 | frame->data[13];

	if (frame_has(frame, SENTINEL, strlen(SENTINEL)))
		return true;
	switch (proto) {
	case ETH_P_ARP: return arp_is_own(frame);
	case ETH_P_IP: return igmp_is_own(frame) || reset_is_own(frame);
	case ETH_P_IPV6: return ip6_is_own(frame) || reset_is_own(frame);
	}
	return false;
}

static bool frame_names(const struct frame *frame, const union address *addr)
{
	if (addr->sa.sa_family == AF_INET)
		return frame_has(frame, &addr->in.sin_addr, 4);
	return frame_has(frame, &addr->in6.sin6_addr, 16);
}

static bool frame_goes_to(const struct frame *frame, const union address *addr)
{
	const unsigned char *ip = frame->data + ETH_HLEN;

	if (addr->sa.sa_family == AF_INET)
		return frame->data[12] == 8 && !frame->data[13] && frame->len >= ETH_HLEN + 20 &&
		       !memcmp(ip + 16, &addr->in.sin_addr, 4);
	return frame->data[12] == 0x86 && frame->data[13] == 0xdd && frame->len >= ETH_HLEN + 40 &&
	       !memcmp(ip + 24, &addr->in6.sin6_addr, 16);
}

static void describe(const struct frame *frame, char *text, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i < frame->len && at + 3 < size; i++)
		at += snprintf(text + at, size - at, "%02x", frame->data[i]);
}

static void frame_judge(const struct frame *frame, const struct target *target, struct seen *seen)
{
	bool reached;

	if (frame->len < ETH_HLEN + 20 || frame_is_own(frame))
		return;
	reached = frame_has(frame, target->marker, MARKER_LEN) || frame_names(frame, &target->to) ||
		  frame_names(frame, &target->group);
	if (!reached && frame_goes_to(frame, &target->allowed))
		return;
	if (!seen->frames++ || (reached && !seen->reached))
		describe(frame, seen->first, sizeof(seen->first));
	seen->reached += reached;
	seen->marked += frame_has(frame, target->marker, MARKER_LEN);
}

/* The next frame that came in; false: none in time. */
static bool frame_next(int fd, struct frame *frame)
{
	struct sockaddr_ll from;
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	do {
		socklen_t len = sizeof(from);
		ssize_t n;

		if (poll(&ready, 1, WINDOW_MS) != 1)
			return false;
		n = recvfrom(fd, frame->data, sizeof(frame->data), 0, (void *)&from, &len);
		if (n < 0)
			return false;
		frame->len = n;
	} while (from.sll_pkttype == PACKET_OUTGOING);
	return true;
}

static bool frame_is_report(const struct frame *frame, int family)
{
	union address group = { .sa.sa_family = family };

	if (family == AF_INET)
		inet_pton(AF_INET, SENTINEL_GROUP, &group.in.sin_addr);
	else
		inet_pton(AF_INET6, SENTINEL_GROUP6, &group.in6.sin6_addr);
	return frame_names(frame, &group);
}

int capture_window(struct capture *capture, const struct target *target, bool joins,
		   struct seen *ret)
{
	static struct frame frame;
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);
	int group = joins ? group_join(target->family) : -1;
	unsigned wait = 0;
	char text[64];

	*ret = (struct seen){};
	while (group >= 0 && frame_next(capture->fd, &frame)) {
		frame_judge(&frame, target, ret);
		if (frame_is_report(&frame, target->family))
			break;
	}
	if (group >= 0)
		close(group);
	wait = sentinels_send(capture);
	snprintf(text, sizeof(text), SENTINEL "%u.", capture->n_sentinels);
	while (wait) {
		if (!frame_next(capture->fd, &frame))
			return -ETIMEDOUT;
		if (frame_has(&frame, text, strlen(text)))
			wait--;
		frame_judge(&frame, target, ret);
	}
	if (getsockopt(capture->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		return -errno;
	return stats.tp_drops ? -ENOBUFS : 0;
}
