// SPDX-License-Identifier: Apache-2.0
#include "base/problem.h"

#include <stdarg.h>
#include <stdio.h>

int problem(struct problem *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (!why)
		return err;
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return err;
}
