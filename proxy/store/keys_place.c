// SPDX-License-Identifier: Apache-2.0
/*
 * keys_place.c - where the file of a store's key is: apart from what who serves may read
 *
 * A process gives up files by folders (Landlock), and who serves HTTP needs the store's: it makes
 * files there, and reads routes that are replaced. So the key is in a folder of its own beside that,
 * unless none can be made there. One that lies beside the store, as keys of before do, moves when
 * somebody opens the store to write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/lock.h"
#include "base/log.h"
#include "keys_source.h"
#include "keys_within.h"

#define NAME   "store.key"
#define WAIT_S 10 /* for who changes the key: a rotation seals thousands of rows in a second */

static int folder_length(const struct store *store)
{
	return (int)(strrchr(store->path, '/') - store->path);
}

static char *apart(const struct store *store, const char *name)
{
	char *path;

	return asprintf(&path, "%.*s" KEYS_APART "%s", folder_length(store), store->path, name) < 0
		   ? NULL
		   : path;
}

static char *beside(const struct store *store)
{
	char *path;

	return asprintf(&path, "%.*s/" NAME, folder_length(store), store->path) < 0 ? NULL : path;
}

/* Is there such a folder, or can it be made? */
static bool can_be(const char *folder)
{
	_cleanup_free_ char *above = strdup(folder);
	char *slash = above ? strrchr(above, '/') : NULL;

	if (!access(folder, F_OK))
		return !access(folder, W_OK);
	if (!slash)
		return false;
	slash[slash == above] = '\0';
	return !access(above, W_OK);
}

char *keys_file(const struct store *store)
{
	_cleanup_free_ char *folder = apart(store, ""), *there = apart(store, "/" NAME),
			    *here = beside(store);

	if (!folder || !there || !here)
		return NULL;
	if (access(there, F_OK) && (!access(here, F_OK) || !can_be(folder)))
		return TAKE_PTR(here);
	return TAKE_PTR(there);
}

char *keys_file_apart(const struct store *store)
{
	_cleanup_free_ char *folder = apart(store, "");

	if (folder && can_be(folder))
		dir_make(folder);
	return apart(store, "/" NAME);
}

int keys_turn(const struct store *store, struct problem *why)
{
	_cleanup_free_ char *folder = strndup(store->path, (size_t)folder_length(store));
	_cleanup_close_ int fd = -1;
	int r;

	if (!folder)
		return problem(why, -ENOMEM, "no memory for a path");
	fd = open(*folder ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fd < 0 ? -errno : lock_take(fd, WAIT_S);
	if (r)
		return problem(why, r, "%s: another program changes its key: %s", store->path,
			       strerror(-r));
	return TAKE_FD(fd);
}

bool keys_file_holds(const char *path, const struct secret *root)
{
	_cleanup_secret_ struct secret *text = NULL, *key = NULL;

	return !keys_private_read(path, KEYS_FORBIDDEN, KEYS_PASSPHRASE_MAX, &text, NULL) &&
	       !keys_text_read(text, &key) && key->len == root->len &&
	       !memcmp(key->bytes, root->bytes, root->len);
}

/* In its turn, within a transaction: no rotation is in the middle of making another. */
static int move(struct store *store, const struct keys *keys, const char *from, const char *to,
		struct problem *why)
{
	_cleanup_close_ int turn = keys_turn(store, why);
	int r = turn < 0 ? turn : store_begin(store, why);

	if (r)
		return r;
	for (enum store_class class = 0; !r && class < STORE_CLASSES_; class ++)
		r = ring_fits(store, class, keys->key[class], why);
	if (!r && !access(to, F_OK) && !keys_file_holds(to, keys->root))
		r = problem(why, -EEXIST, "%s is another key", to);
	r = r ?: keys_file_write(to, keys->root, why);
	if (!r && unlink(from) && errno != ENOENT)
		r = problem(why, -errno, "remove %s: %s", from, strerror(errno));
	return store_end(store, r, why);
}

void keys_set_apart(struct store *store, const struct keys *keys)
{
	_cleanup_free_ char *folder = apart(store, ""), *to = apart(store, "/" NAME),
			    *from = beside(store);
	struct problem why = {};

	if (!folder || !to || !from || keys->source != KEYS_FROM_FILE ||
	    store->may != STORE_WRITE || access(from, F_OK) || !can_be(folder) ||
	    !keys_file_holds(from, keys->root))
		return;
	if (move(store, keys, from, to, &why))
		log_warn(0, "the key of %s stays where who serves can read it: %s", store->path,
			 why.text);
	else
		log_info("the key of %s is %s now", store->path, to);
}
