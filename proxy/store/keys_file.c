// SPDX-License-Identifier: Apache-2.0
/* keys_file.c - a store's key as text in a file, and made of a passphrase */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "keys_source.h"
#include "keys_within.h"

#define DIGITS (2 * STORE_KEY_SIZE)

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int keys_text_read(const struct secret *text, struct secret **ret)
{
	_cleanup_secret_ struct secret *key = NULL;

	if (text->len != STORE_KEY_SIZE && text->len != DIGITS)
		return -EINVAL;
	key = secret_new(STORE_KEY_SIZE);
	if (!key)
		return -ENOMEM;
	for (size_t i = 0; i < STORE_KEY_SIZE; i++) {
		int high, low;

		if (text->len == STORE_KEY_SIZE) {
			key->bytes[i] = text->bytes[i];
			continue;
		}
		high = digit(text->bytes[2 * i]);
		low = digit(text->bytes[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EINVAL;
		key->bytes[i] = (char)(high << 4 | low);
	}
	*ret = TAKE_PTR(key);
	return 0;
}

int keys_private_read(const char *path, unsigned forbidden, size_t max, struct secret **ret,
		      struct problem *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct problem what;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return problem(why, -EINVAL, "%s is no regular file", path);
	if ((st.st_uid != geteuid() && st.st_uid) || st.st_mode & forbidden)
		return problem(
		    why, -EPERM,
		    "%s belongs to user %u with mode %04o: a key is nobody else's to read; "
		    "try: chown %u %s; chmod 0600 %s",
		    path, st.st_uid, st.st_mode & 07777, geteuid(), path, path);
	r = secret_read(fd, max, ret, &what);
	return r ? problem(why, r, "%s: %s", path, what.text) : 0;
}

int keys_file_write(const char *path, const struct secret *key, struct problem *why)
{
	_cleanup_secret_ struct secret *text = secret_new(DIGITS + 1);
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	_cleanup_close_ int dir = -1;

	if (!text || !slash)
		return problem(why, -ENOMEM, "no memory for a key");
	*slash = '\0';
	dir = dir_open(AT_FDCWD, *folder ? folder : "/", why);
	if (dir < 0)
		return dir;
	for (size_t i = 0; i < STORE_KEY_SIZE; i++)
		for (int half = 0; half < 2; half++)
			text->bytes[2 * i + half] =
			    "0123456789abcdef"[(uint8_t)key->bytes[i] >> (half ? 0 : 4) & 15];
	text->bytes[DIGITS] = '\n';
	return dir_replace(dir, slash + 1, text->bytes, text->len, why);
}

int keys_new(struct secret **ret, struct problem *why)
{
	_cleanup_secret_ struct secret *key = secret_new(STORE_KEY_SIZE);

	if (!key || RAND_priv_bytes((uint8_t *)key->bytes, STORE_KEY_SIZE) != 1)
		return problem(why, -EIO, "no new key could be made");
	*ret = TAKE_PTR(key);
	return 0;
}

int keys_from_passphrase(const struct keys_row *row, const struct secret *passphrase,
			 struct secret **ret, struct problem *why)
{
	_cleanup_secret_ struct secret *key = secret_new(STORE_KEY_SIZE);

	if (!passphrase->len) /* what is left away is not a passphrase of no length */
		return problem(why, -EINVAL, "the passphrase is empty");
	if (!key || row->cost < 10 || row->cost > 20 ||
	    EVP_PBE_scrypt(passphrase->bytes, passphrase->len, row->salt, KEYS_SALT,
			   1ULL << row->cost, 8, 1, 2ULL << (row->cost + 10), (uint8_t *)key->bytes,
			   STORE_KEY_SIZE) != 1)
		return problem(why, -EIO, "no key could be made of the passphrase");
	*ret = TAKE_PTR(key);
	return 0;
}
