// SPDX-License-Identifier: Apache-2.0
#include "folders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "keys_json.h"
#include "service/reach.h"

/* What it may still do, and who needs it. */
static const char *const calls[] = {
	/* base/event.c */
	"epoll_pwait2",
	"epoll_pwait",
	"epoll_wait",
	"epoll_ctl",
	/* link.c: words of the front */
	"recvfrom",
	"sendto",
	/* keyring.c, service/own_file.c, service/audit_line.c: files that change while it runs */
	"openat",
	"open",
	"read",
	"write",
	"close",
	"lseek",
	"stat",
	"fstat",
	"newfstatat",
	"statx",
	"fcntl",
	"flock",
	"rename",
	"renameat",
	"ftruncate",
	"geteuid",
	/* sqlite */
	"access",
	"faccessat",
	"faccessat2",
	"lstat",
	"readlink",
	"getcwd",
	"pread64",
	"pwrite64",
	"fsync",
	"fdatasync",
	"fallocate",
	"unlink",
	"fchmod",
	"fchown",
	"getpid",
	"clock_nanosleep",
	"nanosleep",
	"sched_yield",
	/* proxy/store: a store that is unlocked meanwhile, by the kernel's keyring; secrets */
	"keyctl",
	"mlock",
	"munlock",
	"getuid",
	/* libcrypto, malloc, libc's own locks and hash seeds */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	"futex",
	"getrandom",
	"gettid",
	"sysinfo", /* qsort() of glibc before 2.37, for more than 1 KiB */
	"clock_gettime",
	/* the end */
	"rt_sigreturn",
	"rt_sigprocmask",
	"restart_syscall",
	"exit_group",
	"exit",
	NULL,
};

static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? strndup(file, slash == file ? 1 : (size_t)(slash - file)) : NULL;
}

bool folders_lack(const struct folders *folders, const char *file)
{
	_cleanup_free_ char *folder = folder_of(file);
	struct stat st;

	for (unsigned i = 0; folder && i < folders->n; i++)
		if (!strcmp(folders->path[i], folder))
			return !stat(folder, &st) && (st.st_ino != folders->was[i].ino ||
						      st.st_dev != folders->was[i].dev);
	return folder;
}

static void add(struct folders *folders, const char *file)
{
	struct stat st;

	if (!file || folders->n == FOLDERS_MAX || !folders_lack(folders, file))
		return;
	folders->path[folders->n] = folder_of(file);
	if (folders->path[folders->n] && !stat(folders->path[folders->n], &st)) {
		folders->was[folders->n].dev = st.st_dev;
		folders->was[folders->n].ino = st.st_ino;
	}
	folders->n += !!folders->path[folders->n];
}

struct finding {
	struct folders *folders;
	const char *json;
};

static int on_project(const char *project, void *user)
{
	struct finding *finding = user;
	struct keys_entries entries = {};
	struct problem why;

	if (keys_json_load(finding->json, project, &entries, &why))
		return 0; /* it is said when somebody wants its keys */
	for (unsigned i = 0; i < entries.n; i++) {
		add(finding->folders, entries.entry[i].private_key);
		add(finding->folders, entries.entry[i].public_key);
	}
	keys_entries_done(&entries);
	return 0;
}

void folders_find(struct folders *folders, const char *json)
{
	struct finding finding = { folders, json };
	struct problem why;

	if (json && keys_json_each(json, on_project, &finding, &why))
		log_error(0, "%s", why.text);
}

void folders_done(struct folders *folders)
{
	while (folders->n)
		free(folders->path[--folders->n]);
}

int folders_confine(const struct folders *folders, const char *const *files, unsigned n,
		    struct problem *why)
{
	_cleanup_reach_ struct reach reach = {};
	int r = 0;

	for (unsigned i = 0; !r && i < n; i++)
		r = reach_parent(&reach, files[i], CONFINE_KEEP);
	for (unsigned i = 0; !r && i < folders->n; i++)
		r = reach_folder(&reach, folders->path[i], CONFINE_READ);
	if (!r)
		r = confine_caps(0);
	if (!r)
		r = confine_files_but(reach.item, reach.n);
	if (!r)
		r = confine_calls(calls);
	return r ? problem(why, r, "give up what no signature needs: %s", strerror(-r)) : 0;
}
