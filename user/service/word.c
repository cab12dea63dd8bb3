// SPDX-License-Identifier: Apache-2.0
#include "word.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/packet.h"
#include "base/sock.h"

#define AGENT_LOCK "agent.lock"

int word_path(char ret[static WORD_PATH])
{
	const char *run = getenv("TEROK_RUN");

	return snprintf(ret, WORD_PATH, "%s/" CONTROL_SOCKET, run && *run ? run : CONTROL_RUN) >=
		       WORD_PATH
		   ? -ENAMETOOLONG
		   : 0;
}

bool word_agent_is_known(const char *path)
{
	const char *slash = strrchr(path, '/');
	char lock[WORD_PATH + sizeof(AGENT_LOCK)];

	snprintf(lock, sizeof(lock), "%.*s/" AGENT_LOCK, slash ? (int)(slash - path) : 0, path);
	return !access(lock, F_OK) || (errno != ENOENT && errno != ENOTDIR);
}

bool word_is_said(const struct word *word)
{
	return word->source.loop;
}

void word_end(struct word *word)
{
	if (!word_is_said(word))
		return;
	source_del(&word->source);
	timer_disarm(&word->late);
	closep(&word->sock);
}

static void over(struct word *word, int error, const struct control_packet *reply, int *fd)
{
	word_end(word);
	word->heard(word, error, reply, fd);
}

static int word_late(struct timer *timer)
{
	int none = -1;

	over(container_of(timer, struct word, late), -ETIMEDOUT, NULL, &none);
	return 0;
}

static int word_answered(struct source *source, uint32_t events)
{
	struct word *word = container_of(source, struct word, source);
	_cleanup_close_ int fd = -1;
	struct control_packet reply;
	ssize_t n = sock_receive(word->sock, &reply, sizeof(reply), &fd, 1);

	(void)events;
	/* closed with our word unread: the kernel says so, once, before it gives the reply */
	if (n == -EAGAIN || n == -EINTR || n == -ECONNRESET)
		return 0;
	if (n > 0 && n <= (ssize_t)sizeof(reply) && control_msg_check(&reply, n))
		over(word, 0, &reply, &fd);
	else
		over(word, -EPIPE, NULL, &fd);
	return 0;
}

int word_say(struct loop *loop, struct word *word, const char *path, struct control_packet *packet,
	     uint64_t patience_ns)
{
	uint64_t now = now_boot_ns(), until = now + WORD_BUSY_NS;
	_cleanup_close_ int sock = packet_connect(path, until);
	int r;

	if (sock < 0)
		return sock;
	packet->version = CONTROL_VERSION;
	r = packet_send(sock, packet, control_msg_size(packet->type), until);
	/* who is refused before it has spoken is told so all the same */
	if (!r || r == -EPIPE || r == -ECONNRESET)
		r = source_add(loop, &word->source, sock, EPOLLIN, word_answered);
	if (r)
		return r;
	word->sock = TAKE_FD(sock);
	timer_arm(loop, &word->late, now + patience_ns, word_late);
	return 0;
}
