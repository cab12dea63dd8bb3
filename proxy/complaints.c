// SPDX-License-Identifier: Apache-2.0
#include "complaints.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "service/doors.h"

struct from {
	char name[DOOR_CONTAINER]; /* "": us, and who else comes by a port of the host's */
	uint64_t spent_ns;         /* all that was taken of its lines is earned again by then */
	uint64_t left_out;         /* not told yet */
};

struct complaints {
	struct loop *loop;
	struct timer tell;
	struct from from[COMPLAINTS_SOURCES];
	unsigned n;
};

static void tell(struct from *from)
{
	char text[DOOR_CONTAINER];

	if (from->left_out)
		log_warn(0, "%" PRIu64 " more requests%s%s were refused", from->left_out,
			 *from->name ? " of container " : "",
			 log_safe(text, sizeof(text), from->name));
	from->left_out = 0;
}

static int on_tell(struct timer *timer)
{
	struct complaints *complaints = container_of(timer, struct complaints, tell);

	for (unsigned i = 0; i < complaints->n; i++)
		tell(&complaints->from[i]);
	return 0;
}

static struct from *from_of(struct complaints *complaints, const char *name)
{
	struct from *quiet = complaints->from;

	for (unsigned i = 0; i < complaints->n; i++) {
		struct from *from = &complaints->from[i];

		if (!strcmp(from->name, name))
			return from;
		quiet = from->spent_ns < quiet->spent_ns ? from : quiet;
	}
	if (complaints->n < COMPLAINTS_SOURCES)
		quiet = &complaints->from[complaints->n++];
	else
		tell(quiet);
	*quiet = (struct from){};
	snprintf(quiet->name, sizeof(quiet->name), "%s", name);
	return quiet;
}

bool complaints_may(struct complaints *complaints, const char *name, uint64_t now_ns)
{
	struct from *from = from_of(complaints, name);

	if (from->spent_ns < now_ns)
		from->spent_ns = now_ns;
	if (from->spent_ns - now_ns <= (COMPLAINTS - 1) * SECOND_NS) {
		from->spent_ns += SECOND_NS;
		return true;
	}
	from->left_out++;
	if (!complaints->tell.loop)
		timer_arm(complaints->loop, &complaints->tell, now_ns + COMPLAINTS_TOLD_NS,
			  on_tell);
	return false;
}

int complaints_new(struct loop *loop, struct complaints **ret)
{
	struct complaints *complaints = calloc(1, sizeof(*complaints));

	if (!complaints)
		return -ENOMEM;
	complaints->loop = loop;
	*ret = complaints;
	return 0;
}

void complaints_free(struct complaints *complaints)
{
	if (!complaints)
		return;
	on_tell(&complaints->tell);
	timer_disarm(&complaints->tell);
	free(complaints);
}
