// SPDX-License-Identifier: Apache-2.0
/* verb_resolve.c - terok-bpfd resolve: ask anew for the addresses of a guard's domains */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "deed.h"
#include "flows.h"
#include "guard.h"
#include "domains.h"
#include "verbs.h"

struct tally {
	unsigned domains, addresses, unknown, refused, by_name;
	bool denies;
};

static int resolve_all(const struct kernel *kernel, uint32_t guard, const struct domain_rule *names,
		       unsigned n, struct tally *tally, struct problem *why)
{
	_cleanup_free_ struct resolved *found = calloc(n + 1, sizeof(*found));
	_cleanup_free_ struct domains_done *done = calloc(n + 1, sizeof(*done));
	int r;

	if (!found || !done)
		return -ENOMEM;
	r = domains_ask(kernel, guard, names, n, found, why);
	if (r < 0)
		return r;
	tally->domains = n;
	tally->by_name = n - r;
	r = domains_put(kernel, guard, names, n, found, done, why);
	for (unsigned i = 0; !r && i < n; i++) {
		tally->addresses += done[i].addresses;
		tally->refused += done[i].refused;
		tally->unknown += found[i].error && found[i].error != -ENOTSUP;
		tally->denies |= names[i].value.action == TEROK_DENY;
	}
	return r;
}

static void tally_print(const struct guard *guard, const struct tally *tally, bool as_json)
{
	_cleanup_json_ struct json json = {};

	if (!as_json) {
		printf("guard %u (%s): %u addresses of %u domains", guard->id, guard->info.name,
		       tally->addresses, tally->domains);
		if (tally->by_name)
			printf("; %u learn theirs as they are asked for", tally->by_name);
		if (tally->unknown)
			printf("; %u could not be asked and keep theirs", tally->unknown);
		if (tally->refused)
			printf("; %u private or local, which open nothing", tally->refused);
		putchar('\n');
		return;
	}
	json_open_object(&json, NULL);
	json_add_uint(&json, "guard", guard->id);
	json_add_string(&json, "name", guard->info.name);
	json_add_uint(&json, "domains", tally->domains);
	json_add_uint(&json, "addresses", tally->addresses);
	json_add_uint(&json, "unknown", tally->unknown);
	json_add_uint(&json, "refused", tally->refused);
	json_add_uint(&json, "by_name", tally->by_name);
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

int deed_resolve(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_free_ struct domain_rule *names = NULL;
	struct problem why = {};
	struct tally tally = {};
	struct guard guard;
	int r = verb_open(deed->guard, &kernel, &guard);

	if (r)
		return r;
	r = domains_list(kernel, guard.id, &names, &why);
	if (r > 0)
		r = resolve_all(kernel, guard.id, names, r, &tally, &why);
	if (r < 0)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	if (tally.denies)
		flows_end_said(kernel, guard.id, FLOWS_REFUSED_NAMED);
	tally_print(&guard, &tally, deed->json);
	return tally.domains && tally.unknown == tally.domains ? 1 : 0;
}

int verb_resolve(int argc, char **argv)
{
	return deed_show(DEED_RESOLVE, argc, argv);
}
