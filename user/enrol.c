// SPDX-License-Identifier: Apache-2.0
#include "enrol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/sock.h"
#include "cgroup.h"
#include "claim.h"
#include "enrol_word.h"
#include "enrol_worker.h"
#include "guard.h"
#include "standby.h"

#define WAITING_MAX CONTROL_PEERS /* each is somebody who waits at the socket */

enum enrolment_state { ENROLMENT_FREE, ENROLMENT_WAITS, ENROLMENT_RUNS, ENROLMENT_ENDS };

struct enrolment {
	enum enrolment_state state;
	struct enrol *enrol;
	uint64_t token, order;
	struct enrol_task *task;
	struct claim claim;
	struct errand child;
	int fd; /* our end of the pair */
	struct source report, exit;
	struct timer deadline;
	bool ahead;  /* the child had waited for it */
	bool stands; /* the child said so */
};

#define ENROLMENT_NONE                                                                             \
	((struct enrolment){ .fd = -1, .claim = { .pidfd = -1, .cgroup_fd = -1, .netns_fd = -1 } })

struct enrol {
	struct loop *loop;
	const struct kernel *kernel;
	const struct enrol_events *events;
	void *user;
	uint64_t order;
	struct standby standby;
	struct enrolment one[WAITING_MAX];
};

static void enrol_next(struct enrol *enrol);
static int enrolment_run(struct enrolment *one);

/* --- one --------------------------------------------------------------------------------- */

static void enrolment_free(struct enrolment *one)
{
	source_del(&one->report);
	source_del(&one->exit);
	timer_disarm(&one->deadline);
	if (one->child.pid) {
		errand_kill(&one->child);
		errand_end(&one->child);
	}
	closep(&one->fd);
	claim_done(&one->claim);
	free(one->task);
	*one = ENROLMENT_NONE;
}

/*
 * The child did not say that the guard stands. What it left half done denies all, and goes; what it
 * had done before it could say so ends with its cgroup, as all do.
 */
static void left_behind(struct enrolment *one)
{
	const struct kernel *kernel = one->enrol->kernel;
	struct problem why = {};
	struct guard guard;
	uint64_t cgroup;

	if (cgroup_id(one->claim.cgroup_fd, &cgroup) || guard_of_cgroup(kernel, cgroup, &guard))
		return;
	if (guard.state != TEROK_STATE_NONE)
		one->enrol->events->guarded(guard.id, one->enrol->user);
	else if (guard_detach(kernel, &guard, &why))
		log_error(0, "guard %u is half attached and stays so: %s", guard.id, why.text);
}

static void enrolment_answer(struct enrolment *one, int result, uint32_t guard,
			     const struct problem *why)
{
	struct enrol *enrol = one->enrol;

	one->state = ENROLMENT_ENDS;
	one->stands = !result;
	source_del(&one->report);
	if (result)
		log_warn(0, "container %s of user %u is refused: %s", one->task->word.id,
			 one->task->uid, why->text);
	else
		enrol->events->guarded(guard, enrol->user);
	if (one->token)
		enrol->events->answer(one->token, result, guard, why, enrol->user);
	one->token = 0;
}

static int enrolment_reported(struct source *source, uint32_t events)
{
	struct enrolment *one = container_of(source, struct enrolment, report);
	struct enrol_report report;
	struct problem why = {};

	(void)events;
	if (recv(one->fd, &report, sizeof(report), MSG_DONTWAIT) != sizeof(report)) {
		if (errno != EAGAIN && errno != EINTR)
			source_del(source); /* it has ended, or will: its exit comes */
		return 0;
	}
	report.problem[sizeof(report.problem) - 1] = '\0';
	problem(&why, 0, "%s", report.problem);
	enrolment_answer(one, report.result > 0 ? -EPROTO : report.result, report.guard, &why);
	return 0;
}

/* It may have died as it waited, and not of its task: a new one has it. */
static bool enrolment_again(struct enrolment *one)
{
	source_del(&one->report);
	closep(&one->fd);
	return !enrolment_run(one);
}

static int enrolment_exited(struct source *source, uint32_t events)
{
	struct enrolment *one = container_of(source, struct enrolment, exit);
	struct enrol *enrol = one->enrol;
	struct problem why = {};

	if (one->state == ENROLMENT_RUNS) /* both may have come at once */
		enrolment_reported(&one->report, events);
	source_del(&one->exit);
	errand_end(&one->child);
	if (!one->stands)
		left_behind(one);
	if (one->state == ENROLMENT_RUNS && one->ahead && enrolment_again(one))
		return 0;
	if (one->state == ENROLMENT_RUNS) {
		problem(&why, 0, "its policy could not be put in force: the agent's child died");
		enrolment_answer(one, -ECHILD, 0, &why);
	}
	enrolment_free(one);
	enrol_next(enrol);
	return 0;
}

static int enrolment_late(struct timer *timer)
{
	struct enrolment *one = container_of(timer, struct enrolment, deadline);
	struct problem why = {};

	errand_kill(&one->child); /* its exit comes */
	problem(&why, 0, "its policy is not in force after %d s", (int)(ENROL_NS / SECOND_NS));
	if (one->state == ENROLMENT_RUNS)
		enrolment_answer(one, -ETIMEDOUT, 0, &why);
	return 0;
}

/* --- its child --------------------------------------------------------------------------- */

/* It has its task, with what the claim found. */
static int child_take(struct enrolment *one)
{
	int found[ENROL_TASK_FDS] = { one->claim.cgroup_fd, one->claim.netns_fd };
	int r = standby_take(&one->enrol->standby, &one->child, &one->fd);

	if (r < 0)
		return r;
	one->ahead = r;
	r = sock_send(one->fd, one->task, sizeof(*one->task), found, ENROL_TASK_FDS);
	if (!r)
		return 0;
	errand_kill(&one->child);
	errand_end(&one->child);
	closep(&one->fd);
	return r;
}

static int enrolment_run(struct enrolment *one)
{
	int r = child_take(one);

	if (r == -EPIPE && one->ahead)
		r = child_take(one);
	if (r)
		return r;
	r = source_add(one->enrol->loop, &one->exit, one->child.pid_fd, EPOLLIN, enrolment_exited);
	if (!r)
		r = source_add(one->enrol->loop, &one->report, one->fd, EPOLLIN,
			       enrolment_reported);
	if (!one->deadline.loop)
		timer_arm(one->enrol->loop, &one->deadline, now_boot_ns() + ENROL_NS,
			  enrolment_late);
	return r;
}

/* --- all of them ------------------------------------------------------------------------- */

static bool is_at_work(const struct enrolment *one)
{
	return one->state == ENROLMENT_RUNS || one->state == ENROLMENT_ENDS;
}

/* Children that @uid has, or all users have; and how many there are. */
static unsigned at_work(const struct enrol *enrol, uint32_t uid, unsigned *of_uid)
{
	unsigned n = 0;

	*of_uid = 0;
	for (int i = 0; i < WAITING_MAX; i++) {
		n += is_at_work(&enrol->one[i]);
		*of_uid += is_at_work(&enrol->one[i]) && enrol->one[i].task->uid == uid;
	}
	return n;
}

static bool may_run(const struct enrol *enrol, const struct enrolment *one)
{
	unsigned theirs, n = at_work(enrol, one->task->uid, &theirs);

	if (!one->task->uid)
		return n < ENROL_CHILDREN;
	return n < ENROL_CHILDREN - 1 && theirs < ENROL_CHILDREN_USER;
}

/* Who came first of those that may. */
static struct enrolment *next_of(struct enrol *enrol)
{
	struct enrolment *found = NULL;

	for (int i = 0; i < WAITING_MAX; i++) {
		struct enrolment *one = &enrol->one[i];

		if (one->state == ENROLMENT_WAITS && (!found || one->order < found->order) &&
		    may_run(enrol, one))
			found = one;
	}
	return found;
}

static void enrol_next(struct enrol *enrol)
{
	struct problem why = {};
	struct enrolment *one;

	while ((one = next_of(enrol))) {
		int r = enrolment_run(one);

		one->state = ENROLMENT_RUNS;
		if (!r)
			continue;
		problem(&why, 0, "start a child: %s", strerror(-r));
		enrolment_answer(one, r, 0, &why);
		enrolment_free(one);
	}
}

int enrol_attach(struct enrol *enrol, const struct control_caller *caller,
		 const struct control_attach *word, struct problem *why)
{
	struct enrolment *one = enrol->one, *end = enrol->one + WAITING_MAX;
	struct claim claim;
	int r = enrol_word_check(word, caller->uid, why);

	while (one < end && one->state != ENROLMENT_FREE)
		one++;
	if (!r && one == end)
		return problem(why, -EAGAIN, "too many containers start at once");
	if (!r)
		r = claim_open(word->pid, word->id, word->name, &claim, why);
	if (r)
		return r;
	r = claim_check(&claim, caller->uid, why);
	if (!r && claim_is_within(&claim, caller->pid))
		r = problem(why, -EREMCHG, "who asks for its guard is in its cgroup %s",
			    claim.cgroup);
	if (!r && !(one->task = calloc(1, sizeof(*one->task))))
		r = problem(why, -ENOMEM, "%s", strerror(ENOMEM));
	if (r) {
		claim_done(&claim);
		return r;
	}
	one->task->uid = caller->uid;
	one->task->word = *word;
	one->claim = claim;
	one->enrol = enrol;
	one->token = caller->token;
	one->order = ++enrol->order;
	one->state = ENROLMENT_WAITS;
	enrol_next(enrol);
	return 0;
}

void enrol_gone(struct enrol *enrol, uint64_t token)
{
	for (int i = 0; i < WAITING_MAX; i++) {
		struct enrolment *one = &enrol->one[i];

		if (one->state == ENROLMENT_FREE || one->token != token)
			continue;
		if (one->state == ENROLMENT_WAITS)
			enrolment_free(one);
		else
			one->token = 0;
	}
}

int enrol_new(struct loop *loop, const struct kernel *kernel, const struct enrol_events *events,
	      void *user, struct enrol **ret)
{
	struct enrol *enrol = calloc(1, sizeof(*enrol));

	if (!enrol)
		return -ENOMEM;
	enrol->loop = loop;
	enrol->kernel = kernel;
	enrol->events = events;
	enrol->user = user;
	standby_init(&enrol->standby, loop, "enrol");
	for (int i = 0; i < WAITING_MAX; i++)
		enrol->one[i] = ENROLMENT_NONE;
	*ret = enrol;
	return 0;
}

void enrol_coming(struct enrol *enrol)
{
	standby_want(&enrol->standby);
}

void enrol_free(struct enrol *enrol)
{
	if (!enrol)
		return;
	standby_end(&enrol->standby);
	for (int i = 0; i < WAITING_MAX; i++)
		if (enrol->one[i].state != ENROLMENT_FREE)
			enrolment_free(&enrol->one[i]);
	free(enrol);
}
