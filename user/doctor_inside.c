// SPDX-License-Identifier: Apache-2.0
#include "doctor_inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sock.h"
#include "cgroup.h"
#include "doctor_proc.h"
#include "netns.h"

#define ANSWER_MS   1000
#define ASKED       "192.0.2.53" /* a documentation address: no name server is there */
#define NXDOMAIN    3
#define REPLY_CODE  3 /* byte of a DNS message that has it */
#define HEADER_SIZE 12

/* The cgroup that a process of the guard is in: not every cgroup above it takes processes. */
static int leaf_open(const struct guard *guard, pid_t *ret)
{
	_cleanup_close_ int fd = cgroup_open_id(guard->info.cgroup, NULL);
	char path[TEROK_PATH_LEN];
	int r;

	if (fd < 0)
		return fd;
	*ret = cgroup_first_pid(fd);
	if (!*ret)
		return -ESRCH;
	r = cgroup_of_pid(*ret, path, NULL);
	return r ? r : cgroup_open(path, NULL);
}

/* In the child; exit code: errno */
static int child_main(int cgroup_fd, int netns_fd, int type, int out)
{
	int r = cgroup_join(cgroup_fd), fd;

	if (r)
		return -r;
	if (setns(netns_fd, CLONE_NEWNET))
		return errno;
	fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? errno : -sock_send(out, "1", 1, &fd, 1);
}

static int socket_take(pid_t pid, int in)
{
	struct pollfd ready = { .fd = in, .events = POLLIN };
	int n = poll(&ready, 1, ANSWER_MS), fd = -1, status = 0;
	char byte;

	if (n == 1)
		sock_receive(in, &byte, 1, &fd, 1);
	else
		kill(pid, SIGKILL); /* it is frozen with the others */
	if (waitpid(pid, &status, 0) == pid && fd < 0 && WIFEXITED(status))
		return -(WEXITSTATUS(status) ?: EIO);
	return fd < 0 ? -ETIMEDOUT : fd;
}

int doctor_socket(const struct guard *guard, int type)
{
	_cleanup_close_ int netns_fd = -1, cgroup_fd = -1, in = -1;
	pid_t lives = 0, pid;
	int pair[2];

	cgroup_fd = leaf_open(guard, &lives);
	netns_fd = cgroup_fd < 0 ? cgroup_fd : netns_of_pid(lives, NULL);
	if (netns_fd < 0)
		return netns_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	in = pair[0];
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(child_main(cgroup_fd, netns_fd, type, pair[1]));
	}
	close(pair[1]);
	return pid < 0 ? -errno : socket_take(pid, in);
}

static int wait_for(int fd, short events)
{
	struct pollfd one = { .fd = fd, .events = events };
	int n = poll(&one, 1, ANSWER_MS);

	return n > 0 ? 0 : n ? -errno : -ETIMEDOUT;
}

int doctor_ask_nobodys(const struct guard *guard)
{
	static const char question[] = "\x54\x44\1\0\0\1\0\0\0\0\0\0"
				       "\6doctor\5terok\7invalid\0\0\1\0\1";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) }, from = {};
	_cleanup_close_ int fd = doctor_socket(guard, SOCK_DGRAM);
	socklen_t size = sizeof(from);
	unsigned char reply[512];
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	inet_pton(AF_INET, ASKED, &to.sin_addr);
	if (sendto(fd, question, sizeof(question) - 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	r = wait_for(fd, POLLIN);
	if (r)
		return r;
	n = recvfrom(fd, reply, sizeof(reply), 0, (struct sockaddr *)&from, &size);
	if (n < 0)
		return -errno;
	if (from.sin_addr.s_addr != to.sin_addr.s_addr || from.sin_port != to.sin_port)
		return -EXDEV;
	return n < HEADER_SIZE || memcmp(reply, question, 2) || (reply[REPLY_CODE] & 15) != NXDOMAIN
		   ? -EBADMSG
		   : 0;
}

int doctor_ask_why(const struct guard *guard)
{
	static const char request[] = "GET /why.json HTTP/1.1\r\nHost: why\r\n"
				      "Connection: close\r\n\r\n";
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(TEROK_WHY_PORT),
				  .sin_addr.s_addr = htonl(TEROK_WHY_V4) };
	_cleanup_close_ int fd = doctor_socket(guard, SOCK_STREAM);
	socklen_t size = sizeof(int);
	char reply[256];
	int error = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		return -errno;
	n = wait_for(fd, POLLOUT);
	if (!n && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	if (n || error)
		return n ? n : -error;
	n = proc_talk(fd, request, sizeof(request) - 1, -1, reply, sizeof(reply), ANSWER_MS);
	return n < 0 ? n : strncmp(reply, "HTTP/1.1 200 ", 13) ? -EBADMSG : 0;
}
