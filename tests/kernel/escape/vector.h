/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vector.h - what a way around the guard is: one small file, one VECTOR() for each variant
 *
 * A vector tries to get the marker to a target that no rule allows. It is run in a process
 * of its own, which has joined the cgroup and become the user in question; statics carry
 * what one phase leaves to the next. Adding a file is all it takes: VECTOR() puts it in
 * the table that test_escape.c walks.
 *
 * A vector is a straight line: need() ends the attempt with errno when a call failed, and
 * cannot() ends it when this kernel or machine has not got the means at all.
 */
#ifndef TESTS_ESCAPE_VECTOR_H
#define TESTS_ESCAPE_VECTOR_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARKER_LEN 32

enum { V4 = 1, V6 = 2, BOTH = 3 };

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct target {
	int family;
	socklen_t len;
	union address to;          /* where the marker must not arrive */
	union address allowed;     /* what a rule allows, same port */
	union address own;         /* the near side's own address, a port of the case's own */
	union address mapped;      /* to, as ::ffff:a.b.c.d; V4 only */
	union address group;       /* a multicast group of the case's own */
	const char *text;          /* to, as text */
	char marker[MARKER_LEN];   /* no NUL at the end */
	int talk;                  /* to helper(), or to the far side's answers; -1: none */
	int cgroup_fd, outside_fd; /* the case's cgroup, and one that no guard is on */
	const char *setuid;        /* this program, owned by root and setuid: see handed.c */
	unsigned number;           /* of the case */
};

/* What the kernel itself asks for before it gives the means. */
enum needs { NEEDS_NOTHING = 0, NEEDS_NET_RAW, NEEDS_NET_ADMIN, NEEDS_CGROUPFS };

struct vector {
	const char *name, *what;
	unsigned families;
	enum needs needs;
	/* no hook can see it: the container start must withhold what it needs */
	bool unseen;
	/* no wire is meant: nothing may arrive without the guard either, and no call may fail */
	bool stays;
	/* what arrives is the kernel's own word, which no cgroup hook sees: what, and why it may */
	const char *known;
	/* phased, and the packet itself is the message: no marker is to be seen in it */
	bool bare;
	/* memberships are reported by a timer: wait for a later report, too */
	bool joins;
	/* a special target instead of an address of the case's own */
	const char *dest4, *dest6;
	/* before the guard is attached; NULL: the guard is there first */
	void (*before)(struct target *target);
	/* when the guard is there */
	void (*attempt)(struct target *target);
	/* in a process that no guard is on, as root; @talk is the other end of target->talk */
	void (*helper)(struct target *target, int talk);
	bool helper_is_far; /* it lives in the far namespace */
};

#define VECTOR(id)                                                                                 \
	static const struct vector vector_##id;                                                    \
	static const struct vector *const vector_at_##id                                           \
	    __attribute__((used, section("escape_vectors"))) = &vector_##id;                       \
	static const struct vector vector_##id

/** need() - @result, if it is not negative; else the attempt is over, with errno */
long need(long result);

/** cannot() - the attempt is over: not possible here, and why */
void cannot(const char *why) __attribute__((noreturn));

/** refused() - the attempt is over: a call said so in another way than by errno */
void refused(const char *why) __attribute__((noreturn));

/** sock() - a socket of the target's family whose calls all end in time, or the end */
int sock(const struct target *target, int type, int proto);

/** sock_of() - the same in a given family */
int sock_of(int family, int type, int proto);

/** setint() - setsockopt() of an int, or the end */
void setint(int fd, int level, int option, int value);

/** send_marker() - on a connected socket; send_marker_to() on one that is not */
void send_marker(int fd, const struct target *target);
void send_marker_to(int fd, const struct target *target, const union address *to);

/** connect_to() - connect, or the end */
void connect_to(int fd, const struct target *target, const union address *to);

/** await_byte() - one byte from the other side of @talk, false when there is none */
bool await_byte(int talk);

/** give_fd() - pass a descriptor over @talk; take_fd() gets it, -1: none came */
void give_fd(int talk, int fd);
int take_fd(int talk);

#endif
