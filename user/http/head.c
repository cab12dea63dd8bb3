// SPDX-License-Identifier: Apache-2.0
#include "http/head.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define METHOD_MAX  32  /* bytes */
#define CHUNK_LINE  256 /* bytes, with extensions, which nobody has a use for */
#define LENGTH_MAX  18  /* digits: no 64 bits overflow */
#define CHUNK_DIGIT 15

/* What a byte may be part of; a table, as every byte of a head is asked for. */
enum part {
	TOKEN = 1, /* RFC 9110: tchar */
	TARGET = 2,
	VALUE = 4,
};

#define T (TOKEN | TARGET | VALUE)
#define O (TARGET | VALUE)
static const uint8_t parts[256] = {
	['\t'] = VALUE,      [' '] = VALUE,     ['!'] = T,         ['"'] = O,
	['#' ... '\''] = T,  ['(' ... ')'] = O, ['*' ... '+'] = T, [','] = O,
	['-' ... '.'] = T,   ['/'] = O,         ['0' ... '9'] = T, [':' ... '@'] = O,
	['A' ... 'Z'] = T,   ['[' ... ']'] = O, ['^' ... '`'] = T, ['a' ... 'z'] = T,
	['{'] = O,           ['|'] = T,         ['}'] = O,         ['~'] = T,
	[0x80 ... 0xff] = O,
};
#undef T
#undef O

static size_t span(const char *text, size_t n, enum part part)
{
	size_t i = 0;

	while (i < n && parts[(uint8_t)text[i]] & part)
		i++;
	return i;
}

/* Most names differ in their first letter. */
static bool is_name(const char *name, const char *want)
{
	return !((*name ^ *want) & ~0x20) && !strcasecmp(name, want);
}

ssize_t http_head_end(const char *bytes, size_t n)
{
	const char *at = bytes, *end = bytes + n, *lf;

	while ((lf = memchr(at, '\n', (size_t)(end - at)))) {
		if (lf == at || lf[-1] != '\r')
			return -EBADMSG;
		if (lf == at + 1)
			return lf + 1 - bytes;
		at = lf + 1;
	}
	return 0;
}

/* One line of fields; @n without its end, which becomes NUL. */
static int field(char *line, size_t n, struct http_head *ret)
{
	size_t name = span(line, n, TOKEN), from, to = n;

	if (!name || name == n || line[name] != ':')
		return -EBADMSG;
	for (from = name + 1; from < to && (line[from] == ' ' || line[from] == '\t'); from++)
		;
	while (to > from && (line[to - 1] == ' ' || line[to - 1] == '\t'))
		to--;
	if (span(line + from, to - from, VALUE) != to - from)
		return -EBADMSG;
	if (ret->n == HTTP_HEADERS_MAX)
		return -E2BIG;
	line[name] = line[to] = '\0';
	ret->header[ret->n++] = (struct http_header){ line, line + from };
	return 0;
}

int http_head_fields(char *bytes, size_t n, struct http_head *ret)
{
	char *end = bytes + n, *lf;
	int r = 0;

	for (char *at = bytes; !r && at < end; at = lf + 1) {
		lf = memchr(at, '\n', (size_t)(end - at));
		if (!lf || lf == at || lf[-1] != '\r')
			return -EBADMSG;
		if (lf == at + 1)
			return lf + 1 == end ? 0 : -EBADMSG;
		r = field(at, (size_t)(lf - 1 - at), ret);
	}
	return r ?: -EBADMSG;
}

static int version(char *text, struct http_head *ret)
{
	ret->version = text;
	if (strncmp(text, "HTTP/", 5) != 0)
		return -EBADMSG;
	return strcmp(text, "HTTP/1.1") && strcmp(text, "HTTP/1.0") ? -EPROTONOSUPPORT : 0;
}

/* The first line becomes a string; what is behind it, NULL: there is none. */
static char *first_line(char *bytes, size_t n)
{
	char *lf = memchr(bytes, '\n', n);

	if (!lf || lf == bytes || lf[-1] != '\r' || memchr(bytes, '\0', (size_t)(lf - bytes)))
		return NULL;
	lf[-1] = '\0';
	return lf + 1;
}

int http_head_request(char *bytes, size_t n, struct http_head *ret)
{
	char *rest = first_line(bytes, n), *target;
	size_t method, length;
	int r;

	ret->n = 0;
	if (!rest)
		return -EBADMSG;
	method = span(bytes, (size_t)(rest - bytes), TOKEN);
	if (!method || method > METHOD_MAX || bytes[method] != ' ')
		return -EBADMSG;
	target = bytes + method + 1;
	length = span(target, (size_t)(rest - target), TARGET);
	if (!length || target[length] != ' ')
		return -EBADMSG;
	bytes[method] = target[length] = '\0';
	ret->method = bytes;
	ret->target = target;
	r = version(target + length + 1, ret);
	return r ?: http_head_fields(rest, n - (size_t)(rest - bytes), ret);
}

int http_head_reply(char *bytes, size_t n, struct http_head *ret)
{
	char *rest = first_line(bytes, n), *at;
	int r;

	ret->n = 0;
	if (!rest || (at = strchr(bytes, ' ')) == NULL)
		return -EBADMSG;
	*at++ = '\0';
	r = version(bytes, ret);
	if (r)
		return r;
	ret->status = 0;
	for (int i = 0; i < 3; i++, at++) {
		if (*at < '0' || *at > '9')
			return -EBADMSG;
		ret->status = ret->status * 10 + (unsigned)(*at - '0');
	}
	if (ret->status < 100 || (*at && *at != ' '))
		return -EBADMSG;
	ret->reason = *at ? at + 1 : at;
	if (span(ret->reason, strlen(ret->reason), VALUE) != strlen(ret->reason))
		return -EBADMSG;
	return http_head_fields(rest, n - (size_t)(rest - bytes), ret);
}

const char *http_head_get(const struct http_head *head, const char *name, unsigned nth)
{
	for (unsigned i = 0; i < head->n; i++)
		if (is_name(head->header[i].name, name) && !nth--)
			return head->header[i].value;
	return NULL;
}

bool http_list_has(const struct http_head *head, const char *name, const char *element)
{
	size_t n;

	for (unsigned i = 0; i < head->n; i++) {
		const struct http_header *header = &head->header[i];
		const char *value = is_name(header->name, name) ? header->value : "";

		for (const char *at = value; *at; at += at[n] ? n + 1 : n) {
			size_t blank = strspn(at, " \t");

			n = strcspn(at, ",");
			if (n > blank && strcspn(at + blank, " \t,") == strlen(element) &&
			    !strncasecmp(at + blank, element, strlen(element)))
				return true;
		}
	}
	return false;
}

/* Two ways to say where the body ends are one too many: what is between is whose request? */
int64_t http_head_length(const struct http_head *head)
{
	const char *coding = http_head_get(head, "Transfer-Encoding", 0);
	const char *length = http_head_get(head, "Content-Length", 0);
	int64_t n = 0;

	if (http_head_get(head, "Transfer-Encoding", 1) ||
	    http_head_get(head, "Content-Length", 1) || (coding && length))
		return -EBADMSG;
	if (coding)
		return strcasecmp(coding, "chunked") || !strcmp(head->version, "HTTP/1.0")
			   ? -EBADMSG
			   : HTTP_CHUNKED;
	if (!length)
		return 0;
	if (!*length || strlen(length) > LENGTH_MAX ||
	    strspn(length, "0123456789") != strlen(length))
		return -EBADMSG;
	for (; *length; length++)
		n = n * 10 + (*length - '0');
	return n;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ssize_t http_chunk(const char *bytes, size_t n, uint64_t *size)
{
	const char *lf = memchr(bytes, '\n', n < CHUNK_LINE ? n : CHUNK_LINE);
	uint64_t value = 0;
	size_t i = 0, end;

	if (!lf)
		return n < CHUNK_LINE ? 0 : -EBADMSG;
	end = (size_t)(lf - bytes) - 1;
	if (lf == bytes || bytes[end] != '\r')
		return -EBADMSG;
	for (; i < end && digit(bytes[i]) >= 0; i++)
		value = value << 4 | (unsigned)digit(bytes[i]);
	if (!i || i > CHUNK_DIGIT || (i < end && bytes[i] != ';') ||
	    span(bytes + i, end - i, VALUE) != end - i)
		return -EBADMSG;
	*size = value;
	return (ssize_t)end + 2;
}
