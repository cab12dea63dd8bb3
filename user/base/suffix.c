// SPDX-License-Identifier: Apache-2.0
/*
 * suffix.c - libpsl, opened when it is asked for
 *
 * Few verbs need it. Linked, it and the libraries it brings would be in the memory of the agent
 * and of each of its workers: a third of what a worker has.
 */
#include "base/suffix.h"

#include <dlfcn.h>
#include <libpsl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

#define LIBRARY "libpsl.so.5"

static struct {
	bool asked;
	psl_ctx_t *list;
	__typeof__(&psl_latest) latest;
	__typeof__(&psl_registrable_domain) registrable;
} psl;

static void psl_open(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	psl.asked = true;
	if (library) {
		psl.latest = (__typeof__(psl.latest))dlsym(library, "psl_latest");
		psl.registrable =
		    (__typeof__(psl.registrable))dlsym(library, "psl_registrable_domain");
	}
	if (psl.latest && psl.registrable)
		psl.list = psl.latest(NULL);
	if (!psl.list)
		log_warn(0,
			 "no public suffix list (" LIBRARY "): names are not put together by their "
			 "owner; try: apt-get install libpsl5");
}

const char *suffix_registrable(const char *domain)
{
	if (!psl.asked)
		psl_open();
	return psl.list ? psl.registrable(psl.list, domain) : NULL;
}
