/* SPDX-License-Identifier: Apache-2.0 */
/*
 * served.h - the hub as a process: the test is its core and its clients
 *
 * hub_worker_main() runs in a child, confined as in service; every wait is for a descriptor
 * and has an end. Every call fails the running test on error.
 */
#ifndef TESTS_SERVED_H
#define TESTS_SERVED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <cmocka.h>

#include "terok/core_msg.h"

#define WAIT_S    10 /* for what comes in a millisecond */
#define CONTAINER "0123456789abcdef"
#define CLEARANCE "org.terok.Clearance1"
#define FIREWALL  "org.terok.Firewall1"

#define CLIENTS   512

extern int core_fd;  /* the core's end */
extern pid_t worker; /* the hub; -1: it has ended */

int served_setup(void **state);
int served_teardown(void **state);

/** end_of_worker() - its exit code; it must end by itself. Closes every client. */
int end_of_worker(void);

/* --- the core ------------------------------------------------------------------------ */

/** core_says() - one message; core_hears() - the next, which is of that type */
void core_says(struct msg_packet *packet);
struct msg_packet core_hears(uint32_t type);

/** core_guard() - guard 1 "box" of uid 1000 is there; @token: of a listing */
void core_guard(uint64_t token);

/** core_opens() - sockets for that user alone, as in their folder */
void core_opens(uid_t uid);

/** core_refuses() - it was refused 192.0.2.1 port 443; @ask: the question's number, 0: none */
void core_refuses(uint64_t ask);

/** core_refuses_name() - the same; people know that address by that name */
void core_refuses_name(uint64_t ask, const char *domain);

/** core_results() - what became of a verdict; if it is in force until_ns is 99 */
void core_results(const struct msg_packet *verdict, int result, const char *problem);

/* --- clients ------------------------------------------------------------------------- */

/** served_path() - where the hub listens; static */
const char *served_path(void);

/** dial() - a connection, closed by the fixture; set_patience() - it waits, but not for ever */
int dial(void);
void set_patience(int fd);

/** dial_as() - as that user, by a socket of the user @of; 0: by everybody's */
int dial_as(uid_t uid, uid_t of);

/** dial_loose() - the same by everybody's socket, closed by the caller */
int dial_loose(uid_t uid);

/** hang_up() - close one of dial()'s */
void hang_up(int fd);

/** say() - a frame, its NUL included */
void say(int fd, const char *frame);

/** heard() - the next frame; static */
const char *heard(int fd);
void hear(int fd, const char *frame);

#endif
