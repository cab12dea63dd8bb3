// SPDX-License-Identifier: Apache-2.0
#include "base/json_scan.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

#define KEY_MAX 64 /* bytes of a key that json_span_is() may be asked for, escaped */

/* What is left of the text. */
struct scan {
	const uint8_t *at, *end;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void space_skip(struct scan *scan)
{
	while (scan->at < scan->end && is_space(*scan->at))
		scan->at++;
}

/* White space, then @c? Only then is anything taken but the space. */
static bool take(struct scan *scan, char c)
{
	space_skip(scan);
	if (scan->at == scan->end || *scan->at != (uint8_t)c)
		return false;
	scan->at++;
	return true;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The unit of "\uXXXX" at @s; -1: there is none. */
static int32_t unit_at(const uint8_t *s, size_t n)
{
	int32_t unit = 0;

	if (n < 6 || s[0] != '\\' || s[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int digit = hex_digit(s[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* Bytes of the escape at @s; 0: it is none. */
static size_t escape_bytes(const uint8_t *s, size_t n)
{
	if (n < 2)
		return 0;
	if (s[1] == 'u')
		return unit_at(s, n) < 0 ? 0 : 6;
	return s[1] && strchr("\"\\/bfnrt", s[1]) ? 2 : 0;
}

/* Behind the opening quote, to behind the closing one. */
static bool string_scan(struct scan *scan, struct json_span *ret)
{
	const uint8_t *start = scan->at;
	uint32_t point;

	ret->escaped = false;
	for (size_t bytes; scan->at < scan->end; scan->at += bytes) {
		uint8_t c = *scan->at;

		bytes = 1;
		if (c == '"') {
			*ret = (struct json_span){ (const char *)start, scan->at - start,
						   json_type_string, ret->escaped };
			scan->at++;
			return true;
		}
		if (c < 0x20)
			return false;
		if (c == '\\') {
			ret->escaped = true;
			bytes = escape_bytes(scan->at, scan->end - scan->at);
		} else if (c >= 0x80) {
			bytes = utf8_take(scan->at, scan->end - scan->at, &point);
			bytes = bytes == 1 ? 0 : bytes;
		}
		if (!bytes)
			return false;
	}
	return false;
}

static size_t digits(const struct scan *scan, size_t at)
{
	size_t n = 0;

	while (scan->at + at + n < scan->end && scan->at[at + n] >= '0' && scan->at[at + n] <= '9')
		n++;
	return n;
}

static bool number_scan(struct scan *scan, struct json_span *ret)
{
	size_t left = scan->end - scan->at, at = *scan->at == '-', whole = digits(scan, at), more;

	ret->type = json_type_int;
	if (!whole || (whole > 1 && scan->at[at] == '0'))
		return false;
	at += whole;
	if (at < left && scan->at[at] == '.') {
		more = digits(scan, at + 1);
		if (!more)
			return false;
		ret->type = json_type_double;
		at += 1 + more;
	}
	if (at < left && (scan->at[at] | 0x20) == 'e') {
		at += 1 + (at + 1 < left && (scan->at[at + 1] == '+' || scan->at[at + 1] == '-'));
		more = digits(scan, at);
		if (!more)
			return false;
		ret->type = json_type_double;
		at += more;
	}
	scan->at += at;
	return true;
}

static bool word_scan(struct scan *scan, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(scan->end - scan->at) < n || memcmp(scan->at, word, n))
		return false;
	scan->at += n;
	return true;
}

static bool value_scan(struct scan *scan, unsigned depth, struct json_span *ret);

/* A key with a NUL would end there for most who read it, and be taken for another. */
static bool has_nul(const struct json_span *span)
{
	for (size_t i = 0; span->escaped && i < span->n; i++) {
		if (span->text[i] != '\\')
			continue;
		if (span->n - i >= 6 && !memcmp(span->text + i, "\\u0000", 6))
			return true;
		i++;
	}
	return false;
}

static bool key_scan(struct scan *scan, struct json_span *ret)
{
	return take(scan, '"') && string_scan(scan, ret) && take(scan, ':') && !has_nul(ret);
}

/* Behind the opening brace; @fn may be NULL. */
static bool object_scan(struct scan *scan, unsigned depth, json_member_fn fn, void *user)
{
	struct json_span key, value;

	if (take(scan, '}'))
		return true;
	do {
		if (!key_scan(scan, &key) || !value_scan(scan, depth + 1, &value))
			return false;
		if (fn)
			fn(&key, &value, user);
	} while (take(scan, ','));
	return take(scan, '}');
}

/* The same of an array, behind its bracket. */
static bool array_scan(struct scan *scan, unsigned depth, json_element_fn fn, void *user)
{
	struct json_span value;

	if (take(scan, ']'))
		return true;
	do {
		if (!value_scan(scan, depth + 1, &value))
			return false;
		if (fn)
			fn(&value, user);
	} while (take(scan, ','));
	return take(scan, ']');
}

/* One value, at most JSON_DEPTH calls deep. */
static bool value_scan(struct scan *scan, unsigned depth, struct json_span *ret)
{
	const uint8_t *start;
	bool ok = false;

	space_skip(scan);
	if (scan->at == scan->end || depth > JSON_DEPTH)
		return false;
	start = scan->at;
	switch (*start) {
	case '"': scan->at++; return string_scan(scan, ret);
	case '{':
		ret->type = json_type_object;
		scan->at++;
		ok = object_scan(scan, depth, NULL, NULL);
		break;
	case '[':
		ret->type = json_type_array;
		scan->at++;
		ok = array_scan(scan, depth, NULL, NULL);
		break;
	case 't': ret->type = json_type_boolean, ok = word_scan(scan, "true"); break;
	case 'f': ret->type = json_type_boolean, ok = word_scan(scan, "false"); break;
	case 'n': ret->type = json_type_null, ok = word_scan(scan, "null"); break;
	default: ok = number_scan(scan, ret); break;
	}
	ret->text = (const char *)start;
	ret->n = scan->at - start;
	ret->escaped = false;
	return ok;
}

static bool at_end(struct scan *scan)
{
	space_skip(scan);
	return scan->at == scan->end;
}

int json_scan(const char *text, size_t size, json_member_fn fn, void *user)
{
	struct scan scan = { (const uint8_t *)text, (const uint8_t *)text + size };

	return take(&scan, '{') && object_scan(&scan, 1, fn, user) && at_end(&scan) ? 0 : -EINVAL;
}

int json_each(const char *text, size_t size, json_element_fn fn, void *user)
{
	struct scan scan = { (const uint8_t *)text, (const uint8_t *)text + size };

	return take(&scan, '[') && array_scan(&scan, 1, fn, user) && at_end(&scan) ? 0 : -EINVAL;
}

bool json_check(const char *text, size_t size)
{
	struct scan scan = { (const uint8_t *)text, (const uint8_t *)text + size };
	struct json_span value;

	return value_scan(&scan, 1, &value) && at_end(&scan);
}

size_t json_wrong(const char *text, size_t size)
{
	struct scan scan = { (const uint8_t *)text, (const uint8_t *)text + size };
	struct json_span value;

	if (value_scan(&scan, 1, &value))
		space_skip(&scan);
	return (const char *)scan.at - text;
}

/* The code point of the escape at @s, and its bytes. */
static uint32_t escape_point(const uint8_t *s, size_t n, size_t *bytes)
{
	static const char letters[] = "bfnrt", points[] = "\b\f\n\r\t";
	int32_t unit = unit_at(s, n), low;
	const char *letter = strchr(letters, s[1]);

	*bytes = 2;
	if (unit < 0)
		return letter ? (uint8_t)points[letter - letters] : s[1];
	*bytes = 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return unit;
	low = unit < 0xdc00 ? unit_at(s + 6, n - 6) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*bytes = 12;
	return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

/* In UTF-8; 0: it does not fit. */
static size_t point_put(char *buf, size_t room, uint32_t point)
{
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const uint8_t head[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	if (n > room)
		return 0;
	for (size_t i = n - 1; i; i--, point >>= 6)
		buf[i] = (char)(0x80 | (point & 0x3f));
	buf[0] = (char)(head[n] | point);
	return n;
}

size_t json_span_text(const struct json_span *span, char *buf, size_t size)
{
	const uint8_t *s = (const uint8_t *)span->text;
	size_t out = 0, put;

	if (!span->escaped) {
		out = span->n < size ? span->n : size;
		memcpy(buf, span->text, out);
		return out;
	}
	for (size_t at = 0, bytes = 1; at < span->n; at += bytes, out += put) {
		bytes = put = 1;
		if (s[at] == '\\')
			put = point_put(buf + out, size - out,
					escape_point(s + at, span->n - at, &bytes));
		else if (out < size)
			buf[out] = (char)s[at];
		else
			put = 0;
		if (!put)
			break;
	}
	return out;
}

bool json_span_is(const struct json_span *span, const char *text)
{
	char buf[KEY_MAX];
	size_t n;

	if (span->type != json_type_string)
		return false;
	if (!span->escaped) /* most that are compared differ at their first byte */
		return span->n && *span->text == *text && !strncmp(span->text, text, span->n) &&
		       !text[span->n];
	n = strlen(text);
	return n < sizeof(buf) && json_span_text(span, buf, sizeof(buf)) == n &&
	       !memcmp(buf, text, n);
}
