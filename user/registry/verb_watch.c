// SPDX-License-Identifier: Apache-2.0
/*
 * verb_watch.c - terok-cp watch: what happens to agents, until the control plane or whoever reads us ends
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sock.h"
#include "verbs.h"
#include "watch.h"

#define PIECE (64U << 10) /* bytes; a line is as long as the world is large */

static void clock_of(char ret[static 16], struct json_object *event)
{
	struct json_object *at = json_member(event, "time_unix_ns", json_type_int);
	time_t seconds = at ? (time_t)(json_object_get_int64(at) / (int64_t)SECOND_NS) : 0;
	struct tm tm;

	if (!at || !localtime_r(&seconds, &tm) || !strftime(ret, 16, "%H:%M:%S", &tm))
		strcpy(ret, "-");
}

static const char *word(struct json_object *event, const char *key, char *buf, size_t size)
{
	const char *text = json_text(event, key);

	return text && *text ? log_safe(buf, size, text) : "-";
}

/* @event: of an object of the world, or what has happened */
static void show_agent(struct json_object *event)
{
	char id[16], agent[64], project[64], session[16], trust[64];

	word(event, "container_id", id, 13);
	printf("%-8s %-28s %-12.12s %-20s %-20s %s\n", "-",
	       word(event, "session", session, sizeof(session)), id,
	       word(event, "agent", agent, sizeof(agent)),
	       word(event, "project", project, sizeof(project)),
	       word(event, "trust", trust, sizeof(trust)));
}

static void show_event(struct json_object *event)
{
	char at[16], name[64], id[64], agent[64], project[64], reason[128], step[64];
	struct json_object *count = json_member(event, "count", json_type_int);

	clock_of(at, event);
	if (count) {
		printf("%-8s %s: %lld\n", at, word(event, "event", name, sizeof(name)),
		       (long long)json_object_get_int64(count));
		return;
	}
	printf(
	    "%-8s %-28s %-12.12s %-20s %-20s %s %s\n", at, word(event, "event", name, sizeof(name)),
	    word(event, "container_id", id, sizeof(id)), word(event, "agent", agent, sizeof(agent)),
	    word(event, "project", project, sizeof(project)),
	    word(event, "step", step, sizeof(step)), word(event, "reason", reason, sizeof(reason)));
}

static void show(const char *line, size_t n)
{
	_cleanup_(json_putp) struct json_object *event = NULL;
	struct json_object *agents;

	if (json_parse(line, n, &event))
		return;
	agents = json_member(json_member(event, "snapshot", json_type_object), "agents",
			     json_type_array);
	for (size_t i = 0; agents && i < json_object_array_length(agents); i++)
		show_agent(json_object_array_get_idx(agents, i));
	if (!agents)
		show_event(event);
}

/* Whole lines of what has come; how many bytes they were, or a negative errno: nobody reads us. */
static ssize_t show_lines(const char *text, size_t n, bool as_json)
{
	const char *at = text, *end;

	while ((end = memchr(at, '\n', (size_t)(text + n - at)))) {
		size_t line = (size_t)(end + 1 - at);

		if (as_json)
			fwrite(at, 1, line, stdout);
		else
			show(at, line);
		at += line;
	}
	return fflush(stdout) ? -errno : at - text;
}

/* Until there is something to read; 0: whoever reads us has gone, which also happens when all is quiet. */
static int await(int from)
{
	struct pollfd fds[] = { { .fd = from, .events = POLLIN }, { .fd = STDOUT_FILENO } };

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return fds[1].revents & (POLLERR | POLLHUP) ? 0 : 1;
}

static int follow(int from, bool as_json)
{
	_cleanup_free_ char *text = NULL;
	size_t n = 0, room = 0;
	int r;

	while ((r = await(from)) > 0) {
		ssize_t some;

		if (room - n < PIECE) {
			char *more = realloc(text, 2 * room + PIECE);

			if (!more)
				return log_error(-ENOMEM, "watch");
			text = more;
			room = 2 * room + PIECE;
		}
		some = read(from, text + n, room - n);
		if (some <= 0)
			return log_error(-ECONNRESET, "watch: the control plane has ended");
		n += (size_t)some;
		some = show_lines(text, n, as_json);
		if (some < 0)
			return log_error((int)some, "watch: standard output");
		n -= (size_t)some;
		memmove(text, text + some, n);
	}
	return r ? log_error(r, "watch") : 0;
}

int verb_watch(int argc, char **argv)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	const char *said = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "socket", "PATH", "the control plane's", CLI_STRING, &said },
		{ "json", NULL, "a line each: the world first, then events", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	path = watch_path(said);
	fd = path ? sock_connect(path) : -ENOMEM;
	if (fd < 0)
		return log_error(fd == -EINVAL ? -EIO : fd, "watch: %s", path ?: "no home");
	if (fcntl(fd, F_SETFL, 0))
		return log_error(-errno, "watch");
	return follow(fd, json);
}
