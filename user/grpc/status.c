// SPDX-License-Identifier: Apache-2.0
#include "grpc/status.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <nghttp2/nghttp2.h>

#include "base/event.h"

static const char *const code_name[] = {
	[GRPC_OK] = "OK",
	[GRPC_CANCELLED] = "CANCELLED",
	[GRPC_UNKNOWN] = "UNKNOWN",
	[GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
	[GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
	[GRPC_NOT_FOUND] = "NOT_FOUND",
	[GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
	[GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
	[GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
	[GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
	[GRPC_ABORTED] = "ABORTED",
	[GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
	[GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
	[GRPC_INTERNAL] = "INTERNAL",
	[GRPC_UNAVAILABLE] = "UNAVAILABLE",
	[GRPC_DATA_LOSS] = "DATA_LOSS",
	[GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};
_Static_assert(sizeof(code_name) / sizeof(code_name[0]) == GRPC_CODE_MAX_, "a name for each code");

const char *grpc_code_name(enum grpc_code code)
{
	return (unsigned)code < GRPC_CODE_MAX_ ? code_name[code] : code_name[GRPC_UNKNOWN];
}

const char *status_encode(char buf[static STATUS_ENCODED], const char *text)
{
	static const char digit[] = "0123456789ABCDEF";
	char *to = buf;

	for (size_t i = 0; i < STATUS_TEXT && text[i]; i++) {
		unsigned char c = text[i];

		if (c >= 0x20 && c <= 0x7e && c != '%') {
			*to++ = c;
			continue;
		}
		*to++ = '%';
		*to++ = digit[c >> 4];
		*to++ = digit[c & 15];
	}
	*to = '\0';
	return buf;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

const char *status_decode(char buf[static STATUS_TEXT + 1], const char *text)
{
	size_t n = 0;

	while (*text && n < STATUS_TEXT) {
		int high = *text == '%' ? hex(text[1]) : -1;
		int low = high >= 0 ? hex(text[2]) : -1;

		if (low >= 0 && (high || low)) { /* %00 would end the text */
			buf[n++] = (char)(high << 4 | low);
			text += 3;
		} else {
			buf[n++] = *text++;
		}
	}
	buf[n] = '\0';
	return buf;
}

enum grpc_code status_code(const char *text)
{
	unsigned code = 0;
	size_t n = strspn(text, "0123456789");

	if (!n || n > 2 || text[n])
		return GRPC_UNKNOWN;
	for (size_t i = 0; i < n; i++)
		code = code * 10 + (unsigned)(text[i] - '0');
	return code < GRPC_CODE_MAX_ ? (enum grpc_code)code : GRPC_UNKNOWN;
}

enum grpc_code status_of_http(unsigned status)
{
	switch (status) {
	case 400: return GRPC_INTERNAL;
	case 401: return GRPC_UNAUTHENTICATED;
	case 403: return GRPC_PERMISSION_DENIED;
	case 404: return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504: return GRPC_UNAVAILABLE;
	default: return GRPC_UNKNOWN;
	}
}

enum grpc_code status_of_reset(uint32_t error)
{
	switch (error) {
	case NGHTTP2_REFUSED_STREAM: return GRPC_UNAVAILABLE;
	case NGHTTP2_CANCEL: return GRPC_CANCELLED;
	case NGHTTP2_ENHANCE_YOUR_CALM: return GRPC_RESOURCE_EXHAUSTED;
	case NGHTTP2_INADEQUATE_SECURITY: return GRPC_PERMISSION_DENIED;
	case NGHTTP2_STREAM_CLOSED:
	case NGHTTP2_HTTP_1_1_REQUIRED: return GRPC_UNKNOWN;
	default: return GRPC_INTERNAL;
	}
}

/* From the finest; a value has eight digits at most. */
static const struct {
	char unit;
	uint64_t ns;
} units[] = {
	{ 'n', 1 },         { 'u', 1000 },           { 'm', 1000000 },
	{ 'S', SECOND_NS }, { 'M', 60 * SECOND_NS }, { 'H', 3600 * SECOND_NS },
};
#define UNITS      (sizeof(units) / sizeof(units[0]))
#define VALUE_MAX  99999999
#define VALUE_SIZE 8

const char *status_timeout(char buf[static STATUS_TIMEOUT], uint64_t ns)
{
	size_t i = 0;

	while (i < UNITS - 1 && ns > VALUE_MAX * units[i].ns)
		i++;
	snprintf(buf, STATUS_TIMEOUT, "%llu%c",
		 (unsigned long long)(ns / units[i].ns + !!(ns % units[i].ns)), units[i].unit);
	return buf;
}

bool status_timeout_read(const char *text, uint64_t *ret)
{
	size_t n = strspn(text, "0123456789");
	uint64_t value = 0;

	if (!n || n > VALUE_SIZE || !text[n] || text[n + 1])
		return false;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	for (size_t i = 0; i < UNITS; i++) {
		if (units[i].unit != text[n])
			continue;
		if (__builtin_mul_overflow(value, units[i].ns, ret))
			*ret = UINT64_MAX;
		return true;
	}
	return false;
}

bool status_is_grpc(const char *content_type)
{
	static const char type[] = "application/grpc", proto[] = "+proto";

	if (strncasecmp(content_type, type, sizeof(type) - 1))
		return false;
	content_type += sizeof(type) - 1;
	if (!strncasecmp(content_type, proto, sizeof(proto) - 1))
		content_type += sizeof(proto) - 1;
	return !*content_type || *content_type == ';';
}
