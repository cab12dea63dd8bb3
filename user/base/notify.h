/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - what systemd is told of us: that we serve, that we are alive, that we stop
 *
 * Its socket is opened while sockets may still be made, and never waited for. The variables
 * that name it leave the environment: programs that we run are not the unit, and must not speak
 * for it. Without systemd all of this does nothing. Owns: the socket. Threads: none.
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_MAX 512 /* bytes of one message; longer ones are not sent */

struct notify {
	int fd;               /* -1: nobody wants to know */
	uint64_t watchdog_ns; /* say WATCHDOG=1 at least so often; 0: nobody waits for it */
};

#define NOTIFY_NONE ((struct notify){ .fd = -1 })

/** notify_open() - from NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID */
void notify_open(struct notify *ret);

/** notify_wanted() - somebody listens */
bool notify_wanted(const struct notify *notify);

/** notify_say() - assignments, a line each, as sd_notify(3) has them; what cannot go now is lost */
void notify_say(const struct notify *notify, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

/** notify_close() - nobody is told any more; also of one that was never open */
void notify_close(struct notify *notify);

#endif
