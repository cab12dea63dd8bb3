// SPDX-License-Identifier: Apache-2.0
#include "stay.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#define BEATS 3 /* in the time that systemd waits for one */

void stay_open(struct stay *stay)
{
	*stay = STAY_NONE;
	notify_open(&stay->notify);
}

static int on_patience(struct timer *timer)
{
	loop_stop(container_of(timer, struct stay, patience)->loop);
	return 0;
}

/* The loop turns: all that a watchdog of one loop can mean. */
static int on_beat(struct timer *timer)
{
	struct stay *stay = container_of(timer, struct stay, beat);

	notify_say(&stay->notify, "WATCHDOG=1");
	timer_arm(stay->loop, timer, now_boot_ns() + stay->notify.watchdog_ns / BEATS, on_beat);
	return 0;
}

/* systemd waits for the READY=1 that is no older than this. */
static void reload(struct stay *stay)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	notify_say(&stay->notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)now.tv_sec * 1000000 +
		       (unsigned long long)now.tv_nsec / 1000);
	stay->reload(stay);
	notify_say(&stay->notify, "READY=1\nSTATUS=%s", stay->status);
}

/* The first time: who is served is served to the end, for a while. */
static int on_signal(struct signals *signals, int signal)
{
	struct stay *stay = container_of(signals, struct stay, signals);

	if (signal == SIGHUP) {
		reload(stay);
		return 0;
	}
	notify_say(&stay->notify, "STOPPING=1");
	if (stay->patience.loop)
		loop_stop(stay->loop);
	timer_arm(stay->loop, &stay->patience, now_boot_ns() + STAY_PATIENCE_NS, on_patience);
	stay->end(stay);
	return 0;
}

int stay_begin(struct stay *stay, struct loop *loop, void (*end)(struct stay *stay))
{
	static const int more[] = { SIGHUP, 0 };

	stay->loop = loop;
	stay->end = end;
	return signals_add(loop, &stay->signals, stay->reload ? more : NULL, on_signal);
}

void stay_ready(struct stay *stay, const char *status)
{
	snprintf(stay->status, sizeof(stay->status), "%s", status);
	notify_say(&stay->notify, "READY=1\nSTATUS=%s", stay->status);
	if (stay->notify.watchdog_ns)
		on_beat(&stay->beat);
}

void stay_done(struct stay *stay)
{
	timer_disarm(&stay->patience);
	timer_disarm(&stay->beat);
	signals_end(&stay->signals);
	notify_close(&stay->notify);
}
