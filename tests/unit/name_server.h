/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name_server.h - a name server on loopback that fails, lies, dawdles or answers as it is told
 *
 * It lives in the test's own loop. Its answer to every question is one address, 127.0.0.x with
 * its number as x, so that a test sees who answered.
 */
#ifndef TEST_NAME_SERVER_H
#define TEST_NAME_SERVER_H

#include <sys/socket.h>

#include "dns/upstream.h"

#define CONNECTIONS 8
#define ROOM        600 /* bytes of any message here */

/* What a fake does, by UDP and by TCP. */
enum conduct {
	SILENT,
	ANSWER,
	TRUNCATE,   /* by TCP too, if that is what TCP does */
	BROKEN,     /* an answer that ends within its record */
	LOWER,      /* answers, but in lower case */
	LIE,        /* several that are no answer, .lies in all, then one that is */
	SLOW,       /* TCP: byte by byte */
	ENDLESS,    /* TCP: the longest length, and bytes that never end */
	CUT,        /* TCP: closes within the answer */
	SHORT,      /* TCP: a length that no message has */
	RCODE = 64, /* + rcode: no answer but this */
};

struct fake;

struct connection {
	struct fake *fake;
	struct source source;
	struct timer timer;
	int fd;
	uint8_t in[ROOM], out[2 + ROOM];
	unsigned in_done, out_size, out_done;
};

struct fake {
	struct loop *loop;
	struct source udp, tcp;
	int udp_fd, tcp_fd;
	enum conduct by_udp, by_tcp;
	unsigned lies;
	uint8_t number;
	unsigned datagrams, streams; /* questions that came */
	uint16_t peer_port, id;      /* of the last */
	uint8_t question[ROOM];      /* of the last, as it came */
	struct sockaddr_storage peer;
	struct connection connection[CONNECTIONS];
	struct upstream_server where;
};

/** fake_start() - listen on a port of 127.0.0.1 or ::1, the same by UDP and TCP */
void fake_start(struct fake *server, struct loop *loop, uint8_t number, int family);

/** fake_stop() - nobody listens there any more: what is sent there is refused */
void fake_stop(struct fake *server);

/** fake_stop_tcp() - the same by TCP only */
void fake_stop_tcp(struct fake *server);

#endif
