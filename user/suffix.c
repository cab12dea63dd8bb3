// SPDX-License-Identifier: Apache-2.0
#include "suffix.h"

#include <libpsl.h>
#include <stdbool.h>
#include <stddef.h>

const char *suffix_registrable(const char *domain)
{
	static psl_ctx_t *list;
	static bool asked;

	if (!asked)
		list = psl_latest(NULL);
	asked = true;
	return list ? psl_registrable_domain(list, domain) : NULL;
}
