/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh_key.h - keys of SSH in the store: rows, whose keys they are, and what they may be used for
 *
 * What is in a key is not looked at here: blobs come from who read the key, and its private half
 * is sealed bytes: PKCS#8 DER; in a store that was once of the vault's first layout it may be the
 * text of an OpenSSH key file. A key is of every project that it is assigned to, with terms for
 * each. Threads: as the store.
 */
#ifndef STORE_SSH_KEY_H
#define STORE_SSH_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secret.h"
#include "store.h"

#define SSH_KEY_COMMENT_MAX      200   /* bytes; no control characters */
#define SSH_KEY_BLOB_MAX         16384 /* bytes of a public key */
#define SSH_KEY_DESTINATIONS_MAX 16384 /* bytes of text */
#define SSH_KEYS_MAX             1000  /* in a store */
#define SSH_KEY_HALF             32    /* bytes of a digest of a private half */

/* What a key may be used for in a project; all zero: for everything. */
struct ssh_key_terms {
	const char *destinations; /* JSON, whose meaning is the signer's; NULL: anywhere */
	bool confirm;             /* ask a person each time */
	int64_t per_minute;       /* signatures; 0: no limit */
	int64_t total, used;      /* the same, for ever */
	int64_t expires;          /* seconds since 1970; 0: never */
};

struct ssh_key {
	int64_t id;
	const char *type; /* "ed25519", "rsa", "ecdsa" */
	const uint8_t *blob;
	size_t blob_size;
	const char *comment;
	const char *fingerprint; /* "SHA256:..." */
	const char *project;     /* of the assignment; NULL: it has none */
	struct ssh_key_terms terms;
	bool sealed;         /* its private half: it is not an older program's */
	const uint8_t *seal; /* of all that holds, for ssh_key_check(); NULL: none */
	size_t seal_size;
};

/**
 * ssh_key_each() - see the keys of a project in the order they were assigned, until @fn returns
 * other than 0; that
 * @project: NULL: every assignment of every key, and keys without one
 *
 * What @key points to is good until @fn returns. @fn writes nothing to the rows of keys.
 */
int ssh_key_each(struct store *store, const char *project,
		 int (*fn)(const struct ssh_key *key, void *user), void *user, struct problem *why);

/**
 * ssh_key_check() - are project and terms of @key, as ssh_key_each() told it, those that somebody with
 * the key of STORE_SSH said?
 * @half: of which private half they are: it is another one's to look whether he has that
 *
 * Return: 0, also for one in plain text; -EPERM: nobody did; -EBADMSG: it was something else;
 * -EKEYREJECTED: locked.
 */
int ssh_key_check(struct store *store, const struct ssh_key *key, uint8_t half[SSH_KEY_HALF],
		  struct problem *why);

/** ssh_key_half() - what tells one private half from others */
int ssh_key_half(const struct secret *private_der, uint8_t ret[SSH_KEY_HALF], struct problem *why);

/** ssh_key_private() - its private half; -ENOENT, -EKEYREJECTED, -EBADMSG as credential_load() */
int ssh_key_private(struct store *store, int64_t id, struct secret **ret, struct problem *why);

/**
 * ssh_key_add() - keep a key; one with that fingerprint keeps its place, comment and terms
 * @key: type, blob, comment, fingerprint
 *
 * Return: 0 with its id in @ret; -EINVAL: what it says cannot be; -EKEYREJECTED: locked; -E2BIG.
 */
int ssh_key_add(struct store *store, const struct ssh_key *key, const struct secret *private_der,
		int64_t *ret, struct problem *why);

/**
 * ssh_key_assign() - a project may use it so; in place of what held before (and used stays)
 *
 * Return: 0; -EINVAL; -EKEYREJECTED: locked, and a key in it is for who says so with its key.
 */
int ssh_key_assign(struct store *store, const char *project, int64_t id,
		   const struct ssh_key_terms *terms, struct problem *why);

/** ssh_key_unassign() - 1: the project has it no more; 0: it did not have it */
int ssh_key_unassign(struct store *store, const char *project, int64_t id, struct problem *why);

/** ssh_key_delete() - the key and all its assignments: 1; 0: there was none */
int ssh_key_delete(struct store *store, int64_t id, struct problem *why);

/**
 * ssh_key_spend() - one signature of the total
 *
 * Return: 0; -EDQUOT: there is none left, or the project has it no more.
 */
int ssh_key_spend(struct store *store, const char *project, int64_t id, struct problem *why);

#endif
