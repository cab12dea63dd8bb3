// SPDX-License-Identifier: Apache-2.0
/* verb_rule.c - terok-bpfd allow, deny, rules: change rules, and show what the kernel has */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "audit.h"
#include "caller.h"
#include "flows.h"
#include "guard.h"
#include "lists.h"
#include "names.h"
#include "control.h"
#include "domains.h"
#include "policy.h"
#include "rule_text.h"
#include "verbs.h"
#include "terok/names.h"

#define PORTS_SHOWN 256 /* of one guard */

struct options {
	struct rule_options dest;
	const char *duration;
	bool remove, keep, infra, synthetic, check, json;
};

/* One rule verb: what was typed, and what became of it. */
struct change {
	struct options o;
	enum terok_action action;
	struct profile_entry entry;
	struct rule rule;        /* of an address */
	struct domain_rule name; /* of a domain */
	struct domains_done done;
};

static int infra_parse(struct change *change, struct problem *why)
{
	struct rule *rule = &change->rule;

	if (change->action != TEROK_ALLOW || *change->entry.domain || rule->dest.bits != 128 ||
	    !rule->dest.port)
		return problem(why, -EINVAL,
			       "--infra is for one address and port that are allowed whatever is "
			       "denied: a resolver, a service of the host");
	rule->value.author = TEROK_AUTHOR_INFRA;
	rule->value.flags = TEROK_RULE_INFRA;
	return 0;
}

static int change_parse(struct change *change, const char *dest, struct problem *why)
{
	const struct options *o = &change->o;
	struct terok_rule value = { .action = change->action,
				    .author = TEROK_AUTHOR_OPERATOR,
				    .uid = caller_uid() };
	uint64_t seconds;
	int r = rule_entry_parse(&o->dest, dest, &change->entry, why);

	if (!r && o->remove && o->duration)
		r = problem(why, -EINVAL, "--for and --remove exclude each other");
	if (!r && o->duration) {
		r = duration_parse(o->duration, &seconds, why);
		if (!r)
			value.until_ns = now_boot_ns() + seconds * SECOND_NS;
	}
	if (!r && (o->synthetic || o->check) &&
	    (!*change->entry.domain || change->action != TEROK_ALLOW))
		r = problem(why, -EINVAL,
			    "--synthetic and --check are for domains that are allowed");
	value.flags = (o->synthetic ? TEROK_RULE_SYNTHETIC : 0) | (o->check ? TEROK_RULE_CHECK : 0);
	change->rule = (struct rule){ .dest = change->entry.dest, .value = value, .keep = true };
	change->name = (struct domain_rule){ .dest = change->entry.dest, .value = value };
	memcpy(change->name.domain, change->entry.domain, sizeof(change->name.domain));
	return r || !o->infra ? r : infra_parse(change, why);
}

static int address_change(const struct kernel *kernel, const struct guard *guard,
			  struct change *change, struct problem *why)
{
	change->rule.guard = guard->id;
	return change->o.remove ? policy_remove(kernel, &change->rule, why)
				: policy_add(kernel, &change->rule, why);
}

static int domain_change(const struct kernel *kernel, const struct guard *guard,
			 struct change *change, struct problem *why)
{
	const char *domain = change->name.domain;
	char text[ADDR_TEXT];
	struct resolved found;
	int r;

	if (change->o.remove)
		return domains_drop(kernel, guard->id, &change->name, why);
	r = domains_ask(kernel, guard->id, &change->name, 1, &found, why);
	if (r < 0)
		return r;
	if (change->action == TEROK_ALLOW && found.error && found.error != -ENOTSUP)
		return problem(why, found.error,
			       "%s: the host's resolver does not answer (%s); "
			       "nothing was changed",
			       domain, strerror(-found.error));
	if (change->action == TEROK_ALLOW && !found.error && !found.n)
		return problem(why, -ENODATA, "%s has no address; nothing was changed", domain);
	r = domains_put(kernel, guard->id, &change->name, &found, &change->done, why);
	change->name.addresses = change->done.addresses;
	change->name.by_name = change->done.by_name;
	if (!r && change->done.refused)
		log_warn(0,
			 "%s: %u address%s private or local and opened nothing: %s; allow the "
			 "address itself if it is meant",
			 domain, change->done.refused, change->done.refused == 1 ? " is" : "es are",
			 addr_format(text, change->done.first_refused));
	if (!r && !change->done.addresses && !change->done.by_name)
		log_warn(0, "%s: no address is in force now; terok-bpfd resolve asks again",
			 domain);
	return r;
}

static void change_note(const struct guard *guard, const struct change *change)
{
	const char *what = change->action == TEROK_ALLOW ? "allowed" : "denied";
	char detail[PROFILE_TEXT_LEN + 40], target[PROFILE_TEXT_LEN];
	struct audit_deed deed = { .action = change->o.remove ? "removed" : what,
				   .dest = &change->entry.dest,
				   .detail = detail,
				   .uid = caller_uid() };

	profile_entry_format(target, &change->entry);
	snprintf(detail, sizeof(detail), "%starget=%s%s%s",
		 !change->o.remove               ? ""
		 : change->action == TEROK_ALLOW ? "allow "
						 : "deny ",
		 target, change->o.duration ? " for=" : "", change->o.duration ?: "");
	if (*change->entry.domain)
		deed.domain = change->entry.domain;
	/* as the readers of these lines know them: one for each address */
	for (unsigned i = 0; i < change->done.addresses; i++) {
		struct dest dest = change->entry.dest;

		memcpy(dest.addr, change->done.addr[i], sizeof(dest.addr));
		dest.bits = 128;
		deed.dest = &dest;
		deed.domain = NULL;
		audit_deed(&guard->info, &deed);
	}
	if (!change->done.addresses)
		audit_deed(&guard->info, &deed);
	lists_write(&guard->info);
}

static void change_json(const struct change *change)
{
	_cleanup_json_ struct json json = {};

	if (*change->entry.domain)
		domain_json(&json, NULL, &change->name, now_boot_ns());
	else
		rule_json(&json, NULL, &change->rule, now_boot_ns());
	puts(json_done(&json) ?: "{}");
}

static void change_print(const struct guard *guard, const struct change *change, unsigned ended)
{
	char text[ADDR_TEXT];

	if (change->o.json)
		return change_json(change);
	printf("%sguard %u (%s): ", change->o.remove ? "removed from " : "", guard->id,
	       guard->info.name);
	if (*change->entry.domain)
		domain_text(&change->name, now_boot_ns());
	else
		rule_text(&change->rule, now_boot_ns());
	for (unsigned i = 0; i < change->done.addresses; i++)
		printf("  %s\n", addr_format(text, change->done.addr[i]));
	if (ended)
		printf("%u connection%s ended\n", ended, ended == 1 ? "" : "s");
}

static int change_run(const char *guard_text, struct change *change)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct problem why = {};
	struct guard guard;
	unsigned ended = 0;
	int r = verb_open(guard_text, &kernel, &guard);

	if (r)
		return r;
	r = *change->entry.domain ? domain_change(kernel, &guard, change, &why)
				  : address_change(kernel, &guard, change, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	if (*change->entry.domain) /* its resolver answers by this from now on */
		control_notify(guard.id);
	/* a deny ends what it names, an allow taken back ends what only it held */
	if (!change->o.keep && change->action == TEROK_DENY && !change->o.remove)
		ended = flows_end_said(kernel, guard.id, FLOWS_REFUSED_NAMED);
	else if (!change->o.keep && change->action == TEROK_ALLOW && change->o.remove)
		ended = flows_end_said(kernel, guard.id, FLOWS_REFUSED);
	if (*change->entry.domain && !change->o.keep)
		names_prune(kernel, guard.id);
	change_note(&guard, change);
	change_print(&guard, change, ended);
	return 0;
}

static int rule_verb(int argc, char **argv, enum terok_action action)
{
	struct change change = { .action = action };
	struct options *o = &change.o;
	/* deny has no --infra: its table begins behind it */
	const struct cli_option options[] = {
		{ "infra", NULL, "whatever is denied: a resolver, a port of the host", CLI_FLAG,
		  &o->infra },
		{ "port", "N", "only this port", CLI_STRING, &o->dest.port },
		{ "proto", "P", "only tcp, udp, icmp, icmpv6 or a number", CLI_STRING,
		  &o->dest.proto },
		{ "for", "TIME", "for so long: 90, 90s, 10m, 2h, 1d", CLI_STRING, &o->duration },
		{ "remove", NULL, "take that rule away", CLI_FLAG, &o->remove },
		{ "synthetic", NULL, "of a domain: addresses that stand for its own", CLI_FLAG,
		  &o->synthetic },
		{ "check", NULL, "of a domain: its flows must name it first (TLS, HTTP)", CLI_FLAG,
		  &o->check },
		{ "keep-flows", NULL, "leave open connections alone", CLI_FLAG, &o->keep },
		{ "json", NULL, "one JSON object", CLI_FLAG, &o->json },
		{},
	};
	struct problem why = {};
	int r = cli_parse(argc, argv, options + (action == TEROK_DENY), 2, 2);

	if (r < 0)
		return r;
	r = change_parse(&change, argv[2], &why);
	return r ? verb_fail(r, &why) : change_run(argv[1], &change);
}

int verb_allow(int argc, char **argv)
{
	return rule_verb(argc, argv, TEROK_ALLOW);
}

int verb_deny(int argc, char **argv)
{
	return rule_verb(argc, argv, TEROK_DENY);
}

struct listing {
	struct rule *rule;
	size_t n, room;
};

static int listing_add(const struct rule *rule, void *user)
{
	struct listing *listing = user;

	if (listing->n == listing->room) {
		size_t room = listing->room ? listing->room * 2 : 64;
		struct rule *more = reallocarray(listing->rule, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		listing->rule = more;
		listing->room = room;
	}
	listing->rule[listing->n++] = *rule;
	return 0;
}

/* Denies first, as decide() has it; then by address, length, port, protocol. */
static int listing_compare(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;
	int r = (int)x->value.action - y->value.action;

	if (!r)
		r = memcmp(x->dest.addr, y->dest.addr, sizeof(x->dest.addr));
	if (!r)
		r = (int)x->dest.bits - y->dest.bits;
	if (!r)
		r = (int)x->dest.port - y->dest.port;
	return r ? r : (int)x->dest.proto - y->dest.proto;
}

static int print_rules(const struct kernel *kernel, const struct guard *guard,
		       const struct listing *listing, bool json)
{
	struct publish ports[PORTS_SHOWN];
	int n = policy_published(kernel, guard->id, ports, PORTS_SHOWN);
	_cleanup_free_ struct domain_rule *names = NULL;
	int n_names = domains_list(kernel, guard->id, &names, NULL);
	_cleanup_json_ struct json out = {};
	uint64_t now = now_boot_ns();
	char proto[8];

	if (n < 0)
		return n;
	if (!json) {
		printf("guard %u (%s), state %s, %zu rule%s\n", guard->id, guard->info.name,
		       terok_state_name(guard->state), listing->n, listing->n == 1 ? "" : "s");
		for (size_t i = 0; i < listing->n; i++)
			rule_text(&listing->rule[i], now);
		for (int i = 0; i < n_names; i++)
			domain_text(&names[i], now);
		for (int i = 0; i < n; i++)
			printf("published  port %u  %s\n", ports[i].port,
			       proto_name(ports[i].proto, proto));
		return 0;
	}
	json_open_object(&out, NULL);
	json_add_uint(&out, "guard", guard->id);
	json_add_string(&out, "name", guard->info.name);
	json_add_string(&out, "state", terok_state_name(guard->state));
	json_open_array(&out, "rules");
	for (size_t i = 0; i < listing->n; i++)
		rule_json(&out, NULL, &listing->rule[i], now);
	json_close_array(&out);
	json_open_array(&out, "names");
	for (int i = 0; i < n_names; i++)
		domain_json(&out, NULL, &names[i], now);
	json_close_array(&out);
	json_open_array(&out, "published");
	for (int i = 0; i < n; i++) {
		json_open_object(&out, NULL);
		json_add_uint(&out, "port", ports[i].port);
		json_add_string(&out, "proto", proto_name(ports[i].proto, proto));
		json_close_object(&out);
	}
	json_close_array(&out);
	json_close_object(&out);
	puts(json_done(&out) ?: "{}");
	return 0;
}

int verb_rules(int argc, char **argv)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct listing listing = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct guard guard;
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = verb_open(argv[1], &kernel, &guard);
	if (r)
		return r;
	r = policy_each(kernel, guard.id, listing_add, &listing);
	if (!r && listing.n)
		qsort(listing.rule, listing.n, sizeof(*listing.rule), listing_compare);
	if (!r)
		r = print_rules(kernel, &guard, &listing, json);
	free(listing.rule);
	return r ? log_error(r, "list the rules of guard %u", guard.id), r : 0;
}
