/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_history.h - History of org.terok.Firewall1: parameters in, a page of entries out
 *
 * Called by: serve.c. Threads: none.
 */
#ifndef HUB_SERVE_HISTORY_H
#define HUB_SERVE_HISTORY_H

#include "base/varlink.h"

#define SERVE_HISTORY_LIMIT  1000        /* entries of one reply, and the default */
#define SERVE_HISTORY_BYTES  (192 << 10) /* of it: what would be more is left for the next call */

#define SERVE_HISTORY_PARAMS 3
extern const struct varlink_param serve_history_params[SERVE_HISTORY_PARAMS];

/** serve_history() - the method */
void serve_history(struct varlink_call *call, struct json_object *parameters);

#endif
