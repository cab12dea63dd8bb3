// SPDX-License-Identifier: Apache-2.0
#include "given.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/dir.h"

enum { INTERRUPT = 0x03, END = 0x04, BACKSPACE = 0x08, KILL_LINE = 0x15, DELETE = 0x7f };

/* A line, byte by byte: nothing of it stays in the terminal's own buffer. */
static int read_line(int fd, struct secret *line)
{
	size_t n = 0;
	char c;

	for (;;) {
		ssize_t got = read(fd, &c, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || c == INTERRUPT || (c == END && !n))
			return -ECANCELED;
		if (c == '\n' || c == '\r' || c == END)
			break;
		if (c == KILL_LINE)
			n = 0;
		else if (c == BACKSPACE || c == DELETE)
			n -= n > 0;
		else if (n == line->size)
			return -EFBIG;
		else
			line->bytes[n++] = c;
	}
	explicit_bzero(line->bytes + n, line->size - n);
	explicit_bzero(&c, sizeof(c));
	line->len = n;
	return 0;
}

int given_at_terminal(const char *prompt, size_t max, struct secret **ret, struct problem *why)
{
	_cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	_cleanup_secret_ struct secret *line = secret_new(max);
	struct termios before, quiet;
	int r;

	if (tty < 0 || tcgetattr(tty, &before))
		return problem(why, -ENOTTY, "there is no terminal to ask for the %s", prompt);
	if (!line)
		return problem(why, -ENOMEM, "no memory for the %s", prompt);
	/* a signal is a byte here: who interrupts gets a terminal back that shows what is typed */
	quiet = before;
	quiet.c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG);
	quiet.c_cc[VMIN] = 1;
	quiet.c_cc[VTIME] = 0;
	if (tcsetattr(tty, TCSAFLUSH, &quiet))
		return problem(why, -errno, "the terminal cannot be made not to show the %s",
			       prompt);
	dir_write(tty, prompt, strlen(prompt));
	dir_write(tty, ": ", 2);
	r = read_line(tty, line);
	dir_write(tty, "\n", 1);
	tcsetattr(tty, TCSAFLUSH, &before);
	if (r)
		return problem(why, r, "the %s: %s", prompt,
			       r == -EFBIG ? "too long" : "it was not given");
	*ret = TAKE_PTR(line);
	return 0;
}

int given_secret(const char *file, const char *prompt, size_t max, struct secret **ret,
		 struct problem *why)
{
	bool here = !file || !strcmp(file, "-");
	_cleanup_secret_ struct secret *secret = NULL;
	_cleanup_close_ int fd = -1;
	struct problem what = {};
	int r;

	if (here && isatty(STDIN_FILENO)) {
		r = given_at_terminal(prompt, max, &secret, why);
	} else {
		fd = here ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
			  : open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return problem(why, -errno, "%s: %s", here ? "standard input" : file,
				       strerror(errno));
		r = secret_read(fd, max, &secret, &what);
		if (r)
			problem(why, r, "%s: %s", here ? "standard input" : file, what.text);
	}
	if (r)
		return r;
	if (!secret->len)
		return problem(why, -EINVAL, "%s: nothing is in it",
			       here ? "standard input" : file);
	*ret = TAKE_PTR(secret);
	return 0;
}
