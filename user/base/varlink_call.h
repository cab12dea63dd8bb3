/* SPDX-License-Identifier: Apache-2.0 */
/*
 * varlink_call.h - the door between a server's halves; not for users of varlink.h
 *
 * varlink.c has peers, bytes and frames, and knows nothing of what a frame says.
 * varlink_call.c makes a call of a frame and a frame of an answer, has org.varlink.service,
 * and knows nothing of sockets. Threads: none.
 */
#ifndef BASE_VARLINK_CALL_H
#define BASE_VARLINK_CALL_H

#include "base/varlink.h"

/* What one socket serves. */
struct varlink_service {
	struct varlink_info info;
	const struct varlink_interface *interfaces;
	unsigned n;
	void *user;
};

struct varlink_call {
	const struct varlink_service *service;
	uint32_t uid, pid;
	bool active; /* being served */
	bool oneway, more;
	bool stream; /* ... and never ends */
	unsigned place;
	void *owner; /* of varlink_keep(), with its callbacks */
	void (*drained)(void *owner);
	void (*gone)(void *owner);
};

/** varlink_call_begin() - what a frame, a JSON object, asks for; answered now or later */
void varlink_call_begin(struct varlink_call *call, struct json_object *frame);

/** varlink_call_send() - an answer, its NUL included; NULL: there should be one, and is none */
void varlink_call_send(struct varlink_call *call, const char *frame, size_t n);

/** varlink_call_end() - the call is over, and its peer may have the next one */
void varlink_call_end(struct varlink_call *call);

#endif
