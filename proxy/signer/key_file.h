/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_file.h - keys as they lie in files: OpenSSH's and PEM, with a passphrase or without
 *
 * PEM is read by OpenSSL, with its passphrase; OpenSSH's own format by openssh_key.c, which takes none.
 * A private key is ours alone, as ssh(1) wants it; a public one is a line "TYPE BASE64 [COMMENT]".
 * Threads: none shared.
 */
#ifndef SIGNER_KEY_FILE_H
#define SIGNER_KEY_FILE_H

#include <sys/stat.h>

#include "key.h"
#include "proxy/store/secret.h"

#define KEY_FILE_MAX 65536 /* bytes of a private key's file; RSA with 16384 bits has 13,000 */
#define KEY_COMMENT  256   /* bytes of a comment, and a NUL */

/**
 * key_file_load() - the private key of a file, and what the file was then
 * @passphrase: NULL: none
 * @st: may be NULL
 *
 * Return: 0; -ENOKEY: it has a passphrase, and this is not it; -EPERM: others may read it;
 * -EBADMSG: no key; -EOPNOTSUPP: of a kind that we do not sign with; or what the kernel says; with @why.
 */
int key_file_load(const char *path, const struct secret *passphrase, struct stat *st,
		  struct key **ret, struct problem *why);

/** key_file_parse() - the same of a file's bytes, which have a NUL behind them */
int key_file_parse(const struct secret *text, const struct secret *passphrase, struct key **ret,
		   struct problem *why);

/** key_file_public() - the blob of a public key's file (the caller's to wire_out_done()) and its comment */
int key_file_public(const char *path, struct wire_out *blob, char comment[static KEY_COMMENT],
		    struct problem *why);

/** key_der() - the private key as PKCS#8 bytes; NULL: no memory */
struct secret *key_der(const struct key *key);

/** key_text() - the private key as a PEM file has it, without a passphrase; NULL: no memory */
struct secret *key_text(const struct key *key);

/** key_make() - a new key: Ed25519; RSA with 3072 bits; ECDSA. 0; -EINVAL, -EIO with @why */
int key_make(enum key_kind kind, struct key **ret, struct problem *why);

#endif
