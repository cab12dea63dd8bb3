// SPDX-License-Identifier: Apache-2.0
#include "lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "cgroup.h"
#include "terok/clearance.h"
#include "unit/dns_message.h"

#define SERVERS 4

static struct server {
	pid_t pid;
	char zone[96], log[96], address[64];
} servers[SERVERS];
static unsigned n_servers;
static pid_t inhabitant;

/* --- the name server --------------------------------------------------------------------------- */

static void file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static unsigned file_count(const char *path, const char *begin, const char *text)
{
	FILE *f = fopen(path, "re");
	char line[2048];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += !strncmp(line, begin, strlen(begin)) && strstr(line, text);
	fclose(f);
	return n;
}

/* The server says so in a file, which tells nobody that it has grown: look. */
static void log_await(const struct server *server, const char *begin, unsigned n)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (file_count(server->log, begin, "") < n) {
		if (now_boot_ns() > until || waitpid(server->pid, NULL, WNOHANG))
			fail_msg("the name server does not say '%s'", begin);
		poll(NULL, 0, 2);
	}
}

static void server_exec(const struct server *server, const char *address)
{
	int log = open(server->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char path[600];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s", bpfd);
	strcpy(strrchr(path, '/'), "/tests/names/server");
	dup2(log, 1);
	execl(path, path, address, "0", server->zone, NULL);
	_exit(99);
}

const char *lookup_serve(const char *address, const char *zone)
{
	struct server *server = &servers[n_servers++];
	unsigned port;
	FILE *f;

	assert_true(n_servers <= SERVERS);
	snprintf(server->zone, sizeof(server->zone), "%s/zone%u", world->dir, n_servers);
	snprintf(server->log, sizeof(server->log), "%s/queries%u", world->dir, n_servers);
	file_write(server->zone, zone);
	file_write(server->log, "");
	server->pid = fork();
	if (!server->pid)
		server_exec(server, address);
	log_await(server, "ready ", 1);
	f = fopen(server->log, "re");
	assert_int_equal(fscanf(f, "ready %u", &port), 1);
	fclose(f);
	snprintf(server->address, sizeof(server->address), "%s:%u", address, port);
	return server->address;
}

void lookup_zone(const char *zone)
{
	unsigned n = file_count(servers[0].log, "zone", "");

	file_write(servers[0].zone, zone);
	kill(servers[0].pid, SIGHUP);
	log_await(&servers[0], "zone", n + 1);
}

/* Connections are looked for where processes of the guard are. */
static void inhabit(void)
{
	char byte;
	int in[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	inhabitant = fork();
	if (!inhabitant) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (cgroup_join(world->cgroup_fd) || write(in[1], "1", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(in[1]);
	assert_int_equal(read(in[0], &byte, 1), 1);
	close(in[0]);
}

void lookup_begin(const char *zone, const char *mode)
{
	inhabit();
	agent_start_asking(lookup_serve("127.0.0.1", zone));
	assert_works("attach", world->cgroup_path, "--name", "box", "--names", mode);
}

void lookup_end(void)
{
	if (inhabitant) {
		kill(inhabitant, SIGKILL);
		waitpid(inhabitant, NULL, 0);
		inhabitant = 0;
	}
	while (n_servers) {
		pid_t pid = servers[--n_servers].pid;

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

unsigned lookup_asked(const char *text)
{
	unsigned n = 0;

	for (unsigned i = 0; i < n_servers; i++)
		n += file_count(servers[i].log, "query ", text);
	return n;
}

void lookup_await_asked(unsigned n)
{
	log_await(&servers[0], "query ", n);
}

/* --- questions --------------------------------------------------------------------------------- */

#define EDE_OPTION 15
#define TYPE_SOA   6
#define TYPE_OPT   41

static size_t name_skip(const uint8_t *bytes, size_t size, size_t at)
{
	while (at < size && bytes[at] && bytes[at] < 0xc0)
		at += bytes[at] + 1;
	assert_true(at < size);
	return at + (bytes[at] ? 2 : 1);
}

static void name_text(const uint8_t *bytes, size_t at, char ret[static 256])
{
	size_t n = 0;

	for (int i = 0; bytes[at] && i < 128; i++) {
		if (bytes[at] >= 0xc0) {
			at = (bytes[at] & 0x3f) << 8 | bytes[at + 1];
			continue;
		}
		n += snprintf(ret + n, 256 - n, "%s%.*s", n ? "." : "", bytes[at], bytes + at + 1);
		at += bytes[at] + 1;
	}
}

static void options_read(struct lookup *ret, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 4 <= size; at += 4 + message_get(bytes, at + 2))
		if (message_get(bytes, at) == EDE_OPTION)
			ret->ede = message_get(bytes, at + 4);
}

static void record_read(struct lookup *ret, const uint8_t *bytes, size_t at, bool answer)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	unsigned type = message_get(bytes, at), size = message_get(bytes, at + 8);
	const uint8_t *data = bytes + at + 10;

	if (type == TYPE_OPT)
		options_read(ret, data, size);
	else if (type == TYPE_SOA)
		ret->minimum = message_get(data, size - 4) << 16 | message_get(data, size - 2);
	if (!answer)
		return;
	ret->ttl = message_get(bytes, at + 4) << 16 | message_get(bytes, at + 6);
	if (type == TYPE_A) {
		memcpy(ret->addr[ret->n], mapped, sizeof(mapped));
		memcpy(ret->addr[ret->n++] + 12, data, 4);
	} else if (type == TYPE_AAAA) {
		memcpy(ret->addr[ret->n++], data, 16);
	} else {
		ret->other++;
		if (type == TYPE_PTR)
			name_text(bytes, data - bytes, ret->target);
	}
}

static struct lookup found;

const struct lookup *lookup_read(const uint8_t *bytes, size_t size)
{
	size_t at = 12;
	unsigned n;

	memset(&found, 0, sizeof(found));
	found.ede = found.minimum = -1;
	assert_true(size >= 12);
	found.rcode = bytes[3] & 0xf;
	found.truncated = bytes[2] & 2;
	if (message_get(bytes, 4)) {
		memcpy(found.name, bytes + 13, sizeof(found.name));
		at = name_skip(bytes, size, at) + 4;
	}
	n = message_get(bytes, 6) + message_get(bytes, 8) + message_get(bytes, 10);
	for (unsigned i = 0; i < n; i++) {
		at = name_skip(bytes, size, at);
		assert_true(at + 10 <= size);
		record_read(&found, bytes, at, i < message_get(bytes, 6));
		at += 10 + message_get(bytes, at + 8);
		assert_true(at <= size && found.n < 250);
	}
	return &found;
}

static const struct lookup *lookup_nothing(void)
{
	memset(&found, 0, sizeof(found));
	found.rcode = DNS_NONE;
	return &found;
}

/* With EDNS, so that a refusal says why. */
static const struct message *question(const char *name, uint16_t type)
{
	static struct message m;
	static uint16_t id;

	message_begin(&m, ++id, 0x100, name, type);
	message_name(&m, "");
	message_16(&m, TYPE_OPT);
	message_16(&m, 1232);
	message_32(&m, 0);
	message_16(&m, 0);
	message_count(&m, ADDITIONAL);
	return &m;
}

const struct lookup *lookup_by(int fd, const char *name, uint16_t type, int ms)
{
	const struct message *m = question(name, type);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	const struct sockaddr *server = to(LOOKUP_SERVER, 53);
	struct sockaddr_storage from;
	socklen_t size = sizeof(from);
	uint8_t bytes[4096];
	ssize_t n;

	if (getpeername(fd, (struct sockaddr *)&from, &size))
		n = sendto(fd, m->bytes, m->n, 0, server, to_size(server));
	else
		n = send(fd, m->bytes, m->n, 0);
	do {
		if (n < 0 || poll(&ready, 1, ms) != 1)
			return lookup_nothing();
		size = sizeof(from);
		n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);
	} while (n >= 2 && memcmp(bytes, m->bytes, 2)); /* late, to another question */
	if (n < 0)
		return lookup_nothing();
	lookup_read(bytes, n);
	found.from = from;
	return &found;
}

const struct lookup *lookup(const char *name, uint16_t type)
{
	int fd = inside_socket(AF_INET, SOCK_DGRAM);

	lookup_by(fd, name, type, LIMIT_MS);
	close(fd);
	return &found;
}

const struct lookup *lookup_tcp(const char *name, uint16_t type)
{
	static uint8_t bytes[65536];
	const struct message *m = question(name, type);
	int fd = inside_socket(AF_INET, SOCK_STREAM);
	const struct sockaddr *server = to(LOOKUP_SERVER, 53);
	uint8_t head[2] = { m->n >> 8, m->n };
	bool came = !connect(fd, server, to_size(server)) && send(fd, head, 2, MSG_MORE) == 2 &&
		    send(fd, m->bytes, m->n, 0) == (ssize_t)m->n &&
		    recv(fd, head, 2, MSG_WAITALL) == 2;
	size_t size = message_get(head, 0);

	came = came && recv(fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
	close(fd);
	return came ? lookup_read(bytes, size) : lookup_nothing();
}

const char *lookup_address(const struct lookup *answer, unsigned i)
{
	static char text[4][64];
	static unsigned turn;

	assert_true(i < answer->n);
	turn = (turn + 1) % 4;
	return addr_format(text[turn], answer->addr[i]);
}

void assert_found(const char *name, const char *addr)
{
	const struct lookup *answer = lookup(name, strchr(addr, ':') ? TYPE_AAAA : TYPE_A);

	if (answer->rcode || answer->n != 1 || strcmp(lookup_address(answer, 0), addr))
		fail_msg("%s: code %u, %u addresses", name, answer->rcode, answer->n);
}

void assert_unknown(const char *name)
{
	const struct lookup *answer = lookup(name, TYPE_A);

	if (answer->rcode != DNS_NXDOMAIN || answer->n)
		fail_msg("%s: code %u, %u addresses", name, answer->rcode, answer->n);
	assert_int_equal(answer->minimum, 1);
	assert_int_equal(answer->ede, 15);
}

void assert_no_data(const char *name, uint16_t type)
{
	const struct lookup *answer = lookup(name, type);

	if (answer->rcode || answer->n || answer->other)
		fail_msg("%s: code %u, %u addresses, %u others", name, answer->rcode, answer->n,
			 answer->other);
}

/* --- sockets of the guard ----------------------------------------------------------------------- */

static int socket_made(const struct place *place, int family, int type, int proto)
{
	char path[64];
	int fd;

	if (cgroup_join(place->cgroup_fd))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", place->pid);
	if (place->pid) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET))
			return -1;
	}
	return socket(family, type | SOCK_CLOEXEC, proto);
}

static void socket_send(int channel, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	struct iovec part = { &(char){ 'x' }, 1 };
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control.room) };

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	_exit(sendmsg(channel, &msg, 0) == 1 ? 0 : 1);
}

int place_socket(const struct place *place, int family, int type, int proto)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int pair[2], fd;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (!pid) {
		fd = socket_made(place, family, type, proto);
		if (fd < 0)
			_exit(1);
		socket_send(pair[1], fd);
	}
	close(pair[1]);
	assert_int_equal(recvmsg(pair[0], &msg, MSG_CMSG_CLOEXEC), 1);
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	close(pair[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return fd;
}

int inside_socket(int family, int type)
{
	return place_socket(&(struct place){ .cgroup_fd = world->cgroup_fd }, family, type, 0);
}

const struct sockaddr *to(const char *addr, uint16_t port)
{
	static union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} all[4], *at;
	static unsigned turn;

	at = &all[turn++ % 4];
	memset(at, 0, sizeof(*at));
	if (inet_pton(AF_INET, addr, &at->in.sin_addr) == 1) {
		at->in.sin_family = AF_INET;
		at->in.sin_port = htons(port);
	} else {
		assert_int_equal(inet_pton(AF_INET6, addr, &at->in6.sin6_addr), 1);
		at->in6.sin6_family = AF_INET6;
		at->in6.sin6_port = htons(port);
	}
	return &at->sa;
}

socklen_t to_size(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
					  : sizeof(struct sockaddr_in6);
}

int reach(const char *addr, uint16_t port)
{
	const struct sockaddr *peer = to(addr, port);
	int fd = inside_socket(peer->sa_family, SOCK_STREAM);
	int error = connect(fd, peer, to_size(peer)) ? errno : 0;

	close(fd);
	return error;
}

int throw_to(const char *addr, uint16_t port)
{
	const struct sockaddr *peer = to(addr, port);
	int fd = inside_socket(peer->sa_family, SOCK_DGRAM);
	int error = sendto(fd, "x", 1, 0, peer, to_size(peer)) < 0 ? errno : 0;

	close(fd);
	return error;
}

int call_by(int fd, const char *addr)
{
	const struct sockaddr *peer = addr ? to(addr, TEST_ECHO) : NULL;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char byte;

	if (sendto(fd, "x", 1, 0, peer, peer ? to_size(peer) : 0) < 0)
		return errno;
	return poll(&ready, 1, LIMIT_MS) != 1 ? ETIMEDOUT : recv(fd, &byte, 1, 0) < 0 ? errno : 0;
}

int stream_moves(int fd, int ms)
{
	uint64_t until = now_boot_ns() + ms * UINT64_C(1000000);
	int waiting;

	if (send(fd, "x", 1, MSG_NOSIGNAL) < 0)
		return errno;
	do {
		struct pollfd gone = { .fd = fd };

		if (poll(&gone, 1, 1) == 1) /* nobody tells that it was acknowledged: look */
			return ECONNABORTED;
		assert_int_equal(ioctl(fd, SIOCOUTQ, &waiting), 0);
	} while (waiting && now_boot_ns() < until);
	return waiting ? ETIMEDOUT : 0;
}

/* --- people -------------------------------------------------------------------------------------- */

#define HEARD_MAX 512

static struct {
	struct terok_client *client;
	bool subscribed, answered;
	char error[256], rule[320];
	unsigned n, open, held, told, missed;
	struct heard heard[HEARD_MAX];
} people;

static void on_subscribed(void *user)
{
	(void)user;
	people.subscribed = true;
}

/* A request that is told again is the same. */
static bool is_known(const char *id)
{
	for (unsigned i = 0; i < people.n; i++)
		if (!strcmp(people.heard[i].type, "request") && !strcmp(people.heard[i].id, id))
			return true;
	return false;
}

static void on_event(const struct terok_event *event, int64_t lost, void *user)
{
	struct heard *heard = &people.heard[people.n];

	(void)lost;
	(void)user;
	if (!strcmp(event->type, "held"))
		people.held += event->count;
	people.told += !strcmp(event->type, "refused");
	if (!strcmp(event->type, "missed"))
		people.missed += event->count;
	people.open += !strcmp(event->type, "request") && !is_known(event->request_id);
	people.open -= !strcmp(event->type, "expired") ||
		       (!strcmp(event->type, "verdict") && event->ok);
	if (people.n == HEARD_MAX)
		return;
	people.n++;
	snprintf(heard->type, sizeof(heard->type), "%s", event->type);
	snprintf(heard->what, sizeof(heard->what), "%s",
		 *event->domain ? event->domain : event->dest);
	snprintf(heard->reason, sizeof(heard->reason), "%s", event->reason);
	snprintf(heard->id, sizeof(heard->id), "%s", event->request_id);
	snprintf(heard->rule, sizeof(heard->rule), "%s", event->rule);
	snprintf(heard->client, sizeof(heard->client), "%s", event->client);
	snprintf(heard->parent, sizeof(heard->parent), "%s",
		 event->parents ? event->parent[0] : "");
}

static void on_answered(const char *error, const char *problem, uint64_t cookie, void *user)
{
	(void)cookie;
	(void)user;
	people.answered = true;
	snprintf(people.error, sizeof(people.error), "%s: %s", error ? error : "", problem);
}

static void on_outcome(const struct terok_outcome *outcome, uint64_t cookie, void *user)
{
	(void)cookie;
	(void)user;
	snprintf(people.rule, sizeof(people.rule), "%s", outcome->rule);
}

static const struct terok_client_events events = { .subscribed = on_subscribed,
						   .event = on_event,
						   .outcome = on_outcome,
						   .answered = on_answered };

static void people_hear(uint64_t until)
{
	struct pollfd ready = { .fd = terok_client_fd(people.client), .events = POLLIN };

	if (now_boot_ns() > until || poll(&ready, 1, LIMIT_MS) != 1)
		fail_msg("nothing more comes from the hub");
	assert_int_equal(terok_client_process(people.client), 0);
}

void people_listen(void)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);
	char path[128];

	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	memset(&people, 0, sizeof(people));
	assert_int_equal(terok_client_open(path, &events, NULL, &people.client), 0);
	assert_int_equal(terok_client_monitor(people.client, 0, true), 0);
	while (!people.subscribed)
		people_hear(until);
}

void people_leave(void)
{
	if (people.client)
		terok_client_close(people.client);
	people.client = NULL;
}

unsigned people_heard(const char *type, const char *what, const char *reason)
{
	unsigned n = 0;

	for (unsigned i = 0; i < people.n; i++)
		n += !strcmp(people.heard[i].type, type) && !strcmp(people.heard[i].what, what) &&
		     (!reason || !strcmp(people.heard[i].reason, reason));
	return n;
}

void people_await(const char *type, const char *what)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (!people_heard(type, what, NULL))
		people_hear(until);
}

const struct heard *people_last(const char *type, const char *what)
{
	const struct heard *last = NULL;

	for (unsigned i = 0; i < people.n; i++)
		if (!strcmp(people.heard[i].type, type) &&
		    (!what || !strcmp(people.heard[i].what, what)))
			last = &people.heard[i];
	return last;
}

void people_await_verdict(void)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (!people_last("verdict", NULL))
		people_hear(until);
}

unsigned people_open(void)
{
	return people.open;
}

void people_await_open(unsigned n)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (people.open != n)
		people_hear(until);
}

void people_await_all(unsigned n)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (people.told + people.missed < n)
		people_hear(until);
	assert_int_equal(people.told + people.missed, n);
}

unsigned people_missed(void)
{
	return people.missed;
}

unsigned people_held(void)
{
	return people.held;
}

void people_await_held(unsigned n)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);

	while (people.held < n)
		people_hear(until);
}

const char *people_say(const char *what, const struct terok_answer *answer)
{
	uint64_t until = now_boot_ns() + LIMIT_MS * UINT64_C(1000000);
	const char *id = NULL;

	for (unsigned i = 0; i < people.n; i++)
		if (!strcmp(people.heard[i].type, "request") && !strcmp(people.heard[i].what, what))
			id = people.heard[i].id;
	assert_non_null(id);
	people.answered = false;
	*people.rule = '\0';
	assert_int_equal(terok_client_answer_with(people.client, id, answer, 1), 0);
	while (!people.answered)
		people_hear(until);
	return strcmp(people.error, ": ") ? people.error : people.rule;
}

void people_answer(const char *what, const char *action, const char *scope)
{
	const struct terok_answer answer = { .action = action, .scope = scope };

	people_say(what, &answer);
	assert_string_equal(people.error, ": ");
}
