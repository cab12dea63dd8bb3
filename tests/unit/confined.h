/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confined.h - what somebody who has taken a service's process over could try, and what it needs itself
 *
 * Each case is a process of its own that gives up what that one does, and then tries.
 */
#ifndef TESTS_CONFINED_H
#define TESTS_CONFINED_H

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/confine.h"

static inline bool opens(const char *file, int flags)
{
	int fd = open(file, flags | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static inline bool makes_socket(int family, int type)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static inline void *says_hello(void *said)
{
	*(bool *)said = true;
	return NULL;
}

/* In a process of its own, which ends with what @fn finds: 0 is what is wanted. */
static inline int in_a_front(int (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* What libraries need: threads, names, sockets of each kind. 0, or which of them cannot be done. */
static inline int works_all(void)
{
	bool said = false;
	pthread_t thread;

	if (pthread_create(&thread, NULL, says_hello, &said) || pthread_join(thread, NULL) || !said)
		return 2;
	if (!opens("/dev/null", O_RDWR) || !opens("/etc/resolv.conf", O_RDONLY))
		return 3;
	return makes_socket(AF_INET, SOCK_STREAM) && makes_socket(AF_INET6, SOCK_STREAM) &&
		       makes_socket(AF_UNIX, SOCK_STREAM) && makes_socket(AF_NETLINK, SOCK_RAW)
		   ? 0
		   : 4;
}

/* setxattrat() by its number: it is newer than libc and libseccomp. */
static inline bool marks(const char *file)
{
	const struct {
		const char *value;
		unsigned size, flags;
	} mark = { "x", 1, 0 };

	return !syscall(463, AT_FDCWD, file, 0, "user.terok-test", &mark, sizeof(mark));
}

/* Each of them: how many can be done. */
static inline int tries_all(const char *other)
{
	static const char *const devices[] = { "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx" };
	int n = opens(other, O_RDONLY);

	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		n += opens(devices[i], O_RDONLY);
	n += makes_socket(AF_VSOCK, SOCK_STREAM) + makes_socket(AF_PACKET, SOCK_DGRAM);
	n += syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1) >= 0;
	n += syscall(SYS_add_key, "user", "terok-test", "x", 1, KEY_SPEC_PROCESS_KEYRING) >= 0;
	n += !truncate(other, 1);
	n +=
	    !chmod(other, 0644) + !fchmodat(AT_FDCWD, other, 0600, 0) + !chown(other, -1, getgid());
	n += !setxattr(other, "user.terok", "x", 1, 0) + marks(other);
	n += !unshare(CLONE_NEWUSER);
	return n;
}

static inline int begins(void)
{
	char *const argv[] = { "true", NULL };

	execv("/bin/true", argv);
	return errno;
}

#endif
