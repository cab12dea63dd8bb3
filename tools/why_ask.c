// SPDX-License-Identifier: Apache-2.0
#include "why_ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "terok/abi.h"

#define REPLY_MAX (1 << 20) /* bytes; the longest there is has 40,000 */

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

static int request_send(int fd, const char *dest, bool json)
{
	char request[TEROK_DOMAIN_LEN + 64];
	int n = snprintf(request, sizeof(request), "GET /why%s/%s HTTP/1.1\r\nHost: why\r\n\r\n",
			 json ? ".json" : "", dest ? dest : "");

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

static int reply_print(const char *reply)
{
	const char *body = strstr(reply, "\r\n\r\n");
	const char *ours = strstr(reply, "\r\nServer: terok\r\n");
	bool good = !strncmp(reply, "HTTP/1.1 200 ", 13);

	if (!body || !ours || ours > body) /* outside of a guard somebody else may be there */
		return -ENOENT;
	fputs(body + 4, good ? stdout : stderr);
	return good ? 0 : -EPROTO;
}

int why_ask(const char *dest, bool json)
{
	static char reply[REPLY_MAX];
	int fd, r;

	if (dest && !is_dest(dest))
		return -EINVAL;
	fd = server_connect();
	r = fd < 0 ? fd : request_send(fd, dest, json);
	if (!r)
		r = reply_read(fd, reply, sizeof(reply));
	if (fd >= 0)
		close(fd);
	if (!r)
		r = reply_print(reply);
	if (!r || r == -EPROTO)
		return r;
	fprintf(stderr,
		"no guard's agent answers at 169.254.84.75 (%s): this is no guard, or one without "
		"a resolver, or its agent does not run\n",
		strerror(-r));
	return r;
}
