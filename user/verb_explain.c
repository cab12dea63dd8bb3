// SPDX-License-Identifier: Apache-2.0
/* verb_explain.c - terok-bpfd explain: what the hooks would do, and which rule decides */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cli.h"
#include "deed.h"
#include "explain_text.h"
#include "guard.h"
#include "rule_text.h"
#include "verbs.h"

/* A domain is each of the addresses that the host finds for it. */
static int dests_find(const struct control_deed *deed, struct dest *ret, struct problem *why)
{
	const char *domain = deed->domain;
	struct resolved found;

	if (!*domain) {
		*ret = deed_dest(deed);
		return ret->bits == 128
			   ? 1
			   : problem(why, -EINVAL,
				     "a connection goes to one address, not to a range");
	}
	resolve_domains(&domain, 1, &found);
	if (found.error || !found.n)
		return problem(why, found.error ?: -ENODATA, "%s: %s", domain,
			       found.error ? strerror(-found.error) : "it has no address");
	for (unsigned i = 0; i < found.n; i++) {
		ret[i] = deed_dest(deed);
		ret[i].bits = 128;
		memcpy(ret[i].addr, found.addr[i], sizeof(ret[i].addr));
	}
	return found.n;
}

/* Is its resolver there? Then a domain is what that would say of it. */
static bool is_served(const struct guard *guard)
{
	return guard->value.dns_port && !(guard->value.names & TEROK_NAMES_OFF);
}

static int explain_dests(const struct explain_view *view, const struct control_deed *deed,
			 struct problem *why)
{
	struct dest dest[RESOLVE_ADDRS];
	int n = dests_find(deed, dest, why);

	for (int i = 0; i < n; i++)
		explain_address(view, &dest[i]);
	return n < 0 ? n : 0;
}

/* The name, then each address that it has: what a connection to it would meet. */
static int explain_domain(const struct explain_view *view, const struct control_deed *deed,
			  struct problem *why)
{
	const char *domain = deed->domain + (strncmp(deed->domain, "*.", 2) ? 0 : 2);
	const struct listed_name *name = names_list_find(&view->list, domain);
	enum name_fate fate;
	int r = explain_name(view, domain, &fate, why);

	if (r)
		return r;
	if (fate == NAME_PASSED)
		return explain_dests(view, deed, why);
	for (unsigned i = 0; fate == NAME_ADDRESSES && name && i < name->n; i++) {
		struct dest dest = deed_dest(deed);

		dest.bits = 128;
		memcpy(dest.addr, name->address[i].addr, sizeof(dest.addr));
		explain_address(view, &dest);
	}
	return 0;
}

int deed_explain(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct explain_view view = { .json = deed->json };
	struct problem why = {};
	int r = verb_open(deed->guard, &kernel, &view.guard);

	if (r)
		return r;
	view.kernel = kernel;
	r = explain_view_read(&view, &why);
	if (!r)
		r = *deed->domain && is_served(&view.guard) ? explain_domain(&view, deed, &why)
							    : explain_dests(&view, deed, &why);
	explain_view_done(&view);
	return r ? verb_fail(r, &why) : 0;
}

int verb_explain(int argc, char **argv)
{
	struct rule_options o = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "port", "N", "the port (default 443)", CLI_STRING, &o.port },
		{ "proto", "P", "tcp (default), udp, icmp, icmpv6 or a number", CLI_STRING,
		  &o.proto },
		{ "json", NULL, "a JSON object for each address", CLI_FLAG, &json },
		{},
	};
	struct profile_entry entry;
	struct problem why = {};
	struct control_deed deed;
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	r = rule_entry_parse(&o, argv[2], &entry, &why);
	if (!r)
		r = deed_init(&deed, DEED_EXPLAIN, argv[1], &why);
	if (r)
		return verb_fail(r, &why);
	if (!entry.dest.proto)
		entry.dest.proto = IPPROTO_TCP;
	if (!entry.dest.port &&
	    (entry.dest.proto == IPPROTO_TCP || entry.dest.proto == IPPROTO_UDP))
		entry.dest.port = 443;
	deed_entry(&deed, &entry);
	deed.json = json;
	return deed_do(&deed);
}
