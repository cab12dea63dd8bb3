// SPDX-License-Identifier: Apache-2.0
#include "upstreams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"

#define DNS_PORT 53

const char *upstreams_path(void)
{
	return getenv("TEROK_RESOLV_CONF") ?: "/etc/resolv.conf";
}

int upstreams_parse(const char *text, struct msg_upstreams *ret, struct problem *why)
{
	struct dest dest;
	int r = dest_parse(text, &dest, why);

	if (!r && (dest.bits != 128 || dest.proto))
		r = problem(why, -EINVAL, "'%s': a name server is ADDR or ADDR:PORT", text);
	if (!r && ret->n == MSG_SERVERS)
		r = problem(why, -EINVAL, "more than %d name servers", MSG_SERVERS);
	if (r)
		return r;
	memcpy(ret->addr[ret->n], dest.addr, sizeof(ret->addr[0]));
	ret->port[ret->n++] = dest.port ?: DNS_PORT;
	return 0;
}

static void search_add(const char *text, struct msg_upstreams *ret)
{
	size_t n = strlen(text);

	while (n && text[n - 1] == '.')
		n--;
	if (!n || n >= TEROK_DOMAIN_LEN || ret->n_search == MSG_SEARCH)
		return;
	memcpy(ret->search[ret->n_search], text, n);
	for (char *p = ret->search[ret->n_search]; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	ret->n_search++;
}

int upstreams_read(const char *path, struct msg_upstreams *ret)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char line[1024], *rest, *word;

	*ret = (struct msg_upstreams){};
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		const char *key = strtok_r(line, " \t\r\n", &rest);

		if (!key)
			continue;
		if (!strcmp(key, "nameserver")) {
			word = strtok_r(NULL, " \t\r\n", &rest);
			if (word)
				upstreams_parse(word, ret, NULL);
		} else if (!strcmp(key, "search") || !strcmp(key, "domain")) {
			memset(ret->search, 0, sizeof(ret->search)); /* the last counts */
			ret->n_search = 0;
			while ((word = strtok_r(NULL, " \t\r\n", &rest)))
				search_add(word, ret);
		}
	}
	return 0;
}
