// SPDX-License-Identifier: Apache-2.0
#include "unlocked.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "index.h"

/*
 * Who has it at hand may all; who only has this user's number may see that it is there: a process in a
 * container can have that number, and need not know the key's to try them all.
 */
#define PERMISSIONS 0x3f010000
#define KEY_MAX     64 /* bytes that are read: more is none of ours */

/* "terok-proxy:" and half of a digest of the path: which store it is, and not where. */
static int description(const char *path, char ret[64])
{
	_cleanup_free_ char *real = realpath(path, NULL);
	uint8_t digest[INDEX_DIGEST];

	if (!real || index_digest(real, strlen(real), digest))
		return -ENOKEY;
	strcpy(ret, "terok-proxy:");
	for (unsigned i = 0; i < INDEX_DIGEST / 2; i++)
		sprintf(ret + strlen("terok-proxy:") + 2 * i, "%02x", digest[i]);
	return 0;
}

static long find(const char *path)
{
	char name[64];
	long id;

	if (description(path, name))
		return -ENOKEY;
	id = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", name,
		     KEY_SPEC_PROCESS_KEYRING); /* at hand from now */
	return id < 0 ? -ENOKEY : id;
}

int unlocked_get(const char *path, struct secret **ret)
{
	_cleanup_secret_ struct secret *secret = NULL;
	long id = find(path), n;

	if (id < 0)
		return id;
	secret = secret_new(KEY_MAX);
	if (!secret)
		return -ENOMEM;
	n = syscall(SYS_keyctl, KEYCTL_READ, id, secret->bytes, secret->size);
	if (n < 0 || (size_t)n > secret->size)
		return -ENOKEY;
	secret->len = n;
	*ret = TAKE_PTR(secret);
	return 0;
}

int unlocked_put(const char *path, const struct secret *key, unsigned seconds)
{
	char name[64];
	long id;

	if (description(path, name))
		return -ENOKEY;
	id = syscall(SYS_add_key, "user", name, key->bytes, key->len, KEY_SPEC_USER_KEYRING);
	if (id < 0)
		return -errno;
	id = find(path);
	if (id < 0)
		return id;
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, id, PERMISSIONS) ||
	    syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, id, seconds)) {
		int r = -errno;

		unlocked_drop(path);
		return r;
	}
	return 0;
}

int unlocked_drop(const char *path)
{
	long id = find(path);

	if (id < 0)
		return id;
	/* revoked first: whoever has its number still can read it no more */
	syscall(SYS_keyctl, KEYCTL_REVOKE, id);
	return syscall(SYS_keyctl, KEYCTL_UNLINK, id, KEY_SPEC_USER_KEYRING) ? -errno : 0;
}
