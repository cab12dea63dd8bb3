/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_end.h - a hub worker in a folder of its own, and the core's end of it
 *
 * For tests of programs that are clients of the hub: the test says what the core would say,
 * and hears what the hub asks of the core. Every wait has an end. One hub per test program.
 */
#ifndef TESTS_HUB_CORE_END_H
#define TESTS_HUB_CORE_END_H

#include <stdbool.h>
#include <stdint.h>

#include "terok/core_msg.h"

#define CORE_END_WAIT_S    10 /* for what comes in a millisecond */
#define CORE_END_CONTAINER "0123456789abcdef"

/** core_end_start() - fork the worker, listening at core_end_path(); 0, or -1 */
int core_end_start(void);
/** core_end_stop() - kill it and remove its folder */
void core_end_stop(void);
/** core_end_restart() - the worker dies and another listens at the same path */
void core_end_restart(void);
/** core_end_down() - the worker dies, until core_end_restart() */
void core_end_down(void);
/** core_end_path() - its socket; core_end_folder() - the folder, for other things of the test */
const char *core_end_path(void);
const char *core_end_folder(void);

/** core_end_guard() - tell of guard @id, a container called @name; @news as in MSG_GUARD */
void core_end_guard(uint32_t id, const char *name, uint32_t news, uint32_t state);
/** core_end_gone() - it ended */
void core_end_gone(uint32_t id, const char *reason);
/** core_end_refuses() - a question: @dest is an IPv4 address; @domain the name that was refused, or "" */
void core_end_refuses(uint32_t guard, uint64_t ask, const char *dest, uint16_t port,
		      const char *domain, uint32_t count);
/** core_end_alarm() - a container that has no guard: with @why, or over */
void core_end_alarm(const char *name, const char *why, bool over);
/** core_end_hears() - the next message of that type from the hub; waits */
struct msg_packet core_end_hears(uint32_t type);
/** core_end_lists() - a client asks for guards, which are none: it has heard what was open; waits */
void core_end_lists(void);
/** core_end_told() - whatever the core said so far has been sent to every client; waits */
void core_end_told(void);
/** core_end_results() - what became of an answer: 0 or negative errno */
void core_end_results(const struct msg_packet *verdict, int result, const char *problem);

#endif
