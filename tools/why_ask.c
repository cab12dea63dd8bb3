// SPDX-License-Identifier: Apache-2.0
#include "why_ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "terok/abi.h"

#define REPLY_MAX (1 << 20) /* bytes; the longest there is has 40,000 */
#define AGAIN_S   1         /* between two questions: five a second are answered */

static int server_connect(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(TEROK_WHY_PORT),
				  .sin_addr.s_addr = htonl(TEROK_WHY_V4) };
	const struct timeval patience = { .tv_sec = WHY_ASK_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	/* the second is how long connect() waits, too */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	error = -errno;
	close(fd);
	return error == -EINPROGRESS ? -ETIMEDOUT : error;
}

static bool is_dest(const char *text)
{
	return strlen(text) < TEROK_DOMAIN_LEN &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.:-_*")] == '\0';
}

static int request_send(int fd, const struct why_wish *wish)
{
	char request[TEROK_DOMAIN_LEN + 64];
	int n = snprintf(request, sizeof(request), "GET /why%s/%s HTTP/1.1\r\nHost: why\r\n\r\n",
			 wish->json ? ".json" : "", wish->dest ? wish->dest : "");

	return send(fd, request, n, MSG_NOSIGNAL) == n ? 0 : -errno;
}

/* All of it, to its end. */
static int reply_read(int fd, char *reply, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n < size - 1 && (got = recv(fd, reply + n, size - 1 - n, 0)) > 0)
		n += got;
	reply[n] = '\0';
	return n ? 0 : -ETIMEDOUT;
}

/* The whole reply is in @reply; -EPROTO: it is somebody else's, outside of a guard. */
static int server_ask(const struct why_wish *wish, char *reply, size_t size)
{
	int fd = server_connect(), r = fd;
	const char *body, *ours;

	if (fd >= 0)
		r = request_send(fd, wish);
	if (!r)
		r = reply_read(fd, reply, size);
	if (fd >= 0)
		close(fd);
	if (r)
		return r;
	body = strstr(reply, "\r\n\r\n");
	ours = strstr(reply, "\r\nServer: terok\r\n");
	return body && ours && ours < body ? 0 : -EPROTO;
}

static bool reply_is(const char *reply, const char *status)
{
	return !strncmp(reply, "HTTP/1.1 ", 9) && !strncmp(reply + 9, status, 3);
}

/* What the head says, which ends before what was chosen by anybody. */
static enum why_exit reply_worth(const char *reply)
{
	const char *retry = strstr(reply, "\r\nTerok-Retry: "), *body = strstr(reply, "\r\n\r\n");

	if (!reply_is(reply, "200") || !retry || retry > body)
		return WHY_ALONE;
	retry += strlen("\r\nTerok-Retry: ");
	if (!strncmp(retry, "now\r", 4))
		return WHY_RETRY;
	return !strncmp(retry, "no\r", 3) ? WHY_NEVER : WHY_LATER;
}

static enum why_exit alone(int error)
{
	fprintf(stderr,
		"no guard's agent answers at 169.254.84.75 (%s): this is no guard, or one without "
		"a resolver, or its agent does not run\n",
		strerror(-error));
	return WHY_ALONE;
}

static time_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

enum why_exit why_ask(const struct why_wish *wish)
{
	time_t until = seconds_now() + wish->wait_s;
	static char reply[REPLY_MAX];
	enum why_exit worth;
	bool busy;
	int r;

	if (wish->dest && !is_dest(wish->dest)) {
		fprintf(stderr, "'%.80s' is neither an address nor a name\n", wish->dest);
		return WHY_WRONG;
	}
	for (;;) {
		r = server_ask(wish, reply, sizeof(reply));
		if (r)
			return alone(r);
		worth = reply_worth(reply);
		busy = reply_is(reply, "429") || reply_is(reply, "503");
		if ((worth != WHY_LATER && !busy) || seconds_now() >= until)
			break;
		sleep(AGAIN_S);
	}
	fputs(strstr(reply, "\r\n\r\n") + 4, worth == WHY_ALONE ? stderr : stdout);
	return worth;
}

bool why_wait_parse(const char *text, unsigned *ret_s)
{
	static const struct {
		const char *name;
		unsigned seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	unsigned long n;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	n = strtoul(text, &end, 10);
	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) || n > WHY_WAIT_S / units[i].seconds)
			continue;
		*ret_s = n * units[i].seconds;
		return true;
	}
	return false;
}
