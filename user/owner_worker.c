// SPDX-License-Identifier: Apache-2.0
#include "owner_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/sock.h"

#define TASK_FD  3
#define FIRST_FD 4
#define NOBODY   65534
#define BACKLOG  128
#define DEEP     3 /* folders below the user's */

/*
 * Where clients look. Each kind of client finds exactly one of them: a client of one hub has the
 * path of the first; one that follows every hub below terok/clearance looks for *.sock, and finds
 * the second; newer hubs are one folder down and called hub.sock: the third. A client that
 * looks for both finds two, and hears by one of them (hub.c).
 */
static const struct {
	const char *folder[DEEP], *name, *path;
} places[MSG_PLACES] = {
	[PLACE_ONE] = { {}, "terok-clearance.sock", "terok-clearance.sock" },
	[PLACE_FLAT] = { { "terok", "clearance" },
			 "terok-bpfd.sock",
			 "terok/clearance/terok-bpfd.sock" },
	[PLACE_DEEP] = { { "terok", "clearance", "terok-bpfd" },
			 "hub.sock",
			 "terok/clearance/terok-bpfd/hub.sock" },
};

const char *owner_place(unsigned i)
{
	return places[i].path;
}

/* A folder that is @uid's and nobody else's to write to; no link on the way, nothing mounted. */
static int folder_open(int at, const char *path, uint32_t uid)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (at != AT_FDCWD)
		how.resolve |= RESOLVE_BENEATH | RESOLVE_NO_XDEV;
	fd = syscall(SYS_openat2, at, path, &how, sizeof(how));
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_uid != uid || st.st_mode & 022)
		return -EPERM;
	return TAKE_FD(fd);
}

/* The folder of a place, made if it is missing and may be. */
static int place_folder(int base, unsigned place, uint32_t uid, bool make)
{
	_cleanup_close_ int fd = fcntl(base, F_DUPFD_CLOEXEC, FIRST_FD);

	for (unsigned i = 0; fd >= 0 && i < DEEP && places[place].folder[i]; i++) {
		const char *name = places[place].folder[i];
		int next;

		if (make && mkdirat(fd, name, 0700) && errno != EEXIST)
			return -errno;
		next = folder_open(fd, name, uid);
		close(fd);
		fd = next;
	}
	return fd < 0 ? fd : TAKE_FD(fd);
}

/* In the working folder: a socket that nobody listens on goes, anything else stays. */
static int name_clear(const char *name)
{
	struct stat st;
	int fd;

	if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = sock_connect(name);
	if (fd >= 0 || fd == -EAGAIN) {
		closep(&fd);
		return -EADDRINUSE;
	}
	if (fd != -ECONNREFUSED)
		return fd;
	return unlink(name) ? -errno : 0;
}

static int name_bind(const char *name, int fd, struct owner_file *ret)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int r;

	strcpy(sun.sun_path, name);
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&sun, sizeof(sun)) ? -errno : 0;
	umask(mask);
	if (r)
		return r;
	if (listen(fd, BACKLOG) || fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	ret->device = st.st_dev;
	ret->inode = st.st_ino;
	return 0;
}

static int name_remove(const char *name, const struct owner_file *ours)
{
	struct stat st;

	if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISSOCK(st.st_mode) || st.st_dev != ours->device || st.st_ino != ours->inode)
		return -EEXIST;
	return unlink(name) ? -errno : 0;
}

/* By the working folder: an address has no folder's descriptor, and no room for a path. */
static int place_do(const struct owner_task *task, int base, unsigned place, struct owner_file *ret)
{
	_cleanup_close_ int dir = place_folder(base, place, task->uid, task->deed == OWNER_BIND);
	const char *name = places[place].name;
	int r;

	if (dir < 0)
		return dir;
	if (fchdir(dir))
		return -errno;
	if (task->deed == OWNER_REMOVE)
		return name_remove(name, &task->file[place]);
	r = name_clear(name);
	return r ?: name_bind(name, FIRST_FD + place, ret);
}

static int task_do(const struct owner_task *task, struct owner_report *report)
{
	_cleanup_close_ int base = folder_open(AT_FDCWD, task->folder, task->uid);
	struct stat st;

	if (base < 0)
		return base;
	if (fstat(base, &st))
		return -errno;
	report->device = st.st_dev;
	report->inode = st.st_ino;
	/* the first, which most look for, comes last: when it is there, all are */
	for (unsigned i = MSG_PLACES; i-- > 0;) {
		report->file[i].result = -ENOENT;
		if (task->deed == OWNER_BIND || !task->file[i].result)
			report->file[i].result = place_do(task, base, i, &report->file[i]);
	}
	return 0;
}

static int worker_become(uint32_t uid)
{
	int r = confine_early(FIRST_FD + MSG_PLACES - 1);

	if (!r)
		r = confine_become(uid, NOBODY);
	if (!r)
		r = confine_caps(0);
	/* the new uid has reset it: what this can do ends with who asked for it */
	if (!r && prctl(PR_SET_PDEATHSIG, SIGKILL))
		r = -errno;
	return r;
}

int owner_worker_main(void)
{
	struct owner_report report = {};
	struct owner_task task;

	if (recv(TASK_FD, &task, sizeof(task), 0) != sizeof(task) ||
	    !memchr(task.folder, '\0', sizeof(task.folder)))
		return 1;
	report.result = worker_become(task.uid);
	if (!report.result)
		report.result = task_do(&task, &report);
	return send(TASK_FD, &report, sizeof(report), MSG_NOSIGNAL) != sizeof(report);
}
