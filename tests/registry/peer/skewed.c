// SPDX-License-Identifier: Apache-2.0
/*
 * skewed.c - terok-cp with a clock that a test sets; linked before all libraries, in tests alone
 *
 * The file that TEROK_TEST_CLOCK names has how many seconds the wall clock of this process is ahead;
 * it may change at any time. OpenSSL's time() is this one too. Clocks that do not jump stay true.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t ahead(void)
{
	static int fd = -2;
	static time_t last;
	char text[32];
	ssize_t n;

	if (fd == -2) {
		const char *path = getenv("TEROK_TEST_CLOCK");

		fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	}
	n = fd < 0 ? 0 : pread(fd, text, sizeof(text) - 1, 0);
	if (n > 0) { /* while it is written it is as it was */
		text[n] = '\0';
		last = atol(text);
	}
	return last;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	if (!r && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret->tv_sec += ahead();
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
	return 0;
}
