// SPDX-License-Identifier: Apache-2.0
#include "lock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#include "cleanup.h"
#include "event.h"
#include "log.h"

static void on_tick(int number)
{
	(void)number;
}

/* A signal every second, so that none is missed between the look at the clock and the wait. */
static int wait_for(int fd, unsigned wait_s)
{
	const struct sigaction tick = { .sa_handler = on_tick };
	const struct itimerval every = { { 1, 0 }, { 1, 0 } }, never = {};
	uint64_t until_ns = now_boot_ns() + wait_s * SECOND_NS;
	struct sigaction before;
	int r;

	sigaction(SIGALRM, &tick, &before);
	setitimer(ITIMER_REAL, &every, NULL);
	do
		r = flock(fd, LOCK_EX) ? -errno : 0;
	while (r == -EINTR && now_boot_ns() < until_ns);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	return r == -EINTR ? -EBUSY : r;
}

int lock_take(int fd, unsigned wait_s)
{
	int r = flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;

	if (r != -EWOULDBLOCK)
		return r;
	return wait_s ? wait_for(fd, wait_s) : -EBUSY;
}

/* "1: FLOCK  ADVISORY  WRITE 1234 fd:01:5678 0 EOF"; who waits has "->" in front */
static bool is_holder(const char *line, const struct stat *st, int *pid)
{
	unsigned major, minor;
	unsigned long long inode;

	return sscanf(line, "%*u: FLOCK ADVISORY WRITE %d %x:%x:%llu ", pid, &major, &minor,
		      &inode) == 4 &&
	       major == major(st->st_dev) && minor == minor(st->st_dev) && inode == st->st_ino &&
	       *pid > 0;
}

bool lock_holder(int fd, char *buf, size_t size)
{
	_cleanup_fclose_ FILE *locks = fopen("/proc/locks", "re");
	char line[256], path[40], name[32] = "?", safe[32];
	struct stat st;
	int pid = 0;

	if (!locks || fstat(fd, &st))
		return false;
	while (fgets(line, sizeof(line), locks)) {
		_cleanup_fclose_ FILE *comm = NULL;

		if (!is_holder(line, &st, &pid))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		comm = fopen(path, "re");
		if (comm && fgets(name, sizeof(name), comm))
			name[strcspn(name, "\n")] = '\0';
		snprintf(buf, size, "process %d, %s", pid, log_safe(safe, sizeof(safe), name));
		return true;
	}
	return false;
}
