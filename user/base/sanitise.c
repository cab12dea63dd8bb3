// SPDX-License-Identifier: Apache-2.0
#include "base/sanitise.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

const char *sanitise(char *buf, size_t max, const char *src, size_t n)
{
	const uint8_t *s = (const uint8_t *)src;
	size_t out = 0;

	for (; n && out < max; out++) {
		size_t bytes = 1;
		uint32_t point;

		buf[out] = *s >= 0x20 && *s < 0x7f ? (char)*s : ' ';
		if (*s >= 0x80)
			bytes = utf8_take(s, n, &point);
		s += bytes;
		n -= bytes;
	}
	if (n)
		memset(buf + (max > 3 ? max - 3 : 0), '.', max > 3 ? 3 : max);
	buf[out] = '\0';
	return buf;
}
