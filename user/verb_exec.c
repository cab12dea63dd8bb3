// SPDX-License-Identifier: Apache-2.0
/*
 * verb_exec.c - terok-bpfd exec: guard one command, ask, sum up
 *
 * Order: agent, cgroup, guard with its rules, hub, then CMD. Afterwards: wait for what is
 * still on its way, kill what CMD left behind, detach, remove the cgroup. The guard is
 * pinned in the kernel, so killing us at any moment leaves CMD guarded and the clearing up
 * to the agent. CMD runs with the credentials that exec has: root stays root; the guard
 * belongs to the user who called sudo, so that user may answer for it.
 *
 * Returns CMD's exit code (128 + n when signal n ended it), or a negative errno when CMD
 * was not started.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "exec_agent.h"
#include "exec_child.h"
#include "exec_guard.h"
#include "exec_hub.h"
#include "exec_options.h"
#include "exec_summary.h"
#include "exec_term.h"
#include "verbs.h"

#define CATCH_UP_NS UINT64_C(1000000000) /* wait for late events at the end, at most */

struct exec {
	struct exec_options options;
	char name[TEROK_NAME_LEN];
	int signal_fd, code;
	bool interactive, started;
	struct exec_guard own;
	struct loop *loop;
	struct source signals;
	struct timer late;
	struct exec_hub hub;
	struct exec_child child;
	struct exec_term term;
	struct summary summary;
	struct ending ending;
};

static void say(struct exec *exec, const char *text)
{
	if (exec->interactive && exec->started)
		term_line(&exec->term, text);
	else
		fprintf(stderr, "%s\n", text);
}

static int start_cmd(struct exec *exec)
{
	int r = 0;

	exec->child.terminal = -1;
	exec->child.argv = exec->options.argv;
	exec->child.cgroup_fd = exec->own.cgroup_fd;
	if (exec->interactive)
		r = term_open(&exec->term, exec->loop, &exec->child.terminal);
	if (!r)
		r = child_start(&exec->child, exec->loop);
	if (r)
		return log_error(r, "exec: cannot start %s", exec->options.argv[0]);
	exec->started = true;
	if (exec->interactive)
		term_resume(&exec->term);
	return 0;
}

static void on_hub_ready(struct exec_hub *hub, bool listening)
{
	struct exec *exec = container_of(hub, struct exec, hub);

	if (!listening)
		log_warn(0, "exec: no hub answers; refusals are counted, not shown");
	exec->code = start_cmd(exec);
	if (exec->code)
		loop_stop(exec->loop);
}

/* "curl[1234] wants 192.0.2.1:443/tcp (default)"; all strings are printable ASCII already */
static void describe(const struct terok_event *event, const struct tried *tried, char *buf,
		     size_t size, const char *verb)
{
	char dest[TRIED_TEXT];

	if (tried->by_name)
		snprintf(buf, size, "%s %s (%s)", verb, tried_dest(tried, dest), event->reason);
	else if (event->process.pid > 0)
		snprintf(buf, size, "%s[%lld] %s %s (%s)", event->process.comm,
			 (long long)event->process.pid, verb, tried_dest(tried, dest),
			 event->reason);
	else
		snprintf(buf, size, "a packet to %s (%s)", tried_dest(tried, dest), event->reason);
}

/* @news: not told before; a replay after a reconnection brings old ones again */
static void on_refusal(struct exec *exec, const struct terok_event *event,
		       const struct tried *tried, bool news)
{
	bool asks = !strcmp(event->type, "request") && tried->outcome == TRIED_OPEN &&
		    exec->interactive && !exec->options.no_ask && !exec->child.over;
	char text[PROMPT_TEXT], line[PROMPT_TEXT + 32];

	if (asks) {
		describe(event, tried, text, sizeof(text),
			 tried->by_name ? "asked for the name" : "wants");
		if (term_ask(&exec->term, event->request_id, text) != -ENOSPC)
			return;
	}
	if (!news)
		return;
	describe(event, tried, text, sizeof(text), tried->by_name ? "the name" : "->");
	snprintf(line, sizeof(line), "terok: refused %s", text);
	say(exec, line);
}

static void on_event(struct exec_hub *hub, const struct terok_event *event)
{
	struct exec *exec = container_of(hub, struct exec, hub);
	uint64_t before = summary_refusals(&exec->summary);
	const struct tried *tried;
	char dest[TRIED_TEXT], line[PROMPT_TEXT];

	if (event->guard != exec->own.guard.id)
		return;
	tried = summary_event(&exec->summary, event);
	if (!strcmp(event->type, "request") || !strcmp(event->type, "refused")) {
		if (tried)
			on_refusal(exec, event, tried, summary_refusals(&exec->summary) > before);
		return;
	}
	if (exec->interactive && *event->request_id)
		term_withdraw(&exec->term, event->request_id);
	if (!tried || strcmp(event->type, "verdict"))
		return;
	if (event->ok)
		snprintf(line, sizeof(line), "terok: %s: %s (%s)", tried_dest(tried, dest),
			 event->action, event->scope);
	else
		snprintf(line, sizeof(line), "terok: %s: not applied: %s", tried_dest(tried, dest),
			 event->problem);
	say(exec, line);
}

static void on_refused_answer(struct exec_hub *hub, const char *text)
{
	char line[PROMPT_TEXT];

	snprintf(line, sizeof(line), "terok: the answer was not taken: %s", text);
	say(container_of(hub, struct exec, hub), line);
}

static void on_answer(struct exec_term *term, const char *id, enum prompt_key key)
{
	static const struct {
		const char *action, *scope;
	} answer[PROMPT_KEY_MAX_] = {
		[PROMPT_KEY_ALLOW_ONCE] = { "allow", "once" },
		[PROMPT_KEY_ALLOW_ALWAYS] = { "allow", "session" },
		[PROMPT_KEY_DENY_ONCE] = { "deny", "once" },
		[PROMPT_KEY_DENY_ALWAYS] = { "deny", "session" },
	};
	struct exec *exec = container_of(term, struct exec, term);
	int r;

	if (!answer[key].action) {
		summary_outcome(&exec->summary, id, TRIED_IGNORED, "");
		return;
	}
	r = hub_answer(&exec->hub, id, answer[key].action, answer[key].scope);
	if (r)
		on_refused_answer(&exec->hub, strerror(-r));
}

static int on_late(struct timer *timer)
{
	loop_stop(container_of(timer, struct exec, late)->loop);
	return 0;
}

static void on_caught_up(struct exec_hub *hub)
{
	loop_stop(container_of(hub, struct exec, hub)->loop);
}

static void on_ended(struct exec_child *child, int code, int sig)
{
	struct exec *exec = container_of(child, struct exec, child);

	exec->code = exec->ending.code = code;
	exec->ending.signal = sig;
	if (exec->interactive)
		term_stop_asking(&exec->term);
	timer_arm(exec->loop, &exec->late, now_boot_ns() + CATCH_UP_NS, on_late);
	if (hub_catch_up(&exec->hub))
		loop_stop(exec->loop);
}

/* Stop as CMD did, so that the shell sees a stopped job; go on when it says so. */
static void on_stopped(struct exec_child *child)
{
	struct exec *exec = container_of(child, struct exec, child);

	term_suspend(&exec->term);
	raise(SIGSTOP);
	term_resume(&exec->term);
	child_signal(child, SIGCONT);
}

static void pass_signal(struct exec *exec, const struct signalfd_siginfo *news)
{
	int sig = news->ssi_signo;

	if (sig == SIGWINCH) {
		if (exec->interactive)
			term_resized(&exec->term);
		return;
	}
	if (!exec->started) { /* nothing to pass it to: it means us */
		if (sig != SIGCONT && sig != SIGTSTP) {
			exec->code = 128 + sig;
			loop_stop(exec->loop);
		}
		return;
	}
	/* the terminal's own signals reach CMD without us where it shares our process group */
	if (exec->interactive || news->ssi_code != SI_KERNEL)
		child_signal(&exec->child, sig);
	if (sig == SIGTSTP && !exec->interactive)
		raise(SIGSTOP);
	if (sig == SIGCONT && exec->interactive)
		term_resume(&exec->term);
}

static int on_signal(struct source *source, uint32_t events)
{
	struct exec *exec = container_of(source, struct exec, signals);
	struct signalfd_siginfo news;

	(void)events;
	if (read(exec->signal_fd, &news, sizeof(news)) == sizeof(news))
		pass_signal(exec, &news);
	return 0;
}

static void clear_up(struct exec *exec)
{
	hub_done(&exec->hub);
	exec_guard_kill(&exec->own, &exec->ending.killed);
	term_done(&exec->term);
	exec->ending.guard = exec->own.guard.id;
	exec->ending.counted = exec_guard_clear(&exec->own, &exec->ending.counts);
}

static void sum_up(struct exec *exec)
{
	exec->ending.name = exec->name;
	if (exec->options.json)
		summary_json(&exec->summary, &exec->ending, stderr);
	else
		summary_print(&exec->summary, &exec->ending, stderr);
}

static void done(struct exec *exec)
{
	child_done(&exec->child);
	source_del(&exec->signals);
	closep(&exec->signal_fd);
	timer_disarm(&exec->late);
	loop_free(exec->loop);
	free(exec);
}

static int prepare(struct exec *exec, struct problem *why)
{
	int r = agent_ensure(why);

	if (!r)
		r = exec_guard_make(&exec->own, &exec->options, exec->name, why);
	if (!r)
		r = exec_guard_tell(&exec->own, why);
	if (!r)
		r = exec_guard_names(&exec->own, &exec->options, why);
	if (r)
		return r;
	exec->hub.guard = exec->own.guard.id;
	exec->hub.ready = on_hub_ready;
	exec->hub.event = on_event;
	exec->hub.refused = on_refused_answer;
	exec->hub.caught_up = on_caught_up;
	exec->term.answered = on_answer;
	exec->child.ended = on_ended;
	exec->child.stopped = on_stopped;
	return hub_start(&exec->hub, exec->loop);
}

static int run(struct exec *exec)
{
	struct problem why = { 0 };
	int r = loop_new(&exec->loop);

	if (!r)
		r = child_take_signals(&exec->child, exec->loop, &exec->signals, on_signal,
				       &exec->signal_fd);
	if (!r)
		r = prepare(exec, &why);
	if (r)
		log_error(*why.text ? 0 : r, "exec: %s", *why.text ? why.text : "cannot start");
	else
		r = loop_run(exec->loop);
	clear_up(exec);
	if (exec->started)
		sum_up(exec);
	return r ? r : exec->code;
}

int verb_exec(int argc, char **argv)
{
	struct exec *exec = calloc(1, sizeof(*exec));
	struct problem why = { 0 };
	int r;

	if (!exec)
		return log_error(-ENOMEM, "exec");
	exec->own.cgroup_fd = exec->own.keeper_fd = exec->signal_fd = exec->term.pty = -1;
	exec->child.pidfd = exec->child.talk = exec->child.terminal = -1;
	r = options_parse(argc, argv, &exec->options, &why);
	if (!r && geteuid())
		r = problem(&why, -EPERM, "needs root; try: sudo terok-bpfd exec -- %s",
			    exec->options.argv[0]);
	if (r) {
		if (*why.text)
			log_error(0, "exec: %s", why.text);
	} else {
		exec->interactive = term_possible();
		snprintf(exec->name, sizeof(exec->name), "%s", exec->options.name ?: "");
		if (!*exec->name)
			snprintf(exec->name, sizeof(exec->name), "exec-%d", getpid());
		r = run(exec);
	}
	done(exec);
	return r;
}
