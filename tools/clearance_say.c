// SPDX-License-Identifier: Apache-2.0
#include "clearance_say.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

void say(const char *fmt, ...)
{
	char line[2001];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	puts(log_safe(line, sizeof(line), line));
}
