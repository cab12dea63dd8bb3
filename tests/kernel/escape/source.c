// SPDX-License-Identifier: Apache-2.0
/*
 * source.c - packets that bear another's address
 */
#include "vector.h"

static void bind_foreign(int fd, const struct target *target)
{
	union address from = target->to;

	if (target->family == AF_INET)
		inet_pton(AF_INET, "203.0.113.77", &from.in.sin_addr);
	else
		inet_pton(AF_INET6, "2001:db8:f::77", &from.in6.sin6_addr);
	need(bind(fd, &from.sa, target->len));
}

static void transparent(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	if (target->family == AF_INET)
		setint(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
	else
		setint(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
	bind_foreign(fd, target);
	send_marker_to(fd, target, &target->to);
}

VECTOR(transparent) = { .name = "transparent",
			.what = "UDP with IP_TRANSPARENT and a foreign source",
			.families = BOTH,
			.needs = NEEDS_NET_ADMIN,
			.attempt = transparent };

static void freebind(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	setint(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	bind_foreign(fd, target);
	send_marker_to(fd, target, &target->to);
}

VECTOR(freebind) = { .name = "freebind",
		     .what = "UDP with IPV6_FREEBIND and a foreign source",
		     .families = V6,
		     .attempt = freebind };
