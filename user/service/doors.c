// SPDX-License-Identifier: Apache-2.0
#include "doors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "terok/clearance.h"
#include "terok/control_msg.h"
#include "terok/dossier.h"
#include "word.h"

#define DOORS_MAX 1024            /* of all ports together */
#define ASK_NS    (5 * SECOND_NS) /* for the agent's answer */
#define RETRY_NS  SECOND_NS       /* when it had no time */
#define AGAIN_NS  (2 * SECOND_NS) /* without an agent, until it is looked for again */
#define ASKING    4               /* at once: it hears 8 of one user */

struct door {
	struct door *next;
	struct doors *doors;
	const struct door_port *port;
	int64_t guard;
	enum { DOOR_WAITS, DOOR_ASKED, DOOR_OPEN } state;
	bool listed, told; /* that it is open is said once */
	struct word word;  /* while it is asked */
	struct door_owner owner;
};

struct doors {
	struct loop *loop;
	const struct door_port *ports;
	unsigned n_ports;
	char hub[WORD_PATH], control[WORD_PATH];
	struct terok_client *client;
	struct source source;
	struct timer again, retry;
	struct door *first;
	unsigned n, asking;
	bool closing;
};

/* --- one door --------------------------------------------------------------------------- */

static void ask_end(struct door *door)
{
	if (door->state == DOOR_ASKED) {
		door->doors->asking--;
		door->state = DOOR_WAITS;
	}
	word_end(&door->word);
}

static void door_free(struct door *door)
{
	struct door **at = &door->doors->first;

	while (*at != door)
		at = &(*at)->next;
	*at = door->next;
	door->doors->n--;
	if (door->state == DOOR_OPEN)
		door->port->close(&door->owner, door->port->user);
	ask_end(door);
	free(door);
}

static void doors_go(struct doors *doors);

/* Of whose container it is nobody but the agent speaks, and of its project its owner. */
static int owner_read(struct door_owner *owner, const struct control_listens *said, bool any)
{
	struct terok_dossier dossier;
	const char *project, *task;

	terok_dossier_take(&said->dossier, &dossier);
	project = terok_dossier_get(&dossier, "project");
	task = terok_dossier_get(&dossier, "task");
	if (project && project_check(project, NULL))
		project = NULL;
	if (said->uid != geteuid() || (!project && !any))
		return -ENOENT;
	snprintf(owner->project, sizeof(owner->project), "%s", project ?: "");
	if (task && !project_check(task, NULL))
		snprintf(owner->task, sizeof(owner->task), "%s", task);
	snprintf(owner->container, sizeof(owner->container), "%.*s", TEROK_NAME_LEN,
		 said->container);
	snprintf(owner->name, sizeof(owner->name), "%.*s", TEROK_NAME_LEN, said->name);
	return 0;
}

static void say_open(const struct door *door)
{
	const struct door_owner *owner = &door->owner;

	if (door->port->port == CONTROL_PORT_PEER)
		log_info("container %.12s is reached at its own 127.0.0.1", owner->container);
	else
		log_info("container %.12s reaches %s at 127.0.0.1 port %u", owner->container,
			 *owner->project ? owner->project : "us", door->port->port);
}

static int door_take(struct door *door, const struct control_listens *said, int *fd)
{
	int r = owner_read(&door->owner, said, door->port->any);

	if (r)
		return r;
	r = door->port->open(&door->owner, TAKE_FD(*fd), door->port->user);
	if (r)
		return log_error(r, "container %s: its listener", door->owner.name);
	ask_end(door);
	door->state = DOOR_OPEN;
	if (!door->told)
		say_open(door);
	door->told = true;
	return 0;
}

static void say_refused(const struct control_done *done)
{
	char text[CONTROL_TEXT];

	if (done->result == -ENOENT || done->result == -ESRCH || !control_text_ok(done->problem))
		return; /* it has gone meanwhile */
	log_warn(0, "no listener in a container: %s", log_safe(text, sizeof(text), done->problem));
}

static int retry(struct timer *timer)
{
	doors_go(container_of(timer, struct doors, retry));
	return 0;
}

static void retry_later(struct door *door)
{
	struct doors *doors = door->doors;

	ask_end(door);
	timer_arm(doors->loop, &doors->retry, now_boot_ns() + RETRY_NS, retry);
}

static void door_refused(struct door *door, int error, const struct control_packet *reply)
{
	if (error == -ETIMEDOUT)
		log_warn(0, "guard %lld: the agent did not open its listener at port %u in %u s",
			 (long long)door->guard, door->port->port, (unsigned)(ASK_NS / SECOND_NS));
	else if (!error && reply->type == CONTROL_DONE)
		say_refused(&reply->DONE);
}

static void door_answered(struct word *word, int error, const struct control_packet *reply, int *fd)
{
	struct door *door = container_of(word, struct door, word);
	struct doors *doors = door->doors;

	if (!error && reply->type == CONTROL_DONE && reply->DONE.result == -EAGAIN) {
		retry_later(door);
	} else if (error || reply->type != CONTROL_LISTENS || *fd < 0 ||
		   door_take(door, &reply->LISTENS, fd)) {
		door_refused(door, error, reply);
		if (error == -ETIMEDOUT)
			ask_end(door);
		else
			door_free(door);
	}
	doors_go(doors);
}

static int door_ask(struct door *door)
{
	struct control_packet word = { .type = CONTROL_LISTEN,
				       .LISTEN = { .guard = (uint32_t)door->guard,
						   .port = (uint16_t)door->port->port } };
	int r = word_say(door->doors->loop, &door->word, door->doors->control, &word, ASK_NS);

	if (r)
		return r;
	door->state = DOOR_ASKED;
	door->doors->asking++;
	return 0;
}

/* The next of those that wait. */
static void doors_go(struct doors *doors)
{
	struct door *next;
	int r;

	for (struct door *door = doors->first; door && doors->asking < ASKING; door = next) {
		next = door->next;
		if (door->state != DOOR_WAITS || doors->retry.loop)
			continue;
		r = door_ask(door);
		if (r == -ETIMEDOUT || r == -EAGAIN || r == -ENOENT) {
			retry_later(door);
		} else if (r) {
			log_warn(r, "ask the agent at %s for a listener in a container",
				 doors->control);
			door_free(door);
		}
	}
}

void doors_again(struct door_owner *owner)
{
	struct door *door = container_of(owner, struct door, owner);

	door->state = DOOR_WAITS;
	doors_go(door->doors);
}

/* @port: NULL: any */
static struct door *door_of(struct doors *doors, int64_t guard, const struct door_port *port)
{
	struct door *door = doors->first;

	while (door && (door->guard != guard || (port && door->port != port)))
		door = door->next;
	return door;
}

static void door_new(struct doors *doors, const struct door_port *port, int64_t guard)
{
	struct door *door;

	if (doors->n == DOORS_MAX) {
		log_warn(0, "guard %lld: no listener, %u are open in containers", (long long)guard,
			 doors->n);
		return;
	}
	door = calloc(1, sizeof(*door));
	if (!door)
		return;
	*door = (struct door){ .next = doors->first,
			       .doors = doors,
			       .port = port,
			       .guard = guard,
			       .listed = true,
			       .word = { .heard = door_answered } };
	doors->first = door;
	doors->n++;
}

static void guard_new(struct doors *doors, int64_t guard)
{
	for (unsigned i = 0; i < doors->n_ports; i++) {
		struct door *door = door_of(doors, guard, &doors->ports[i]);

		if (door)
			door->listed = true;
		else if (!doors->closing && guard > 0 && guard <= UINT32_MAX)
			door_new(doors, &doors->ports[i], guard);
	}
	doors_go(doors);
}

static void guard_gone(struct doors *doors, int64_t guard)
{
	struct door *door;

	while ((door = door_of(doors, guard, NULL)))
		door_free(door);
}

/* --- who there is ------------------------------------------------------------------------ */

static void on_subscribed(void *user)
{
	struct doors *doors = user;

	for (struct door *door = doors->first; door; door = door->next)
		door->listed = false;
	terok_client_list_guards(doors->client);
}

/* After the last, those that are not listed have gone while nobody told us. */
static void on_guard(const struct terok_guard_status *guard, void *user)
{
	struct doors *doors = user;
	struct door *next;

	if (guard) {
		guard_new(doors, guard->guard);
		return;
	}
	for (struct door *door = doors->first; door; door = next) {
		next = door->next;
		if (!door->listed)
			door_free(door);
	}
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct doors *doors = user;

	(void)lost;
	if (!strcmp(event->type, "guard_attached"))
		guard_new(doors, event->guard);
	else if (!strcmp(event->type, "guard_detached"))
		guard_gone(doors, event->guard);
	else if (!strcmp(event->type, "missed"))
		on_subscribed(doors);
}

static int look_again(struct timer *timer);

static void client_end(struct doors *doors)
{
	source_del(&doors->source);
	terok_client_close(doors->client);
	doors->client = NULL;
	if (!doors->closing)
		timer_arm(doors->loop, &doors->again, now_boot_ns() + AGAIN_NS, look_again);
}

static int on_client(struct source *source, uint32_t events)
{
	struct doors *doors = container_of(source, struct doors, source);

	(void)events;
	if (terok_client_process(doors->client))
		client_end(doors);
	return 0;
}

static int client_begin(struct doors *doors)
{
	static const struct terok_client_events told = { .subscribed = on_subscribed,
							 .event = on_event,
							 .guard = on_guard };
	int r = terok_client_open(doors->hub, &told, doors, &doors->client);

	if (r)
		return r;
	r = terok_client_monitor(doors->client, 0, false);
	return r
		   ?: source_add(doors->loop, &doors->source, terok_client_fd(doors->client),
				 EPOLLIN, on_client);
}

static int look_again(struct timer *timer)
{
	struct doors *doors = container_of(timer, struct doors, again);

	if (client_begin(doors))
		client_end(doors);
	return 0;
}

/* --- all of them ------------------------------------------------------------------------- */

#define USERS_HUB "terok/clearance/terok-bpfd/hub.sock" /* where the machine's hub answers a user */

static int path_set(char ret[static WORD_PATH], const char *run, const char *name)
{
	return snprintf(ret, WORD_PATH, "%s/%s", run, name) >= WORD_PATH ? -ENAMETOOLONG : 0;
}

static int hub_set(char ret[static WORD_PATH], const char *run)
{
	const char *own = getenv("XDG_RUNTIME_DIR");
	char folder[32];

	if (!geteuid())
		return path_set(ret, run, strrchr(TEROK_CLEARANCE_SOCKET, '/') + 1);
	snprintf(folder, sizeof(folder), "/run/user/%u", geteuid());
	return path_set(ret, own && *own == '/' ? own : folder, USERS_HUB);
}

int doors_new(struct loop *loop, const struct door_port *ports, unsigned n, struct doors **ret)
{
	const char *said = getenv("TEROK_RUN"), *run = said && *said ? said : CONTROL_RUN;
	struct doors *doors = calloc(1, sizeof(*doors));
	int r = doors ? hub_set(doors->hub, run) : -ENOMEM;

	if (!r)
		r = word_path(doors->control);
	if (r) {
		free(doors);
		return r;
	}
	doors->loop = loop;
	doors->ports = ports;
	doors->n_ports = n;
	look_again(&doors->again);
	*ret = doors;
	return 0;
}

void doors_close(struct doors *doors)
{
	if (!doors)
		return;
	doors->closing = true;
	timer_disarm(&doors->again);
	timer_disarm(&doors->retry);
	if (doors->client)
		client_end(doors);
}

void doors_free(struct doors *doors)
{
	if (!doors)
		return;
	doors_close(doors);
	while (doors->first)
		door_free(doors->first);
	free(doors);
}
