/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan.h - the grammar of JSON, and objects read in place: no tree, no memory
 *
 * For what comes by the hundred thousand and is looked at once. json_parse() builds its tree
 * only from what this grammar accepts, so both readers take the same texts: strict (no
 * comments, no NaN, no trailing comma), valid UTF-8, at most JSON_DEPTH deep, and no key with
 * a NUL in it. No state, any thread.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

/* A value as it stands in the text, which it borrows. */
struct json_span {
	const char *text; /* of a string what is between its quotes */
	size_t n;
	enum json_type type;
	bool escaped; /* a string with backslashes: json_span_text() resolves them */
};

typedef void (*json_member_fn)(const struct json_span *key, const struct json_span *value,
			       void *user);

/**
 * json_scan() - the members of the one object that @text is, in their order
 * @fn: a value that is an object can be scanned in its turn. A key may come twice.
 *
 * Return: 0; -EINVAL: the text is no object, and what @fn was told is void.
 */
int json_scan(const char *text, size_t size, json_member_fn fn, void *user);

typedef void (*json_element_fn)(const struct json_span *value, void *user);

/** json_each() - the same of an array: its values, in their order */
int json_each(const char *text, size_t size, json_element_fn fn, void *user);

/** json_check() - is @text one JSON value, with nothing but white space around it? */
bool json_check(const char *text, size_t size);

/** json_wrong() - where it ceases to be one: bytes from its beginning; @size: at its end, or not at all */
size_t json_wrong(const char *text, size_t size);

/** json_span_is() - is it the string @text? */
bool json_span_is(const struct json_span *span, const char *text);

/**
 * json_span_text() - a string's characters in UTF-8, or another value as it stands
 * @buf: @size bytes; what does not fit is left out; no NUL is added
 *
 * Half a surrogate pair is U+FFFD. Return: bytes written.
 */
size_t json_span_text(const struct json_span *span, char *buf, size_t size);

#endif
