// SPDX-License-Identifier: Apache-2.0
#include "enrol_worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "attach.h"
#include "base/sock.h"
#include "caller.h"
#include "enrol_word.h"
#include "owned.h"

#define TASK_FD   3
#define NOTE_NICE 10 /* when nobody waits any more, and the container begins */

/* Was a guard made? What is in the report then. */
static bool task_do(const struct enrol_task *task, const int *fd, struct kernel **kernel,
		    struct enrol_report *report, struct guard *guard)
{
	const struct control_attach *word = &task->word;
	struct guard_spec spec = { .cgroup_fd = fd[0],
				   .netns_fd = fd[1],
				   .kind = TEROK_KIND_CONTAINER,
				   .uid = task->uid,
				   .container = word->id,
				   .name = word->name,
				   .state = word->state ?: TEROK_STATE_UP,
				   .state_kept = !word->state };
	static struct attach_plan plan;
	struct problem why = {};
	bool existing = false;
	int r = owned_room(kernel, task->uid, &why);

	if (task->uid)
		caller_become(task->uid, 0);
	unsetenv("SUDO_UID"); /* whoever started the agent has not said this */
	attach_plan_of(word, &plan);
	if (!r)
		r = attach_held(kernel, &spec, &plan, guard, &existing, &why);
	report->guard = r ? 0 : guard->id;
	snprintf(report->problem, sizeof(report->problem), "%s", r ? why.text : "");
	report->result = r;
	return !r && !existing;
}

/* It may never come: the core ends. */
static bool task_await(struct enrol_task *task, int fd[static ENROL_TASK_FDS])
{
	struct pollfd word = { .fd = TASK_FD, .events = POLLIN };

	while (poll(&word, 1, -1) < 0 && errno == EINTR)
		;
	return sock_receive(TASK_FD, task, sizeof(*task), fd, ENROL_TASK_FDS) == sizeof(*task) &&
	       fd[0] >= 0 && fd[1] >= 0;
}

int enrol_worker_main(void)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct enrol_report report = {};
	static struct enrol_task task;
	int fd[ENROL_TASK_FDS];
	struct problem why = {};
	struct guard guard;
	bool made;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	kernel = attach_ahead();
	if (!task_await(&task, fd))
		return 0;
	/* the core has looked at it; this is not to depend on that */
	if (enrol_word_check(&task.word, task.uid, &why))
		return 1;
	made = task_do(&task, fd, &kernel, &report, &guard);
	if (send(TASK_FD, &report, sizeof(report), MSG_NOSIGNAL) != sizeof(report))
		return 1;
	setpriority(PRIO_PROCESS, 0, NOTE_NICE);
	if (made)
		attach_note(&guard);
	return 0;
}
