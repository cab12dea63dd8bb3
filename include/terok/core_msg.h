/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/core_msg.h - the vocabulary between the core and its hub worker
 *
 * SOCK_SEQPACKET, one message a packet: a __u32 type, a __u32 of zero, then exactly the
 * struct of that type (core_msg_check()). Anything else (other size, other type, wrong direction) ends the worker. Both
 * ends are the same executable, so there is no version. Strings are NUL-terminated,
 * unparsed bytes that a container may have chosen: the hub sanitises them, the core
 * never looks inside.
 *
 * An answer names the question: MSG_VERDICT carries the number of a question that the
 * core asked, never an address, so that a hub taken over by a hostile client can answer
 * only what was really asked.
 */
#ifndef TEROK_CORE_MSG_H
#define TEROK_CORE_MSG_H

#include <linux/types.h>

#include "terok/abi.h"

#define MSG_TEXT 256

/* Guards' shares of a full table of questions are counted in so many buckets, on both sides. */
#define MSG_SHARE_BUCKETS 4096

enum msg_direction { FROM_CORE = 1, FROM_HUB = 2 };

/* type, payload, who may say it */
#define CORE_MESSAGES(X)                                                                           \
	X(GUARD, struct msg_guard, FROM_CORE)                                                      \
	X(GONE, struct msg_gone, FROM_CORE)                                                        \
	X(REFUSED, struct msg_refused, FROM_CORE)                                                  \
	X(RESULT, struct msg_result, FROM_CORE)                                                    \
	X(LISTED, struct msg_listed, FROM_CORE)                                                    \
	X(VERDICT, struct msg_verdict, FROM_HUB)                                                   \
	X(LIST, struct msg_list, FROM_HUB)

enum msg_type {
	MSG_NONE,
#define X(name, payload, from) MSG_##name,
	CORE_MESSAGES(X)
#undef X
	    MSG_TYPE_MAX_,
};

enum guard_news { GUARD_LISTED, GUARD_ATTACHED, GUARD_STATE, GUARD_NEWS_MAX_ };

/* A guard, new or changed or asked for: everything that people may know of it. */
struct msg_guard {
	__u32 news; /* enum guard_news */
	__u32 id;
	__u32 state; /* enum terok_state, read back from the kernel */
	__u32 pad;
	__u64 token; /* of the MSG_LIST it answers; 0: unasked */
	struct terok_info info;
	struct terok_counts counts; /* sums over CPUs, since attach */
};

/* A guard ended; its questions can no longer be answered. */
struct msg_gone {
	__u32 id;
	char reason[60]; /* "detached", "cgroup removed" */
};

/* A refusal. ask != 0: a question, which MSG_VERDICT may answer by that number. */
struct msg_refused {
	__u64 ask;
	__u64 count; /* refusals of this destination since it was first asked, this one included */
	struct terok_record record;
	char exe[MSG_TEXT]; /* path as the kernel gave it; empty: gone before it was looked at */
	char cmdline[MSG_TEXT]; /* arguments with spaces between */
};

/* What became of a verdict: 0 or a negative errno; the map was written before this was sent. */
struct msg_result {
	__u64 ask;
	__u64 token;  /* of the MSG_VERDICT */
	__s32 result; /* -ENOENT: no such question (any more); -ENOSPC: rule table full */
	__u32 pad;
	__u64 until_ns;    /* when the rule ends; 0: with its guard */
	char problem[128]; /* for people; empty on success */
};

struct msg_listed { /* all guards of a MSG_LIST have been sent */
	__u64 token;
};

/* session: until its guard ends; forever: the journal has it as well */
enum scope { SCOPE_SESSION, SCOPE_ONCE, SCOPE_TIME, SCOPE_FOREVER, SCOPE_MAX_ };

struct msg_verdict {
	__u64 ask;
	__u64 token;   /* comes back in MSG_RESULT */
	__u32 action;  /* enum terok_action */
	__u32 scope;   /* enum scope */
	__u64 seconds; /* SCOPE_TIME */
	__u32 uid;     /* of the client, by peer credentials: for the rule's "who said so" */
	__u32 pad;
};

struct msg_list { /* send every guard with its counters */
	__u64 token;
};

#define MSG_HEAD 8 /* bytes before the payload */

struct msg_packet { /* big enough for any of them */
	__u32 type;
	__u32 pad;
	union {
#define X(name, payload, from) payload name;
		CORE_MESSAGES(X)
#undef X
	};
};

/** core_msg_size() - bytes of a whole packet of that type; 0: no such type */
static inline __u32 core_msg_size(__u32 type)
{
	switch (type) {
#define X(name, payload, from)                                                                     \
	case MSG_##name: return MSG_HEAD + sizeof(payload);
		CORE_MESSAGES(X)
#undef X
	}
	return 0;
}

/** core_msg_check() - is this, @size bytes received from @peer, a message? */
static inline _Bool core_msg_check(const struct msg_packet *packet, __u32 size,
				   enum msg_direction peer)
{
	if (size < MSG_HEAD || packet->pad || size != core_msg_size(packet->type))
		return 0;
	switch (packet->type) {
#define X(name, payload, from)                                                                     \
	case MSG_##name: return peer == (from);
		CORE_MESSAGES(X)
#undef X
	}
	return 0;
}

#endif
