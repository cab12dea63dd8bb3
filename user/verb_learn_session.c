// SPDX-License-Identifier: Apache-2.0
/*
 * verb_learn_session.c - terok-bpfd learn-session: run one command open, print what it reached
 *
 * As exec, but nothing is asked: the guard is down, so that nothing fails that would not fail
 * without a guard, and notes each destination in the kernel. When CMD and all that it left
 * behind are dead, the table is read once. CMD's standard output goes to standard error; ours
 * is the profile.
 *
 * Returns CMD's exit code (128 + n when signal n ended it), or a negative errno when CMD
 * was not started.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "exec_agent.h"
#include "exec_child.h"
#include "exec_guard.h"
#include "exec_options.h"
#include "explain.h"
#include "harvest.h"
#include "reached.h"
#include "verbs.h"

struct session {
	struct exec_options options;
	struct exec_guard own;
	struct exec_child child;
	struct loop *loop;
	struct source signals;
	int signal_fd, code;
	char name[TEROK_NAME_LEN];
	struct harvest harvest;
	uint64_t missed; /* that found no room in the table */
};

/* --- the run ----------------------------------------------------------------------------- */

static void on_ended(struct exec_child *child, int code, int sig)
{
	struct session *session = container_of(child, struct session, child);

	(void)sig;
	session->code = code;
	loop_stop(session->loop);
}

/* The terminal's own signals reach CMD without us: it shares our process group. */
static int on_signal(struct source *source, uint32_t events)
{
	struct session *session = container_of(source, struct session, signals);
	struct signalfd_siginfo news;

	(void)events;
	if (read(session->signal_fd, &news, sizeof(news)) != sizeof(news))
		return 0;
	if (news.ssi_code != SI_KERNEL)
		child_signal(&session->child, news.ssi_signo);
	if (news.ssi_signo == SIGTSTP)
		raise(SIGSTOP);
	return 0;
}

static int prepare(struct session *session, struct problem *why)
{
	int r = loop_new(&session->loop);

	if (!r)
		r = child_take_signals(&session->child, session->loop, &session->signals, on_signal,
				       &session->signal_fd);
	if (!r)
		r = agent_ensure(why);
	if (!r)
		r = exec_guard_make(&session->own, &session->options, session->name, why);
	if (!r)
		r = exec_guard_tell(&session->own, why);
	if (!r)
		r = exec_guard_names(&session->own, &session->options, why);
	if (r)
		return r;
	session->child.argv = session->options.argv;
	session->child.cgroup_fd = session->own.cgroup_fd;
	session->child.to_stderr = true;
	session->child.ended = on_ended;
	r = child_start(&session->child, session->loop);
	return r ? problem(why, r, "cannot start %.80s: %s", session->options.argv[0], strerror(-r))
		 : 0;
}

/* --- what it reached ----------------------------------------------------------------------- */

/* When it was, by the clock that people have. */
static const char *when_text(char buf[static HARVEST_WHEN_LEN], uint64_t boot_ns)
{
	time_t at = time(NULL) - (now_boot_ns() - boot_ns) / SECOND_NS;
	struct tm utc;

	strftime(buf, HARVEST_WHEN_LEN, "%Y-%m-%dT%H:%M:%S+00:00", gmtime_r(&at, &utc));
	return buf;
}

static int take(const struct reached *reached, void *user)
{
	struct session *session = user;
	char name[PROFILE_DOMAIN_LEN], when[HARVEST_WHEN_LEN];
	char comm[TEROK_COMM_LEN + 1] = "";
	struct harvest_wish wish = { .dest = reached->dest,
				     .count = reached->value.count,
				     .refused = !reached->allowed };

	/* what --deny closed; of what else is refused a person should hear */
	if (wish.refused && !explain_is_special(wish.dest.addr)) {
		session->harvest.left[HARVEST_DENIED] += wish.count;
		return 0;
	}
	memcpy(comm, reached->value.comm, TEROK_COMM_LEN);
	wish.process = comm;
	wish.domain =
	    reached_name(session->own.kernel, session->own.guard.id, wish.dest.addr, name);
	wish.when = when_text(when, reached->value.last_ns);
	return harvest_add(&session->harvest, &wish);
}

static int profile_print(struct session *session)
{
	_cleanup_json_ struct json json = {};
	char title[TEROK_NAME_LEN + 80];
	int r = harvest_sort(&session->harvest);

	if (r)
		return r;
	if (!session->options.json) {
		snprintf(title, sizeof(title),
			 "learned by terok-bpfd learn-session: what %s reached", session->name);
		harvest_print(&session->harvest, title, stdout);
		return 0;
	}
	json_open_object(&json, NULL);
	json_add_string(&json, "name", session->name);
	json_add_int(&json, "exit_code", session->code);
	json_add_uint(&json, "missed", session->missed);
	harvest_json(&session->harvest, &json);
	json_close_object(&json);
	return json_done(&json) ? (puts(json.text), 0) : json.error;
}

/* All processes are dead: what is in the table now is all there will be. */
static void learn(struct session *session)
{
	int r = reached_each(session->own.kernel, session->own.guard.id, take, session,
			     &session->missed);

	if (session->missed)
		log_warn(0,
			 "learn-session: %llu connects and packets are not in the profile: "
			 "the table of destinations was full (%d)",
			 (unsigned long long)session->missed, TEROK_MAX_REACHED);
	if (!r)
		r = profile_print(session);
	if (r)
		log_error(r, "learn-session: what was reached cannot be told");
}

static int run(struct session *session)
{
	unsigned killed = 0;
	struct problem why = {};
	struct terok_counts counts;
	int r = prepare(session, &why);

	if (r)
		log_error(*why.text ? 0 : r, "learn-session: %s",
			  *why.text ? why.text : "cannot start");
	else
		r = loop_run(session->loop);
	exec_guard_kill(&session->own, &killed);
	if (!r && killed)
		log_info("learn-session: %u process%s left behind %s killed", killed,
			 killed == 1 ? "" : "es", killed == 1 ? "was" : "were");
	if (!r)
		learn(session);
	exec_guard_clear(&session->own, &counts);
	return r ? r : session->code;
}

static void done(struct session *session)
{
	child_done(&session->child);
	source_del(&session->signals);
	closep(&session->signal_fd);
	loop_free(session->loop);
	harvest_done(&session->harvest);
	free(session);
}

int verb_learn_session(int argc, char **argv)
{
	struct session *session = calloc(1, sizeof(*session));
	struct problem why = {};
	int r;

	if (!session)
		return log_error(-ENOMEM, "learn-session");
	session->own.cgroup_fd = session->own.keeper_fd = session->signal_fd = -1;
	session->child.pidfd = session->child.talk = session->child.terminal = -1;
	r = learn_options_parse(argc, argv, &session->options, &why);
	if (!r && geteuid())
		r = problem(&why, -EPERM, "needs root; try: sudo terok-bpfd learn-session -- %.80s",
			    session->options.argv[0]);
	if (r) {
		if (*why.text)
			log_error(0, "learn-session: %s", why.text);
	} else {
		snprintf(session->name, sizeof(session->name), "%s", session->options.name ?: "");
		if (!*session->name)
			snprintf(session->name, sizeof(session->name), "exec-%d", getpid());
		r = run(session);
	}
	done(session);
	return r;
}
