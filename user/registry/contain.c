// SPDX-License-Identifier: Apache-2.0
#include "contain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct containing **slot_of(const struct contain *contain, const char *container)
{
	struct containing **slot = (struct containing **)&contain->first;

	while (*slot && strcmp((*slot)->container, container))
		slot = &(*slot)->next;
	return slot;
}

static void free_one(struct containing *one)
{
	free(one->agent);
	free(one->project);
	free(one);
}

static struct containing *new_one(const char *container, const char *agent, const char *project)
{
	struct containing *one = calloc(1, sizeof(*one));

	if (!one)
		return NULL;
	snprintf(one->container, sizeof(one->container), "%s", container);
	/* who it is is for people: without memory they see its container */
	one->agent = agent ? strdup(agent) : NULL;
	one->project = project ? strdup(project) : NULL;
	return one;
}

int contain_add(struct contain *contain, const char *container, const char *agent,
		const char *project, const char *reason, const char *detail)
{
	struct containing **slot = slot_of(contain, container);

	if (!*slot && contain->n == CONTAIN_MAX)
		return -ENOSPC;
	if (!*slot) {
		*slot = new_one(container, agent, project);
		if (!*slot)
			return -ENOMEM;
		contain->n++;
	}
	if ((*slot)->waits)
		return 0;
	(*slot)->waits = true;
	(*slot)->due_ns = 0;
	snprintf((*slot)->reason, sizeof((*slot)->reason), "%s", reason);
	snprintf((*slot)->detail, sizeof((*slot)->detail), "%s", detail);
	return 0;
}

struct containing *contain_due(const struct contain *contain, uint64_t now_ns, uint64_t *next_ns)
{
	*next_ns = 0;
	for (struct containing *one = contain->first; one; one = one->next) {
		if (!one->waits)
			continue;
		if (one->due_ns <= now_ns)
			return one;
		if (!*next_ns || one->due_ns < *next_ns)
			*next_ns = one->due_ns;
	}
	return NULL;
}

struct containing *contain_find(const struct contain *contain, const char *container)
{
	return *slot_of(contain, container);
}

void contain_drop(struct contain *contain, const char *container)
{
	struct containing **slot = slot_of(contain, container), *one = *slot;

	if (!one)
		return;
	*slot = one->next;
	contain->n--;
	free_one(one);
}

void contain_done(struct contain *contain)
{
	while (contain->first)
		contain_drop(contain, contain->first->container);
}
