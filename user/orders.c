// SPDX-License-Identifier: Apache-2.0
#include "orders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control.h"
#include "deeds.h"
#include "enrol.h"
#include "guard.h"
#include "handover.h"
#include "plane.h"
#include "whose.h"

struct orders {
	const struct kernel *kernel;
	const struct orders_events *events;
	void *user;
	struct control *control;
	struct enrol *enrol;
	struct deeds *deeds;
};

/* Its cgroup is gone before poststop hooks run, and that is news already; here in case it was late. */
static int on_stopped(struct orders *orders, const struct control_caller *caller,
		      const struct control_stopped *stopped, struct problem *why)
{
	struct guard guard;

	if (!control_text_ok(stopped->id))
		return problem(why, -EINVAL, "a text without an end");
	if (!guard_of_container(orders->kernel, stopped->id, caller->uid, &guard))
		orders->events->ended(guard.id, orders->user);
	control_done(orders->control, caller->token, 0, 0, NULL);
	return 0;
}

static int on_deed(struct orders *orders, const struct control_caller *caller,
		   const struct control_deed *deed, struct problem *why)
{
	_cleanup_close_ int fd = -1;
	struct problem lost = {};
	int r;

	if (!caller->uid)
		return problem(why, -EINVAL, "root does its deeds itself");
	r = deeds_room(orders->deeds, caller->uid, why);
	if (r)
		return r;
	fd = control_take(orders->control, caller->token);
	if (fd >= 0 && deeds_begin(orders->deeds, caller, deed, fd, &lost))
		log_warn(0, "a deed of user %u: %s", caller->uid, lost.text);
	return 0;
}

static int on_listen(struct orders *orders, const struct control_caller *caller,
		     const struct control_listen *want, struct problem *why)
{
	struct control_packet reply = { .type = CONTROL_LISTENS };
	_cleanup_close_ int fd =
	    handover_listen(orders->kernel, want, caller->uid, &reply.LISTENS, why);

	if (fd < 0)
		return fd;
	if (!control_hand(orders->control, caller->token, &reply, fd))
		control_done(orders->control, caller->token, 0, want->guard, NULL);
	return 0;
}

struct telling {
	struct orders *orders;
	uint64_t token;
	unsigned room;
};

static void tell_alarm(const struct msg_alarm *alarm, void *arg)
{
	struct telling *telling = arg;
	struct control_packet reply = { .type = CONTROL_ALARM };

	if (!telling->room)
		return;
	telling->room--;
	reply.ALARM.since_ns = alarm->since_ns;
	reply.ALARM.uid = alarm->uid;
	reply.ALARM.pid = alarm->pid;
	memcpy(reply.ALARM.id, alarm->id, sizeof(alarm->id));
	memcpy(reply.ALARM.name, alarm->name, sizeof(alarm->name));
	memcpy(reply.ALARM.why, alarm->why, sizeof(alarm->why));
	control_reply(telling->orders->control, telling->token, &reply);
}

static int on_alarms(struct orders *orders, const struct control_caller *caller,
		     const struct control_alarms *asked)
{
	struct telling telling = { orders, caller->token, CONTROL_PAGE };

	orders->events->alarms(caller->uid ?: asked->uid, tell_alarm, &telling, orders->user);
	control_done(orders->control, caller->token, 0, 0, NULL);
	return 0;
}

static int on_whose(struct orders *orders, const struct control_caller *caller,
		    const struct control_whose *asked, struct problem *why)
{
	const struct whose_use use = { orders->kernel, orders->events->netns, orders->user };
	struct control_packet reply = { .type = CONTROL_OWNER };
	int r = whose_socket(&use, asked, caller->uid, &reply.OWNER, why);

	if (r)
		return r;
	if (!control_reply(orders->control, caller->token, &reply))
		control_done(orders->control, caller->token, 0, reply.OWNER.guard, NULL);
	return 0;
}

static int on_agent(struct orders *orders, const struct control_caller *caller,
		    const struct agent_told *told, struct problem *why)
{
	struct msg_agent agent;
	int r = plane_tells(orders->kernel, caller, told, &agent, why);

	if (r)
		return r;
	orders->events->agent(&agent, orders->user);
	control_done(orders->control, caller->token, 0, agent.guard, NULL);
	return 0;
}

/* Who asked knows that it is so before people do. */
static int on_contain(struct orders *orders, const struct control_caller *caller,
		      const struct control_contain *contain, struct problem *why)
{
	struct msg_agent agent;
	int r = plane_contains(orders->kernel, caller, contain, &agent, why);

	if (r)
		return r;
	control_done(orders->control, caller->token, 0, agent.guard, why);
	orders->events->agent(&agent, orders->user);
	return 0;
}

/* From outside of all guards, and still who it was when it was looked at. */
static int caller_check(const struct orders *orders, const struct control_caller *caller,
			struct problem *why)
{
	if (guard_holds(orders->kernel, caller->pid))
		return problem(why, -EPERM, "from within a guard nothing is changed");
	if (caller->pidfd >= 0 && pidfd_send_signal(caller->pidfd, 0, NULL, 0) && errno == ESRCH)
		return problem(why, -ESRCH, "whoever said that has gone");
	return 0;
}

static void on_word(const struct control_caller *caller, const struct control_packet *word,
		    void *user)
{
	struct orders *orders = user;
	struct problem why = {};
	int r;

	if (word->type == CONTROL_CHANGED) {
		orders->events->changed(word->CHANGED.guard, orders->user);
		control_done(orders->control, caller->token, 0, word->CHANGED.guard, NULL);
		return;
	}
	r = caller_check(orders, caller, &why);
	if (!r && word->type == CONTROL_COMING) {
		enrol_coming(orders->enrol);
		control_done(orders->control, caller->token, 0, 0, NULL);
	} else if (!r && word->type == CONTROL_ATTACH)
		r = enrol_attach(orders->enrol, caller, &word->ATTACH, &why);
	else if (!r && word->type == CONTROL_STOPPED)
		r = on_stopped(orders, caller, &word->STOPPED, &why);
	else if (!r && word->type == CONTROL_ALARMS)
		r = on_alarms(orders, caller, &word->ALARMS);
	else if (!r && word->type == CONTROL_AGENT)
		r = on_agent(orders, caller, &word->AGENT, &why);
	else if (!r && word->type == CONTROL_CONTAIN)
		r = on_contain(orders, caller, &word->CONTAIN, &why);
	else if (!r && word->type == CONTROL_LISTEN)
		r = on_listen(orders, caller, &word->LISTEN, &why);
	else if (!r && word->type == CONTROL_WHOSE)
		r = on_whose(orders, caller, &word->WHOSE, &why);
	else if (!r && word->type == CONTROL_DEED)
		r = on_deed(orders, caller, &word->DEED, &why);
	if (r)
		control_done(orders->control, caller->token, r, 0, &why);
}

static void on_gone(uint64_t token, void *user)
{
	struct orders *orders = user;

	enrol_gone(orders->enrol, token);
}

static void on_guarded(uint32_t guard, void *user)
{
	struct orders *orders = user;

	orders->events->guarded(guard, orders->user);
}

static void on_answer(uint64_t token, int result, uint32_t guard, const struct problem *why,
		      void *user)
{
	struct orders *orders = user;

	control_done(orders->control, token, result, guard, why);
}

int orders_serve(struct loop *loop, const struct kernel *kernel, const struct orders_events *events,
		 void *user, struct orders **ret, struct problem *why)
{
	static const struct control_events said = { .word = on_word, .gone = on_gone };
	static const struct enrol_events enrolled = { .guarded = on_guarded, .answer = on_answer };
	struct orders *orders = calloc(1, sizeof(*orders));
	int r;

	if (!orders)
		return -ENOMEM;
	orders->kernel = kernel;
	orders->events = events;
	orders->user = user;
	r = deeds_new(loop, &orders->deeds);
	if (!r)
		r = enrol_new(loop, kernel, &enrolled, orders, &orders->enrol);
	if (!r)
		r = control_serve(loop, &said, orders, &orders->control, why);
	if (r) {
		orders_free(orders);
		return r;
	}
	*ret = orders;
	return 0;
}

void orders_free(struct orders *orders)
{
	if (!orders)
		return;
	control_free(orders->control);
	enrol_free(orders->enrol);
	deeds_free(orders->deeds);
	free(orders);
}
