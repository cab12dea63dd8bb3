// SPDX-License-Identifier: Apache-2.0
/*
 * flood.c - asks for names as fast as it can, or steadily and with a clock
 *
 *   flood below|outside N DOMAIN	N names, each another one, at most WINDOW unanswered
 *   flood clock SECONDS DOMAIN		every PACE_NS nc.DOMAIN, and nI.DOMAIN, I from 0 on
 *
 * Of 8.8.8.8, which nobody can reach. The first prints "asked N answered N lost N seconds S", the
 * second a line for each of cached and fresh: "cached N refused R p50 US p99 US most US".
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define WINDOW  128
#define PACE_NS 10000000
#define WAIT_MS 2000
#define MOST    10000

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static size_t query(uint8_t *to, unsigned id, const char *name)
{
	uint8_t *at = to + 12;

	memcpy(to, (const uint8_t[12]){ id >> 8, id, 1, 0, 0, 1 }, 12);
	while (*name) {
		size_t n = strcspn(name, ".");

		*at++ = n;
		memcpy(at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	memcpy(at, (const uint8_t[5]){ 0, 0, 1, 0, 1 }, 5);
	return at + 5 - to;
}

static int open_socket(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, "8.8.8.8", &to.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
	return fd;
}

static void flood(unsigned n, bool below, const char *domain)
{
	unsigned asked = 0, answered = 0, lost = 0, open = 0;
	struct pollfd wait = { .fd = open_socket(), .events = POLLIN };
	int64_t start = now_ns();
	uint8_t bytes[4096];
	char name[256];

	while (asked < n || open) {
		while (asked < n && open < WINDOW) {
			snprintf(name, sizeof(name), below ? "f%x.%s" : "f%x.not.%s.example", asked,
				 domain);
			asked++;
			open += send(wait.fd, bytes, query(bytes, asked, name), 0) > 0;
		}
		if (poll(&wait, 1, WAIT_MS) <= 0) {
			lost += open;
			open = 0;
		}
		while (open && recv(wait.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
			answered++;
			open--;
		}
	}
	printf("asked %u answered %u lost %u seconds %.1f\n", asked, answered, lost,
	       (now_ns() - start) / 1e9);
}

/* Microseconds until there is an answer with addresses; -1: there is none. */
static int64_t ask(int fd, unsigned id, const char *name)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int64_t start = now_ns();
	uint8_t bytes[4096];

	if (send(fd, bytes, query(bytes, id, name), 0) < 0)
		return -1;
	while (poll(&wait, 1, WAIT_MS) > 0) {
		if (recv(fd, bytes, sizeof(bytes), 0) < 12 ||
		    (unsigned)(bytes[0] << 8 | bytes[1]) != id)
			continue;
		return bytes[3] & 15 || !bytes[7] ? -1 : (now_ns() - start) / 1000;
	}
	return -1;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, int64_t *us, unsigned n)
{
	unsigned refused = 0;

	qsort(us, n, sizeof(*us), compare);
	while (refused < n && us[refused] < 0)
		refused++;
	if (refused < n)
		printf("%s %u refused %u p50 %lld p99 %lld most %lld\n", what, n, refused,
		       (long long)us[n / 2], (long long)us[n * 99 / 100], (long long)us[n - 1]);
	else
		printf("%s %u refused %u p50 - p99 - most -\n", what, n, refused);
}

static void watch(unsigned seconds, const char *domain)
{
	static int64_t cached[MOST], fresh[MOST];
	int64_t next = now_ns(), end = next + seconds * INT64_C(1000000000);
	int fd = open_socket();
	char name[256];
	unsigned n = 0;

	snprintf(name, sizeof(name), "nc.%s", domain);
	ask(fd, 65535, name);
	for (; next < end && n < MOST; next += PACE_NS) {
		int64_t left = next - now_ns();

		if (left > 0)
			nanosleep(&(struct timespec){ .tv_nsec = left }, NULL);
		snprintf(name, sizeof(name), "nc.%s", domain);
		cached[n] = ask(fd, 2 * n, name);
		snprintf(name, sizeof(name), "n%u.%s", n, domain);
		fresh[n] = ask(fd, 2 * n + 1, name);
		n++;
	}
	report("cached", cached, n);
	report("fresh", fresh, n);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "clock"))
		watch(strtoul(argv[2], NULL, 10), argv[3]);
	else if (argc == 4 && (!strcmp(argv[1], "below") || !strcmp(argv[1], "outside")))
		flood(strtoul(argv[2], NULL, 10), argv[1][0] == 'b', argv[3]);
	else
		errx(2, "usage: flood below|outside|clock N DOMAIN");
	return 0;
}
