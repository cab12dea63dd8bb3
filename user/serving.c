// SPDX-License-Identifier: Apache-2.0
#include "serving.h"

#include <unistd.h>

#include "base/cleanup.h"

#define AGAIN_NS  (SECOND_NS / 50) /* between two looks whether all is settled, while starting */
#define STATUS_NS SECOND_NS
#define EXTEND_NS SECOND_NS /* between two words that starting goes on ... */
#define EXTEND_S  30        /* ... each of which buys so much */
#define BEATS     4         /* of one watchdog's time: a worker that hangs is noticed in three */

static void status_say(struct serving *serving)
{
	char text[SERVING_STATUS] = "";

	serving->events->status(text, serving->user);
	notify_say(&serving->notify, "STATUS=%s", text);
}

static int status_tell(struct timer *timer)
{
	status_say(container_of(timer, struct serving, status));
	return 0;
}

void serving_changed(struct serving *serving)
{
	if (serving->ready && notify_wanted(&serving->notify) && !serving->status.loop)
		timer_arm(serving->loop, &serving->status, now_boot_ns() + STATUS_NS, status_tell);
}

static void ready_say(struct serving *serving)
{
	serving->ready = true;
	if (serving->ready_fd >= 0 && write(serving->ready_fd, "1", 1) == 1)
		closep(&serving->ready_fd);
	notify_say(&serving->notify, "READY=1\nMAINPID=%d", getpid());
	status_say(serving);
	serving->events->ready(serving->user);
}

static int look_again(struct timer *timer);

static void ready_look(struct serving *serving)
{
	if (serving->ready)
		return;
	for (unsigned i = 0; i < serving->n_workers; i++)
		if (!serving->worker[i]->pulse.alive)
			return;
	if (serving->events->settled(serving->user))
		ready_say(serving);
	else
		timer_arm(serving->loop, &serving->again, now_boot_ns() + AGAIN_NS, look_again);
}

static int look_again(struct timer *timer)
{
	ready_look(container_of(timer, struct serving, again));
	return 0;
}

static void on_answered(void *user)
{
	struct serving *serving = user;

	ready_look(serving);
	if (serving->late && serving->worker[0]->pulse.alive) {
		serving->late = false;
		notify_say(&serving->notify, "WATCHDOG=1");
	}
}

static int on_beat(struct timer *timer)
{
	struct serving *serving = container_of(timer, struct serving, beat);
	const struct worker_pulse *hub = &serving->worker[0]->pulse;

	if (hub->alive && !hub->waiting)
		notify_say(&serving->notify, "WATCHDOG=1");
	else
		serving->late = true;
	for (unsigned i = 0; i < serving->n_workers; i++)
		worker_ping(serving->worker[i]);
	serving->events->beat(serving->user);
	timer_arm(serving->loop, timer, now_boot_ns() + serving->notify.watchdog_ns / BEATS,
		  on_beat);
	return 0;
}

void serving_begin(struct serving *serving, int ready_fd, const struct serving_events *events,
		   void *user)
{
	*serving = (struct serving){
		.events = events, .user = user, .ready_fd = ready_fd, .extended_ns = now_boot_ns()
	};
	notify_open(&serving->notify);
}

void serving_extend(struct serving *serving)
{
	uint64_t now;

	if (serving->ready || !notify_wanted(&serving->notify))
		return;
	now = now_boot_ns();
	if (now - serving->extended_ns < EXTEND_NS)
		return;
	serving->extended_ns = now;
	notify_say(&serving->notify, "EXTEND_TIMEOUT_USEC=%d000000", EXTEND_S);
}

void serving_attend(struct serving *serving, struct worker *worker)
{
	serving->worker[serving->n_workers++] = worker;
}

void serving_start(struct serving *serving, struct loop *loop)
{
	serving->loop = loop;
	for (unsigned i = 0; i < serving->n_workers; i++)
		worker_attend(serving->worker[i], on_answered, serving);
	if (serving->notify.watchdog_ns)
		timer_arm(loop, &serving->beat, now_boot_ns() + serving->notify.watchdog_ns / BEATS,
			  on_beat);
}

void serving_stop(struct serving *serving)
{
	if (!serving->events)
		return;
	notify_say(&serving->notify, "STOPPING=1");
	timer_disarm(&serving->again);
	timer_disarm(&serving->beat);
	timer_disarm(&serving->status);
	notify_close(&serving->notify);
	closep(&serving->ready_fd);
}
