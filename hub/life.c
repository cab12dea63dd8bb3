// SPDX-License-Identifier: Apache-2.0
#include "life.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/journald.h"
#include "base/log.h"

void life_over(void *user)
{
	struct life *life = user;

	loop_stop(life->loop);
}

static int on_late(struct timer *timer)
{
	life_over(container_of(timer, struct life, late));
	return 0;
}

static int on_signal(struct signals *signals, int signal)
{
	struct life *life = container_of(signals, struct life, signals);

	(void)signal;
	if (life->ending) {
		life_over(life);
		return 0;
	}
	life->ending = true;
	notify_say(&life->notify, "STOPPING=1");
	timer_arm(life->loop, &life->late, now_boot_ns() + LIFE_STOP_NS, on_late);
	life->end(life->user);
	return 0;
}

int life_begin(struct life *life, const char *name, void (*end)(void *user), void *user)
{
	int r;

	*life = (struct life){ .notify = NOTIFY_NONE, .end = end, .user = user };
	log_setup(name, LOG_INFO, journald_reads());
	signal(SIGPIPE, SIG_IGN);
	r = loop_new(&life->loop);
	if (r)
		return log_error(r, "make a loop");
	r = signals_add(life->loop, &life->signals, NULL, on_signal);
	if (r)
		return log_error(r, "wait for signals");
	notify_open(&life->notify);
	return 0;
}

int life_run(struct life *life)
{
	notify_say(&life->notify, "READY=1");
	return loop_run(life->loop);
}

void life_done(struct life *life)
{
	signals_end(&life->signals);
	timer_disarm(&life->late);
	notify_close(&life->notify);
	if (life->loop)
		loop_free(life->loop);
	*life = (struct life){ .notify = NOTIFY_NONE };
}

int life_path(char *buf, size_t size, const char *given, const char *name, struct problem *why)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	int n;

	if (given)
		n = snprintf(buf, size, "%s", given);
	else if (folder && *folder == '/')
		n = snprintf(buf, size, "%s/%s", folder, name);
	else
		n = snprintf(buf, size, "/run/user/%u/%s", getuid(), name);
	if (n >= (int)size)
		return problem(why, -ENAMETOOLONG, "%.60s... is too long for a socket", buf);
	return 0;
}
