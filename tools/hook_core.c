// SPDX-License-Identifier: Apache-2.0
#include "hook_core.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/packet.h"

#define PAUSE_NS 20000000 /* before it is said again */

/* TEROK_RUN is believed like the rest of what starts us; not from a file that has more rights. */
static const char *run_path(char buf[static 108], const char *name)
{
	const char *run = secure_getenv("TEROK_RUN");

	if (snprintf(buf, 108, "%s/%s", run && *run ? run : CONTROL_RUN, name) >= 108)
		*buf = '\0';
	return buf;
}

static const char *socket_path(char buf[static 108])
{
	return run_path(buf, CONTROL_SOCKET);
}

/*
 * There is no agent: until when may there be one again? One that died left its socket behind, one
 * that ended touched its lock as the last thing it did. 0: it is long gone.
 */
static uint64_t until_again(void)
{
	uint64_t now = now_boot_ns();
	struct timespec real;
	struct stat st;
	char path[108];
	int64_t ago;

	if (!stat(socket_path(path), &st))
		return now + HOOK_AGAIN_NS;
	if (stat(run_path(path, "agent.lock"), &st) || clock_gettime(CLOCK_REALTIME, &real))
		return 0;
	ago = (real.tv_sec - st.st_mtim.tv_sec) * SECOND_NS + real.tv_nsec - st.st_mtim.tv_nsec;
	return ago < 0 || ago >= (int64_t)HOOK_AGAIN_NS ? 0 : now + HOOK_AGAIN_NS - ago;
}

/* One word and its answer. *broken: there was an agent, and it went away. */
static int say(const struct control_packet *word, uint64_t until_ns, bool *broken,
	       struct problem *why)
{
	struct control_packet reply;
	char path[108];
	_cleanup_close_ int fd = packet_connect(socket_path(path), until_ns);
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	r = packet_send(fd, word, control_msg_size(word->type), until_ns);
	if (r && r != -EPIPE)
		return r;
	n = packet_receive(fd, &reply, sizeof(reply), until_ns);
	*broken = n == 0 || n == -ECONNRESET;
	if (n <= 0)
		return n ?: -EPIPE;
	if (n > (ssize_t)sizeof(reply) || !control_msg_check(&reply, n) ||
	    reply.type != CONTROL_DONE || !control_text_ok(reply.DONE.problem))
		return problem(why, -EPROTO,
			       "the agent speaks another language: are hook and agent of one "
			       "version?");
	problem(why, 0, "%s", reply.DONE.problem);
	return reply.DONE.result > 0 ? -EPROTO : reply.DONE.result;
}

static int say_until(const struct control_packet *word, uint64_t until_ns, struct problem *why)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t again_ns = 0, now;
	bool broken = false;
	int r;

	for (;;) {
		r = say(word, until_ns, &broken, why);
		now = now_boot_ns();
		if (broken && !again_ns)
			again_ns = now + HOOK_AGAIN_NS;
		else if (r == -ENOENT && !again_ns)
			again_ns = until_again() ?: now;
		broken = false;
		if (now >= until_ns)
			return r;
		/* no room; or it has been there, and may come back */
		if (r != -EAGAIN &&
		    !((r == -EPIPE || r == -ECONNRESET || r == -ENOENT) && now < again_ns))
			return r;
		nanosleep(&pause, NULL);
	}
}

void hook_coming(void)
{
	static const struct control_packet word = { .type = CONTROL_COMING,
						    .version = CONTROL_VERSION };
	uint64_t until_ns = now_boot_ns() + HOOK_COMING_NS;
	char path[108];
	_cleanup_close_ int fd = packet_connect(socket_path(path), until_ns);

	if (fd >= 0)
		packet_send(fd, &word, control_msg_size(word.type), until_ns);
}

int hook_attach(struct control_attach *word, struct problem *why)
{
	struct control_packet packet = { .type = CONTROL_ATTACH, .version = CONTROL_VERSION };
	struct problem said = {};
	char path[108];
	int r;

	packet.ATTACH = *word;
	r = say_until(&packet, now_boot_ns() + HOOK_WAIT_NS, &said);
	if (!r)
		return 0;
	if (*said.text && r != -EAGAIN)
		return problem(why, r, "%s", said.text);
	if (r == -ENOENT)
		return problem(why, r, "no agent at %s guards it; try: systemctl start terok-bpfd",
			       socket_path(path));
	if (r == -ETIMEDOUT || r == -EAGAIN)
		return problem(why, -ETIMEDOUT, "the agent did not answer in %u s",
			       (unsigned)(HOOK_WAIT_NS / SECOND_NS));
	if (r == -EPIPE || r == -ECONNRESET)
		return problem(why, r, "the agent ended before the guard stood");
	return problem(why, r, "the agent at %s: %s", socket_path(path), strerror(-r));
}

int hook_stopped(const char *id)
{
	struct control_packet packet = { .type = CONTROL_STOPPED, .version = CONTROL_VERSION };

	if (strlen(id) >= sizeof(packet.STOPPED.id))
		return -EINVAL;
	strcpy(packet.STOPPED.id, id);
	return say_until(&packet, now_boot_ns() + HOOK_STOPPED_NS, NULL);
}
