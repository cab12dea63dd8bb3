/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credential.h - credentials of the store: the JSON of one provider in one set, and what is in it
 *
 * Threads: as the store.
 */
#ifndef STORE_CREDENTIAL_H
#define STORE_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secret.h"
#include "store.h"

#define CREDENTIAL_MAX (64 << 10) /* bytes of one: tokens are at most some KiB */
#define CREDENTIAL_SET "default"  /* where nobody says which */

enum credential_kind {
	CREDENTIAL_NONE,
	CREDENTIAL_OAUTH,
	CREDENTIAL_API_KEY,
	CREDENTIAL_PAT,
	CREDENTIAL_OTHER, /* another type, or none, with a token or a key */
};

/** credential_kind_name() - "oauth", "api_key", "pat", "other"; "none" */
const char *credential_kind_name(enum credential_kind kind);

/* What of a credential's JSON is used. */
struct credential_use {
	enum credential_kind kind;
	struct secret *value;   /* access_token, or token, else key; it can stand in a header */
	struct secret *refresh; /* refresh_token of oauth; NULL: it has none */
	char beta[128];         /* beta_header of oauth, which can stand in a header; "": none */
	double expires_at;      /* seconds since 1970; 0: not said */
};

/**
 * credential_value_check() - can this stand in a header as it is, and nothing is cut at a space?
 *
 * Printable ASCII without spaces, 16 KiB at most. Return: 0; -EINVAL with @why, which names it @what.
 */
int credential_value_check(const char *what, const struct secret *value, struct problem *why);

/**
 * credential_read() - the parts of a credential, without a copy of them anywhere else
 *
 * An object; of type oauth, or without a type and with an access_token: that; else token, else
 * key. Return: 0 with @ret the caller's to credential_use_done(); -EINVAL: it cannot be used,
 * with @why, which never has a byte of it; -ENOMEM.
 */
int credential_read(const char *json, size_t size, struct credential_use *ret, struct problem *why);

void credential_use_done(struct credential_use *use);

/**
 * credential_renew() - the JSON of a credential with other tokens in it, all else as it was
 * @refresh: NULL: the old one stays
 *
 * Return: 0, with @ret the caller's to secret_free(); -EINVAL: @json is no oauth; -ENOMEM.
 */
int credential_renew(const struct secret *json, const struct secret *access,
		     const struct secret *refresh, int64_t expires_at, struct secret **ret,
		     struct problem *why);

/**
 * credential_load() - the JSON of a credential, as it was stored
 *
 * Return: 0, with @ret the caller's to secret_free(); -ENOENT: there is none; -EKEYREJECTED: it
 * is sealed, and the store is locked or has another key; -EBADMSG: what is stored is no sealed
 * text of this row. What one of before stored in plain text is had without a key.
 */
int credential_load(struct store *store, const char *set, const char *provider, struct secret **ret,
		    struct problem *why);

/**
 * credential_store() - keep a credential, sealed, in place of the one that was there
 *
 * Return: 0; -EINVAL: the names or the JSON cannot be; -EKEYREJECTED: the store is locked.
 */
int credential_store(struct store *store, const char *set, const char *provider, const char *json,
		     size_t size, struct problem *why);

/**
 * credential_replace() - the same, if what is there is still @was (NULL: whatever it is)
 *
 * Return: as credential_store(); -ESTALE: somebody has changed or deleted it, which holds.
 */
int credential_replace(struct store *store, const char *set, const char *provider,
		       const struct secret *was, const char *json, size_t size,
		       struct problem *why);

/* One credential without its secret. */
struct credential {
	const char *set, *provider;
	bool sealed;
};

/**
 * credential_each() - see the credentials of @set (NULL: all), by set and provider, until @fn
 * returns other than 0; that
 *
 * @fn may load but not store: a reader is open meanwhile.
 */
int credential_each(struct store *store, const char *set,
		    int (*fn)(const struct credential *credential, void *user), void *user,
		    struct problem *why);

/** credential_delete() - 1: it is gone; 0: there was none */
int credential_delete(struct store *store, const char *set, const char *provider,
		      struct problem *why);

#endif
