// SPDX-License-Identifier: Apache-2.0
/* verb_explain.c - terok-bpfd explain: what the hooks would do, and which rule decides */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "explain.h"
#include "guard.h"
#include "rule_text.h"
#include "verbs.h"
#include "terok/names.h"

/* A sentence for each reason that no rule gives by itself. */
static const char *reason_text(enum terok_reason reason)
{
	switch (reason) {
	case TEROK_REASON_NO_GUARD: return "the guard is half attached: everything is denied";
	case TEROK_REASON_LOOPBACK: return "loopback is always open";
	case TEROK_REASON_SELF: return "it is an address of the guard's own interfaces";
	case TEROK_REASON_BLOCKED: return "state block lets nothing out but loopback";
	case TEROK_REASON_HARD:
		return "link-local and metadata addresses stay closed in every state unless an "
		       "exact rule allows them";
	case TEROK_REASON_PRIVATE: return "private ranges stay closed unless a rule allows them";
	case TEROK_REASON_SOCKET_KIND: return "a guard has no sockets of that protocol";
	case TEROK_REASON_DEFAULT: return "no rule names it: the state's default";
	default: return "a rule";
	}
}

static void explain_text(const struct guard *guard, const struct dest *dest,
			 const struct explanation *e)
{
	char addr[ADDR_TEXT], proto[8], port[8] = "any";

	if (dest->port)
		snprintf(port, sizeof(port), "%u", dest->port);
	printf("guard %u (%s), state %s: %s port %s %s would be %s\n", guard->id, guard->info.name,
	       terok_state_name(guard->state), dest_format(addr, dest), port,
	       proto_name(dest->proto, proto), e->action == TEROK_ALLOW ? "allowed" : "refused");
	printf("because: %s (%s)\n",
	       e->reason == TEROK_REASON_PRIVATE && guard->state == TEROK_STATE_DOWN
		   ? "private ranges stay closed in state down; up with a rule, or down --all"
		   : reason_text(e->reason),
	       terok_reason_name(e->reason));
	if (e->by_rule) {
		printf("rule:    ");
		rule_text(&e->rule, now_boot_ns());
	}
}

static void explain_json(const struct guard *guard, const struct dest *dest,
			 const struct explanation *e)
{
	_cleanup_json_ struct json json = {};
	char addr[ADDR_TEXT], proto[8];

	json_open_object(&json, NULL);
	json_add_uint(&json, "guard", guard->id);
	json_add_string(&json, "name", guard->info.name);
	json_add_string(&json, "state", terok_state_name(guard->state));
	json_add_string(&json, "dest", dest_format(addr, dest));
	json_add_uint(&json, "port", dest->port);
	json_add_string(&json, "proto", proto_name(dest->proto, proto));
	json_add_string(&json, "action", e->action == TEROK_ALLOW ? "allow" : "deny");
	json_add_string(&json, "reason", terok_reason_name(e->reason));
	if (e->by_rule)
		rule_json(&json, "rule", &e->rule, now_boot_ns());
	else
		json_add_null(&json, "rule");
	json_close_object(&json);
	puts(json_done(&json) ?: "{}");
}

/* A domain is each of the addresses that the host finds for it. */
static int dests_find(const struct profile_entry *entry, struct dest *ret, struct problem *why)
{
	const char *domain = entry->domain;
	struct resolved found;

	if (!*domain) {
		*ret = entry->dest;
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
		ret[i] = entry->dest;
		ret[i].bits = 128;
		memcpy(ret[i].addr, found.addr[i], sizeof(ret[i].addr));
	}
	return found.n;
}

int verb_explain(int argc, char **argv)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct rule_options o = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "port", "N", "the port (default 443)", CLI_STRING, &o.port },
		{ "proto", "P", "tcp (default), udp, icmp, icmpv6 or a number", CLI_STRING,
		  &o.proto },
		{ "json", NULL, "a JSON object for each address", CLI_FLAG, &json },
		{},
	};
	struct dest dest[RESOLVE_ADDRS];
	struct profile_entry entry;
	struct problem why = {};
	struct guard guard;
	int r = cli_parse(argc, argv, options, 2, 2), n;

	if (r < 0)
		return r;
	r = rule_entry_parse(&o, argv[2], &entry, &why);
	if (r)
		return verb_fail(r, &why);
	if (!entry.dest.proto)
		entry.dest.proto = IPPROTO_TCP;
	if (!entry.dest.port &&
	    (entry.dest.proto == IPPROTO_TCP || entry.dest.proto == IPPROTO_UDP))
		entry.dest.port = 443;
	n = dests_find(&entry, dest, &why);
	if (n < 0)
		return verb_fail(n, &why);
	r = verb_open(argv[1], &kernel, &guard);
	for (int i = 0; !r && i < n; i++) {
		struct explanation e = explain_dest(kernel, &guard.value, &dest[i]);

		if (json)
			explain_json(&guard, &dest[i], &e);
		else
			explain_text(&guard, &dest[i], &e);
	}
	return r;
}
