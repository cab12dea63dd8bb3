/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/core_msg.h - the vocabulary between the core and its workers: hub, resolver, watchers
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
#include "terok/agent_event.h"

#define MSG_TEXT    256
#define MSG_PARENTS 8
#define MSG_RULE    320 /* a rule as one line: a domain, and some words */

/* Guards' shares of a full table of questions are counted in so many buckets, on both sides. */
#define MSG_SHARE_BUCKETS 4096

/* FROM_WORKER: any of them */
enum msg_direction { FROM_CORE = 1, FROM_HUB, FROM_RESOLVER, FROM_WORKER, FROM_WATCHER };

/* type, payload, who may say it */
#define CORE_MESSAGES(X)                                                                           \
	X(GUARD, struct msg_guard, FROM_CORE)                                                      \
	X(GONE, struct msg_gone, FROM_CORE)                                                        \
	X(REFUSED, struct msg_refused, FROM_CORE)                                                  \
	X(RESULT, struct msg_result, FROM_CORE)                                                    \
	X(LISTED, struct msg_listed, FROM_CORE)                                                    \
	X(VERDICT, struct msg_verdict, FROM_HUB)                                                   \
	X(LIST, struct msg_list, FROM_HUB)                                                         \
	X(SERVE, struct msg_serve, FROM_CORE)                                                      \
	X(UNSERVE, struct msg_unserve, FROM_CORE)                                                  \
	X(DOMAIN, struct msg_domain, FROM_CORE)                                                    \
	X(UPSTREAMS, struct msg_upstreams, FROM_CORE)                                              \
	X(LEARNED, struct msg_learned, FROM_CORE)                                                  \
	X(REVERSED, struct msg_reversed, FROM_CORE)                                                \
	X(TELL, struct msg_listed, FROM_CORE)                                                      \
	X(TOLD, struct msg_listed, FROM_RESOLVER)                                                  \
	X(FLUSH, struct msg_flush, FROM_CORE)                                                      \
	X(LEARN, struct msg_learn, FROM_RESOLVER)                                                  \
	X(REVERSE, struct msg_reverse, FROM_RESOLVER)                                              \
	X(UNNAMED, struct msg_unnamed, FROM_RESOLVER)                                              \
	X(DEAF, struct msg_unserve, FROM_RESOLVER)                                                 \
	X(QUERIES, struct msg_queries, FROM_RESOLVER)                                              \
	X(HISTORY, struct msg_history, FROM_HUB)                                                   \
	X(ENTRY, struct msg_entry, FROM_CORE)                                                      \
	X(AUDIENCE, struct msg_audience, FROM_HUB)                                                 \
	X(WHY, struct msg_why, FROM_RESOLVER)                                                      \
	X(BECAUSE, struct msg_because, FROM_CORE)                                                  \
	X(BECAUSES, struct msg_becauses, FROM_CORE)                                                \
	X(OPEN, struct msg_owner, FROM_CORE)                                                       \
	X(CLOSE, struct msg_owner, FROM_CORE)                                                      \
	X(GRANTS, struct msg_grants, FROM_HUB)                                                     \
	X(GRANT, struct msg_grant, FROM_CORE)                                                      \
	X(GRANTED, struct msg_granted, FROM_CORE)                                                  \
	X(REVOKE, struct msg_revoke, FROM_HUB)                                                     \
	X(REVOKED, struct msg_revoked, FROM_CORE)                                                  \
	X(SETTLED, struct msg_settled, FROM_CORE)                                                  \
	X(UNHEARD, struct msg_unheard, FROM_CORE)                                                  \
	X(PING, struct msg_ping, FROM_CORE)                                                        \
	X(PONG, struct msg_ping, FROM_WORKER)                                                      \
	X(DOSSIER, struct msg_dossier, FROM_CORE)                                                  \
	X(ALARM, struct msg_alarm, FROM_CORE)                                                      \
	X(WATCH, struct msg_watch, FROM_CORE)                                                      \
	X(FOUND, struct msg_found, FROM_WATCHER)                                                   \
	X(LEFT, struct msg_left, FROM_WATCHER)                                                     \
	X(META, struct msg_meta, FROM_WATCHER)                                                     \
	X(SWEPT, struct msg_swept, FROM_WATCHER)                                                   \
	X(AGENT, struct msg_agent, FROM_CORE)

enum msg_type {
	MSG_NONE,
#define X(name, payload, from) MSG_##name,
	CORE_MESSAGES(X)
#undef X
	    MSG_TYPE_MAX_,
};

enum guard_news { GUARD_LISTED, GUARD_ATTACHED, GUARD_STATE, GUARD_RENAMED, GUARD_NEWS_MAX_ };

/* Is it alive? It says so when it has done all that it was told before. */
struct msg_ping {
	__u64 token; /* comes back in MSG_PONG */
};

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

/* What is told of a guard from now on besides its label; may come before its first MSG_GUARD. */
struct msg_dossier {
	__u32 guard;
	__u32 pad;
	struct terok_dossier now; /* without a path */
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
	__u32 by_name;          /* the name was refused: there is no address */
	__u32 held; /* the last of .count that nobody is asked about: its guard has too many open */
	char domain[TEROK_DOMAIN_LEN]; /* it, or the name of the address; "": none */
	char said[TEROK_DOMAIN_LEN];   /* TEROK_REASON_HELLO: whom the flow named; "": nobody */
	char rule[MSG_RULE]; /* that denied it, has ended, or allows something else of it */
	char parents[MSG_PARENTS][TEROK_COMM_LEN]; /* its ancestors, nearest first; "": no more */
};

/* What became of a verdict: 0 or a negative errno; the map was written before this was sent. */
struct msg_result {
	__u64 ask;
	__u64 token;  /* of the MSG_VERDICT */
	__s32 result; /* -ENOENT: no such question (any more); -ENOSPC: rule table full */
	__u32 pad;
	__u64 until_ns;              /* when the rule ends; 0: with its guard */
	char problem[128];           /* for people; empty on success */
	char rule[MSG_RULE];         /* that was made; empty on failure */
	char client[TEROK_COMM_LEN]; /* the program that answered; empty: not known */
};

/* All guards of a MSG_LIST have been sent, or all entries of a MSG_HISTORY. */
struct msg_listed {
	__u64 token;
	__s32 result; /* of MSG_HISTORY: it cannot be read; what was sent is true all the same */
	__u32 more;   /* of MSG_HISTORY: there are older ones */
};

/* The hub was too busy to be told of so many refusals of that guard; 0: of several. */
struct msg_unheard {
	__u64 count;
	__u32 guard;
	__u32 pad;
};

/*
 * An answer to another question decides this one as well: nobody need answer it, or can. Its
 * words are those of that answer.
 */
struct msg_settled {
	__u64 ask;
	__u64 until_ns;
	__u32 guard;
	__u32 uid;
	__u32 action; /* enum terok_action */
	__u32 scope;  /* enum scope */
	char rule[MSG_RULE];
	char client[TEROK_COMM_LEN];
};

/* session: until its guard ends; forever: the journal has it as well */
enum scope { SCOPE_SESSION, SCOPE_ONCE, SCOPE_TIME, SCOPE_FOREVER, SCOPE_MAX_ };

/* How much of what was asked: asked: its name where it has one that holds, else the address. */
enum reach { REACH_ASKED, REACH_ADDRESS, REACH_NAME, REACH_CHILDREN, REACH_MAX_ };

/* same: the port and protocol that were asked for; any: all of them */
enum ports { PORTS_SAME, PORTS_ANY, PORTS_MAX_ };

struct msg_verdict {
	__u64 ask;
	__u64 token;   /* comes back in MSG_RESULT */
	__u32 action;  /* enum terok_action */
	__u32 scope;   /* enum scope */
	__u64 seconds; /* SCOPE_TIME */
	__u32 reach;   /* enum reach */
	__u32 ports;   /* enum ports */
	__u32 uid;     /* of the client, by peer credentials: for the rule's "who said so" */
	__u32 pid;     /* the same, for its name; 0: not known */
};

/*
 * OPEN comes with descriptors, sockets that listen in a user's folder: serve that user there, and
 * root. CLOSE: no more; who is connected stays so.
 */
struct msg_owner {
	__u32 uid;
	__u32 places; /* bit i: there is a descriptor for place i, in this order */
};

/* One user's sockets: for clients of one hub, for those of all *.sock, for those of all hub.sock. */
enum msg_place { PLACE_ONE, PLACE_FLAT, PLACE_DEEP, MSG_PLACES };

struct msg_list { /* send every guard of that user with its counters; of root: all there are */
	__u64 token;
	__u32 uid;
	__u32 pad;
};

/* What happened, in the order of the journal (hub/history.h); stored: never renumbered. */
enum entry_type {
	ENTRY_NONE,
	ENTRY_REQUEST,
	ENTRY_VERDICT,
	ENTRY_EXPIRED,
	ENTRY_REVOKED,
	ENTRY_ATTACHED,
	ENTRY_DETACHED,
	ENTRY_MISSED,    /* so many of the guard's entries are not there: too many, or no room */
	ENTRY_ALARM,     /* a container asked for a guard and ran without one */
	ENTRY_CONTAINED, /* a control plane had its guard blocked: .process says why */
	ENTRY_TYPE_MAX_
};

#define MSG_CLIENT  64  /* which program somebody answered with */
#define MSG_REQUEST 80  /* what a request is called; a longer one is cut */
#define MSG_PROCESS 160 /* "curl[4711] /usr/bin/curl" */

/* One entry of the journal; what does not belong to its type is zero. Texts end in a NUL. */
struct msg_entry {
	__u64 token;  /* of the MSG_HISTORY it answers */
	__u64 number; /* rises for ever; a moment, in microseconds or later */
	__u64 wall_ns;
	__u64 until_ns; /* CLOCK_REALTIME, which outlives a boot as the entry does; 0: no end */
	__u64 ask;      /* the question; 0: it is of none */
	__u64 count;
	__u32 type;  /* enum entry_type */
	__u32 guard; /* its number then */
	__u32 owner; /* its owner then: who may read this */
	__u32 uid;   /* who did it */
	__u16 port;
	__u8 proto;
	__u8 action; /* enum terok_action */
	__u8 scope;  /* enum scope */
	__u8 ok;
	__u16 pad;
	char container[TEROK_NAME_LEN];
	char name[TEROK_NAME_LEN];
	char dest[TEROK_DOMAIN_LEN]; /* as people were shown it: an address, or the name itself */
	char domain[TEROK_DOMAIN_LEN];
	char client[MSG_CLIENT];
	char process[MSG_PROCESS];
	char request[MSG_REQUEST]; /* the question's id, where it is not of .container and .ask */
};

#define MSG_HISTORY_MAX 128 /* entries of one MSG_HISTORY: the core has other things to do */

struct msg_history { /* send entries, newest first, then MSG_LISTED */
	__u64 token;
	__u64 after; /* only those before that number; 0: from the newest */
	__u32 uid;   /* who asks: 0 all, else entries of guards that were theirs */
	__u32 guard; /* 0: all */
	__u32 limit; /* at most MSG_HISTORY_MAX */
	__u32 pad;
};

#define MSG_AUDIENCE_MAX    256
#define MSG_AUDIENCE_GUARDS 8 /* of one user: more are all of theirs */

/* Who listens now, each once: whoever may answer for a guard is asked about it. */
struct msg_audience {
	__u32 n; /* above MSG_AUDIENCE_MAX: there is no room for all, it may be anybody */
	__u32 pad;
	struct {
		__u32 uid;   /* 0: may answer for every guard */
		__u32 guard; /* only of that one; 0: of all that it may see */
	} who[MSG_AUDIENCE_MAX];
};

struct msg_grants { /* send what answers have made, MSG_GRANT each, then MSG_GRANTED */
	__u64 token;
	__u32 uid;   /* who asks: 0 all, else of that user's guards */
	__u32 guard; /* 0: all of those */
};

/* A rule that an answer made and that is in force (user/grants.h). */
struct msg_grant {
	__u64 token;
	__u64 number; /* what MSG_REVOKE names */
	__u64 until_ns, since_ns;
	__u32 guard;
	__u32 uid; /* who answered */
	__u16 port;
	__u8 proto;
	__u8 action;                 /* enum terok_action */
	__u16 scope;                 /* enum scope */
	__u16 by_name;               /* dest is a domain */
	char dest[TEROK_DOMAIN_LEN]; /* an address or a domain, as rules are written */
};

struct msg_granted { /* all of a MSG_GRANTS have been sent */
	__u64 token;
	__u32 more; /* there are more than one call shows */
	__u32 pad;
};

struct msg_revoke { /* take that one back */
	__u64 token;
	__u64 number;
	__u32 uid; /* of the client, by peer credentials; it must be its guard's, or root */
	__u32 pid; /* the same, for its name; 0: not known */
};

/* What became of it; on success the rule was gone before this was sent. */
struct msg_revoked {
	__u64 token;
	__s32 result; /* -ENOENT: there is no such grant (any more) */
	__u32 uid;    /* who took it back */
	struct msg_grant grant;
	char rule[MSG_RULE]; /* that was taken back; empty on failure */
	char problem[128];   /* for people; empty on success */
	char client[TEROK_COMM_LEN];
};

/* That happened to the agent in a guard. AGENT_EVENT_CONTAINED without a time: it still is. */
struct msg_agent {
	__u32 guard;
	__u32 uid; /* who said so */
	struct agent_told told;
};

/* --- core and resolver --------------------------------------------------------------------- */

#define MSG_ADDRS   128 /* of one answer */
#define MSG_SERVERS 8
#define MSG_SEARCH  6
#define MSG_SOCKETS 4

/*
 * Answer for this guard, or: it has changed. @fresh: with MSG_SOCKETS descriptors, UDP and TCP of
 * IPv4, the same of IPv6, in place of those that it had; they are the container's namespace's.
 */
struct msg_serve {
	__u32 guard;
	__u32 state;     /* enum terok_state, without its window */
	__u64 bypass_ns; /* until then, up means down */
	__u32 names;     /* TEROK_NAMES_* */
	__u16 fresh;
	__u16 notes; /* whatever it asks for is learned, for people: in an open state */
};

struct msg_unserve { /* no more; of the resolver: its sockets are gone */
	__u32 guard;
	__u32 pad;
};

enum domain_news { DOMAIN_NONE, DOMAIN_MORE, DOMAIN_DONE, DOMAIN_NEWS_MAX_ };

/*
 * What is said of a guard's domains: DOMAIN_NONE, then one DOMAIN_MORE each; DOMAIN_DONE puts them
 * in the place of those that were said before.
 */
struct msg_domain {
	__u32 guard;
	__u32 news; /* enum domain_news */
	__u64 until_ns;
	__u16 port;
	__u8 proto;
	__u8 action;
	__u32 flags; /* TEROK_RULE_* */
	char domain[TEROK_DOMAIN_LEN];
};

struct msg_upstreams { /* whom to ask, and what is appended to names before they are asked for */
	__u32 n, n_search;
	__u8 addr[MSG_SERVERS][16];
	__u16 port[MSG_SERVERS];
	char search[MSG_SEARCH][TEROK_DOMAIN_LEN];
};

struct msg_learn { /* these are its addresses: may they be given? */
	__u64 token;
	__u32 guard;
	__u32 seconds; /* how long they hold */
	__u32 n;
	__u32 pad;
	char name[TEROK_DOMAIN_LEN]; /* as asked */
	__u8 addr[MSG_ADDRS][16];
};

/* In the kernel's maps before this is sent: give these addresses, and no others. */
struct msg_learned {
	__u64 token;
	__s32 result;  /* -EACCES: the name is not allowed (any more); -ENOSPC: no room */
	__u32 refused; /* private or local addresses that were left out */
	__u32 n;
	__u32 pad;
	__u8 addr[MSG_ADDRS][16];
};

struct msg_reverse { /* which name has this address? */
	__u64 token;
	__u32 guard;
	__u32 pad;
	__u8 addr[16];
};

struct msg_reversed {
	__u64 token;
	char name[TEROK_DOMAIN_LEN]; /* "": none */
};

enum unnamed_why {
	UNNAMED_POLICY,  /* nobody allowed it: a question */
	UNNAMED_DENIED,  /* a rule denies it */
	UNNAMED_BUDGET,  /* one more new name below a wildcard: a question, too */
	UNNAMED_REBOUND, /* all its addresses are private or local */
	UNNAMED_ALARM,   /* it was sent, and looks like data */
	UNNAMED_MAX_
};

/* A name that was asked for and not answered, once in a while for each. */
struct msg_unnamed {
	__u32 guard;
	__u32 why; /* enum unnamed_why */
	__u16 type;
	__u16 port; /* of who asked, on loopback */
	__u8 proto;
	__u8 v6;
	__u16 pad;
	__u32 count; /* since it was said last */
	char name[TEROK_DOMAIN_LEN];
};

struct msg_flush { /* forget what was answered */
	__u32 guard;
	__u32 pad;
	char name[TEROK_DOMAIN_LEN]; /* "": all */
};

struct msg_queries {
	__u32 guard;
	__u32 pad;
	struct terok_queries counts;
};

/* Somebody in a guard asks what it was refused, by a connection to its resolver. */
struct msg_why {
	__u64 token;
	__u32 guard;
	__u16 port; /* of that connection, on loopback: the core looks whose socket it is */
	__u8 v6;
	__u8 pad;
};

#define MSG_BECAUSE_MAX 32 /* refusals of one answer: the last */

/* One refusal, and what is decided about the same thing now. */
struct msg_because {
	__u64 token;
	__u32 guard;
	__u16 port;
	__u8 proto;
	__u8 reason; /* enum terok_reason: of the refusal */
	__u64 count;
	__u64 last_ns;  /* the last time, CLOCK_BOOTTIME */
	__u64 until_ns; /* when the rule ends that decides now; 0: it does not, or there is none */
	__u8 addr[16];
	__u8 by_name; /* .domain was refused: what is said of it now the resolver knows */
	__u8 question;
	__u8 answered; /* people have answered; that may be over */
	__u8 now_action;
	__u8 now_reason;
	__u8 held; /* too many of its guard's are open: nobody is asked, until there is room */
	__u8 pad[2];
	char request[32];              /* its id, as people know it; "": nobody can be asked */
	char domain[TEROK_DOMAIN_LEN]; /* "": none is known */
	char rule[MSG_RULE];           /* that decides now; "": none does */
};

struct msg_becauses { /* the last of them */
	__u64 token;
	__u32 guard;
	__s32 result; /* -EPERM: whoever asks is not of that guard */
	__u32 state;  /* enum terok_state */
	__u32 heard;  /* somebody who may answer for it is there */
	char name[TEROK_NAME_LEN];
};

/* --- core and watchers --------------------------------------------------------------------- */

#define MSG_CONTAINER 65 /* a container's id: 64 hexadecimal digits and NUL */
#define MSG_FOLDER    72

struct msg_watch { /* the first word: be that user, and watch their containers */
	__u32 uid;
	__u32 pad;
	char run[MSG_FOLDER]; /* their runtime folder; root's: "" */
};

/* A container asks for a guard and runs without one. For the hub; .over: no more, and why. */
struct msg_alarm {
	__u32 uid; /* whose it is */
	__u32 pid; /* its first process, in our pid namespace */
	__u64 since_ns;
	__u32 over;
	char id[MSG_CONTAINER];
	char name[TEROK_NAME_LEN];
	char pad[7];
	char why[MSG_TEXT];
	struct terok_dossier pairs;
	__u32 pad1;
};

/* What a watcher says of one user's containers the core believes as far as the kernel says it too. */
struct msg_found { /* a container runs; again: it is another process, or has another name */
	__u32 pid;
	__u32 annotated; /* it asks for a guard */
	char id[MSG_CONTAINER];
	char name[TEROK_NAME_LEN];
	char first[TEROK_NAME_LEN]; /* as it was when it was started */
	char pad[7];
	struct terok_dossier pairs; /* its annotations dossier.* */
};

struct msg_left { /* it does not run any more */
	char id[MSG_CONTAINER];
};

struct msg_meta {    /* what the file at its .meta_path says now */
	__u32 there; /* 0: nothing: it is not there, or cannot be read */
	__u32 pad;
	char id[MSG_CONTAINER];
	char pad1[7];
	struct terok_dossier says;
};

struct msg_swept { /* all that run were told */
	__u32 running;
	__u32 pad;
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
	case MSG_##name: return peer == (from) || ((from) == FROM_WORKER && peer != FROM_CORE);
		CORE_MESSAGES(X)
#undef X
	}
	return 0;
}

#endif
