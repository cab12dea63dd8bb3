// SPDX-License-Identifier: Apache-2.0
#include "far_server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MS 10000

bool far_server_fastopen(void)
{
	int fd = open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY | O_CLOEXEC);
	bool on = fd >= 0 && write(fd, "3", 1) == 1;

	close(fd);
	return on;
}

static int server_listen(uint16_t port)
{
	struct sockaddr_in6 sin = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), queue = 16;

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 16))
		_exit(1);
	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue));
	return fd;
}

static void server_serve(int fd, int out)
{
	static char bytes[65536];
	size_t size = 0;
	ssize_t n;

	fd = accept(fd, NULL, NULL);
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		size += n;
	if (!n)
		send(fd, "!", 1, MSG_NOSIGNAL);
	close(fd);
	if (write(out, &size, sizeof(size)) != sizeof(size))
		_exit(1);
}

void far_server_start(struct far_server *far, const struct test_world *world)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	char path[64], byte;
	int out[2], netns;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	far->pid = fork();
	assert_true(far->pid >= 0);
	if (!far->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(path, sizeof(path), "/proc/%d/ns/net", world->far_pid);
		netns = open(path, O_RDONLY | O_CLOEXEC);
		if (netns < 0 || setns(netns, CLONE_NEWNET) || !far_server_fastopen())
			_exit(1);
		fds[0].fd = server_listen(443);
		fds[1].fd = server_listen(80);
		if (write(out[1], "!", 1) != 1)
			_exit(1);
		for (;;) {
			if (poll(fds, 2, -1) < 0)
				_exit(1);
			for (int i = 0; i < 2; i++)
				if (fds[i].revents)
					server_serve(fds[i].fd, out[1]);
		}
	}
	close(out[1]);
	far->reports = out[0];
	assert_int_equal(read(far->reports, &byte, 1), 1);
}

void far_server_stop(struct far_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	close(server->reports);
}

size_t far_server_report(struct far_server *server)
{
	struct pollfd ready = { .fd = server->reports, .events = POLLIN };
	size_t size;

	assert_int_equal(poll(&ready, 1, LIMIT_MS), 1);
	assert_int_equal(read(server->reports, &size, sizeof(size)), sizeof(size));
	return size;
}
