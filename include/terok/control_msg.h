/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/control_msg.h - what anybody may say to the core at RUN/control.sock, and its replies
 *
 * SOCK_SEQPACKET. One word a connection: a __u32 type, a __u32 of CONTROL_VERSION, then exactly
 * the struct of that type (control_msg_check()). Whoever says anything else is not answered. The
 * replies have the same form: as many structs as the word has results, then CONTROL_DONE, and the
 * core closes. Both ends may be of different builds, so there is a version: a layout change bumps
 * it.
 *
 * The socket is everybody's. Who says a word is the kernel's (uid, pid), never in the word; a word
 * is root's alone, or everybody's and then about their own guards. Texts are NUL-terminated in
 * their arrays (control_text_ok()) and the core looks at none of them closer.
 */
#ifndef TEROK_CONTROL_MSG_H
#define TEROK_CONTROL_MSG_H

#include <linux/types.h>

#include "terok/abi.h"
#include "terok/agent_event.h"

#define CONTROL_RUN     "/run/terok" /* where RUN is, unless TEROK_RUN says otherwise */
#define CONTROL_SOCKET  "control.sock"
#define CONTROL_VERSION 2
#define CONTROL_TEXT    256
#define CONTROL_PAGE                                                                               \
	256 /* structs before the CONTROL_DONE of one word: a longer list comes in pages */

enum control_may { CONTROL_ROOT = 1, CONTROL_ALL };

/* type, payload, who may say it */
#define CONTROL_WORDS(X)                                                                           \
	X(CHANGED, struct control_changed, CONTROL_ROOT)                                           \
	X(DEED, struct control_deed, CONTROL_ALL)                                                  \
	X(ATTACH, struct control_attach, CONTROL_ALL)                                              \
	X(COMING, struct control_coming, CONTROL_ALL)                                              \
	X(STOPPED, struct control_stopped, CONTROL_ALL)                                            \
	X(LISTEN, struct control_listen, CONTROL_ALL)                                              \
	X(ALARMS, struct control_alarms, CONTROL_ALL)                                              \
	X(WHOSE, struct control_whose, CONTROL_ALL)                                                \
	X(AGENT, struct agent_told, CONTROL_ALL)                                                   \
	X(CONTAIN, struct control_contain, CONTROL_ALL)

/* type, payload */
#define CONTROL_REPLIES(X)                                                                         \
	X(DONE, struct control_done)                                                               \
	X(TEXT_OUT, struct control_text_out)                                                       \
	X(EXIT, struct control_exit)                                                               \
	X(ALARM, struct control_alarm)                                                             \
	X(LISTENS, struct control_listens)                                                         \
	X(OWNER, struct control_owner)

enum control_type {
	CONTROL_NONE,
#define X(name, payload, may) CONTROL_##name,
	CONTROL_WORDS(X)
#undef X
	    CONTROL_WORD_MAX_,
	CONTROL_REPLY_MIN_ = 255,
#define X(name, payload) CONTROL_##name,
	CONTROL_REPLIES(X)
#undef X
	    CONTROL_REPLY_MAX_,
};

/* Look at that guard again: somebody changed the maps. Done: people have been told. */
struct control_changed {
	__u32 guard;
	__u32 pad;
};

/* What a verb does for a user, as user/deed.h has it. */
enum deed_kind {
	DEED_NONE,
	DEED_STATUS,  /* guard, or "" for all */
	DEED_STATE,   /* guard, state, keep */
	DEED_BYPASS,  /* guard, seconds (0: end it), keep */
	DEED_RULE,    /* guard, destination, action, flags, seconds (0: no end), remove, keep */
	DEED_PUBLISH, /* guard, port, protocol, remove, keep */
	DEED_RULES,   /* guard */
	DEED_NAMES,   /* guard */
	DEED_FLUSH,   /* guard, domain or "" for all, keep */
	DEED_EXPLAIN, /* guard, destination */
	DEED_RESOLVE, /* guard */
	DEED_DETACH,  /* guard */
	DEED_ATTACH,  /* guard: a cgroup's path, or what a container is called; force, want */
	DEED_MAX_,
};

enum control_stream { CONTROL_STDOUT, CONTROL_STDERR };

#define CONTROL_TEXT_MAX 4096

struct control_text_out { /* what it prints */
	__u32 stream;     /* enum control_stream */
	__u32 size;
	char text[CONTROL_TEXT_MAX];
};

struct control_exit { /* it is done, and ended with that exit code */
	__u32 code;
	__u32 pad;
};

#define CONTROL_HOOK_VERSION                                                                       \
	1 /* of the files that call the OCI hook: TEROK_HOOK_VERSION= in them */
#define CONTROL_PROFILES 1024
#define CONTROL_INFRA    256
#define CONTROL_PORTS    64

/* What a container lives by: one address, and one port and protocol of it. */
struct control_dest {
	__u8 addr[16];
	__u16 port;
	__u8 proto;
	__u8 pad;
};

struct control_port { /* a published one */
	__u16 port;
	__u8 proto;
	__u8 pad;
};

enum control_names {
	CONTROL_NAMES_KEPT, /* not said: as they were, or learned */
	CONTROL_NAMES_LEARN,
	CONTROL_NAMES_SYNTHETIC,
	CONTROL_NAMES_OFF,
	CONTROL_NAMES_MAX_,
};

/*
 * Of the OCI hook: that container is being created, and starts when it is guarded. All that is
 * said here is what its owner wants for it; whose it is, and which cgroup, the kernel says.
 */
struct control_attach {
	__u32 version; /* CONTROL_HOOK_VERSION of the file that called the hook */
	__u32 pid;     /* its first process, in the core's pid namespace */
	__u32 state;   /* enum terok_state; NONE: not said, as it was, or up */
	__u32 names;   /* enum control_names */
	__u32 n_infra, n_ports;
	char id[TEROK_NAME_LEN]; /* 64 digits */
	char name[TEROK_NAME_LEN];
	char profiles[CONTROL_PROFILES]; /* with a colon between */
	__u32 profiles_said;             /* 0: those it had, or the default's */
	__u32 pad;
	struct control_dest infra[CONTROL_INFRA];
	struct control_port port[CONTROL_PORTS];
	struct terok_dossier dossier;
};

/* Answered by TEXT_OUT, as much as there is, EXIT, and DONE. The core looks at none of it. */
struct control_deed {
	__u32 kind; /* enum deed_kind */
	__u8 json, colour, keep, remove;
	__u32 state;  /* enum terok_state */
	__u32 action; /* enum terok_action */
	__u32 flags;  /* TEROK_RULE_* */
	__u16 port;   /* 0: any */
	__u8 proto;   /* IPPROTO_*; 0: any */
	__u8 bits;    /* of addr: 128: one address */
	__u64 seconds;
	__u8 addr[16];                 /* a destination without a domain */
	char guard[TEROK_PATH_LEN];    /* as a person calls it */
	char domain[TEROK_DOMAIN_LEN]; /* canonical; "": none */
	__u8 force;                    /* also where the caller lives */
	__u8 pad[7];
	struct control_attach want; /* of a guard to be; .pid and .id only of a container */
};

/* Of the OCI hook: a container is about to be created, and nobody waits for an answer. */
struct control_coming {
	__u64 pad;
};

/* Of the OCI hook: that container has ended. Done: its guard has, if its processes have. */
struct control_stopped {
	char id[TEROK_NAME_LEN];
};

/* Which containers ask for a guard and have none? An ALARM each, CONTROL_PAGE of them at most. */
struct control_alarms {
	__u32 uid; /* whose; root's question only, else the caller's; 0: anybody's */
	__u32 pad;
};

struct control_alarm {
	__u64 since_ns; /* CLOCK_BOOTTIME */
	__u32 uid, pid;
	char id[TEROK_NAME_LEN];
	char name[TEROK_NAME_LEN];
	char why[CONTROL_TEXT];
};

/*
 * Of a service for containers: a listener on the loopback of that guard's own network, so that
 * who comes in there is of that container and of no other. At CONTROL_PORT_PEER a process of the container
 * listens: it is a socket to connect with from within. Answered by LISTENS, with its descriptor. Ports of services only; its owner's question.
 */
struct control_listen {
	__u32 guard;
	__u16 port;
	__u16 pad;
};

#define CONTROL_PORT_PEER     7700 /* nobody of ours listens: a socket to connect with, from there */
#define CONTROL_PORT_REGISTRY 7444 /* where agents register */
#define CONTROL_PORT_GATE     TEROK_PORT_GATE
#define CONTROL_PORT_PROXY    TEROK_PORT_PROXY
#define CONTROL_PORT_AGENT    TEROK_PORT_AGENT

struct control_listens {
	__u32 guard, uid;
	char container[TEROK_NAME_LEN];
	char name[TEROK_NAME_LEN];
	struct terok_dossier dossier; /* what its owner said of it when it was created */
};

/*
 * Of a server for containers: whose socket is the other end of this TCP connection, which comes
 * from an address of that container? Answered by OWNER, from what the kernel knows of the socket,
 * if it is there: -ENOTCONN. Its user's guards alone are told.
 */
struct control_whose {
	__u8 peer[16], own[16]; /* its address; and ours, as it is at the other end */
	__u16 peer_port, own_port;
	__u32 pad;
	char container[TEROK_NAME_LEN]; /* 64 digits */
};

enum control_owner_is {
	CONTROL_OWNER_OTHER, /* somebody else's than that container's */
	CONTROL_OWNER_SAME,  /* of the guard of that container */
	CONTROL_OWNER_NONE,  /* of no guard, and that container has none */
	CONTROL_OWNER_MAX_,
};

struct control_owner {
	__u32 is;                       /* enum control_owner_is */
	__u32 guard;                    /* 0: none, or of another user */
	char container[TEROK_NAME_LEN]; /* of .guard */
};

/*
 * AGENT is of a control plane: that has happened to the agent in a container of the caller's. Done:
 * people will be told; -ENOENT: the caller has no guard of that container; -EBUSY: too much was said.
 */

/*
 * Of a control plane: the guard of that container is to let nothing out, until a person says otherwise.
 * Done: nothing leaves; -EALREADY: nothing left before, for the same reason, or for one of too many;
 * -ENOENT: as above.
 */
struct control_contain {
	char container[TEROK_NAME_LEN]; /* its whole id */
	char reason[AGENT_REASON], detail[AGENT_DETAIL];
};

/* The end of what is said to a word. */
struct control_done {
	__s32 result; /* 0 or a negative errno; -EAGAIN: too many speak at once, say it again */
	__u32 guard;  /* that it was about; 0: none */
	char problem[CONTROL_TEXT]; /* for people; empty on success, or a warning */
};

#define CONTROL_HEAD 8 /* bytes before the payload */

struct control_packet { /* big enough for any of them */
	__u32 type;
	__u32 version;
	union {
#define X(name, payload, may) payload name;
		CONTROL_WORDS(X)
#undef X
#define X(name, payload) payload name;
		CONTROL_REPLIES(X)
#undef X
	};
};

/** control_msg_size() - bytes of a whole packet of that type; 0: no such type */
static inline __u32 control_msg_size(__u32 type)
{
	switch (type) {
#define X(name, payload, may)                                                                      \
	case CONTROL_##name: return CONTROL_HEAD + sizeof(payload);
		CONTROL_WORDS(X)
#undef X
#define X(name, payload)                                                                           \
	case CONTROL_##name: return CONTROL_HEAD + sizeof(payload);
		CONTROL_REPLIES(X)
#undef X
	}
	return 0;
}

/** control_msg_may() - who may say it; 0: it is no word */
static inline enum control_may control_msg_may(__u32 type)
{
	switch (type) {
#define X(name, payload, may)                                                                      \
	case CONTROL_##name: return may;
		CONTROL_WORDS(X)
#undef X
	}
	return (enum control_may)0;
}

/** control_msg_check() - is this, @size bytes received, a word or a reply of our version? */
static inline _Bool control_msg_check(const struct control_packet *packet, __u32 size)
{
	return size >= CONTROL_HEAD && packet->version == CONTROL_VERSION &&
	       size == control_msg_size(packet->type);
}

/** control_text_ok() - does a text end within its array? */
#define control_text_ok(text) (strnlen((text), sizeof(text)) < sizeof(text))

#endif
