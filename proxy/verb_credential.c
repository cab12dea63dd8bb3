// SPDX-License-Identifier: Apache-2.0
/*
 * verb_credential.c - terok-proxy credential set, list, delete: what containers use and never see
 *
 * A secret comes by standard input or in a file, never on the command line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "deeds.h"
#include "given.h"
#include "opened.h"
#include "store/credential.h"
#include "verbs.h"

/* --- set ------------------------------------------------------------------------------- */

/* The bare secret as the JSON of its type. */
static int wrap(const char *type, const struct secret *bare, struct secret **ret)
{
	static const struct {
		const char *type, *member;
	} types[] = { { "api_key", "key" }, { "pat", "token" }, { "oauth", "access_token" } };
	struct secret *json = secret_new(2 * bare->len + 64);
	size_t i = 0, n;

	while (i < sizeof(types) / sizeof(*types) && strcmp(types[i].type, type))
		i++;
	if (i == sizeof(types) / sizeof(*types) || !json) {
		secret_free(json);
		return json ? -EINVAL : -ENOMEM;
	}
	n = snprintf(json->bytes, json->size, "{\"type\": \"%s\", \"%s\": \"", type,
		     types[i].member);
	for (size_t k = 0; k < bare->len; k++) {
		if (bare->bytes[k] == '"' || bare->bytes[k] == '\\')
			json->bytes[n++] = '\\';
		json->bytes[n++] = bare->bytes[k];
	}
	json->bytes[n++] = '"';
	json->bytes[n++] = '}';
	json->len = n;
	*ret = json;
	return 0;
}

static int read_credential(const char *file, const char *type, struct secret **ret)
{
	_cleanup_secret_ struct secret *given = NULL;
	struct problem why = {};
	int r = given_secret(file, type ? "secret" : "credential, as JSON", CREDENTIAL_MAX, &given,
			     &why);

	if (r)
		return log_error(0, "%s", why.text), -EIO;
	if (!type) {
		*ret = TAKE_PTR(given);
		return 0;
	}
	if (credential_value_check("the secret", given, &why))
		return log_error(0, "%s", why.text), -EIO;
	r = wrap(type, given, ret);
	if (r == -EINVAL)
		return log_error(0, "--type: api_key, pat or oauth, not '%s'", type), r;
	return r;
}

static int run_set(int argc, char **argv)
{
	const char *set = CREDENTIAL_SET, *type = NULL, *file = NULL;
	_cleanup_(store_freep) struct store *store = NULL;
	_cleanup_secret_ struct secret *json = NULL;
	struct opened opened = {};
	struct problem why = {};
	const struct cli_option options[] = {
		{ "set", "NAME", "of this set of credentials", CLI_STRING, &set },
		{ "type", "TYPE", "what is given is the bare secret: api_key, pat, oauth",
		  CLI_STRING, &type },
		{ "file", "FILE", "where it is; else standard input", CLI_STRING, &file },
		OPENED_OPTIONS(opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	if (store_name_check("PROVIDER", argv[1], &why) || store_name_check("--set", set, &why))
		return log_error(0, "%s", why.text), -EINVAL;
	r = read_credential(file, type, &json);
	if (!r)
		r = opened_unlocked(&opened, 1 << STORE_HTTP, &store);
	if (r)
		return r;
	r = credential_store(store, set, argv[1], json->bytes, json->len, &why);
	return r ? (log_error(0, "%s", why.text), -EIO) : 0;
}

/* --- list ------------------------------------------------------------------------------ */

struct listing {
	struct store *store;
	struct json json;
	bool as_json;
};

/* "?": nobody can look into it now. */
static const char *kind_of(struct store *store, const struct credential *credential)
{
	_cleanup_secret_ struct secret *json = NULL;
	struct credential_use use = {};
	const char *kind;

	if (credential_load(store, credential->set, credential->provider, &json, NULL))
		return "?";
	credential_read(json->bytes, json->len, &use, NULL);
	kind = credential_kind_name(use.kind);
	credential_use_done(&use);
	return kind;
}

static int list_one(const struct credential *credential, void *user)
{
	struct listing *listing = user;
	const char *kind = kind_of(listing->store, credential);
	char set[STORE_NAME_SIZE], provider[STORE_NAME_SIZE];

	if (listing->as_json) {
		json_open_object(&listing->json, NULL);
		json_add_string(&listing->json, "set", credential->set);
		json_add_string(&listing->json, "provider", credential->provider);
		json_add_string(&listing->json, "type", kind);
		json_add_bool(&listing->json, "sealed", credential->sealed);
		json_close_object(&listing->json);
	} else {
		printf("%s %s  %s%s\n", log_safe(set, sizeof(set), credential->set),
		       log_safe(provider, sizeof(provider), credential->provider), kind,
		       credential->sealed ? "" : "  in plain text");
	}
	return 0;
}

static int run_list(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct listing listing = {};
	struct opened opened = {};
	struct problem why = {};
	const char *set = NULL;
	const struct cli_option options[] = {
		{ "set", "NAME", "of this set alone", CLI_STRING, &set },
		{ "json", NULL, "a JSON array", CLI_FLAG, &listing.as_json },
		OPENED_PATH_OPTION(opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r >= 0)
		r = opened_store(&opened, STORE_READ, &store);
	if (r < 0)
		return r;
	keys_unlock(store, NULL, 1 << STORE_HTTP, NULL); /* else their type is not said */
	listing.store = store;
	json_open_array(&listing.json, NULL);
	r = credential_each(store, set, list_one, &listing, &why);
	json_close_array(&listing.json);
	if (!r && listing.as_json)
		puts(json_done(&listing.json) ?: "null");
	json_free(&listing.json);
	return r ? (log_error(0, "%s", why.text), -EIO) : 0;
}

/* --- delete ---------------------------------------------------------------------------- */

static int run_delete(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	const char *set = CREDENTIAL_SET;
	struct opened opened = {};
	struct problem why = {};
	const struct cli_option options[] = {
		{ "set", "NAME", "of this set of credentials", CLI_STRING, &set },
		OPENED_PATH_OPTION(opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r >= 0)
		r = opened_store(&opened, STORE_WRITE, &store);
	if (r < 0)
		return r;
	r = credential_delete(store, set, argv[1], &why);
	if (r < 0)
		return log_error(0, "%s", why.text), -EIO;
	printf("%d deleted\n", r);
	return 0;
}

int verb_credential(int argc, char **argv)
{
	static const struct deed deeds[] = {
		{ "set", run_set }, { "list", run_list }, { "delete", run_delete }, {}
	};

	return deeds_run(deeds, "set, list or delete", argc, argv);
}
