// SPDX-License-Identifier: Apache-2.0
/*
 * bench_hub.c - the system hub alone: what it weighs, and one event to many
 *
 * The worker is the one that ships, confined as in service, on one core; this process is its
 * core, and readers of another process are its subscribers. Memory is what is the worker's
 * own (Anonymous): programs and libraries are mapped by the agent and its other workers as
 * well, and their pages are the kernel's to drop. Time of an event is from the core's send() to
 * the reader's recv(): the record's clock is the core's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
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
#define FILL         1000
#define PACED        1000 /* events a second: the deliveries that are promised */
#define MANY         64   /* sent at once, at most so many ahead of who reads */
#define FILES        8192
#define LIMIT_NS     60000000000ull
#define KIB          1024.0
#define OWN_KIB      2048.0
#define OWN_EACH_KIB 32.0

struct shared {                   /* with the reader */
	volatile uint64_t frames; /* heard, by all of them together */
	volatile uint64_t last_ns;
	volatile uint32_t n;           /* samples */
	volatile uint32_t ns[1 << 20]; /* of every tenth reader's */
};

static struct {
	char path[128];
	pid_t hub, reader;
	int core_fd;
	int stuck[STUCK];
	unsigned n_stuck;
	struct shared *shared;
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
	bench_cpu(0);
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

static double hub_cpu_s(void)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", state.hub);
	f = fopen(path, "re");
	if (f && fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			&system) != 2)
		user = system = 0;
	if (f)
		fclose(f);
	return (double)(user + system) / sysconf(_SC_CLK_TCK);
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

/* Of a frame that is whole at the end of what was read. */
static void sample(const char *text, size_t n)
{
	const char *at = memmem(text, n, "\"boot_ns\":", 10);
	uint64_t then = at ? strtoull(at + 10, NULL, 10) : 0;
	uint32_t i = state.shared->n;

	if (!then || i >= sizeof(state.shared->ns) / sizeof(state.shared->ns[0]))
		return;
	state.shared->ns[i] = now_boot_ns() - then;
	state.shared->n = i + 1;
}

static void read_some(int fd, bool sampled)
{
	static char text[256 << 10];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	uint64_t frames = 0;

	if (n <= 0)
		return;
	text[n] = '\0';
	if (sampled)
		sample(text, n);
	for (char *p = text; (p = memchr(p, '\0', text + n - p)); p++)
		frames++;
	state.shared->frames += frames;
	state.shared->last_ns = bench_ns();
}

static void __attribute__((__noreturn__)) be_readers(void)
{
	struct epoll_event ready[READERS];
	int epoll = epoll_create1(0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_cpu(1);
	for (unsigned i = 0; i < READERS; i++) {
		int fd = subscribe();
		struct epoll_event ev = { .events = EPOLLIN,
					  .data.u64 = (uint64_t)(i % 10 == 0) << 32 | fd };

		if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
			_exit(1);
	}
	for (;;) {
		int n = epoll_wait(epoll, ready, READERS, -1);

		for (int i = 0; i < n; i++)
			read_some((int)ready[i].data.u64, ready[i].data.u64 >> 32);
	}
}

/* Until they have heard so many frames more. */
static int heard_await(uint64_t frames)
{
	uint64_t end = bench_ns() + LIMIT_NS;

	while (state.shared->frames < frames) {
		if (bench_ns() > end)
			return bench_fail(-ETIMEDOUT, "%llu of %llu frames came",
					  (unsigned long long)state.shared->frames,
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
	bench_cpu(1);
	return heard_await(READERS); /* the subscriptions stand */
}

static void readers_stop(void)
{
	if (state.reader > 0) {
		kill(state.reader, SIGKILL);
		waitpid(state.reader, NULL, 0);
	}
	state.reader = 0;
	state.shared->frames = 0;
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

/* One event to every reader, as many as they take, so many ahead at most. */
static int fan_out(unsigned events, double *rate, double *cpu_rate)
{
	uint64_t start = bench_ns(), from = state.shared->frames;
	double cpu = hub_cpu_s();
	int r = 0;

	for (unsigned i = 0; !r && i < events; i++) {
		r = core_refuses(0);
		while (i >= MANY && state.shared->frames < from + (uint64_t)(i - MANY) * READERS &&
		       bench_ns() < start + LIMIT_NS)
			sched_yield();
	}
	if (!r)
		r = heard_await(from + (uint64_t)events * READERS);
	*rate = (double)events * READERS / ((state.shared->last_ns - start) / 1e9);
	*cpu_rate = (double)events * READERS / (hub_cpu_s() - cpu);
	return r;
}

static int fan_out_paced(unsigned events, struct samples *samples)
{
	uint64_t next = bench_ns(), from = state.shared->frames;
	int r = 0;

	state.shared->n = 0;
	for (unsigned i = 0; !r && i < events; i++) {
		while (bench_ns() < next)
			usleep(50);
		next += 1000000000 / PACED;
		r = core_refuses(0);
	}
	if (!r)
		r = heard_await(from + (uint64_t)events * READERS);
	for (uint32_t i = 0; i < state.shared->n; i++)
		samples_add(samples, state.shared->ns[i]);
	return r;
}

static int measure_fan_out(bool stuck, double *ret)
{
	const char *with = stuck ? ", beside 1,000 that never read" : "";
	unsigned events = bench_pick(20000, 2000);
	struct samples samples = {};
	char name[BENCH_NAME];
	double rate, cpu;
	int r = fan_out(events, &rate, &cpu);

	if (!r)
		r = fan_out_paced(bench_pick(10 * PACED, PACED), &samples);
	if (r)
		return r;
	*ret = cpu;
	snprintf(name, sizeof(name), "one event to 100%s: deliveries in a second", with);
	bench_row(name, figure_flat(rate), "/s");
	snprintf(name, sizeof(name), "one event to 100%s: in a second of the hub's CPU", with);
	bench_judge(name, figure_flat(cpu), "/s", BOUND_AT_LEAST, 100000, NULL, 0);
	snprintf(name, sizeof(name), "one event to 100%s: p99 at 100,000 deliveries/s", with);
	bench_judge(name, figure_flat(samples_percentile(&samples, 99) / 1e6), "ms", BOUND_AT_MOST,
		    5, NULL, 0);
	free(samples.ns);
	return 0;
}

/* Nothing, then full tables, then subscribers, then such as never read with all that waits. */
static int measure_all(void)
{
	double alone, beside;
	int r = hub_settled();

	if (r)
		return bench_fail(r, "the hub does not answer");
	weigh("at rest", 0);
	for (uint32_t id = 1; !r && id <= GUARDS; id++)
		r = core_guard(id);
	for (uint64_t ask = 1; !r && ask <= REQUESTS; ask++)
		r = core_refuses(ask);
	if (!r)
		r = hub_settled();
	if (r)
		return r;
	weigh("1,024 open requests", 0);
	state.stretched = true;
	for (uint64_t ask = 1; !r && ask <= REQUESTS; ask++)
		r = core_refuses(REQUESTS + ask);
	state.stretched = false;
	if (!r)
		r = hub_settled();
	weigh("1,024 of the longest", 0);
	if (!r)
		r = readers_start();
	if (!r)
		r = measure_fan_out(false, &alone);
	if (r)
		return r;
	weigh("and 100 subscribers that read", READERS);
	r = stuck_start(STUCK);
	if (!r) /* until their sockets take no more */
		r = fan_out(FILL, &beside, &beside);
	if (!r)
		r = measure_fan_out(true, &beside);
	if (r)
		return r;
	weigh("and 1,000 that never read", READERS + STUCK);
	bench_row("deliveries to those who read, beside 1,000 that never do",
		  figure_flat(100 * beside / alone), "%");
	return 0;
}

int bench_hub(void)
{
	int r;

	state.shared = mmap(NULL, sizeof(*state.shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state.shared == MAP_FAILED)
		return bench_fail(-errno, "shared memory");
	r = hub_start();
	if (!r)
		r = measure_all();
	readers_stop();
	if (state.hub > 0) {
		kill(state.hub, SIGKILL);
		waitpid(state.hub, NULL, 0);
	}
	unlink(state.path);
	return r;
}
