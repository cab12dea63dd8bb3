/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terok/push.h - a deed of a service as a request at a session's hub: what both agree on
 *
 * The gate asks for a push, the proxy for a signature, and both as readers tell of connections: the
 * container is "gate:PROJECT/TASK#ID", one for each push ("proxy:" for a signature), and the
 * destination is PUSH_DEST and the first ref (SIGN_DEST and what is signed for). Who asks hears the
 * verdict as every client does, and carries it out itself: whoever runs shields has nothing to do.
 * When the deed is over, its container "exits", and what was not answered is no request any more.
 */
#ifndef TEROK_PUSH_H
#define TEROK_PUSH_H

#include <stdbool.h>
#include <string.h>

#define TEROK_PUSH_DEST "push:" /* no address and no name begins so */
#define TEROK_SIGN_DEST "sign:"

/** terok_is_deed() - is that the destination of what a service asks for, and does by itself? */
static inline bool terok_is_deed(const char *dest)
{
	return !strncmp(dest, TEROK_PUSH_DEST, sizeof(TEROK_PUSH_DEST) - 1) ||
	       !strncmp(dest, TEROK_SIGN_DEST, sizeof(TEROK_SIGN_DEST) - 1);
}

#endif
