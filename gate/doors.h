/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doors.h - a listener of the gate in each container, which is that container's alone
 *
 * Who of the user's guards comes and goes the machine's hub says (terok/clearance.h). For each
 * whose dossier names a project the agent opens a listener on the container's own loopback and
 * hands it over (CONTROL_LISTEN): what comes in there is of that container, and reaches that
 * project, whatever token it shows. Without an agent there are none; one that comes back is
 * noticed. Nothing here waits: an agent that does not answer costs a container its door.
 *
 * Called by: verb_serve.c. Owns: the doors, the connection to the hub. Threads: none.
 */
#ifndef GATE_DOORS_H
#define GATE_DOORS_H

#include "base/event.h"
#include "http/http.h"

struct doors;

/** doors_new() - from now on; @http takes the listeners. 0; -ENOMEM, -ENAMETOOLONG (TEROK_RUN) */
int doors_new(struct loop *loop, struct http *http, struct doors **ret);

/** doors_free() - before @http is freed. NULL: nothing */
void doors_free(struct doors *doors);

/** doors_close() - take nobody new; who has come in goes on */
void doors_close(struct doors *doors);

#endif
