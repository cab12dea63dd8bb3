// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_varlink.c - whatever a client sends, at once or byte by byte, every answer is the
 * same, printable, and JSON; and the next client is served
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "hub/hub_core.h"
#include "hub/serve.h"

#define SIZE_MAX_ 2048 /* of an input: answers fit into the socket, so nothing waits */
#define OUT       (256 << 10)
#define QUIET     8 /* turns without an answer: longer than calls that fit wait for their turn */

static struct loop *loop;
static struct sockaddr_un where = { .sun_family = AF_UNIX };
static socklen_t where_size = sizeof(where);

static int fake_send(struct msg_packet *packet, void *user)
{
	(void)packet, (void)user;
	return -EIO; /* so that a request stays open */
}

static int turn_over(struct timer *timer)
{
	(void)timer;
	return 1;
}

static void turn(void)
{
	struct timer timer = {};

	timer_arm(loop, &timer, now_boot_ns(), turn_over); /* behind those that are due */
	if (loop_run(loop) != 1)
		abort();
}

/* A hub with one request, "c:1" to 192.0.2.1. */
static void start(void)
{
	static struct msg_packet guard = { .type = MSG_GUARD }, refused = { .type = MSG_REFUSED };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	static struct varlink_server *server; /* both for ever: an input begins with a new peer */
	static struct hub_core *core;

	/* a name that the kernel chooses, in no folder */
	if (bind(fd, (struct sockaddr *)&where, sizeof(sa_family_t)) || listen(fd, 8) ||
	    getsockname(fd, (struct sockaddr *)&where, &where_size) || loop_new(&loop) ||
	    hub_core_new(fake_send, NULL, &core) ||
	    serve_new(loop, fd, hub_core_hub(core), &server))
		abort();
	guard.GUARD.id = refused.REFUSED.record.guard = 1;
	guard.GUARD.info.container[0] = 'c';
	refused.REFUSED.ask = 1;
	memcpy(refused.REFUSED.record.dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01", 16);
	hub_core_hear(core, &guard);
	hub_core_hear(core, &refused);
}

/* All that comes back for @data, sent in bites. */
static size_t answers(const uint8_t *data, size_t size, size_t bite, char *out)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t n = 0, quiet = 0;

	if (connect(fd, (struct sockaddr *)&where, where_size))
		abort();
	turn();
	/* a user's calls may take so much time a turn, so the last may be answered later */
	for (size_t i = 0; i <= size || quiet < QUIET; i += bite, quiet++) {
		ssize_t got;

		if (i < size) {
			send(fd, data + i, bite < size - i ? bite : size - i, MSG_NOSIGNAL);
			quiet = 0; /* what counts is after the last byte */
		}
		turn();
		for (; (got = recv(fd, out + n, OUT - n, 0)) > 0; quiet = 0)
			n += got;
	}
	close(fd);
	turn();
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char fast[OUT], slow[OUT];
	static const char info[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	size_t n;

	if (!loop)
		start();
	if (size > SIZE_MAX_)
		return 0;
	n = answers(data, size, size + 1, fast);
	if (n != answers(data, size, 1, slow) || memcmp(fast, slow, n) || (n && fast[n - 1]))
		abort();
	for (size_t i = 0; i < n; i += strlen(fast + i) + 1) {
		_cleanup_(json_putp) struct json_object *object = NULL;

		for (const char *p = fast + i; *p; p++)
			if (*p < 0x20 || *p > 0x7e)
				abort();
		if (json_parse(fast + i, strlen(fast + i), &object))
			abort();
	}
	if (!answers((const uint8_t *)info, sizeof(info), sizeof(info) + 1, slow))
		abort();
	return 0;
}
