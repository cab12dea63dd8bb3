// SPDX-License-Identifier: Apache-2.0
#include "clearance_single.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "base/event.h"
#include "base/log.h"
#include "clearance_session.h"

#define ANSWER_MS 5000 /* how long one question to the hub may take */

void single_closed(int error, void *user)
{
	struct single *single = user;

	single->done = true;
	single->result = log_error(error ? error : -EPIPE, "the hub went away");
}

void single_end(struct single *single, const char *problem)
{
	char text[256];

	single->done = true;
	if (!problem)
		return;
	log_error(0, "the hub says: %s", log_safe(text, sizeof(text), problem));
	single->result = -EIO;
}

int single_wait(struct single *single)
{
	uint64_t until = now_boot_ns() + ANSWER_MS * UINT64_C(1000000);

	while (!single->done) {
		struct pollfd ready = { .fd = terok_client_fd(single->line.client),
					.events = POLLIN };
		int64_t left = (int64_t)(until - now_boot_ns()) / 1000000;

		if (left <= 0 || poll(&ready, 1, left) == 0)
			return log_error(-ETIMEDOUT, "the hub does not answer");
		terok_client_process(single->line.client);
	}
	return single->result;
}

int single_drain(struct single *single)
{
	struct pollfd ready = { .fd = terok_client_fd(single->line.client), .events = POLLIN };
	int r = 0;

	while (!r && poll(&ready, 1, 0) > 0)
		r = terok_client_process(single->line.client);
	return r;
}

int single_open(struct single *single, const char *path, const struct hub_events *events)
{
	int r;

	signal(SIGPIPE, SIG_IGN);
	path = path ?: session_socket();
	single->line.events = events;
	single->line.user = single;
	r = hub_open(&single->line, path);
	return r ? log_error(r,
			     "cannot reach the hub at %s (is the agent running? try: sudo "
			     "terok-bpfd run)",
			     path)
		 : 0;
}
