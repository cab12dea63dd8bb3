/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sanitise.h - text that a container chose, made fit for any terminal or log
 *
 * Code points 0x20 to 0x7e stay; every other one becomes one space, so that positions are
 * kept; bytes that are no UTF-8 count as one each. At most @max characters: a longer text
 * keeps max - 3 and ends in "...". No state, any thread.
 */
#ifndef BASE_SANITISE_H
#define BASE_SANITISE_H

#include <stddef.h>

#define SANITISE_MAX 256 /* characters of any one text that people are shown */

/**
 * sanitise() - copy @src (@n bytes) into @buf
 * @buf: @max + 1 bytes
 *
 * Return: @buf.
 */
const char *sanitise(char *buf, size_t max, const char *src, size_t n);

#endif
