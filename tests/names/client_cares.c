// SPDX-License-Identifier: Apache-2.0
/*
 * client_cares.c - c-ares as a program; arguments and exit as in client_getaddrinfo.c
 */
#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>

static int result = 3;

static void ended(int status)
{
	if (status)
		fprintf(stderr, "%s\n", ares_strerror(status));
	result = !status ? 0 : status == ARES_ENOTFOUND || status == ARES_ENODATA ? 2 : 3;
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *list)
{
	(void)arg;
	(void)timeouts;
	for (struct ares_addrinfo_node *at = list ? list->nodes : NULL; at; at = at->ai_next) {
		const void *addr = at->ai_family == AF_INET
				       ? (void *)&((struct sockaddr_in *)at->ai_addr)->sin_addr
				       : &((struct sockaddr_in6 *)at->ai_addr)->sin6_addr;
		char text[INET6_ADDRSTRLEN];

		puts(inet_ntop(at->ai_family, addr, text, sizeof(text)));
	}
	ended(status);
	ares_freeaddrinfo(list);
}

static void on_name(void *arg, int status, int timeouts, struct hostent *host)
{
	(void)arg;
	(void)timeouts;
	if (!status)
		puts(host->h_name);
	ended(status);
}

static void wait_for(ares_channel channel)
{
	for (;;) {
		struct timeval limit;
		fd_set in, out;
		int n;

		FD_ZERO(&in);
		FD_ZERO(&out);
		n = ares_fds(channel, &in, &out);
		if (!n)
			return;
		select(n, &in, &out, NULL, ares_timeout(channel, NULL, &limit));
		ares_process(channel, &in, &out);
	}
}

int main(int argc, char **argv)
{
	struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT,
					     .ai_socktype = SOCK_STREAM };
	unsigned char addr[16];
	ares_channel channel;

	if (argc != 3 || ares_library_init(ARES_LIB_INIT_ALL) || ares_init(&channel))
		return 1;
	if (!strcmp(argv[1], "ptr")) {
		int family = strchr(argv[2], ':') ? AF_INET6 : AF_INET;

		inet_pton(family, argv[2], addr);
		ares_gethostbyaddr(channel, addr, family == AF_INET ? 4 : 16, family, on_name,
				   NULL);
	} else {
		if (strcmp(argv[1], "any"))
			hints.ai_family = *argv[1] == '6' ? AF_INET6 : AF_INET;
		ares_getaddrinfo(channel, argv[2], NULL, &hints, on_addresses, NULL);
	}
	wait_for(channel);
	ares_destroy(channel);
	return result;
}
