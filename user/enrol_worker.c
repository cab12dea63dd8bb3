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

#define TASK_FD   3
#define CGROUP_FD 4
#define NETNS_FD  5

static const char *const names_said[CONTROL_NAMES_MAX_] = {
	[CONTROL_NAMES_LEARN] = "learn",
	[CONTROL_NAMES_SYNTHETIC] = "synthetic",
	[CONTROL_NAMES_OFF] = "off",
};

static void plan_of(const struct control_attach *word, struct attach_plan *plan)
{
	*plan = (struct attach_plan){ .profiles = word->profiles_said ? word->profiles : NULL,
				      .names = names_said[word->names],
				      .n_infra = word->n_infra,
				      .n_ports = word->n_ports,
				      .dossier = &word->dossier };
	for (unsigned i = 0; i < word->n_infra; i++) {
		plan->infra[i] = (struct dest){ .bits = 128,
						.port = word->infra[i].port,
						.proto = word->infra[i].proto };
		memcpy(plan->infra[i].addr, word->infra[i].addr, 16);
	}
	for (unsigned i = 0; i < word->n_ports; i++)
		plan->port[i] = (struct publish){ word->port[i].port, word->port[i].proto };
}

struct share {
	uint32_t uid;
	unsigned n;
};

static int share_count(uint32_t id, const struct terok_info *info, void *user)
{
	struct share *share = user;

	(void)id;
	share->n += info->uid == share->uid;
	return 0;
}

/* The table of guards is everybody's. */
static int share_check(uint32_t uid, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct share share = { .uid = uid };
	int r;

	if (!uid)
		return 0;
	r = kernel_open(&kernel, why);
	if (r)
		return r;
	r = kernel_each_label(kernel->map[MAP_INFO], share_count, &share);
	if (!r && share.n >= ENROL_USER_GUARDS)
		return problem(why, -EDQUOT, "user %u has %u guards, and no user has more", uid,
			       share.n);
	return r;
}

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
	int r = share_check(task->uid, &why);

	if (task->uid)
		caller_become(task->uid);
	unsetenv("SUDO_UID"); /* whoever started the agent has not said this */
	plan_of(word, &plan);
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
