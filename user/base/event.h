/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.h - one epoll loop per process: descriptors, deadlines, signals
 *
 * A source is a member of the object it serves, so nothing is allocated and the
 * callback finds its object with container_of(). Level-triggered: what is not read
 * now fires again. A callback may delete any source, itself and those that fired in
 * the same round included. Nothing ticks: an idle process sleeps until something
 * happens. One thread; a callback never blocks and never loops until EAGAIN on one
 * peer (take a bounded bite, the rest comes next round).
 */
#ifndef BASE_EVENT_H
#define BASE_EVENT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

struct loop;
struct source;
struct timer;
struct after;

/** source_fn - @events: EPOLL*; return 0, or a negative errno to end loop_run() with it */
typedef int (*source_fn)(struct source *source, uint32_t events);
typedef int (*timer_fn)(struct timer *timer);
typedef void (*after_fn)(struct after *after);

struct source {
	struct loop *loop; /* NULL: not in a loop */
	source_fn fn;
	int fd;          /* borrowed: delete the source before closing it */
	uint32_t events; /* what it waits for */
};

struct timer {
	struct loop *loop; /* NULL: not armed */
	timer_fn fn;
	uint64_t at_ns; /* CLOCK_BOOTTIME, as deadlines in map values are */
	/* the loop's heap: before is the one above for the first of its timers, else its neighbour */
	struct timer *below, *next, *before;
	uint64_t turn; /* who was armed first, of those at one time */
};

/* What is done once for all that one round has caused: their lines in one write, say. */
struct after {
	struct after *next, **slot; /* slot NULL: it does not wait */
	after_fn fn;
};

int loop_new(struct loop **ret);
void loop_free(struct loop *loop);

/**
 * loop_poll_fn - for a producer that must not pay for waking us: called once a round
 *
 * Return: LOOP_SLEEP: sleep until something happens; else at most so many nanoseconds,
 * 0 to come back at once.
 */
typedef int64_t (*loop_poll_fn)(void *user);
#define LOOP_SLEEP INT64_C(-1)

/** loop_set_poll() - the one poll function of a loop; NULL: none */
void loop_set_poll(struct loop *loop, loop_poll_fn fn, void *user);

/** loop_run() - dispatch until a callback fails or loop_stop(); returns that error or 0 */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/** source_add() - watch @fd; @source must stay put until source_del() */
int source_add(struct loop *loop, struct source *source, int fd, uint32_t events, source_fn fn);
/** source_set() - wait for @events from now on; free when it does already */
int source_set(struct source *source, uint32_t events);
void source_del(struct source *source);

/**
 * timer_arm() - call @fn once at @at_ns; re-arming moves it; a past time fires next round
 *
 * Those of one time fire as they were armed. Thousands are no burden: arming is a few steps however
 * many there are, firing and disarming log n of them; nothing is allocated.
 */
void timer_arm(struct loop *loop, struct timer *timer, uint64_t at_ns, timer_fn fn);
void timer_disarm(struct timer *timer);

/**
 * loop_after() - call @fn once, when all that this round has found is dispatched
 *
 * @after is the caller's, to after_cancel() before it goes; a loop that is stopped calls nobody.
 * Who waits already waits once; asked for by @fn itself, it is the next round's.
 */
void loop_after(struct loop *loop, struct after *after, after_fn fn);
/** after_cancel() - it does not wait any more */
void after_cancel(struct after *after);

#define SECOND_NS UINT64_C(1000000000)

/** now_boot_ns() - CLOCK_BOOTTIME, the clock of bpf_ktime_get_boot_ns() */
uint64_t now_boot_ns(void);

/** now_wall_ns() - CLOCK_REALTIME: for people, never to calculate with */
uint64_t now_wall_ns(void);

#endif
