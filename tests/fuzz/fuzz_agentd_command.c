// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_agentd_command.c - whatever a control plane says in a session, each of our answers is a
 * Response, and nothing of a command is left when the session has ended
 *
 * Input: commands, each behind its length in two bytes, whose upper bit says that nothing is taken
 * from us from then on, and whose next that it is again. No program is run: stages are numbers.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/child.h"
#include "agentd/session.h"
#include "base/log.h"

#define DEAF    0x8000
#define HEARING 0x4000

static struct loop *loop;
static struct reaper reaper;
static struct pipelines pipelines = { .reaper = &reaper };
static struct agentd_place place = { .pipelines = &pipelines };
static struct agentd_session *session;
static struct reaped *stages;
static bool deaf;

pid_t __wrap_child_begin(const struct child_spec *spec);
pid_t __wrap_child_begin(const struct child_spec *spec)
{
	static pid_t last = 1 << 22; /* larger than any that is */

	if (!spec->argv[0] || !*spec->argv[0] || !spec->env)
		abort();
	return ++last;
}

int __wrap_reaper_watch(struct reaper *of, struct reaped *child, pid_t pid,
			void (*fn)(struct reaped *child));
int __wrap_reaper_watch(struct reaper *of, struct reaped *child, pid_t pid,
			void (*fn)(struct reaped *child))
{
	*child = (struct reaped){ .reaper = of, .next = stages, .pid = pid, .fn = fn };
	stages = child;
	return 0;
}

void __wrap_reaper_release(struct reaped *child);
void __wrap_reaper_release(struct reaped *child)
{
	struct reaped **p = &stages;

	while (*p && *p != child)
		p = &(*p)->next;
	if (*p)
		*p = child->next;
}

int __wrap_kill(pid_t pid, int signo);
int __wrap_kill(pid_t pid, int signo)
{
	(void)signo;
	if (pid > -(1 << 22)) /* what is killed is a group, and one of those */
		abort();
	return 0;
}

static int on_send(void *user, const void *bytes, size_t n)
{
	Clawker__Clawkerd__V1__Response *response;

	(void)user;
	if (deaf)
		return -ENOBUFS;
	response = clawker__clawkerd__v1__response__unpack(NULL, n, bytes);
	if (!response || !response->payload_case)
		abort();
	clawker__clawkerd__v1__response__free_unpacked(response, NULL);
	return 0;
}

static const struct agentd_ways ways = { .send = on_send };

static int on_pause(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

/* All that is due now. */
static void rounds(void)
{
	struct timer timer = {};

	for (int i = 0; i < 4; i++) {
		timer_arm(loop, &timer, now_boot_ns(), on_pause);
		loop_run(loop);
	}
}

static void stages_end(void)
{
	for (struct reaped *child = stages; child; child = child->next)
		if (!child->ended) {
			child->ended = true;
			child->fn(child);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!loop) {
		log_setup("fuzz", LOG_EMERG, false);
		signal(SIGPIPE, SIG_IGN);
		if (loop_new(&loop))
			abort();
		reaper.loop = pipelines.loop = place.loop = loop;
	}
	deaf = false;
	if (agentd_session_new(&place, &ways, NULL, "peer", &session))
		abort();
	while (size >= 2) {
		unsigned head = data[0] << 8 | data[1];
		size_t n = head & (HEARING - 1);

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		deaf = (deaf || head & DEAF) && !(head & HEARING);
		if (!deaf)
			agentd_session_drained(session);
		if (agentd_session_take(session, data, n))
			break;
		data += n;
		size -= n;
		rounds();
		if (head & HEARING)
			stages_end();
	}
	agentd_session_free(session);
	for (int i = 0; i < 100 && pipelines.n; i++) {
		stages_end();
		rounds();
	}
	if (pipelines.n || stages)
		abort();
	return 0;
}
