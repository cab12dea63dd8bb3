/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh_made.h - a key that a verb added: into the store, and shown to who did it
 *
 * Called by: verb_ssh_add.c, verb_ssh_init.c. Threads: none.
 */
#ifndef PROXY_SSH_MADE_H
#define PROXY_SSH_MADE_H

#include "signer/key_file.h"
#include "ssh_terms.h"

struct ssh_made {
	const char *project;
	const struct key *key;
	const char *comment;
	const char *file,
	    *config; /* its private half, and the settings beside it; NULL: in the store */
};

/** ssh_made_store() - keep it there, sealed, as the project's; -EIO, logged */
int ssh_made_store(struct store *store, const struct ssh_made *made, const struct ssh_terms *terms);

/** ssh_made_show() - what it is, and its public line, for an upstream's settings */
void ssh_made_show(const struct ssh_made *made, bool json);

#endif
