// SPDX-License-Identifier: Apache-2.0
/*
 * verb_env.c - terok-proxy env: what a container of a task needs to use credentials, and tokens for it
 *
 * Each provider that has a credential and a route gets a token, and the project, if it has keys, one
 * for SSH. Tokens that are there already are used again: a task that is begun again has its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cli.h"
#include "base/dir.h"
#include "base/json.h"
#include "base/log.h"
#include "base/paths.h"
#include "env.h"
#include "opened.h"
#include "proxy.h"
#include "service/own_file.h"
#include "service/project.h"
#include "store/credential.h"
#include "store/ssh_key.h"
#include "store/token.h"
#include "verbs.h"

#define FILE_MAX      (1 << 20)
#define SSH           "ssh" /* the provider of tokens for keys */
#define PROVIDERS_MAX 120

struct making {
	const struct opened *opened;
	struct store *store;
	struct json_object *routes;
	struct token want; /* but for its provider */
	struct env_at at;
	struct env env;
	char *provider[PROVIDERS_MAX];
	unsigned n;
};

/* --- what there is ----------------------------------------------------------------------- */

/* An object in a file that decides; NULL in @ret: there is no file. */
static int object_read(const char *path, struct json_object **ret, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r = own_file_read(path, FILE_MAX, &text, &size, NULL, why);

	if (r || !text || !size)
		return r;
	if (json_parse(text, size, ret) || !json_object_is_type(*ret, json_type_object))
		return problem(why, -EBADMSG, "%s holds no JSON object", path);
	return 0;
}

static int note_provider(const struct credential *credential, void *user)
{
	struct making *making = user;

	if (!json_member(making->routes, credential->provider, json_type_object)) {
		char safe[STORE_NAME_SIZE];

		log_warn(0, "%s has a credential and no route: it is left out",
			 log_safe(safe, sizeof(safe), credential->provider));
		return 0;
	}
	if (making->n == PROVIDERS_MAX)
		return -E2BIG;
	making->provider[making->n] = strdup(credential->provider);
	return making->provider[making->n] ? (making->n++, 0) : -ENOMEM;
}

/* Only where the kind of what is sealed has to be known: a locked store has the rest. */
static int unlock(struct making *making)
{
	struct keys keys = {};
	int r = opened_keys(making->opened, making->store, false, &keys);

	if (!r)
		r = store_give_key(making->store, STORE_HTTP,
				   (const uint8_t *)keys.key[STORE_HTTP]->bytes);
	keys_done(&keys);
	return r;
}

/* The kind alone: what else is in it stays where it is. */
static int is_oauth(struct making *making, const char *provider, bool *ret, struct problem *why)
{
	_cleanup_secret_ struct secret *json = NULL;
	struct credential_use use;
	int r = credential_load(making->store, making->want.set, provider, &json, why);

	if (r == -EKEYREJECTED && store_locked(making->store, STORE_HTTP)) {
		*why = (struct problem){}; /* who unlocks says what is wrong */
		r = unlock(making)
			?: credential_load(making->store, making->want.set, provider, &json, why);
	}
	r = r ?: credential_read(json->bytes, json->len, &use, why);
	if (r)
		return r;
	*ret = use.kind == CREDENTIAL_OAUTH;
	credential_use_done(&use);
	return 0;
}

static int found_key(const struct ssh_key *key, void *user)
{
	(void)key;
	(void)user;
	return 1;
}

/* 1: it has keys, in the store or in files. */
static int has_keys(struct making *making, const char *path, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *files = NULL;
	struct json_object *list;
	int r = ssh_key_each(making->store, making->want.project, found_key, NULL, why);

	if (r)
		return r;
	r = object_read(path, &files, why);
	if (r)
		return r;
	list = json_member(files, making->want.project, json_type_array);
	return list && json_object_array_length(list) > 0;
}

/* --- tokens ------------------------------------------------------------------------------ */

/* Good for all that a new one would be good for, and for no more. */
static int is_same(const struct token *token, void *user)
{
	struct token *want = user;

	if (strcmp(token->project, want->project) || strcmp(token->task, want->task) ||
	    strcmp(token->set, want->set) || strcmp(token->provider, want->provider) ||
	    strcmp(token->container, want->container) || token->expires || *token->methods ||
	    *token->paths || token->budget != TOKEN_UNLIMITED)
		return 0;
	strcpy(want->text, token->text);
	return 1;
}

static int token_for(struct making *making, const char *provider, char ret[static TOKEN_SIZE],
		     struct problem *why)
{
	struct token want = making->want;
	int r;

	snprintf(want.provider, sizeof(want.provider), "%s", provider);
	r = token_each(making->store, is_same, &want, why);
	if (!r)
		r = token_mint(making->store, &want, why);
	if (r < 0)
		return r;
	strcpy(ret, want.text);
	return 0;
}

static int add_provider(struct making *making, const char *provider, struct problem *why)
{
	char token[TOKEN_SIZE];
	bool oauth = false;
	int r = env_by_kind(provider) ? is_oauth(making, provider, &oauth, why) : 0;

	r = r ?: token_for(making, provider, token, why);
	if (!r)
		r = env_provider(&making->env, &making->at, provider, oauth, token, why);
	if (r != -EEXIST)
		return r;
	log_warn(0, "%.64s: %s", provider, why->text);
	return 0;
}

static int make(struct making *making, const char *keys, struct problem *why)
{
	char token[TOKEN_SIZE];
	int r = env_proxy(&making->env, &making->at, why)
		    ?: credential_each(making->store, making->want.set, note_provider, making, why);

	for (unsigned i = 0; !r && i < making->n; i++)
		r = add_provider(making, making->provider[i], why);
	r = r ?: has_keys(making, keys, why);
	if (r <= 0)
		return r;
	return token_for(making, SSH, token, why) ?: env_ssh(&making->env, &making->at, token, why);
}

/* --- given out --------------------------------------------------------------------------- */

static int print_json(const struct env *env)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	for (unsigned i = 0; i < env->n; i++)
		json_add_string(&json, env->item[i].name, env->item[i].value);
	json_close_object(&json);
	text = json_done(&json);
	return text ? puts(text), 0 : -ENOMEM;
}

/* As podman takes it: values go to the end of the line as they are. */
static char *lines(const struct env *env)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	for (unsigned i = 0; to && i < env->n; i++)
		fprintf(to, "%s=%s\n", env->item[i].name, env->item[i].value);
	return !to || fclose(to) ? NULL : text;
}

static int write_file(const char *said, const char *text, struct problem *why)
{
	_cleanup_free_ char *path = path_absolute(said), *name = path ? strdup(path) : NULL;
	_cleanup_close_ int dir = -1;

	if (!name)
		return problem(why, -ENOMEM, "no memory for the path %s", said);
	dir = dir_open(AT_FDCWD, dirname(path), why);
	return dir < 0 ? dir : dir_replace(dir, basename(name), text, strlen(text), why);
}

static int give_out(const struct env *env, bool json, const char *file, struct problem *why)
{
	_cleanup_free_ char *text = NULL;

	if (json)
		return print_json(env);
	text = lines(env);
	if (!text)
		return problem(why, -ENOMEM, "no memory for the variables");
	if (file)
		return write_file(file, text, why);
	fputs(text, stdout);
	return 0;
}

/* --- the verb ---------------------------------------------------------------------------- */

static void making_done(struct making *making)
{
	for (unsigned i = 0; i < making->n; i++)
		free(making->provider[i]);
	json_putp(&making->routes);
	store_free(making->store);
	explicit_bzero(making, sizeof(*making));
}

struct options {
	struct opened opened;
	struct proxy_said said;
	const char *set, *container, *host, *port, *agent, *file;
	bool json;
};

static int fill(struct making *making, const struct options *options, char **argv,
		struct problem *why)
{
	struct token *want = &making->want;
	int r = project_check(argv[1], why) ?: project_check(argv[2], why)
					    ?: store_name_check("set", options->set, why)
					    ?: env_host_check(options->host, why);

	if (!r && options->container && strlen(options->container) >= sizeof(want->container))
		r = problem(why, -EINVAL, "--container: %zu bytes at most",
			    sizeof(want->container) - 1);
	if (r)
		return r;
	strcpy(want->project, argv[1]);
	strcpy(want->task, argv[2]);
	strcpy(want->set, options->set);
	strcpy(want->container, options->container ?: "");
	want->budget = TOKEN_UNLIMITED;
	making->at.host = options->host;
	return 0;
}

static int run(struct making *making, struct options *options, struct problem *why)
{
	_cleanup_files_ struct proxy_files files = {};
	int r;

	options->said.db = options->opened.path;
	r = proxy_files_find(&options->said, &files, why)
		?: object_read(files.routes, &making->routes, why);
	if (r)
		return r;
	making->opened = &options->opened;
	r = opened_store(making->opened, STORE_WRITE, &making->store);
	if (r) /* said already */
		return r;
	return make(making, files.keys, why)
		   ?: give_out(&making->env, options->json, options->file, why);
}

int verb_env(int argc, char **argv)
{
	_cleanup_(making_done) struct making making = { .at = { .port = PROXY_PORT,
								.agent_port = PROXY_AGENT_PORT } };
	struct options given = { .set = CREDENTIAL_SET, .host = "host.containers.internal" };
	struct problem why = {};
	const struct cli_option options[] = {
		{ "set", "NAME", "credentials of this set", CLI_STRING, &given.set },
		{ "container", "NAME", "tokens are good only where this one comes in", CLI_STRING,
		  &given.container },
		{ "host", "HOST", "how the container finds the proxy", CLI_STRING, &given.host },
		{ "port", "N", "of TCP (18731)", CLI_STRING, &given.port },
		{ "ssh-agent-port", "N", "of the SSH agent (18732)", CLI_STRING, &given.agent },
		{ "json", NULL, "one JSON object", CLI_FLAG, &given.json },
		{ "env-file", "FILE", "write them there, for podman --env-file", CLI_STRING,
		  &given.file },
		{ "routes-file", "FILE", "which provider is where", CLI_STRING,
		  &given.said.routes },
		{ "ssh-keys-file", "FILE", "projects' keys in files", CLI_STRING,
		  &given.said.keys },
		OPENED_OPTIONS(given.opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	if (given.json && given.file)
		return log_error(0, "env: --json or --env-file, not both"), -EINVAL;
	r = cli_number("port", given.port, 1, 65535, &making.at.port)
		?: cli_number("ssh-agent-port", given.agent, 1, 65535, &making.at.agent_port);
	if (r)
		return r;
	r = fill(&making, &given, argv, &why);
	if (r)
		return log_error(0, "env: %s", why.text), r;
	r = run(&making, &given, &why);
	if (r && *why.text)
		log_error(0, "env: %s", why.text);
	return r == -EINVAL ? -EIO : r;
}
