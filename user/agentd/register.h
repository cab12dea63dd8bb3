/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register.h - telling the control plane who we are: one at a time, and once
 *
 * What we show is an assertion that serves once: to the control plane itself, or to an OAuth2
 * server that gives a token for it. So an attempt that may have used it up is the last one, and its
 * outcome is everybody's from then on; one that came to nothing before may be repeated.
 * How each step is made is its caller's (register_rpc.c); here is who waits for what.
 * Called by: session.c (RegisterRequired), main.c. Owns: those who wait. Threads: none.
 */
#ifndef AGENTD_REGISTER_H
#define AGENTD_REGISTER_H

#include <stdbool.h>

#include "base/event.h"

#define REGISTER_WAITING 64

struct agentd_registrar;

/** agentd_registrar_fn - the outcome, once; @error: "" if @ok */
typedef void (*agentd_registrar_fn)(void *user, bool ok, const char *error);

/**
 * agentd_registrar_attempt_fn - begin one attempt; agentd_registrar_done() ends it, maybe from within
 */
typedef void (*agentd_registrar_attempt_fn)(struct agentd_registrar *registrar, void *user);

/** agentd_registrar_new() - 0 or -ENOMEM */
int agentd_registrar_new(struct loop *loop, agentd_registrar_attempt_fn attempt, void *user,
			 struct agentd_registrar **ret);

/** agentd_registrar_ask() - @fn hears the outcome, from the loop */
void agentd_registrar_ask(struct agentd_registrar *registrar, agentd_registrar_fn fn, void *user);

/**
 * agentd_registrar_done() - the attempt has ended
 * @error:    NULL: it is registered
 * @consumed: the assertion cannot be shown again
 */
void agentd_registrar_done(struct agentd_registrar *registrar, const char *error, bool consumed);

/* Those who wait are told that it ended. NULL: nothing. */
void agentd_registrar_free(struct agentd_registrar *registrar);

#endif
