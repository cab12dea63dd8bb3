/* SPDX-License-Identifier: Apache-2.0 */
/*
 * closer.h - connections of strangers are closed by a child, where strangers can put files into them
 *
 * A message may carry descriptors, wanted or not. Whoever reads it, or closes the connection with
 * it unread, closes them: in that process, before its call returns, and without any end where the
 * last of a socket lingers (SO_LINGER), or in seconds where it is a file of many GB in memory.
 * Since 6.16 the kernel can refuse them when they are sent (sock_no_fds()), and nobody needs this
 * module. Before, the core only looks at what is said (MSG_PEEK takes nothing) and leaves the rest
 * to this child, which shares its descriptors and nothing else: so the last of a stranger's file
 * is never the core's. A timer's signal ends a close that lingers, as any signal does.
 *
 * What is left to it is closed sometime: who wants that the other end sees it now shuts it down.
 *
 * Owns: the child. Called by: control.c. Threads: none.
 */
#ifndef TEROK_CLOSER_H
#define TEROK_CLOSER_H

#include <stdbool.h>

#include "base/event.h"

#define CLOSER_BEHIND 4096 /* connections that wait to be closed: then it is time to take no more */

struct closer;

/** closer_new() - start it; 0 or negative errno. It ends with us, whatever ends us */
int closer_new(struct loop *loop, struct closer **ret);

/** closer_free() - what it has not closed the end of our process does, which waits for nothing */
void closer_free(struct closer *closer);

/** closer_take() - close that; at once if there is no closer. @fd is -1 then */
void closer_take(struct closer *closer, int *fd);

/** closer_is_behind() - CLOSER_BEHIND wait; no closer never is */
bool closer_is_behind(const struct closer *closer);

#endif
