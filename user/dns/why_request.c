// SPDX-License-Identifier: Apache-2.0
#include "dns/why_request.h"

#include <string.h>
#include <strings.h>

/* Part of a request: bytes that end where n says. */
struct part {
	const char *text;
	size_t n;
};

static bool part_is(struct part part, const char *text)
{
	return part.n == strlen(text) && !memcmp(part.text, text, part.n);
}

/* Up to @end, which is passed over; false: there is no @end. */
static bool part_take(struct part *from, char end, struct part *ret)
{
	const char *at = memchr(from->text, end, from->n);

	if (!at)
		return false;
	*ret = (struct part){ from->text, at - from->text };
	from->n -= ret->n + 1;
	from->text = at + 1;
	return true;
}

static bool line_take(struct part *from, struct part *ret)
{
	if (!part_take(from, '\n', ret))
		return false;
	if (ret->n && ret->text[ret->n - 1] == '\r')
		ret->n--;
	return true;
}

/*
 * A DNS message by TCP begins with its length. Two capital letters, as every method of HTTP
 * begins with, would be 16,705 bytes or more, and we take 2,048.
 */
bool why_request_begins(const uint8_t *bytes, size_t n)
{
	return n >= 2 && bytes[0] >= 'A' && bytes[0] <= 'Z' && bytes[1] >= 'A' && bytes[1] <= 'Z';
}

static bool is_dest(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr(".:-_*", c));
}

/* What stands behind the slash: an address or a name; false: it is neither. */
static bool dest_take(struct part path, struct why_request *ret)
{
	if (path.n >= sizeof(ret->dest))
		return false;
	for (size_t i = 0; i < path.n; i++) {
		char c = path.text[i];

		ret->dest[i] = c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
		if (!is_dest(ret->dest[i]))
			return false;
	}
	ret->dest[path.n] = '\0';
	return true;
}

static int path_take(struct part path, struct why_request *ret)
{
	struct part word;

	if (!path.n || *path.text != '/')
		return 404;
	path = (struct part){ path.text + 1, path.n - 1 };
	if (!part_take(&path, '/', &word)) {
		word = path;
		path.n = 0;
	} else if (!word.n) {
		return 404;
	}
	ret->json = part_is(word, "why.json");
	if (!ret->json && word.n && !part_is(word, "why"))
		return 404;
	return dest_take(path, ret) ? 200 : 404;
}

/* "GET /why HTTP/1.1" */
static int line_parse(struct part line, struct why_request *ret)
{
	struct part method, path;

	if (memchr(line.text, '\0', line.n) || !part_take(&line, ' ', &method) ||
	    !part_take(&line, ' ', &path) || line.n < 8 || memcmp(line.text, "HTTP/1.", 7))
		return 400;
	return part_is(method, "GET") ? path_take(path, ret) : 405;
}

static bool accepts_json(struct part line)
{
	static const char key[] = "accept:", type[] = "application/json";

	if (line.n < sizeof(key) - 1 || strncasecmp(line.text, key, sizeof(key) - 1))
		return false;
	for (size_t i = sizeof(key) - 1; i + sizeof(type) - 1 <= line.n; i++)
		if (!strncasecmp(line.text + i, type, sizeof(type) - 1))
			return true;
	return false;
}

int why_request_parse(const uint8_t *bytes, size_t n, struct why_request *ret)
{
	struct part left = { (const char *)bytes, n }, first, line;
	bool json = false;
	int status;

	*ret = (struct why_request){};
	if (!line_take(&left, &first))
		return n < WHY_REQUEST_MAX ? 0 : 431;
	do {
		if (!line_take(&left, &line))
			return n < WHY_REQUEST_MAX ? 0 : 431;
		json = json || accepts_json(line);
	} while (line.n);
	status = line_parse(first, ret);
	ret->json = ret->json || json;
	return status;
}
