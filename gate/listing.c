// SPDX-License-Identifier: Apache-2.0
#include "listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEPTH 16 /* of folders within folders */

bool listing_may_be(const char *asked, size_t n)
{
	static const char begins[] = "0014command=ls-refs\n";

	return !memcmp(asked, begins, n < sizeof(begins) - 1 ? n : sizeof(begins) - 1);
}

/* --- the refs as they are ------------------------------------------------------------- */

struct walk {
	FILE *text;
	unsigned n;
	bool fresh;
};

static void put(struct walk *walk, const char *name, const struct stat *st)
{
	const struct advert_stamp stamp = advert_stamp_of(st, &walk->fresh);

	fwrite(name, 1, strlen(name) + 1, walk->text);
	fwrite(&stamp, sizeof(stamp), 1, walk->text);
}

static bool walk_folder(struct walk *walk, int at, const char *name, unsigned depth);

/* A folder's files, in the order that it has them: one that is the same has the same. */
static bool walk_entry(struct walk *walk, int folder, const char *name, unsigned depth)
{
	struct stat st;

	if (++walk->n > LISTING_FILES || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW))
		return false;
	if (S_ISDIR(st.st_mode))
		return walk_folder(walk, folder, name, depth + 1);
	put(walk, name, &st);
	return S_ISREG(st.st_mode);
}

static bool walk_folder(struct walk *walk, int at, const char *name, unsigned depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	if (depth > DEPTH || fstat(fd, &st))
		return false;
	put(walk, name, &st);
	while ((entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    !walk_entry(walk, fd, entry->d_name, depth))
			return false;
	put(walk, "", &st); /* its end */
	return true;
}

/* A repository whose refs are elsewhere says so by a file. */
static bool refs_are_here(int repository)
{
	return faccessat(repository, "commondir", F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
	       faccessat(repository, "reftable", F_OK, AT_SYMLINK_NOFOLLOW) != 0;
}

static bool put_refs(FILE *text, const char *path, bool *fresh)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct walk walk = { .text = text };
	struct stat st = {};

	if (fd < 0 || !refs_are_here(fd) || !walk_folder(&walk, fd, "refs", 0))
		return false;
	if (fstatat(fd, "packed-refs", &st, AT_SYMLINK_NOFOLLOW))
		st =
		    (struct stat){ .st_mode = S_IFREG }; /* there is none, and then there will be */
	put(&walk, "packed-refs", &st);
	*fresh |= walk.fresh;
	return S_ISREG(st.st_mode);
}

/* --- keys ----------------------------------------------------------------------------- */

/* @said: what is no file, which @ret has first. */
static bool key_make(const char *said, size_t n, const char *repository, struct advert_key *ret)
{
	FILE *text = open_memstream(&ret->env, &ret->env_size);
	bool good;

	if (!text)
		return false;
	fwrite(said, 1, n, text);
	good = put_refs(text, repository, &ret->fresh);
	good = !fclose(text) && good;
	ret->said = n;
	if (!good)
		advert_key_done(ret);
	return good;
}

bool listing_key(const char *const *env, const char *asked, size_t n, const char *repository,
		 const char *backend, const char *git, struct advert_key *ret)
{
	struct advert_key said;
	_cleanup_free_ char *all = NULL;

	*ret = (struct advert_key){};
	if (!advert_key(env, repository, backend, git, &said))
		return false;
	all = malloc(said.env_size + n);
	if (all) {
		memcpy(all, said.env, said.env_size);
		memcpy(all + said.env_size, asked, n);
		memcpy(ret->file, said.file, sizeof(ret->file));
		ret->fresh = said.fresh;
	}
	n += said.env_size;
	advert_key_done(&said);
	return all && key_make(all, n, repository, ret);
}

bool listing_again(const struct advert_key *was, const char *repository, const char *backend,
		   const char *git, struct advert_key *ret)
{
	*ret = (struct advert_key){};
	return was->env && advert_stamps(repository, backend, git, ret) &&
	       key_make(was->env, was->said, repository, ret);
}
