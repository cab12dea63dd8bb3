/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - one writer and one strict reader of JSON for all programs
 *
 * The writer appends compact JSON to a growing buffer: commas are its business, bytes
 * outside printable ASCII leave as \u00XX (UTF-8 is decoded to \uXXXX), so that what it
 * made can go to a terminal. An error (no memory, over the limit) sticks and is reported
 * once, by json_done(). The reader is json-c, strict, with a depth limit.
 * Threads: none shared.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define JSON_DEPTH 16         /* deeper is nothing that we exchange */
#define JSON_LIMIT (16 << 20) /* bytes that one value may grow to */

struct json {
	char *text; /* NUL-terminated; owned */
	size_t n, size;
	int error;
	bool comma; /* the next value or key needs one before it */
};

/* Every call takes a key, NULL inside an array or at the top. */
void json_open_object(struct json *json, const char *key);
void json_open_array(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_close_array(struct json *json);
void json_add_string(struct json *json, const char *key, const char *value);
void json_add_bytes(struct json *json, const char *key, const char *value, size_t size);
void json_add_int(struct json *json, const char *key, int64_t value);
void json_add_uint(struct json *json, const char *key, uint64_t value);
void json_add_bool(struct json *json, const char *key, bool value);
void json_add_null(struct json *json, const char *key);
/** json_add_raw() - @value is JSON already */
void json_add_raw(struct json *json, const char *key, const char *value, size_t size);

/** json_done() - the text, NUL-terminated and owned by @json; NULL after an error */
const char *json_done(struct json *json);

/** json_reset() - empty, memory kept; json_free() - and memory freed */
void json_reset(struct json *json);
void json_free(struct json *json);

/**
 * json_parse() - one whole JSON value, nothing after it but white space
 *
 * Strict: no comments, no NaN, no trailing comma, valid UTF-8, depth at most JSON_DEPTH.
 * Return: 0 and a reference that the caller puts; -EINVAL.
 */
int json_parse(const char *text, size_t size, struct json_object **ret);

/** json_member() - a value of @from, borrowed; NULL: @from is no object, or has none of that type */
struct json_object *json_member(struct json_object *from, const char *key, enum json_type type);

/** json_text() - the same for a string, as text */
const char *json_text(struct json_object *from, const char *key);

static inline void json_putp(struct json_object **object)
{
	if (*object)
		json_object_put(*object);
	*object = NULL;
}
#define _cleanup_json_ _cleanup_(json_free)

#endif
