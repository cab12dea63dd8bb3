// SPDX-License-Identifier: Apache-2.0
#include "reply.h"

#include <stdarg.h>
#include <stdio.h>

struct reply reply_make(enum reply_code code, const char *fmt, ...)
{
	struct reply reply = { .code = code };
	va_list args;

	va_start(args, fmt);
	vsnprintf(reply.text, sizeof(reply.text), fmt, args);
	va_end(args);
	return reply;
}

unsigned reply_grpc(enum reply_code code)
{
	switch (code) {
	case REPLY_OK: return 0;
	case REPLY_INVALID: return 3;
	case REPLY_DENIED: return 7;
	case REPLY_UNAUTHENTICATED: return 16;
	case REPLY_NONE:
	case REPLY_INTERNAL: break;
	}
	return 13;
}
