/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - whose: what the rest of this room has to know of the program that it works for
 *
 * A user's service for containers (the git gate, the credential proxy, the control plane) is begun by
 * the user's service manager, root's by the system's, or goes on in the background by itself; it
 * listens on the host's loopback and within containers. All of that is the same for each of them but
 * for what is said here, once for each program. Threads: none; it is constant.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stdbool.h>

/* How older programs called their units, and marked them in line 1. */
struct service_kind {
	const char *prefix; /* of the file's name: "terok-gate" */
	const char *mark;   /* "# terok-gate-version:" */
};

struct service {
	const char *program; /* as it is run, and as it calls itself in the log: "terok-gate" */
	const char *noun;    /* what it is to people: "gate" */
	const char *plural;  /* whose files it serves, for root who begins it: "mirrors" */
	unsigned port;       /* TCP, if nothing else is said */
	bool early;          /* it may listen at an address that the host has not got yet */
	bool system;         /* root has one as well, by units of the system */

	int version;                         /* of its units, behind the mark */
	const char *socket, *unit;           /* their names; those of the first kind begin so */
	const char *socket_text, *unit_text; /* with @NAME@ where something is filled in */
	const struct service_kind *kind;     /* the first is its own; a NULL prefix ends them */

	const char *folder_option; /* what it serves is said by this option: "--base-path" */
	const char *folder;        /* ... and is called: "base path" */
	const char *port_option, *bind_option; /* NULL: "--port", "--bind" */
};

#endif
