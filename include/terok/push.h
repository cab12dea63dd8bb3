/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/push.h - a refused push as a request at a session's hub: what the gate and the hub agree on
 *
 * The gate tells it as readers tell of connections: the container is "gate:PROJECT/TASK#ID", one
 * for each push, and the destination is PUSH_DEST and the first ref. It hears the verdict as
 * every client does, and carries it out itself: whoever runs shields has nothing to do. When the
 * push is over, its container "exits", and what was not answered is no request any more.
 */
#ifndef TEROK_PUSH_H
#define TEROK_PUSH_H

#include <stdbool.h>
#include <string.h>

#define TEROK_PUSH_DEST "push:" /* no address and no name begins so */

/** terok_is_push() - is that a push's destination? */
static inline bool terok_is_push(const char *dest)
{
	return !strncmp(dest, TEROK_PUSH_DEST, sizeof(TEROK_PUSH_DEST) - 1);
}

#endif
