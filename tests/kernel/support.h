/* SPDX-License-Identifier: Apache-2.0 */
/*
 * support.h - a world for kernel tests: private pins, cgroups, a network with a far side
 *
 * test_world() moves the test into its own mount and network namespaces, with a BPF
 * filesystem and runtime folder of its own, and a veth to a far namespace that answers TCP
 * and UDP on TEST_PORT for every address there is, and sends UDP to TEST_ECHO back. So a
 * test's negative can always show that the packet would have arrived, nothing outside sees
 * the test, and nothing stays.
 * Every call fails the running test on error.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "guard.h"
#include "kernel.h"
#include "policy.h"
#include "record.h"

#define TEST_PORT 7777
#define TEST_ECHO 7778
#define TEST_NEAR "198.51.100.1"
#define TEST_FAR  "198.51.100.2"
#define TEST_FAR6 "2001:db8::2"

struct test_world {
	char dir[64]; /* runtime folder and bpffs */
	char cgroup_path[TEROK_PATH_LEN];
	int cgroup_fd;
	volatile struct test_far {
		unsigned streams, datagrams;
	} * far; /* what arrived there; shared memory */
	pid_t far_pid;
	struct kernel *kernel;
	struct records *records;
	struct terok_record last; /* by test_records() */
	unsigned n_records;
	uint64_t reasons, hooks;               /* bit 1 << reason, 1 << hook: seen */
	uint64_t reasons_in[TEROK_STATE_MAX_]; /* the same by the state that counted */
};

/** test_require() - exit 77 and name the reason unless root on cgroup v2; never silence */
void test_require(const char *suite);

struct test_world *test_world_new(void);
void test_world_free(struct test_world *world);

/** test_load() - kernel_load() and open the ring */
void test_load(struct test_world *world);

/** test_guard() - guard the world's cgroup in that state, default rates unless given */
struct guard test_guard(struct test_world *world, enum terok_state state, uint32_t rate,
			uint32_t burst);

/** test_rule() - add a rule by text; @seconds 0: no end */
int test_rule(struct test_world *world, uint32_t guard, enum terok_action action, const char *dest,
	      uint64_t until_ns);

/** test_records() - drain the ring; the last is in world->last; how many */
unsigned test_records(struct test_world *world);

/** test_inside() - run @fn in a child inside the guarded cgroup (NULL path: in no guard) */
int test_inside(struct test_world *world, int (*fn)(const void *arg), const void *arg);
int test_outside(int (*fn)(const void *arg), const void *arg);

/* What children try: each returns 0 or the errno of the call that failed. */
struct test_dest {
	const char *addr;
	uint16_t port;
	int type, proto; /* 0: SOCK_STREAM, the type's default */
};
int test_connect(const void *dest);      /* blocking TCP or UDP connect */
int test_sendto(const void *dest);       /* unconnected datagram */
int test_connect_send(const void *dest); /* connect, then send */
int test_socket(const void *dest);       /* socket() only */

/** test_tcp() - TCP connect to TEST_PORT of @addr from inside the guard */
int test_tcp(struct test_world *world, const char *addr);
int test_udp(struct test_world *world, const char *addr);

/** test_worker() - the process of an agent's worker of that name; 0: there is none */
pid_t test_worker(pid_t agent, const char *name);

#endif
