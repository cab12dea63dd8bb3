// SPDX-License-Identifier: Apache-2.0
#include "key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sanitise.h"
#include "limits.h"
#include "openssh_key.h"
#include "service/own_file.h"

#define PUBLIC_MAX   32768 /* bytes of a public key's file */
#define RSA_NEW_BITS 3072U

/* --- private -------------------------------------------------------------------------- */

/* What PEM asks when there is a passphrase. */
static int on_passphrase(char *buf, int size, int write, void *user)
{
	const struct secret *passphrase = user;

	(void)write;
	if (!passphrase || (int)passphrase->len > size)
		return -1;
	memcpy(buf, passphrase->bytes, passphrase->len);
	return (int)passphrase->len;
}

static EVP_PKEY *pem_read(const char *text, size_t n, const struct secret *passphrase)
{
	BIO *bio = BIO_new_mem_buf(text, (int)n);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, (void *)passphrase)
			     : NULL;

	BIO_free(bio);
	return pkey;
}

int key_file_parse(const struct secret *text, const struct secret *passphrase, struct key **ret,
		   struct problem *why)
{
	EVP_PKEY *pkey = NULL;
	int r = 0;

	if (strlen(text->bytes) != text->len)
		return problem(why, -EBADMSG, "it is no key");
	if (openssh_key_is(text))
		r = openssh_key_read(text, &pkey);
	else
		pkey = pem_read(text->bytes, text->len, passphrase);
	if (!r && !pkey)
		r = strstr(text->bytes, "ENCRYPTED") ? -ENOKEY : -EBADMSG;
	if (r == -ENOKEY && passphrase)
		return problem(why, r, "the passphrase is not that key's");
	if (r == -ENOKEY)
		return problem(why, r, "it has a passphrase");
	if (r == -EOPNOTSUPP)
		return problem(why, r, "it is none of Ed25519, RSA and ECDSA");
	if (r)
		return problem(why, r, "it is no key that we can read");
	r = key_new(pkey, ret, why);
	if (r)
		EVP_PKEY_free(pkey);
	return r;
}

static int private_read(const char *path, struct stat *st, struct secret **ret, struct problem *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat have;

	if (fd < 0 || fstat(fd, &have))
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(have.st_mode))
		return problem(why, -EINVAL, "%s is no regular file", path);
	if (have.st_mode & 077 || (have.st_uid && have.st_uid != geteuid()))
		return problem(why, -EPERM, "%s can be read by others; try: chmod 600 %s", path,
			       path);
	if (st)
		*st = have;
	return secret_read(fd, KEY_FILE_MAX, ret, why);
}

int key_file_load(const char *path, const struct secret *passphrase, struct stat *st,
		  struct key **ret, struct problem *why)
{
	_cleanup_secret_ struct secret *text = NULL;
	struct problem said;
	int r = private_read(path, st, &text, why);

	if (r)
		return r;
	r = key_file_parse(text, passphrase, ret, &said);
	return r ? problem(why, r, "%s: %.160s", path, said.text) : 0;
}

/* What a memory BIO has, wiped there. */
static struct secret *bio_take(BIO *bio, bool good)
{
	struct secret *ret = NULL;
	char *bytes = NULL;
	long n = bio ? BIO_get_mem_data(bio, &bytes) : 0;

	if (good && n > 0)
		ret = secret_from(bytes, (size_t)n);
	if (n > 0)
		explicit_bzero(bytes, (size_t)n);
	BIO_free(bio);
	return ret;
}

struct secret *key_der(const struct key *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());

	return bio_take(
	    bio, bio && i2d_PKCS8PrivateKey_bio(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1);
}

struct secret *key_text(const struct key *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());

	return bio_take(bio, bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0,
								  NULL, NULL) == 1);
}

int key_make(enum key_kind kind, struct key **ret, struct problem *why)
{
	static const char *const curves[] = {
		[KEY_P256] = "P-256", [KEY_P384] = "P-384", [KEY_P521] = "P-521"
	};
	EVP_PKEY *pkey = NULL;
	int r;

	if (kind == KEY_ED25519)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else if (kind == KEY_RSA)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_NEW_BITS);
	else if (kind >= KEY_P256 && kind <= KEY_P521)
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curves[kind]);
	if (!pkey)
		return problem(why, -EIO, "no key can be made");
	r = key_new(pkey, ret, why);
	if (r)
		EVP_PKEY_free(pkey);
	return r;
}

/* --- public --------------------------------------------------------------------------- */

static void comment_take(const char *line, char ret[static KEY_COMMENT])
{
	const char *at = line;

	for (int field = 0; field < 2; field++) {
		at += strcspn(at, " \t");
		at += strspn(at, " \t");
	}
	sanitise(ret, KEY_COMMENT - 1, at, strcspn(at, "\r\n"));
}

int key_file_public(const char *path, struct wire_out *blob, char comment[static KEY_COMMENT],
		    struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = own_file_read(path, PUBLIC_MAX, &text, &n, NULL, why);

	if (r)
		return r;
	if (!text)
		return problem(why, -ENOENT, "%s: %s", path, strerror(ENOENT));
	r = limits_key(text, blob);
	if (r)
		return problem(why, r, "%s is no public key", path);
	comment_take(text, comment);
	return 0;
}
