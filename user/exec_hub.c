// SPDX-License-Identifier: Apache-2.0
#include "exec_hub.h"

#include <errno.h>
#include <stdio.h>

#include "control.h"
#include "exec_agent.h"
#include "kernel.h"

#define AGENTS_MAX 3 /* transient agents started anew in one run; more would hide a crash */

static int on_retry(struct timer *timer);

static void tell_ready(struct exec_hub *hub, bool listening)
{
	timer_disarm(&hub->give_up);
	if (hub->told)
		return;
	hub->told = true;
	hub->ready(hub, listening);
}

static void on_subscribed(void *user)
{
	tell_ready(user, true);
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct exec_hub *hub = user;

	(void)lost; /* the summary is short of what the kernel's counters say, and says so */
	hub->event(hub, event);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct exec_hub *hub = user;

	(void)cookie;
	if (error)
		hub->refused(hub, problem && *problem ? problem : error);
}

static void on_guard(const struct terok_guard_status *guard, void *user)
{
	struct exec_hub *hub = user;

	if (!guard && hub->listed) {
		hub->listed = false;
		hub->caught_up(hub);
	}
}

static void on_closed(int error, void *user)
{
	struct exec_hub *hub = user;

	(void)error;
	hub->broken = true; /* it may not be closed from within a callback */
}

static void disconnect(struct exec_hub *hub)
{
	source_del(&hub->source);
	terok_client_close(hub->client);
	hub->client = NULL;
	hub->broken = false;
	if (hub->listed) { /* nobody is left to catch up with */
		hub->listed = false;
		hub->caught_up(hub);
	}
}

static int on_readable(struct source *source, uint32_t events)
{
	struct exec_hub *hub = container_of(source, struct exec_hub, source);

	(void)events;
	if (terok_client_process(hub->client) || hub->broken) {
		disconnect(hub);
		timer_arm(hub->loop, &hub->retry, now_boot_ns() + HUB_RETRY_NS, on_retry);
	}
	return 0;
}

static int connect_now(struct exec_hub *hub)
{
	static const struct terok_client_events events = {
		.subscribed = on_subscribed,
		.event = on_event,
		.answered = on_answered,
		.guard = on_guard,
		.closed = on_closed,
	};
	int r = terok_client_open(hub->path, &events, hub, &hub->client);

	if (r) {
		hub->client = NULL;
		return r;
	}
	r = source_add(hub->loop, &hub->source, terok_client_fd(hub->client), EPOLLIN, on_readable);
	if (!r)
		r = terok_client_monitor(hub->client, hub->guard, true);
	if (r)
		disconnect(hub);
	return r;
}

static int on_retry(struct timer *timer)
{
	struct exec_hub *hub = container_of(timer, struct exec_hub, retry);

	if (!kernel_agent_pid() && hub->agents < AGENTS_MAX) {
		hub->agents++;
		agent_ensure(NULL);
	}
	if (connect_now(hub))
		timer_arm(hub->loop, &hub->retry, now_boot_ns() + HUB_RETRY_NS, on_retry);
	return 0;
}

static int on_give_up(struct timer *timer)
{
	struct exec_hub *hub = container_of(timer, struct exec_hub, give_up);

	tell_ready(hub, false);
	return 0;
}

int hub_start(struct exec_hub *hub, struct loop *loop)
{
	hub->loop = loop;
	if (snprintf(hub->path, sizeof(hub->path), "%s/clearance.sock", kernel_run_dir()) >=
	    (int)sizeof(hub->path))
		return -ENAMETOOLONG;
	timer_arm(loop, &hub->give_up, now_boot_ns() + HUB_GIVE_UP_NS, on_give_up);
	return on_retry(&hub->retry);
}

int hub_answer(struct exec_hub *hub, const char *id, const char *action, const char *scope)
{
	if (!hub->client)
		return -ENOTCONN;
	return terok_client_answer(hub->client, id, action, scope, 0, 0);
}

/*
 * The agent drains its ring before it answers the control word, so the hub has every
 * refusal before the list is asked for, and its events are written before the list is.
 */
int hub_catch_up(struct exec_hub *hub)
{
	int r = hub->client ? control_notify(hub->guard) : -ENOTCONN;

	if (!r)
		r = terok_client_list_guards(hub->client);
	hub->listed = !r;
	return r;
}

void hub_done(struct exec_hub *hub)
{
	timer_disarm(&hub->retry);
	timer_disarm(&hub->give_up);
	hub->listed = false;
	if (hub->client)
		disconnect(hub);
}
