// SPDX-License-Identifier: Apache-2.0
/*
 * services.c - names asked of a resolver that nobody allowed: port 53, 853 and 443
 */
#include <arpa/nameser.h>

#include "vector.h"

/* A question whose name is the marker: how data leaves by a resolver. */
static size_t question(const struct target *target, unsigned char *ret)
{
	unsigned char *at = ret;

	memcpy(at, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
	at += 12;
	*at++ = MARKER_LEN;
	memcpy(at, target->marker, MARKER_LEN);
	at += MARKER_LEN;
	memcpy(at, "\x04test\x00\x00\x10\x00\x01", 10);
	return at + 10 - ret;
}

static void set_port(struct target *target, int port)
{
	if (target->family == AF_INET)
		target->to.in.sin_port = htons(port);
	else
		target->to.in6.sin6_port = htons(port);
}

static void dns_udp(struct target *target)
{
	unsigned char text[128];
	size_t n = question(target, text);

	set_port(target, 53);
	need(sendto(sock(target, SOCK_DGRAM, 0), text, n, 0, &target->to.sa, target->len));
}

VECTOR(dns_udp) = {
	.name = "dns_udp", .what = "DNS question over UDP", .families = BOTH, .attempt = dns_udp
};

/* A reset is an answer, too: what counts is what arrived. */
static void stream(struct target *target, int port)
{
	int fd = sock(target, SOCK_STREAM, 0);

	set_port(target, port);
	connect_to(fd, target, &target->to);
	send_marker(fd, target);
}

static void dns_tcp(struct target *target)
{
	stream(target, 53);
}

VECTOR(dns_tcp) = {
	.name = "dns_tcp", .what = "DNS over TCP", .families = BOTH, .attempt = dns_tcp
};

static void dot(struct target *target)
{
	stream(target, 853);
}

VECTOR(dns_tls) = {
	.name = "dns_tls", .what = "DNS over TLS, port 853", .families = BOTH, .attempt = dot
};

static void doh(struct target *target)
{
	stream(target, 443);
}

VECTOR(dns_https) = { .name = "dns_https",
		      .what = "DNS over HTTPS by address, port 443",
		      .families = BOTH,
		      .attempt = doh };
