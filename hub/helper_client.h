/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper_client.h - verdicts carried out by another process: org.terok.ClearanceVerdict1.Apply
 *
 * Each verdict has a connection of its own, so that none waits behind another. A helper that
 * is not there, or goes before it has heard all of a call, is tried once more; a call that it
 * heard is never repeated, whatever becomes of it: nobody knows whether it was carried out.
 * There is an outcome to each, in a bounded time; errors and
 * answers of a wrong shape are outcomes like any other.
 * Owns: verdicts on their way. Called by: hub_reader.c. Threads: none.
 */
#ifndef HUB_HELPER_CLIENT_H
#define HUB_HELPER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/event.h"

#define HELPER_CALLS_MAX  32               /* on their way at once */
#define HELPER_TEXT_SHOWN 512              /* characters of what a helper says */
#define HELPER_ANSWER_NS  (15 * SECOND_NS) /* the helper's own limit is 10, and it may be busy */
#define HELPER_AGAIN_NS   (SECOND_NS / 5)  /* before the second try: it may be starting */

struct helper_client;

/**
 * helper_fn - what became of the verdict @token: once, from the loop, never from apply
 * @text: printable, one line; also where @ok
 */
typedef void (*helper_fn)(uint64_t token, bool ok, const char *text, void *user);

/**
 * helper_client_new()
 * @path:     where the helper listens; stays the caller's
 * @limit_ns: from the begin of a verdict to its outcome at the latest; HELPER_ANSWER_NS
 */
int helper_client_new(struct loop *loop, const char *path, uint64_t limit_ns, helper_fn fn,
		      void *user, struct helper_client **ret);

/** helper_client_free() - verdicts on their way have no outcome */
void helper_client_free(struct helper_client *client);
DEFINE_CLEANUP(struct helper_client, helper_client_free)

/** helper_client_apply() - begin one; 0, -EBUSY too many are on their way, -ENOMEM */
int helper_client_apply(struct helper_client *client, const char *container, const char *dest,
			const char *action, uint64_t token);

/** helper_client_pending() - verdicts on their way */
unsigned helper_client_pending(const struct helper_client *client);

#endif
