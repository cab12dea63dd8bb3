// SPDX-License-Identifier: Apache-2.0
/*
 * large.c - more than a packet holds: fragments, segmentation, pages that are not copied
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#include "vector.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#define LARGE 6000

static void fill(const struct target *target, char text[static LARGE])
{
	for (size_t at = 0; at + MARKER_LEN <= LARGE; at += MARKER_LEN)
		memcpy(text + at, target->marker, MARKER_LEN);
}

static void fragments(struct target *target)
{
	char text[LARGE] = {};

	fill(target, text);
	need(sendto(sock(target, SOCK_DGRAM, 0), text, sizeof(text), 0, &target->to.sa,
		    target->len));
}

VECTOR(fragments) = { .name = "fragments",
		      .what = "UDP larger than the MTU: IP fragments",
		      .families = BOTH,
		      .attempt = fragments };

static int old_udp;

static void fragments_before(struct target *target)
{
	old_udp = sock(target, SOCK_DGRAM, 0);
	connect_to(old_udp, target, &target->to);
}

static void fragments_later(struct target *target)
{
	char text[LARGE] = {};

	fill(target, text);
	need(send(old_udp, text, sizeof(text), 0));
}

VECTOR(fragments_old) = { .name = "fragments_old",
			  .what = "fragments on a UDP socket connected before the guard",
			  .families = BOTH,
			  .before = fragments_before,
			  .attempt = fragments_later };

static void segment(struct target *target)
{
	char text[LARGE] = {};
	int fd = sock(target, SOCK_DGRAM, 0);

	fill(target, text);
	setint(fd, IPPROTO_UDP, UDP_SEGMENT, 1000);
	need(sendto(fd, text, sizeof(text), 0, &target->to.sa, target->len));
}

VECTOR(udp_segment) = {
	.name = "udp_segment", .what = "UDP_SEGMENT (GSO)", .families = BOTH, .attempt = segment
};

static void segment_later(struct target *target)
{
	setint(old_udp, IPPROTO_UDP, UDP_SEGMENT, 1000);
	fragments_later(target);
}

VECTOR(udp_segment_old) = { .name = "udp_segment_old",
			    .what = "UDP_SEGMENT on a socket connected before the guard",
			    .families = BOTH,
			    .before = fragments_before,
			    .attempt = segment_later };

static void zerocopy(struct target *target)
{
	static char text[LARGE];
	int fd = sock(target, SOCK_DGRAM, 0);

	fill(target, text);
	setint(fd, SOL_SOCKET, SO_ZEROCOPY, 1);
	need(sendto(fd, text, 1000, MSG_ZEROCOPY, &target->to.sa, target->len));
}

VECTOR(zerocopy) = {
	.name = "zerocopy", .what = "UDP with MSG_ZEROCOPY", .families = BOTH, .attempt = zerocopy
};

static int old_tcp;

static void tcp_before(struct target *target)
{
	old_tcp = sock(target, SOCK_STREAM, 0);
	connect_to(old_tcp, target, &target->to);
}

static void zerocopy_tcp(struct target *target)
{
	static char text[LARGE];

	fill(target, text);
	setint(old_tcp, SOL_SOCKET, SO_ZEROCOPY, 1);
	need(send(old_tcp, text, sizeof(text), MSG_ZEROCOPY | MSG_NOSIGNAL));
}

VECTOR(zerocopy_old_tcp) = { .name = "zerocopy_old_tcp",
			     .what = "MSG_ZEROCOPY on a TCP connection older than the guard",
			     .families = BOTH,
			     .before = tcp_before,
			     .attempt = zerocopy_tcp };

static int file_of(const struct target *target)
{
	int fd = need(memfd_create("marker", MFD_CLOEXEC));

	need(pwrite(fd, target->marker, MARKER_LEN, 0));
	return fd;
}

static void send_file(struct target *target)
{
	need(sendfile(old_tcp, file_of(target), NULL, MARKER_LEN));
}

VECTOR(sendfile_old) = { .name = "sendfile_old",
			 .what = "sendfile to a TCP connection older than the guard",
			 .families = BOTH,
			 .before = tcp_before,
			 .attempt = send_file };

static void splice_old(struct target *target, int to)
{
	int pipes[2];

	need(pipe2(pipes, O_CLOEXEC));
	need(write(pipes[1], target->marker, MARKER_LEN));
	need(splice(pipes[0], NULL, to, NULL, MARKER_LEN, 0));
}

static void splice_tcp(struct target *target)
{
	splice_old(target, old_tcp);
}

VECTOR(splice_old_tcp) = { .name = "splice_old_tcp",
			   .what = "splice to a TCP connection older than the guard",
			   .families = BOTH,
			   .before = tcp_before,
			   .attempt = splice_tcp };

static void splice_udp(struct target *target)
{
	splice_old(target, old_udp);
}

VECTOR(splice_old_udp) = { .name = "splice_old_udp",
			   .what = "splice to a UDP socket connected before the guard",
			   .families = BOTH,
			   .before = fragments_before,
			   .attempt = splice_udp };

static void ktls_before(struct target *target)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = { .version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 }
	};

	tcp_before(target);
	if (setsockopt(old_tcp, IPPROTO_TCP, TCP_ULP, "tls", 4))
		cannot("this kernel has no TLS sockets (CONFIG_TLS)");
	if (setsockopt(old_tcp, SOL_TLS, TLS_TX, &info, sizeof(info)) && errno == ENOENT)
		cannot("this kernel has no AES-GCM for TLS sockets");
}

static void ktls(struct target *target)
{
	send_marker(old_tcp, target);
}

VECTOR(ktls_old) = { .name = "ktls_old",
		     .what = "kernel TLS on a TCP connection older than the guard",
		     .bare = true, /* encrypted */
		     .families = BOTH,
		     .before = ktls_before,
		     .attempt = ktls };
