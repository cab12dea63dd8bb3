// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_registry_san.c - a peer's certificate: what of it names an agent is text, whole, and not empty
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "user/registry/leaf.h"

static void is_text(enum san san, const char *text, size_t room)
{
	size_t n = strnlen(text, room);

	if (n == room || (san == SAN_FOUND) != (n > 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct leaf leaf, again = {};

	if (leaf_read(data, size, &leaf) && leaf.present)
		abort();
	is_text(leaf.agent_san, leaf.agent, sizeof(leaf.agent));
	is_text(leaf.container_san, leaf.container, sizeof(leaf.container));
	if (strnlen(leaf.cn, sizeof(leaf.cn)) == sizeof(leaf.cn))
		abort();
	/* the same bytes as a URI */
	leaf_take_uri(&again, (const char *)data, size);
	is_text(again.agent_san, again.agent, sizeof(again.agent));
	is_text(again.container_san, again.container, sizeof(again.container));
	if (again.agent_san != SAN_MISSING && again.container_san != SAN_MISSING)
		abort();
	return 0;
}
