// SPDX-License-Identifier: Apache-2.0
/*
 * special.c - addresses that are not one host's: link-local, groups, broadcast, loopback
 *
 * To loopback everything may go, so it must not be on the wire: SO_BINDTODEVICE sends it
 * there. Memberships make the kernel itself speak, in the process's name.
 */
#include <net/if.h>

#include "vector.h"

static void datagram(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	setint(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (target->family == AF_INET6)
		setint(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, if_nametoindex("near0"));
	send_marker_to(fd, target, &target->to);
}

VECTOR(link_local) = { .name = "link_local",
		       .what = "UDP to fe80::2%near0",
		       .families = V6,
		       .dest6 = "fe80::2%near0",
		       .attempt = datagram };

VECTOR(broadcast_all) = { .name = "broadcast_all",
			  .what = "UDP to 255.255.255.255",
			  .families = V4,
			  .dest4 = "255.255.255.255",
			  .attempt = datagram };

VECTOR(broadcast_net) = { .name = "broadcast_net",
			  .what = "UDP to the network's broadcast address",
			  .families = V4,
			  .dest4 = "198.51.100.255",
			  .attempt = datagram };

VECTOR(multicast_link) = { .name = "multicast_link",
			   .what = "UDP to 224.0.0.251 or ff02::fb",
			   .families = BOTH,
			   .dest4 = "224.0.0.251",
			   .dest6 = "ff02::fb%near0",
			   .attempt = datagram };

VECTOR(multicast_nodes) = { .name = "multicast_nodes",
			    .what = "UDP to 224.0.0.1 or ff02::1",
			    .families = BOTH,
			    .dest4 = "224.0.0.1",
			    .dest6 = "ff02::1%near0",
			    .attempt = datagram };

VECTOR(multicast_site) = { .name = "multicast_site",
			   .what = "UDP to 239.1.2.3 or ff05::1:3",
			   .families = BOTH,
			   .dest4 = "239.1.2.3",
			   .dest6 = "ff05::1:3",
			   .attempt = datagram };

static void link_local_tcp(struct target *target)
{
	connect_to(sock(target, SOCK_STREAM, 0), target, &target->to);
}

VECTOR(link_local_tcp) = { .name = "link_local_tcp",
			   .what = "TCP to fe80::2%near0",
			   .families = V6,
			   .dest6 = "fe80::2%near0",
			   .attempt = link_local_tcp };

static void bind_device(int fd)
{
	need(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "near0", 6));
}

static void device_udp(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	bind_device(fd);
	send_marker_to(fd, target, &target->to);
}

VECTOR(device_udp) = { .name = "device_udp",
		       .what = "UDP bound to the device by SO_BINDTODEVICE",
		       .families = BOTH,
		       .attempt = device_udp };

VECTOR(loopback_on_wire) = { .name = "loopback_on_wire",
			     .what = "UDP to 127.0.0.1 by SO_BINDTODEVICE on the veth",
			     .families = V4,
			     .dest4 = "127.0.0.1",
			     .attempt = device_udp };

VECTOR(loopback_net_on_wire) = { .name = "loopback_net_on_wire",
				 .what = "UDP to 127.1.2.3 by SO_BINDTODEVICE on the veth",
				 .families = V4,
				 .dest4 = "127.1.2.3",
				 .attempt = device_udp };

static void device_tcp(struct target *target)
{
	int fd = sock(target, SOCK_STREAM, 0);

	bind_device(fd);
	connect_to(fd, target, &target->to);
}

VECTOR(loopback_on_wire_tcp) = { .name = "loopback_on_wire_tcp",
				 .what = "TCP to 127.0.0.1 by SO_BINDTODEVICE on the veth",
				 .families = V4,
				 .dest4 = "127.0.0.1",
				 .attempt = device_tcp };

static void mark(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	setint(fd, SOL_SOCKET, SO_MARK, 0x7e);
	send_marker_to(fd, target, &target->to);
}

VECTOR(so_mark) = { .name = "so_mark",
		    .what = "UDP with SO_MARK",
		    .families = BOTH,
		    .needs = NEEDS_NET_ADMIN,
		    .attempt = mark };

static void dontroute(struct target *target)
{
	int fd = sock(target, SOCK_DGRAM, 0);

	setint(fd, SOL_SOCKET, SO_DONTROUTE, 1);
	bind_device(fd);
	send_marker_to(fd, target, &target->to);
}

VECTOR(so_dontroute) = { .name = "so_dontroute",
			 .what = "UDP with SO_DONTROUTE: asks the link for the address (ARP)",
			 .families = V4,
			 .attempt = dontroute };

/* The unspecified address means the own host. */
VECTOR(any_udp) = { .name = "any_udp",
		    .what = "UDP to 0.0.0.0 or ::",
		    .families = BOTH,
		    .dest4 = "0.0.0.0",
		    .dest6 = "::",
		    .stays = true,
		    .attempt = datagram };

/* To a listener of its own: nobody else has one. */
static void any_tcp(struct target *target)
{
	int listener = sock(target, SOCK_STREAM, 0), fd = sock(target, SOCK_STREAM, 0);

	need(bind(listener, &target->to.sa, target->len));
	need(listen(listener, 1));
	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

VECTOR(any_tcp) = { .name = "any_tcp",
		    .what = "TCP to 0.0.0.0 or ::",
		    .families = BOTH,
		    .dest4 = "0.0.0.0",
		    .dest6 = "::",
		    .stays = true,
		    .attempt = any_tcp };
