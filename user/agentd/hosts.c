// SPDX-License-Identifier: Apache-2.0
#include "hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define BLANK " \t\r\n"

static bool number(const char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *size)
{
	struct sockaddr_in *v4 = (void *)ret;
	struct sockaddr_in6 *v6 = (void *)ret;

	*ret = (struct sockaddr_storage){};
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*size = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	*size = sizeof(*v6);
	return true;
}

/* The first line that has it. */
static bool named(const char *host, uint16_t port, struct sockaddr_storage *ret, socklen_t *size)
{
	_cleanup_fclose_ FILE *file = fopen(HOSTS_FILE, "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	while (file && getline(&line, &room, file) > 0) {
		char *rest, *addr, *name;

		line[strcspn(line, "#")] = '\0';
		addr = strtok_r(line, BLANK, &rest);
		while (addr && (name = strtok_r(NULL, BLANK, &rest)))
			if (!strcasecmp(name, host) && number(addr, port, ret, size))
				return true;
	}
	return false;
}

int hosts_find(const char *text, struct sockaddr_storage *ret, socklen_t *size, struct problem *why)
{
	const char *colon = strrchr(text, ':'), *begin = text;
	size_t n = colon ? (size_t)(colon - text) : 0;
	char host[256], *end;
	unsigned long port;

	if (!colon || n >= sizeof(host) || colon[1] < '0' || colon[1] > '9')
		return problem(why, -EINVAL, "'%.60s' is not HOST:PORT", text);
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX)
		return problem(why, -EINVAL, "'%.60s' has no port at its end", text);
	if (n > 1 && text[0] == '[' && text[n - 1] == ']')
		begin++, n -= 2;
	snprintf(host, sizeof(host), "%.*s", (int)n, begin);
	if (!n)
		strcpy(host, "::");
	if (number(host, port, ret, size) || named(host, port, ret, size))
		return 0;
	return problem(why, -ENOENT, "'%.60s' is no address, and " HOSTS_FILE " has no such name",
		       host);
}
