// SPDX-License-Identifier: Apache-2.0
#include "cgi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t cgi_end(const char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t line;

		if (!end)
			return 0;
		line = (size_t)(end - (text + at));
		if (!line || (line == 1 && text[at] == '\r'))
			return (size_t)(end - text) + 1;
		at += line + 1;
	}
	return 0;
}

/* Three digits from 100 on, then nothing or a space. */
static unsigned status_of(const char *value)
{
	char *end;
	unsigned long status = *value >= '1' && *value <= '9' ? strtoul(value, &end, 10) : 0;

	return status < 200 || status > 599 || (*end && *end != ' ') ? 200 : (unsigned)status;
}

static uint64_t length_of(const char *value)
{
	char *end;
	unsigned long long n;

	if (*value < '0' || *value > '9')
		return HTTP_UNKNOWN;
	errno = 0;
	n = strtoull(value, &end, 10);
	return errno || *end ? HTTP_UNKNOWN : n;
}

/* What says how a reply is sent is the server's to say. */
static bool is_servers(const char *name)
{
	static const char *const names[] = { "Connection", "Transfer-Encoding", "Date",   "Server",
					     "Keep-Alive", "Upgrade",           "Trailer" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

static int line_take(char *line, struct cgi_head *ret)
{
	char *value = strchr(line, ':'), *end;

	if (!value || value == line)
		return 0;
	*value++ = '\0';
	value += strspn(value, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	if (!strcasecmp(line, "Status"))
		ret->status = status_of(value);
	else if (!strcasecmp(line, "Content-Length"))
		ret->length = length_of(value);
	else if (is_servers(line) || strpbrk(line, " \t"))
		return 0;
	else if (ret->n == CGI_HEADERS_MAX)
		return -EINVAL;
	else
		ret->header[ret->n++] = (struct http_header){ line, value };
	return 0;
}

int cgi_read(char *text, size_t n, struct cgi_head *ret)
{
	int r = 0;

	if (memchr(text, '\0', n))
		return -EINVAL;
	*ret = (struct cgi_head){ .status = 200, .length = HTTP_UNKNOWN };
	text[n] = '\0';
	for (char *line = text, *next; !r && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line[strcspn(line, "\r")] = '\0';
		if (!*line)
			break;
		r = line_take(line, ret);
	}
	return r;
}
