// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_services.c - what may run beside the agent: git gate, credential proxy, signer
 *
 * They are programs of their own, at ports of the host's loopback. Who has not installed one does
 * not miss it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"
#include "doctor_proc.h"

#define GATE_PORT   9418
#define PROXY_PORT  18731
#define SIGNER_PORT 18732
#define ANSWER_MS   2000

/* Where `make install` and packages put programs. */
static bool is_installed(const char *program)
{
	static const char *const dirs[] = { "/usr/local/bin", "/usr/bin", "/usr/local/sbin",
					    "/usr/sbin" };
	char path[64];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
		if (!access(path, X_OK))
			return true;
	}
	return false;
}

static int port_open(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd done = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		return -errno;
	if (poll(&done, 1, ANSWER_MS) != 1)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
		return -(error ?: errno);
	return TAKE_FD(fd);
}

/* @path: what is asked by HTTP, and @begin how the answer begins; NULL: that it listens is enough */
static int service_ask(uint16_t port, const char *path, const char *begin)
{
	_cleanup_close_ int fd = port_open(port);
	char request[128], reply[256];
	ssize_t n;

	if (fd < 0 || !path)
		return fd < 0 ? fd : 0;
	n = snprintf(request, sizeof(request),
		     "GET %s HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n\r\n", path,
		     port);
	n = proc_talk(fd, request, n, '\n', reply, sizeof(reply), ANSWER_MS);
	return n < 0 ? n : strncmp(reply, begin, strlen(begin)) ? -EBADMSG : 0;
}

static void check_service(struct doctor *doctor, const char *program, uint16_t port,
			  const char *path, const char *begin)
{
	int r = service_ask(port, path, begin);
	char fix[128];

	snprintf(fix, sizeof(fix), "systemctl --user restart %s; its log says why", program);
	if (!r)
		doctor_say(doctor, VERDICT_OK, "", "port %u answers", port);
	else if (r == -ECONNREFUSED && !is_installed(program))
		doctor_say(doctor, VERDICT_OK, "", "not installed");
	else if (r == -EBADMSG || r == -EPIPE || r == -ECONNRESET)
		doctor_say(doctor, VERDICT_FAIL, fix,
			   "what listens at port %u is no %s, or is not well", port, program);
	else
		doctor_say(doctor, VERDICT_FAIL, fix, "port %u does not answer: %s", port,
			   strerror(-r));
}

static void check_gate(struct doctor *doctor)
{
	check_service(doctor, "terok-gate", GATE_PORT, "/", "HTTP/1.");
}

static void check_proxy(struct doctor *doctor)
{
	check_service(doctor, "terok-credential-proxy", PROXY_PORT, "/-/health", "HTTP/1.1 200");
}

/* A handshake that ends before it began is what it takes for a silent close. */
static void check_signer(struct doctor *doctor)
{
	check_service(doctor, "terok-credential-proxy", SIGNER_PORT, NULL, NULL);
}

const struct check doctor_services[] = {
	{ .name = "gate", .host = check_gate },
	{ .name = "proxy", .host = check_proxy },
	{ .name = "signer", .host = check_signer },
	{},
};
