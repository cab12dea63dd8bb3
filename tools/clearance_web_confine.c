// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_web_confine.c - what `terok-clearance web` gives up before it hears anybody
 *
 * Every user of the machine can speak to a port of loopback, and this program speaks for its own.
 * From here on it opens no file, starts no program and makes no connection but to unix sockets.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/suffix.h"
#include "clearance_web.h"

/* What it may still do, and who needs it. */
static const char *const calls[] = {
	/* base/event.c, and libraries that wait: libmicrohttpd, libclearance */
	"epoll_pwait2",
	"epoll_pwait",
	"epoll_wait",
	"epoll_create1",
	"epoll_ctl",
	"poll",
	"ppoll",
	/* libmicrohttpd: browsers come and go */
	"accept4",
	"setsockopt",
	"getsockopt",
	"getsockname",
	"getpeername",
	"shutdown",
	"close",
	"fcntl",
	"recvfrom",
	"recvmsg",
	"sendto",
	"sendmsg",
	"writev",
	/* libclearance: the hub, for each stream and each call */
	"socket(unix)",
	"connect",
	/* clearance_web.c: signals, keys, the link, and at the end its file and the socket's */
	"read",
	"pwrite64",
	"unlink",
	"unlinkat",
	/* time where the vdso cannot help */
	"clock_gettime",
	"gettimeofday",
	"time",
	/* malloc */
	"brk",
	"mmap",
	"munmap",
	"mremap",
	"mprotect",
	"madvise",
	/* libc's own locks and hash seeds; door_token_new() */
	"futex",
	"getrandom",
	/* base/log.c, stdout */
	"write",
	"fstat",
	"newfstatat",
	/* the end */
	"rt_sigreturn",
	"restart_syscall",
	"exit_group",
	"exit",
	NULL,
};

/* The folder that @path is in. */
static int folder_open(const char *path, int *ret)
{
	const char *end = strrchr(path, '/');
	char folder[4096] = ".";

	if (end && (size_t)(end - path) >= sizeof(folder))
		return -ENAMETOOLONG;
	if (end) {
		memcpy(folder, path, end - path + 1); /* with the slash: of the root, it is all */
		folder[end - path + 1] = '\0';
	}
	*ret = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? -errno : 0;
}

int web_confine(const char *const *files, unsigned n)
{
	struct confine_folder folders[WEB_FILES] = {}; /* CONFINE_REMOVE */
	int r = 0;
	unsigned opened = 0;

	/* what libraries read once is read while files may be */
	tzset();
	suffix_registrable("example.com");
	while (!r && opened < n) {
		r = folder_open(files[opened], &folders[opened].fd);
		opened += !r;
	}
	if (!r)
		r = confine_files_but(folders, n);
	while (opened)
		closep(&folders[--opened].fd);
	return r ?: confine_calls(calls);
}
