// SPDX-License-Identifier: Apache-2.0
/*
 * agent_local.c - a socket on the host for each project that has keys: ssh-agent-local-PROJECT.sock
 *
 * For the user alone. Which projects there are the signer says; it is asked again when the files
 * that say it change.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "agent_within.h"
#include "base/cleanup.h"
#include "base/log.h"

#define SOCKET  "ssh-agent-local-%s.sock"
#define CALM_NS (SECOND_NS / 5) /* after a change, for those that follow it */
#define SOCKETS 256             /* projects with one */

void agent_local_ask(struct agent *agent)
{
	if (agent->inotify < 0 || !agent->newest || agent->closing)
		return;
	for (struct agent_listener *listener = agent->listeners; listener;
	     listener = listener->next)
		listener->listed = false;
	link_say(&agent->newest->link, WORD_LIST, 0, (struct span){}, (struct span){});
}

static int on_calm(struct timer *timer)
{
	agent_local_ask(container_of(timer, struct agent, look));
	return 0;
}

static int on_change(struct source *source, uint32_t events)
{
	struct agent *agent = container_of(source, struct agent, watch);
	char bytes[4096];

	(void)events;
	while (read(agent->inotify, bytes, sizeof(bytes)) > 0)
		;
	if (!agent->look.loop)
		timer_arm(agent->loop, &agent->look, now_boot_ns() + CALM_NS, on_calm);
	return 0;
}

static void watch(struct agent *agent, const char *file)
{
	_cleanup_free_ char *folder = file ? strdup(file) : NULL;
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!slash)
		return;
	slash[slash == folder] = '\0';
	inotify_add_watch(agent->inotify, folder,
			  IN_MODIFY | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR);
}

int agent_local_begin(struct agent *agent, struct problem *why)
{
	int r;

	agent->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (agent->inotify < 0)
		return problem(why, -errno, "inotify: %s", strerror(errno));
	watch(agent, agent->options.keys_file);
	watch(agent, agent->options.store);
	r = source_add(agent->loop, &agent->watch, agent->inotify, EPOLLIN, on_change);
	return r ? problem(why, r, "inotify: %s", strerror(-r)) : 0;
}

static void local_new(struct agent *agent, const char *project)
{
	struct sock_place place = SOCK_PLACE_NONE;
	struct agent_listener *listener;
	struct problem why;
	char path[256];
	int r;

	if (snprintf(path, sizeof(path), "%s/" SOCKET, agent->options.local, project) >=
	    (int)sizeof(path))
		return;
	r = sock_place_take(path, &place, &why);
	if (r) {
		log_error(0, "no socket for project %s: %s", project, why.text);
		return;
	}
	r = agent_listener_new(agent, place.fd, &listener);
	if (r) {
		sock_place_leave(&place);
		return;
	}
	listener->place = place;
	listener->listed = true;
	snprintf(listener->local, sizeof(listener->local), "%s", project);
}

void agent_local_told(struct agent *agent, const char *project)
{
	unsigned n = 0;

	if (agent->inotify < 0 || agent->closing)
		return;
	for (struct agent_listener *listener = agent->listeners, *next; listener; listener = next) {
		next = listener->next;
		n += !!*listener->local;
		if (!*project && *listener->local && !listener->listed)
			agent_listener_free(listener);
		else if (*project && !strcmp(listener->local, project))
			listener->listed = true;
		else
			continue;
		if (*project)
			return;
	}
	if (*project && n < SOCKETS)
		local_new(agent, project);
}

void agent_local_end(struct agent *agent)
{
	timer_disarm(&agent->look);
	source_del(&agent->watch);
	closep(&agent->inotify);
}
