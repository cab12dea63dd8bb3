/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh_terms.h - what a key may be used for, as people say it on a command line
 *
 * Hosts are named, and their keys are taken from a file of known hosts now: it is these keys that hold
 * later, whatever the name leads to then. Called by: verb_ssh*.c. Threads: none.
 */
#ifndef PROXY_SSH_TERMS_H
#define PROXY_SSH_TERMS_H

#include "base/cli.h"
#include "signer/limits.h"
#include "store/ssh_key.h"

struct ssh_terms {
	struct cli_list to, namespaces;
	const char *known_hosts, *per_minute, *total, *life;
	bool confirm;
	struct limits limits; /* of ssh_terms_read() */
	int64_t expires;      /* seconds since 1970; 0: never */
};

#define SSH_TERMS_OPTIONS(terms)                                                                   \
	{ "to", "[USER@]HOST", "signs logins there only; repeated", CLI_LIST, &(terms).to },       \
	    { "known-hosts", "FILE", "has the hosts' keys", CLI_STRING, &(terms).known_hosts },    \
	    { "namespace", "NAME", "signs texts of that only (git)", CLI_LIST,                     \
	      &(terms).namespaces },                                                               \
	    { "confirm", NULL, "a person is asked each time", CLI_FLAG, &(terms).confirm },        \
	    { "per-minute", "N", "signatures, at most", CLI_STRING, &(terms).per_minute },         \
	    { "total", "N", "the same, for ever", CLI_STRING, &(terms).total },                    \
	{                                                                                          \
		"for", "DURATION", "and no longer", CLI_STRING, &(terms).life                      \
	}

/** ssh_terms_read() - from what was said. 0; -EINVAL: it cannot be; -ENOENT: a host is not known; said */
int ssh_terms_read(struct ssh_terms *terms);

/** ssh_terms_row() - for the store; @text is the caller's to free behind it. 0; -ENOMEM */
int ssh_terms_row(const struct ssh_terms *terms, struct ssh_key_terms *ret, char **text);

void ssh_terms_done(struct ssh_terms *terms);

#endif
