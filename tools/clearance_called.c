// SPDX-License-Identifier: Apache-2.0
#include "clearance_called.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/log.h"
#include "clearance_single.h"

#define ID_MIN 12 /* digits of an id; fewer are a number or a name */

struct called {
	struct single single;
	const char *text;
	unsigned found;
	int64_t guard[2];
	char who[2][128]; /* the first two that fit */
};

bool called_is(const char *text, const char *name, const char *container)
{
	size_t n = strlen(text);

	return !strcmp(text, name) || !strcmp(text, container) ||
	       (n >= ID_MIN && strspn(text, "0123456789abcdef") == n &&
		!strncmp(text, container, n));
}

static void one_guard(const struct terok_guard_status *guard, void *user)
{
	struct called *called = container_of((struct single *)user, struct called, single);

	if (!guard) {
		called->single.done = true;
		return;
	}
	if (!called_is(called->text, guard->name, guard->container))
		return;
	if (called->found < 2) {
		called->guard[called->found] = guard->guard;
		snprintf(called->who[called->found], sizeof(called->who[0]),
			 "%" PRId64 " (%.40s, %.12s)", guard->guard, guard->name, guard->container);
	}
	called->found++;
}

static int look_up(const char *text, const char *path, int64_t *ret)
{
	static const struct hub_events events = { .guard = one_guard, .closed = single_closed };
	struct called called = { .text = text };
	int r = single_open(&called.single, path, &events);

	if (!r)
		r = terok_client_list_guards(called.single.line.client);
	if (!r)
		r = single_wait(&called.single);
	hub_close(&called.single.line);
	if (r)
		return r;
	if (!called.found)
		return log_error(0, "no guard '%.80s'; terok-clearance guards lists them", text),
		       -ENOENT;
	if (called.found > 1)
		return log_error(0,
				 "%u guards are called '%.80s': %s%s %s; use the number, or the "
				 "full id",
				 called.found, text, called.who[0],
				 called.found > 2 ? ", ..., and" : " and", called.who[1]),
		       -ENOTUNIQ;
	*ret = called.guard[0];
	return 0;
}

int called_guard(const char *text, const char *path, int64_t *ret)
{
	unsigned long long value;
	char *end;

	if (!text)
		return 0;
	if (!*text || *text == '-')
		return log_error(0, "guard '%.80s' is neither number, name nor id", text), -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value > INT32_MAX)
		return look_up(text, path, ret);
	*ret = value;
	return 0;
}
