// SPDX-License-Identifier: Apache-2.0
/*
 * verb_store.c - terok-proxy store status, unlock, lock, rotate: the key of what is kept
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "deeds.h"
#include "given.h"
#include "opened.h"
#include "store/census.h"
#include "store/unlocked.h"
#include "verbs.h"

static const char *const sources[] = { [KEYS_NONE] = "none",
				       [KEYS_FROM_CREDENTIAL] = "systemd",
				       [KEYS_FROM_KEYRING] = "keyring",
				       [KEYS_FROM_FILE] = "file",
				       [KEYS_FROM_PASSPHRASE] = "passphrase" };
static const char *const kinds[] = {
	[KEYS_NEVER_HAD] = "none", [KEYS_RANDOM] = "key", [KEYS_OF_PASSPHRASE] = "passphrase"
};

/* --- status ------------------------------------------------------------------------------ */

struct state {
	const char *name; /* as --json has it: unprovisioned, locked, unlocked */
	enum keys_kind kind;
	enum keys_source source;
	struct problem why; /* it is locked */
	struct census census;
};

static int look(struct store *store, const struct opened *opened, struct state *ret,
		struct problem *why)
{
	struct keys_options options = { .file = opened->key_file };
	struct keys keys = {};
	int r = keys_kind(store, &ret->kind, why);

	if (!r)
		r = census_take(store, &ret->census, why);
	if (r)
		return r;
	r = keys_find(store, &options, &keys, &ret->why);
	ret->source = keys.source;
	keys_done(&keys);
	ret->name = !r ? "unlocked" : r == -ENOKEY ? "unprovisioned" : "locked";
	return 0;
}

static void print_state(const struct store *store, const struct state *state)
{
	char path[512];

	printf("%s: %s", log_safe(path, sizeof(path), store_path(store)), state->name);
	if (state->source != KEYS_NONE)
		printf(", key from %s", sources[state->source]);
	printf("\n%lld credentials, %lld tokens, %lld SSH keys\n",
	       (long long)state->census.credentials, (long long)state->census.tokens,
	       (long long)state->census.ssh_keys);
	if (state->census.plain)
		printf("%lld in plain text, until somebody with the key opens it to write\n",
		       (long long)state->census.plain);
	if (!strcmp(state->name, "locked"))
		printf("%s\n", state->why.text);
}

static void print_json(const struct store *store, const struct state *state)
{
	bool locked = !strcmp(state->name, "locked");
	_cleanup_json_ struct json json = {};

	json_open_object(&json, NULL);
	json_add_string(&json, "state", state->name);
	json_add_bool(&json, "locked", locked);
	if (locked)
		json_add_string(&json, "lock_reason", state->why.text);
	else
		json_add_null(&json, "lock_reason");
	json_add_string(&json, "kind", kinds[state->kind]);
	json_add_string(&json, "key_source", sources[state->source]);
	json_add_int(&json, "credentials", state->census.credentials);
	json_add_int(&json, "tokens", state->census.tokens);
	json_add_int(&json, "ssh_keys", state->census.ssh_keys);
	json_add_int(&json, "plain", state->census.plain);
	json_add_string(&json, "db_path", store_path(store));
	json_close_object(&json);
	puts(json_done(&json) ?: "null");
}

static int run_status(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct opened opened = {};
	struct problem why = {};
	struct state state = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		OPENED_PATH_OPTION(opened),
		{ "key-file", "FILE", "its key, if that is in another file than store.key",
		  CLI_STRING, &opened.key_file },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r >= 0)
		r = opened_store(&opened, STORE_READ, &store);
	if (r < 0)
		return r;
	if (look(store, &opened, &state, &why))
		return log_error(0, "%s", why.text), -EIO;
	if (json)
		print_json(store, &state);
	else
		print_state(store, &state);
	return 0;
}

/* --- unlock, lock ------------------------------------------------------------------------- */

static int run_unlock(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct opened opened = {};
	const char *life = NULL;
	struct problem why = {};
	struct keys keys = {};
	uint64_t seconds = 0;
	const struct cli_option options[] = {
		{ "for", "TIME", "for so long: 90s, 10m, 2h, 1d; else until it is locked",
		  CLI_STRING, &life },
		OPENED_OPTIONS(opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	if (life && duration_parse(life, &seconds, &why))
		return log_error(0, "--for: %s", why.text), -EINVAL;
	r = opened_store(&opened, STORE_WRITE, &store);
	if (!r)
		r = opened_keys(&opened, store, true, &keys);
	if (!r)
		r = opened_give(store, &keys, 1 << STORE_HTTP | 1 << STORE_SSH);
	if (r) {
		keys_done(&keys);
		return r;
	}
	if (keys.source == KEYS_FROM_PASSPHRASE || keys.source == KEYS_FROM_KEYRING || life ||
	    opened.key_file) {
		r = unlocked_put(store_path(store), keys.root, seconds);
		if (r)
			log_error(r, "the key cannot be put into the kernel's keyring");
		else
			puts("unlocked: its key is in the kernel's keyring");
	} else {
		printf("unlocked: its key is there without that, from %s\n", sources[keys.source]);
	}
	keys_done(&keys);
	return r ? -EIO : 0;
}

static int run_lock(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct opened opened = {};
	struct state state = {};
	struct problem why = {};
	const struct cli_option options[] = {
		OPENED_PATH_OPTION(opened),
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r >= 0)
		r = opened_store(&opened, STORE_READ, &store);
	if (r < 0)
		return r;
	r = unlocked_drop(store_path(store));
	if (r && r != -ENOKEY)
		return log_error(r, "the key cannot be taken out of the kernel's keyring"), -EIO;
	if (look(store, &opened, &state, &why))
		return log_error(0, "%s", why.text), -EIO;
	if (!strcmp(state.name, "unlocked"))
		return log_error(
			   0,
			   "it is not locked: its key is there from %s; with a passphrase it would "
			   "be; try: store rotate --new-passphrase",
			   sources[state.source]),
		       -EIO;
	puts(r ? "locked; it was before" : "locked; who runs with its key has it until it ends");
	return 0;
}

/* --- rotate ------------------------------------------------------------------------------- */

static int take_passphrase(const char *file, bool ask, struct secret **ret)
{
	_cleanup_secret_ struct secret *again = NULL;
	struct problem why = {};
	int r;

	if (!file && !ask)
		return 0;
	r = file ? given_secret(file, "new passphrase", KEYS_PASSPHRASE_MAX, ret, &why)
		 : given_at_terminal("new passphrase", KEYS_PASSPHRASE_MAX, ret, &why);
	if (!r && !file) {
		r = given_at_terminal("the same again", KEYS_PASSPHRASE_MAX, &again, &why);
		if (!r &&
		    (again->len != (*ret)->len || memcmp(again->bytes, (*ret)->bytes, again->len)))
			r = problem(&why, -EINVAL, "these are two passphrases");
	}
	return r ? (log_error(0, "%s", why.text), -EIO) : 0;
}

static int run_rotate(int argc, char **argv)
{
	_cleanup_secret_ struct secret *next = NULL;
	_cleanup_(store_freep) struct store *store = NULL;
	struct opened opened = {};
	struct keys_change change = {};
	struct problem why = {};
	const char *next_file = NULL;
	bool ask = false;
	const struct cli_option options[] = {
		{ "new-key", NULL, "the store's own key as well: a new one, in its file", CLI_FLAG,
		  &change.root },
		{ "new-passphrase", NULL, "the same, and a passphrase is asked for", CLI_FLAG,
		  &ask },
		{ "new-passphrase-file", "FILE", "the same, from a file", CLI_STRING, &next_file },
		OPENED_OPTIONS(opened),
		{},
	};
	struct keys keys = {};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	if (change.root + ask + !!next_file > 1)
		return log_error(0, "one of --new-key, --new-passphrase, --new-passphrase-file"),
		       -EINVAL;
	r = opened_store(&opened, STORE_WRITE, &store);
	if (!r)
		r = opened_keys(&opened, store, true, &keys);
	if (!r)
		r = take_passphrase(next_file, ask, &next);
	if (!r) {
		change.passphrase = next;
		r = keys_rotate(store, &keys, opened.key_file, &change, &why);
		if (r < 0)
			log_error(0, "%s", why.text);
	}
	keys_done(&keys);
	if (r < 0)
		return r == -EINVAL ? -EIO : r;
	printf(
	    "%d sealed anew%s\n", r,
	    change.root || next
		? "; a proxy that runs with the old key is locked; try: terok-proxy stop; terok-proxy start"
		: "");
	return 0;
}

int verb_store(int argc, char **argv)
{
	static const struct deed deeds[] = { { "status", run_status },
					     { "unlock", run_unlock },
					     { "lock", run_lock },
					     { "rotate", run_rotate },
					     {} };

	return deeds_run(deeds, "status, unlock, lock or rotate", argc, argv);
}
