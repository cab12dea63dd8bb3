// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent_within.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "terok/control_msg.h"

#define BITE    16 /* clients taken in a round */
#define REST_NS SECOND_NS

/* --- listeners ------------------------------------------------------------------------ */

static bool has_room(const struct agent_listener *listener)
{
	const struct agent *agent = listener->agent;

	return !agent->closing && agent->n < AGENT_SESSIONS &&
	       listener->strangers < AGENT_HANDSHAKES && !listener->rest.loop;
}

/* Who finds no room waits in the listener's backlog, and nothing is spent on it. */
static void listener_interest(struct agent_listener *listener)
{
	source_set(&listener->source, has_room(listener) ? EPOLLIN : 0);
}

static int on_rested(struct timer *timer)
{
	listener_interest(container_of(timer, struct agent_listener, rest));
	return 0;
}

static int on_come(struct source *source, uint32_t events)
{
	struct agent_listener *listener = container_of(source, struct agent_listener, source);

	(void)events;
	for (int i = 0; i < BITE && has_room(listener); i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			agent_client_new(listener, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			log_warn(-errno, "no room for a client of the SSH agent");
			timer_arm(listener->agent->loop, &listener->rest, now_boot_ns() + REST_NS,
				  on_rested);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			break;
	}
	listener_interest(listener);
	return 0;
}

int agent_listener_new(struct agent *agent, int fd, struct agent_listener **ret)
{
	struct agent_listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener)
		return -ENOMEM;
	*listener = (struct agent_listener){
		.agent = agent, .fd = fd, .next = agent->listeners, .place = SOCK_PLACE_NONE
	};
	r = source_add(agent->loop, &listener->source, fd, EPOLLIN, on_come);
	if (r) {
		free(listener);
		return r;
	}
	agent->listeners = listener;
	*ret = listener;
	return 0;
}

void agent_listener_free(struct agent_listener *listener)
{
	struct agent_listener **at = &listener->agent->listeners;

	for (struct agent_client *client = listener->agent->clients, *next; client; client = next) {
		next = client->next;
		if (client->listener == listener)
			agent_client_free(client);
	}
	while (*at != listener)
		at = &(*at)->next;
	*at = listener->next;
	timer_disarm(&listener->rest);
	source_del(&listener->source);
	if (listener->place.fd >= 0)
		sock_place_leave(&listener->place); /* its fd is the listener's */
	else
		closep(&listener->fd);
	free(listener);
}

int agent_listen(struct agent *agent, int fd, const struct door_owner *owner)
{
	struct agent_listener *listener;
	int r = agent->closing ? -ESHUTDOWN : agent_listener_new(agent, fd, &listener);

	if (r) {
		closep(&fd);
		return r;
	}
	listener->owner = owner;
	return 0;
}

void agent_unlisten(struct agent *agent, const struct door_owner *owner)
{
	for (struct agent_client *client = agent->clients, *next; client; client = next) {
		next = client->next;
		if (client->owner == owner)
			agent_client_free(client);
	}
	for (struct agent_listener *listener = agent->listeners, *next; listener; listener = next) {
		next = listener->next;
		if (listener->owner == owner)
			agent_listener_free(listener);
	}
}

static int door_open(struct door_owner *owner, int fd, void *user)
{
	return agent_listen(user, fd, owner);
}

static void door_close(struct door_owner *owner, void *user)
{
	agent_unlisten(user, owner);
}

struct door_port agent_door(struct agent *agent)
{
	return (struct door_port){
		.port = CONTROL_PORT_AGENT, .open = door_open, .close = door_close, .user = agent
	};
}

/* --- clients -------------------------------------------------------------------------- */

struct agent_client *agent_find(struct agent *agent, uint64_t id)
{
	struct agent_client *client = agent->clients;

	while (client && client->id != id)
		client = client->next;
	return client;
}

void agent_left(struct agent *agent, struct agent_listener *listener)
{
	if (listener)
		listener->strangers--;
	for (listener = agent->listeners; listener; listener = listener->next)
		listener_interest(listener);
}

static bool same_owner(const struct agent_client *a, const struct agent_client *b)
{
	if (a->owner || b->owner)
		return a->owner == b->owner;
	return !strcmp(a->project, b->project) && !strcmp(a->task, b->task) &&
	       a->who.local == b->who.local;
}

bool agent_may_open(const struct agent_client *client)
{
	unsigned n = 0;

	for (struct agent_client *other = client->agent->clients; other; other = other->next)
		n += other != client && !other->listener && same_owner(other, client);
	return n < AGENT_PER_OWNER;
}

bool agent_may_ask(const struct agent_client *client)
{
	unsigned n = 0;

	for (struct agent_client *other = client->agent->clients; other; other = other->next)
		n += other->question && same_owner(other, client);
	return n < AGENT_QUESTIONS;
}

unsigned agent_clients(const struct agent *agent)
{
	return agent->n;
}

/* --- the whole ------------------------------------------------------------------------ */

int agent_new(struct loop *loop, const struct agent_options *options, struct agent **ret,
	      struct problem *why)
{
	struct agent *agent = calloc(1, sizeof(*agent));
	int r;

	if (!agent)
		return problem(why, -ENOMEM, "no memory for the SSH agent");
	*agent = (struct agent){ .loop = loop, .options = *options, .inotify = -1 };
	for (unsigned i = 0; i < AGENT_KEEPERS; i++)
		agent->keeper[i] = (struct agent_keeper){ .agent = agent, .fd = -1 };
	r = agent_keep(agent, why);
	if (!r && options->local)
		r = agent_local_begin(agent, why);
	if (!r && !agent_signer_get(agent))
		r = problem(why, -EAGAIN, "no signer begins");
	if (r) {
		agent_free(agent);
		return r;
	}
	*ret = agent;
	return 0;
}

void agent_close(struct agent *agent)
{
	if (!agent)
		return;
	agent->closing = true;
	agent_local_end(agent);
	while (agent->listeners) {
		struct agent_listener *listener = agent->listeners;

		/* those of it that are in the middle of coming in are let in */
		for (struct agent_client *client = agent->clients; client; client = client->next)
			if (client->listener == listener)
				client->listener = NULL;
		agent_listener_free(listener);
	}
}

void agent_free(struct agent *agent)
{
	if (!agent)
		return;
	agent_close(agent);
	while (agent->clients)
		agent_client_free(agent->clients);
	agent_signers_end(agent);
	free(agent);
}
