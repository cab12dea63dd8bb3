/* SPDX-License-Identifier: Apache-2.0 */
/*
 * introspect.h - an OAuth2 server asked about tokens (RFC 7662), by libcurl on our loop
 *
 * HTTPS alone, no proxy, no redirection, five seconds, so many at once. Called by: auth. Threads: none.
 */
#ifndef REGISTRY_INTROSPECT_H
#define REGISTRY_INTROSPECT_H

#include <stddef.h>

#include "base/event.h"
#include "base/problem.h"

#define INTROSPECT_MAX   256   /* questions at once: who comes then is not let in */
#define INTROSPECT_REPLY 65536 /* bytes of an answer */
#define INTROSPECT_MS    5000

struct introspect;
struct introspection;

/* @error: negative errno with @why, nothing was said; else @text is an answer of status 200. Once. */
typedef void (*introspect_fn)(const char *text, size_t size, int error, const char *why,
			      void *user);

/** introspect_new() - @url and @ca_file (NULL: the system's) are copied */
int introspect_new(struct loop *loop, const char *url, const char *ca_file, struct introspect **ret,
		   struct problem *why);

/** introspect_free() - what is out is ended, and nobody told. NULL: nothing */
void introspect_free(struct introspect *introspect);

/** introspect_ask() - 0: @done comes, from the loop; -EAGAIN as many are out as may be; -ENOMEM */
int introspect_ask(struct introspect *introspect, const char *token, const char *scope,
		   introspect_fn done, void *user, struct introspection **ret);

/** introspect_end() - it is not told any more */
void introspect_end(struct introspection *introspection);

#endif
