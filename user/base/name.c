// SPDX-License-Identifier: Apache-2.0
#include "base/name.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

int name_check(const char *name, size_t max, struct problem *why)
{
	size_t n = strlen(name);

	if (!n || n > max)
		return problem(why, -EINVAL, "a name of %zu bytes: 1 to %zu are allowed", n, max);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (isascii(c) && (isalnum(c) || (i && strchr("._-", c))))
			continue;
		return problem(why, -EINVAL,
			       "byte %zu of the name is not allowed: letters and digits, then also "
			       "'.', '_', '-'",
			       i + 1);
	}
	return 0;
}
