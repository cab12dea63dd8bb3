// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/utf8.h"

/* Room for @n more bytes and a NUL; false after an error. */
static bool json_room(struct json *json, size_t n)
{
	size_t size = json->size ? json->size : 256;
	char *text;

	if (json->error)
		return false;
	if (json->n + n + 1 <= json->size)
		return true;
	if (n > JSON_LIMIT || json->n + n + 1 > JSON_LIMIT) {
		json->error = -EMSGSIZE;
		return false;
	}
	while (size < json->n + n + 1)
		size *= 2;
	text = realloc(json->text, size);
	if (!text) {
		json->error = -ENOMEM;
		return false;
	}
	json->text = text;
	json->size = size;
	return true;
}

static void json_put(struct json *json, const char *text, size_t n)
{
	if (json->n + n >= json->size && !json_room(json, n))
		return;
	if (json->error)
		return;
	memcpy(json->text + json->n, text, n);
	json->n += n;
	json->text[json->n] = '\0';
}

static void json_put_unit(struct json *json, unsigned unit)
{
	char buf[8];

	json_put(json, buf, snprintf(buf, sizeof(buf), "\\u%04x", unit));
}

/* Bytes at the beginning of @s that stand for themselves. */
static size_t plain_length(const uint8_t *s, size_t n)
{
	size_t plain = 0;

	while (plain < n && s[plain] >= 0x20 && s[plain] < 0x7f && s[plain] != '"' &&
	       s[plain] != '\\')
		plain++;
	return plain;
}

static void json_quote(struct json *json, const uint8_t *s, size_t n)
{
	uint32_t point;
	size_t whole = plain_length(s, n);

	if (whole == n && json_room(json, n + 2)) { /* most texts: no second look */
		json->text[json->n] = '"';
		memcpy(json->text + json->n + 1, s, n);
		json->n += n + 2;
		json->text[json->n - 1] = '"';
		json->text[json->n] = '\0';
		return;
	}
	json_put(json, "\"", 1);
	while (n) {
		size_t plain = plain_length(s, n);

		json_put(json, (const char *)s, plain);
		s += plain;
		n -= plain;
		if (!n)
			break;
		plain = 1;
		if (*s == '"' || *s == '\\') {
			json_put(json, *s == '"' ? "\\\"" : "\\\\", 2);
		} else if (*s == '\n') {
			json_put(json, "\\n", 2);
		} else if (*s < 0x80) {
			json_put_unit(json, *s);
		} else {
			plain = utf8_take(s, n, &point);
			if (point > 0xffff)
				json_put_unit(json, 0xd800 + ((point - 0x10000) >> 10));
			json_put_unit(json, point > 0xffff ? 0xdc00 + (point & 0x3ff) : point);
		}
		s += plain;
		n -= plain;
	}
	json_put(json, "\"", 1);
}

static void json_key(struct json *json, const char *key)
{
	if (json->comma)
		json_put(json, ",", 1);
	json->comma = true;
	if (!key)
		return;
	json_quote(json, (const uint8_t *)key, strlen(key));
	json_put(json, ":", 1);
}

static void json_start(struct json *json, const char *key, const char *bracket)
{
	json_key(json, key);
	json_put(json, bracket, 1);
	json->comma = false;
}

static void json_stop(struct json *json, const char *bracket)
{
	json_put(json, bracket, 1);
	json->comma = true;
}

void json_open_object(struct json *json, const char *key)
{
	json_start(json, key, "{");
}

void json_open_array(struct json *json, const char *key)
{
	json_start(json, key, "[");
}

void json_close_object(struct json *json)
{
	json_stop(json, "}");
}

void json_close_array(struct json *json)
{
	json_stop(json, "]");
}

void json_add_bytes(struct json *json, const char *key, const char *value, size_t size)
{
	json_key(json, key);
	json_quote(json, (const uint8_t *)value, size);
}

void json_add_string(struct json *json, const char *key, const char *value)
{
	json_add_bytes(json, key, value, strlen(value));
}

void json_add_raw(struct json *json, const char *key, const char *value, size_t size)
{
	json_key(json, key);
	json_put(json, value, size);
}

/* Half of an event is numbers: snprintf() would be a sixth of what it costs. */
static void add_decimal(struct json *json, const char *key, bool negative, uint64_t value)
{
	char buf[24], *digit = buf + sizeof(buf);

	do {
		*--digit = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	if (negative)
		*--digit = '-';
	json_add_raw(json, key, digit, buf + sizeof(buf) - digit);
}

void json_add_int(struct json *json, const char *key, int64_t value)
{
	add_decimal(json, key, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_add_uint(struct json *json, const char *key, uint64_t value)
{
	add_decimal(json, key, false, value);
}

void json_add_bool(struct json *json, const char *key, bool value)
{
	json_add_raw(json, key, value ? "true" : "false", value ? 4 : 5);
}

void json_add_null(struct json *json, const char *key)
{
	json_add_raw(json, key, "null", 4);
}

const char *json_done(struct json *json)
{
	json_put(json, "", 0);
	return json->error ? NULL : json->text;
}

void json_reset(struct json *json)
{
	json->n = 0;
	json->error = 0;
	json->comma = false;
}

void json_free(struct json *json)
{
	free(json->text);
	*json = (struct json){};
}

int json_parse(const char *text, size_t size, struct json_object **ret)
{
	struct json_tokener *tokener;
	struct json_object *object;
	int r = -EINVAL;

	if (size > JSON_LIMIT || !json_check(text, size))
		return -EINVAL;
	tokener = json_tokener_new_ex(JSON_DEPTH);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, size);
	/* a bare number ends only with the text: ask once more with the NUL */
	if (json_tokener_get_error(tokener) == json_tokener_continue)
		object = json_tokener_parse_ex(tokener, "", 1);
	if (json_tokener_get_error(tokener) == json_tokener_success &&
	    json_tokener_get_parse_end(tokener) <= size) {
		size_t end = json_tokener_get_parse_end(tokener);

		while (end && end < size && strchr(" \t\r\n", text[end]))
			end++;
		if (end >= size || json_tokener_get_parse_end(tokener) == 0)
			r = 0;
	}
	json_tokener_free(tokener);
	if (r)
		json_object_put(object);
	else
		*ret = object;
	return r;
}

struct json_object *json_member(struct json_object *from, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(from, json_type_object) ||
	    !json_object_object_get_ex(from, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

const char *json_text(struct json_object *from, const char *key)
{
	struct json_object *value = json_member(from, key, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}
