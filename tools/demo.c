// SPDX-License-Identifier: Apache-2.0
/*
 * demo.c - the two parts of the demo that a shell cannot play: a server and a hub client
 *
 *   terok-demo serve PORT	answer every connection with one line of HTTP, on all addresses
 *   terok-demo client SOCKET	a hub client whose answers come on stdin (demo_client.c)
 *
 * Started by tools/demo only. One thread; ends with its parent.
 */
#include "demo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 2 /* for a client that connects and says nothing */

static const char page[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n"
			   "hello from the server\n";

static int serve_one(int listener)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	char request[1024];
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	/* read before we close: a close with unread bytes resets the connection */
	if (recv(fd, request, sizeof(request), 0) > 0)
		send(fd, page, sizeof(page) - 1, MSG_NOSIGNAL);
	close(fd);
	return 0;
}

static int serve(const char *port)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6, .sin6_port = htons(atoi(port)) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, r = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 16))
		r = -errno;
	if (!r) {
		puts("listening");
		fflush(stdout);
	}
	while (!r)
		r = serve_one(fd);
	close(fd);
	return r;
}

int main(int argc, char **argv)
{
	int r;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (argc == 3 && !strcmp(argv[1], "serve")) {
		r = serve(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "client")) {
		r = demo_client(argv[2]);
	} else {
		fputs("terok-demo: serve PORT, or client SOCKET\n", stderr);
		return 2;
	}
	if (r < 0)
		fprintf(stderr, "terok-demo %s %s: %s\n", argv[1], argv[2], strerror(-r));
	return r < 0;
}
