// SPDX-License-Identifier: Apache-2.0
#include "tls.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define PIECE (16 << 10) /* bytes of one record */

struct tls {
	SSL_CTX *context;
	char piece[PIECE];
};

struct tls_side {
	struct tls *tls;
	SSL *ssl;
	bool greeted, wants_out, broken;
};

/* --- whom to trust -------------------------------------------------------------------- */

/* Where libcurl looks, which has the first request to each upstream. */
static int trust(SSL_CTX *context, const char *ca_file)
{
	const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
	bool knows = curl->age >= CURLVERSION_SEVENTH && (curl->cainfo || curl->capath);

	if (ca_file)
		return SSL_CTX_load_verify_file(context, ca_file) == 1 ? 0 : -EIO;
	if (!knows)
		return SSL_CTX_set_default_verify_paths(context) == 1 ? 0 : -EIO;
	/* one of the two will do; with neither nobody is trusted */
	if (curl->capath)
		SSL_CTX_load_verify_dir(context, curl->capath);
	if (curl->cainfo)
		SSL_CTX_load_verify_file(context, curl->cainfo);
	ERR_clear_error();
	return 0;
}

int tls_new(const char *ca_file, struct tls **ret, struct problem *why)
{
	static const unsigned char http[] = { 8, 'h', 't', 't', 'p', '/', '1', '.', '1' };
	struct tls *tls = calloc(1, sizeof(*tls));
	SSL_CTX *context = tls ? SSL_CTX_new(TLS_client_method()) : NULL;

	if (!context || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_alpn_protos(context, http, sizeof(http))) {
		SSL_CTX_free(context);
		free(tls);
		return problem(why, -ENOMEM, "TLS does not begin");
	}
	tls->context = context;
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	/*
	 * Many upstreams end without a good-bye, and libcurl lets them; where a reply ends is known
	 * by HTTP. One with neither a length nor chunks can be cut on its way, and looks whole.
	 */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					 SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_read_ahead(context, 1);
	if (trust(context, ca_file)) {
		tls_free(tls);
		return problem(why, -EIO, "who is to be trusted, %s: no certificates", ca_file);
	}
	*ret = tls;
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}

/* --- one connection ------------------------------------------------------------------- */

/*
 * An address has no name to ask for, and stands in a certificate as an address. A name that is the
 * subject's only is none: OpenSSL takes it beside addresses, libcurl does not.
 */
static bool expect(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return true;
	ERR_clear_error();
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

int tls_side_new(struct tls *tls, int fd, const char *host, struct tls_side **ret)
{
	struct tls_side *side = calloc(1, sizeof(*side));

	if (!side)
		return -ENOMEM;
	side->tls = tls;
	side->ssl = SSL_new(tls->context);
	if (!side->ssl || !*host || !expect(side->ssl, host) || SSL_set_fd(side->ssl, fd) != 1) {
		tls_side_free(side);
		return -ENOMEM;
	}
	SSL_set_connect_state(side->ssl);
	*ret = side;
	return 0;
}

void tls_side_free(struct tls_side *side)
{
	if (!side)
		return;
	if (side->greeted && !side->broken)
		SSL_shutdown(side->ssl);
	ERR_clear_error();
	SSL_free(side->ssl);
	free(side);
}

/* -EAGAIN, 0: the other side has ended, or @bad. */
static ssize_t not_done(struct tls_side *side, int r, ssize_t bad)
{
	switch (SSL_get_error(side->ssl, r)) {
	case SSL_ERROR_WANT_READ: return -EAGAIN;
	case SSL_ERROR_WANT_WRITE: side->wants_out = true; return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	default: side->broken = true; return bad;
	}
}

int tls_greet(struct tls_side *side, struct problem *why)
{
	long verified;
	int r;

	ERR_clear_error();
	side->wants_out = false;
	r = SSL_do_handshake(side->ssl);
	if (r == 1) {
		side->greeted = true;
		return 0;
	}
	if (not_done(side, r, -EPROTO) == -EAGAIN)
		return -EAGAIN;
	side->broken = true;
	verified = SSL_get_verify_result(side->ssl);
	return problem(why, -EPROTO, "%s",
		       verified != X509_V_OK ? X509_verify_cert_error_string(verified)
					     : ERR_reason_error_string(ERR_peek_error())
						       ?: "the connection ended");
}

/* Pieces that fit into one record become one: each would have cost a call and a packet. */
static size_t together(struct tls *tls, const struct iovec *iov, int n)
{
	size_t at = 0;

	for (int i = 0; i < n && at < PIECE; i++) {
		size_t take = iov[i].iov_len < PIECE - at ? iov[i].iov_len : PIECE - at;

		memcpy(tls->piece + at, iov[i].iov_base, take);
		at += take;
	}
	return at;
}

ssize_t tls_send(struct tls_side *side, const struct iovec *iov, int n)
{
	const char *bytes = iov[0].iov_base;
	size_t size = iov[0].iov_len, copied = 0;
	int r;

	if (side->broken)
		return -EPIPE;
	if (n > 1) {
		size = copied = together(side->tls, iov, n);
		bytes = side->tls->piece;
	}
	ERR_clear_error();
	side->wants_out = false;
	r = SSL_write(side->ssl, bytes, (int)(size < INT_MAX ? size : INT_MAX));
	explicit_bzero(side->tls->piece, copied); /* a secret is in it */
	if (r > 0)
		return r;
	return not_done(side, r, -EPIPE) == -EAGAIN ? -EAGAIN : -EPIPE;
}

ssize_t tls_recv(struct tls_side *side, char *bytes, size_t size)
{
	int r;

	if (side->broken)
		return -ECONNRESET;
	ERR_clear_error();
	side->wants_out = false;
	r = SSL_read(side->ssl, bytes, (int)(size < INT_MAX ? size : INT_MAX));
	return r > 0 ? r : not_done(side, r, -ECONNRESET);
}

bool tls_pending(const struct tls_side *side)
{
	return SSL_has_pending(side->ssl);
}

bool tls_wants_out(const struct tls_side *side)
{
	return side->wants_out;
}
