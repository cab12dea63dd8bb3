// SPDX-License-Identifier: Apache-2.0
#include "enrol_worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "attach.h"
#include "caller.h"
#include "enrol_word.h"
#include "owned.h"

#define TASK_FD   3
#define CGROUP_FD 4
#define NETNS_FD  5

/* Was a guard made? What is in the report then. */
static bool task_do(const struct enrol_task *task, struct enrol_report *report, struct guard *guard)
{
	const struct control_attach *word = &task->word;
	struct guard_spec spec = { .cgroup_fd = CGROUP_FD,
				   .netns_fd = NETNS_FD,
				   .kind = TEROK_KIND_CONTAINER,
				   .uid = task->uid,
				   .container = word->id,
				   .name = word->name,
				   .state = word->state ?: TEROK_STATE_UP,
				   .state_kept = !word->state };
	static struct attach_plan plan;
	struct problem why = {};
	bool existing = false;
	int r = owned_room(task->uid, &why);

	if (task->uid)
		caller_become(task->uid, 0);
	unsetenv("SUDO_UID"); /* whoever started the agent has not said this */
	attach_plan_of(word, &plan);
	if (!r)
		r = attach_held(&spec, &plan, guard, &existing, &why);
	report->guard = r ? 0 : guard->id;
	snprintf(report->problem, sizeof(report->problem), "%s", r ? why.text : "");
	report->result = r;
	return !r && !existing;
}

int enrol_worker_main(void)
{
	struct enrol_report report = {};
	static struct enrol_task task;
	struct problem why = {};
	struct guard guard;
	bool made;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* the core has looked at it; this is not to depend on that */
	if (recv(TASK_FD, &task, sizeof(task), 0) != sizeof(task) ||
	    enrol_word_check(&task.word, task.uid, &why))
		return 1;
	made = task_do(&task, &report, &guard);
	if (send(TASK_FD, &report, sizeof(report), MSG_NOSIGNAL) != sizeof(report))
		return 1;
	if (made)
		attach_note(&guard);
	return 0;
}
