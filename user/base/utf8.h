/* SPDX-License-Identifier: Apache-2.0 */
/*
 * utf8.h - one code point from bytes that may be none
 *
 * Called by: json.c, json_scan.c, sanitise.c. No state, any thread.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/**
 * utf8_take() - the code point at @s, of @n > 0 bytes
 *
 * What is no UTF-8 (overlong, a surrogate, beyond U+10FFFF, cut off) counts as one byte of
 * U+FFFD: one byte that is 0x80 or more is how a caller tells it from a U+FFFD that was written.
 * Return: bytes taken, 1 to 4.
 */
static inline size_t utf8_take(const uint8_t *s, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	size_t more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc2 ? 1 : 0;
	uint32_t point = s[0] & (0x3f >> more);

	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	*ret = 0xfffd;
	if (!more || s[0] > 0xf4 || more >= n)
		return 1;
	for (size_t i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000) || point < least[more])
		return 1;
	*ret = point;
	return more + 1;
}

#endif
