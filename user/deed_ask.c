// SPDX-License-Identifier: Apache-2.0
#include "deed_ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control.h"
#include "deeds.h"
#include "verbs.h"

struct hearing {
	bool ended;
	int code;
};

static void on_reply(const struct control_packet *reply, void *user)
{
	struct hearing *hearing = user;

	if (reply->type == CONTROL_TEXT_OUT && reply->TEXT_OUT.size <= CONTROL_TEXT_MAX) {
		fwrite(reply->TEXT_OUT.text, 1, reply->TEXT_OUT.size,
		       reply->TEXT_OUT.stream == CONTROL_STDERR ? stderr : stdout);
	} else if (reply->type == CONTROL_EXIT) {
		hearing->ended = true;
		hearing->code = reply->EXIT.code;
	}
}

int deed_ask(const struct control_deed *deed)
{
	struct hearing hearing = {};
	struct control_ask ask = { .word = { .type = CONTROL_DEED, .DEED = *deed },
				   .patience_ns = DEEDS_LATE_NS,
				   .reply = on_reply,
				   .user = &hearing };
	struct problem why = {};
	int r = control_ask(&ask, NULL, &why);

	if (r == -ENOENT && !*why.text)
		problem(&why, r,
			"only root can do that without the agent, and it does not run; sudo "
			"systemctl start terok-bpfd, or sudo terok-bpfd run");
	else if ((r == -EACCES || r == -EPERM) && !*why.text)
		problem(&why, r, "%s: %s", control_path(), strerror(-r));
	else if (r && !*why.text)
		problem(&why, r, "the agent did not answer: %s", strerror(-r));
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	if (!hearing.ended)
		return log_error(0, "the agent did not say how it ended"), -EIO;
	return hearing.code == 2 ? -EINVAL : hearing.code ?: 0;
}
