// SPDX-License-Identifier: Apache-2.0
/*
 * routing_header.c - IPv6 extension headers, by option and by control message
 */
#include <linux/seg6.h>

#include "vector.h"

/* The call names the last segment, the wire the first; both are in the header. */
struct segments {
	struct ipv6_sr_hdr head;
	struct in6_addr segment[2];
};

static void segments_make(struct segments *ret, const union address *last,
			  const union address *first)
{
	*ret = (struct segments){
		.head = { .hdrlen = 4, .type = 4, .segments_left = 1, .first_segment = 1 }
	};
	ret->segment[0] = last->in6.sin6_addr;
	ret->segment[1] = first->in6.sin6_addr;
}

static void option(struct target *target, union address *last, union address *first)
{
	int fd = sock(target, SOCK_DGRAM, 0);
	struct segments srh;

	segments_make(&srh, last, first);
	need(setsockopt(fd, IPPROTO_IPV6, IPV6_RTHDR, &srh, sizeof(srh)));
	send_marker_to(fd, target, last);
}

static void first_hop(struct target *target)
{
	option(target, &target->allowed, &target->to);
}

VECTOR(segment_first) = { .name = "segment_first",
			  .what = "IPV6_RTHDR type 4: by the target to an allowed address",
			  .families = V6,
			  .attempt = first_hop };

static void last_hop(struct target *target)
{
	option(target, &target->to, &target->allowed);
}

VECTOR(segment_last) = { .name = "segment_last",
			 .what = "IPV6_RTHDR type 4: by an allowed address to the target",
			 .families = V6,
			 .attempt = last_hop };

/* The near host itself is the first segment: it forwards what comes back by loopback. */
static void by_self(struct target *target)
{
	struct {
		struct ipv6_sr_hdr head;
		struct in6_addr segment[3];
	} srh = { .head = { .hdrlen = 6, .type = 4, .segments_left = 2, .first_segment = 2 } };
	int fd = sock(target, SOCK_DGRAM, 0);

	srh.segment[0] = target->allowed.in6.sin6_addr;
	srh.segment[1] = target->to.in6.sin6_addr;
	srh.segment[2] = target->own.in6.sin6_addr;
	need(setsockopt(fd, IPPROTO_IPV6, IPV6_RTHDR, &srh, sizeof(srh)));
	send_marker_to(fd, target, &target->allowed);
}

VECTOR(segment_by_self) = { .name = "segment_by_self",
			    .what = "IPV6_RTHDR type 4: by the own host, which forwards",
			    .families = V6,
			    .attempt = by_self };

static void control(struct target *target, int type, const void *data, size_t size,
		    union address *to)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct segments))];
	} message = { .head = { .cmsg_len = CMSG_LEN(size),
				.cmsg_level = IPPROTO_IPV6,
				.cmsg_type = type } };
	struct iovec iov = { target->marker, MARKER_LEN };
	struct msghdr msg = { .msg_name = to,
			      .msg_namelen = sizeof(to->in6),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &message,
			      .msg_controllen = CMSG_SPACE(size) };

	memcpy(CMSG_DATA(&message.head), data, size);
	errno = 0;
	if (sendmsg(sock(target, SOCK_DGRAM, 0), &msg, 0) < 0 && errno == EINVAL)
		cannot("this kernel takes no such header from a control message");
	need(-!!errno);
}

static void by_message(struct target *target)
{
	struct segments srh;

	segments_make(&srh, &target->allowed, &target->to);
	control(target, IPV6_RTHDR, &srh, sizeof(srh), &target->allowed);
}

VECTOR(segment_message) = { .name = "segment_message",
			    .what = "IPV6_RTHDR type 4 as a control message",
			    .families = V6,
			    .attempt = by_message };

/* Mobile IPv6's: one address, the final one; taken only by kernels with CONFIG_IPV6_MIP6. */
static void type2(struct target *target)
{
	struct {
		unsigned char next, len, type, left;
		unsigned reserved;
		struct in6_addr home;
	} header = { .len = 2, .type = 2, .left = 1, .home = target->allowed.in6.sin6_addr };
	int fd = sock(target, SOCK_DGRAM, 0);

	if (setsockopt(fd, IPPROTO_IPV6, IPV6_RTHDR, &header, sizeof(header)) && errno == EINVAL)
		cannot("this kernel has no Mobile IPv6 (CONFIG_IPV6_MIP6)");
	send_marker_to(fd, target, &target->to);
}

VECTOR(routing_type2) = {
	.name = "routing_type2", .what = "IPV6_RTHDR type 2", .families = V6, .attempt = type2
};

static void options_header(struct target *target, int type)
{
	static const unsigned char padding[8] = { 0, 0, 1, 4 };

	control(target, type, padding, sizeof(padding), &target->to);
}

static void hop_by_hop(struct target *target)
{
	options_header(target, IPV6_HOPOPTS);
}

VECTOR(hop_options) = { .name = "hop_options",
			.what = "UDP with IPv6 hop-by-hop options",
			.families = V6,
			.needs = NEEDS_NET_RAW,
			.attempt = hop_by_hop };

static void destination(struct target *target)
{
	options_header(target, IPV6_DSTOPTS);
}

VECTOR(destination_options) = { .name = "destination_options",
				.what = "UDP with IPv6 destination options",
				.families = V6,
				.needs = NEEDS_NET_RAW,
				.attempt = destination };
