// SPDX-License-Identifier: Apache-2.0
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "push.h"

#define FOLDERS_MAX (CLI_LIST_MAX + 96)

struct folders {
	struct confine_folder item[FOLDERS_MAX];
	unsigned n;
};

static void folders_done(struct folders *folders)
{
	for (unsigned i = 0; i < folders->n; i++)
		close(folders->item[i].fd);
}

static int add_fd(struct folders *folders, int fd, enum confine_may may)
{
	if (folders->n == FOLDERS_MAX) {
		close(fd);
		return -E2BIG;
	}
	folders->item[folders->n++] = (struct confine_folder){ fd, may };
	return 0;
}

/* What is not there nobody needs. */
static int add(struct folders *folders, const char *path, enum confine_may may)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	return add_fd(folders, fd, may);
}

static int add_parent(struct folders *folders, const char *file, enum confine_may may)
{
	_cleanup_free_ char *folder = file ? strdup(file) : NULL;
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!file)
		return 0;
	if (!slash)
		return -ENOMEM;
	slash[slash == folder] = '\0';
	return add(folders, folder, may);
}

/* git and what its hooks are: on the PATH, where git says, where we are. */
static int add_programs(struct folders *folders)
{
	static const char *const always[] = { "/usr", "/bin",   "/sbin", "/lib",
					      "/opt", "/lib32", "/lib64" };
	const char *exec_path = getenv("GIT_EXEC_PATH"), *path = getenv("PATH") ?: "";
	char self[PATH_MAX], one[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r = n < 0 ? -errno : 0;

	for (size_t i = 0; !r && i < sizeof(always) / sizeof(always[0]); i++)
		r = add(folders, always[i], CONFINE_RUN);
	if (!r && exec_path)
		r = add(folders, exec_path, CONFINE_RUN);
	for (const char *at = path; !r && *at; at += strcspn(at, ":"), at += *at == ':') {
		snprintf(one, sizeof(one), "%.*s", (int)strcspn(at, ":"), at);
		if (*one == '/')
			r = add(folders, one, CONFINE_RUN);
	}
	if (r)
		return r;
	self[n] = '\0';
	return add_parent(folders, self, CONFINE_RUN);
}

static int add_all(struct folders *folders, const struct gate_confine *confine)
{
	int r = add_programs(folders);
	char hooks[PATH_MAX];

	if (!r)
		r = add(folders, "/etc", CONFINE_LOOK);
	if (!r)
		r = add(folders, "/proc", CONFINE_LOOK); /* who works in a mirror */
	if (!r)
		r = add(folders, "/dev", CONFINE_WRITE); /* null */
	if (!r)
		r = add(folders, confine->base, CONFINE_WORK);
	/* our hooks, and no repository's */
	snprintf(hooks, sizeof(hooks), "%s/%s", confine->base, PUSH_HOOKS);
	if (!r)
		r = add(folders, hooks, CONFINE_RUN);
	if (!r)
		r = add_parent(folders, confine->tokens, CONFINE_KEEP);
	if (!r)
		r = add_parent(folders, confine->audit, CONFINE_KEEP);
	if (!r && confine->socket_folder >= 0) {
		int fd = fcntl(confine->socket_folder, F_DUPFD_CLOEXEC, 3);

		r = fd < 0 ? -errno : add_fd(folders, fd, CONFINE_REMOVE);
	}
	for (unsigned i = 0; !r && i < confine->reach->n; i++)
		r = add(folders, confine->reach->item[i], CONFINE_WORK);
	return r;
}

int gate_confine(const struct gate_confine *confine, struct problem *why)
{
	_cleanup_(folders_done) struct folders folders = {};
	int r = add_all(&folders, confine);

	if (!r)
		r = confine_files_but(folders.item, folders.n);
	if (r == -EOPNOTSUPP)
		return 0;
	if (r)
		return problem(why, r, "give up the files that are none of the mirrors': %s",
			       strerror(-r));
	return 1;
}
