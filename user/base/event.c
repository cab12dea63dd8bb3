// SPDX-License-Identifier: Apache-2.0
#include "base/event.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define ROUND    64 /* events taken per epoll_pwait2(); bounds the time between two looks at timers */

struct loop {
	int epoll_fd;
	bool stop;
	loop_poll_fn poll;
	void *poll_user;
	struct after *after;             /* who waits for the end of the round */
	struct timer *timers;            /* a pairing heap: the soonest */
	uint64_t turns;                  /* timers that were ever armed */
	uint64_t firing_ns;              /* timers up to then run now; 0: none do */
	int n_ready, next;               /* the round being dispatched */
	struct epoll_event ready[ROUND]; /* data.ptr NULL: deleted meanwhile */
};

uint64_t now_boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

uint64_t now_wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

int loop_new(struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return -errno;
	}
	*ret = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	close(loop->epoll_fd);
	free(loop);
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}

int source_add(struct loop *loop, struct source *source, int fd, uint32_t events, source_fn fn)
{
	struct epoll_event ev = { .events = events, .data.ptr = source };

	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	*source = (struct source){ .loop = loop, .fn = fn, .fd = fd, .events = events };
	return 0;
}

int source_set(struct source *source, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = source };

	if (events == source->events)
		return 0;
	if (epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &ev))
		return -errno;
	source->events = events;
	return 0;
}

void source_del(struct source *source)
{
	struct loop *loop = source->loop;

	if (!loop)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	for (int i = loop->next; i < loop->n_ready; i++)
		if (loop->ready[i].data.ptr == source)
			loop->ready[i].data.ptr = NULL;
	source->loop = NULL;
}

/* --- timers: a pairing heap ----------------------------------------------------------- */

static bool is_sooner(const struct timer *a, const struct timer *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->turn < b->turn;
}

/* Two heaps, whose tops have no neighbours. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	struct timer *top, *under;

	if (!a || !b)
		return a ?: b;
	top = is_sooner(b, a) ? b : a;
	under = top == a ? b : a;
	under->before = top;
	under->next = top->below;
	if (under->next)
		under->next->before = under;
	top->below = under;
	return top;
}

static struct timer *cut_first(struct timer **list)
{
	struct timer *first = *list;

	if (first) {
		*list = first->next;
		first->next = first->before = NULL;
	}
	return first;
}

/* What was below one that goes: in pairs first, which is what keeps the next ones short. */
static struct timer *meld_all(struct timer *list)
{
	struct timer *pairs = NULL, *all = NULL;

	while (list) {
		struct timer *a = cut_first(&list), *pair = meld(a, cut_first(&list));

		pair->next = pairs;
		pairs = pair;
	}
	while (pairs)
		all = meld(all, cut_first(&pairs));
	return all;
}

void timer_disarm(struct timer *timer)
{
	struct loop *loop = timer->loop;
	struct timer *below;

	if (!loop)
		return;
	below = meld_all(timer->below);
	if (timer == loop->timers) {
		loop->timers = below;
	} else {
		if (timer->before->below == timer)
			timer->before->below = timer->next;
		else
			timer->before->next = timer->next;
		if (timer->next)
			timer->next->before = timer->before;
		loop->timers = meld(loop->timers, below);
	}
	timer->loop = NULL;
}

void timer_arm(struct loop *loop, struct timer *timer, uint64_t at_ns, timer_fn fn)
{
	timer_disarm(timer);
	if (at_ns <= loop->firing_ns) /* what a timer arms waits a round, also if it is past */
		at_ns = loop->firing_ns + 1;
	*timer = (struct timer){ .loop = loop, .fn = fn, .at_ns = at_ns, .turn = ++loop->turns };
	loop->timers = meld(loop->timers, timer);
}

/* --- the end of a round --------------------------------------------------------------- */

void loop_after(struct loop *loop, struct after *after, after_fn fn)
{
	if (after->slot)
		return;
	*after = (struct after){ .next = loop->after, .slot = &loop->after, .fn = fn };
	if (after->next)
		after->next->slot = &after->next;
	loop->after = after;
}

void after_cancel(struct after *after)
{
	if (!after->slot)
		return;
	*after->slot = after->next;
	if (after->next)
		after->next->slot = after->slot;
	after->slot = NULL;
}

void loop_set_poll(struct loop *loop, loop_poll_fn fn, void *user)
{
	loop->poll = fn;
	loop->poll_user = user;
}

/* Nanoseconds until the first timer or the next poll, LOOP_SLEEP for neither. */
static int64_t loop_timeout(const struct loop *loop)
{
	int64_t timeout = loop->poll ? loop->poll(loop->poll_user) : LOOP_SLEEP;
	uint64_t now;

	if (!loop->timers || !timeout)
		return timeout;
	now = now_boot_ns();
	if (loop->timers->at_ns <= now)
		return 0;
	if (timeout == LOOP_SLEEP || loop->timers->at_ns - now < (uint64_t)timeout)
		timeout = loop->timers->at_ns - now;
	return timeout;
}

/* Who asks for it again meanwhile waits a round. */
static void loop_call_after(struct loop *loop)
{
	struct after *first = loop->after;

	if (!first)
		return;
	first->slot = &first;
	loop->after = NULL;
	for (struct after *after; (after = first);) {
		after_cancel(after);
		after->fn(after);
	}
}

static int loop_wait(struct loop *loop)
{
	struct timespec ts;
	int64_t ns;

	loop_call_after(loop);
	ns = loop_timeout(loop);
	if (loop->after)
		ns = 0;
	ts = (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
	if (loop->stop) /* the poll function may have ended it */
		return 0;
	return epoll_pwait2(loop->epoll_fd, loop->ready, ROUND, ns == LOOP_SLEEP ? NULL : &ts,
			    NULL);
}

static int loop_fire_timers(struct loop *loop)
{
	uint64_t now = now_boot_ns(); /* once: a timer that re-arms itself waits a round */
	int r = 0;

	loop->firing_ns = now;
	while (!r && loop->timers && loop->timers->at_ns <= now) {
		struct timer *timer = loop->timers;

		timer_disarm(timer);
		r = timer->fn(timer);
	}
	loop->firing_ns = 0;
	return r;
}

int loop_run(struct loop *loop)
{
	int r = 0;

	while (!r && !loop->stop) {
		loop->next = 0;
		loop->n_ready = loop_wait(loop);
		if (loop->n_ready < 0 && errno != EINTR)
			return -errno;

		while (!r && loop->next < loop->n_ready) {
			struct epoll_event *ev = &loop->ready[loop->next++];
			struct source *source = ev->data.ptr;

			if (source)
				r = source->fn(source, ev->events);
		}
		if (!r)
			r = loop_fire_timers(loop);
	}
	return r;
}
