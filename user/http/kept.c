// SPDX-License-Identifier: Apache-2.0
/* kept.c - bytes that wait, to be taken or to be sent */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/within.h"

int kept_add(struct kept *kept, const char *bytes, size_t n)
{
	size_t had = kept->n - kept->at;
	char *grown;

	if (!n)
		return 0;
	grown = malloc(had + n);
	if (!grown)
		return -ENOMEM;
	if (had)
		memcpy(grown, kept->bytes + kept->at, had);
	memcpy(grown + had, bytes, n);
	free(kept->bytes);
	*kept = (struct kept){ .bytes = grown, .n = had + n };
	return 0;
}

void kept_free(struct kept *kept)
{
	free(kept->bytes);
	*kept = (struct kept){};
}
