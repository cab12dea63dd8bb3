// SPDX-License-Identifier: Apache-2.0
/*
 * verb_ssh_init.c - terok-proxy ssh init: a new key for a project, in the store or as files
 *
 * A project has one main key, and may have others beside it. A main key that is there already is shown
 * and not made again, unless it is to be replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/event.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/spawn.h"
#include "signer/keyring.h"
#include "signer/keys_json.h"
#include "ssh.h"
#include "ssh_made.h"
#include "ssh_terms.h"

#define KEYGEN_NS (60 * SECOND_NS)
#define SIDE      "tk-side:"

struct init {
	struct ssh_place at;
	struct ssh_terms terms;
	const char *type, *name, *folder;
	bool side, files, force, json;
	const char *project;
	char comment[KEY_COMMENT], key_name[LIMITS_TEXT]; /* key_name: "key-3"; "": the main one */
	/* found */
	int64_t main_row; /* 0: none */
	unsigned last;    /* highest key-N */
};

static const struct {
	const char *name;
	enum key_kind kind;
} types[] = { { "ed25519", KEY_ED25519 }, { "rsa", KEY_RSA }, { "ecdsa", KEY_P256 } };

/* --- names ------------------------------------------------------------------------------ */

static int name_check(const char *name)
{
	static const char *const taken[] = { "config", "known_hosts", "authorized_keys" };
	struct problem why;

	if (store_name_check("key", name, &why))
		return log_error(0, "--name: %s", why.text), -EINVAL;
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (!strcmp(name, taken[i]))
			return log_error(0, "--name: %s is another file's", name), -EINVAL;
	return 0;
}

static int on_known(const struct ssh_known *known, void *user)
{
	struct init *init = user;
	size_t n = strlen(init->project);
	const char *name = known->comment + sizeof(SIDE) - 1;
	unsigned number;

	if (!strncmp(known->comment, COMMENT_FIRST, sizeof(COMMENT_FIRST) - 1) && !init->main_row)
		init->main_row = known->row;
	if (!strncmp(known->comment, SIDE, sizeof(SIDE) - 1) && !strncmp(name, init->project, n) &&
	    sscanf(name + n, ":key-%u", &number) == 1 && number > init->last)
		init->last = number;
	return 0;
}

/* What it will be called; never as one before it. */
static void names_make(struct init *init)
{
	if (init->name)
		snprintf(init->key_name, sizeof(init->key_name), "%s", init->name);
	else if (init->side)
		snprintf(init->key_name, sizeof(init->key_name), "key-%u", init->last + 1);
	if (*init->key_name)
		snprintf(init->comment, sizeof(init->comment), SIDE "%s:%.64s", init->project,
			 init->key_name);
	else
		snprintf(init->comment, sizeof(init->comment), COMMENT_FIRST "%s", init->project);
}

/* --- in the store ----------------------------------------------------------------------- */

static int count_row(const struct ssh_key *key, void *user)
{
	int64_t *seen = user; /* the row, and how many have it */

	seen[1] += key->id == seen[0] && key->project;
	return 0;
}

/* The old one goes; what other projects have of it stays theirs. */
static int main_drop(struct init *init, struct store *store, struct problem *why)
{
	int64_t seen[2] = { init->main_row, 0 };
	int r = ssh_key_unassign(store, init->project, init->main_row, why);

	if (r >= 0)
		r = ssh_key_each(store, NULL, count_row, seen, why);
	return r || seen[1] ? r : ssh_key_delete(store, init->main_row, why);
}

static int show_row(const struct ssh_key *row, void *user)
{
	struct init *init = user;
	struct key shown = { .blob = { .bytes = (uint8_t *)row->blob, .n = row->blob_size } };
	struct ssh_made made = { .project = init->project, .key = &shown, .comment = row->comment };

	if (row->id != init->main_row)
		return 0;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(row->type, types[i].name))
			shown.kind = types[i].kind;
	key_fingerprint(wire_out_span(&shown.blob), shown.fingerprint);
	ssh_made_show(&made, init->json);
	return 1;
}

static int init_store(struct init *init, enum key_kind kind)
{
	_cleanup_(store_freep) struct store *store = NULL;
	_cleanup_key_ struct key *key = NULL;
	struct ssh_made made = { .project = init->project, .comment = init->comment };
	struct problem why = {};
	int r = opened_unlocked(&init->at.opened, 1 << STORE_SSH, &store);

	if (r)
		return r;
	r = ssh_known_each(&init->at, store, init->project, on_known, init, &why);
	names_make(init);
	if (!r && !*init->key_name && init->main_row && !init->force) {
		r = ssh_key_each(store, init->project, show_row, init, &why);
		return r < 0 ? log_error(0, "%s", why.text), -EIO : 0;
	}
	r = r ?: key_make(kind, &key, &why);
	if (r)
		return log_error(0, "%s", why.text), -EIO;
	made.key = key;
	r = ssh_made_store(store, &made, &init->terms);
	if (!r && !*init->key_name && init->main_row && main_drop(init, store, &why) < 0)
		r = (log_error(0, "%s", why.text), -EIO);
	if (!r)
		ssh_made_show(&made, init->json);
	return r;
}

/* --- as files --------------------------------------------------------------------------- */

static int settings_write(int dir, const char *key, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;

	if (!fstatat(dir, "config", &st, AT_SYMLINK_NOFOLLOW)) /* people's own by now */
		return 0;
	if (asprintf(&text,
		     "Host *\n\tIdentitiesOnly yes\n\tIdentityFile %s\n"
		     "\tStrictHostKeyChecking accept-new\n",
		     key) < 0) {
		text = NULL;
		return problem(why, -ENOMEM, "no memory for settings");
	}
	return dir_replace(dir, "config", text, strlen(text), why);
}

/* Half of a pair is left of one that was killed; what is no file of ours is nobody's to remove. */
static int make_room(int dir, const char *folder, const char *name, bool force, struct problem *why)
{
	char public[LIMITS_TEXT + 8];
	const char *const both[] = { name, public };
	unsigned there = 0;
	struct stat st;

	snprintf(public, sizeof(public), "%s.pub", name);
	for (int i = 0; i < 2; i++) {
		if (fstatat(dir, both[i], &st, AT_SYMLINK_NOFOLLOW))
			continue;
		if (!S_ISREG(st.st_mode))
			return problem(why, -EEXIST, "%s/%s is no regular file", folder, both[i]);
		there++;
	}
	if (there == 2 && !force)
		return 1;
	for (int i = 0; i < 2; i++)
		if (unlinkat(dir, both[i], 0) && errno != ENOENT)
			return problem(why, -errno, "remove %s/%s: %s", folder, both[i],
				       strerror(errno));
	return 0;
}

static int keygen(const struct init *init, const char *path, struct problem *why)
{
	const char *argv[] = { "ssh-keygen", "-q", "-t", init->type,    "-f", path,
			       "-N",         "",   "-C", init->comment, NULL };
	struct spawn_result result;
	char said[80];
	int r =
	    spawn_run(&(struct spawn){ .argv = argv, .limit_ns = KEYGEN_NS, .output_max = 4096 },
		      &result, why);

	if (r)
		return r;
	if (result.status)
		r = problem(why, -EIO, "ssh-keygen makes no key: %s",
			    log_safe(said, sizeof(said), result.error));
	spawn_result_done(&result);
	return r;
}

static int files_make(struct init *init, const char *folder, struct problem *why)
{
	_cleanup_free_ char *path = NULL, *public = NULL, *config = NULL;
	_cleanup_close_ int dir = -1;
	_cleanup_key_ struct key *key = NULL;
	char name[LIMITS_TEXT];
	struct keys_entry entry = { .limits = init->terms.limits };
	struct ssh_made made = { .project = init->project, .comment = init->comment };
	int r;

	snprintf(name, sizeof(name), "id_%s_%.64s", init->type,
		 *init->key_name ? init->key_name : init->project);
	if (asprintf(&path, "%s/%s", folder, name) < 0 || asprintf(&public, "%s.pub", path) < 0 ||
	    asprintf(&config, "%s/config", folder) < 0)
		return problem(why, -ENOMEM, "no memory for a path");
	dir_make(folder);
	dir = dir_open(AT_FDCWD, folder, why);
	r = dir < 0 ? dir : make_room(dir, folder, name, init->force, why);
	if (!r)
		r = keygen(init, path, why);
	if (r >= 0 && fchmodat(dir, strrchr(public, '/') + 1, 0600, 0))
		r = problem(why, -errno, "chmod 0600 %s: %s", public, strerror(errno));
	if (r >= 0)
		r = settings_write(dir, path, why);
	if (!r)
		r = key_file_load(path, NULL, NULL, &key, why);
	entry.private_key = path;
	entry.public_key = public;
	if (!r)
		r = keys_json_put(init->at.files.keys, init->project, &entry, why);
	if (r)
		return r;
	made.key = key;
	made.file = path;
	made.config = config;
	ssh_made_show(&made, init->json);
	return 0;
}

static int init_files(struct init *init)
{
	_cleanup_free_ char *folder = NULL, *below = NULL;
	struct problem why = {};
	int r;

	if (init->terms.limits.total || init->terms.expires)
		return log_error(0, "--total and --for are for keys in the store"), -EINVAL;
	if (asprintf(&below, "ssh-keys/%s", init->project) < 0)
		return -ENOMEM;
	folder = init->folder ? path_absolute(init->folder) : path_below(ROOT_STATE, below);
	if (!folder)
		return log_error(0, "there is no home: say --folder"), -EIO;
	r = ssh_known_each(&init->at, NULL, init->project, on_known, init, &why);
	names_make(init);
	if (!r)
		r = files_make(init, folder, &why);
	return r ? log_error(0, "%s", why.text), -EIO : 0;
}

int verb_ssh_init(int argc, char **argv)
{
	struct init init = { .type = "ed25519" };
	enum key_kind kind = KEY_NONE;
	const struct cli_option options[] = {
		{ "type", "TYPE", "ed25519, rsa or ecdsa", CLI_STRING, &init.type },
		{ "side", NULL, "one more beside the main key", CLI_FLAG, &init.side },
		{ "name", "NAME", "the same, called so", CLI_STRING, &init.name },
		{ "force", NULL, "in place of the one that is there", CLI_FLAG, &init.force },
		{ "files", NULL, "as files, without a passphrase", CLI_FLAG, &init.files },
		{ "folder", "DIR", "of those files", CLI_STRING, &init.folder },
		SSH_TERMS_OPTIONS(init.terms),
		SSH_PLACE_OPTIONS(init.at),
		{ "json", NULL, "one JSON object", CLI_FLAG, &init.json },
		{},
	};
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	init.project = argv[1];
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(init.type, types[i].name))
			kind = types[i].kind;
	r = kind == KEY_NONE ? (log_error(0, "--type is ed25519, rsa or ecdsa"), -EINVAL)
			     : ssh_project_check(init.project);
	if (!r && init.name)
		r = name_check(init.name);
	if (!r)
		r = ssh_place_find(&init.at);
	if (!r)
		r = ssh_terms_read(&init.terms);
	if (!r)
		r = init.files ? init_files(&init) : init_store(&init, kind);
	ssh_terms_done(&init.terms);
	ssh_place_done(&init.at);
	return r;
}
