/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - what a peer of gRPC may cost, and when it is dead
 *
 * Those of one server or channel. A peer that goes beyond what only an attack needs is told
 * ENHANCE_YOUR_CALM and its connection ends; beyond what a mistake can do, its call ends.
 *
 * What one address can make us keep is .per_address * .streams * (.window + .message + .queue): a
 * server for strangers whose messages are short says so.
 */
#ifndef GRPC_LIMITS_H
#define GRPC_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/event.h"

struct grpc_limits {
	unsigned connections; /* of a server, in all: who comes then waits to be accepted */
	unsigned per_address; /* of one address: who comes then is closed; 0: as many as in all */
	unsigned streams;     /* of one connection at once; the client's own calls as well */
	size_t headers;       /* bytes of a list of headers, as HTTP/2 counts them */
	size_t message;       /* bytes of one message, either way */
	size_t queue;    /* bytes of one call that may wait for the peer, before the last message */
	uint32_t window; /* bytes of one call that a peer may send ahead */
	uint64_t handshake_ns; /* from the connection to the peer's SETTINGS */
	uint64_t stuck_ns;     /* without taking a byte of what waits for it */
	/* without a byte from it: PING, by a client up to an eighth earlier, by a server as much later;
	   0: never */
	uint64_t ping_ns;
	uint64_t ack_ns;               /* ... and so long for any byte, then it is dead */
	uint64_t client_ping_ns;       /* a server lets its clients ping so often, on average */
	unsigned resets, resets_per_s; /* streams that a peer may reset: at once, and again */
	unsigned controls,
	    controls_per_s; /* of SETTINGS, PING, PRIORITY, empty DATA, keys of TLS */
};

#define GRPC_LIMITS                                                                                \
	((struct grpc_limits){ .connections = 4096,                                                \
			       .per_address = 64,                                                  \
			       .streams = 100,                                                     \
			       .headers = 16 << 10,                                                \
			       .message = 4 << 20,                                                 \
			       .queue = 1 << 20,                                                   \
			       .window = 64 << 10,                                                 \
			       .handshake_ns = 10 * SECOND_NS,                                     \
			       .stuck_ns = 60 * SECOND_NS,                                         \
			       .ping_ns = 30 * SECOND_NS,                                          \
			       .ack_ns = 10 * SECOND_NS,                                           \
			       .client_ping_ns = 10 * SECOND_NS,                                   \
			       .resets = 1000,                                                     \
			       .resets_per_s = 100,                                                \
			       .controls = 1000,                                                   \
			       .controls_per_s = 100 })

#endif
