// SPDX-License-Identifier: Apache-2.0
/* asker.c - a hub client that waits for one thing at a time; see consumer.h */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "consumer.h"

static void on_subscribed(void *user)
{
	((struct asker *)user)->subscribed = true;
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct asker *asker = user;

	asker->lost = lost;
	if (strcmp(event->type, "request"))
		return;
	asker->requests++;
	asker->fresh = true;
	snprintf(asker->request_id, sizeof(asker->request_id), "%s", event->request_id);
	snprintf(asker->dest, sizeof(asker->dest), "%s", event->dest);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	struct asker *asker = user;

	(void)problem;
	(void)cookie;
	asker->answered = true;
	snprintf(asker->error, sizeof(asker->error), "%s", error ? error : "");
}

static void on_closed(int error, void *user)
{
	(void)error;
	((struct asker *)user)->closed = true;
}

static const struct terok_client_events events = {
	.subscribed = on_subscribed,
	.event = on_event,
	.answered = on_answered,
	.closed = on_closed,
};

/* Sleep until the hub has something, and take it. */
static int asker_turn(struct asker *asker, uint64_t end)
{
	struct pollfd poll_fd = { .fd = terok_client_fd(asker->client), .events = POLLIN };
	uint64_t now = bench_ns();
	int r;

	if (now >= end)
		return -ETIMEDOUT;
	r = poll(&poll_fd, 1, (end - now) / 1000000 + 1);
	if (r < 0)
		return -errno;
	r = terok_client_process(asker->client);
	return r ? r : asker->closed ? -EPIPE : 0;
}

int asker_open(struct asker *asker)
{
	uint64_t end = bench_ns() + 2000000000ull;
	int r;

	memset(asker, 0, sizeof(*asker));
	r = terok_client_open(agent_socket(), &events, asker, &asker->client);
	if (!r)
		r = terok_client_monitor(asker->client, 0, false);
	while (!r && !asker->subscribed)
		r = asker_turn(asker, end);
	return r ? bench_fail(r, "subscribe at %s", agent_socket()) : 0;
}

void asker_close(struct asker *asker)
{
	terok_client_close(asker->client);
	asker->client = NULL;
}

int asker_wait(struct asker *asker, const char *dest, uint64_t timeout_ns)
{
	uint64_t end = bench_ns() + timeout_ns;
	int r = 0;

	while (!r && !(asker->fresh && (!dest || !strcmp(asker->dest, dest)))) {
		asker->fresh = false;
		r = asker_turn(asker, end);
	}
	asker->fresh = false;
	return r;
}

int asker_answer(struct asker *asker, const char *action, uint64_t timeout_ns)
{
	uint64_t end = bench_ns() + timeout_ns;
	int r;

	asker->answered = false;
	r = terok_client_answer(asker->client, asker->request_id, action, "session", 0, 1);
	while (!r && !asker->answered)
		r = asker_turn(asker, end);
	if (!r && asker->error[0])
		r = bench_fail(-EREMOTEIO, "answer: %s", asker->error);
	return r;
}
