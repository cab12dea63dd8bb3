/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper_serve.h - org.terok.ClearanceVerdict1 on a socket: Apply runs the shield
 *
 * The one program of a user's session that runs terok-shield, apart from the hub because what
 * the shield needs (namespaces, nft) the hub has given up. It trusts nobody's words: the action
 * is one of two, nothing that begins with a dash becomes an option, only our own user and root
 * are served. Verdicts of different connections run beside each other, at most
 * HELPER_RUNNING_MAX of them; each has its time, then its whole process group is killed. A
 * verdict on a push (terok/push.h) is no shield's: it is carried out where the push waits.
 *
 * Owns: what runs. Called by: helper_main.c. Threads: none.
 */
#ifndef HUB_HELPER_SERVE_H
#define HUB_HELPER_SERVE_H

#include "base/varlink.h"

#define HELPER_RUNNING_MAX 16
#define HELPER_LIMIT_NS    (10 * SECOND_NS) /* for one run of the shield */
#define HELPER_TEXT_MAX    256              /* bytes of a container or destination */

struct helper;

/**
 * helper_new() - serve verdicts on the listening socket @fd, which stays the caller's
 * @program: path of the shield; NULL: looked for at each verdict, beside our own program,
 *	     then in the PATH, then in ~/.local/bin
 * @limit_ns: for one run of it; HELPER_LIMIT_NS
 */
int helper_new(struct loop *loop, int fd, const char *program, uint64_t limit_ns,
	       struct helper **ret);

/** helper_free() - close every connection and kill what runs */
void helper_free(struct helper *helper);
DEFINE_CLEANUP(struct helper, helper_free)

/** helper_close() - begin nothing more; @idle is called when nothing runs, which may be at once */
void helper_close(struct helper *helper, void (*idle)(void *user), void *user);

#endif
