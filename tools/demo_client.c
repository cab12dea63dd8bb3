// SPDX-License-Identifier: Apache-2.0
/*
 * demo_client.c - a hub client that a shell script can read
 *
 * In, on stdin:  allow ID | deny ID
 * Out, a line each, free text last:
 *   subscribed
 *   request LATENCY_NS ID PID DEST PORT REASON EXE
 *   answered LATENCY_NS ok | ERROR TEXT
 * The first latency is from the refusal in the kernel (the record's time) to this process
 * holding the event, the second from the answer's sending to the hub's reply.
 */
#include "demo.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "terok/clearance.h"

#define START_TRIES   500 /* the agent loads its programs first: up to 10 s */
#define START_WAIT_NS 20000000

static bool closed;

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void on_subscribed(void *user)
{
	(void)user;
	puts("subscribed");
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	int64_t arrived = now_ns();
	const struct terok_process *process = &event->process;

	(void)lost;
	(void)user;
	if (strcmp(event->type, "request"))
		return;
	printf("request %" PRId64 " %s %" PRId64 " %s %" PRId64 " %s %s\n",
	       arrived - event->boot_ns, event->request_id, process->pid, event->dest, event->port,
	       event->reason, process->exe[0] ? process->exe : process->comm);
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	int64_t took = now_ns() - (int64_t)cookie;

	(void)user;
	if (error)
		printf("answered %" PRId64 " %s %s\n", took, error, problem ? problem : "");
	else
		printf("answered %" PRId64 " ok\n", took);
}

static void on_closed(int error, void *user)
{
	(void)error;
	(void)user;
	closed = true;
}

/* One line of stdin; the end of it ends the client. */
static int client_obey(struct terok_client *client)
{
	char line[128], action[8], id[80];

	if (!fgets(line, sizeof(line), stdin)) {
		closed = true;
		return 0;
	}
	if (sscanf(line, "%7s %79s", action, id) != 2)
		return -EINVAL;
	return terok_client_answer(client, id, action, "session", 0, now_ns());
}

static int client_open(const char *path, struct terok_client **ret)
{
	static const struct terok_client_events events = { .subscribed = on_subscribed,
							   .event = on_event,
							   .answered = on_answered,
							   .closed = on_closed };
	const struct timespec wait = { .tv_nsec = START_WAIT_NS };
	int r = -ENOENT;

	for (int i = 0; i < START_TRIES && (r == -ENOENT || r == -ECONNREFUSED); i++) {
		if (i)
			nanosleep(&wait, NULL);
		r = terok_client_open(path, &events, NULL, ret);
	}
	return r;
}

int demo_client(const char *path)
{
	struct terok_client *client = NULL;
	int r = client_open(path, &client);

	if (!r)
		r = terok_client_monitor(client, 0, true);
	setvbuf(stdin, NULL, _IONBF, 0); /* nothing may wait where poll() does not see it */
	while (!r && !closed) {
		struct pollfd fds[] = { { terok_client_fd(client), POLLIN, 0 },
					{ STDIN_FILENO, POLLIN, 0 } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			r = -errno;
		if (!r && fds[0].revents)
			r = terok_client_process(client);
		if (!r && !closed && fds[1].revents)
			r = client_obey(client);
		fflush(stdout);
	}
	terok_client_close(client);
	return r;
}
