// SPDX-License-Identifier: Apache-2.0
#include "dialer.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "dial.h"

struct dialer {
	struct dialer_use use;
	struct after after; /* a look is begun, once for all who asked in this round */
	struct dial *dials;
	unsigned n;
	bool looking;
	uint64_t begun_ns; /* CLOCK_BOOTTIME, of the look that is at work */
};

static uint64_t kernel_random(void)
{
	uint64_t random = 0;

	while (getrandom(&random, sizeof(random), 0) != sizeof(random))
		;
	return random;
}

static struct dial *find(const struct dialer *dialer, const char *id)
{
	struct dial *dial = dialer->dials;

	while (dial && strcmp(dial->id, id) != 0)
		dial = dial->next;
	return dial;
}

/* --- looks -------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
	const struct runtime_container *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* The containers that run, by id; NULL: no memory. */
static const struct runtime_container **index_of(const struct runtime_seen *seen)
{
	const struct runtime_container **index = calloc(seen->n + 1, sizeof(*index));

	for (unsigned i = 0; index && i < seen->n; i++)
		index[i] = &seen->container[i];
	if (index)
		qsort(index, seen->n, sizeof(*index), by_id);
	return index;
}

static const struct runtime_container *running(const struct runtime_container *const *index,
					       unsigned n, const char *id)
{
	struct runtime_container key = {};
	const struct runtime_container *at = &key, *const * found;

	strcpy(key.id, id);
	found = bsearch(&at, index, n, sizeof(*index), by_id);
	return found ? *found : NULL;
}

static void on_round(struct after *after);

static bool is_told(const struct dialer *dialer, const struct dial *dial)
{
	return dial->state == DIAL_LOOKS && dial->wanted_ns <= dialer->begun_ns;
}

/* How long those who are told now may take to begin: each has a random part of it. */
static uint64_t spread_ns(const struct dialer *dialer)
{
	uint64_t n = 0;

	for (const struct dial *dial = dialer->dials; dial; dial = dial->next)
		n += is_told(dialer, dial);
	return n ? (n - 1) * dialer->use.times.apart_ns : 0;
}

/* Those who came before it was begun. */
static void tell_all(struct dialer *dialer, const struct runtime_seen *seen, int error,
		     const char *why)
{
	_cleanup_free_ const struct runtime_container **index = error ? NULL : index_of(seen);
	uint64_t spread = spread_ns(dialer);
	struct dial *dial, *next;
	bool more = false;

	if (!error && !index)
		error = -ENOMEM;
	for (dial = dialer->dials; dial; dial = next) {
		const struct runtime_container *container = NULL;
		bool unknown = error;

		next = dial->next;
		if (!is_told(dialer, dial)) {
			more |= dial->state == DIAL_LOOKS;
			continue;
		}
		if (!error)
			container = running(index, seen->n, dial->id);
		if (!error && !container && seen->failed) /* it may be one of those */
			unknown = true;
		if (unknown)
			dial_unknown(dial, error ? why : "it could not be inspected");
		else
			dial_seen(dial, container, spread);
	}
	if (more)
		loop_after(dialer->use.loop, &dialer->after, on_round);
}

static void on_seen(const struct runtime_seen *seen, int error, const char *why, void *user)
{
	struct dialer *dialer = user;

	dialer->looking = false;
	tell_all(dialer, seen, error, error ? why ?: strerror(-error) : NULL);
}

static void on_round(struct after *after)
{
	struct dialer *dialer = container_of(after, struct dialer, after);
	int r;

	if (dialer->looking) /* tell_all() comes, and finds who is for the next */
		return;
	dialer->begun_ns = now_boot_ns();
	dialer->looking = true;
	r = dialer->use.runtime->look(dialer->use.runtime, on_seen, dialer);
	if (r) {
		dialer->looking = false;
		tell_all(dialer, NULL, r, strerror(-r));
	}
}

void dial_look(struct dial *dial)
{
	dial->state = DIAL_LOOKS;
	dial->wanted_ns = now_boot_ns();
	loop_after(dial->use->loop, &dial->dialer->after, on_round);
}

/* --- begin and end ------------------------------------------------------------------------ */

void dial_gone(struct dial *dial)
{
	dial_done(dial);
	*dial->slot = dial->next;
	if (dial->next)
		dial->next->slot = dial->slot;
	dial->dialer->n--;
	free(dial);
}

int dialer_dial(struct dialer *dialer, const char *container)
{
	struct dial *dial;

	if (agent_id_check(container, NULL))
		return -EINVAL;
	dial = find(dialer, container);
	if (dial) {
		dial->wanted_ns = now_boot_ns(); /* a look of before does not count */
		dial->again = true;
		return 0;
	}
	if (dialer->n == RUNTIME_MAX)
		return -ENOSPC;
	dial = calloc(1, sizeof(*dial));
	if (!dial)
		return -ENOMEM;
	dial->dialer = dialer;
	dial->use = &dialer->use;
	strcpy(dial->id, container);
	dial->next = dialer->dials;
	dial->slot = &dialer->dials;
	if (dial->next)
		dial->next->slot = &dial->next;
	dialer->dials = dial;
	dialer->n++;
	dial_begin(dial);
	return 0;
}

void dialer_cancel(struct dialer *dialer, const char *container)
{
	struct dial *dial = find(dialer, container);

	if (!dial)
		return;
	if (dial->state >= DIAL_REGISTERS)
		log_info("event=agentdial_session_ctx_done container=%.12s", dial->id);
	dial_gone(dial);
}

void dialer_plan(struct dialer *dialer, struct plan *plan)
{
	dialer->use.plan = plan;
}

unsigned dialer_count(const struct dialer *dialer)
{
	return dialer->n;
}

int dialer_new(const struct dialer_use *use, struct dialer **ret)
{
	struct dialer *dialer;

	if (!use->loop || !use->runtime || !use->lines || !use->agents || !use->bus)
		return log_error(-EINVAL, "event=agent_dialer_unavailable");
	dialer = calloc(1, sizeof(*dialer));
	if (!dialer)
		return -ENOMEM;
	dialer->use = *use;
	if (!dialer->use.random)
		dialer->use.random = kernel_random;
	*ret = dialer;
	return 0;
}

void dialer_free(struct dialer *dialer)
{
	if (!dialer)
		return;
	while (dialer->dials)
		dial_gone(dialer->dials);
	after_cancel(&dialer->after);
	free(dialer);
}
