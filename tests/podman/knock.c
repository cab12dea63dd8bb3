// SPDX-License-Identifier: Apache-2.0
/*
 * knock.c - connects, and says whether what was refused and what was not is as it should be
 *
 *   knock once ADDR PORT                     exit 0: refused, 1: reached, 2: something else
 *   knock on ADDR OPEN SHUT PER_SECOND       until SIGTERM: OPEN gets through, SHUT is refused;
 *                                            then "N tries, N wrong" and what the first wrong got
 *
 * What gets through may meet no listener. Static: it runs in an image that has no library.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

static int knock(const char *addr, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	inet_pton(AF_INET, addr, &to.sin_addr);
	r = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	close(fd);
	return r;
}

static int knock_on(const char *addr, const char *open, const char *shut, unsigned rate)
{
	unsigned tries = 0, wrong = 0;
	struct timespec at;
	int first = 0;

	signal(SIGTERM, on_term);
	clock_gettime(CLOCK_MONOTONIC, &at);
	while (!stop) {
		bool passes = ++tries % 2;
		int r = knock(addr, passes ? open : shut);

		if (passes ? r && r != ECONNREFUSED : r != EHOSTUNREACH)
			first = wrong++ ? first : r ? r : -1;
		at.tv_nsec += 1000000000 / rate;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
	printf("%u tries, %u wrong%s%s\n", tries, wrong, wrong ? ": " : "",
	       !wrong      ? ""
	       : first > 0 ? strerror(first)
			   : "reached");
	return wrong != 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "once")) {
		int r = knock(argv[2], argv[3]);

		return r == EHOSTUNREACH ? 0 : r && r != ECONNREFUSED ? 2 : 1;
	}
	if (argc == 6 && !strcmp(argv[1], "on"))
		return knock_on(argv[2], argv[3], argv[4], atoi(argv[5]));
	return 2;
}
