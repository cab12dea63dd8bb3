// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_registry_plan.c - plans of whatever bytes
 *
 * What is taken is what the manual says of it, and each refusal begins with a line that there is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/plan.h"

static void look(const struct plan *plan, const struct plan_step *step)
{
	if (!*step->name || strlen(step->name) > PLAN_NAME_MAX || !strcmp(step->name, PLAN_READY))
		abort();
	for (const struct plan_step *other = plan->step; other < step; other++)
		if (!strcmp(other->name, step->name))
			abort();
	if (!step->n_argv || !*step->argv[0] || !step->timeout_s ||
	    step->timeout_s > PLAN_TIMEOUT_MAX || step->uid == UINT32_MAX ||
	    step->gid == UINT32_MAX)
		abort();
	for (size_t i = 0; i < step->n_argv; i++)
		if (strlen(step->argv[i]) > PLAN_TEXT_MAX)
			abort();
	for (size_t i = 0; i < step->n_env; i++) {
		if (!*step->env[i].key || strchr(step->env[i].key, '=') || !step->env[i].value)
			abort();
		for (size_t k = 0; k < i; k++)
			if (!strcmp(step->env[k].key, step->env[i].key))
				abort();
	}
	if (step->n_input != (step->input ? strlen(step->input) : 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct problem why = {};
	unsigned long lines = 1, line;
	char *end;

	if (plan_parse((const char *)data, size, &plan, &why)) {
		for (size_t i = 0; i < size; i++)
			lines += data[i] == '\n';
		line = strtoul(why.text, &end, 10);
		if (plan || !line || line > lines || strncmp(end, ": ", 2))
			abort();
		return 0;
	}
	if (plan->n > PLAN_MAX)
		abort();
	for (unsigned i = 0; i < plan->n; i++)
		look(plan, &plan->step[i]);
	return 0;
}
