/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cert.h - certificates of the one root that programs and agents are known by, as bytes
 *
 * What each role's looks like is a row of a table. Keys are ECDSA P-256, serials 128 random bits,
 * and all begin five minutes ago, for clocks that are behind. Called by: pki. Threads: any.
 */
#ifndef REGISTRY_CERT_H
#define REGISTRY_CERT_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/problem.h"

#define CERT_CP_CN    "clawker-controlplane"
#define CERT_CLI_CN   "clawker-cli"
#define CERT_AGENT_CN "clawker-clawkerd"
#define CERT_EARLY_S  300
#define CERT_DAY_S    86400

enum cert_role { CERT_CA, CERT_SERVER, CERT_CLI, CERT_CLIENT, CERT_AGENT, CERT_ROLES_ };

/* Which agent, for CERT_AGENT; agent_name.h says what may stand here. */
struct cert_agent {
	const char *project, *agent, *container;
};

/* A certificate and its key; a key of an authority that signs, too. */
struct cert {
	X509 *cert;
	EVP_PKEY *key;
};

/** cert_new_key() - a fresh key; -EIO with @why */
int cert_new_key(EVP_PKEY **ret, struct problem *why);

/**
 * cert_make() - a certificate with a key of its own
 * @ca:    who signs; NULL for CERT_CA, which signs itself
 * @agent: for CERT_AGENT
 *
 * Return: 0; -EINVAL: no such names; -EKEYREJECTED: @ca is no authority, its key is another's or
 * its time is over; -EIO; with @why.
 */
int cert_make(enum cert_role role, const struct cert *ca, const struct cert_agent *agent,
	      time_t now, struct cert *ret, struct problem *why);

/** cert_belongs() - is the key that of the certificate? 0; -EKEYREJECTED with @why */
int cert_belongs(const struct cert *cert, struct problem *why);

/** cert_issued() - did @ca sign it, whatever the time is? 0; -EKEYREJECTED with @why */
int cert_issued(const struct cert *ca, const X509 *cert, struct problem *why);

/** cert_forget_key() - it signs nothing any more */
void cert_forget_key(struct cert *cert);

void cert_done(struct cert *cert);
#define _cleanup_cert_ _cleanup_(cert_done)

DEFINE_CLEANUP(X509, X509_free)
DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)

/** cert_time() - seconds since 1970 of a certificate's time; -1: none */
time_t cert_time(const ASN1_TIME *at);

#endif
