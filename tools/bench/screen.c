// SPDX-License-Identifier: Apache-2.0
/* screen.c - terok-clearance on a played terminal; see screen.h */
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/pty.h"
#include "bench.h"
#include "consumer.h"

static void program_exec(int inside, const char *path)
{
	char program[512];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_cpu(BENCH_ANY_CPU);
	pty_take(inside);
	for (int fd = 0; fd < 3; fd++)
		dup2(inside, fd);
	setenv("TERM", "vt52", 1);
	unsetenv("LINES");
	unsetenv("COLUMNS");
	snprintf(program, sizeof(program), "%s/terok-clearance", bench.build);
	execl(program, "terok-clearance", "--socket", path, NULL);
	_exit(127);
}

int screen_start(struct screen *screen, const char *path, int rows)
{
	struct winsize size = { .ws_row = rows, .ws_col = SCREEN_COLS };
	int inside;

	*screen = (struct screen){ .rows = rows };
	screen->fd = pty_open(-1, &inside);
	if (screen->fd < 0)
		return bench_fail(screen->fd, "a terminal");
	ioctl(inside, TIOCSWINSZ, &size);
	memset(screen->text, ' ', sizeof(screen->text));
	for (int y = 0; y < rows; y++)
		screen->text[y][SCREEN_COLS] = '\0';
	fflush(stdout);
	screen->pid = fork();
	if (!screen->pid)
		program_exec(inside, path);
	close(inside);
	return screen->pid < 0 ? -errno : 0;
}

void screen_stop(struct screen *screen)
{
	if (screen->pid <= 0)
		return;
	kill(screen->pid, SIGTERM);
	while (screen_take(screen, 2000) == 0)
		;
	kill(screen->pid, SIGKILL);
	waitpid(screen->pid, NULL, 0);
	close(screen->fd);
	screen->pid = 0;
}

/* --- a VT52 ---------------------------------------------------------------------------- */

enum { ESCAPE_NONE, ESCAPE_WHAT, ESCAPE_ROW, ESCAPE_COLUMN };

static void erase(struct screen *screen, bool all)
{
	for (int y = screen->y; y < (all ? screen->rows : screen->y + 1); y++) {
		int x = y == screen->y ? screen->x : 0;

		memset(screen->text[y] + x, ' ', SCREEN_COLS - x);
	}
}

static void escape_take(struct screen *screen, unsigned char c)
{
	int was = screen->escape;

	screen->escape = ESCAPE_NONE;
	if (was == ESCAPE_ROW) {
		screen->y = c - ' ';
		screen->escape = ESCAPE_COLUMN;
		return;
	}
	if (was == ESCAPE_COLUMN) {
		screen->x = c - ' ';
		return;
	}
	switch (c) {
	case 'A': screen->y--; break;
	case 'B': screen->y++; break;
	case 'C': screen->x++; break;
	case 'D': screen->x--; break;
	case 'H': screen->y = screen->x = 0; break;
	case 'J': erase(screen, true); break;
	case 'K': erase(screen, false); break;
	case 'Y': screen->escape = ESCAPE_ROW; break;
	}
}

static void byte_take(struct screen *screen, unsigned char c)
{
	if (screen->escape) {
		escape_take(screen, c);
	} else if (c == 27) {
		screen->escape = ESCAPE_WHAT;
	} else if (c == '\r') {
		screen->x = 0;
	} else if (c == '\n') {
		screen->y++; /* nothing of this program scrolls */
	} else if (c == '\b') {
		screen->x--;
	} else if (c == '\t') {
		screen->x = (screen->x | 7) + 1;
	} else if (c >= ' ') {
		screen->text[screen->y][screen->x] = c;
		screen->x++;
	}
	/* where a VT52 stops as well */
	screen->y = screen->y < 0 ? 0 : screen->y < screen->rows ? screen->y : screen->rows - 1;
	screen->x = screen->x < 0 ? 0 : screen->x < SCREEN_COLS ? screen->x : SCREEN_COLS - 1;
}

int screen_take(struct screen *screen, int ms)
{
	struct pollfd ready = { .fd = screen->fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	if (poll(&ready, 1, ms) == 0)
		return -ETIMEDOUT;
	n = read(screen->fd, buf, sizeof(buf));
	if (n <= 0)
		return n < 0 && errno == EAGAIN ? -ETIMEDOUT : -EIO;
	for (ssize_t i = 0; i < n; i++)
		byte_take(screen, buf[i]);
	screen->bytes += n;
	return 0;
}

bool screen_has(const struct screen *screen, const char *text)
{
	for (int y = 0; y < screen->rows; y++)
		if (strstr(screen->text[y], text))
			return true;
	return false;
}

int screen_await(struct screen *screen, const char *text, uint64_t timeout_ns)
{
	uint64_t end = bench_ns() + timeout_ns;
	int r = 0;

	while (!screen_has(screen, text)) {
		if (bench_ns() > end)
			return -ETIMEDOUT;
		r = screen_take(screen, 1000);
		if (r && r != -ETIMEDOUT)
			return r;
	}
	return 0;
}

void screen_key(struct screen *screen, char key)
{
	(void)!write(screen->fd, &key, 1);
}

uint64_t screen_cpu_ns(const struct screen *screen)
{
	struct timespec used = {};
	clockid_t clock;

	if (clock_getcpuclockid(screen->pid, &clock) || clock_gettime(clock, &used))
		return 0;
	return used.tv_sec * UINT64_C(1000000000) + used.tv_nsec;
}
