// SPDX-License-Identifier: Apache-2.0
#include "agent_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"

/* Is there one, and has it been found? */
static bool missing(const void *said, const char *path)
{
	return said && !path;
}

int agent_place_find(const struct agent_said *said, struct agent_place *ret, struct problem *why)
{
	const struct proxy_said files = { .db = said->opened->path, .keys = said->keys };
	const char *session = getenv("XDG_RUNTIME_DIR"), *key_file = said->opened->key_file,
		   *passphrase_file = said->opened->passphrase_file;
	const char *audit = said->audit && !strcmp(said->audit, "none") ? NULL : said->audit ?: "";
	struct agent_place place = {};
	int r = proxy_files_find(&files, &place.files, why);

	if (r)
		return r;
	if (key_file)
		place.key_file = path_absolute(key_file);
	if (passphrase_file)
		place.passphrase_file = path_absolute(passphrase_file);
	if (audit)
		place.audit = *audit ? path_absolute(audit)
				     : path_below(ROOT_CREDENTIALS, "ssh_audit.jsonl");
	if (said->runtime)
		session = said->runtime;
	if (session)
		place.runtime = path_absolute(session);
	if (said->local)
		place.local = path_below(ROOT_RUNTIME, NULL);
	place.options = (struct agent_options){ .store = place.files.db,
						.keys_file = place.files.keys,
						.key_file = place.key_file,
						.passphrase_file = place.passphrase_file,
						.audit = place.audit,
						.local = place.local,
						.runtime = place.runtime };
	*ret = place;
	if (missing(key_file, place.key_file) || missing(passphrase_file, place.passphrase_file) ||
	    missing(audit, place.audit) || missing(session, place.runtime) ||
	    (said->local && !place.local)) {
		agent_place_done(ret);
		return problem(why, -ENOENT, "there is no home for the SSH agent's files");
	}
	return 0;
}

void agent_place_done(struct agent_place *place)
{
	proxy_files_done(&place->files);
	free(place->key_file);
	free(place->passphrase_file);
	free(place->audit);
	free(place->local);
	free(place->runtime);
	*place = (struct agent_place){};
}
