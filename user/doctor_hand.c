// SPDX-License-Identifier: Apache-2.0
#include "doctor_hand.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "caller.h"

#define WAIT_MS 250
#define REAP_MS 200 /* who is not gone by then is stuck in the kernel, and is left there */

/* In this order; a room of checks each. */
static const struct {
	const char *name;
	const struct check *checks;
} tables[] = {
	{ "kernel", doctor_kernel },       { "pins", doctor_pins },
	{ "agent", doctor_agent },         { "services", doctor_services },
	{ "names", doctor_names },         { "host", doctor_host },
	{ "engine", doctor_podman },       { "guards", doctor_guards },
	{ "container", doctor_container },
};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

const struct check *doctor_check(unsigned number, const char **table)
{
	for (size_t i = 0; i < N_TABLES; i++) {
		for (const struct check *check = tables[i].checks; check->name; check++) {
			if (number--)
				continue;
			if (table)
				*table = tables[i].name;
			return check;
		}
	}
	return NULL;
}

/* --- in the child -------------------------------------------------------------------------- */

enum word_type { WORD_FINDING, WORD_GUARD, WORD_DONE };

struct word {
	uint32_t type;
	int32_t result;
	uint32_t guard;
	char name[TEROK_NAME_LEN]; /* of the guard */
	union {
		struct finding finding;
		struct problem why;
	};
};

struct fingers {
	int fd;
	struct kernel *kernel;
	struct problem closed;
	struct guard guard; /* looked at last; id 0: none */
	struct doctor doctor;
};

static void word_send(int fd, const struct word *word)
{
	if (send(fd, word, sizeof(*word), MSG_NOSIGNAL) != sizeof(*word))
		_exit(1);
}

static void say(const struct finding *finding, void *user)
{
	struct fingers *fingers = user;
	struct word word = { .type = WORD_FINDING, .finding = *finding };

	word_send(fingers->fd, &word);
}

void doctor_can(struct doctor *doctor, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(doctor->change, sizeof(doctor->change), fmt, args);
	va_end(args);
}

void doctor_say(struct doctor *doctor, enum verdict verdict, const char *fix, const char *fmt, ...)
{
	struct finding finding = { .verdict = verdict };
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding.detail, sizeof(finding.detail), fmt, args);
	va_end(args);
	snprintf(finding.fix, sizeof(finding.fix), "%s", fix);
	memcpy(finding.change, doctor->change, sizeof(finding.change));
	*doctor->change = '\0';
	doctor->said++;
	doctor->say(&finding, doctor->user);
}

static void kernel_look(struct fingers *fingers)
{
	int r;

	kernel_free(fingers->kernel);
	fingers->kernel = NULL;
	fingers->closed = (struct problem){};
	fingers->guard.id = 0;
	r = kernel_open(&fingers->kernel, &fingers->closed);
	if (r && r != -ENOENT && !*fingers->closed.text)
		problem(&fingers->closed, r, "%s", strerror(-r));
	fingers->doctor.kernel = fingers->kernel;
	fingers->doctor.closed = r && r != -ENOENT ? &fingers->closed : NULL;
}

static int list_one(const struct guard *guard, void *user)
{
	struct fingers *fingers = user;
	struct word word = { .type = WORD_GUARD, .guard = guard->id };

	snprintf(word.name, sizeof(word.name), "%s", guard->info.name);
	word_send(fingers->fd, &word);
	return 0;
}

static int list_guards(struct fingers *fingers, const char *text, struct problem *why)
{
	struct guard guard;
	int r;

	if (!fingers->kernel && *text)
		return problem(why, -ENOENT, "%s",
			       *fingers->closed.text ? fingers->closed.text : "nothing is loaded");
	if (!fingers->kernel)
		return 0;
	if (!*text) {
		r = guard_each(fingers->kernel, list_one, fingers);
		return r ? problem(why, r, "go through the guards: %s", strerror(-r)) : 0;
	}
	r = guard_find(fingers->kernel, text, CALLER_ALL, &guard, why);
	return r ? r : list_one(&guard, fingers);
}

/* The guard that the order is about; false: it is gone, and nothing is to be said of it. */
static bool guard_take(struct fingers *fingers, uint32_t id)
{
	fingers->doctor.guard = NULL;
	if (!id)
		return true;
	if (fingers->guard.id != id &&
	    (!fingers->kernel || guard_get(fingers->kernel, id, &fingers->guard)))
		return false;
	fingers->doctor.guard = &fingers->guard;
	return true;
}

static int obey(struct fingers *fingers, const struct hand_order *order, struct problem *why)
{
	const struct check *check = doctor_check(order->check, NULL);
	int r;

	if (order->what == HAND_LIST)
		return list_guards(fingers, order->text, why);
	if (!check || !guard_take(fingers, order->guard))
		return 0;
	fingers->doctor.said = 0;
	*fingers->doctor.change = '\0';
	if (order->what == HAND_LOOK) {
		(order->guard ? check->guard : check->host)(&fingers->doctor);
		return 0;
	}
	r = check->mend(&fingers->doctor, why);
	if (r && !*why->text)
		problem(why, r, "%s", strerror(-r));
	kernel_look(fingers); /* it may be another one now */
	return r;
}

static void hand_main(int fd, bool blind)
{
	struct fingers fingers = { .fd = fd };
	struct hand_order order;

	fingers.doctor.say = say;
	fingers.doctor.user = &fingers;
	if (blind) {
		problem(&fingers.closed, -EBUSY,
			"somebody holds %s/policy.lock (lslocks says who): nothing changes until "
			"they let go",
			kernel_run_dir());
		fingers.doctor.closed = &fingers.closed;
	}
	for (bool first = true; recv(fd, &order, sizeof(order), 0) == sizeof(order);
	     first = false) {
		struct word done = { .type = WORD_DONE };

		if (first && !blind)
			kernel_look(&fingers);
		order.text[sizeof(order.text) - 1] = '\0';
		done.result = obey(&fingers, &order, &done.why);
		word_send(fd, &done);
	}
	_exit(0);
}

/* --- who gives the orders ------------------------------------------------------------------- */

static int hand_start(struct hand *hand)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	fflush(NULL); /* or both would print what is in the buffers */
	hand->pid = fork();
	if (!hand->pid) {
		close(pair[0]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		signal(SIGINT, SIG_DFL);
		hand_main(pair[1], hand->blind);
	}
	close(pair[1]);
	if (hand->pid < 0) {
		close(pair[0]);
		hand->pid = 0;
		return -errno;
	}
	hand->fd = pair[0];
	return 0;
}

/* How it ended, if it has; a child that is stuck in the kernel is left to it. */
static int hand_reap(struct hand *hand, int *status)
{
	uint64_t until_ns = now_boot_ns() + REAP_MS * UINT64_C(1000000);
	pid_t pid = 0;

	closep(&hand->fd);
	while (!pid && now_boot_ns() < until_ns) {
		pid = waitpid(hand->pid, status, WNOHANG);
		if (!pid)
			poll(NULL, 0, 1);
	}
	hand->pid = 0;
	return pid > 0 ? 0 : -ETIMEDOUT;
}

void hand_end(struct hand *hand)
{
	int status;

	if (!hand->pid)
		return;
	kill(hand->pid, SIGKILL);
	hand_reap(hand, &status);
}

static int hand_died(struct hand *hand, struct problem *why)
{
	int status = 0;

	kill(hand->pid, SIGKILL);
	if (!hand_reap(hand, &status) && WIFEXITED(status))
		return problem(why, -EPIPE, "the check ended with exit %d", WEXITSTATUS(status));
	return problem(why, -EPIPE, "the check ended by signal %d", WTERMSIG(status));
}

/* 1: go on, else how it ended */
static int hand_word(struct hand *hand, const struct hand_events *events, struct problem *why)
{
	struct word word;

	if (recv(hand->fd, &word, sizeof(word), MSG_DONTWAIT) != sizeof(word))
		return hand_died(hand, why);
	if (word.type == WORD_FINDING)
		events->finding(&word.finding, events->user);
	else if (word.type == WORD_GUARD)
		events->guard(word.guard, word.name, events->user);
	else
		return word.result ? problem(why, word.result, "%s", word.why.text) : 0;
	return 1;
}

int hand_do(struct hand *hand, const struct hand_order *order, const struct hand_events *events,
	    unsigned limit_ms, struct problem *why)
{
	uint64_t until_ns = now_boot_ns() + limit_ms * UINT64_C(1000000);
	int r = hand->pid ? 0 : hand_start(hand);

	if (r)
		return problem(why, r, "start a process: %s", strerror(-r));
	if (send(hand->fd, order, sizeof(*order), MSG_NOSIGNAL) != sizeof(*order))
		return hand_died(hand, why);
	for (r = 1; r == 1;) {
		struct pollfd answer = { .fd = hand->fd, .events = POLLIN };
		uint64_t now = now_boot_ns();
		int left = now < until_ns ? (until_ns - now) / 1000000 + 1 : 0;
		int n = left ? poll(&answer, 1, left < WAIT_MS ? left : WAIT_MS) : 0;

		if (n > 0) {
			r = hand_word(hand, events, why);
		} else if (!n && left) {
			if (events->waiting)
				events->waiting(events->user);
		} else if (!n) {
			hand_end(hand);
			r = problem(why, -ETIMEDOUT, "no answer in %u s", limit_ms / 1000);
		} else if (errno != EINTR) {
			r = problem(why, -errno, "%s", strerror(errno));
		}
	}
	return r;
}
