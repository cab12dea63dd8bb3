/* SPDX-License-Identifier: Apache-2.0 */
/*
 * screen.h - terok-clearance on a terminal that we play, and a hub that we play as well
 *
 * The terminal is a VT52, the largest that a few lines can be: what is on it is text, to be looked
 * for. The program is the built one. The hub speaks to one client and reads nothing it need not.
 * Owns: the child, ended by screen_stop() or with the bench; the socket in bench.dir.
 * Called by: bench_screen.c. Threads: none.
 */
#ifndef BENCH_SCREEN_H
#define BENCH_SCREEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SCREEN_ROWS_MAX 95 /* what a VT52 can address */
#define SCREEN_COLS     80

struct screen {
	pid_t pid;
	int fd, rows; /* fd: the terminal's outer end */
	int y, x;     /* its cursor */
	int escape;   /* how far into an escape sequence: 0 not, then what comes next */
	char text[SCREEN_ROWS_MAX][SCREEN_COLS + 1];
	uint64_t bytes; /* written to it */
};

/** screen_start() - terok-clearance --socket @path on a terminal of @rows rows */
int screen_start(struct screen *screen, const char *path, int rows);
void screen_stop(struct screen *screen);

/** screen_take() - what was written to it within @ms; 0, -ETIMEDOUT, -EIO when it has ended */
int screen_take(struct screen *screen, int ms);

/** screen_has() - is @text in one of its rows? */
bool screen_has(const struct screen *screen, const char *text);

/** screen_await() - until it has @text; 0 or as screen_take() */
int screen_await(struct screen *screen, const char *text, uint64_t timeout_ns);

/** screen_key() - a person presses it */
void screen_key(struct screen *screen, char key);

/** screen_cpu_ns() - CPU time that the program has used so far */
uint64_t screen_cpu_ns(const struct screen *screen);

struct played_hub {
	int listen_fd, stream_fd, calls_fd;
	char path[108];
	uint64_t sent, waited_ns, longest_ns; /* frames; for room in the client's socket */
};

/** played_hub_open() - listens at path; played_hub_accept() - its client's two connections */
int played_hub_open(struct played_hub *hub);
int played_hub_accept(struct played_hub *hub);
void played_hub_close(struct played_hub *hub);

/** played_hub_event() - the members of an event, as JSON */
void played_hub_event(struct played_hub *hub, const char *fmt, ...)
    __attribute__((__format__(__printf__, 2, 3)));

#endif
