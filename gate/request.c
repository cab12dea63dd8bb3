// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

#define SUFFIX     ".git"
#define SUFFIX_LEN (sizeof(SUFFIX) - 1)

static const char *const parts[] = {
	[REQUEST_REFS] = "/info/refs",
	[REQUEST_UPLOAD] = "/git-upload-pack",
	[REQUEST_RECEIVE] = "/git-receive-pack",
	[REQUEST_HEAD] = "/HEAD",
};

static bool name_take(const char *at, size_t n, struct request_route *ret)
{
	if (n <= SUFFIX_LEN || n > REQUEST_NAME_MAX ||
	    memcmp(at + n - SUFFIX_LEN, SUFFIX, SUFFIX_LEN) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isascii((unsigned char)at[i]) ||
		    (!isalnum((unsigned char)at[i]) && !strchr("._-", at[i])))
			return false;
	memcpy(ret->name, at, n);
	ret->name[n] = '\0';
	memcpy(ret->project, at, n - SUFFIX_LEN);
	ret->project[n - SUFFIX_LEN] = '\0';
	return true;
}

bool request_route(const char *target, struct request_route *ret)
{
	size_t all = strcspn(target, "?"), name;

	*ret = (struct request_route){ .query = target[all] ? target + all + 1 : "" };
	if (*target != '/')
		return false;
	name = strcspn(target + 1, "/?");
	if (!name_take(target + 1, name, ret))
		return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		size_t n = strlen(parts[i]);

		if (n != all - 1 - name || memcmp(target + 1 + name, parts[i], n) != 0)
			continue;
		ret->part = i;
		snprintf(ret->path, sizeof(ret->path), "/%s%s", ret->name, parts[i]);
		ret->receives = i == REQUEST_RECEIVE ||
				(i == REQUEST_REFS && strstr(ret->query, "git-receive-pack"));
		return true;
	}
	return false;
}

static int digit(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Strict: padded, nothing else in it. @ret has room for what REQUEST_TOKEN_MAX allows. */
static int base64(const char *text, size_t n, char *ret)
{
	size_t pad = n && text[n - 1] == '=' ? 1 + (n > 1 && text[n - 2] == '=') : 0, out = 0;
	uint32_t bits = 0;

	if (!n || n % 4 || n / 4 * 3 > REQUEST_TOKEN_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n - pad; i++) {
		int d = digit(text[i]);

		if (d < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
		if (i % 4)
			ret[out++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
	}
	return (int)out;
}

static bool is_utf8(const char *text, size_t n)
{
	const uint8_t *at = (const uint8_t *)text;
	uint32_t point;

	for (size_t took; n; at += took, n -= took) {
		took = utf8_take(at, n, &point);
		if (took == 1 && *at >= 0x80)
			return false;
	}
	return true;
}

int request_token(const char *value, char *ret)
{
	static const char basic[] = "Basic ";
	char plain[REQUEST_TOKEN_MAX + 1];
	const char *colon;
	size_t n;
	int r;

	if (!value || strncasecmp(value, basic, sizeof(basic) - 1) != 0)
		return -EINVAL;
	value += sizeof(basic) - 1;
	value += strspn(value, " ");
	n = strlen(value);
	while (n && value[n - 1] == ' ')
		n--;
	r = base64(value, n, plain);
	if (r < 0)
		return r;
	colon = memchr(plain, ':', (size_t)r);
	if (!colon || colon == plain || !is_utf8(plain, (size_t)r))
		return -EINVAL;
	n = (size_t)(colon - plain);
	if (n >= REQUEST_TOKEN_MAX || memchr(plain, '\0', n))
		return -EINVAL;
	memcpy(ret, plain, n);
	ret[n] = '\0';
	return (int)n;
}
