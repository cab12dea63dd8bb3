// SPDX-License-Identifier: Apache-2.0
/* control_ask.c - the callers' side of control.h */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/packet.h"
#include "control.h"
#include "kernel.h"

#define PATIENCE_NS (2 * SECOND_NS) /* how long a verb waits for a busy agent */
#define AGAIN_NS    10000000        /* before a word is said again that there was no room for */

const char *control_path(void)
{
	static char path[108];

	snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, kernel_run_dir());
	return path;
}

static int done_read(const struct control_packet *packet, uint32_t *guard, struct problem *why)
{
	if (guard)
		*guard = packet->DONE.guard;
	if (*packet->DONE.problem)
		problem(why, 0, "%.*s", CONTROL_TEXT - 1, packet->DONE.problem);
	return packet->DONE.result > 0 ? -EPROTO : packet->DONE.result;
}

static int replies_hear(int fd, const struct control_ask *ask, uint64_t until_ns, uint32_t *guard,
			struct problem *why)
{
	struct control_packet packet;

	for (;;) {
		ssize_t n = packet_receive(fd, &packet, sizeof(packet), until_ns);

		if (n <= 0)
			return n ? n : -EPIPE;
		if (n > (ssize_t)sizeof(packet) || !control_msg_check(&packet, n) ||
		    control_msg_may(packet.type))
			return -EPROTO;
		if (packet.type == CONTROL_DONE)
			return done_read(&packet, guard, why);
		if (ask->reply)
			ask->reply(&packet, ask->user);
	}
}

static int ask_once(struct control_ask *ask, uint64_t until_ns, uint32_t *guard,
		    struct problem *why)
{
	_cleanup_close_ int fd = packet_connect(control_path(), until_ns);
	int r = fd < 0 ? fd : 0;

	if (!r)
		r = packet_send(fd, &ask->word, control_msg_size(ask->word.type), until_ns);
	/* who is refused before it has spoken is told so all the same */
	if (!r || r == -EPIPE)
		r = replies_hear(fd, ask, until_ns, guard, why);
	/* it was closed with our word unread (the kernel says so before it gives the reply) */
	return r == -ECONNRESET ? -EAGAIN : r;
}

int control_ask(struct control_ask *ask, uint32_t *guard, struct problem *why)
{
	const struct timespec pause = { .tv_nsec = AGAIN_NS };
	uint64_t until_ns = now_boot_ns() + (ask->patience_ns ? ask->patience_ns : PATIENCE_NS);
	int r;

	ask->word.version = CONTROL_VERSION;
	while ((r = ask_once(ask, until_ns, guard, why)) == -EAGAIN && now_boot_ns() < until_ns)
		nanosleep(&pause, NULL);
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

int control_notify(uint32_t guard)
{
	struct control_ask ask = { .word = { .type = CONTROL_CHANGED, .CHANGED.guard = guard } };

	return control_ask(&ask, NULL, NULL);
}
