// SPDX-License-Identifier: Apache-2.0
#include "reap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct reap {
	struct loop *loop;
	struct runtime *runtime;
	struct agents *agents;
	struct timer again;
	unsigned tries;
	reap_fn done;
	void *user;
};

/* The rows whose containers are gone. */
struct gone {
	const struct runtime_seen *seen;
	char (*id)[AGENT_ID_LEN];
	unsigned n, room;
};

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct runtime_container *)a)->id,
		      ((const struct runtime_container *)b)->id);
}

static bool is_listed(const struct runtime_seen *seen, const char *id)
{
	struct runtime_container key = {};

	strcpy(key.id, id);
	return seen->n && bsearch(&key, seen->container, seen->n, sizeof(*seen->container), by_id);
}

static int note_gone(const struct agent *agent, void *user)
{
	struct gone *gone = user;

	if (is_listed(gone->seen, agent->container))
		return 0;
	if (gone->n == gone->room) {
		unsigned room = gone->room ? 2 * gone->room : 64;
		void *bigger = realloc(gone->id, room * sizeof(*gone->id));

		if (!bigger)
			return -ENOMEM;
		gone->id = bigger;
		gone->room = room;
	}
	strcpy(gone->id[gone->n++], agent->container);
	return 0;
}

/* All or none of them; those that fail are told together. */
static int evict(struct reap *reap, const struct gone *gone, struct problem *why)
{
	unsigned failed = 0;
	int r = gone->n ? agents_begin(reap->agents, why) : 0;

	if (r || !gone->n)
		return r;
	for (unsigned i = 0; i < gone->n; i++)
		failed += agents_evict(reap->agents, gone->id[i], why) != 0;
	r = agents_commit(reap->agents, failed ? NULL : why);
	if (r || !failed)
		return r;
	return problem(why, -EIO, "%u of %u rows could not be evicted", failed, gone->n);
}

static void over(struct reap *reap, unsigned evicted, const char *degraded)
{
	reap_fn done = reap->done;
	void *user = reap->user;

	if (*degraded)
		log_error(0, "event=agent.reap.degraded %s", degraded);
	reap_end(reap);
	done(evicted, degraded, user);
}

static void compare(struct reap *reap, const struct runtime_seen *seen)
{
	struct runtime_container *sorted = calloc(seen->n + 1, sizeof(*sorted));
	const struct runtime_seen in_order = { sorted, seen->n, 0 };
	struct gone gone = { .seen = &in_order };
	struct problem why = {};
	int r;

	if (!sorted) {
		over(reap, 0, "no memory");
		return;
	}
	if (seen->n)
		memcpy(sorted, seen->container, seen->n * sizeof(*sorted));
	qsort(sorted, seen->n, sizeof(*sorted), by_id);
	r = agents_each(reap->agents, note_gone, &gone, &why) ?: evict(reap, &gone, &why);
	free(sorted);
	free(gone.id);
	over(reap, r ? 0 : gone.n, !r ? "" : *why.text ? why.text : strerror(-r));
}

static int list(struct timer *timer);

static void again(struct reap *reap, int error, const char *why)
{
	char text[256];

	if (reap->tries < REAP_TRIES) {
		timer_arm(reap->loop, &reap->again,
			  now_boot_ns() + (REAP_PAUSE_NS << (reap->tries - 1)), list);
		return;
	}
	snprintf(text, sizeof(text), "containers could not be listed: %.200s",
		 why && *why ? why : strerror(-error));
	over(reap, 0, text);
}

static void on_listed(const struct runtime_seen *seen, int error, const char *why, void *user)
{
	struct reap *reap = user;

	if (error)
		again(reap, error, why);
	else
		compare(reap, seen);
}

static int list(struct timer *timer)
{
	struct reap *reap = container_of(timer, struct reap, again);
	int r;

	reap->tries++;
	r = reap->runtime->list(reap->runtime, on_listed, reap);
	if (r)
		again(reap, r, NULL);
	return 0;
}

int reap_begin(struct loop *loop, struct runtime *runtime, struct agents *agents, reap_fn done,
	       void *user, struct reap **ret)
{
	struct reap *reap;

	if (!loop || !runtime || !agents || !done)
		return -EINVAL;
	reap = calloc(1, sizeof(*reap));
	if (!reap)
		return -ENOMEM;
	*reap = (struct reap){
		.loop = loop, .runtime = runtime, .agents = agents, .done = done, .user = user
	};
	timer_arm(loop, &reap->again, 0, list);
	*ret = reap;
	return 0;
}

void reap_end(struct reap *reap)
{
	if (!reap)
		return;
	timer_disarm(&reap->again);
	free(reap);
}
