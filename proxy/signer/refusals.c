// SPDX-License-Identifier: Apache-2.0
#include "refusals.h"

#include <stdio.h>
#include <string.h>

#define EACH_NS (REFUSALS_EACH_S * SECOND_NS)

static bool is_of(const struct refusals_of *of, const struct deed *deed)
{
	return !strcmp(of->project, deed->project) && !strcmp(of->container, deed->container) &&
	       (*deed->container || !strcmp(of->task, deed->task));
}

/* Whose it is; in place of one that has been quiet, and else the last one's, which is all others. */
static struct refusals_of *of_get(struct refusals *refusals, const struct deed *deed, uint64_t now)
{
	struct refusals_of *of = refusals->of, *quiet = NULL;

	for (; of < refusals->of + refusals->n; of++) {
		if (is_of(of, deed))
			return of;
		if (of->lines.full_ns <= now && !of->left_out)
			quiet = of;
	}
	if (quiet)
		of = quiet;
	else if (refusals->n < REFUSALS_OF)
		refusals->n++;
	else
		return of - 1;
	*of = (struct refusals_of){};
	snprintf(of->project, sizeof(of->project), "%s", deed->project);
	snprintf(of->task, sizeof(of->task), "%s", deed->task);
	snprintf(of->container, sizeof(of->container), "%s", deed->container);
	return of;
}

/* One line of its own. */
static bool take(struct refusals_of *of, uint64_t now)
{
	return meter_take(&of->lines, EACH_NS, REFUSALS_AT_ONCE, now);
}

static void tell(struct refusals *refusals, struct refusals_of *of)
{
	const struct deed deed = { .project = of->project,
				   .task = of->task,
				   .container = of->container };

	audit_left_out(refusals->audit, &deed, of->left_out);
	of->left_out = 0;
}

/* Those that have room again; the next look is when another of them has. */
static int on_room(struct timer *timer)
{
	struct refusals *refusals = container_of(timer, struct refusals, timer);
	uint64_t now = now_boot_ns();
	bool more = false;

	for (struct refusals_of *of = refusals->of; of < refusals->of + refusals->n; of++) {
		if (of->left_out && take(of, now))
			tell(refusals, of);
		more |= of->left_out;
	}
	if (more)
		timer_arm(refusals->loop, timer, now + EACH_NS, on_room);
	return 0;
}

void refusals_note(struct refusals *refusals, const struct deed *deed)
{
	uint64_t now = now_boot_ns();
	struct refusals_of *of = of_get(refusals, deed, now);

	if (!of->left_out && take(of, now)) {
		audit_sign(refusals->audit, deed);
		return;
	}
	of->left_out++;
	if (!refusals->timer.loop)
		timer_arm(refusals->loop, &refusals->timer, now + EACH_NS, on_room);
}

void refusals_end(struct refusals *refusals)
{
	timer_disarm(&refusals->timer);
	for (unsigned i = 0; i < refusals->n; i++)
		if (refusals->of[i].left_out)
			tell(refusals, &refusals->of[i]);
}
