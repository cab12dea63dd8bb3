// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_registry_text.c - what a server says of a token, and requests of agents
 *
 * The first byte says which. Of a token nothing is kept that is no text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/agent.pb-c.h"
#include "user/registry/agent_name.h"
#include "user/registry/auth.h"

static void tokens(const char *text, size_t size)
{
	struct introspected is;

	if (auth_introspected_read(text, size, &is) && is.active)
		abort();
	if (strnlen(is.scope, sizeof(is.scope)) == sizeof(is.scope) ||
	    strnlen(is.client, sizeof(is.client)) == sizeof(is.client))
		abort();
	if (auth_has_scope(is.scope, "admin") && !strstr(is.scope, "admin"))
		abort();
}

static void requests(const uint8_t *data, size_t size)
{
	Clawker__Agent__V1__RegisterRequest *request =
	    clawker__agent__v1__register_request__unpack(NULL, size, data);

	if (!request)
		return;
	agent_name_check(request->project, request->agent_name, NULL);
	clawker__agent__v1__register_request__free_unpacked(request, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	if (*data % 2) {
		requests(data + 1, size - 1);
		return 0;
	}
	text = strndup((const char *)data + 1,
		       size - 1); /* they end with a NUL, which may come sooner */
	if (!text)
		return 0;
	tokens(text, strlen(text));
	free(text);
	return 0;
}
