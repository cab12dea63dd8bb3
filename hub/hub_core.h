/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub_core.h - the back end of the system hub: the core's messages become calls of the hub
 *
 * Down: guards and refusals, as the core tells them. Up: an answer goes to the core by the
 * question's number, and the core says what became of it.
 * Owns: the hub, and the guards' labels. Called by: worker.c. Threads: none.
 */
#ifndef HUB_HUB_CORE_H
#define HUB_HUB_CORE_H

#include "hub.h"
#include "turns.h"

#define HUB_ANSWERS_OPEN 16 /* on their way to the core at once; each may be an fsync there */
#define HUB_LISTS_OPEN   4

struct hub_core;

int hub_core_new(hub_send_fn send, void *user, struct hub_core **ret);
void hub_core_free(struct hub_core *core);
DEFINE_CLEANUP(struct hub_core, hub_core_free)

/** hub_core_hub() - the hub that it is the back end of */
struct hub *hub_core_hub(struct hub_core *core);

/** hub_core_hear() - one checked message from the core */
void hub_core_hear(struct hub_core *core, const struct msg_packet *packet);

#endif
