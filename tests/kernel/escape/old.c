// SPDX-License-Identifier: Apache-2.0
/*
 * old.c - sockets older than the guard, of every kind: sock_create never saw them
 */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#include "vector.h"

static int fd;

static void tcp_made(struct target *target)
{
	fd = sock(target, SOCK_STREAM, 0);
}

static void tcp_connected(struct target *target)
{
	tcp_made(target);
	connect_to(fd, target, &target->to);
}

static void udp_made(struct target *target)
{
	fd = sock(target, SOCK_DGRAM, 0);
}

static void udp_connected(struct target *target)
{
	udp_made(target);
	connect_to(fd, target, &target->to);
}

static void send_now(struct target *target)
{
	send_marker(fd, target);
}

static void sendto_now(struct target *target)
{
	send_marker_to(fd, target, &target->to);
}

static void connect_now(struct target *target)
{
	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

#define OLD(id, text, made, use, ...)                                                              \
	VECTOR(id) = { .name = #id,                                                                \
		       .what = text,                                                               \
		       .families = BOTH,                                                           \
		       .before = made,                                                             \
		       .attempt = use,                                                             \
		       __VA_ARGS__ }

OLD(old_tcp_send, "TCP connected before the guard, send", tcp_connected, send_now);
OLD(old_tcp_connect, "TCP socket made before the guard, connect", tcp_made, connect_now);
OLD(old_udp_send, "UDP connected before the guard, send", udp_connected, send_now);
OLD(old_udp_sendto, "UDP socket made before the guard, sendto", udp_made, sendto_now);
OLD(old_udp_connect, "UDP socket made before the guard, connect", udp_made, connect_now);

/* The end of a connection is a packet, too. */
static void close_now(struct target *target)
{
	(void)target;
	need(shutdown(fd, SHUT_RDWR));
	need(close(fd));
}

OLD(old_tcp_close, "TCP connected before the guard, closed: FIN", tcp_connected, close_now,
    .bare = true);

static void reset_now(struct target *target)
{
	const struct linger now = { .l_onoff = 1 };

	(void)target;
	need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	need(close(fd));
}

OLD(old_tcp_reset, "TCP connected before the guard, aborted: RST", tcp_connected, reset_now,
    .bare = true);

static void mptcp_connected(struct target *target)
{
	fd = sock(target, SOCK_STREAM, IPPROTO_MPTCP);
	connect_to(fd, target, &target->to);
}

OLD(old_mptcp_send, "MPTCP connected before the guard, send", mptcp_connected, send_now);

static void mptcp_made(struct target *target)
{
	fd = sock(target, SOCK_STREAM, IPPROTO_MPTCP);
}

OLD(old_mptcp_connect, "MPTCP socket made before the guard, connect", mptcp_made, connect_now);

static void udplite_made(struct target *target)
{
	fd = sock(target, SOCK_DGRAM, IPPROTO_UDPLITE);
}

static void udplite_connected(struct target *target)
{
	udplite_made(target);
	connect_to(fd, target, &target->to);
}

OLD(old_udplite_sendto, "UDP-Lite made before the guard, sendto", udplite_made, sendto_now);
OLD(old_udplite_send, "UDP-Lite connected before the guard, send", udplite_connected, send_now);

static void echo_made(struct target *target)
{
	fd = sock(target, SOCK_DGRAM,
		  target->family == AF_INET ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
}

static void echo_now(struct target *target)
{
	unsigned char echo[8 + MARKER_LEN] = { target->family == AF_INET ? ICMP_ECHO
									 : ICMP6_ECHO_REQUEST };

	memcpy(echo + 8, target->marker, MARKER_LEN);
	need(sendto(fd, echo, sizeof(echo), 0, &target->to.sa, target->len));
}

OLD(old_echo_sendto, "echo socket made before the guard, sendto", echo_made, echo_now);

/* Repair mode makes a connection out of nothing: no SYN, no answer needed. */
static void repair_connect(struct target *target)
{
	struct tcp_repair_window window = {};
	socklen_t len = sizeof(window);

	tcp_made(target);
	setint(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	connect_to(fd, target, &target->to);
	need(getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &len));
	window.snd_wnd = window.max_window = 65535;
	need(setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window)));
	setint(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
}

VECTOR(repair_old) = { .name = "repair_old",
		       .what = "TCP_REPAIR connection made before the guard, send",
		       .families = BOTH,
		       .needs = NEEDS_NET_ADMIN,
		       .before = repair_connect,
		       .attempt = send_now };

static void repair(struct target *target)
{
	repair_connect(target);
	send_now(target);
}

VECTOR(repair) = { .name = "repair",
		   .what = "TCP_REPAIR connect, send",
		   .families = BOTH,
		   .needs = NEEDS_NET_ADMIN,
		   .attempt = repair };
