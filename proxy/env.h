/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env.h - the variables by which programs in a container find the proxy, and what they show there
 *
 * Names are those that the programs of each provider read; a provider that is not known here has
 * NAME_API_KEY and NAME_BASE_URL. Values are phantom tokens, a host and ports: no secrets.
 * Owns: the variables. Called by: verb_env.c. Threads: none.
 */
#ifndef PROXY_ENV_H
#define PROXY_ENV_H

#include <stdbool.h>

#include "base/problem.h"

#define ENV_MAX   256
#define ENV_NAME  96
#define ENV_VALUE 384

struct env {
	struct env_item {
		char name[ENV_NAME], value[ENV_VALUE];
	} item[ENV_MAX];
	unsigned n;
};

/* Where the proxy is for a container. */
struct env_at {
	const char *host;
	unsigned port, agent_port;
};

/** env_host_check() - a name or an address as a URL has it. 0; -EINVAL with @why */
int env_host_check(const char *host, struct problem *why);

/** env_by_kind() - is the variable of that provider another one where its credential is OAuth's? */
bool env_by_kind(const char *provider);

/**
 * env_provider() - the variables of one provider
 * @oauth: its credential is one of OAuth
 *
 * Return: 0; -EEXIST: another provider has one of them already, and it stays; -E2BIG; with @why.
 */
int env_provider(struct env *env, const struct env_at *at, const char *provider, bool oauth,
		 const char *token, struct problem *why);

/** env_proxy() - where it is; env_ssh() - and its SSH agent, with a token of the project. As above */
int env_proxy(struct env *env, const struct env_at *at, struct problem *why);
/** env_ssh() - see there */
int env_ssh(struct env *env, const struct env_at *at, const char *token, struct problem *why);

#endif
