// SPDX-License-Identifier: Apache-2.0
/* verb_ssh_add.c - terok-proxy ssh add: a key that there is becomes a project's, in the store or where it lies */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/paths.h"
#include "signer/keys_json.h"
#include "ssh.h"
#include "ssh_made.h"
#include "ssh_passphrase.h"
#include "ssh_terms.h"

struct add {
	struct ssh_place at;
	struct ssh_terms terms;
	const char *comment, *passphrase_file;
	bool in_place, json;
	const char *project;
	char *private_key, *public_key;
};

/* What it is called: as was said, as its public file says, or by its name. */
static void comment_find(const struct add *add, char ret[static KEY_COMMENT])
{
	_cleanup_wire_ struct wire_out blob = {};
	const char *name = strrchr(add->private_key, '/');
	struct problem why;

	if (add->comment)
		snprintf(ret, KEY_COMMENT, "%.*s", SSH_KEY_COMMENT_MAX, add->comment);
	else if (key_file_public(add->public_key, &blob, ret, &why) || !*ret)
		snprintf(ret, KEY_COMMENT, "%.*s", SSH_KEY_COMMENT_MAX, name ? name + 1 : "");
	ret[SSH_KEY_COMMENT_MAX] = '\0';
}

static int add_in_place(const struct add *add, const struct key *key, const char *comment)
{
	struct keys_entry entry = { .private_key = add->private_key,
				    .public_key = add->public_key,
				    .limits = add->terms.limits };
	struct ssh_made made = {
		.project = add->project, .key = key, .comment = comment, .file = add->private_key
	};
	struct problem why;

	if (entry.limits.total || add->terms.expires || add->comment)
		return log_error(0, "--total, --for and --comment are for keys in the store"),
		       -EINVAL;
	if (access(add->public_key, R_OK))
		entry.public_key = NULL;
	if (keys_json_put(add->at.files.keys, add->project, &entry, &why))
		return log_error(0, "%s", why.text), -EIO;
	ssh_made_show(&made, add->json);
	return 0;
}

static int add_to_store(const struct add *add, const struct key *key, const char *comment)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct ssh_made made = { .project = add->project, .key = key, .comment = comment };
	int r = opened_unlocked(&add->at.opened, 1 << STORE_SSH, &store);

	r = r ?: ssh_made_store(store, &made, &add->terms);
	if (!r)
		ssh_made_show(&made, add->json);
	return r;
}

static int add_key(struct add *add)
{
	_cleanup_key_ struct key *key = NULL;
	char comment[KEY_COMMENT];
	struct problem why = {};
	int r;

	if (add->in_place)
		r = key_file_load(add->private_key, NULL, NULL, &key, &why);
	else
		r = ssh_key_ask(add->private_key, add->passphrase_file, &key, &why);
	if (r == -ENOKEY && add->in_place)
		log_error(0, "%s, which nobody could say to an agent: add it without --in-place",
			  why.text);
	else if (r)
		log_error(0, "%s", why.text);
	if (r)
		return -EIO;
	comment_find(add, comment);
	return add->in_place ? add_in_place(add, key, comment) : add_to_store(add, key, comment);
}

int verb_ssh_add(int argc, char **argv)
{
	struct add add = {};
	const struct cli_option options[] = {
		{ "comment", "TEXT", "what it is called", CLI_STRING, &add.comment },
		{ "key-passphrase-file", "FILE", "has the passphrase of the key", CLI_STRING,
		  &add.passphrase_file },
		{ "in-place", NULL, "it stays where it is; ssh-keys.json has its path", CLI_FLAG,
		  &add.in_place },
		SSH_TERMS_OPTIONS(add.terms),
		SSH_PLACE_OPTIONS(add.at),
		{ "json", NULL, "one JSON object", CLI_FLAG, &add.json },
		{},
	};
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	add.project = argv[1];
	r = ssh_project_check(add.project);
	if (!r)
		r = ssh_place_find(&add.at);
	if (!r)
		r = ssh_terms_read(&add.terms);
	if (!r) {
		add.private_key = path_absolute(argv[2]);
		if (!add.private_key || asprintf(&add.public_key, "%s.pub", add.private_key) < 0)
			r = -ENOMEM;
	}
	r = r ?: add_key(&add);
	free(add.private_key);
	free(add.public_key);
	ssh_terms_done(&add.terms);
	ssh_place_done(&add.at);
	return r;
}
