// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_gate_request.c - a target, a credential and a head of http-backend, of whatever bytes
 *
 * The first byte says which. What is a route is a path below the folder of mirrors; what is a
 * credential has no NUL; what is a head has a status that can be sent.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gate/cgi.h"
#include "gate/request.h"

static void try_target(const char *text)
{
	struct request_route route;

	if (!request_route(text, &route))
		return;
	if (strncmp(route.path + 1, route.name, strlen(route.name)) != 0 || *route.path != '/' ||
	    strstr(route.path, "/../") || strlen(route.project) + 4 != strlen(route.name) ||
	    strchr(route.path, '%') || route.query < text || route.query > text + strlen(text))
		if (*route.query) /* "" is a constant */
			abort();
}

static void try_token(const char *text)
{
	char token[REQUEST_TOKEN_MAX];
	int n = request_token(text, token);

	if (n >= 0 && (n == 0 || strlen(token) != (size_t)n || strchr(token, ':')))
		abort();
}

static void try_head(char *text, size_t n)
{
	size_t end = cgi_end(text, n);
	struct cgi_head head;

	if (end > n)
		abort();
	if (cgi_read(text, end ? end : n, &head))
		return;
	if (head.status < 200 || head.status > 599 || head.n > CGI_HEADERS_MAX)
		abort();
	for (unsigned i = 0; i < head.n; i++)
		if (!*head.header[i].name || strpbrk(head.header[i].name, "\n: ") ||
		    strchr(head.header[i].value, '\n'))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (*data % 3 == 0)
		try_target(text);
	else if (*data % 3 == 1)
		try_token(text);
	else
		try_head(text, size - 1);
	free(text);
	return 0;
}
