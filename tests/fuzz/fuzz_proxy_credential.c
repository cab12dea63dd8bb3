// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_proxy_credential.c - whatever JSON is given for a credential, what is used of it can stand in a header
 *
 * And with other tokens in it, it is a credential of these tokens; what is said against it has no
 * byte that cannot be printed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/store/credential.h"

static void check(const struct secret *value)
{
	if (!value->len || value->bytes[value->len])
		abort();
	for (size_t i = 0; i < value->len; i++)
		if (value->bytes[i] <= ' ' || value->bytes[i] > '~')
			abort();
}

static void renew(const struct secret *json)
{
	struct secret *access = secret_from("new\"access\\", 11), *refresh = secret_from("r", 1);
	struct credential_use use = {};
	struct secret *next = NULL;

	if (access && refresh &&
	    !credential_renew(json, access, refresh, 1700000000, &next, NULL)) {
		if (credential_read(next->bytes, next->len, &use, NULL) ||
		    use.kind != CREDENTIAL_OAUTH || use.expires_at != 1700000000 ||
		    use.value->len != 11 || memcmp(use.value->bytes, access->bytes, 11) ||
		    !use.refresh || use.refresh->len != 1)
			abort();
		credential_use_done(&use);
	}
	secret_free(next);
	secret_free(access);
	secret_free(refresh);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct credential_use use = {};
	struct problem why = {};
	int r = credential_read((const char *)data, size, &use, &why);

	for (const char *c = why.text; *c; c++)
		if (*c < ' ' || *c > '~')
			abort();
	if (r) {
		if (!*why.text || use.value || use.refresh)
			abort();
		return 0;
	}
	check(use.value);
	if (use.refresh)
		check(use.refresh);
	if (strpbrk(use.beta, "\r\n"))
		abort();
	if (use.kind == CREDENTIAL_OAUTH) {
		struct secret *json = secret_from(data, size);

		if (json)
			renew(json);
		secret_free(json);
	}
	credential_use_done(&use);
	return 0;
}
