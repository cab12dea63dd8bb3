// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_scope.c - a path that a token's scope lets through is below its folder, however it is read
 *
 * A target is what a client sent. For "/a/" and two stars, what is let through is looked at as
 * servers do that are careless: escapes resolved twice, back slashes turned, dots followed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/store/token.h"

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

static void unescape(char *text)
{
	char *to = text;

	for (const char *s = text; *s; s++) {
		if (*s == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			*to++ = (char)(hex(s[1]) << 4 | hex(s[2]));
			s += 2;
		} else {
			*to++ = *s == '\\' ? '/' : *s;
		}
	}
	*to = '\0';
}

/* Where the dots lead to, and how deep that is below the root; -1: above it. */
static int depth(char *path, char *first, size_t size)
{
	int deep = 0;

	*first = '\0';
	for (char *save, *part = strtok_r(path, "/", &save); part;
	     part = strtok_r(NULL, "/", &save)) {
		part[strcspn(part, ";")] = '\0';
		if (!strcmp(part, ".") || !*part)
			continue;
		if (!strcmp(part, "..")) {
			if (--deep < 0)
				return -1;
		} else if (!deep++) {
			snprintf(first, size, "%s", part);
		}
	}
	return deep;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct token token = { .paths = "/a/** /b", .methods = "GET POST" };
	char target[4096], first[4096];
	struct problem why = {};

	if (size >= sizeof(target) || memchr(data, 0, size))
		return 0;
	memcpy(target, data, size);
	target[size] = '\0';
	token_allows(&token, target, "/a", &why);
	if (token_allows(&token, "GET", target, &why))
		return *why.text ? 0 : (abort(), 0);
	target[strcspn(target, "?")] = '\0';
	unescape(target);
	target[strcspn(target, "?#")] = '\0';
	unescape(target);
	if (depth(target, first, sizeof(first)) < 1 || (strcmp(first, "a") && strcmp(first, "b")))
		abort();
	return 0;
}
