// SPDX-License-Identifier: Apache-2.0
#include "zone_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANY_SERVER "192.0.2.53" /* whatever is asked, the guard's resolver answers */
#define ANSWER_MS  5000
#define QUERY_ID   0x4711

static pid_t server;

static void file_put(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* "ready PORT", its first line. */
static unsigned server_port(int fd)
{
	char line[64] = "";
	unsigned port = 0;

	for (size_t n = 0; n < sizeof(line) - 1 && !strchr(line, '\n'); n++) {
		struct pollfd more = { .fd = fd, .events = POLLIN };

		assert_int_equal(poll(&more, 1, ANSWER_MS), 1);
		assert_int_equal(read(fd, line + n, 1), 1);
	}
	assert_int_equal(sscanf(line, "ready %u", &port), 1);
	return port;
}

void zone_server_start(const struct test_world *world, const char *program, const char *zone)
{
	char path[512], zone_path[128], conf[128], text[64];
	int out[2];

	snprintf(path, sizeof(path), "%.*s/tests/names/server",
		 (int)(strrchr(program, '/') - program), program);
	if (access(path, X_OK)) {
		print_message("%s is not there (make test)\n", path);
		skip();
	}
	snprintf(zone_path, sizeof(zone_path), "%s/zone", world->dir);
	snprintf(conf, sizeof(conf), "%s/resolv.conf", world->dir);
	file_put(zone_path, zone);
	assert_int_equal(pipe(out), 0);
	server = fork();
	if (!server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		close(out[0]);
		execl(path, "server", "127.0.0.1", "0", zone_path, NULL);
		_exit(99);
	}
	close(out[1]);
	snprintf(text, sizeof(text), "nameserver 127.0.0.1:%u\n", server_port(out[0]));
	/* its reading end stays open: it writes a line for each question */
	file_put(conf, text);
	setenv("TEROK_RESOLV_CONF", conf, 1);
}

void zone_server_stop(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
	unsetenv("TEROK_RESOLV_CONF");
}

/* --- a client that knows as much DNS as it needs ------------------------------------------- */

static size_t query_make(uint8_t *out, const char *name)
{
	static const uint8_t head[12] = { QUERY_ID >> 8, QUERY_ID & 0xff, 1, 0, 0, 1 };
	static const uint8_t end[5] = { 0, 0, 1, 0, 1 }; /* the root, A, IN */
	size_t n = sizeof(head);

	memcpy(out, head, n);
	while (*name) {
		size_t label = strcspn(name, ".");

		out[n++] = label;
		memcpy(out + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	memcpy(out + n, end, sizeof(end));
	return n + sizeof(end);
}

static size_t name_skip(const uint8_t *msg, size_t size, size_t at)
{
	while (at < size && msg[at] && msg[at] < 0xc0)
		at += 1 + msg[at];
	return at + (at < size && msg[at] ? 2 : 1);
}

static int answer_read(const uint8_t *msg, size_t size, char ret[static ADDR_TEXT])
{
	size_t at;

	if (size < 12 || (msg[0] << 8 | msg[1]) != QUERY_ID)
		return -EBADMSG;
	at = name_skip(msg, size, 12) + 4;
	for (int n = msg[6] << 8 | msg[7]; n && at < size; n--) {
		size_t data = name_skip(msg, size, at) + 10;

		if (data + 4 > size)
			return -EBADMSG;
		if (msg[data - 9] == 1 && !*ret)
			inet_ntop(AF_INET, msg + data, ret, ADDR_TEXT);
		at = data + (msg[data - 2] << 8 | msg[data - 1]);
	}
	return msg[3] & 15;
}

int zone_lookup(const char *name, char ret[static ADDR_TEXT])
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct pollfd answer = { .events = POLLIN };
	uint8_t msg[1500];
	ssize_t n = query_make(msg, name);
	int r = 0;

	*ret = '\0';
	inet_pton(AF_INET, ANY_SERVER, &to.sin_addr);
	answer.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connect(answer.fd, (struct sockaddr *)&to, sizeof(to)) ||
	    send(answer.fd, msg, n, 0) != n)
		r = -errno;
	if (!r && poll(&answer, 1, ANSWER_MS) != 1)
		r = -ETIMEDOUT;
	if (!r) {
		n = recv(answer.fd, msg, sizeof(msg), 0);
		r = n < 0 ? -errno : answer_read(msg, n, ret);
	}
	close(answer.fd);
	return r;
}

struct question {
	const char *name;
	int rcode;
	char addr[ADDR_TEXT];
};

static int ask(const void *arg)
{
	struct question *question = *(struct question *const *)arg;

	question->rcode = zone_lookup(question->name, question->addr);
	return 0;
}

int zone_ask(struct test_world *world, const char *name, char ret[static ADDR_TEXT])
{
	struct question *question = mmap(NULL, sizeof(*question), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int r;

	assert_true(question != MAP_FAILED);
	question->name = name;
	question->rcode = -ETIMEDOUT;
	assert_int_equal(test_inside(world, ask, &question), 0);
	memcpy(ret, question->addr, ADDR_TEXT);
	r = question->rcode;
	munmap(question, sizeof(*question));
	return r;
}
