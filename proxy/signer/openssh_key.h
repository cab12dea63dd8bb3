/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssh_key.h - a private key in OpenSSH's own format (openssh-key-v1), without a passphrase
 *
 * Bytes in, a key out; what they say twice must be the same. One with a passphrase is for who
 * can ask for that (proxy/ssh_passphrase.c). No I/O, any thread.
 */
#ifndef SIGNER_OPENSSH_KEY_H
#define SIGNER_OPENSSH_KEY_H

#include <openssl/types.h>
#include <stdbool.h>

#include "proxy/store/secret.h"

/** openssh_key_is() - is it that format? */
bool openssh_key_is(const struct secret *text);

/**
 * openssh_key_read() - the key in a file's text, which has a NUL behind it
 *
 * Return: 0 with @ret the caller's; -ENOKEY: it has a passphrase; -EOPNOTSUPP: of a kind that we do
 * not sign with; -EBADMSG: no key; -ENOMEM.
 */
int openssh_key_read(const struct secret *text, EVP_PKEY **ret);

#endif
