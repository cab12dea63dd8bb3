// SPDX-License-Identifier: Apache-2.0
/* agent_client.c - one client of the agent: bytes to messages and back */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "agent_within.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/sanitise.h"

#define LENGTH     4
#define FIRST_ROOM 1032 /* a length and the longest token; most messages are shorter */
#define COMM_MAX   64

static int on_client(struct source *source, uint32_t events);

/* --- coming and going ------------------------------------------------------------------- */

void agent_client_free(struct agent_client *client)
{
	struct agent *agent = client->agent;
	struct agent_client **at = &agent->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	agent->n--;
	agent_ask_end(client->question);
	source_del(&client->source);
	timer_disarm(&client->late);
	closep(&client->fd);
	if (client->signer) {
		link_say(&client->signer->link, WORD_CLOSE, client->id, (struct span){},
			 (struct span){});
		agent_signer_leave(client->signer);
	}
	if (client->in.bytes)
		explicit_bzero(client->in.bytes, client->in.room);
	free(client->in.bytes);
	wire_out_done(&client->out);
	agent_left(agent, client->listener);
	free(client);
}

static int on_late(struct timer *timer)
{
	struct agent_client *client = container_of(timer, struct agent_client, late);

	if (client->signer && (client->state == CLIENT_OPENING || client->state == CLIENT_BUSY)) {
		agent_signer_stuck(client->signer); /* the client is one of those that go */
		return 0;
	}
	log_debug(0, "a client of the SSH agent is too slow");
	agent_client_free(client);
	return 0;
}

static void late_after(struct agent_client *client, unsigned seconds)
{
	timer_arm(client->agent->loop, &client->late, now_boot_ns() + seconds * SECOND_NS, on_late);
}

void agent_client_waits(struct agent_client *client)
{
	late_after(client, AGENT_SIGNER_S);
}

/* Ask the signer who it is. False: it is no more. */
static bool client_open(struct agent_client *client, struct agent_signer *signer)
{
	struct span token = {};

	client->state = CLIENT_OPENING;
	source_set(&client->source, 0);
	agent_client_waits(client);
	if (!client->who.local)
		token = span_of(client->in.bytes + LENGTH, client->in.n - LENGTH);
	if (!signer || link_say(&signer->link, WORD_OPEN, client->id,
				span_of(&client->who, sizeof(client->who)), token)) {
		agent_client_free(client);
		return false;
	}
	client->signer = signer;
	signer->n++;
	return true;
}

/* "ssh (12345)", for people. */
static void peer_label(int fd, char *ret, size_t size)
{
	char path[40], comm[COMM_MAX + 1] = "", shown[COMM_MAX + 1];
	_cleanup_close_ int file = -1;
	struct ucred peer;
	ssize_t n;

	if (sock_peer(fd, &peer))
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)peer.pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	n = file < 0 ? 0 : read(file, comm, COMM_MAX);
	if (n > 0 && comm[n - 1] == '\n')
		n--;
	sanitise(shown, COMM_MAX, comm, n > 0 ? (size_t)n : 0);
	snprintf(ret, size, "%s (%d)", shown, (int)peer.pid);
}

static void who_fill(struct agent_client *client, const struct agent_listener *listener)
{
	const struct door_owner *owner = listener->owner;
	struct word_open *who = &client->who;

	if (owner) {
		snprintf(who->project, sizeof(who->project), "%s", owner->project);
		snprintf(who->container, sizeof(who->container), "%s", owner->container);
		snprintf(who->name, sizeof(who->name), "%s", owner->name);
	}
	if (*listener->local) {
		strcpy(who->project, listener->local);
		who->local = 1;
		peer_label(client->fd, who->peer, sizeof(who->peer));
	}
}

void agent_client_new(struct agent_listener *listener, int fd)
{
	struct agent *agent = listener->agent;
	struct agent_client *client = calloc(1, sizeof(*client));

	if (!client || source_add(agent->loop, &client->source, fd, EPOLLIN, on_client)) {
		free(client);
		closep(&fd);
		return;
	}
	client->agent = agent;
	client->listener = listener;
	client->owner = listener->owner;
	client->fd = fd;
	client->id = ++agent->last_id;
	client->next = agent->clients;
	agent->clients = client;
	agent->n++;
	listener->strangers++;
	who_fill(client, listener);
	late_after(client, AGENT_HANDSHAKE_S);
	if (client->who.local)
		client_open(client, agent_signer_get(agent));
}

/* --- bytes in --------------------------------------------------------------------------- */

static uint32_t length_of(const struct agent_client *client)
{
	struct wire wire = wire_of(client->in.bytes, client->in.n);

	return wire_u32(&wire);
}

static bool in_room(struct agent_client *client, size_t room)
{
	uint8_t *bytes;

	if (client->in.room >= room)
		return true;
	bytes = realloc(client->in.bytes, room);
	if (!bytes)
		return false;
	client->in.bytes = bytes;
	client->in.room = room;
	return true;
}

/* The first @n bytes are done with; who is idle has no buffer. */
static void in_drop(struct agent_client *client, size_t n)
{
	memmove(client->in.bytes, client->in.bytes + n, client->in.n - n);
	client->in.n -= n;
	if (client->in.n)
		return;
	free(client->in.bytes);
	client->in.bytes = NULL;
	client->in.room = 0;
}

/* What has come of a handshake. False: the client is no more. */
static bool shake(struct agent_client *client)
{
	uint32_t n;

	if (client->in.n < LENGTH)
		return true;
	n = length_of(client);
	if (!n || n > TOKEN_TEXT_MAX) {
		agent_client_free(client);
		return false;
	}
	if (client->state == CLIENT_LENGTH) {
		client->state = CLIENT_TOKEN;
		late_after(client, AGENT_HANDSHAKE_S);
	}
	return client->in.n < LENGTH + n || client_open(client, agent_signer_get(client->agent));
}

static bool frame(struct agent_client *client)
{
	uint32_t n;
	int r;

	if (client->in.n < LENGTH) {
		source_set(&client->source, EPOLLIN);
		return true;
	}
	n = length_of(client);
	if (!n || n > AGENT_FRAME_MAX || !in_room(client, LENGTH + n)) {
		agent_client_free(client);
		return false;
	}
	if (client->in.n < LENGTH + n) {
		source_set(&client->source, EPOLLIN);
		return true;
	}
	if (link_is_full(&client->signer->link)) {
		source_set(&client->source, 0); /* until agent_client_go() */
		return true;
	}
	client->state = CLIENT_BUSY;
	source_set(&client->source, 0);
	agent_client_waits(client);
	r = link_say(&client->signer->link, WORD_FRAME, client->id,
		     span_of(client->in.bytes + LENGTH, n), (struct span){});
	if (r) {
		agent_client_free(client);
		return false;
	}
	in_drop(client, LENGTH + n);
	return true;
}

void agent_client_go(struct agent_client *client)
{
	if (client->state == CLIENT_READY)
		frame(client);
}

/* No more than the message that is wanted: nothing of a handshake's is read with the next. */
static size_t wanted(const struct agent_client *client)
{
	uint32_t n = client->in.n < LENGTH ? 0 : length_of(client);

	if (client->state == CLIENT_LENGTH || client->state == CLIENT_TOKEN)
		return LENGTH + n - client->in.n;
	return client->in.room - client->in.n;
}

static int receive(struct agent_client *client)
{
	ssize_t n;

	if (!in_room(client, FIRST_ROOM)) {
		agent_client_free(client);
		return 0;
	}
	n = recv(client->fd, client->in.bytes + client->in.n, wanted(client), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		agent_client_free(client);
		return 0;
	}
	client->in.n += (size_t)n;
	if (client->state == CLIENT_READY)
		frame(client);
	else
		shake(client);
	return 0;
}

/* --- bytes out -------------------------------------------------------------------------- */

/* False: the client is no more. */
static bool send_rest(struct agent_client *client)
{
	while (client->sent < client->out.n) {
		ssize_t n = send(client->fd, client->out.bytes + client->sent,
				 client->out.n - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (!client->late.loop)
				late_after(client, AGENT_TAKE_S);
			source_set(&client->source, EPOLLOUT);
			return true;
		}
		if (n < 0) {
			agent_client_free(client);
			return false;
		}
		client->sent += (size_t)n;
	}
	timer_disarm(&client->late);
	wire_out_done(&client->out);
	client->sent = 0;
	client->state = CLIENT_READY;
	return frame(client); /* the next may be here already */
}

void agent_client_reply(struct agent_client *client, struct span message)
{
	if (client->state != CLIENT_BUSY)
		return;
	client->state = CLIENT_REPLIED;
	timer_disarm(&client->late);
	wire_put_string(&client->out, message);
	if (client->out.failed)
		agent_client_free(client);
	else
		send_rest(client);
}

void agent_client_fail(struct agent_client *client)
{
	static const uint8_t failure[] = { 0, 0, 0, 1, AGENT_FAILURE };

	/* nothing of a reply is on its way: there is room for this much, or nobody listens */
	if (client->state == CLIENT_BUSY)
		send(client->fd, failure, sizeof(failure), MSG_NOSIGNAL | MSG_DONTWAIT);
	agent_client_free(client);
}

/* Strangers may come as often as they like: one line a second is theirs. */
static void not_let_in(struct agent *agent, const char *why)
{
	uint64_t now = now_boot_ns();

	if (agent->told_ns && now - agent->told_ns < SECOND_NS) {
		agent->untold++;
		return;
	}
	log_warn(0, "SSH agent: somebody is not let in: %s (and %u others)", why, agent->untold);
	agent->told_ns = now;
	agent->untold = 0;
}

void agent_client_opened(struct agent_client *client, const struct word_opened *told)
{
	struct agent_signer *signer = client->signer;
	char shown[WORD_PROBLEM];

	if (client->state != CLIENT_OPENING)
		return;
	if (told->result == -ESTALE && !client->again) {
		client->again = true;
		client->signer = NULL;
		/* another client may have had it renewed already */
		client_open(client, signer == client->agent->newest
					? agent_signer_renew(client->agent)
					: agent_signer_get(client->agent));
		agent_signer_leave(signer);
		return;
	}
	memcpy(client->project, told->project, sizeof(client->project) - 1);
	memcpy(client->task, told->task, sizeof(client->task) - 1);
	if (told->result || !agent_may_open(client)) {
		snprintf(shown, sizeof(shown), "%.*s", WORD_PROBLEM - 1, told->problem);
		not_let_in(client->agent, told->result ? shown : "too many are already");
		agent_client_free(client);
		return;
	}
	agent_left(client->agent, client->listener);
	client->listener = NULL;
	timer_disarm(&client->late);
	client->state = CLIENT_READY;
	if (client->in.n) { /* the token */
		explicit_bzero(client->in.bytes, client->in.n);
		in_drop(client, client->in.n);
	}
	source_set(&client->source, EPOLLIN);
}

static int on_client(struct source *source, uint32_t events)
{
	struct agent_client *client = container_of(source, struct agent_client, source);

	if (events & EPOLLOUT && client->state == CLIENT_REPLIED) {
		send_rest(client);
		return 0;
	}
	if (events & EPOLLIN)
		return receive(client);
	if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) /* nobody takes the reply */
		agent_client_free(client);
	return 0;
}
