// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_means.c - whatever a container's configuration is, mending it ends what it begins
 *
 * Mended twice is mended once, what passed before passes after, and a refusal says something.
 * The mounts and the process of a container are read from the same bytes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tools/hook_means.h"

static char *text_of(struct json_object *config)
{
	char *text = strdup(json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN));

	if (!text)
		abort();
	return text;
}

static void configuration(const char *data, size_t size)
{
	_cleanup_(json_putp) struct json_object *config = NULL;
	_cleanup_free_ char *once = NULL, *twice = NULL;
	struct problem why = {};
	bool passed;

	if (json_parse(data, size, &config))
		return;
	passed = !means_check(config, &why);
	if (!passed && !*why.text)
		abort();
	means_mend(config);
	once = text_of(config);
	if (passed && means_check(config, &why))
		abort();
	means_mend(config);
	twice = text_of(config);
	if (strcmp(once, twice))
		abort();
}

static void place(const char *data, size_t size)
{
	FILE *mountinfo = size ? fmemopen((void *)data, size, "r") : NULL;
	FILE *status = size ? fmemopen((void *)data, size, "r") : NULL;
	const struct means_place of = {
		.mountinfo = mountinfo, .status = status, .root = "/c", .cgroup = "/g", .proc = 22
	};
	struct problem why = {};

	if (mountinfo && status && means_check_place(&of, &why) && !*why.text)
		abort();
	if (mountinfo)
		fclose(mountinfo);
	if (status)
		fclose(status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	configuration((const char *)data, size);
	place((const char *)data, size);
	return 0;
}
