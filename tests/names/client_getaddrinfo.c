// SPDX-License-Identifier: Apache-2.0
/*
 * client_getaddrinfo.c - a C library's resolver as a program; built with glibc and with musl
 *
 *   client any|4|6|ptr NAME|ADDR
 *
 * As all clients here: prints addresses or a name, one a line; exit 2 when it is told that
 * there is no such name, 3 for any other failure, which stderr names.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int failed(int error)
{
	fprintf(stderr, "%s\n", gai_strerror(error));
#ifdef EAI_NODATA
	if (error == EAI_NODATA)
		return 2;
#endif
	return error == EAI_NONAME ? 2 : 3;
}

static int reverse(const char *addr)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST }, *list;
	char name[NI_MAXHOST];
	int error = getaddrinfo(addr, "80", &hints, &list);

	if (!error)
		error = getnameinfo(list->ai_addr, list->ai_addrlen, name, sizeof(name), NULL, 0,
				    NI_NAMEREQD);
	if (error)
		return failed(error);
	puts(name);
	return 0;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	char addr[NI_MAXHOST];
	int error;

	if (argc != 3)
		return 1;
	if (!strcmp(argv[1], "ptr"))
		return reverse(argv[2]);
	if (strcmp(argv[1], "any"))
		hints.ai_family = *argv[1] == '6' ? AF_INET6 : AF_INET;
	error = getaddrinfo(argv[2], "80", &hints, &list);
	if (error)
		return failed(error);
	for (struct addrinfo *at = list; at; at = at->ai_next) {
		getnameinfo(at->ai_addr, at->ai_addrlen, addr, sizeof(addr), NULL, 0,
			    NI_NUMERICHOST);
		puts(addr);
	}
	return 0;
}
