// SPDX-License-Identifier: Apache-2.0
#include "base64url.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_write(const void *bytes, size_t size, char *ret)
{
	const uint8_t *at = bytes;
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < size; i++) {
		bits = bits << 8 | at[i];
		for (have += 8; have >= 6; have -= 6)
			*ret++ = digits[bits >> (have - 6) & 63];
	}
	if (have)
		*ret++ = digits[bits << (6 - have) & 63];
	*ret = '\0';
}

ssize_t base64url_read(const char *text, size_t size, void *ret, size_t room)
{
	uint8_t *to = ret;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return -EBADMSG;
		bits = bits << 6 | (uint32_t)(digit - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n == room)
			return -EBADMSG;
		to[n++] = bits >> have;
	}
	/* a lone digit is no byte, and bits of nothing would be a second text of the same bytes */
	if (have == 6 || bits & ((1U << have) - 1))
		return -EBADMSG;
	return (ssize_t)n;
}
