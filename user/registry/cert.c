// SPDX-License-Identifier: Apache-2.0
#include "cert.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "agent_name.h"
#include "leaf.h"

#define YEAR_S      (365 * CERT_DAY_S)
#define SERIAL_BITS 128

DEFINE_CLEANUP(BIGNUM, BN_free)
DEFINE_CLEANUP(GENERAL_NAMES, GENERAL_NAMES_free)
DEFINE_CLEANUP(X509_EXTENSION, X509_EXTENSION_free)

static const struct {
	const char *cn, *organization;
	long life_s;
	const char *basic, *usage, *purpose, *names;
} roles[] = {
	[CERT_CA] = { "clawker CLI CA", "clawker", 5L * YEAR_S, "critical,CA:TRUE,pathlen:1",
		      "critical,keyCertSign,cRLSign", NULL, NULL },
	[CERT_SERVER] = { CERT_CP_CN, NULL, YEAR_S, "critical,CA:FALSE",
			  "critical,digitalSignature", "serverAuth",
			  "DNS:localhost,DNS:" CERT_CP_CN ",IP:127.0.0.1" },
	[CERT_CLI] = { CERT_CLI_CN, NULL, YEAR_S, "critical,CA:FALSE", "critical,digitalSignature",
		       "clientAuth", NULL },
	[CERT_CLIENT] = { CERT_CP_CN, NULL, YEAR_S, "critical,CA:FALSE",
			  "critical,digitalSignature", "clientAuth", NULL },
	[CERT_AGENT] = { CERT_AGENT_CN, NULL, CERT_DAY_S, "critical,CA:FALSE",
			 "critical,digitalSignature,keyEncipherment", "clientAuth,serverAuth",
			 NULL },
};
_Static_assert(sizeof(roles) / sizeof(*roles) == CERT_ROLES_, "all roles");

static int failed(struct problem *why, const char *what)
{
	char text[160];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return problem(why, -EIO, "%s: %s", what, text);
}

int cert_new_key(EVP_PKEY **ret, struct problem *why)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		return failed(why, "no key could be made");
	*ret = key;
	return 0;
}

int cert_belongs(const struct cert *cert, struct problem *why)
{
	if (cert->cert && cert->key && X509_check_private_key(cert->cert, cert->key) == 1)
		return 0;
	ERR_clear_error();
	return problem(why, -EKEYREJECTED,
		       "a certificate and the key with it do not belong together");
}

int cert_issued(const struct cert *ca, const X509 *cert, struct problem *why)
{
	if (X509_check_issued(ca->cert, (X509 *)cert) == X509_V_OK &&
	    X509_verify((X509 *)cert, X509_get0_pubkey(ca->cert)) == 1)
		return 0;
	ERR_clear_error();
	return problem(why, -EKEYREJECTED, "a certificate is of another authority");
}

time_t cert_time(const ASN1_TIME *at)
{
	struct tm tm = {};

	return ASN1_TIME_to_tm(at, &tm) == 1 ? timegm(&tm) : -1;
}

static int authority_check(const struct cert *ca, time_t now, struct problem *why)
{
	int r = cert_belongs(ca, why);

	if (r)
		return r;
	if (X509_check_ca(ca->cert) != 1)
		return problem(why, -EKEYREJECTED, "what should sign is no authority");
	if (cert_time(X509_get0_notAfter(ca->cert)) <= now)
		return problem(why, -EKEYREJECTED,
			       "the authority's time is over; try: terok-cp pki rotate ca");
	return 0;
}

static bool set_serial(X509 *cert)
{
	_cleanup_(BN_freep) BIGNUM *serial = BN_new();

	do
		if (!serial || !BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY))
			return false;
	while (BN_is_zero(serial));
	return BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL;
}

static bool add_name(X509_NAME *name, const char *field, const char *text)
{
	return !text || X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC, (const uint8_t *)text,
						   -1, -1, 0) == 1;
}

static bool add(X509 *cert, X509 *issuer, int nid, const char *text)
{
	_cleanup_(X509_EXTENSION_freep) X509_EXTENSION *extension = NULL;
	X509V3_CTX within;

	if (!text)
		return true;
	X509V3_set_ctx(&within, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &within, nid, text);
	return extension && X509_add_ext(cert, extension, -1) == 1;
}

static bool push_uri(GENERAL_NAMES *names, const char *prefix, const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();
	char uri[sizeof(LEAF_CONTAINER) + AGENT_FULL_LEN];

	snprintf(uri, sizeof(uri), "%s%s", prefix, text);
	if (!name || !value || !ASN1_STRING_set(value, uri, -1)) {
		GENERAL_NAME_free(name);
		ASN1_IA5STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, GEN_URI, value);
	if (sk_GENERAL_NAME_push(names, name))
		return true;
	GENERAL_NAME_free(name);
	return false;
}

/* As a structure: in text, a name could end one URI and begin another. */
static bool add_agent(X509 *cert, const struct cert_agent *agent)
{
	_cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();
	char full[AGENT_FULL_LEN];

	agent_name_full(agent->project, agent->agent, full);
	return names && push_uri(names, LEAF_AGENT, full) &&
	       push_uri(names, LEAF_CONTAINER, agent->container) &&
	       X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
}

static bool fill(X509 *cert, EVP_PKEY *key, enum cert_role role, const struct cert *ca,
		 const struct cert_agent *agent, time_t now)
{
	X509 *issuer = ca ? ca->cert : cert;

	if (!X509_set_version(cert, X509_VERSION_3) || !set_serial(cert) ||
	    !ASN1_TIME_set(X509_getm_notBefore(cert), now - CERT_EARLY_S) ||
	    !ASN1_TIME_set(X509_getm_notAfter(cert), now + roles[role].life_s) ||
	    !X509_set_pubkey(cert, key) ||
	    !add_name(X509_get_subject_name(cert), "O", roles[role].organization) ||
	    !add_name(X509_get_subject_name(cert), "CN", roles[role].cn) ||
	    !X509_set_issuer_name(cert, X509_get_subject_name(issuer)))
		return false;
	return add(cert, issuer, NID_basic_constraints, roles[role].basic) &&
	       add(cert, issuer, NID_key_usage, roles[role].usage) &&
	       add(cert, issuer, NID_ext_key_usage, roles[role].purpose) &&
	       add(cert, issuer, NID_subject_alt_name, roles[role].names) &&
	       (role != CERT_AGENT || add_agent(cert, agent)) &&
	       add(cert, issuer, NID_subject_key_identifier, "hash") &&
	       (!ca || add(cert, issuer, NID_authority_key_identifier, "keyid:always"));
}

int cert_make(enum cert_role role, const struct cert *ca, const struct cert_agent *agent,
	      time_t now, struct cert *ret, struct problem *why)
{
	_cleanup_cert_ struct cert made = {};
	int r = ca ? authority_check(ca, now, why) : 0;

	if (!r && role == CERT_AGENT)
		r = agent_name_check(agent->project, agent->agent, why)
			?: agent_id_check(agent->container, why);
	if (!r)
		r = cert_new_key(&made.key, why);
	if (r)
		return r;
	made.cert = X509_new();
	if (!made.cert || !fill(made.cert, made.key, role, ca, agent, now) ||
	    !X509_sign(made.cert, ca ? ca->key : made.key, EVP_sha256()))
		return failed(why, "no certificate could be made");
	*ret = made;
	made = (struct cert){};
	return 0;
}

void cert_forget_key(struct cert *cert)
{
	EVP_PKEY_free(cert->key);
	cert->key = NULL;
}

void cert_done(struct cert *cert)
{
	X509_free(cert->cert);
	cert_forget_key(cert);
	*cert = (struct cert){};
}
