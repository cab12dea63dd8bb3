// SPDX-License-Identifier: Apache-2.0
#include "env.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* @base: where requests go, with what its programs expect behind the host; NULL: they cannot be told */
struct known {
	const char *provider;
	const char *token, *oauth;
	const char *base, *below;
};

static const struct known known[] = {
	{ "claude", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL", "" },
	{ "anthropic", "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL", "" },
	{ "codex", "OPENAI_API_KEY", NULL, "OPENAI_BASE_URL", "/v1" },
	{ "openai", "OPENAI_API_KEY", NULL, "OPENAI_BASE_URL", "/v1" },
	{ "gh", "GH_TOKEN", NULL, NULL, NULL },
	{ "github", "GH_TOKEN", NULL, NULL, NULL },
	{ "glab", "GITLAB_TOKEN", NULL, NULL, NULL },
	{ "gitlab", "GITLAB_TOKEN", NULL, NULL, NULL },
};

static const struct known *find(const char *provider)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].provider, provider))
			return &known[i];
	return NULL;
}

int env_host_check(const char *host, struct problem *why)
{
	size_t n = strlen(host);

	for (size_t i = 0; i < n; i++)
		if (!isascii(host[i]) ||
		    !(isalnum((unsigned char)host[i]) || strchr(".-_[]:", host[i])))
			return problem(why, -EINVAL, "byte %zu of the host is none of a host's",
				       i + 1);
	return n && n < 254 ? 0 : problem(why, -EINVAL, "a host of %zu bytes", n);
}

bool env_by_kind(const char *provider)
{
	const struct known *one = find(provider);

	return one && one->oauth;
}

__attribute__((__format__(__printf__, 4, 5))) static int
add(struct env *env, const char *name, struct problem *why, const char *fmt, ...)
{
	struct env_item *item = &env->item[env->n];
	va_list ap;

	for (unsigned i = 0; i < env->n; i++)
		if (!strcmp(env->item[i].name, name))
			return problem(why, -EEXIST, "%s is another provider's already", name);
	if (env->n == ENV_MAX)
		return problem(why, -E2BIG, "more than %d variables", ENV_MAX);
	snprintf(item->name, sizeof(item->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(item->value, sizeof(item->value), fmt, ap);
	va_end(ap);
	env->n++;
	return 0;
}

/* "my-api" is MY_API_KEY; what begins with a digit is no name of a variable. */
static void name_of(const char *provider, const char *end, char ret[static ENV_NAME])
{
	size_t n = isdigit((unsigned char)*provider) ? 1 : 0;

	ret[0] = '_';
	for (; *provider && n + strlen(end) + 1 < ENV_NAME; provider++) {
		unsigned char c = (unsigned char)*provider;

		ret[n++] = isascii(c) && isalnum(c) ? (char)toupper(c) : '_';
	}
	strcpy(ret + n, end);
}

static int add_unknown(struct env *env, const struct env_at *at, const char *provider,
		       const char *token, struct problem *why)
{
	char key[ENV_NAME], base[ENV_NAME];

	name_of(provider, "_API_KEY", key);
	name_of(provider, "_BASE_URL", base);
	return add(env, key, why, "%s", token)
		   ?: add(env, base, why, "http://%s:%u", at->host, at->port);
}

int env_provider(struct env *env, const struct env_at *at, const char *provider, bool oauth,
		 const char *token, struct problem *why)
{
	const struct known *one = find(provider);
	int r;

	if (!one)
		return add_unknown(env, at, provider, token, why);
	r = add(env, oauth && one->oauth ? one->oauth : one->token, why, "%s", token);
	if (!r && one->base)
		r = add(env, one->base, why, "http://%s:%u%s", at->host, at->port, one->below);
	if (r || strcmp(one->token, "GITLAB_TOKEN"))
		return r;
	/* glab has a host and a protocol in place of a URL */
	return add(env, "GITLAB_API_HOST", why, "%s:%u", at->host, at->port)
		   ?: add(env, "API_PROTOCOL", why, "http");
}

int env_proxy(struct env *env, const struct env_at *at, struct problem *why)
{
	return add(env, "TEROK_PROXY_PORT", why, "%u", at->port);
}

int env_ssh(struct env *env, const struct env_at *at, const char *token, struct problem *why)
{
	return add(env, "TEROK_SSH_AGENT_TOKEN", why, "%s", token)
		   ?: add(env, "TEROK_SSH_AGENT_PORT", why, "%u", at->agent_port);
}
