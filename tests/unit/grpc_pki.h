/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc_pki.h - certificates for tests of gRPC, made when they are wanted
 *
 * By OpenSSL alone and in memory: nothing of what is tested made them.
 */
#ifndef TESTS_GRPC_PKI_H
#define TESTS_GRPC_PKI_H

#include <stdbool.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "grpc/tls.h"

#define PKI_PEM 4096

/* A certificate and its key. */
struct issued {
	X509 *cert;
	EVP_PKEY *key;
	char cert_pem[PKI_PEM], key_pem[PKI_PEM];
};

struct wanted {
	const char *cn;
	const char *san; /* as openssl.cnf has it: "URI:urn:a,DNS:b"; NULL: none */
	const char *eku; /* "clientAuth,serverAuth"; NULL: none */
	bool ca;
	long from_s, to_s;   /* from now; both 0: an hour each way */
	const void *raw_san; /* bytes of that extension, which may be garbage */
	size_t n_raw_san;
};

static inline void pki_extension(X509 *cert, X509 *by, int nid, const char *value)
{
	X509V3_CTX with;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&with, by, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &with, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static inline void pki_pem(struct issued *of)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	assert_int_equal(PEM_write_bio_X509(bio, of->cert), 1);
	n = BIO_read(bio, of->cert_pem, PKI_PEM - 1);
	of->cert_pem[n] = '\0';
	assert_int_equal(PEM_write_bio_PrivateKey(bio, of->key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_read(bio, of->key_pem, PKI_PEM - 1);
	of->key_pem[n] = '\0';
	BIO_free(bio);
}

static inline void pki_raw_san(X509 *cert, const struct wanted *want)
{
	ASN1_OCTET_STRING *bytes = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	ASN1_OCTET_STRING_set(bytes, want->raw_san, (int)want->n_raw_san);
	ext = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, bytes);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(bytes);
}

/* @by: NULL: by itself */
static inline void pki_issue(struct issued *ret, const struct issued *by, const struct wanted *want)
{
	static long serial;
	bool times = want->from_s || want->to_s;
	X509_NAME *name = X509_NAME_new();

	*ret = (struct issued){ .cert = X509_new(), .key = EVP_EC_gen("P-256") };
	X509_set_version(ret->cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(ret->cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(ret->cert), times ? want->from_s : -3600);
	X509_gmtime_adj(X509_getm_notAfter(ret->cert), times ? want->to_s : 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)want->cn, -1,
				   -1, 0);
	X509_set_subject_name(ret->cert, name);
	X509_set_issuer_name(ret->cert, by ? X509_get_subject_name(by->cert) : name);
	X509_NAME_free(name);
	X509_set_pubkey(ret->cert, ret->key);
	if (want->ca)
		pki_extension(ret->cert, ret->cert, NID_basic_constraints, "critical,CA:TRUE");
	if (want->eku)
		pki_extension(ret->cert, ret->cert, NID_ext_key_usage, want->eku);
	if (want->san)
		pki_extension(ret->cert, ret->cert, NID_subject_alt_name, want->san);
	if (want->raw_san)
		pki_raw_san(ret->cert, want);
	assert_true(X509_sign(ret->cert, by ? by->key : ret->key, EVP_sha256()) > 0);
	pki_pem(ret);
}

static inline void pki_done(struct issued *of)
{
	X509_free(of->cert);
	EVP_PKEY_free(of->key);
	*of = (struct issued){};
}

static inline struct grpc_pem pki_in(const char *pem)
{
	return (struct grpc_pem){ .bytes = pem, .n = strlen(pem) };
}

static inline struct grpc_tls *pki_tls(bool client, enum grpc_verify how, const struct issued *mine,
				       const struct issued *ca, const char *name)
{
	struct grpc_tls_use use = { .client = client,
				    .verify = how,
				    .cert = pki_in(mine->cert_pem),
				    .key = pki_in(mine->key_pem),
				    .ca = pki_in(ca->cert_pem),
				    .name = name };
	struct grpc_tls *tls = NULL;
	struct problem why = {};
	int r = grpc_tls_new(&use, &tls, &why);

	if (r)
		print_error("%s\n", why.text);
	assert_int_equal(r, 0);
	return tls;
}

#endif
