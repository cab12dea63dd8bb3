// SPDX-License-Identifier: Apache-2.0
#include "ssh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "signer/key_file.h"
#include "signer/keys_json.h"
#include "store/ssh_key.h"

int ssh_place_find(struct ssh_place *at)
{
	const struct proxy_said said = { .db = at->opened.path, .keys = at->said_keys_file };
	struct problem why;
	int r = proxy_files_find(&said, &at->files, &why);

	return r ? log_error(0, "%s", why.text), r : 0;
}

void ssh_place_done(struct ssh_place *at)
{
	proxy_files_done(&at->files);
}

int ssh_project_check(const char *project)
{
	struct problem why;

	return store_name_check("project", project, &why) ? (log_error(0, "%s", why.text), -EINVAL)
							  : 0;
}

/* --- which there are -------------------------------------------------------------------- */

struct walk {
	const struct ssh_place *at;
	ssh_known_fn fn;
	void *user;
	struct problem *why;
	int stopped; /* by fn */
};

static void type_set(struct ssh_known *known)
{
	struct wire wire = wire_begin(known->blob);
	struct span type = wire_string(&wire);

	snprintf(known->type, sizeof(known->type), "%s",
		 span_is(type, "ssh-ed25519") ? "ed25519"
		 : span_is(type, "ssh-rsa")   ? "rsa"
		 : type.n                     ? "ecdsa"
					      : "unknown");
}

/* A file is described by its public half if it has one: nothing private is read for a list. */
static int file_tell(struct walk *walk, const char *project, const struct keys_entry *entry)
{
	_cleanup_wire_ struct wire_out blob = {};
	_cleanup_key_ struct key *key = NULL;
	char fingerprint[KEY_FINGERPRINT] = "", comment[KEY_COMMENT] = "";
	struct problem why = {};
	struct ssh_known known = { .project = project,
				   .file = entry->private_key,
				   .limits = &entry->limits,
				   .fingerprint = fingerprint,
				   .comment = comment };
	int r = entry->public_key ? key_file_public(entry->public_key, &blob, comment, &why)
				  : key_file_load(entry->private_key, NULL, NULL, &key, &why);

	if (!r)
		known.blob = wire_out_span(key ? &key->blob : &blob);
	if (!r)
		key_fingerprint(known.blob, fingerprint);
	known.problem = r ? why.text : NULL;
	type_set(&known);
	return walk->fn(&known, walk->user);
}

static int on_project(const char *project, void *user)
{
	struct walk *walk = user;
	struct keys_entries entries = {};
	int r = keys_json_load(walk->at->files.keys, project, &entries, walk->why);

	if (!r && entries.left_out)
		log_warn(0, "project %s: %u entries are left out: %s", project, entries.left_out,
			 walk->why->text);
	for (unsigned i = 0; !r && !walk->stopped && i < entries.n; i++)
		walk->stopped = file_tell(walk, project, &entries.entry[i]);
	keys_entries_done(&entries);
	return r ?: walk->stopped ? -ECANCELED : 0;
}

static int on_row(const struct ssh_key *row, void *user)
{
	struct walk *walk = user;
	struct limits limits = {};
	struct problem why = {};
	struct ssh_known known = { .project = row->project ?: "",
				   .row = row->id,
				   .fingerprint = row->fingerprint,
				   .comment = row->comment,
				   .blob = span_of(row->blob, row->blob_size),
				   .limits = &limits,
				   .expires = row->terms.expires,
				   .used = row->terms.used };

	if (limits_of_terms(&row->terms, &limits, &why))
		known.problem = why.text;
	type_set(&known);
	walk->stopped = walk->fn(&known, walk->user);
	limits_done(&limits);
	return walk->stopped;
}

int ssh_known_each(const struct ssh_place *at, struct store *store, const char *project,
		   ssh_known_fn fn, void *user, struct problem *why)
{
	struct walk walk = { .at = at, .fn = fn, .user = user, .why = why };
	int r = project ? on_project(project, &walk)
			: keys_json_each(at->files.keys, on_project, &walk, why);

	if (!walk.stopped && !r && store)
		r = ssh_key_each(store, project, on_row, &walk, why);
	return walk.stopped ?: r;
}
