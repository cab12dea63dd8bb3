/* SPDX-License-Identifier: Apache-2.0 */
/*
 * register_rpc.h - one attempt to register: the token, if there is a server for it, then the call
 *
 * Without an OAuth2 server the assertion itself is what the control plane is shown. The attempt is
 * agentd_registrar_new()'s, and ends with agentd_registrar_done(). Called by: register.c, from the loop.
 * Owns: the token's child and the channel of the attempt. Threads: none.
 */
#ifndef AGENTD_REGISTER_RPC_H
#define AGENTD_REGISTER_RPC_H

#include "bootstrap.h"
#include "reaper.h"
#include "register.h"

#define REGISTER_RPC_NS (15 * SECOND_NS) /* from the connection to the reply */

struct register_rpc;

/* All of it outlives the attempts. */
struct register_rpc_use {
	struct loop *loop;
	struct reaper *reaper;
	const struct bootstrap *bootstrap;
	const char *address;         /* of the control plane, HOST:PORT */
	const char *token_url;       /* NULL: the assertion is the bearer token */
	const char *agent, *project; /* who we say we are */
};

/** register_rpc_new() - 0; -EINVAL with @why */
int register_rpc_new(const struct register_rpc_use *use, struct register_rpc **ret,
		     struct problem *why);

/** register_rpc_attempt() - a agentd_registrar_attempt_fn; @user: the struct register_rpc */
void register_rpc_attempt(struct agentd_registrar *registrar, void *user);

void register_rpc_free(struct register_rpc *rpc);

#endif
