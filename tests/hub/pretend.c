// SPDX-License-Identifier: Apache-2.0
#include "pretend.h"

#include <errno.h>
#include <fcntl.h>
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

#include "base/cleanup.h"
#include "base/sock.h"
#include "hub/worker.h"

#define GUARDS   16
#define PROGRAMS 8
#define OTHERS   4

char pretend_folder[64], pretend_socket[96];
struct msg_verdict pretend_verdicts[16];
unsigned pretend_n_verdicts;

static int core_fd = -1;
static unsigned n_others;
static struct other {
	int fd;
	void (*fn)(void *arg);
	void *arg;
} others[OTHERS];
static int writes_to = -1; /* what program_write() waits for */
static pid_t hub = -1;
static struct msg_guard guards[GUARDS]; /* .id 0: none */
static struct program *programs[PROGRAMS];

/* --- the hub ------------------------------------------------------------------------- */

static void run_hub(int fd, int listen_fd)
{
	/* out of the way first: one may sit where the other belongs */
	fd = dup2(fd, 100);
	listen_fd = dup2(listen_fd, 101);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || listen_fd < 0 || dup2(fd, 3) != 3 || dup2(listen_fd, 4) != 4)
		_exit(99);
	_exit(hub_worker_main());
}

static int hub_start(void)
{
	_cleanup_close_ int listen_fd = -1;
	struct problem why = {};
	int pair[2];

	if (sock_listen(pretend_socket, 0666, &listen_fd, &why) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	fflush(NULL);
	hub = fork();
	if (!hub)
		run_hub(pair[1], listen_fd);
	core_fd = pair[0];
	close(pair[1]);
	return hub < 0 ? -1 : 0;
}

static void hub_end(void)
{
	if (hub > 0) {
		kill(hub, SIGKILL);
		waitpid(hub, NULL, 0);
	}
	hub = -1;
	closep(&core_fd);
}

int pretend_start(void)
{
	pretend_n_verdicts = 0;
	memset(guards, 0, sizeof(guards));
	strcpy(pretend_folder, "/tmp/test_pretend.XXXXXX");
	if (!mkdtemp(pretend_folder) || chmod(pretend_folder, 0755))
		return -1;
	snprintf(pretend_socket, sizeof(pretend_socket), "%s/clearance.sock", pretend_folder);
	return hub_start();
}

int pretend_end(void)
{
	program_end_all();
	hub_end();
	pretend_alone();
	unlink(pretend_socket);
	return rmdir(pretend_folder);
}

void pretend_hub_kill(void)
{
	hub_end();
	pretend_n_verdicts = 0;
	memset(guards, 0, sizeof(guards));
}

void pretend_hub_start(void)
{
	assert_int_equal(hub_start(), 0);
}

/* --- the core ------------------------------------------------------------------------ */

static void core_says(struct msg_packet *packet)
{
	assert_int_equal(send(core_fd, packet, core_msg_size(packet->type), MSG_NOSIGNAL),
			 core_msg_size(packet->type));
}

static void core_guard(uint32_t id, const char *container, const char *name, enum guard_news news)
{
	struct msg_packet packet = { .type = MSG_GUARD };
	struct msg_guard *guard = &packet.GUARD;
	unsigned i = 0;

	*guard = (struct msg_guard){ .news = news, .id = id, .state = TEROK_STATE_UP };
	snprintf(guard->info.container, sizeof(guard->info.container), "%s", container);
	snprintf(guard->info.name, sizeof(guard->info.name), "%s", name);
	strcpy(guard->info.path, "/box");
	guard->info.uid = getuid();
	guard->info.kind = TEROK_KIND_CONTAINER;
	core_says(&packet);
	while (i < GUARDS && guards[i].id)
		i++;
	assert_true(i < GUARDS);
	guards[i] = *guard;
}

void pretend_attach(uint32_t guard, const char *container, const char *name)
{
	core_guard(guard, container, name, GUARD_ATTACHED);
}

void pretend_adopt(uint32_t guard, const char *container, const char *name)
{
	core_guard(guard, container, name, GUARD_LISTED);
}

void pretend_gone(uint32_t guard)
{
	struct msg_packet packet = { .type = MSG_GONE };

	packet.GONE.id = guard;
	strcpy(packet.GONE.reason, "detached");
	for (int i = 0; i < GUARDS; i++)
		if (guards[i].id == guard)
			guards[i].id = 0;
	core_says(&packet);
}

void pretend_agent(uint32_t guard, enum agent_event_type type, const char *reason)
{
	struct msg_packet packet = { .type = MSG_AGENT };

	packet.AGENT.guard = guard;
	packet.AGENT.told.type = type;
	packet.AGENT.told.ok = type == AGENT_EVENT_CONTAINED;
	packet.AGENT.told.wall_ns = 1;
	snprintf(packet.AGENT.told.reason, sizeof(packet.AGENT.told.reason), "%s", reason);
	strcpy(packet.AGENT.told.agent, "dev");
	core_says(&packet);
}

static void core_asks(uint32_t guard, uint64_t ask, const char *name)
{
	struct msg_packet packet = { .type = MSG_REFUSED };
	struct terok_record *record = &packet.REFUSED.record;

	packet.REFUSED.ask = ask;
	packet.REFUSED.count = 1;
	record->guard = guard;
	record->reason = TEROK_REASON_DEFAULT;
	if (name) {
		packet.REFUSED.by_name = 1;
		strcpy(packet.REFUSED.domain, name);
	} else {
		record->hook = TEROK_HOOK_CONNECT4;
		record->proto = 6;
		record->dst_port = 443;
		memcpy(record->dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02", 15);
		record->dst[15] = ask;
	}
	core_says(&packet);
}

void pretend_refuses(uint32_t guard, uint64_t ask)
{
	core_asks(guard, ask, NULL);
}

void pretend_refuses_name(uint32_t guard, uint64_t ask, const char *name)
{
	core_asks(guard, ask, name);
}

void pretend_results(int result, const char *problem)
{
	struct msg_packet packet = { .type = MSG_RESULT };

	assert_true(pretend_n_verdicts > 0);
	packet.RESULT = (struct msg_result){ .ask = pretend_verdicts[0].ask,
					     .token = pretend_verdicts[0].token,
					     .result = result };
	snprintf(packet.RESULT.problem, sizeof(packet.RESULT.problem), "%s", problem);
	core_says(&packet);
	pretend_n_verdicts--;
	memmove(pretend_verdicts, pretend_verdicts + 1,
		pretend_n_verdicts * sizeof(pretend_verdicts[0]));
}

static void core_lists(uint64_t token)
{
	struct msg_packet packet;

	for (int i = 0; i < GUARDS; i++) {
		if (!guards[i].id)
			continue;
		packet = (struct msg_packet){ .type = MSG_GUARD };
		packet.GUARD = guards[i];
		packet.GUARD.news = GUARD_LISTED;
		packet.GUARD.token = token;
		core_says(&packet);
	}
	packet = (struct msg_packet){ .type = MSG_LISTED };
	packet.LISTED.token = token;
	core_says(&packet);
}

static void core_hears(void)
{
	struct msg_packet packet = {};
	ssize_t n = recv(core_fd, &packet, sizeof(packet), MSG_TRUNC | MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	assert_true(n > 0);
	assert_true(core_msg_check(&packet, n, FROM_HUB));
	if (packet.type == MSG_LIST) {
		core_lists(packet.LIST.token);
	} else if (packet.type == MSG_VERDICT) {
		assert_true(pretend_n_verdicts < 16);
		pretend_verdicts[pretend_n_verdicts++] = packet.VERDICT;
	}
}

/* --- programs ------------------------------------------------------------------------ */

/* Ours are two folders above the test. */
const char *program_path(const char *name)
{
	static char path[512];
	ssize_t n = readlink("/proc/self/exe", path, 400);

	path[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 3 && strrchr(path, '/'); i++)
		*strrchr(path, '/') = '\0';
	strcat(path, name + 1);
	if (access(path, X_OK))
		fail_msg("%s is not there: make it first", path);
	return path;
}

void program_start(struct program *program, const char *const argv[])
{
	int in[2], out[2], err[2], slot = 0;
	const char *path = argv[0][0] == '.' ? program_path(argv[0]) : argv[0];

	while (slot < PROGRAMS && programs[slot])
		slot++;
	assert_true(slot < PROGRAMS);
	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
	fflush(NULL);
	*program = (struct program){ .in = in[1], .out = out[0], .err = err[0], .code = -1 };
	program->pid = fork();
	if (!program->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1 && dup2(err[1], 2) == 2)
			execvp(path, (char **)argv);
		_exit(127);
	}
	assert_true(program->pid > 0);
	assert_int_equal(fcntl(in[1], F_SETFL, O_NONBLOCK), 0);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	programs[slot] = program;
}

void program_write(struct program *program, const char *text)
{
	size_t n = strlen(text);

	/* it may wait for the core, which is us, before it reads */
	while (n) {
		ssize_t written = write(program->in, text, n);

		assert_true(written > 0 || errno == EAGAIN);
		if (written > 0) {
			text += written;
			n -= written;
		} else {
			writes_to = program->in;
			pretend_round();
			writes_to = -1;
		}
	}
}

static void take(int *fd, char *buf, size_t *n, size_t size)
{
	ssize_t got = read(*fd, buf + *n, size - 1 - *n);

	if (got <= 0)
		closep(fd);
	else
		*n += got;
}

/* Its end is when nobody holds its streams any more. */
static void program_reap(struct program *program)
{
	int status;

	if (program->out >= 0 || program->err >= 0 || program->code >= 0)
		return;
	assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
	program->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	closep(&program->in);
	for (int i = 0; i < PROGRAMS; i++)
		if (programs[i] == program)
			programs[i] = NULL;
}

int program_end(struct program *program, int sig)
{
	if (sig && program->code < 0)
		kill(program->pid, sig);
	await(program->code >= 0);
	return program->code;
}

void program_end_all(void)
{
	for (int i = 0; i < PROGRAMS; i++)
		if (programs[i])
			program_end(programs[i], SIGKILL);
}

/* --- everything ---------------------------------------------------------------------- */

void pretend_also(int fd, void (*fn)(void *arg), void *arg)
{
	assert_true(n_others < OTHERS);
	others[n_others++] = (struct other){ fd, fn, arg };
}

void pretend_alone(void)
{
	n_others = 0;
}

static void programs_read(struct program *const now[], const struct pollfd ready[])
{
	for (int i = 0; i < PROGRAMS; i++) {
		if (ready[2 * i].revents)
			take(&now[i]->out, now[i]->said, &now[i]->n_said, sizeof(now[i]->said));
		if (ready[2 * i + 1].revents)
			take(&now[i]->err, now[i]->told, &now[i]->n_told, sizeof(now[i]->told));
		if (now[i])
			program_reap(now[i]);
	}
}

void pretend_round(void)
{
	struct pollfd ready[2 * PROGRAMS + OTHERS + 2];
	struct program *now[PROGRAMS];
	unsigned n = 2 * PROGRAMS;

	memcpy(now, programs, sizeof(now));
	for (int i = 0; i < 2 * PROGRAMS; i++) {
		int fd = !now[i / 2] ? -1 : i % 2 ? now[i / 2]->err : now[i / 2]->out;

		ready[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	for (unsigned i = 0; i < n_others; i++)
		ready[n++] = (struct pollfd){ .fd = others[i].fd, .events = POLLIN };
	ready[n++] = (struct pollfd){ .fd = writes_to, .events = POLLOUT };
	ready[n++] = (struct pollfd){ .fd = core_fd, .events = POLLIN };
	assert_true(poll(ready, n, 1000) >= 0);
	if (ready[n - 1].revents)
		core_hears();
	programs_read(now, ready);
	/* last: a failing test must not leave half of this undone */
	for (unsigned i = 0; i < n_others; i++)
		others[i].fn(others[i].arg);
}
