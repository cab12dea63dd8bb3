// SPDX-License-Identifier: Apache-2.0
/*
 * lock.c - agent.lock and policy.lock under the runtime folder (see kernel.h)
 *
 * Open-file-description locks: they end with the descriptor, so a killed holder leaves
 * none, and asking who holds one (agent_pid) takes nothing that a starting agent wants.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel.h"

#define RUN_DEFAULT "/run/terok"
#define LEAVES_MS   1000 /* for what is left of a killed agent */

const char *kernel_run_dir(void)
{
	const char *dir = getenv("TEROK_RUN");

	return dir && *dir ? dir : RUN_DEFAULT;
}

static int lock_open(const char *name, int flags, struct problem *why)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", kernel_run_dir(), name);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	/* the folder is made when it is missed: every verdict comes through here */
	if (fd < 0 && errno == ENOENT && flags & O_CREAT) {
		if (mkdir(kernel_run_dir(), 0755) && errno != EEXIST)
			return problem(why, -errno, "make %s: %s%s", kernel_run_dir(),
				       strerror(errno), errno == EACCES ? "; run as root" : "");
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	}
	if (fd < 0)
		return problem(why, -errno, "open %s: %s%s", path, strerror(errno),
			       errno == EACCES ? "; run as root" : "");
	return fd;
}

int kernel_lock(struct problem *why)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int r, fd = lock_open("policy.lock", O_CREAT, why);

	if (fd < 0)
		return fd;
	do {
		r = fcntl(fd, F_OFD_SETLKW, &lock);
	} while (r && errno == EINTR);
	if (r) {
		r = problem(why, -errno, "lock %s/policy.lock: %s", kernel_run_dir(),
			    strerror(errno));
		close(fd);
		return r;
	}
	return fd;
}

static pid_t pid_read(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return strtol(text, NULL, 10);
}

/* A child that shares an agent's descriptors (closer.h) is gone a moment after it. */
static bool is_left_behind(pid_t holder)
{
	return holder && kill(holder, 0) && errno == ESRCH;
}

static int agent_lock_take(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int r;

	for (int ms = 0; (r = fcntl(fd, F_OFD_SETLK, &lock)) && ms < LEAVES_MS; ms++) {
		int error = errno;

		if (!is_left_behind(pid_read(fd))) {
			errno = error;
			return r;
		}
		poll(NULL, 0, 1);
	}
	return r;
}

int kernel_agent_lock(struct problem *why)
{
	_cleanup_close_ int fd = lock_open("agent.lock", O_CREAT, why);
	char text[16];
	int n;

	if (fd < 0)
		return fd;
	if (agent_lock_take(fd)) {
		if (errno != EAGAIN && errno != EACCES)
			return problem(why, -errno, "lock %s/agent.lock: %s", kernel_run_dir(),
				       strerror(errno));
		return problem(why, -EBUSY, "an agent is running already, with pid %d",
			       (int)pid_read(fd));
	}
	n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, n, 0) != n)
		return problem(why, -errno, "write %s/agent.lock: %s", kernel_run_dir(),
			       strerror(errno));
	return TAKE_FD(fd);
}

void kernel_agent_left(int fd)
{
	if (fd >= 0 && futimens(fd, NULL))
		return; /* a hook that asks now does not wait for the next agent: it refuses */
}

pid_t kernel_agent_pid(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	_cleanup_close_ int fd = lock_open("agent.lock", 0, NULL);
	pid_t holder;

	if (fd < 0 || fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
		return 0;
	holder = pid_read(fd);
	return is_left_behind(holder) ? 0 : holder;
}
