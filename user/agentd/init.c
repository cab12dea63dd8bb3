// SPDX-License-Identifier: Apache-2.0
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "child.h"

#define TICK_NS      (SECOND_NS / 20) /* while it drains: an orphan's end may come by no signal */
#define KILLS_MAX    32 /* rounds of SIGKILL: what is killed may leave orphans of its own */
#define DRAIN_PHASES 3

enum init_state { INIT_IDLE, INIT_STARTING, INIT_RUNNING, INIT_ENDED };

/* Who asked for the command, and waits whether it runs. */
struct waiting {
	struct waiting *next;
	init_fn fn;
	void *user;
};

struct init {
	struct init_use use;
	enum init_state state;
	struct signals signals;
	struct reaped command;
	struct source said;
	struct waiting *waiting;
	bool failed; /* to start; .text says why */
	char text[128];
	bool leaving;
	int ended_by; /* a signal that came while it started: it is for us if that fails */
	int code;     /* to leave with */
	struct timer grace, tick;
	unsigned phase, kills;
	uint64_t phase_end_ns;
};

static const int forwarded[] = { SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,  SIGPIPE, SIGALRM,
				 SIGTSTP, SIGCONT, SIGCHLD, SIGWINCH, 0 };

/* --- the end --- */

static void drain_phase(struct init *init)
{
	if (init->phase == 1)
		reaper_signal_all(SIGTERM);
	if (init->phase == 2)
		log_warn(0, "what the command left behind does not leave: SIGKILL");
	init->phase_end_ns = now_boot_ns() + INIT_DRAIN_NS;
}

/* Return: it is over, and @init may be gone. */
static bool drained(struct init *init)
{
	reaper_look(init->use.reaper);
	if (!reaper_empty()) {
		if (init->phase == 2 && init->kills < KILLS_MAX) {
			init->kills++;
			reaper_signal_all(SIGKILL);
		}
		if (now_boot_ns() < init->phase_end_ns)
			return false;
		if (++init->phase < DRAIN_PHASES) {
			drain_phase(init);
			return false;
		}
		log_warn(0, "processes are left that SIGKILL does not end");
	}
	init->use.gone(init->use.user, init->code);
	return true;
}

static int on_tick(struct timer *timer)
{
	struct init *init = container_of(timer, struct init, tick);

	if (!drained(init))
		timer_arm(init->use.loop, timer, now_boot_ns() + TICK_NS, on_tick);
	return 0;
}

static void leave(struct init *init, int code)
{
	if (init->leaving)
		return;
	init->leaving = true;
	init->code = code;
	if (init->use.ready_file)
		unlink(init->use.ready_file);
	init->use.leaving(init->use.user);
	drain_phase(init);
	timer_arm(init->use.loop, &init->tick, 0, on_tick);
}

/* --- the start --- */

static void tell_waiting(struct init *init, int error, const char *text)
{
	struct waiting *told = TAKE_PTR(init->waiting), *next; /* who hears it may ask again */

	for (; told; told = next) {
		next = told->next;
		told->fn(told->user, error, text);
		free(told);
	}
}

/* For those who look from outside: a health check, a person. */
static void ready_say(const char *path)
{
	_cleanup_close_ int fd = -1;
	char folder[256];
	const char *slash = strrchr(path, '/');

	if (slash && slash > path && (size_t)(slash - path) < sizeof(folder)) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		mkdir(folder, 0755);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "ready\n", 6) != 6)
		log_warn(-errno, "say so in %s", path);
}

static void said_close(struct init *init)
{
	if (!init->said.loop)
		return;
	source_del(&init->said);
	close(init->said.fd);
}

static int on_said(struct source *source, uint32_t events)
{
	struct init *init = container_of(source, struct init, said);
	struct child_failure failure;
	ssize_t n = read(source->fd, &failure, sizeof(failure));

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	said_close(init);
	if (n == sizeof(failure)) { /* told when it has ended: then it can be tried again */
		init->failed = true;
		child_failed(&failure, init->use.argv[0], init->text, sizeof(init->text));
		return 0;
	}
	init->state = INIT_RUNNING;
	log_info("the command runs, as process %d", (int)init->command.pid);
	if (init->use.ready_file)
		ready_say(init->use.ready_file);
	tell_waiting(init, 0, "");
	return 0;
}

static void on_command_ended(struct reaped *command)
{
	struct init *init = container_of(command, struct init, command);
	int code = command->signo ? 128 + command->signo : command->code;

	if (init->said.loop) /* it was faster than its own start */
		on_said(&init->said, EPOLLIN);
	timer_disarm(&init->grace);
	reaper_release(command);
	if (!init->failed) {
		init->state = INIT_ENDED;
		log_info("the command has ended: exit code %d", code);
		tell_waiting(init, -ESRCH, "the command has ended");
		leave(init, code);
		return;
	}
	init->failed = false;
	init->state = INIT_IDLE;
	log_error(0, "the command does not start: %s", init->text);
	if (init->ended_by)
		leave(init, 128 + init->ended_by);
	tell_waiting(init, -ENOEXEC, init->text);
}

static int command_begin(struct init *init)
{
	const struct account *account = &init->use.account;
	_cleanup_(account_env_freep) char **env = NULL;
	struct child_spec spec = { .argv = init->use.argv,
				   .uid = account->uid,
				   .gid = account->gid,
				   .groups = account->groups,
				   .n_groups = account->n_groups,
				   .foreground = true,
				   .fd = { -1, -1, -1 } };
	_cleanup_close_ int read_end = -1, write_end = -1;
	int said[2], r;
	pid_t pid;

	if (account->uid != geteuid()) {
		r = account_env_of(account, &env);
		if (r)
			return r;
	}
	if (pipe2(said, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	read_end = said[0];
	write_end = said[1];
	r = source_add(init->use.loop, &init->said, read_end, EPOLLIN, on_said);
	if (r)
		return r;
	read_end = -1; /* the source's */
	spec.env = env ?: environ;
	spec.said = write_end;
	pid = child_begin(&spec);
	r = pid < 0 ? pid : reaper_watch(init->use.reaper, &init->command, pid, on_command_ended);
	if (r) {
		if (pid > 0)
			kill(pid, SIGKILL);
		said_close(init);
		return r;
	}
	init->state = INIT_STARTING;
	return 0;
}

void init_start(struct init *init, init_fn fn, void *user)
{
	struct waiting *waiting;
	int r = 0;

	if (init->state == INIT_RUNNING)
		return fn(user, 0, "");
	if (init->state == INIT_ENDED || init->leaving)
		return fn(user, -ESRCH, "the command has ended");
	if (!init->use.argv[0])
		return fn(user, -ENOENT, "there is no command to start");
	waiting = calloc(1, sizeof(*waiting));
	if (!waiting)
		return fn(user, -ENOMEM, "no memory");
	if (init->state == INIT_IDLE)
		r = command_begin(init);
	if (r) {
		free(waiting);
		log_error(r, "start the command");
		return fn(user, r, strerror(-r));
	}
	*waiting = (struct waiting){ .next = init->waiting, .fn = fn, .user = user };
	init->waiting = waiting;
}

/* --- signals --- */

static int on_grace(struct timer *timer)
{
	struct init *init = container_of(timer, struct init, grace);

	log_warn(0, "the command does not leave by SIGTERM: SIGKILL");
	kill(-init->command.pid, SIGKILL);
	return 0;
}

/* Without a command that it would be for. */
static bool ends_us(int signo)
{
	return signo == SIGTERM || signo == SIGINT || signo == SIGQUIT || signo == SIGHUP;
}

static int on_signal(struct signals *signals, int signo)
{
	struct init *init = container_of(signals, struct init, signals);

	if (signo == SIGCHLD) {
		reaper_look(init->use.reaper);
		return 0;
	}
	if (init->command.pid) {
		/* its number is its own as long as it is not let go */
		kill(-init->command.pid, signo);
		if (init->state == INIT_STARTING && ends_us(signo))
			init->ended_by = signo;
		if (signo == SIGTERM && !init->grace.loop)
			timer_arm(init->use.loop, &init->grace,
				  now_boot_ns() + (init->use.grace_ns ?: INIT_GRACE_NS), on_grace);
		return 0;
	}
	if (ends_us(signo))
		leave(init, 128 + signo);
	return 0;
}

int init_new(const struct init_use *use, struct init **ret)
{
	struct init *init = calloc(1, sizeof(*init));
	int r;

	if (!init)
		return -ENOMEM;
	init->use = *use;
	/* a background process that writes to the terminal would stop, and with it the container */
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	if (use->ready_file)
		unlink(use->ready_file); /* of a life before this one */
	r = getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) ? -errno : 0;
	if (!r)
		r = signals_add(use->loop, &init->signals, forwarded, on_signal);
	if (r) {
		free(init);
		return r;
	}
	reaper_look(use->reaper);
	*ret = init;
	return 0;
}

void init_free(struct init *init)
{
	if (!init)
		return;
	tell_waiting(init, -ESRCH, "it is over");
	timer_disarm(&init->grace);
	timer_disarm(&init->tick);
	said_close(init);
	reaper_release(&init->command);
	signals_end(&init->signals);
	free(init);
}
