/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pretend.h - a hub, its core as the test plays it, and programs that are clients of it
 *
 * The hub is hub_worker_main() in a child, confined as in service. The core lives in
 * await(): it lists the guards that the test made and keeps the answers that come. Programs
 * run with their three streams on pipes that await() reads. Nothing is waited for longer than
 * PRETEND_WAIT_S; every call fails the running test on error. What a test starts ends with it.
 */
#ifndef TESTS_PRETEND_H
#define TESTS_PRETEND_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <sys/types.h>
#include <cmocka.h>

#include "base/event.h"
#include "terok/core_msg.h"

#define PRETEND_WAIT_S 20 /* for what comes in a few milliseconds, or after a second's back-off */

extern char pretend_folder[64], pretend_socket[96];

/** pretend_start(), pretend_end() - a folder, a hub in it; for a fixture */
int pretend_start(void);
int pretend_end(void);

/** pretend_hub_kill() - the hub dies; pretend_hub_start() - another one, which knows no guard */
void pretend_hub_kill(void);
void pretend_hub_start(void);

/** await() - let everything go on until @condition holds */
#define await(condition)                                                                           \
	do {                                                                                       \
		uint64_t await_until_ = now_boot_ns() + PRETEND_WAIT_S * SECOND_NS;                \
		while (!(condition)) {                                                             \
			if (now_boot_ns() > await_until_)                                          \
				fail_msg("%s: it did not come about (%s:%d)", #condition,          \
					 __FILE__, __LINE__);                                      \
			pretend_round();                                                           \
		}                                                                                  \
	} while (0)
void pretend_round(void);

/** pretend_also() - one more that await() serves: @fn once a round, woken by @fd too */
void pretend_also(int fd, void (*fn)(void *arg), void *arg);
/** pretend_alone() - no more of these */
void pretend_alone(void);

/* --- the core */

/** pretend_attach() - a guard begins; pretend_adopt() - it was there when the hub began */
void pretend_attach(uint32_t guard, const char *container, const char *name);
void pretend_adopt(uint32_t guard, const char *container, const char *name);
void pretend_gone(uint32_t guard);

/** pretend_agent() - that happened to its agent, a control plane says */
void pretend_agent(uint32_t guard, enum agent_event_type type, const char *reason);

/** pretend_refuses() - a question: 192.0.2.@ask port 443/tcp, of that guard */
void pretend_refuses(uint32_t guard, uint64_t ask);

/** pretend_refuses_name() - the same for a name that was asked for */
void pretend_refuses_name(uint32_t guard, uint64_t ask, const char *name);

/* The answers that came, oldest first; the core has said nothing to them yet. */
extern struct msg_verdict pretend_verdicts[16];
extern unsigned pretend_n_verdicts;

/** pretend_results() - what became of the oldest; 0 or a negative errno with a text */
void pretend_results(int result, const char *problem);

/* --- programs */

struct program {
	pid_t pid;
	int in, out, err;                /* -1: closed, ended */
	char said[1 << 18], told[65536]; /* stdout, stderr so far */
	size_t n_said, n_told;
	int code; /* exit code, or 128 + signal; -1: it runs */
};

/** program_start() - @argv[0] is looked for in PATH, or is ours with a leading "./" */
void program_start(struct program *program, const char *const argv[]);
#define START(program, ...) program_start(program, (const char *const[]){ __VA_ARGS__, NULL })

/** program_path() - of one of ours, "./NAME"; static */
const char *program_path(const char *name);

/** program_write() - to its stdin */
void program_write(struct program *program, const char *text);

/** program_end_all() - for a fixture without pretend_end(): kill what runs */
void program_end_all(void);

/** program_end() - by a signal, and wait for it; 0: only wait; its exit code */
int program_end(struct program *program, int sig);

#endif
