/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup.h - names in a guard: a name server behind the agent, sockets inside, what was asked
 *
 * lookup_begin() starts tests/names/server with a zone at a loopback address, and the agent
 * that asks it. A socket belongs to the guard it was made in, whoever uses it: so tests hold
 * the guard's own sockets (inside_socket()) and make every call themselves.
 *
 * What people are asked comes through the hub; names wait a moment before they are told, so a
 * test that counts asks for one more name and awaits that (people_await()).
 * Every call fails the running test on error.
 */
#ifndef TESTS_LOOKUP_H
#define TESTS_LOOKUP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "programs.h"
#include "terok/clearance.h"

#define TYPE_A        1
#define TYPE_PTR      12
#define TYPE_AAAA     28
#define TYPE_HTTPS    65

#define LOOKUP_SERVER "8.8.8.8" /* that a guard's processes ask; nobody can reach it */

#define DNS_OK        0
#define DNS_FORMERR   1
#define DNS_SERVFAIL  2
#define DNS_NXDOMAIN  3
#define DNS_NONE      99 /* no answer came */

/* What a question got. */
struct lookup {
	unsigned rcode; /* DNS_* */
	unsigned n;     /* addresses */
	unsigned other; /* records of other types */
	uint32_t ttl;   /* of the last */
	bool truncated;
	int ede;      /* extended error, -1: none */
	int minimum;  /* of the SOA, -1: none */
	char name[8]; /* unused bytes are zero: the letters of the question as they came back */
	char target[256];
	uint8_t addr[256][16];
	struct sockaddr_storage from;
};

/**
 * lookup_begin() - in a world that programs_setup() made: server, agent, and "box" guarded,
 * in which somebody lives
 */
void lookup_begin(const char *zone, const char *mode);

/** lookup_zone() - the server knows these names from now on, instead */
void lookup_zone(const char *zone);

/** lookup_serve() - start a server that knows the zone; its address as ADDR:PORT */
const char *lookup_serve(const char *address, const char *zone);

/** lookup_end() - what lookup_begin() and lookup_serve() started, but for the agent */
void lookup_end(void);

/** lookup_asked() - how many questions with that text were asked of any server */
unsigned lookup_asked(const char *text);
/** lookup_await_asked() - until the first server was asked so many in all: the other family's comes by itself */
void lookup_await_asked(unsigned n);

/** lookup() - ask from inside the guard, by a datagram; the result is overwritten by the next */
const struct lookup *lookup(const char *name, uint16_t type);

/** lookup_tcp() - the same by a connection */
const struct lookup *lookup_tcp(const char *name, uint16_t type);

/** lookup_by() - the same by this socket, which may be connected; @ms: to wait for the answer */
const struct lookup *lookup_by(int fd, const char *name, uint16_t type, int ms);

/** lookup_read() - an answer's bytes, without the length that TCP has before it */
const struct lookup *lookup_read(const uint8_t *bytes, size_t size);

/** lookup_address() - the answer's @i'th, as text; static */
const char *lookup_address(const struct lookup *answer, unsigned i);

/** assert_found() - the name's only address of that family is @addr */
void assert_found(const char *name, const char *addr);

/** assert_unknown() - NXDOMAIN that may be remembered for a second, and says why */
void assert_unknown(const char *name);

/** assert_no_data() - no error, and no address */
void assert_no_data(const char *name, uint16_t type);

/* --- sockets of the guard --------------------------------------------------------------------- */

/* Somebody who lives in a guard, in a network namespace of its own if it has one. */
struct place {
	int cgroup_fd;
	pid_t pid; /* whose namespace; 0: ours */
};

/** inside_socket() - a socket of the world's guard; place_socket(): of another */
int inside_socket(int family, int type);
int place_socket(const struct place *place, int family, int type, int proto);

/** to() - a socket address; static, four in turn */
const struct sockaddr *to(const char *addr, uint16_t port);
socklen_t to_size(const struct sockaddr *addr);

/** reach() - connect a new TCP socket of the guard; 0 or errno */
int reach(const char *addr, uint16_t port);

/** throw_to() - send a datagram by a new unconnected socket of the guard; 0 or errno */
int throw_to(const char *addr, uint16_t port);

/** call_by() - send to TEST_ECHO by this socket (@addr NULL: it is connected), and hear it back */
int call_by(int fd, const char *addr);

/** stream_moves() - does what is written arrive? 0, or the errno of the write; ETIMEDOUT */
int stream_moves(int fd, int ms);

/* --- people ------------------------------------------------------------------------------------ */

struct heard {
	char type[16], what[256], reason[24], id[40];
	char rule[320], client[16], parent[16]; /* parent: the nearest of the ancestors */
};

/** people_listen() - a client of the hub from now on; people_leave() */
void people_listen(void);
void people_leave(void);

/** people_await() - until they are asked or told about that domain or address */
void people_await(const char *type, const char *what);

/** people_heard() - how often, so far; @type "request" or "refused", @reason NULL: any */
unsigned people_heard(const char *type, const char *what, const char *reason);

/** people_last() - the last of that type about that, @what NULL: anything; NULL: none so far */
const struct heard *people_last(const char *type, const char *what);

/** people_await_verdict() - until an answer, whosever, is told */
void people_await_verdict(void);

/** people_open() - requests that nobody has answered; people_await_open() - until there are so many */
unsigned people_open(void);
void people_await_open(unsigned n);

/** people_await_all() - until so many refusals by rules were told, or told to be missing */
void people_await_all(unsigned n);
unsigned people_missed(void);

/** people_held() - what nobody was asked about; people_await_held() - until it is so much */
unsigned people_held(void);
void people_await_held(unsigned n);

/** people_answer() - the last request about it; returns when the answer was answered */
void people_answer(const char *what, const char *action, const char *scope);

/** people_say() - the same in more words; the rule that was made, or "ERROR: PROBLEM" */
const char *people_say(const char *what, const struct terok_answer *answer);

#endif
