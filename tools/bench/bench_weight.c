// SPDX-License-Identifier: Apache-2.0
/*
 * bench_weight.c - what the system hub weighs
 *
 * The worker is the one that ships, confined as in service; this process is its core, and another
 * one its subscribers. Memory is what is the worker's own (Anonymous): programs and libraries
 * are mapped by the agent and its other workers as well, and their pages are the kernel's to
 * drop.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "base/sock.h"
#include "bench.h"
#include "families.h"
#include "terok/core_msg.h"

#define READERS      100
#define STUCK        1000
#define REQUESTS     1024 /* open: as many as there can be */
#define GUARDS       16
#define EVENTS       1000 /* after which who never reads is stuck */
#define MANY         64   /* of them on their way: nobody misses any */
#define FILES        8192
#define LIMIT_NS     60000000000ull
#define KIB          1024.0
#define OWN_KIB      2048.0
#define OWN_EACH_KIB 32.0

static struct {
	char path[128];
	pid_t hub, reader;
	int core_fd;
	int stuck[STUCK];
	unsigned n_stuck;
	volatile uint64_t *frames; /* heard, by all readers together; shared with them */
	uint64_t sent;
	bool stretched;
} state = { .core_fd = -1 };

/* --- the hub ------------------------------------------------------------------------------ */

static void __attribute__((__noreturn__)) be_hub(int core_fd, int listen_fd)
{
	char program[200];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(program, sizeof(program), "%.180s/terok-bpfd", bench.build);
	core_fd = fcntl(core_fd, F_DUPFD_CLOEXEC, 10);
	listen_fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 10);
	if (dup2(core_fd, 3) != 3 || dup2(listen_fd, 4) != 4)
		_exit(1);
	execl(program, "terok-bpfd", "--worker", "hub", NULL);
	_exit(127);
}

static int hub_start(void)
{
	const struct rlimit files = { FILES, FILES };
	int pair[2], listen_fd, size = 4 << 20, r;

	setrlimit(RLIMIT_NOFILE, &files);
	snprintf(state.path, sizeof(state.path), "%.100s/hub.sock", bench.dir);
	r = sock_listen(state.path, 0666, &listen_fd, NULL);
	if (r || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return bench_fail(r ?: -errno, "make a place for the hub");
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	fflush(NULL);
	state.hub = fork();
	if (!state.hub)
		be_hub(pair[1], listen_fd);
	close(pair[1]);
	close(listen_fd);
	state.core_fd = pair[0];
	return state.hub < 0 ? bench_fail(-errno, "start the hub") : 0;
}

static int core_says(struct msg_packet *packet)
{
	struct pollfd ready = { .fd = state.core_fd, .events = POLLIN };
	struct msg_packet heard;

	while (poll(&ready, 1, 0) == 1) /* who listens; nobody wants to know */
		if (recv(state.core_fd, &heard, sizeof(heard), MSG_DONTWAIT) <= 0)
			break;
	packet->pad = 0;
	return send(state.core_fd, packet, core_msg_size(packet->type), MSG_NOSIGNAL) < 0 ? -errno
											  : 0;
}

static int core_guard(uint32_t id)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD =
	    (struct msg_guard){ .news = GUARD_LISTED, .id = id, .state = TEROK_STATE_UP };
	snprintf(packet.GUARD.info.container, sizeof(packet.GUARD.info.container),
		 "%016x0123456789abcdef0123456789abcdef0123456789abcdef", id);
	snprintf(packet.GUARD.info.name, sizeof(packet.GUARD.info.name), "box-%u", id);
	return core_says(&packet);
}

/* What a guard can do to make it as long as there is room for. */
static void refused_stretch(struct msg_refused *refused)
{
	memset(refused->exe, 'e', sizeof(refused->exe) - 1);
	memset(refused->cmdline, 'c', sizeof(refused->cmdline) - 1);
	memset(refused->domain, 'd', sizeof(refused->domain) - 1);
	memset(refused->said, 's', sizeof(refused->said) - 1);
	memset(refused->rule, 'r', sizeof(refused->rule) - 1);
	for (unsigned i = 0; i < MSG_PARENTS; i++)
		memset(refused->parents[i], 'p', sizeof(refused->parents[i]) - 1);
}

/* @ask 0: a refusal that asks nothing */
static int core_refuses(uint64_t ask)
{
	struct msg_packet packet = { .type = MSG_REFUSED };
	struct msg_refused *refused = &packet.REFUSED;
	uint64_t number = state.sent++;

	refused->ask = ask;
	refused->count = 1;
	refused->record = (struct terok_record){ .version = TEROK_ABI_VERSION,
						 .guard = 1 + number % GUARDS,
						 .boot_ns = now_boot_ns(),
						 .hook = TEROK_HOOK_CONNECT4,
						 .reason = TEROK_REASON_DEFAULT,
						 .tgid = 4711,
						 .pid = 4711,
						 .ppid = 4700,
						 .proto = 6,
						 .dst_port = 443,
						 .comm = "curl",
						 .pcomm = "bash" };
	memcpy(refused->record.dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33", 14);
	refused->record.dst[14] = number >> 8;
	refused->record.dst[15] = number;
	strcpy(refused->exe, "/usr/bin/curl");
	strcpy(refused->cmdline, "curl -sSfL https://files.packages.example/simple/index.html");
	snprintf(refused->domain, sizeof(refused->domain), "host%u.packages.example",
		 (unsigned)number % 1000);
	strcpy(refused->parents[0], "bash");
	strcpy(refused->parents[1], "node");
	if (state.stretched)
		refused_stretch(refused);
	return core_says(&packet);
}

/* Everything that was said has been heard when a call is answered. */
static int hub_settled(void)
{
	static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	int fd = sock_connect(state.path);
	char answer[4096];
	int r = fd < 0 ? fd : 0;

	if (!r && fcntl(fd, F_SETFL, 0))
		r = -errno;
	if (!r && (send(fd, call, sizeof(call), MSG_NOSIGNAL) < 0 ||
		   recv(fd, answer, sizeof(answer), 0) <= 0))
		r = -EIO;
	if (fd >= 0)
		close(fd);
	usleep(20000); /* a round for what came in meanwhile */
	return r;
}

static double hub_own_kib(void)
{
	char path[64], line[256];
	double kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", state.hub);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Anonymous:", 10))
			kib = strtod(line + 10, NULL);
	if (f)
		fclose(f);
	return kib;
}

/* --- subscribers -------------------------------------------------------------------------- */

static int subscribe(void)
{
	static const char call[] = "{\"method\":\"org.terok.Firewall1.Monitor\",\"more\":true}";
	int fd = sock_connect(state.path);

	if (fd >= 0 && (fcntl(fd, F_SETFL, 0) || send(fd, call, sizeof(call), 0) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void __attribute__((__noreturn__)) be_readers(void)
{
	static char text[64 << 10];
	struct epoll_event ready[READERS];
	int epoll = epoll_create1(0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < READERS; i++) {
		int fd = subscribe();
		struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

		if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
			_exit(1);
	}
	for (;;) {
		int n = epoll_wait(epoll, ready, READERS, -1);

		for (int i = 0; i < n; i++) {
			ssize_t got = recv(ready[i].data.fd, text, sizeof(text), MSG_DONTWAIT);

			for (ssize_t k = 0; k < got; k++)
				*state.frames += !text[k];
		}
	}
}

/* Until they have heard so many frames more. */
static int heard_await(uint64_t frames)
{
	uint64_t end = bench_ns() + LIMIT_NS;

	while (*state.frames < frames) {
		if (bench_ns() > end)
			return bench_fail(-ETIMEDOUT, "%llu of %llu frames came",
					  (unsigned long long)*state.frames,
					  (unsigned long long)frames);
		usleep(200);
	}
	return 0;
}

static int readers_start(void)
{
	fflush(NULL);
	state.reader = fork();
	if (!state.reader)
		be_readers();
	return heard_await(READERS); /* the subscriptions stand */
}

static void readers_stop(void)
{
	if (state.reader > 0) {
		kill(state.reader, SIGKILL);
		waitpid(state.reader, NULL, 0);
	}
	state.reader = 0;
	*state.frames = 0;
}

static int stuck_start(unsigned n)
{
	char frame[256];

	while (state.n_stuck < n) {
		int fd = subscribe();

		if (fd < 0 || recv(fd, frame, sizeof(frame), 0) <= 0)
			return bench_fail(-EIO, "subscriber %u", state.n_stuck);
		state.stuck[state.n_stuck++] = fd;
	}
	return 0;
}

/* --- figures ------------------------------------------------------------------------------ */

static void weigh(const char *what, unsigned subscribers)
{
	char name[BENCH_NAME];

	snprintf(name, sizeof(name), "hub's own memory, %s", what);
	bench_judge(name, figure_flat(hub_own_kib() / KIB), "MiB", BOUND_AT_MOST,
		    (OWN_KIB + subscribers * OWN_EACH_KIB) / KIB, NULL, 0);
}

/* Events that ask nothing, so many at a time; each is heard by all readers. */
static int tell_readers(unsigned events)
{
	uint64_t from = *state.frames;
	int r = 0;

	for (unsigned i = 1; !r && i <= events; i++) {
		r = core_refuses(0);
		if (!r && (i % MANY == 0 || i == events))
			r = heard_await(from + (uint64_t)i * READERS);
	}
	return r;
}

/* A table full of requests: usual ones, then such as a guard makes to be heavy. */
static int weigh_requests(void)
{
	int r = 0;

	for (uint32_t id = 1; !r && id <= GUARDS; id++)
		r = core_guard(id);
	for (uint64_t ask = 1; !r && ask <= REQUESTS; ask++)
		r = core_refuses(ask);
	r = r ?: hub_settled();
	if (r)
		return r;
	weigh("1,024 open requests", 0);
	state.stretched = true;
	for (uint64_t ask = 1; !r && ask <= REQUESTS; ask++)
		r = core_refuses(REQUESTS + ask);
	state.stretched = false;
	r = r ?: hub_settled();
	if (!r)
		weigh("1,024 of the longest", 0);
	return r;
}

static int weigh_all(void)
{
	int r = hub_settled();

	if (r)
		return bench_fail(r, "the hub does not answer");
	weigh("at rest", 0);
	r = weigh_requests();
	if (!r)
		r = readers_start();
	if (!r)
		r = tell_readers(EVENTS);
	if (r)
		return r;
	weigh("and 100 subscribers that read", READERS);
	r = stuck_start(STUCK);
	if (!r)
		r = tell_readers(EVENTS);
	if (!r)
		weigh("and 1,000 that never read", READERS + STUCK);
	return r;
}

int bench_weight(void)
{
	int r;

	state.frames = mmap(NULL, sizeof(*state.frames), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state.frames == MAP_FAILED)
		return bench_fail(-errno, "shared memory");
	r = hub_start();
	if (!r)
		r = weigh_all();
	readers_stop();
	if (state.hub > 0) {
		kill(state.hub, SIGKILL);
		waitpid(state.hub, NULL, 0);
	}
	unlink(state.path);
	return r;
}
