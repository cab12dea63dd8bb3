// SPDX-License-Identifier: Apache-2.0
#include "bootstrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define OTHERS_MAY  0077
#define JWT_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

/* Is it ours, or root's, and nobody else's business? */
static int private_check(int fd, const char *dir, const char *name, struct stat *st,
			 struct problem *why)
{
	if (fstat(fd, st))
		return problem(why, -errno, "%s%s: %s", dir, name, strerror(errno));
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return problem(why, -EPERM, "%s%s belongs to user %u, not to root", dir, name,
			       st->st_uid);
	if (st->st_mode & OTHERS_MAY)
		return problem(why, -EPERM, "%s%s is open to others: its mode is %04o", dir, name,
			       st->st_mode & 07777);
	return 0;
}

static int read_all(int fd, struct bootstrap_file *file, size_t size)
{
	file->bytes = malloc(size + 1);
	if (!file->bytes)
		return -ENOMEM;
	while (file->n < size) {
		ssize_t n = read(fd, file->bytes + file->n, size - file->n);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		file->n += n;
	}
	file->bytes[file->n] = '\0';
	return 0;
}

static int file_read(int folder, const char *dir, const char *name, struct bootstrap_file *file,
		     struct problem *why)
{
	_cleanup_close_ int fd =
	    openat(folder, name + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return problem(why, -errno, "%s%s: %s", dir, name, strerror(errno));
	r = private_check(fd, dir, name, &st, why);
	if (r)
		return r;
	if (!S_ISREG(st.st_mode) || st.st_size > BOOTSTRAP_MAX)
		return problem(why, -EINVAL, "%s%s is no file of at most %d bytes", dir, name,
			       BOOTSTRAP_MAX);
	r = read_all(fd, file, st.st_size);
	if (r)
		return problem(why, r, "%s%s: %s", dir, name, strerror(-r));
	if (!file->n)
		return problem(why, -ENODATA, "%s%s is empty", dir, name);
	return 0;
}

/* It is sent in a header: nothing but what a JWT is made of. */
static int assertion_check(struct bootstrap_file *file, const char *dir, struct problem *why)
{
	size_t n;

	while (file->n && strchr(" \t\r\n", file->bytes[file->n - 1]))
		file->bytes[--file->n] = '\0';
	n = strspn(file->bytes, JWT_LETTERS);
	if (!n || n != file->n)
		return problem(why, -EINVAL, "%s/assertion.jwt is no JWT", dir);
	return 0;
}

int bootstrap_read(const char *dir, struct bootstrap *ret, struct problem *why)
{
	_cleanup_close_ int folder = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct bootstrap bootstrap = {};
	struct stat st;
	int r;

	if (folder < 0)
		return problem(why, -errno, "%s: %s", dir, strerror(errno));
	r = private_check(folder, dir, "", &st, why);
	if (!r)
		r = file_read(folder, dir, "/cert.pem", &bootstrap.cert, why);
	if (!r)
		r = file_read(folder, dir, "/key.pem", &bootstrap.key, why);
	if (!r)
		r = file_read(folder, dir, "/ca.pem", &bootstrap.ca, why);
	if (!r)
		r = file_read(folder, dir, "/assertion.jwt", &bootstrap.assertion, why);
	if (!r)
		r = assertion_check(&bootstrap.assertion, dir, why);
	if (r)
		bootstrap_done(&bootstrap);
	else
		*ret = bootstrap;
	return r;
}

static void file_done(struct bootstrap_file *file)
{
	if (file->bytes)
		explicit_bzero(file->bytes, file->n);
	free(file->bytes);
	*file = (struct bootstrap_file){};
}

void bootstrap_done(struct bootstrap *bootstrap)
{
	file_done(&bootstrap->cert);
	file_done(&bootstrap->key);
	file_done(&bootstrap->ca);
	file_done(&bootstrap->assertion);
}
