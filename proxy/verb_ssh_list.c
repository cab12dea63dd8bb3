// SPDX-License-Identifier: Apache-2.0
/* verb_ssh_list.c - terok-proxy ssh list, ssh remove: which keys are whose, and no more */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "signer/keyring.h"
#include "signer/keys_json.h"
#include "ssh.h"

#define WHICH_LEAST 14 /* characters of a fingerprint: "SHA256:" and some */

/* --- list ------------------------------------------------------------------------------- */

struct listing {
	struct json json;
	bool as_json;
	unsigned n;
};

static int show_json(const struct ssh_known *known, struct json *json)
{
	json_open_object(json, NULL);
	json_add_string(json, "project", known->project);
	json_add_string(json, "type", known->type);
	json_add_string(json, "fingerprint", known->fingerprint);
	json_add_string(json, "comment", known->comment);
	if (known->file)
		json_add_string(json, "private_key", known->file);
	limits_write(known->limits, json);
	if (known->limits->total)
		json_add_int(json, "used", known->used);
	if (known->expires)
		json_add_int(json, "expires", known->expires);
	if (known->problem)
		json_add_string(json, "problem", known->problem);
	json_close_object(json);
	return 0;
}

static void show_limits(const struct ssh_known *known)
{
	const struct limits *limits = known->limits;

	for (unsigned i = 0; i < limits->n_destinations; i++)
		printf(", to %s%s%s", limits->destination[i].user ?: "",
		       limits->destination[i].user ? "@" : "", limits->destination[i].host);
	for (unsigned i = 0; i < limits->n_names; i++)
		printf(", texts for %s", limits->name[i]);
	if (limits->confirm)
		printf(", confirmed");
	if (limits->per_minute)
		printf(", %u a minute", limits->per_minute);
	if (limits->total)
		printf(", %lld of %lld used", (long long)known->used, (long long)limits->total);
	if (known->expires)
		printf(", until %lld", (long long)known->expires);
	if (known->problem)
		printf("; %s", known->problem);
}

static int show(const struct ssh_known *known, void *user)
{
	struct listing *listing = user;
	char comment[KEY_COMMENT];

	listing->n++;
	if (listing->as_json)
		return show_json(known, &listing->json);
	printf("%s %s %s %s (%s", *known->project ? known->project : "-", known->type,
	       *known->fingerprint ? known->fingerprint : "-",
	       log_safe(comment, sizeof(comment), known->comment), known->file ?: "in the store");
	show_limits(known);
	printf(")\n");
	return 0;
}

int verb_ssh_list(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct listing listing = {};
	struct ssh_place at = {};
	struct problem why = {};
	const struct cli_option options[] = {
		SSH_PLACE_OPTIONS(at),
		{ "json", NULL, "one JSON array", CLI_FLAG, &listing.as_json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	r = ssh_place_find(&at);
	r = r ?: opened_store(&at.opened, STORE_READ, &store);
	if (r)
		return r;
	json_open_array(&listing.json, NULL);
	r = ssh_known_each(&at, store, argv[1], show, &listing, &why);
	json_close_array(&listing.json);
	if (r)
		log_error(0, "%s", why.text);
	else if (listing.as_json)
		printf("%s\n", json_done(&listing.json) ?: "");
	json_free(&listing.json);
	ssh_place_done(&at);
	return r ? -EIO : 0;
}

/* --- remove ----------------------------------------------------------------------------- */

struct removing {
	const char *which;
	char *file;
	int64_t row;
	unsigned n, others; /* that are meant; of the same row, elsewhere */
	const char *project;
};

static bool is_meant(const struct removing *removing, const struct ssh_known *known)
{
	size_t n = strlen(removing->which);

	if (strcmp(known->project, removing->project))
		return false;
	return !strcmp(known->comment, removing->which) ||
	       (known->file && !strcmp(known->file, removing->which)) ||
	       (n >= WHICH_LEAST && !strncmp(known->fingerprint, removing->which, n));
}

static int find(const struct ssh_known *known, void *user)
{
	struct removing *removing = user;

	if (!is_meant(removing, known))
		return 0;
	removing->n++;
	removing->row = known->row;
	free(removing->file);
	removing->file = known->file ? strdup(known->file) : NULL;
	return known->file && !removing->file ? -ENOMEM : 0;
}

static int others(const struct ssh_key *key, void *user)
{
	struct removing *removing = user;

	removing->others += key->id == removing->row && key->project;
	return 0;
}

static int remove_it(const struct ssh_place *at, struct store *store, struct removing *removing,
		     struct problem *why)
{
	int r = ssh_known_each(at, store, removing->project, find, removing, why);

	if (r)
		return r;
	if (!removing->n)
		return problem(why, -ENOENT, "%s has no key '%.80s': see ssh list",
			       removing->project, removing->which);
	if (removing->n > 1)
		return problem(why, -EEXIST, "%u keys of %s are '%.80s': say the fingerprint",
			       removing->n, removing->project, removing->which);
	if (removing->file)
		return keys_json_remove(at->files.keys, removing->project, removing->file, why);
	r = ssh_key_unassign(store, removing->project, removing->row, why);
	if (r >= 0)
		r = ssh_key_each(store, NULL, others, removing, why);
	return r || removing->others ? r : ssh_key_delete(store, removing->row, why);
}

int verb_ssh_remove(int argc, char **argv)
{
	_cleanup_(store_freep) struct store *store = NULL;
	struct removing removing = {};
	struct ssh_place at = {};
	struct problem why = {};
	const struct cli_option options[] = {
		SSH_PLACE_OPTIONS(at),
		{},
	};
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	removing.project = argv[1];
	removing.which = argv[2];
	r = ssh_project_check(removing.project);
	r = r ?: ssh_place_find(&at);
	r = r ?: opened_store(&at.opened, STORE_WRITE, &store);
	if (r)
		return r;
	r = remove_it(&at, store, &removing, &why);
	if (r < 0)
		log_error(0, "%s", why.text);
	free(removing.file);
	ssh_place_done(&at);
	return r < 0 ? -EIO : 0;
}
