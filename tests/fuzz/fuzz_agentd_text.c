// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_agentd_text.c - what a container's first process reads of its image and of a server of tokens
 *
 * The first byte says which: a token server's reply, /etc/hosts, /etc/passwd and /etc/group (of whoever
 * made the image) behind the name that is looked for. A token is one that a header can have.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agentd/account.h"
#include "agentd/bearer.h"
#include "agentd/hosts.h"

static const uint8_t *file;
static size_t n_file;

/* Each file of an image is the input; others are the fuzzer's own. */
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	if (strcmp(path, HOSTS_FILE) != 0 && strcmp(path, ACCOUNT_FILE) != 0 &&
	    strcmp(path, ACCOUNT_GROUP) != 0)
		return __real_fopen(path, mode);
	return n_file ? fmemopen((void *)file, n_file, "r") : NULL;
}

static void token_of(const char *bytes, size_t n)
{
	static char token[BEARER_MAX + 1];
	struct problem why = {};

	if (bearer_reply(bytes, n, token, &why)) {
		if (!*why.text)
			abort();
		return;
	}
	if (!*token || strlen(token) > BEARER_MAX || strpbrk(token, " \r\n\t\"\\"))
		abort();
}

static void host_of(const char *text)
{
	struct sockaddr_storage addr;
	struct problem why = {};
	socklen_t size;

	if (hosts_find(text, &addr, &size, &why))
		return;
	if ((addr.ss_family != AF_INET || size != sizeof(struct sockaddr_in)) &&
	    (addr.ss_family != AF_INET6 || size != sizeof(struct sockaddr_in6)))
		abort();
}

static void account_is(const struct account *account)
{
	if (account->n_groups < 1 || account->n_groups > ACCOUNT_GROUPS ||
	    account->groups[0] != account->gid || account->uid == (uid_t)-1)
		abort();
	if (strnlen(account->name, sizeof(account->name)) == sizeof(account->name) ||
	    strnlen(account->home, sizeof(account->home)) == sizeof(account->home) ||
	    strnlen(account->shell, sizeof(account->shell)) == sizeof(account->shell))
		abort();
}

static void accounts(const char *name)
{
	struct account account;
	struct problem why = {};
	char **env;

	if (!account_by_name(name, &account, &why))
		account_is(&account);
	account_by_uid(1000, &account);
	account_is(&account);
	if (!account_env_of(&account, &env))
		account_env_free(env);
}

/* A line is a name, what follows is the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end;
	char *name;

	if (!size)
		return 0;
	if (*data % 3 == 0) {
		token_of((const char *)data + 1, size - 1);
		return 0;
	}
	end = memchr(data, '\n', size);
	if (!end)
		return 0;
	name = strndup((const char *)data + 1, (size_t)(end - data - (end > data)));
	file = end + 1;
	n_file = size - (size_t)(end + 1 - data);
	if (name && *data % 3 == 1)
		host_of(name);
	else if (name)
		accounts(name);
	free(name);
	return 0;
}
