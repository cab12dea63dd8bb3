// SPDX-License-Identifier: Apache-2.0
#include "answers.h"

#include "programs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"

struct hub hub;

static void on_subscribed(void *user)
{
	(void)user;
	hub.subscribed = true;
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	(void)lost;
	(void)user;
	/* records that waited for an agent are asked about as well */
	if (strcmp(event->type, "request") || strcmp(event->dest, TEST_FAR))
		return;
	hub.asked = true;
	snprintf(hub.id, sizeof(hub.id), "%s", event->request_id);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	(void)problem;
	(void)cookie;
	(void)user;
	hub.answered = true;
	hub.applied = !error;
}

static void on_closed(int error, void *user)
{
	(void)error;
	(void)user;
	hub.closed = true;
}

static const struct terok_client_events events = {
	.subscribed = on_subscribed, .event = on_event, .answered = on_answered, .closed = on_closed
};

void hub_listen(int ms)
{
	struct pollfd ready = { .fd = terok_client_fd(hub.client), .events = POLLIN };

	if (!hub.closed && poll(&ready, 1, ms) == 1)
		terok_client_process(hub.client);
}

bool hub_done(void)
{
	hub_listen(0);
	return hub.answered || hub.closed;
}

static void hub_await(const bool *what)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (!*what && now_boot_ns() < until)
		hub_listen(LIMIT_MS);
	assert_true(*what);
}

void hub_ask(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	memset(&hub, 0, sizeof(hub));
	assert_int_equal(terok_client_open(path, &events, NULL, &hub.client), 0);
	assert_int_equal(terok_client_monitor(hub.client, 0, true), 0);
	hub_await(&hub.subscribed);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	hub_await(&hub.asked);
}

void hub_answer(const char *action, const char *scope)
{
	assert_int_equal(terok_client_answer(hub.client, hub.id, action, scope, 0, 1), 0);
}
