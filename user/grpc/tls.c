// SPDX-License-Identifier: Apache-2.0
/* A struct grpc_tls lives as long as a connection of it: its SSL has a reference. */
#include "grpc/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "grpc/within.h"

#define PEM_MAX   (256 << 10) /* bytes of a file; a bundle of every public CA is as long */
#define CHAIN_MAX (32 << 10)  /* bytes of the certificates that a peer shows */

struct grpc_tls {
	SSL_CTX *ctx;
	unsigned refs;
	enum grpc_verify verify;
	bool client;
	char *name; /* NULL: none */
};

/* --- PEM ------------------------------------------------------------------------------ */

struct pem {
	char *bytes;
	size_t n;
	BIO *bio;
};

static void pem_done(struct pem *pem)
{
	BIO_free(pem->bio);
	if (pem->bytes)
		OPENSSL_cleanse(pem->bytes, pem->n);
	free(pem->bytes);
}

static int read_file(const char *path, struct pem *ret, struct problem *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = -1;

	if (fd < 0)
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	ret->bytes = malloc(PEM_MAX);
	if (!ret->bytes)
		return problem(why, -ENOMEM, "no memory");
	while (ret->n < PEM_MAX && (n = read(fd, ret->bytes + ret->n, PEM_MAX - ret->n)) > 0)
		ret->n += (size_t)n;
	if (n < 0)
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	return n ? problem(why, -EINVAL, "%s is longer than %d bytes", path, PEM_MAX) : 0;
}

static int open_pem(const struct grpc_pem *use, const char *what, struct pem *ret,
		    struct problem *why)
{
	const void *bytes = use->bytes;
	size_t n = use->n;
	int r;

	if (!bytes) {
		if (!use->file)
			return problem(why, -EINVAL, "no %s is given", what);
		r = read_file(use->file, ret, why);
		if (r)
			return r;
		bytes = ret->bytes;
		n = ret->n;
	}
	ret->bio = BIO_new_mem_buf(bytes, (int)n);
	return ret->bio ? 0 : problem(why, -ENOMEM, "no memory");
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *user)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static const char *named(const struct grpc_pem *pem, const char *what)
{
	return !pem->bytes && pem->file ? pem->file : what;
}

static int use_cert(SSL_CTX *ctx, const struct grpc_pem *use, struct problem *why)
{
	_cleanup_(pem_done) struct pem pem = {};
	int r = open_pem(use, "certificate", &pem, why);
	X509 *cert;

	if (r)
		return r;
	cert = PEM_read_bio_X509(pem.bio, NULL, no_passphrase, NULL);
	if (!cert || SSL_CTX_use_certificate(ctx, cert) != 1)
		r = problem(why, -EINVAL, "%s: no certificate can be read",
			    named(use, "our certificate"));
	X509_free(cert);
	while (!r && (cert = PEM_read_bio_X509(pem.bio, NULL, no_passphrase, NULL))) {
		if (SSL_CTX_add0_chain_cert(ctx, cert) == 1)
			continue;
		X509_free(cert);
		r = problem(why, -ENOMEM, "no memory");
	}
	return r;
}

static int use_key(SSL_CTX *ctx, const struct grpc_pem *use, struct problem *why)
{
	_cleanup_(pem_done) struct pem pem = {};
	int r = open_pem(use, "key", &pem, why);
	EVP_PKEY *key;

	if (r)
		return r;
	key = PEM_read_bio_PrivateKey(pem.bio, NULL, no_passphrase, NULL);
	if (!key)
		return problem(why, -EINVAL, "%s: no private key can be read",
			       named(use, "our key"));
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		r = problem(why, -EINVAL, "%s does not belong to the certificate",
			    named(use, "our key"));
	EVP_PKEY_free(key);
	return r;
}

static int use_ca(SSL_CTX *ctx, const struct grpc_pem *use, struct problem *why)
{
	_cleanup_(pem_done) struct pem pem = {};
	int r = open_pem(use, "CA", &pem, why);
	unsigned n = 0;
	X509 *cert;

	if (r)
		return r;
	while (!r && (cert = PEM_read_bio_X509(pem.bio, NULL, no_passphrase, NULL))) {
		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) != 1 ||
		    SSL_CTX_add_client_CA(ctx, cert) != 1)
			r = problem(why, -ENOMEM, "no memory");
		X509_free(cert);
		n++;
	}
	return r || n ? r
		      : problem(why, -EINVAL, "%s: no certificate of a CA can be read",
				named(use, "our CA"));
}

/* --- whom we take --------------------------------------------------------------------- */

/* As OpenSSL's own, and then the name; OpenSSL keeps the error, for SSL_get_verify_result(). */
static int verify(X509_STORE_CTX *store, void *arg)
{
	const struct grpc_tls *tls = arg;
	int ok = X509_verify_cert(store) == 1;

	if (ok && tls->verify == GRPC_VERIFY_STRICT &&
	    !peer_is(X509_STORE_CTX_get0_cert(store), tls->name)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		ok = 0;
	}
	return ok || tls->verify == GRPC_VERIFY_CAPTURE;
}

static int select_h2(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
		     const unsigned char *offer, unsigned n, void *arg)
{
	static const unsigned char h2[] = "\2h2";

	(void)ssl;
	(void)arg;
	return SSL_select_next_proto((unsigned char **)ret, ret_n, h2, sizeof(h2) - 1, offer, n) ==
		       OPENSSL_NPN_NEGOTIATED
		   ? SSL_TLSEXT_ERR_OK
		   : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int set_up(struct grpc_tls *tls)
{
	SSL_CTX *ctx = tls->ctx;
	int mode = SSL_VERIFY_PEER;

	if (tls->verify != GRPC_VERIFY_CAPTURE)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	else
		SSL_CTX_set_security_level(ctx, 0); /* a weak key is a peer as well */
	SSL_CTX_set_verify(ctx, mode, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify, tls);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	/* nor is the root sent, which each peer has and would keep once more for each connection */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX);
	SSL_CTX_set_alpn_select_cb(ctx, select_h2, NULL);
	if (SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\2h2", 3))
		return -ENOMEM;
	return 0;
}

int grpc_tls_new(const struct grpc_tls_use *use, struct grpc_tls **ret, struct problem *why)
{
	_cleanup_(grpc_tls_freep) struct grpc_tls *tls = calloc(1, sizeof(*tls));
	int r;

	if (use->verify == GRPC_VERIFY_STRICT && (use->client || !use->name))
		return problem(why, -EINVAL, "strict is for a server that knows a name");
	if (!tls)
		return problem(why, -ENOMEM, "no memory");
	tls->refs = 1;
	tls->client = use->client;
	tls->verify = use->verify;
	tls->name = use->name ? strdup(use->name) : NULL;
	tls->ctx = SSL_CTX_new(use->client ? TLS_client_method() : TLS_server_method());
	if (!tls->ctx || (use->name && !tls->name) || set_up(tls)) {
		ERR_clear_error();
		return problem(why, -ENOMEM, "no memory for TLS");
	}
	r = use_cert(tls->ctx, &use->cert, why);
	if (!r)
		r = use_key(tls->ctx, &use->key, why);
	if (!r)
		r = use_ca(tls->ctx, &use->ca, why);
	ERR_clear_error();
	if (!r)
		*ret = TAKE_PTR(tls);
	return r;
}

void grpc_tls_free(struct grpc_tls *tls)
{
	if (!tls || --tls->refs)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls->name);
	free(tls);
}

bool tls_is_client(const struct grpc_tls *tls)
{
	return tls->client;
}

const char *tls_name(const struct grpc_tls *tls)
{
	return tls->name;
}

/* --- bytes ---------------------------------------------------------------------------- */

/* OpenSSL's own socket BIO writes with write(2), and a peer that has gone would be SIGPIPE. */
static int bio_write(BIO *bio, const char *bytes, int n)
{
	ssize_t r = send((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)n, MSG_NOSIGNAL);

	BIO_clear_retry_flags(bio);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	return (int)r;
}

static int bio_read(BIO *bio, char *bytes, int n)
{
	ssize_t r = recv((int)(intptr_t)BIO_get_data(bio), bytes, (size_t)n, 0);

	BIO_clear_retry_flags(bio);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	if (!r)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	return (int)r;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return command == BIO_CTRL_FLUSH;
}

static const BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;

	if (method)
		return method;
	method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "loop");
	if (method && (BIO_meth_set_write(method, bio_write) != 1 ||
		       BIO_meth_set_read(method, bio_read) != 1 ||
		       BIO_meth_set_ctrl(method, bio_ctrl) != 1)) {
		BIO_meth_free(method);
		method = NULL;
	}
	return method;
}

SSL *tls_open(struct grpc_tls *tls, int fd)
{
	BIO *bio = BIO_new(bio_method());
	SSL *ssl = bio ? SSL_new(tls->ctx) : NULL;
	bool client = tls->client;

	if (!ssl) {
		BIO_free(bio);
		return NULL;
	}
	BIO_set_data(bio, (void *)(intptr_t)fd);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	if (client && tls->name && SSL_set_tlsext_host_name(ssl, tls->name) != 1)
		goto fail;
	if (client && tls->name && SSL_set1_host(ssl, tls->name) != 1)
		goto fail;
	if (client)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	return ssl;
fail:
	SSL_free(ssl);
	return NULL;
}

struct grpc_tls *tls_ref(const struct grpc_tls *tls)
{
	struct grpc_tls *mine = (struct grpc_tls *)tls; /* how many have it is none of its state */

	mine->refs++;
	return mine;
}

const char *tls_why(const SSL *ssl, int error, char *buf, size_t size)
{
	unsigned long last = ERR_peek_last_error();
	long verified = SSL_get_verify_result(ssl);
	const char *reason = ERR_reason_error_string(last);

	if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && !errno))
		snprintf(buf, size, "the peer closed the connection");
	else if (error == SSL_ERROR_SYSCALL)
		snprintf(buf, size, "%s", strerror(errno));
	else if (ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
		 verified == X509_V_ERR_APPLICATION_VERIFICATION)
		snprintf(buf, size,
			 "TLS: the peer's certificate is not that of the name we wait for");
	else if (ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		snprintf(buf, size, "TLS: the peer's certificate: %s",
			 X509_verify_cert_error_string(verified));
	else
		snprintf(buf, size, "TLS: %s", reason ? reason : "failed");
	return buf;
}
