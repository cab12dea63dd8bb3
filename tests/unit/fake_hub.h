/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_hub.h - a hub that says what a test wants, also what no hub would
 *
 * It lives in the test's thread: what it says the client can read at once. One client at a time.
 */
#ifndef TESTS_UNIT_FAKE_HUB_H
#define TESTS_UNIT_FAKE_HUB_H

#include <stdbool.h>
#include <stddef.h>

struct fake_hub {
	char folder[32], path[64];
	int listen_fd, stream_fd, calls_fd;
	char *heard; /* bytes of calls that are not whole yet */
	size_t n, size;
};

/** fake_hub_open() - listens in a folder of its own; false: it could not */
bool fake_hub_open(struct fake_hub *hub);
void fake_hub_close(struct fake_hub *hub);

/** fake_hub_accept() - a client, its stream and its calls, within 10 s; fake_hub_leave() - it goes */
bool fake_hub_accept(struct fake_hub *hub);
void fake_hub_leave(struct fake_hub *hub);

/** fake_hub_stands() - the subscription stands; fake_hub_guards() - an empty list of guards */
void fake_hub_stands(struct fake_hub *hub);
void fake_hub_guards(struct fake_hub *hub);

/** fake_hub_event() - the members of an event, printf-like */
void fake_hub_event(struct fake_hub *hub, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** fake_hub_request() - one with everything that a request has */
void fake_hub_request(struct fake_hub *hub, const char *id, const char *container,
		      const char *domain, const char *dest, int count);

/** fake_hub_stream() - bytes as they are, on the stream; fake_hub_reply() - on the other side */
void fake_hub_stream(struct fake_hub *hub, const char *frame, size_t n);
void fake_hub_reply(struct fake_hub *hub, const char *frame);

/** fake_hub_hear() - the next call within @ms, until the next one is asked for; NULL: none */
const char *fake_hub_hear(struct fake_hub *hub, int ms);

/** fake_hub_is_left() - the client has closed both of its connections, within @ms each */
bool fake_hub_is_left(struct fake_hub *hub, int ms);

/** fake_hub_serve() - answer what it hears for @ms, or until a call has @until in it */
const char *fake_hub_serve(struct fake_hub *hub, int ms, const char *until);

#endif
