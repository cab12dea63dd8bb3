/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * terok/abi.h - everything that crosses the boundary between kernel and agent
 *
 * Included by bpf/ (after vmlinux.h) and by user space, so: __u8..__u64 only, no pointers, no enum as a field, no padding that is not
 * named. People read these structs with bpftool, so what they hold is what people
 * write: an address is its 16 bytes in the order they are sent (IPv4 as
 * ::ffff:a.b.c.d, one key form for both families), a port is in host byte order,
 * and so is all else. Times are nanoseconds of CLOCK_BOOTTIME.
 *
 * A layout change bumps TEROK_ABI_VERSION, which is also the name of the pin
 * folder; an agent refuses pins of another version. Sizes are pinned at the end
 * of the file, on both sides. Numbers are shown to people and stored: they are
 * never renumbered.
 */
#ifndef TEROK_ABI_H
#define TEROK_ABI_H

#ifndef __bpf__ /* there vmlinux.h has them */
#include <linux/types.h>
#endif

#define TEROK_ABI_VERSION   1
#define TEROK_COMM_LEN      16     /* TASK_COMM_LEN */
#define TEROK_NAME_LEN      72     /* a 64-digit container id or a name, NUL included */
#define TEROK_PATH_LEN      256    /* a cgroup's path below the cgroup2 root, NUL included */
#define TEROK_MAX_GUARDS    4096   /* default; the loader may raise it */
#define TEROK_MAX_RULES     131072 /* full table: new rule refused, none evicted */
#define TEROK_MAX_SELF      32768  /* own addresses of all guards */
#define TEROK_MAX_PUBLISH   16384  /* published ports of all guards */
#define TEROK_MAX_ASKERS    16384 /* peers of published UDP ports; the longest silent is forgotten */
#define TEROK_MAX_DOMAINS   65536  /* rules of domains of all guards */
#define TEROK_MAX_NAMES     65536  /* names that were asked for and allowed, of all guards */
#define TEROK_MAX_LEARNED   262144 /* their addresses */
#define TEROK_MAX_SYNTHETIC 131072 /* addresses that stand for others */
#define TEROK_MAX_SENT      65536 /* datagrams of unconnected sockets whose address was exchanged */
#define TEROK_MAX_SAID      1024  /* names that refused flows said; the oldest is forgotten */
#define TEROK_MAX_REACHED   65536 /* destinations of all guards that note theirs */
#define TEROK_DOMAIN_LEN    256   /* a domain, "*." before it, NUL included */
#define TEROK_WHY_V4        0xa9fe544b /* 169.254.84.75: where a guard is told why it was refused */
#define TEROK_WHY_PORT      80
#define TEROK_PORT_GATE     9418 /* services on a guard's loopback that reach further than it */
#define TEROK_PORT_PROXY    18731
#define TEROK_PORT_AGENT    18732      /* SSH's */
#define TEROK_RING_BYTES    (2U << 20) /* 8 ms of records at 1.5 million a second */

/* What a guard lets out; the zero value must be the safest (fresh storage is zero). */
enum terok_state {
	TEROK_STATE_NONE = 0, /* hook attached, no policy yet: deny everything, loopback too */
	TEROK_STATE_UP,       /* default deny, rules allow */
	TEROK_STATE_DOWN,     /* open; denies and private ranges hold */
	TEROK_STATE_DOWN_ALL, /* open; denies hold */
	TEROK_STATE_BLOCK,    /* nothing leaves; loopback is its own, but for TEROK_PORT_* */
	TEROK_STATE_MAX_,
};

enum terok_action { TEROK_DENY = 0, TEROK_ALLOW = 1 };

/* Why a decision was taken. */
enum terok_reason {
	TEROK_REASON_NO_GUARD = 0, /* no policy for this cgroup */
	TEROK_REASON_LOOPBACK,     /* loopback or the unspecified address */
	TEROK_REASON_SELF,         /* an address of the guard's own interfaces */
	TEROK_REASON_BLOCKED,      /* state block */
	TEROK_REASON_INFRA,        /* resolver, gate, proxy */
	TEROK_REASON_HARD,         /* metadata service or link-local, and nobody named it */
	TEROK_REASON_RULE_DENY,
	TEROK_REASON_RULE_ALLOW,
	TEROK_REASON_EXPIRED,     /* the rule that would have allowed it has ended */
	TEROK_REASON_PRIVATE,     /* private range, and nobody named it */
	TEROK_REASON_DEFAULT,     /* the state's default */
	TEROK_REASON_FLOW,        /* backstop: a flow approved while its rule held */
	TEROK_REASON_SOCKET_KIND, /* sock_create: neither TCP nor UDP */
	TEROK_REASON_UNSOLICITED, /* from a peer that nobody here asked, or the answer to it */
	TEROK_REASON_ROUTED,      /* backstop: routing header or source route */
	TEROK_REASON_MALFORMED,   /* no address, or a packet that cannot be read */
	TEROK_REASON_PUBLISHED,   /* inbound: to a port that the operator published */
	TEROK_REASON_NAME,        /* a name that is allowed has this address */
	TEROK_REASON_NAME_DENY, /* a name that nobody allowed, or what stands for none; a resolver of
				   * another guard */
	TEROK_REASON_HELLO,     /* backstop: the first data of the flow names somebody else */
	TEROK_REASON_MAX_,
};

enum terok_hook {
	TEROK_HOOK_NONE = 0,
	TEROK_HOOK_CONNECT4,
	TEROK_HOOK_CONNECT6,
	TEROK_HOOK_SENDMSG4,
	TEROK_HOOK_SENDMSG6,
	TEROK_HOOK_SOCK_CREATE,
	TEROK_HOOK_EGRESS,
	TEROK_HOOK_INGRESS,
	TEROK_HOOK_SETSOCKOPT,
	TEROK_HOOK_RECVMSG4,
	TEROK_HOOK_RECVMSG6,
	TEROK_HOOK_GETPEERNAME4,
	TEROK_HOOK_GETPEERNAME6,
	TEROK_HOOK_MAX_,
};

/*
 * Which fields of a rule are named. An exact or prefix rule has one shape; a guard
 * remembers which shapes it has, and no hook looks up a shape that is not there.
 */
enum terok_shape {
	TEROK_SHAPE_ANY = 0,    /* every port, every protocol */
	TEROK_SHAPE_PROTO,      /* one protocol */
	TEROK_SHAPE_PORT,       /* one port, every protocol */
	TEROK_SHAPE_PORT_PROTO, /* one port of one protocol */
	TEROK_SHAPE_MAX_,
};

/* Who made a rule. */
enum terok_author {
	TEROK_AUTHOR_OPERATOR = 0, /* a verb of terok-bpfd */
	TEROK_AUTHOR_VERDICT,      /* an answer through the hub */
	TEROK_AUTHOR_INFRA,   /* the operator, for what the container lives by: resolver, gateway */
	TEROK_AUTHOR_PROFILE, /* an entry of its profiles */
	TEROK_AUTHOR_NAME,    /* an address that a domain had */
	TEROK_AUTHOR_MAX_,
};

/* terok_rule.flags */
#define TEROK_RULE_INFRA     1 /* evaluated before denies */
#define TEROK_RULE_SYNTHETIC 2 /* of a domain: answered with addresses that stand for its own */
#define TEROK_RULE_CHECK     4 /* of a domain: the first data of its flows must name it */

/* terok_guard.names: which lookups are worth it */
#define TEROK_NAMES_LEARNED   1  /* addresses that names have */
#define TEROK_NAMES_SYNTHETIC 2  /* addresses that stand for others */
#define TEROK_NAMES_CHECK     4  /* flows whose first data is looked at */
#define TEROK_NAMES_OWN_NET   8  /* its loopback is its own: a name server there is its own too */
#define TEROK_NAMES_OFF       16 /* it wants no resolver */
#define TEROK_NAMES_EXACT     32 /* every name is answered with synthetic addresses */

/* Value of terok_guards (cgroup storage, key: id of the attached cgroup). */
struct terok_guard {
	__u32 id;              /* 0: none */
	__u32 state;           /* enum terok_state */
	__u32 exact;           /* bit 1 << shape: exact rules of that shape exist */
	__u32 prefix;          /* bit 1 << (shape + 4 * action): prefix rules of that kind exist */
	__u32 epoch;           /* a flow approved in another epoch is approved no more */
	__u32 record_gap_ns;   /* 1 s / rate of records; 0: the default rate */
	__u64 record_burst_ns; /* burst * gap */
	__u64 budget_ns;       /* when the record budget is whole again; hooks write it */
	__u64 bypass_ns;       /* until then, up means down; 0: no window */
	__u16 publishes;       /* 1: it has published ports */
	__u16 notes;           /* 1: where it goes is written into terok_reached */
	__u16 dns_port;        /* where its resolver listens on loopback; 0: it has none */
	__u16 names;           /* TEROK_NAMES_* */
	__u32 domains;         /* changes when something else is said of its domains */
	__u32 slots;           /* blocks of synthetic addresses given out; wraps */
};

struct terok_rule_key { /* key of terok_rules (hash): one address */
	__u32 guard;    /* terok_guard.id */
	__u16 port;     /* 0: any */
	__u8 proto;     /* IPPROTO_*, 0: any */
	__u8 pad;       /* zero: a hash key compares every byte */
	__u8 addr[16];
};

struct terok_prefix_key { /* key of terok_prefix (LPM trie): a range of addresses */
	__u32 prefixlen;  /* TEROK_PREFIX_FIXED + bits of addr that count (IPv4: 96 + n) */
	__u32 guard;
	__u16 port;
	__u8 proto;
	__u8 action; /* enum terok_action: a longer allow never hides a deny */
	__u8 addr[16];
};
#define TEROK_PREFIX_FIXED 64 /* bits before addr, all of which must match */

struct terok_rule {     /* value of terok_rules and terok_prefix */
	__u64 until_ns; /* 0: no end */
	__u64 made_ns;
	__u32 uid;   /* who asked for it */
	__u8 action; /* enum terok_action */
	__u8 author; /* enum terok_author */
	__u8 flags;  /* TEROK_RULE_* */
	__u8 bits;   /* prefix rule: 0..128; exact rule: 128 */
};

struct terok_self_key { /* key of terok_self (hash): an address of the guard's own interfaces */
	__u32 guard;
	__u8 addr[16];
};

struct terok_publish_key { /* key of terok_publish (hash): a port open to the outside */
	__u32 guard;
	__u16 port;
	__u8 proto; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 pad;
};

/*
 * Key of terok_askers (LRU hash): who sent a datagram to a published port. The value is a __u64:
 * until then, CLOCK_BOOTTIME, it may be answered, from that port.
 */
struct terok_asker_key {
	__u32 guard;
	__u16 port; /* the published one */
	__u16 peer_port;
	__u8 peer[16];
};

/* Key of terok_domains (hash): what is said of a domain; the value is a struct terok_rule. */
struct terok_domain_key {
	__u32 guard;
	__u16 port; /* 0: any */
	__u8 proto; /* 0: any */
	__u8 pad;
	char domain[TEROK_DOMAIN_LEN]; /* canonical, "*.x" for x and all below it; zeros behind */
};

/* Key of terok_names (hash): one name of one guard. */
struct terok_name_key {
	__u32 guard;
	__u32 pad;
	__u64 name; /* FNV-1a of its text; whoever finds it by that compares the text */
};

struct terok_grant {    /* what one rule says of a name */
	__u64 until_ns; /* 0: no end */
	__u16 port;     /* 0: any */
	__u8 proto;     /* 0: any */
	__u8 action;    /* enum terok_action */
	__u32 pad;
};

#define TEROK_GRANTS 8 /* rules that fit one name; more are refused when they are made */

/*
 * Value of terok_names: what policy says of a name that was asked for. Everything that a name
 * allows is looked up here on each connect and packet, so taking it away is one write.
 */
struct terok_name {
	__u64 asked_ns; /* when its addresses were written last */
	__u64 made_ns;
	__u64 hits;  /* connects and datagrams that it allowed; hooks count */
	__u32 flags; /* TEROK_RULE_SYNTHETIC, TEROK_RULE_CHECK */
	__u32 n;     /* of grant */
	__u32 slots; /* 1 + its block of synthetic addresses; 0: none */
	__u32 pad;
	struct terok_grant grant[TEROK_GRANTS];
	char text[TEROK_DOMAIN_LEN];
};

struct terok_learned_key { /* key of terok_learned (hash): an address of names */
	__u32 guard;
	__u8 addr[16];
};

#define TEROK_SHARERS 16 /* names that one address is kept for; the one that ends first gives way */

struct terok_learned {             /* value: the names that have it, in no order */
	__u64 name[TEROK_SHARERS]; /* 0: none */
	__u64 until_ns[TEROK_SHARERS];
};

/*
 * Value of terok_queries (hash, key: guard id): what its resolver was asked, about once a second
 * while it is. asked = cached + local + forwarded + blocked + spent + malformed.
 */
struct terok_queries {
	__u64 asked;
	__u64 cached;    /* answered from what was asked before */
	__u64 local;     /* answered here: types outside policy, reverse lookups */
	__u64 forwarded; /* names that left the host, or waited for one that did */
	__u64 blocked;   /* names outside policy */
	__u64 spent;     /* over the budget of new names, or of questions a second */
	__u64 malformed;
	__u64 failed;  /* of forwarded: no answer, no room, or the kernel's table was full */
	__u64 alarms;  /* names that look like data */
	__u64 rebound; /* addresses left out of answers: private or local */
};

/* Value of terok_synthetic (hash, key: struct terok_learned_key): what it stands for. */
struct terok_synthetic {
	__u8 real[16];
	__u64 name;
};

/*
 * Value of terok_steered (socket storage) and terok_sent (LRU hash): what a socket asked for
 * and what it got instead, its resolver or a real address; or, of terok_sent, that a name
 * allowed it (asked == now), shortly before its address would have ended.
 */
struct terok_steered {
	__u8 asked[16], now[16];
	__u16 asked_port, now_port;
	__u32 guard;
	__u64 name; /* 0: the resolver */
};

struct terok_sent_key { /* key of terok_sent: an unconnected socket and where it sent */
	__u64 cookie;
	__u8 now[16];
	__u16 port;
	__u16 pad[3];
};

/*
 * Key of terok_reached (hash): one destination of a guard that notes them. The one that is zero
 * but for the guard counts what had no room; without it nobody knows that something is missing.
 */
struct terok_reached_key {
	__u32 guard;
	__u16 port;
	__u8 proto;
	__u8 action; /* enum terok_action: was it let out? */
	__u8 addr[16];
};

struct terok_reached { /* value of terok_reached */
	__u64 count;   /* connects, and packets of what is no TCP; 0: nothing was sent */
	__u64 last_ns;
	__u32 tgid; /* the first process that went there, and its user */
	__u32 uid;
	char comm[TEROK_COMM_LEN]; /* the process chose it: untrusted */
};

struct
    terok_port_key { /* key of terok_ports (hash): where a resolver listens; value: whose, a __u32 */
	__u64 netns; /* cookie, as SO_NETNS_COOKIE has it */
	__u16 port;
	__u16 pad[3];
};

struct terok_said { /* value of terok_said (LRU hash, key: socket cookie) */
	char name[TEROK_DOMAIN_LEN];
};

#define TEROK_INFO_ROOTS 1 /* root attached it: of all users, its owner too, none detaches it */

/* Value of terok_info (hash, key: guard id): what people call it. Written by the agent only. */
struct terok_info {
	__u64 cgroup;                   /* id: inode number of its directory */
	__u64 made_ns;                  /* when it was attached */
	__u32 uid;                      /* owner: who may see and answer for it besides root */
	__u16 kind;                     /* enum terok_kind */
	__u16 flags;                    /* TEROK_INFO_* */
	char container[TEROK_NAME_LEN]; /* full container id, or the name again */
	char name[TEROK_NAME_LEN];
	char path[TEROK_PATH_LEN]; /* below the cgroup2 root, starts with '/' */
};

#define TEROK_DOSSIER_MAX   16
#define TEROK_DOSSIER_NAMED 1   /* flags: the guard is called as podman calls it: it follows */
#define TEROK_DOSSIER_KEY   32  /* NUL included */
#define TEROK_DOSSIER_VALUE 128 /* the same; a longer one is cut between two characters */

/*
 * Value of terok_dossier (hash, key: guard id; none: nobody said anything): who it is for people,
 * as the annotations dossier.KEY had it when it was attached. Written by the agent only; texts
 * are whoever's who started the container: untrusted. terok/dossier.h fills and reads it.
 */
struct terok_dossier {
	__u32 n;
	__u32 flags; /* TEROK_DOSSIER_* */
	char key[TEROK_DOSSIER_MAX][TEROK_DOSSIER_KEY];
	char value[TEROK_DOSSIER_MAX][TEROK_DOSSIER_VALUE];
	char meta_path[TEROK_PATH_LEN]; /* of a file that overrides the pairs; "": none */
};

enum terok_kind { TEROK_KIND_CGROUP = 0, TEROK_KIND_CONTAINER, TEROK_KIND_EXEC, TEROK_KIND_MAX_ };

/*
 * One refused attempt, as put on terok_records. The process fields are those of the
 * task that made the call; TEROK_HOOK_EGRESS runs in whatever context sends the
 * packet and leaves them zero, and so does TEROK_HOOK_INGRESS, where src is the stranger and
 * dst is here.
 */
struct terok_record {
	__u16 version; /* TEROK_ABI_VERSION */
	__u8 verdict;  /* enum terok_action */
	__u8 reason;   /* enum terok_reason */
	__u8 hook;     /* enum terok_hook */
	__u8 family;   /* AF_INET (v4-mapped too) or AF_INET6 */
	__u8 proto;    /* IPPROTO_* */
	__u8 state;    /* enum terok_state: the one that counted, so down in a bypass window */
	__u64 boot_ns;
	__u32 guard;     /* 0: the hook found none */
	__u32 sock_type; /* SOCK_*; sock_create only, else 0 */
	__u8 src[16];    /* zero: not bound yet */
	__u8 dst[16];
	__u16 src_port;
	__u16 dst_port;
	__u32 pid;  /* thread, initial pid namespace */
	__u32 tgid; /* process, initial pid namespace */
	__u32 ppid; /* parent process */
	__u64 sock_cookie;
	__u64 netns_cookie;
	__u64 cgroup;   /* id of the caller's cgroup: the guard's or a child */
	__u64 start_ns; /* the process's birth; with tgid it names the process for ever */
	__u32 uid;      /* initial user namespace */
	__u32 gid;
	__u64 exe_ino;
	__u32 exe_dev; /* kernel encoding: major << 20 | minor */
	__u32 pad1;
	char comm[TEROK_COMM_LEN];  /* NUL-terminated; the process chose it: untrusted */
	char pcomm[TEROK_COMM_LEN]; /* the parent's */
};

/*
 * Value of terok_counts (per-CPU cgroup storage). Exactly:
 * attempts = allowed + refused, refused = delivered + limited + lost.
 */
struct terok_counts {
	__u64 allowed;   /* connects and datagrams */
	__u64 refused;   /* attempts refused, sockets refused, packets dropped */
	__u64 delivered; /* records put on the ring */
	__u64 limited;   /* records not made: the guard had spent its budget */
	__u64 lost;      /* records not made: the ring was full */
	__u64 dropped;   /* of refused: packets stopped by the backstop */
};

/* Value of terok_wake (mmapable array): the consumer's side of the sleep agreement. */
struct terok_wake {
	__u32 asleep; /* 1: the next record must wake the consumer, who then is awake */
	__u32 pad[15];
};

/*
 * Value of terok_flows (socket storage): an approval that is kept for the flow's life, of a
 * timed rule or, on a listener and what it accepts, of a published port.
 */
struct terok_flow {
	__u32 guard;
	__u32 epoch;
	__u16 port; /* accepted: the local one */
	__u8 proto;
	__u8 accepted; /* 1: by a published port; addr and epoch do not count */
	__u8 addr[16];
};

/* Value of terok_meta (array of one): whose pins these are. The same in every version, for all time. */
struct terok_meta {
	__u32 abi;        /* TEROK_ABI_VERSION */
	__u32 next_id;    /* the next id of a guard of root's; not reused while the pins live */
	char version[16]; /* of the agent that loaded them */
	__u64 instance;   /* which pin and runtime folders they were loaded for; 0: unloaded */
	__u64 loaded_ns;
};

_Static_assert(sizeof(struct terok_guard) == 64, "ABI: guard");
_Static_assert(sizeof(struct terok_rule_key) == 24, "ABI: rule key");
_Static_assert(sizeof(struct terok_prefix_key) == 28, "ABI: prefix key");
_Static_assert(sizeof(struct terok_rule) == 24, "ABI: rule");
_Static_assert(sizeof(struct terok_self_key) == 20, "ABI: self key");
_Static_assert(sizeof(struct terok_publish_key) == 8, "ABI: publish key");
_Static_assert(sizeof(struct terok_asker_key) == 24, "ABI: asker key");
_Static_assert(sizeof(struct terok_domain_key) == 264, "ABI: domain key");
_Static_assert(sizeof(struct terok_name_key) == 16, "ABI: name key");
_Static_assert(sizeof(struct terok_grant) == 16, "ABI: grant");
_Static_assert(sizeof(struct terok_name) == 424, "ABI: name");
_Static_assert(sizeof(struct terok_learned_key) == 20, "ABI: learned key");
_Static_assert(sizeof(struct terok_learned) == 256, "ABI: learned");
_Static_assert(sizeof(struct terok_queries) == 80, "ABI: queries");
_Static_assert(sizeof(struct terok_synthetic) == 24, "ABI: synthetic");
_Static_assert(sizeof(struct terok_port_key) == 16, "ABI: port key");
_Static_assert(sizeof(struct terok_steered) == 48, "ABI: steered");
_Static_assert(sizeof(struct terok_sent_key) == 32, "ABI: sent key");
_Static_assert(sizeof(struct terok_reached_key) == 24, "ABI: reached key");
_Static_assert(sizeof(struct terok_reached) == 40, "ABI: reached");
_Static_assert(sizeof(struct terok_info) == 424, "ABI: info");
_Static_assert(sizeof(struct terok_dossier) == 2824, "ABI: dossier");
_Static_assert(sizeof(struct terok_record) == 160, "ABI: record");
_Static_assert(sizeof(struct terok_counts) == 48, "ABI: counts");
_Static_assert(sizeof(struct terok_wake) == 64, "ABI: wake");
_Static_assert(sizeof(struct terok_flow) == 28, "ABI: flow");
_Static_assert(sizeof(struct terok_meta) == 40, "ABI: meta");

#endif
