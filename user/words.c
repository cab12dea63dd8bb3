// SPDX-License-Identifier: Apache-2.0
#include "words.h"

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

struct words {
	const struct kernel *kernel;
	const struct words_events *events;
	void *user;
	struct control *control;
	struct enrol *enrol;
	struct deeds *deeds;
};

/* Its cgroup is gone before poststop hooks run, and that is news already; here in case it was late. */
static int on_stopped(struct words *words, const struct control_caller *caller,
		      const struct control_stopped *stopped, struct problem *why)
{
	struct guard guard;

	if (!control_text_ok(stopped->id))
		return problem(why, -EINVAL, "a text without an end");
	if (!guard_of_container(words->kernel, stopped->id, caller->uid, &guard))
		words->events->ended(guard.id, words->user);
	control_done(words->control, caller->token, 0, 0, NULL);
	return 0;
}

static int on_deed(struct words *words, const struct control_caller *caller,
		   const struct control_deed *deed, struct problem *why)
{
	_cleanup_close_ int fd = -1;
	struct problem lost = {};
	int r;

	if (!caller->uid)
		return problem(why, -EINVAL, "root does its deeds itself");
	r = deeds_room(words->deeds, caller->uid, why);
	if (r)
		return r;
	fd = control_take(words->control, caller->token);
	if (fd >= 0 && deeds_begin(words->deeds, caller->uid, deed, fd, &lost))
		log_warn(0, "a deed of user %u: %s", caller->uid, lost.text);
	return 0;
}

/* From outside of all guards, and still who it was when it was looked at. */
static int caller_check(const struct words *words, const struct control_caller *caller,
			struct problem *why)
{
	if (guard_holds(words->kernel, caller->pid))
		return problem(why, -EPERM, "from within a guard nothing is changed");
	if (caller->pidfd >= 0 && pidfd_send_signal(caller->pidfd, 0, NULL, 0) && errno == ESRCH)
		return problem(why, -ESRCH, "whoever said that has gone");
	return 0;
}

static void on_word(const struct control_caller *caller, const struct control_packet *word,
		    void *user)
{
	struct words *words = user;
	struct problem why = {};
	int r;

	if (word->type == CONTROL_CHANGED) {
		words->events->changed(word->CHANGED.guard, words->user);
		control_done(words->control, caller->token, 0, word->CHANGED.guard, NULL);
		return;
	}
	r = caller_check(words, caller, &why);
	if (!r && word->type == CONTROL_ATTACH)
		r = enrol_attach(words->enrol, caller, &word->ATTACH, &why);
	else if (!r && word->type == CONTROL_STOPPED)
		r = on_stopped(words, caller, &word->STOPPED, &why);
	else if (!r && word->type == CONTROL_DEED)
		r = on_deed(words, caller, &word->DEED, &why);
	if (r)
		control_done(words->control, caller->token, r, 0, &why);
}

static void on_gone(uint64_t token, void *user)
{
	struct words *words = user;

	enrol_gone(words->enrol, token);
}

static void on_guarded(uint32_t guard, void *user)
{
	struct words *words = user;

	words->events->guarded(guard, words->user);
}

static void on_answer(uint64_t token, int result, uint32_t guard, const struct problem *why,
		      void *user)
{
	struct words *words = user;

	control_done(words->control, token, result, guard, why);
}

int words_serve(struct loop *loop, const struct kernel *kernel, const struct words_events *events,
		void *user, struct words **ret, struct problem *why)
{
	static const struct control_events said = { .word = on_word, .gone = on_gone };
	static const struct enrol_events enrolled = { .guarded = on_guarded, .answer = on_answer };
	struct words *words = calloc(1, sizeof(*words));
	int r;

	if (!words)
		return -ENOMEM;
	words->kernel = kernel;
	words->events = events;
	words->user = user;
	r = deeds_new(loop, &words->deeds);
	if (!r)
		r = enrol_new(loop, kernel, &enrolled, words, &words->enrol);
	if (!r)
		r = control_serve(loop, &said, words, &words->control, why);
	if (r) {
		words_free(words);
		return r;
	}
	*ret = words;
	return 0;
}

void words_free(struct words *words)
{
	if (!words)
		return;
	control_free(words->control);
	enrol_free(words->enrol);
	deeds_free(words->deeds);
	free(words);
}
