// SPDX-License-Identifier: Apache-2.0
#include "served.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "hub/worker.h"

int core_fd;
pid_t worker;

static char folder[64], path[96];
static int clients[CLIENTS];
static unsigned n_clients;
static uid_t users[4]; /* with sockets of their own */
static unsigned n_users;

static const char *own_path(uid_t uid)
{
	static char own[128];

	snprintf(own, sizeof(own), "%s.%u", path, uid);
	return own;
}

/* --- the process --------------------------------------------------------------------- */

static void run_worker(int fd, int listen_fd)
{
	/* out of the way first: one may sit where the other belongs */
	fd = dup2(fd, 100);
	listen_fd = dup2(listen_fd, 101);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || listen_fd < 0 || dup2(fd, 3) != 3 || dup2(listen_fd, 4) != 4)
		_exit(99);
	_exit(hub_worker_main());
}

int served_setup(void **state)
{
	_cleanup_close_ int listen_fd = -1;
	struct problem why = {};
	int pair[2];

	(void)state;
	n_clients = n_users = 0;
	strcpy(folder, "/tmp/test_worker.XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/sock", folder);
	if (sock_listen(path, 0666, &listen_fd, &why) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	fflush(NULL);
	worker = fork();
	if (!worker)
		run_worker(pair[1], listen_fd);
	core_fd = pair[0];
	close(pair[1]);
	return worker < 0 ? -1 : 0;
}

int served_teardown(void **state)
{
	(void)state;
	closep(&core_fd);
	while (n_clients)
		closep(&clients[--n_clients]);
	if (worker > 0) {
		kill(worker, SIGKILL);
		waitpid(worker, NULL, 0);
	}
	unlink(path);
	while (n_users)
		unlink(own_path(users[--n_users]));
	return rmdir(folder);
}

/* Nobody waits for ever for the other. */
void set_patience(int fd)
{
	const struct timeval patience = { .tv_sec = WAIT_S };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
}

/* The worker's exit code; it must end by itself. */
int end_of_worker(void)
{
	int status;

	/* its sockets end with it: wait for that, not for the clock */
	for (char byte; n_clients; closep(&clients[--n_clients]))
		while (recv(clients[n_clients - 1], &byte, 1, 0) > 0)
			;
	assert_int_equal(waitpid(worker, &status, 0), worker);
	worker = -1;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* --- the core ------------------------------------------------------------------------ */

void core_says(struct msg_packet *packet)
{
	assert_int_equal(send(core_fd, packet, core_msg_size(packet->type), MSG_NOSIGNAL),
			 core_msg_size(packet->type));
}

struct msg_packet core_hears(uint32_t type)
{
	struct msg_packet packet = {};
	ssize_t n;

	set_patience(core_fd);
	do { /* who listens is said whenever that changes */
		n = recv(core_fd, &packet, sizeof(packet), MSG_TRUNC);
		assert_true(n > 0);
		assert_true(core_msg_check(&packet, n, FROM_HUB));
	} while (packet.type == MSG_AUDIENCE && type != MSG_AUDIENCE);
	assert_int_equal(packet.type, type);
	return packet;
}

void core_guard(uint64_t token)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD = (struct msg_guard){
		.news = GUARD_LISTED, .id = 1, .state = TEROK_STATE_UP, .token = token
	};
	packet.GUARD.counts = (struct terok_counts){ 10, 5, 3, 1, 1, 2 };
	strcpy(packet.GUARD.info.container, CONTAINER);
	strcpy(packet.GUARD.info.name, "box");
	strcpy(packet.GUARD.info.path, "/box");
	packet.GUARD.info.uid = 1000;
	packet.GUARD.info.kind = TEROK_KIND_CONTAINER;
	core_says(&packet);
}

void core_opens(uid_t uid)
{
	struct msg_packet packet = { .type = MSG_OPEN, .OPEN = { uid, 1 << PLACE_ONE } };
	struct iovec bytes = { &packet, core_msg_size(MSG_OPEN) };
	_cleanup_close_ int fd = -1;
	struct problem why = {};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct msghdr msg = { .msg_iov = &bytes,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	assert_int_equal(sock_listen(own_path(uid), 0666, &fd, &why), 0);
	users[n_users++] = uid;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	assert_int_equal(sendmsg(core_fd, &msg, MSG_NOSIGNAL), bytes.iov_len);
}

void core_refuses(uint64_t ask)
{
	core_refuses_name(ask, "");
}

void core_refuses_name(uint64_t ask, const char *domain)
{
	struct msg_packet packet = { .type = MSG_REFUSED };
	struct terok_record *record = &packet.REFUSED.record;

	packet.REFUSED.ask = ask;
	packet.REFUSED.count = 3;
	*record = (struct terok_record){ .guard = 1,
					 .reason = TEROK_REASON_DEFAULT,
					 .hook = TEROK_HOOK_CONNECT4,
					 .proto = 6,
					 .boot_ns = 77,
					 .dst_port = 443,
					 .pid = 4712,
					 .tgid = 4711,
					 .ppid = 4700,
					 .uid = 1000,
					 .comm = "curl",
					 .pcomm = "bash" };
	memcpy(record->dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	strcpy(packet.REFUSED.exe, "/usr/bin/curl");
	strcpy(packet.REFUSED.cmdline, "curl -v");
	strcpy(packet.REFUSED.domain, domain);
	strcpy(packet.REFUSED.parents[0], "bash");
	strcpy(packet.REFUSED.parents[1], "sh");
	core_says(&packet);
}

void core_results(const struct msg_packet *verdict, int result, const char *problem)
{
	struct msg_packet packet = { .type = MSG_RESULT };

	packet.RESULT = (struct msg_result){ .ask = verdict->VERDICT.ask,
					     .token = verdict->VERDICT.token,
					     .result = result,
					     .until_ns = result ? 0 : 99 };
	strcpy(packet.RESULT.problem, problem);
	if (!result)
		strcpy(packet.RESULT.rule, "allow 192.0.2.1 port 443 tcp");
	strcpy(packet.RESULT.client, "tui");
	core_says(&packet);
}

/* --- clients ------------------------------------------------------------------------- */

const char *served_path(void)
{
	return path;
}

static int dial_path(const char *where)
{
	int fd = sock_connect(where);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0); /* waits, up to its patience */
	set_patience(fd);
	assert_true(n_clients < CLIENTS);
	clients[n_clients++] = fd;
	return fd;
}

int dial(void)
{
	return dial_path(path);
}

int dial_as(uid_t uid, uid_t of)
{
	int fd;

	assert_int_equal(seteuid(uid), 0);
	fd = dial_path(of ? own_path(of) : path);
	assert_int_equal(seteuid(0), 0);
	return fd;
}

int dial_loose(uid_t uid)
{
	int fd = dial_as(uid, 0);

	n_clients--;
	return fd;
}

void hang_up(int fd)
{
	for (unsigned i = 0; i < n_clients; i++)
		if (clients[i] == fd)
			clients[i] = clients[--n_clients];
	close(fd);
}

void say(int fd, const char *frame)
{
	assert_int_equal(send(fd, frame, strlen(frame) + 1, MSG_NOSIGNAL), strlen(frame) + 1);
}

/* The next frame; waits for it. */
const char *heard(int fd)
{
	static char buf[64 << 10];
	size_t size = 0;

	for (char *nul = NULL; !nul;) {
		ssize_t n = recv(fd, buf + size, sizeof(buf) - size, MSG_PEEK);

		assert_true(n > 0);
		nul = memchr(buf + size, '\0', n);
		n = nul ? nul + 1 - (buf + size) : n;
		assert_int_equal(recv(fd, buf + size, n, 0), n);
		size += n;
		assert_true(size < sizeof(buf));
	}
	return buf;
}

void hear(int fd, const char *frame)
{
	assert_string_equal(heard(fd), frame);
}
