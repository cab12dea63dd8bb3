// SPDX-License-Identifier: Apache-2.0
/* fuzz_runtime.c - whatever a cgroup is called or docker's file says: an id is one, a name too */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[512], id[CONTAINER_ID_LEN], name[TEROK_NAME_LEN];

	if (!runtime_parse_docker((const char *)data, size, id, name) &&
	    (!container_is_id(id) || !container_is_name(name)))
		abort();
	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!runtime_parse_cgroup(text, id) && (!container_is_id(id) || !strstr(text, id)))
		abort();
	return 0;
}
