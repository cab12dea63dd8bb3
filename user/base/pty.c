// SPDX-License-Identifier: Apache-2.0
#include "base/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"

int pty_open(int like, int *ret_inside)
{
	_cleanup_close_ int outer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_close_ int inside = -1;
	struct termios mode;

	if (outer < 0 || unlockpt(outer))
		return -errno;
	/* by descriptor, not by name: /dev/pts may belong to another devpts instance */
	inside = ioctl(outer, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (inside < 0)
		return -errno;
	if (like >= 0) {
		if (tcgetattr(like, &mode) || tcsetattr(inside, TCSANOW, &mode))
			return -errno;
		pty_copy_size(like, inside);
	} else {
		struct winsize size = { .ws_row = 24, .ws_col = 80 };

		ioctl(inside, TIOCSWINSZ, &size);
	}
	*ret_inside = TAKE_FD(inside);
	return TAKE_FD(outer);
}

int pty_take(int inside)
{
	if (setsid() < 0 || ioctl(inside, TIOCSCTTY, 0))
		return -errno;
	return 0;
}

int pty_raw(int fd, struct termios *saved)
{
	struct termios mode;

	if (tcgetattr(fd, &mode))
		return -errno;
	*saved = mode;
	cfmakeraw(&mode);
	return tcsetattr(fd, TCSADRAIN, &mode) ? -errno : 0;
}

void pty_restore(int fd, const struct termios *saved)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, was;

	sigaction(SIGTTOU, &ignore, &was);
	tcsetattr(fd, TCSADRAIN, saved);
	sigaction(SIGTTOU, &was, NULL);
}

int pty_copy_size(int from, int to)
{
	struct winsize size;

	if (ioctl(from, TIOCGWINSZ, &size) || ioctl(to, TIOCSWINSZ, &size))
		return -errno;
	return 0;
}

unsigned pty_columns(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col ? 80 : size.ws_col;
}

bool pty_in_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}
