// SPDX-License-Identifier: Apache-2.0
#include "deeds.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cli.h"
#include "base/confine.h"
#include "base/log.h"

int deeds_run(const struct deed *deeds, const char *what, int argc, char **argv)
{
	bool help = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));

	for (; argc > 1 && deeds->name; deeds++)
		if (!strcmp(argv[1], deeds->name)) {
			/* what they have in hand is in no core dump, and no other process looks */
			int r = confine_privs();

			return r ? log_error(r, "cannot give up privileges"),
			       r : deeds->run(argc - 1, argv + 1);
		}
	if (help)
		return cli_parse(argc, argv, NULL, 0, 0) == -ECANCELED ? 0 : -EINVAL;
	return log_error(0, "%s what? %s", argv[0], what), -EINVAL;
}
