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
#include "deed.h"
#include "domains.h"
#include "policy.h"
#include "roots.h"
#include "rule_text.h"
#include "verbs.h"
#include "terok/names.h"

#define PORTS_SHOWN 256 /* of one guard */

/* One rule: what is to be done, and what became of it. */
struct change {
	const struct control_deed *deed;
	struct rule rule;        /* of an address */
	struct domain_rule name; /* of a domain */
	struct domains_done done;
};

static void change_begin(struct change *change, const struct control_deed *deed)
{
	bool infra = deed->flags & TEROK_RULE_INFRA;
	struct terok_rule value = { .action = deed->action,
				    .author = infra ? TEROK_AUTHOR_INFRA : TEROK_AUTHOR_OPERATOR,
				    .flags = deed->flags,
				    .uid = caller_uid() };

	if (deed->seconds)
		value.until_ns = now_boot_ns() + deed->seconds * SECOND_NS;
	change->deed = deed;
	change->rule = (struct rule){ .dest = deed_dest(deed), .value = value, .keep = true };
	change->name = (struct domain_rule){ .dest = deed_dest(deed), .value = value };
	memcpy(change->name.domain, deed->domain, sizeof(change->name.domain));
}

static int address_change(const struct kernel *kernel, const struct guard *guard,
			  struct change *change, struct problem *why)
{
	change->rule.guard = guard->id;
	return change->deed->remove ? policy_remove(kernel, &change->rule, why)
				    : policy_add(kernel, &change->rule, why);
}

static int domain_change(const struct kernel *kernel, const struct guard *guard,
			 struct change *change, struct problem *why)
{
	const char *domain = change->name.domain;
	char text[ADDR_TEXT];
	struct resolved found;
	int r;

	if (change->deed->remove)
		return domains_drop(kernel, guard->id, &change->name, why);
	r = domains_ask(kernel, guard->id, &change->name, 1, &found, why);
	if (r < 0)
		return r;
	if (change->deed->action == TEROK_ALLOW && found.error && found.error != -ENOTSUP)
		return problem(why, found.error,
			       "%s: the host's resolver does not answer (%s); "
			       "nothing was changed",
			       domain, strerror(-found.error));
	if (change->deed->action == TEROK_ALLOW && !found.error && !found.n)
		return problem(why, -ENODATA, "%s has no address; nothing was changed", domain);
	r = domains_put(kernel, guard->id, &change->name, 1, &found, &change->done, why);
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
	const struct control_deed *done = change->deed;
	const char *what = done->action == TEROK_ALLOW ? "allowed" : "denied";
	char detail[PROFILE_TEXT_LEN + 40], target[PROFILE_TEXT_LEN], time[DURATION_TEXT] = "";
	struct profile_entry entry = { .dest = deed_dest(done) };
	struct audit_deed deed = { .action = done->remove ? "removed" : what,
				   .dest = &entry.dest,
				   .detail = detail,
				   .uid = caller_uid() };

	memcpy(entry.domain, done->domain, sizeof(entry.domain));
	profile_entry_format(target, &entry);
	if (done->seconds)
		duration_format(time, done->seconds);
	snprintf(detail, sizeof(detail), "%starget=%s%s%s",
		 !done->remove                 ? ""
		 : done->action == TEROK_ALLOW ? "allow "
					       : "deny ",
		 target, done->seconds ? " for=" : "", time);
	if (*done->domain)
		deed.domain = done->domain;
	/* as the readers of these lines know them: one for each address */
	for (unsigned i = 0; i < change->done.addresses; i++) {
		struct dest dest = entry.dest;

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

	if (*change->deed->domain)
		domain_json(&json, NULL, &change->name, now_boot_ns());
	else
		rule_json(&json, NULL, &change->rule, now_boot_ns());
	puts(json_done(&json) ?: "{}");
}

static void change_print(const struct guard *guard, const struct change *change, unsigned ended)
{
	char text[ADDR_TEXT];

	if (change->deed->json)
		return change_json(change);
	printf("%sguard %u (%s): ", change->deed->remove ? "removed from " : "", guard->id,
	       guard->info.name);
	if (*change->deed->domain)
		domain_text(&change->name, now_boot_ns());
	else
		rule_text(&change->rule, now_boot_ns());
	for (unsigned i = 0; i < change->done.addresses; i++)
		printf("  %s\n", addr_format(text, change->done.addr[i]));
	if (ended)
		printf("%u connection%s ended\n", ended, ended == 1 ? "" : "s");
}

/* A user's rule: no deny of root's is gone around. */
static int change_may(const struct kernel *kernel, uint32_t guard, const struct change *change,
		      struct problem *why)
{
	if (caller_scope() == CALLER_ALL)
		return 0;
	if (change->deed->flags & TEROK_RULE_INFRA)
		return problem(why, -EPERM, "only root opens what no deny can close (--infra)");
	return *change->deed->domain ? roots_domain(kernel, guard, &change->name, why)
				     : roots_rule(kernel, guard, &change->rule.dest, why);
}

int deed_rule(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct change change = {};
	struct problem why = {};
	struct guard guard;
	unsigned ended = 0;
	int r = verb_open(deed->guard, &kernel, &guard);

	if (r)
		return r;
	change_begin(&change, deed);
	r = change_may(kernel, guard.id, &change, &why);
	if (!r)
		r = *deed->domain ? domain_change(kernel, &guard, &change, &why)
				  : address_change(kernel, &guard, &change, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	if (*deed->domain) /* its resolver answers by this from now on */
		control_notify(guard.id);
	/* a deny ends what it names, an allow taken back ends what only it held */
	if (!deed->keep && deed->action == TEROK_DENY && !deed->remove)
		ended = flows_end_said(kernel, guard.id, FLOWS_REFUSED_NAMED);
	else if (!deed->keep && deed->action == TEROK_ALLOW && deed->remove)
		ended = flows_end_said(kernel, guard.id, FLOWS_REFUSED);
	if (*deed->domain && !deed->keep)
		names_prune(kernel, guard.id);
	change_note(&guard, &change);
	change_print(&guard, &change, ended);
	return 0;
}

/* --- what was typed ------------------------------------------------------------------------ */

struct options {
	struct rule_options dest;
	const char *duration;
	bool remove, keep, infra, synthetic, check, json;
};

static int flags_parse(const struct options *o, struct control_deed *deed, struct problem *why)
{
	if ((o->synthetic || o->check) && (!*deed->domain || deed->action != TEROK_ALLOW))
		return problem(why, -EINVAL,
			       "--synthetic and --check are for domains that are allowed");
	if (o->infra && (*deed->domain || deed->bits != 128 || !deed->port))
		return problem(why, -EINVAL,
			       "--infra is for one address and port that are allowed whatever is "
			       "denied: a resolver, a service of the host");
	deed->flags = (o->synthetic ? TEROK_RULE_SYNTHETIC : 0) |
		      (o->check ? TEROK_RULE_CHECK : 0) | (o->infra ? TEROK_RULE_INFRA : 0);
	return 0;
}

static int options_parse(const struct options *o, const char *dest, struct control_deed *deed,
			 struct problem *why)
{
	struct profile_entry entry;
	uint64_t seconds = 0;
	int r = rule_entry_parse(&o->dest, dest, &entry, why);

	if (!r && o->remove && o->duration)
		r = problem(why, -EINVAL, "--for and --remove exclude each other");
	if (!r && o->duration)
		r = duration_parse(o->duration, &seconds, why);
	if (r)
		return r;
	deed_entry(deed, &entry);
	deed->seconds = seconds;
	deed->remove = o->remove;
	deed->keep = o->keep;
	deed->json = o->json;
	return flags_parse(o, deed, why);
}

static int rule_verb(int argc, char **argv, enum terok_action action)
{
	struct options o = {};
	/* deny has no --infra: its table begins behind it */
	const struct cli_option options[] = {
		{ "infra", NULL, "whatever is denied: a resolver, a port of the host", CLI_FLAG,
		  &o.infra },
		{ "port", "N", "only this port", CLI_STRING, &o.dest.port },
		{ "proto", "P", "only tcp, udp, icmp, icmpv6 or a number", CLI_STRING,
		  &o.dest.proto },
		{ "for", "TIME", "for so long: 90, 90s, 10m, 2h, 1d", CLI_STRING, &o.duration },
		{ "remove", NULL, "take that rule away", CLI_FLAG, &o.remove },
		{ "synthetic", NULL, "of a domain: addresses that stand for its own", CLI_FLAG,
		  &o.synthetic },
		{ "check", NULL, "of a domain: its flows must name it first (TLS, HTTP)", CLI_FLAG,
		  &o.check },
		{ "keep-flows", NULL, "leave open connections alone", CLI_FLAG, &o.keep },
		{ "json", NULL, "one JSON object", CLI_FLAG, &o.json },
		{},
	};
	struct problem why = {};
	struct control_deed deed;
	int r = cli_parse(argc, argv, options + (action == TEROK_DENY), 2, 2);

	if (r < 0)
		return r;
	r = deed_init(&deed, DEED_RULE, argv[1], &why);
	deed.action = action;
	if (!r)
		r = options_parse(&o, argv[2], &deed, &why);
	return r ? verb_fail(r, &why) : deed_do(&deed);
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

int deed_rules(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct listing listing = {};
	struct guard guard;
	int r = verb_open(deed->guard, &kernel, &guard);

	if (r)
		return r;
	r = policy_each(kernel, guard.id, listing_add, &listing);
	if (!r && listing.n)
		qsort(listing.rule, listing.n, sizeof(*listing.rule), listing_compare);
	if (!r)
		r = print_rules(kernel, &guard, &listing, deed->json);
	free(listing.rule);
	return r ? log_error(r, "list the rules of guard %u", guard.id), r : 0;
}

int verb_rules(int argc, char **argv)
{
	return deed_show(DEED_RULES, argc, argv);
}
