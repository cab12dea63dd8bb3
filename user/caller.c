// SPDX-License-Identifier: Apache-2.0
#include "caller.h"

#include <errno.h>
#include <stdlib.h>

uint32_t caller_uid(void)
{
	const char *text = getenv("SUDO_UID");
	char *end = NULL;
	unsigned long uid;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	uid = strtoul(text, &end, 10);
	return errno || *end || uid >= UINT32_MAX ? 0 : uid;
}
