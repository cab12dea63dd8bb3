// SPDX-License-Identifier: Apache-2.0
/*
 * mirror_mend.c - what a killed git left behind, told from what a living one has
 *
 * git makes a lock file where there is none, and removes it; killed between, it stays, and every
 * later change of that reference fails. A file that was there before we looked at the processes,
 * and whose maker would have shown itself among them, is nobody's. Who works in a repository has
 * it as its current folder: git does that for whoever serves it, and for us.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "base/event.h"
#include "base/log.h"
#include "mirror.h"
#include "place.h"

#define LEFT_MAX 4096 /* files of one round; the next verb takes the rest */
#define BUSY_MAX 16   /* processes that are waited for at once */

struct left {
	char *path;
	ino_t inode;
	bool lock; /* it is in others' way; else it only takes room */
};

struct lefts {
	struct left item[LEFT_MAX];
	size_t n;
	const char *top;
};

static struct lefts *walking; /* nftw() has no word for whom it walks */

static void lefts_free(struct lefts *lefts)
{
	for (size_t i = 0; lefts && i < lefts->n; i++)
		free(lefts->item[i].path);
	free(lefts);
}
DEFINE_CLEANUP(struct lefts, lefts_free)

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool ends(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n > m && !strcmp(text + n - m, with);
}

/* @path: from the repository on. What git calls what it has not finished. */
static bool is_scratch(const char *path, const char *name)
{
	if (begins(path, "objects/pack/"))
		return begins(name, "tmp_") || begins(name, ".tmp-");
	return begins(path, "objects/") &&
	       (begins(name, "tmp_obj_") || begins(name, "tmp_objdir-"));
}

static int look_at(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	const char *name = path + ftw->base, *below = path + strlen(walking->top);
	bool lock = kind == FTW_F && (ends(name, ".lock") || !strcmp(name, "packed-refs.new"));

	below += *below == '/';
	if (walking->n == LEFT_MAX)
		return FTW_STOP;
	if (lock || is_scratch(below, name)) {
		struct left *left = &walking->item[walking->n];

		*left = (struct left){ strdup(path), st->st_ino, lock };
		walking->n += !!left->path;
		return kind == FTW_D ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
	}
	/* reflogs are many, and have no lock files of their own */
	return kind == FTW_D && !strcmp(below, "logs") ? FTW_SKIP_SUBTREE : FTW_CONTINUE;
}

static struct lefts *find_left(const struct mirror *mirror)
{
	struct lefts *lefts = calloc(1, sizeof(*lefts));

	if (!lefts)
		return NULL;
	lefts->top = mirror->path;
	walking = lefts;
	nftw(mirror->path, look_at, 16, FTW_PHYS | FTW_ACTIONRETVAL);
	walking = NULL;
	return lefts;
}

/* --- who works there ------------------------------------------------------------------ */

static size_t read_file(int proc, const char *pid, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%.20s/%s", pid, name);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, buf, size - 1);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? n : 0;
}

/* Those only read: a clone goes on for an hour, and holds no lock. */
static bool only_reads(int proc, const char *pid)
{
	static const char *const readers[] = { "upload-pack", "http-backend", "rev-list",
					       "cat-file", "for-each-ref" };
	char line[1024];
	size_t n = read_file(proc, pid, "cmdline", line, sizeof(line));
	bool packs = false, to_pipe = false;

	for (const char *arg = line; arg < line + n; arg += strlen(arg) + 1) {
		for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
			if (!strcmp(arg, readers[i]) ||
			    (begins(arg, "git-") && !strcmp(arg + 4, readers[i])))
				return true;
		packs |= !strcmp(arg, "pack-objects");
		to_pipe |= !strcmp(arg, "--stdout");
	}
	return packs && to_pipe;
}

static bool works_in(int proc, const char *pid, const char *path)
{
	char link[32], cwd[PATH_MAX], comm[32];
	size_t top = strlen(path);
	ssize_t n;

	snprintf(link, sizeof(link), "%.20s/cwd", pid);
	n = readlinkat(proc, link, cwd, sizeof(cwd) - 1);
	if (n < 0 || (size_t)n < top)
		return false;
	cwd[n] = '\0';
	if (strncmp(cwd, path, top) || (cwd[top] && cwd[top] != '/'))
		return false;
	read_file(proc, pid, "comm", comm, sizeof(comm));
	return begins(comm, "git") && !only_reads(proc, pid);
}

/* Descriptors of who works in it, up to BUSY_MAX, the caller's. */
static unsigned find_busy(const char *path, struct pollfd busy[BUSY_MAX])
{
	_cleanup_(closedirp) DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned n = 0;

	while (proc && n < BUSY_MAX && (entry = readdir(proc))) {
		int fd;

		if (!isdigit((unsigned char)*entry->d_name) ||
		    !works_in(dirfd(proc), entry->d_name, path))
			continue;
		fd = pidfd_open((pid_t)strtol(entry->d_name, NULL, 10), 0);
		if (fd >= 0)
			busy[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	return n;
}

/* One of them has ended, or the time has. */
static void wait_for_one(struct pollfd busy[], unsigned n, uint64_t until_ns)
{
	uint64_t now = now_boot_ns();

	if (now < until_ns)
		poll(busy, n, (int)((until_ns - now) / 1000000) + 1);
}

/* --- taking it away ------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path) && errno != ENOENT ? -1 : 0;
}

int mirror_remove(const char *path, struct problem *why)
{
	struct stat st;
	int r;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : problem(why, -errno, "%s: %s", path, strerror(errno));
	r = nftw(path, remove_one, 16, FTW_PHYS | FTW_DEPTH);
	return r ? problem(why, -EIO, "remove %s: %s", path, strerror(errno)) : 0;
}

static int take_away(const struct lefts *lefts)
{
	int gone = 0;

	for (size_t i = 0; i < lefts->n; i++) {
		struct stat st;

		if (!lstat(lefts->item[i].path, &st) && st.st_ino == lefts->item[i].inode)
			gone += !mirror_remove(lefts->item[i].path, NULL);
	}
	return gone;
}

static bool has_locks(const struct lefts *lefts)
{
	for (size_t i = 0; i < lefts->n; i++)
		if (lefts->item[i].lock)
			return true;
	return false;
}

int mirror_mend(const struct mirror *mirror, unsigned wait_s, struct problem *why)
{
	uint64_t until_ns = now_boot_ns() + wait_s * GIT_SECOND;

	for (;;) {
		_cleanup_(lefts_freep) struct lefts *lefts = find_left(mirror);
		struct pollfd busy[BUSY_MAX];
		unsigned n;

		if (!lefts)
			return -ENOMEM;
		if (!lefts->n)
			return 0;
		n = find_busy(mirror->path, busy);
		if (!n)
			return take_away(lefts);
		/* a push in the middle of its pack is in nobody's way */
		if (has_locks(lefts))
			wait_for_one(busy, n, until_ns);
		for (unsigned i = 0; i < n; i++)
			close(busy[i].fd);
		if (!has_locks(lefts))
			return 0;
		if (now_boot_ns() >= until_ns)
			return problem(
			    why, -EBUSY,
			    "%s is locked by a git that works in it: %s; try again when it "
			    "has ended",
			    mirror->path, lefts->item[0].path);
	}
}

static void mend_one(const char *base, const char *folder)
{
	_cleanup_mirror_ struct mirror *mirror = NULL;
	char project[PROJECT_MAX + 1];
	size_t n = strlen(folder);
	struct problem why;
	int r;

	if (!ends(folder, ".git") || n - 4 > PROJECT_MAX)
		return;
	snprintf(project, sizeof(project), "%.*s", (int)n - 4, folder);
	if (project_check(project, NULL) || mirror_new(base, project, &mirror, NULL) ||
	    !mirror_exists(mirror))
		return;
	r = mirror_mend(mirror, 0, &why);
	if (r < 0)
		log_warn(0, "%s", r == -EBUSY ? why.text : strerror(-r));
	else if (r)
		log_info("%s: %d files that a killed git had left are gone", project, r);
}

void mirror_mend_all(const char *base)
{
	_cleanup_(closedirp) DIR *dir = opendir(base);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		mend_one(base, entry->d_name);
}
