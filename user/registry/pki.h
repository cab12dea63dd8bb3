/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki.h - the files of the root, of what it signed, and of who signs assertions
 *
 * A folder, 0700, TEROK_CREDENTIALS_DIR/pki if nothing else is said. A certificate and its key are
 * one file, 0600, which is replaced as a whole: whoever dies or runs out of disk between two writes
 * leaves the old pair or the new one. ca.pem alone has no key; it is what others are given, and is
 * made again from the pair. An agent's bundle is a folder that is there with all it has, or not.
 *
 * Owns: those files, under the lock of the root's. Called by: verb_pki.c, serve. Threads: none shared.
 */
#ifndef REGISTRY_PKI_H
#define REGISTRY_PKI_H

#include <stdbool.h>

#include "assertion.h"
#include "cert.h"

#define PKI_CA_FILE     "ca.pem" /* no key in it */
#define PKI_ASSERT_FILE "assertion-key.pem"
#define PKI_FORMER_FILE "assertion-former.pem" /* the public half of the key before */

/* What files hold. */
struct pki {
	char *folder;
	struct cert ca;
	EVP_PKEY *signer;              /* of assertions */
	struct assertion_keys trusted; /* ours and the one before; [0] is not a second reference */
	EVP_PKEY *former;
};

/** pki_folder() - where they are: @said, or the default; the caller's, NULL: no memory */
char *pki_folder(const char *said);

/** pki_file() - the name of a role's file in the folder; NULL for CERT_AGENT */
const char *pki_file(enum cert_role role);

/**
 * pki_init() - make what is not there, and leave what is
 * @made: bit 1 << role of what was made; bit 1 << CERT_ROLES_: the signer of assertions
 *
 * Return: 0; -EKEYREJECTED: a file is there and is not what it should be; negative errno with @why.
 */
int pki_init(const char *folder, time_t now, unsigned *made, struct problem *why);

/**
 * pki_rotate() - make these anew; a new root makes everything that it signed anew
 * @what: bits as pki_init() returns them
 */
int pki_rotate(const char *folder, unsigned what, time_t now, unsigned *made, struct problem *why);

/** pki_open() - read the root and the signer; -ENOENT: pki_init() was never here; with @why */
int pki_open(const char *folder, struct pki *ret, struct problem *why);
void pki_done(struct pki *pki);
#define _cleanup_pki_ _cleanup_(pki_done)

/** pki_read() - a role's certificate and key; as pki_open() */
int pki_read(const char *folder, enum cert_role role, struct cert *ret, struct problem *why);

/**
 * pki_issue() - an agent's bundle: cert.pem, key.pem, ca.pem, assertion.jwt, 0400 in a folder 0700
 * @out: not there, or an empty folder
 *
 * Return: 0 with @ret what was signed; -ENOTEMPTY: something is in @out; -EINVAL: no such names.
 */
int pki_issue(const struct pki *pki, const struct cert_agent *agent, const char *audience,
	      time_t now, const char *out, struct leaf *ret, struct problem *why);

#endif
