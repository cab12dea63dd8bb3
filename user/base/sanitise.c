// SPDX-License-Identifier: Apache-2.0
#include "base/sanitise.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the code point at @s; 1 for anything that is no valid UTF-8. */
static size_t point_bytes(const uint8_t *s, size_t n)
{
	size_t more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc2 ? 1 : 0;

	if (s[0] > 0xf4 || more >= n)
		return 1;
	for (size_t i = 1; i <= more; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 1;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 1;
	return more + 1;
}

const char *sanitise(char *buf, size_t max, const char *src, size_t n)
{
	const uint8_t *s = (const uint8_t *)src;
	size_t out = 0;

	for (; n && out < max; out++) {
		size_t bytes = point_bytes(s, n);

		buf[out] = bytes == 1 && *s >= 0x20 && *s < 0x7f ? (char)*s : ' ';
		s += bytes;
		n -= bytes;
	}
	if (n)
		memset(buf + (max > 3 ? max - 3 : 0), '.', max > 3 ? 3 : max);
	buf[out] = '\0';
	return buf;
}
