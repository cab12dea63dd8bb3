// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "core_end.h"
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "hub/worker.h"

static char folder[64], path[96];
static int core_fd = -1;
static pid_t worker;

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

static int worker_start(void)
{
	const struct timeval patience = { .tv_sec = CORE_END_WAIT_S };
	_cleanup_close_ int listen_fd = -1;
	int pair[2];

	if (sock_listen(path, 0666, &listen_fd, NULL) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	fflush(NULL);
	worker = fork();
	if (!worker)
		run_worker(pair[1], listen_fd);
	core_fd = pair[0];
	close(pair[1]);
	if (worker < 0)
		return -1;
	return setsockopt(core_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

void core_end_down(void)
{
	closep(&core_fd);
	if (worker > 0) {
		kill(worker, SIGKILL);
		waitpid(worker, NULL, 0);
	}
	worker = -1;
}

int core_end_start(void)
{
	strcpy(folder, "/tmp/test_hub.XXXXXX");
	if (!mkdtemp(folder) || chmod(folder, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/clearance.sock", folder);
	return worker_start();
}

void core_end_stop(void)
{
	core_end_down();
	unlink(path);
	rmdir(folder);
}

void core_end_restart(void)
{
	core_end_down();
	assert_int_equal(worker_start(), 0);
}

const char *core_end_path(void)
{
	return path;
}

const char *core_end_folder(void)
{
	return folder;
}

static void core_says(struct msg_packet *packet)
{
	assert_int_equal(send(core_fd, packet, core_msg_size(packet->type), MSG_NOSIGNAL),
			 core_msg_size(packet->type));
}

void core_end_guard(uint32_t id, const char *name, uint32_t news, uint32_t state)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD = (struct msg_guard){ .news = news, .id = id, .state = state };
	/* each its own: the first twelve are what requests are called by */
	snprintf(packet.GUARD.info.container, sizeof(packet.GUARD.info.container), "%012u%s", id,
		 CORE_END_CONTAINER);
	snprintf(packet.GUARD.info.name, sizeof(packet.GUARD.info.name), "%s", name);
	snprintf(packet.GUARD.info.path, sizeof(packet.GUARD.info.path), "/%u", id);
	packet.GUARD.info.uid = getuid();
	packet.GUARD.info.kind = TEROK_KIND_CONTAINER;
	core_says(&packet);
}

void core_end_alarm(const char *name, const char *why, bool over)
{
	struct msg_packet packet = { .type = MSG_ALARM,
				     .ALARM = { .uid = getuid(), .over = over } };

	snprintf(packet.ALARM.id, sizeof(packet.ALARM.id), "%s%s", name, CORE_END_CONTAINER);
	snprintf(packet.ALARM.name, sizeof(packet.ALARM.name), "%s", name);
	snprintf(packet.ALARM.why, sizeof(packet.ALARM.why), "%s", why);
	core_says(&packet);
}

void core_end_gone(uint32_t id, const char *reason)
{
	struct msg_packet packet = { .type = MSG_GONE };

	packet.GONE.id = id;
	snprintf(packet.GONE.reason, sizeof(packet.GONE.reason), "%s", reason);
	core_says(&packet);
}

void core_end_refuses(uint32_t guard, uint64_t ask, const char *dest, uint16_t port,
		      const char *domain, uint32_t count)
{
	struct msg_packet packet = { .type = MSG_REFUSED };
	struct terok_record *record = &packet.REFUSED.record;

	packet.REFUSED.ask = ask;
	packet.REFUSED.count = count;
	*record = (struct terok_record){ .guard = guard,
					 .reason = TEROK_REASON_DEFAULT,
					 .hook = TEROK_HOOK_CONNECT4,
					 .proto = 6,
					 .boot_ns = 77,
					 .dst_port = port,
					 .pid = 4712,
					 .tgid = 4711,
					 .ppid = 4700,
					 .uid = 1000,
					 .comm = "curl",
					 .pcomm = "bash" };
	record->dst[10] = record->dst[11] = 0xff;
	assert_int_equal(inet_pton(AF_INET, dest, record->dst + 12), 1);
	snprintf(packet.REFUSED.domain, sizeof(packet.REFUSED.domain), "%s", domain);
	strcpy(packet.REFUSED.exe, "/usr/bin/curl");
	strcpy(packet.REFUSED.cmdline, "curl -v");
	core_says(&packet);
}

static void core_listed(uint64_t token)
{
	struct msg_packet packet = { .type = MSG_LISTED };

	packet.LISTED.token = token;
	core_says(&packet);
}

void core_end_lists(void)
{
	core_listed(core_end_hears(MSG_LIST).LIST.token);
}

struct msg_packet core_end_hears(uint32_t type)
{
	for (;;) {
		struct msg_packet packet = {};
		ssize_t n = recv(core_fd, &packet, sizeof(packet), MSG_TRUNC);

		assert_true(n > 0);
		assert_true(core_msg_check(&packet, n, FROM_HUB));
		if (packet.type == MSG_LIST && type != MSG_LIST) {
			core_listed(packet.LIST.token);
			continue;
		}
		if (packet.type == MSG_AUDIENCE && type != MSG_AUDIENCE)
			continue;
		assert_int_equal(packet.type, type);
		return packet;
	}
}

void core_end_told(void)
{
	static const char list[] = "{\"method\":\"org.terok.Firewall1.ListGuards\"}";
	int fd = sock_connect(path);
	struct pollfd answer = { .fd = fd, .events = POLLIN };

	/* a listing comes behind it */
	assert_true(fd >= 0);
	assert_int_equal(send(fd, list, sizeof(list), MSG_NOSIGNAL), sizeof(list));
	core_end_lists();
	assert_int_equal(poll(&answer, 1, CORE_END_WAIT_S * 1000), 1);
	close(fd);
}

void core_end_results(const struct msg_packet *verdict, int result, const char *problem)
{
	struct msg_packet packet = { .type = MSG_RESULT };

	packet.RESULT = (struct msg_result){ .ask = verdict->VERDICT.ask,
					     .token = verdict->VERDICT.token,
					     .result = result,
					     .until_ns = result ? 0 : 99 };
	snprintf(packet.RESULT.problem, sizeof(packet.RESULT.problem), "%s", problem);
	core_says(&packet);
}
