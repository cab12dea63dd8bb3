// SPDX-License-Identifier: Apache-2.0
#include "agent_doors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "service/doors.h"
#include "terok/control_msg.h"

struct agent_door {
	struct agent_door *next;
	const struct door_owner *owner;
	struct admission *admission;
	struct grpc_server_use use;
	struct grpc_server *server;
};

/* What the next dial takes. */
struct way {
	struct way *next;
	struct door_owner *owner;
	int fd;
};

struct agent_doors {
	struct agent_doors_use use;
	struct door_port port[2];
	struct doors *doors;
	struct agent_door *first;
	struct way *ways;
};

/* --- who comes in ------------------------------------------------------------------------- */

static void door_free(struct agent_door *door)
{
	grpc_server_free(door->server);
	admission_free(door->admission);
	free(door);
}

/* The server takes @fd, also where it fails; before it is there nobody else closes it. */
static int door_serve(struct agent_doors *doors, struct agent_door *door, int fd)
{
	struct admission_use use = doors->use.admission;
	struct grpc_limits limits = doors->use.limits;
	int r;

	/* whoever comes is that container, and a loopback has 16 million addresses */
	if (limits.per_address && limits.per_address < limits.connections)
		limits.connections = limits.per_address;
	use.container = door->owner->container;
	r = admission_new(&use, &door->admission);
	if (r) {
		close(fd);
		return r;
	}
	door->use = doors->use.server;
	door->use.user = door->admission;
	return grpc_server_new(doors->use.loop, fd, doors->use.tls, &door->use, &limits,
			       &door->server);
}

static int door_open(struct door_owner *owner, int fd, void *user)
{
	struct agent_doors *doors = user;
	struct agent_door *door;
	int r;

	/* a guard that is no container's, or is called by its name only, is no agent's */
	if (agent_id_check(owner->container, NULL)) {
		close(fd);
		return -ENOENT;
	}
	door = calloc(1, sizeof(*door));
	if (!door) {
		close(fd);
		return -ENOMEM;
	}
	door->owner = owner;
	r = door_serve(doors, door, fd);
	if (r) {
		door_free(door);
		return r;
	}
	door->next = doors->first;
	doors->first = door;
	return 0;
}

static void door_close(struct door_owner *owner, void *user)
{
	struct agent_doors *doors = user;
	struct agent_door **at = &doors->first, *door;

	while (*at && (*at)->owner != owner)
		at = &(*at)->next;
	door = *at;
	if (!door)
		return;
	*at = door->next;
	door_free(door);
}

/* --- whom we dial ------------------------------------------------------------------------- */

static int way_open(struct door_owner *owner, int fd, void *user)
{
	struct agent_doors *doors = user;
	struct way *way = agent_id_check(owner->container, NULL) ? NULL : calloc(1, sizeof(*way));

	if (!way) {
		close(fd);
		return -ENOENT;
	}
	*way = (struct way){ .next = doors->ways, .owner = owner, .fd = fd };
	doors->ways = way;
	return 0;
}

/* Take it out; -1: there is none. */
static int way_take(struct way **at)
{
	struct way *way = *at;
	int fd;

	if (!way)
		return -1;
	fd = way->fd;
	*at = way->next;
	free(way);
	return fd;
}

static void way_close(struct door_owner *owner, void *user)
{
	struct agent_doors *doors = user;
	struct way **at = &doors->ways;
	int fd;

	while (*at && (*at)->owner != owner)
		at = &(*at)->next;
	fd = way_take(at);
	closep(&fd);
}

/* Whoever is dialled before that is told to register where nobody listens. */
static bool may_come_in(const struct agent_doors *doors, const char *container)
{
	const struct agent_door *door = doors->first;

	while (door && strcmp(door->owner->container, container) != 0)
		door = door->next;
	return door != NULL;
}

int agent_doors_socket(struct agent_doors *doors, const char *container)
{
	struct way **at = &doors->ways;
	struct door_owner *owner;
	int fd;

	while (*at && strcmp((*at)->owner->container, container) != 0)
		at = &(*at)->next;
	if (!*at || !may_come_in(doors, container))
		return -ENOENT;
	owner = (*at)->owner;
	fd = way_take(at);
	doors_again(owner);
	return fd;
}

/* --- begin and end ------------------------------------------------------------------------ */

int agent_doors_new(const struct agent_doors_use *use, struct agent_doors **ret)
{
	struct agent_doors *doors = calloc(1, sizeof(*doors));
	int r;

	if (!doors)
		return -ENOMEM;
	doors->use = *use;
	/* of which project it is its labels say */
	doors->port[0] = (struct door_port){ CONTROL_PORT_REGISTRY, .any = true, .open = door_open,
					     .close = door_close, .user = doors };
	doors->port[1] = (struct door_port){ CONTROL_PORT_PEER, .any = true, .open = way_open,
					     .close = way_close, .user = doors };
	r = doors_new(use->loop, doors->port, use->dial ? 2 : 1, &doors->doors);
	if (r) {
		free(doors);
		return r;
	}
	*ret = doors;
	return 0;
}

void agent_doors_tls(struct agent_doors *doors, const struct grpc_tls *tls)
{
	doors->use.tls = tls;
	for (struct agent_door *door = doors->first; door; door = door->next)
		grpc_server_tls(door->server, tls);
}

void agent_doors_cut(struct agent_doors *doors, const char *why)
{
	for (struct agent_door *door = doors->first; door; door = door->next)
		grpc_server_cut(door->server, why);
}

void agent_doors_free(struct agent_doors *doors)
{
	if (!doors)
		return;
	doors_free(doors->doors);
	free(doors);
}
