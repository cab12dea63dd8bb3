// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_profile.c - whatever is in a profile, what is read of it reads as itself
 *
 * Every entry's canonical text is printable, and parses to an entry with the same text; in a
 * composition both are one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "profile.h"

static int check(unsigned line, const struct profile_entry *entry, const struct problem *why,
		 void *user)
{
	char text[PROFILE_TEXT_LEN], again[PROFILE_TEXT_LEN];
	struct profile *profile = user;
	struct profile_entry same;
	ssize_t at;

	if (!line || (!entry && !*why->text))
		abort();
	for (const char *p = why->text; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	if (!entry)
		return 0;
	profile_entry_format(text, entry);
	if (profile_entry_parse(text, &same, NULL) ||
	    strcmp(profile_entry_format(again, &same), text))
		abort();
	if (profile_add(profile, entry) || (at = profile_find(profile, &same)) < 0 ||
	    strcmp(profile_entry_format(again, &profile->entry[at]), text))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_profile_ struct profile profile = {};

	if (profile_parse((const char *)data, size, check, &profile))
		abort();
	return 0;
}
