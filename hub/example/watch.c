// SPDX-License-Identifier: Apache-2.0
/*
 * watch.c - an example of libclearance: show requests as they come, deny them with --deny
 *
 *   cc watch.c $(pkg-config --cflags --libs libclearance) -o watch
 *   ./watch [--deny] [SOCKET]
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <terok/clearance.h>

struct watch {
	struct terok_client *client;
	bool deny, closed;
};

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct watch *watch = user;

	if (lost)
		fprintf(stderr, "watch: %" PRId64 " events were missed so far\n", lost);
	if (!strcmp(event->type, "verdict"))
		printf("%s: %s, %s\n", event->request_id, event->action,
		       event->ok ? "in force" : event->problem);
	if (strcmp(event->type, "request"))
		return;
	/* all text is printable, whatever the container chose */
	printf("%s: %s wants %s port %" PRId64 " (%s)\n", event->request_id, event->name,
	       event->dest, event->port, event->process.comm);
	if (watch->deny)
		terok_client_answer(watch->client, event->request_id, "deny", "once", 0, 0);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	(void)cookie;
	(void)user;
	if (error)
		fprintf(stderr, "watch: not denied: %s\n", problem);
}

static void on_closed(int error, void *user)
{
	struct watch *watch = user;

	watch->closed = true; /* not to be closed from here */
	fprintf(stderr, "watch: the hub went away%s%s\n", error ? ": " : "",
		error ? strerror(-error) : "");
}

int main(int argc, char **argv)
{
	static const struct terok_client_events events = {
		.event = on_event,
		.answered = on_answered,
		.closed = on_closed,
	};
	struct watch watch = { .deny = argc > 1 && !strcmp(argv[1], "--deny") };
	int r = terok_client_open(argv[watch.deny ? 2 : 1], &events, &watch, &watch.client);

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* with replay: what waits already comes first */
	if (!r)
		r = terok_client_monitor(watch.client, 0, true);
	if (r) {
		fprintf(stderr, "watch: no hub: %s\n", strerror(-r));
		terok_client_close(watch.client);
		return 1;
	}
	while (!watch.closed) {
		struct pollfd ready = { .fd = terok_client_fd(watch.client), .events = POLLIN };

		if (poll(&ready, 1, -1) > 0)
			terok_client_process(watch.client);
		else if (errno != EINTR)
			break;
	}
	terok_client_close(watch.client);
	return 0;
}
