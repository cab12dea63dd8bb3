// SPDX-License-Identifier: Apache-2.0
/*
 * peer.c - what a certificate says of whoever showed it
 *
 * Nothing here decides. A name with a NUL inside, two names where one is meant, alternative names
 * that cannot be read: each is as good as none, and said to be so.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/addr.h"
#include "grpc/within.h"

static void x509_freep(X509 **cert)
{
	X509_free(*cert);
}

static void read_cn(const X509 *cert, struct grpc_peer *ret)
{
	X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *text = NULL;
	int n;

	if (at < 0 || X509_NAME_get_index_by_NID(name, NID_commonName, at) >= 0)
		return;
	n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (n > 0 && n <= GRPC_CN_MAX && !memchr(text, 0, (size_t)n)) {
		memcpy(ret->cn, text, (size_t)n);
		ret->cn[n] = '\0';
		ret->cn_found = true;
	}
	if (n >= 0)
		OPENSSL_free(text);
}

static void read_usage(X509 *cert, struct grpc_peer *ret)
{
	EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);

	for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
		int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usage, i));

		ret->client_auth |= nid == NID_client_auth;
		ret->server_auth |= nid == NID_server_auth;
	}
	EXTENDED_KEY_USAGE_free(usage);
}

static void forget_uris(struct grpc_peer *peer)
{
	for (unsigned i = 0; i < peer->n_uri; i++)
		free(peer->uri[i]);
	free(peer->uri);
	peer->uri = NULL;
	peer->n_uri = 0;
}

static int add_uri(struct grpc_peer *peer, const char *text, size_t n)
{
	char *copy = strndup(text, n), **grown = NULL;

	if (copy)
		grown = realloc(peer->uri, (peer->n_uri + 1) * sizeof(*grown));
	if (!grown) {
		free(copy);
		return -ENOMEM;
	}
	peer->uri = grown;
	peer->uri[peer->n_uri++] = copy;
	return 0;
}

static int read_names(X509 *cert, struct grpc_peer *ret)
{
	int found = -1, r = 0;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, &found, NULL);

	ret->san_malformed = !names && found != -1; /* two of them, or bytes that are none */
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !ret->san_malformed && !r; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const char *text;
		size_t n;

		if (name->type != GEN_URI)
			continue;
		text = (const char *)ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
		n = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
		if (n > GRPC_URI_MAX || ret->n_uri == GRPC_URIS || memchr(text, 0, n))
			ret->san_malformed = true;
		else
			r = add_uri(ret, text, n);
	}
	GENERAL_NAMES_free(names);
	if (r || ret->san_malformed)
		forget_uris(ret);
	return r;
}

static int read_x509(X509 *cert, struct grpc_peer *ret)
{
	read_cn(cert, ret);
	read_usage(cert, ret);
	return read_names(cert, ret);
}

int grpc_peer_read(const uint8_t *der, size_t n, struct grpc_peer *ret)
{
	_cleanup_(x509_freep) X509 *cert = NULL;
	const uint8_t *at = der;

	ret->has_cert = true;
	if (EVP_Digest(der, n, ret->thumbprint, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	cert = d2i_X509(NULL, &at, (long)n);
	if (!cert || at != der + n) {
		ret->why_not = "not a certificate";
		return -EINVAL;
	}
	return read_x509(cert, ret);
}

void grpc_peer_done(struct grpc_peer *peer)
{
	forget_uris(peer);
	*peer = (struct grpc_peer){};
}

int grpc_peer_copy(const struct grpc_peer *peer, struct grpc_peer *ret)
{
	struct grpc_peer copy = *peer;
	int r = 0;

	copy.uri = NULL;
	copy.n_uri = 0;
	for (unsigned i = 0; i < peer->n_uri && !r; i++)
		r = add_uri(&copy, peer->uri[i], strlen(peer->uri[i]));
	if (r)
		forget_uris(&copy);
	else
		*ret = copy;
	return r;
}

bool peer_is(X509 *cert, const char *cn)
{
	struct grpc_peer peer = {};
	size_t n = strlen(cn);

	read_cn(cert, &peer);
	read_usage(cert, &peer);
	return peer.cn_found && peer.client_auth && strlen(peer.cn) == n &&
	       !CRYPTO_memcmp(peer.cn, cn, n);
}

static bool seconds_of(const ASN1_TIME *time, int64_t *ret)
{
	struct tm parts;

	if (!ASN1_TIME_to_tm(time, &parts))
		return false;
	*ret = timegm(&parts);
	return true;
}

/* A connection may outlive them, and each call is of another moment. What cannot be read is over. */
static void read_times(SSL *ssl, struct grpc_peer *ret)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	int64_t from, until;

	ret->from_s = 0;
	ret->until_s = sk_X509_num(chain) > 0 ? INT64_MAX : 0;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		const X509 *cert = sk_X509_value(chain, i);

		if (!seconds_of(X509_get0_notBefore(cert), &from) ||
		    !seconds_of(X509_get0_notAfter(cert), &until))
			from = until = 0;
		ret->from_s = from > ret->from_s ? from : ret->from_s;
		ret->until_s = until < ret->until_s ? until : ret->until_s;
	}
}

int peer_of(SSL *ssl, struct grpc_peer *ret)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	long verified = SSL_get_verify_result(ssl);
	uint8_t *der = NULL;
	int n, r;

	if (!cert) {
		ret->why_not = "no certificate";
		return 0;
	}
	n = i2d_X509(cert, &der);
	if (n < 0)
		return -ENOMEM;
	r = grpc_peer_read(der, (size_t)n, ret);
	OPENSSL_free(der);
	if (r == -ENOMEM)
		return r;
	ret->chain = !r && verified == X509_V_OK;
	if (ret->chain)
		read_times(ssl, ret);
	if (!ret->chain && !ret->why_not)
		ret->why_not = X509_verify_cert_error_string(verified);
	return 0;
}

void peer_addr(int fd, struct grpc_peer *ret)
{
	union {
		struct sockaddr_storage any;
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} from = {};
	socklen_t size = sizeof(from);

	if (getpeername(fd, &from.sa, &size))
		return;
	if (from.sa.sa_family == AF_INET) {
		addr_of_v4(ret->addr, (const uint8_t *)&from.v4.sin_addr);
		ret->port = ntohs(from.v4.sin_port);
	} else if (from.sa.sa_family == AF_INET6) {
		memcpy(ret->addr, &from.v6.sin6_addr, sizeof(ret->addr));
		ret->port = ntohs(from.v6.sin6_port);
	}
}
