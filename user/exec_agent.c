// SPDX-License-Identifier: Apache-2.0
#include "exec_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/spawn.h"
#include "kernel.h"

#define READY_LIMIT_NS UINT64_C(10000000000) /* loading takes 0.1 s; a busy machine more */

struct start {
	int ready, said; /* reading ends */
	char text[sizeof(((struct problem *)0)->text)];
	size_t size;
};

/* In a child: become the agent, in a session of its own, nobody's child but init's. */
static _Noreturn void become_agent(int ready, int said)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	int null = open("/dev/null", O_RDWR);
	char option[32];

	if (setsid() < 0 || fork() != 0)
		_exit(0);
	spawn_reset_signals();
	sigaction(SIGPIPE, &ignore, NULL); /* nobody reads its standard error after the start */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* what the person's shell left open */
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(said, 2) < 0 ||
	    fcntl(ready, F_SETFD, 0) || chdir("/"))
		_exit(1);
	snprintf(option, sizeof(option), "--ready-fd=%d", ready);
	execl("/proc/self/exe", "terok-bpfd", "run", "--transient", option, NULL);
	dprintf(2, "cannot start /proc/self/exe: %s\n", strerror(errno));
	_exit(1);
}

/* Keep the last of what it says: the reason stands at the end. */
static bool listen_to(struct start *start)
{
	char bite[256];
	ssize_t n = read(start->said, bite, sizeof(bite));
	size_t keep = sizeof(start->text) - 1;

	if (n <= 0)
		return false;
	for (ssize_t i = 0; i < n; i++) {
		if (start->size == keep)
			memmove(start->text, start->text + 1, --start->size);
		start->text[start->size++] = bite[i];
	}
	start->text[start->size] = '\0';
	return true;
}

/* The last line, without the program's name before it, which the caller's log adds again. */
static const char *last_line(struct start *start)
{
	char *line;

	while (start->size && start->text[start->size - 1] == '\n')
		start->text[--start->size] = '\0';
	line = strrchr(start->text, '\n');
	line = line ? line + 1 : start->text;
	return !strncmp(line, "terok-bpfd: ", 12) ? line + 12 : line;
}

static int wait_ready(struct start *start, struct problem *why)
{
	uint64_t until_ns = now_boot_ns() + READY_LIMIT_NS, now;
	char byte;

	while ((now = now_boot_ns()) < until_ns) {
		struct pollfd fds[] = { { .fd = start->ready, .events = POLLIN },
					{ .fd = start->said, .events = POLLIN } };

		if (poll(fds, 2, (until_ns - now) / 1000000 + 1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents && !listen_to(start))
			closep(&start->said);
		if (!fds[0].revents)
			continue;
		if (read(start->ready, &byte, 1) == 1)
			return 0;
		while (start->said >= 0 && listen_to(start))
			;
		if (kernel_agent_pid()) /* two were started at once, the other one won */
			return 0;
		return problem(why, -EIO, "the agent did not start: %s",
			       start->size ? last_line(start) : "it said nothing");
	}
	return problem(why, -ETIMEDOUT, "the agent did not get ready in 10 s");
}

int agent_ensure(struct problem *why)
{
	_cleanup_close_ int ready_in = -1, said_in = -1;
	struct start start = { .ready = -1, .said = -1 };
	int ready[2], said[2], r;
	pid_t pid;

	if (kernel_agent_pid())
		return 0;
	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	start.ready = ready[0];
	ready_in = ready[1];
	if (pipe2(said, O_CLOEXEC)) {
		closep(&start.ready);
		return -EMFILE;
	}
	start.said = said[0];
	said_in = said[1];
	pid = fork();
	if (pid == 0)
		become_agent(ready_in, said_in);
	closep(&ready_in);
	closep(&said_in);
	r = pid < 0 ? -errno : 0;
	if (!r) {
		waitpid(pid, NULL, 0); /* the one in between; ends at once */
		r = wait_ready(&start, why);
	}
	closep(&start.ready);
	closep(&start.said);
	return r;
}
