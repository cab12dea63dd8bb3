/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reply.h - how a call ends, whatever carried it: a code, with gRPC's numbers, and a text for its caller
 *
 * Zero is no answer yet, never "yes": REPLY_OK has to be said. Threads: no state, any.
 */
#ifndef REGISTRY_REPLY_H
#define REGISTRY_REPLY_H

enum reply_code {
	REPLY_NONE,
	REPLY_OK,
	REPLY_INVALID,         /* INVALID_ARGUMENT */
	REPLY_DENIED,          /* PERMISSION_DENIED */
	REPLY_INTERNAL,        /* INTERNAL */
	REPLY_UNAUTHENTICATED, /* UNAUTHENTICATED */
};

struct reply {
	enum reply_code code;
	char text[96]; /* "" where it is well */
};

/** reply_make() - one with a text of ours, cut to what there is room for */
struct reply reply_make(enum reply_code code, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** reply_grpc() - the code's number on the wire; of REPLY_NONE that of an error of ours */
unsigned reply_grpc(enum reply_code code);

#endif
