/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doors.h - listeners of a service in each container, which are that container's alone
 *
 * Who of the user's guards comes and goes the machine's hub says (terok/clearance.h). For each
 * whose dossier names a project (.any: for all of them) the agent opens a listener on the container's own loopback and
 * hands it over (CONTROL_LISTEN), one for each port of the service: what comes in there is of that
 * container, and reaches what is that project's, whatever token it shows. Without an agent there
 * are none; one that comes back is noticed. Nothing here waits: an agent that does not answer costs
 * a container its door.
 *
 * Called by: verb_serve.c of each service. Owns: the doors, the connection to the hub. Threads: none.
 */
#ifndef SERVICE_DOORS_H
#define SERVICE_DOORS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/event.h"
#include "project.h"
#include "terok/dossier.h"

#define DOOR_CONTAINER 128 /* a container's id or name, and a NUL */

/* Whose a listener is: one container, of one project. */
struct door_owner {
	char project[PROJECT_MAX + 1];                        /* "": for .any alone */
	char task[PROJECT_MAX + 1];                           /* "": the dossier names none */
	char container[DOOR_CONTAINER], name[DOOR_CONTAINER]; /* its id, what people call it */
};

/* One port of a service; both are called from the loop. */
struct door_port {
	unsigned port; /* CONTROL_PORT_* */
	bool any;      /* also in one whose dossier names no project, or none that can be: "" */
	/* takes the listener, non-blocking: 0, or a negative errno, and @fd is closed then or later */
	int (*open)(struct door_owner *owner, int fd, void *user);
	/* the container has gone: the listener too, and who came in by it. After it @owner is no more */
	void (*close)(struct door_owner *owner, void *user);
	void *user;
};

struct doors;

/** doors_again() - what @owner's port was given is used up: the agent is asked for another, and open() called */
void doors_again(struct door_owner *owner);

/**
 * doors_new() - from now on
 * @ports: @n of them, borrowed
 *
 * Return: 0; -ENOMEM, -ENAMETOOLONG (TEROK_RUN).
 */
int doors_new(struct loop *loop, const struct door_port *ports, unsigned n, struct doors **ret);

/** doors_free() - each is closed, before what @ports are of is freed. NULL: nothing */
void doors_free(struct doors *doors);

/** doors_close() - take nobody new; who has come in goes on */
void doors_close(struct doors *doors);

#endif
