// SPDX-License-Identifier: Apache-2.0
#include "caller.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static uint32_t scope = CALLER_ALL;
static pid_t process;

uint32_t caller_scope(void)
{
	return scope;
}

bool caller_may(uint32_t uid)
{
	return scope == CALLER_ALL || uid == scope;
}

void caller_become(uint32_t uid, pid_t pid)
{
	scope = uid;
	process = pid;
}

pid_t caller_pid(void)
{
	return process ?: getpid();
}

uint32_t caller_uid(void)
{
	const char *text = getenv("SUDO_UID");
	char *end = NULL;
	unsigned long uid;

	if (scope != CALLER_ALL)
		return scope;
	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	uid = strtoul(text, &end, 10);
	return errno || *end || uid >= UINT32_MAX ? 0 : uid;
}
