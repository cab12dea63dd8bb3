// SPDX-License-Identifier: Apache-2.0
#include "pki.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"
#include "base/dir.h"
#include "base/paths.h"
#include "service/own_file.h"

#define FILE_MAX (64 * 1024) /* ours have 2 KiB */
#define SIGNER   CERT_ROLES_ /* its bit */

DEFINE_CLEANUP(BIO, BIO_free_all)

static const char *const files[] = {
	[CERT_CA] = "ca-key.pem",     [CERT_SERVER] = "server.pem", [CERT_CLI] = "cli.pem",
	[CERT_CLIENT] = "client.pem", [CERT_AGENT] = NULL,
};

char *pki_folder(const char *said)
{
	return said ? path_absolute(said) : path_below(ROOT_CREDENTIALS, "pki");
}

const char *pki_file(enum cert_role role)
{
	return files[role];
}

/* --- text ------------------------------------------------------------------------------ */

/* What is private is wiped, wherever it was. */
static void text_done(BUF_MEM **text)
{
	if (*text) {
		OPENSSL_cleanse((*text)->data, (*text)->max);
		BUF_MEM_free(*text);
	}
}
#define _cleanup_text_ _cleanup_(text_done)

/* Certificate, private key, public key: those that are not NULL, in that order. */
static int text_of(X509 *cert, EVP_PKEY *key, EVP_PKEY *public, BUF_MEM **ret, struct problem *why)
{
	_cleanup_(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || (cert && !PEM_write_bio_X509(bio, cert)) ||
	    (key && !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) ||
	    (public && !PEM_write_bio_PUBKEY(bio, public)))
		return problem(why, -ENOMEM, "no memory for a key's text");
	BIO_get_mem_ptr(bio, ret);
	(void)BIO_set_close(bio, BIO_NOCLOSE);
	return 0;
}

/* A file's texts, as far as they are asked for. */
static int texts_read(const char *folder, const char *name, X509 **cert, EVP_PKEY **key,
		      EVP_PKEY **public, struct problem *why)
{
	_cleanup_(BIO_free_allp) BIO *bio = NULL;
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX];
	size_t n = 0;
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return problem(why, -ENAMETOOLONG, "%.100s: too long a path", folder);
	r = own_file_read(path, FILE_MAX, &text, &n, NULL, why);
	if (r)
		return r;
	if (!text)
		return problem(why, -ENOENT, "%s is not there; try: terok-cp pki init", path);
	bio = BIO_new_mem_buf(text, (int)n);
	if (bio && cert)
		*cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	/* an empty passphrase, or OpenSSL would ask the terminal for one */
	if (bio && key)
		*key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
	if (bio && public)
		*public = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	OPENSSL_cleanse(text, n);
	if (bio && (!cert || *cert) && (!key || *key) && (!public || *public))
		return 0;
	ERR_clear_error();
	return problem(why, -EKEYREJECTED, "%s is not what terok-cp wrote; it was left as it is",
		       path);
}

/* --- reading --------------------------------------------------------------------------- */

int pki_read(const char *folder, enum cert_role role, struct cert *ret, struct problem *why)
{
	_cleanup_cert_ struct cert cert = {};
	struct problem text;
	int r = texts_read(folder, files[role], &cert.cert, &cert.key, NULL, why);

	if (r)
		return r;
	if (cert_belongs(&cert, &text))
		return problem(why, -EKEYREJECTED, "%s/%s: %s", folder, files[role], text.text);
	*ret = cert;
	cert = (struct cert){};
	return 0;
}

/* What the key before has signed is of no use from then on, by when its file was made; 0: not known. */
static int64_t former_until(const char *folder)
{
	char path[PATH_MAX];
	struct stat st;

	return snprintf(path, sizeof(path), "%s/%s", folder, PKI_FORMER_FILE) < (int)sizeof(path) &&
		       !lstat(path, &st)
		   ? st.st_mtime + ASSERTION_LIFE_S
		   : 0;
}

int pki_open(const char *folder, struct pki *ret, struct problem *why)
{
	static uint64_t generations;
	_cleanup_pki_ struct pki pki = {};
	int r = pki_read(folder, CERT_CA, &pki.ca, why);
	int64_t former;

	if (!r)
		r = texts_read(folder, PKI_ASSERT_FILE, NULL, &pki.signer, NULL, why);
	if (r)
		return r;
	pki.trusted.generation = ++generations;
	pki.trusted.key[pki.trusted.n++] = pki.signer;
	r = texts_read(folder, PKI_FORMER_FILE, NULL, NULL, &pki.former, why);
	if (r && r != -ENOENT)
		return r;
	former = pki.former ? former_until(folder) : 0;
	if (former > time(NULL)) {
		pki.trusted.until[pki.trusted.n] = former;
		pki.trusted.key[pki.trusted.n++] = pki.former;
	}
	pki.folder = strdup(folder);
	if (!pki.folder)
		return problem(why, -ENOMEM, "no memory for a path");
	*ret = pki;
	pki = (struct pki){};
	return 0;
}

void pki_done(struct pki *pki)
{
	cert_done(&pki->ca);
	EVP_PKEY_free(pki->signer);
	EVP_PKEY_free(pki->former);
	free(pki->folder);
	*pki = (struct pki){};
}

/* --- making ---------------------------------------------------------------------------- */

/* One of pki_init() or pki_rotate() at work: the root's folder and lock are its own. */
struct making {
	const char *folder;
	struct own_file file;
	time_t now;
	unsigned anew, made; /* bits of roles */
	struct cert ca;
};

static int put(struct making *making, const char *name, X509 *cert, EVP_PKEY *key, EVP_PKEY *public,
	       struct problem *why)
{
	_cleanup_text_ BUF_MEM *text = NULL;
	int r = text_of(cert, key, public, &text, why);

	return r ?: dir_replace(making->file.dir, name, text->data, text->length, why);
}

/* Is it there, and as the root of today signed it? -ENOENT: it has to be made. */
static int have(struct making *making, enum cert_role role, struct cert *ret, struct problem *why)
{
	struct problem text;
	int r = making->anew & 1U << role ? -ENOENT : pki_read(making->folder, role, ret, why);

	if (r || role == CERT_CA)
		return r;
	/* of the root before: somebody died between the two */
	return cert_issued(&making->ca, ret->cert, &text) ? -ENOENT : 0;
}

static int make_one(struct making *making, enum cert_role role, struct problem *why)
{
	_cleanup_cert_ struct cert cert = {};
	int r = have(making, role, &cert, why);

	if (r == -ENOENT) {
		cert_done(&cert);
		r = cert_make(role, role == CERT_CA ? NULL : &making->ca, NULL, making->now, &cert,
			      why)
			?: put(making, files[role], cert.cert, cert.key, NULL, why);
		making->made |= r ? 0 : 1U << role;
	}
	if (r || role != CERT_CA)
		return r;
	making->ca = cert;
	cert = (struct cert){};
	return put(making, PKI_CA_FILE, making->ca.cert, NULL, NULL, why);
}

/* What the key before has signed lives on: its public half stays, first. */
static int make_signer(struct making *making, struct problem *why)
{
	_cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	bool anew = making->anew & 1U << SIGNER;
	int r = texts_read(making->folder, PKI_ASSERT_FILE, NULL, &key, NULL, why);

	if (!r && anew)
		r = put(making, PKI_FORMER_FILE, NULL, NULL, key, why);
	if (r && r != -ENOENT)
		return r;
	if (!r && !anew)
		return 0;
	EVP_PKEY_free(TAKE_PTR(key));
	r = cert_new_key(&key, why) ?: put(making, PKI_ASSERT_FILE, NULL, key, NULL, why);
	making->made |= r ? 0 : 1U << SIGNER;
	return r;
}

static int make_all(const char *folder, unsigned anew, time_t now, unsigned *made,
		    struct problem *why)
{
	struct making making = {
		.folder = folder, .file = OWN_FILE_NONE, .now = now, .anew = anew
	};
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", folder, files[CERT_CA]) >= (int)sizeof(path))
		return problem(why, -ENAMETOOLONG, "%.100s: too long a path", folder);
	r = own_file_begin(path, &making.file, why);
	for (enum cert_role role = CERT_CA; !r && role < CERT_ROLES_; role++)
		if (files[role])
			r = make_one(&making, role, why);
	if (!r)
		r = make_signer(&making, why);
	*made = making.made;
	cert_done(&making.ca);
	own_file_done(&making.file);
	return r;
}

int pki_init(const char *folder, time_t now, unsigned *made, struct problem *why)
{
	return make_all(folder, 0, now, made, why);
}

int pki_rotate(const char *folder, unsigned what, time_t now, unsigned *made, struct problem *why)
{
	_cleanup_pki_ struct pki pki = {};
	int r =
	    pki_open(folder, &pki, why); /* what is broken is not made whole by being replaced */

	*made = 0;
	return r ?: make_all(folder, what, now, made, why);
}

/* --- a bundle -------------------------------------------------------------------------- */

struct bundle {
	int dir;
	char stage[PATH_MAX];
};

static const char *const bundled[] = { "cert.pem", "key.pem", PKI_CA_FILE, "assertion.jwt" };

static void bundle_done(struct bundle *bundle)
{
	if (bundle->dir >= 0) {
		for (size_t i = 0; i < sizeof(bundled) / sizeof(*bundled); i++)
			unlinkat(bundle->dir, bundled[i], 0);
		close(bundle->dir);
	}
	if (*bundle->stage)
		rmdir(bundle->stage);
}

static int bundle_begin(struct bundle *bundle, const char *out, struct problem *why)
{
	size_t n = strlen(out);

	while (n > 1 && out[n - 1] == '/')
		n--;
	if (snprintf(bundle->stage, sizeof(bundle->stage), "%.*s.XXXXXX", (int)n, out) >=
	    (int)sizeof(bundle->stage)) {
		*bundle->stage = '\0';
		return problem(why, -ENAMETOOLONG, "%.100s: too long a path", out);
	}
	if (!mkdtemp(bundle->stage)) { /* 0700 */
		int r = problem(why, -errno, "make a folder beside %s: %s", out, strerror(errno));

		*bundle->stage = '\0';
		return r;
	}
	bundle->dir = open(bundle->stage, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return bundle->dir < 0 ? problem(why, -errno, "%s: %s", bundle->stage, strerror(errno)) : 0;
}

static int bundle_put(struct bundle *bundle, const char *name, const char *text, size_t n,
		      struct problem *why)
{
	_cleanup_close_ int fd =
	    openat(bundle->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	int r = fd < 0 ? -errno : dir_write(fd, text, n);

	if (!r && (fchmod(fd, 0400) || fsync(fd)))
		r = -errno;
	return r ? problem(why, r, "write %s/%s: %s", bundle->stage, name, strerror(-r)) : 0;
}

static int bundle_put_pem(struct bundle *bundle, const char *name, X509 *cert, EVP_PKEY *key,
			  struct problem *why)
{
	_cleanup_text_ BUF_MEM *text = NULL;
	int r = text_of(cert, key, NULL, &text, why);

	return r ?: bundle_put(bundle, name, text->data, text->length, why);
}

/* All of it is on disk before it has its name. */
static int bundle_publish(struct bundle *bundle, const char *out, struct problem *why)
{
	if (fsync(bundle->dir) || rename(bundle->stage, out)) {
		if (errno == ENOTEMPTY || errno == EEXIST)
			return problem(why, -ENOTEMPTY, "%s is there, and not empty", out);
		return problem(why, -errno, "%s: %s", out, strerror(errno));
	}
	close(TAKE_FD(bundle->dir));
	*bundle->stage = '\0';
	return 0;
}

static int leaf_of(X509 *cert, struct leaf *ret)
{
	_cleanup_free_ uint8_t *der = NULL;
	int n = i2d_X509(cert, &der);

	return n < 0 ? -ENOMEM : leaf_read(der, n, ret);
}

int pki_issue(const struct pki *pki, const struct cert_agent *agent, const char *audience,
	      time_t now, const char *out, struct leaf *ret, struct problem *why)
{
	_cleanup_(bundle_done) struct bundle bundle = { .dir = -1 };
	_cleanup_cert_ struct cert cert = {};
	_cleanup_free_ char *token = NULL;
	struct assertion_wish wish = { .client = AUTH_CLIENT_AGENT,
				       .audience = audience,
				       .thumbprint = ret->thumbprint,
				       .now = now,
				       .life_s = ASSERTION_LIFE_S };
	int r = cert_make(CERT_AGENT, &pki->ca, agent, now, &cert, why);

	if (!r && leaf_of(cert.cert, ret))
		r = problem(why, -ENOMEM, "no memory for a certificate");
	r = r ?: assertion_make(pki->signer, &wish, &token, why)
			 ?: bundle_begin(&bundle, out, why)
				    ?: bundle_put_pem(&bundle, "cert.pem", cert.cert, NULL, why);
	r = r ?: bundle_put_pem(&bundle, "key.pem", NULL, cert.key, why)
			 ?: bundle_put_pem(&bundle, PKI_CA_FILE, pki->ca.cert, NULL, why)
				    ?: bundle_put(&bundle, "assertion.jwt", token, strlen(token), why);
	if (token)
		OPENSSL_cleanse(token, strlen(token));
	return r ?: bundle_publish(&bundle, out, why);
}
