// SPDX-License-Identifier: Apache-2.0
#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/dir.h"

#define FOLDERS_MAX 16

struct folders {
	struct confine_folder item[FOLDERS_MAX];
	unsigned n;
};

static void folders_done(struct folders *folders)
{
	for (unsigned i = 0; i < folders->n; i++)
		close(folders->item[i].fd);
}

/* What is not there nobody needs. */
static int add(struct folders *folders, const char *path, enum confine_may may)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	folders->item[folders->n++] = (struct confine_folder){ fd, may };
	return 0;
}

static int add_parent(struct folders *folders, const char *file, enum confine_may may)
{
	_cleanup_free_ char *folder = file ? strdup(file) : NULL;
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!file)
		return 0;
	if (!slash)
		return folder ? add(folders, ".", may) : -ENOMEM;
	slash[slash == folder] = '\0';
	return add(folders, folder, may);
}

/* Names of hosts, certificates, and libraries that libc loads for names. */
static int add_system(struct folders *folders)
{
	static const char *const read[] = { "/etc",   "/usr",           "/lib",
					    "/lib64", "/proc",          "/run/systemd/resolve",
					    "/opt",   "/run/resolvconf" };
	int r = add(folders, "/dev", CONFINE_WRITE); /* null, urandom, log */

	for (size_t i = 0; !r && i < sizeof(read) / sizeof(read[0]); i++)
		r = add(folders, read[i], CONFINE_LOOK);
	return r;
}

int proxy_confine(const struct proxy_confine *confine, struct problem *why)
{
	_cleanup_(folders_done) struct folders folders = {};
	int r;

	dir_make(confine->locks);
	r = add_system(&folders);
	r = r ?: add_parent(&folders, confine->store, CONFINE_KEEP);
	r = r ?: add_parent(&folders, confine->audit, CONFINE_KEEP);
	r = r ?: add(&folders, confine->locks, CONFINE_KEEP);
	if (!r && confine->local)
		r = add(&folders, confine->local, CONFINE_SERVE);
	r = r ?: add_parent(&folders, confine->routes, CONFINE_LOOK);
	r = r ?: add_parent(&folders, confine->ca_file, CONFINE_LOOK);
	if (!r && confine->socket_folder >= 0) {
		int fd = fcntl(confine->socket_folder, F_DUPFD_CLOEXEC, 3);

		r = fd < 0 ? -errno : 0;
		if (!r)
			folders.item[folders.n++] = (struct confine_folder){ fd, CONFINE_REMOVE };
	}
	r = r ?: confine_caps(0);
	r = r ?: confine_files_but(folders.item, folders.n);
	return r ? problem(why, r, "give up the files that are none of the proxy's: %s",
			   strerror(-r))
		 : 0;
}
