// SPDX-License-Identifier: Apache-2.0
/*
 * verb_watch.c - terok-cp watch: what happens to agents, until the control plane or whoever reads us ends
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sock.h"
#include "verbs.h"
#include "watch.h"

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

/* 0: the control plane has ended */
static int follow(FILE *from, bool as_json)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	ssize_t n;

	while ((n = getline(&line, &room, from)) > 0) {
		if (as_json)
			fwrite(line, 1, (size_t)n, stdout);
		else
			show(line, (size_t)n);
		if (fflush(stdout))
			return log_error(-errno, "watch: standard output");
	}
	return log_error(-ECONNRESET, "watch: the control plane has ended");
}

int verb_watch(int argc, char **argv)
{
	_cleanup_fclose_ FILE *from = NULL;
	_cleanup_free_ char *path = NULL;
	const char *said = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "socket", "PATH", "the control plane's", CLI_STRING, &said },
		{ "json", NULL, "a line each: the world first, then events", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0), fd;

	if (r)
		return r;
	path = watch_path(said);
	fd = path ? sock_connect(path) : -ENOMEM;
	if (fd < 0)
		return log_error(fd == -EINVAL ? -EIO : fd, "watch: %s", path ?: "no home");
	if (fcntl(fd, F_SETFL, 0) || !(from = fdopen(fd, "r"))) {
		close(fd);
		return log_error(-ENOMEM, "watch");
	}
	return follow(from, json);
}
