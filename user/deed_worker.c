// SPDX-License-Identifier: Apache-2.0
/*
 * deed_worker.c - terok-bpfd --worker deed: one deed of one user's, done as root
 *
 * Descriptor 3 is the user's connection to the control socket, 4 a file with the struct
 * deeds_task. Whoever said the deed chose every byte of it but the number of the user, which is
 * the kernel's: so it is checked as if it were an attack, and guards of others are not there.
 * What the deed prints is kept until it is done, and goes out as packets then: whatever locks a
 * deed takes, it holds none while it waits for its user, and no descriptor of theirs is ever
 * written to.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/log.h"
#include "caller.h"
#include "deed.h"
#include "deeds.h"

#define PEER_FD 3
#define TASK_FD 4
#define TAKE_S  5 /* for one packet: who does not read has enough */

static bool packet_say(const struct control_packet *packet)
{
	return send(PEER_FD, packet, control_msg_size(packet->type), MSG_NOSIGNAL) >= 0;
}

static void text_say(enum control_stream stream, const char *text, size_t size)
{
	struct control_packet packet = { .type = CONTROL_TEXT_OUT, .version = CONTROL_VERSION };

	packet.TEXT_OUT.stream = stream;
	for (size_t at = 0; at < size; at += packet.TEXT_OUT.size) {
		packet.TEXT_OUT.size = size - at < CONTROL_TEXT_MAX ? size - at : CONTROL_TEXT_MAX;
		memcpy(packet.TEXT_OUT.text, text + at, packet.TEXT_OUT.size);
		if (!packet_say(&packet))
			_exit(1); /* nobody hears it; what is done is done */
	}
}

static void end_say(int result, int code, const char *text)
{
	struct control_packet exited = { .type = CONTROL_EXIT, .version = CONTROL_VERSION };
	struct control_packet done = { .type = CONTROL_DONE, .version = CONTROL_VERSION };

	exited.EXIT.code = code;
	done.DONE.result = result;
	snprintf(done.DONE.problem, sizeof(done.DONE.problem), "%s", text);
	if (!result)
		packet_say(&exited);
	packet_say(&done);
}

/* As cli_main() has it. */
static int exit_code(int r)
{
	return r >= 0 ? r : r == -EINVAL ? 2 : 1;
}

/* Do it, and say what it printed. */
static int deed_tell(const struct control_deed *deed)
{
	char *out = NULL, *err = NULL;
	size_t out_size = 0, err_size = 0;
	int code;

	stdout = open_memstream(&out, &out_size);
	stderr = open_memstream(&err, &err_size);
	if (!stdout || !stderr)
		return 1;
	code = exit_code(deed_run(deed));
	if (fclose(stdout) || fclose(stderr))
		return 1;
	text_say(CONTROL_STDOUT, out, out_size);
	text_say(CONTROL_STDERR, err, err_size);
	end_say(0, code, "");
	return 0;
}

int deed_worker_main(void)
{
	const struct timeval patience = { .tv_sec = TAKE_S };
	struct deeds_task task;

	if (confine_early(TASK_FD) ||
	    setsockopt(PEER_FD, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)))
		return 1;
	if (pread(TASK_FD, &task, sizeof(task), 0) != sizeof(task) || !task.uid)
		return 1;
	if (deed_check(&task.deed)) {
		end_say(-EBADMSG, 0, "that is nothing a command of ours says");
		return 1;
	}
	caller_become(task.uid, task.pid);
	return deed_tell(&task.deed);
}
