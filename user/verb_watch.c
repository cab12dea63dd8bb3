// SPDX-License-Identifier: Apache-2.0
/* verb_watch.c - terok-bpfd watch: what the hub tells, a line each, until a signal */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/log.h"
#include "core.h"
#include "guard.h"
#include "terok/clearance.h"
#include "verbs.h"

struct watch {
	bool json, closed, unread; /* unread: nobody takes what we write */
	int error;
	int64_t lost;
};

static void print_refusal(const struct terok_event *event)
{
	char proto[8];

	if (!event->port && !event->proto && !event->process.pid) /* a name that was refused */
		printf("%-7s  %s  the name  %s  %s", event->type, event->name, event->dest,
		       event->reason);
	else
		printf("%-7s  %s  %s[%" PRId64 "]  %s port %" PRId64 "/%s  %s", event->type,
		       event->name, event->process.comm, event->process.pid, event->dest,
		       event->port, proto_name(event->proto, proto), event->reason);
	if (*event->request_id)
		printf("  %s", event->request_id);
	if (event->count > 1)
		printf("  (%" PRId64 " times)", event->count);
	putchar('\n');
}

static void print_other(const struct terok_event *event)
{
	if (!strcmp(event->type, "verdict"))
		printf("verdict  %s  %s %s (%s)%s%s\n", event->name, event->action,
		       event->request_id, event->scope,
		       event->ok ? "" : ": failed: ", event->problem);
	else
		printf("%s  %s  %s%s\n", event->type, event->name, event->state, event->reason);
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct watch *watch = user;

	if (lost > watch->lost)
		log_warn(0, "%" PRId64 " events were lost: this terminal is too slow",
			 lost - watch->lost);
	watch->lost = lost;
	if (watch->json)
		puts(event->json);
	else if (!strcmp(event->type, "request") || !strcmp(event->type, "refused"))
		print_refusal(event);
	else
		print_other(event);
	watch->unread = fflush(stdout) != 0;
}

static void on_closed(int error, void *user)
{
	struct watch *watch = user;

	watch->closed = true;
	watch->error = error;
}

static int watch_loop(struct terok_client *client, struct watch *watch)
{
	struct pollfd fds[2] = { { .fd = terok_client_fd(client), .events = POLLIN },
				 { .events = POLLIN } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fds[1].fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fds[1].fd < 0)
		return log_error(-errno, "signalfd");
	while (!watch->closed && !watch->unread && poll(fds, 2, -1) > 0 && !fds[1].revents)
		terok_client_process(client);
	close(fds[1].fd);
	if (watch->closed)
		return log_error(watch->error, "the agent went away"), -EPIPE;
	return 0;
}

/* A number goes as it is; anything else is looked up in the pinned maps. */
static int guard_number(const char *text, int64_t *ret)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct guard guard;
	int r = verb_open(text, &kernel, &guard);

	if (!r)
		*ret = guard.id;
	return r;
}

int verb_watch(int argc, char **argv)
{
	const struct terok_client_events events = { .event = on_event, .closed = on_closed };
	struct terok_client *client = NULL;
	struct watch watch = {};
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object a line", CLI_FLAG, &watch.json },
		{},
	};
	int64_t guard = 0;
	int n = cli_parse(argc, argv, options, 0, 1), r;

	if (n < 0)
		return n;
	r = n ? guard_number(argv[1], &guard) : 0;
	if (r)
		return r;
	r = terok_client_open(core_socket_path(), &events, &watch, &client);
	if (r)
		return log_error(r,
				 "cannot reach the hub at %s; is the agent running? try: "
				 "terok-bpfd run",
				 core_socket_path()),
		       -EPIPE;
	r = terok_client_monitor(client, guard, true);
	if (!r)
		r = watch_loop(client, &watch);
	terok_client_close(client);
	return r;
}
