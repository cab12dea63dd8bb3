/* SPDX-License-Identifier: Apache-2.0 */
/*
 * varlink.h - a varlink server: frames in, calls to tables of methods, frames out
 *
 * A frame is one JSON object and a NUL (https://varlink.org/Method-Call). Calls on one
 * connection are served strictly one after the other; a method may answer later, and the
 * next call waits for it. A streaming method occupies its connection for ever. Who hangs up
 * loses answers, not calls: what it said before is served to the end, in its order.
 *
 * What the peers of the system we replace can see is binding: frames that cannot be parsed
 * are ignored, a JSON object that is no call is a ProtocolViolation, `parameters` is
 * left out when empty, a oneway call gets no answer, not even an error.
 *
 * What one user's connections may take of places, memory and time has an end, so that the
 * others' are served as if they were alone (varlink_share.h).
 *
 * Owns: the peers of its listening sockets. Knows no interface but org.varlink.service.
 * Threads: none; all in the loop's callbacks.
 */
#ifndef BASE_VARLINK_H
#define BASE_VARLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "base/json.h"

#define VARLINK_FRAME_MAX (256 << 10) /* bytes of one call: a thousand times the longest of ours */
/* Connections; every client holds two. One more is closed at once. */
#define VARLINK_UID_MAX   64   /* of one user but root: one user cannot keep others out */
#define VARLINK_USERS_MAX 1792 /* of all users but root: together they cannot keep root out */
#define VARLINK_ROOT_MAX  2048 /* of root: neither can root's programs keep users out */
#define VARLINK_PEERS_MAX (VARLINK_USERS_MAX + VARLINK_ROOT_MAX)
#define VARLINK_OUT_MAX   (256 << 10) /* unread replies: more, and the peer's calls wait */
/* Bytes in the buffers of one user's connections: two replies of all that can be open, unread */
#define VARLINK_UID_BYTES   (8 << 20)
#define VARLINK_USERS_BYTES (64 << 20) /* ... of all users' but root's */
#define VARLINK_ANYBODY     UINT32_MAX /* no uid */

struct varlink_call;
struct varlink_server;

struct varlink_param {
	const char *name;
	enum json_type type;
	bool optional; /* may be absent or null */
};

struct varlink_method {
	const char *name;
	const struct varlink_param *params;
	unsigned n;
	bool stream; /* must be called with more */
	void (*run)(struct varlink_call *call, struct json_object *parameters);
};

struct varlink_interface {
	const char *name, *description;
	const struct varlink_method *methods;
	unsigned n;
};

struct varlink_info {
	const char *vendor, *product, *version, *url;
};

/**
 * varlink_server_new() - serve @interfaces (sorted by name, org.varlink.service not among
 * them) on @fd, which stays the caller's; @user comes back from varlink_call_user()
 */
int varlink_server_new(struct loop *loop, int fd, const struct varlink_info *info,
		       const struct varlink_interface *interfaces, unsigned n, void *user,
		       struct varlink_server **ret);

/**
 * varlink_server_listen() - serve on one more socket
 * @fd: listening, non-blocking; the server's from now on, also after an error
 * @uid: who is served there besides root; others are refused
 * @place: comes back from varlink_call_place()
 *
 * Return: 0, -ENOMEM, or what the loop said.
 */
int varlink_server_listen(struct varlink_server *server, int fd, uint32_t uid, unsigned place);

/**
 * varlink_server_own() - all of it is for one user: besides root nobody else is served, and they
 * have no limit of their own, for there is nobody whom they could keep out. Before the first peer.
 */
void varlink_server_own(struct varlink_server *server, uint32_t uid);

/** varlink_server_unlisten() - close the sockets for @uid; who is connected stays so */
void varlink_server_unlisten(struct varlink_server *server, uint32_t uid);

/** varlink_server_free() - close every connection */
void varlink_server_free(struct varlink_server *server);
DEFINE_CLEANUP(struct varlink_server, varlink_server_free)

/** varlink_reply() - the call's one or last answer; @parameters: a JSON object or NULL */
void varlink_reply(struct varlink_call *call, const char *parameters);

/** varlink_error() - the same, as an error */
void varlink_error(struct varlink_call *call, const char *error, const char *parameters);

/** varlink_error_text() - an error with one string parameter, sanitised (base/sanitise.h) */
void varlink_error_text(struct varlink_call *call, const char *error, const char *key,
			const char *value);

/** varlink_stream() - @n bytes of finished frames, NULs included; the call goes on */
void varlink_stream(struct varlink_call *call, const char *frames, size_t n);

/** varlink_stream_full() - did the peer not take all of what was sent? then wait for drained */
bool varlink_stream_full(const struct varlink_call *call);

/**
 * varlink_keep() - the call is answered later, or is a stream
 * @owner: comes back in the callbacks
 * @drained: a stream that was full has room again; NULL for others
 * @gone: the peer has gone: the call may not be touched any more. Not called while other
 *	  calls of that peer wait behind this one: it is to be answered as if somebody heard it.
 */
void varlink_keep(struct varlink_call *call, void *owner, void (*drained)(void *owner),
		  void (*gone)(void *owner));

/** varlink_call_uid() - who calls, by the kernel's word when it connected */
uint32_t varlink_call_uid(const struct varlink_call *call);
/** varlink_call_pid() - the process that connected, for people only: it may have ended since */
uint32_t varlink_call_pid(const struct varlink_call *call);
/** varlink_call_place() - which socket it came by, as varlink_server_listen() was told; else 0 */
unsigned varlink_call_place(const struct varlink_call *call);
/** varlink_call_user() - what varlink_server_new() was given */
void *varlink_call_user(const struct varlink_call *call);

#endif
