/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve.h - the hub on a socket: org.terok.Clearance1, org.terok.Firewall1, and the agent's
 * org.terok.ClearanceVerdict1
 *
 * Method tables over base/varlink.h; every rule about who and what is in hub.c.
 * Called by: worker.c, standalone.c. Threads: none.
 */
#ifndef HUB_SERVE_H
#define HUB_SERVE_H

#include "base/varlink.h"
#include "hub.h"

/** serve_new() - serve @hub on the listening socket @fd, which stays the caller's */
int serve_new(struct loop *loop, int fd, struct hub *hub, struct varlink_server **ret);

#endif
