/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh_passphrase.h - a key file whose passphrase somebody has to say
 *
 * OpenSSH's own format is decrypted by ssh-keygen(1), in a file that is in memory only, with the
 * passphrase said at a terminal of its own; PEM by OpenSSL. Called by: verb_ssh_add.c. Threads: none
 * (it forks).
 */
#ifndef PROXY_SSH_PASSPHRASE_H
#define PROXY_SSH_PASSPHRASE_H

#include "signer/key_file.h"

/**
 * ssh_key_ask() - the private key of a file; a person is asked for its passphrase if it has one
 * @file: has the passphrase; NULL: it is asked for at the terminal
 *
 * Return: as key_file_load(), with @why.
 */
int ssh_key_ask(const char *path, const char *file, struct key **ret, struct problem *why);

#endif
