// SPDX-License-Identifier: Apache-2.0
/* verb_plan.c - terok-cp plan lint: would serve take this plan? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/log.h"
#include "plan.h"
#include "verbs.h"

int verb_plan(int argc, char **argv)
{
	_cleanup_(plan_freep) struct plan *plan = NULL;
	struct problem why = {};
	const struct cli_option options[] = { {} };
	int n = cli_parse(argc, argv, options, 2, 2), r;

	if (n < 0)
		return n;
	if (strcmp(argv[1], "lint") != 0)
		return log_error(-EINVAL, "plan: lint FILE?");
	r = plan_read(argv[2], &plan, &why);
	if (r) {
		log_error(0, "plan: %s", why.text);
		return r == -EINVAL ? -EIO : r; /* not a wrong command line */
	}
	for (unsigned i = 0; i < plan->n; i++)
		printf("%u %s uid=%u gid=%u timeout=%u\n", i, plan->step[i].name, plan->step[i].uid,
		       plan->step[i].gid, plan->step[i].timeout_s);
	printf("%u " PLAN_READY "\n", plan->n);
	return 0;
}
