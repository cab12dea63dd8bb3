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
#include "caller.h"
#include "flows.h"
#include "guard.h"
#include "policy.h"
#include "rule_text.h"
#include "verbs.h"
#include "terok/names.h"

#define PORTS_SHOWN 256 /* of one guard */

struct options {
	struct rule_options dest;
	const char *duration;
	bool remove, keep, json;
};

static int rule_parse(const struct options *options, const char *dest, struct rule *rule,
		      struct problem *why)
{
	uint64_t seconds;
	int r = rule_dest_parse(&options->dest, dest, &rule->dest, why);

	if (!r && options->remove && options->duration)
		r = problem(why, -EINVAL, "--for and --remove exclude each other");
	if (!r && options->duration) {
		r = duration_parse(options->duration, &seconds, why);
		if (!r)
			rule->value.until_ns = now_boot_ns() + seconds * SECOND_NS;
	}
	return r;
}

static void rule_print(const struct options *o, const struct guard *guard, const struct rule *rule,
		       unsigned ended)
{
	_cleanup_json_ struct json json = {};

	if (o->json) {
		rule_json(&json, NULL, rule, now_boot_ns());
		puts(json_done(&json) ?: "{}");
		return;
	}
	printf("%sguard %u (%s): ", o->remove ? "removed from " : "", guard->id, guard->info.name);
	rule_text(rule, now_boot_ns());
	if (ended)
		printf("%u connection%s ended\n", ended, ended == 1 ? "" : "s");
}

static int rule_verb(int argc, char **argv, enum terok_action action)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct options o = {};
	const struct cli_option options[] = {
		{ "port", "N", "only this port", CLI_STRING, &o.dest.port },
		{ "proto", "P", "only tcp, udp, icmp, icmpv6 or a number", CLI_STRING,
		  &o.dest.proto },
		{ "for", "TIME", "for so long: 90, 90s, 10m, 2h, 1d", CLI_STRING, &o.duration },
		{ "remove", NULL, "take that rule away", CLI_FLAG, &o.remove },
		{ "keep-flows", NULL, "leave open connections alone", CLI_FLAG, &o.keep },
		{ "json", NULL, "one JSON object", CLI_FLAG, &o.json },
		{},
	};
	struct rule rule = { .value = { .action = action, .author = TEROK_AUTHOR_OPERATOR } };
	struct problem why = {};
	struct guard guard;
	unsigned ended = 0;
	int r = cli_parse(argc, argv, options, 2, 2);

	if (r < 0)
		return r;
	r = rule_parse(&o, argv[2], &rule, &why);
	if (r)
		return verb_fail(r, &why);
	r = verb_open(argv[1], &kernel, &guard);
	if (r)
		return r;
	rule.guard = guard.id;
	rule.value.uid = caller_uid();
	rule.keep = true;
	r = o.remove ? policy_remove(kernel, &rule, &why) : policy_add(kernel, &rule, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	/* a deny ends what it names, an allow taken back ends what only it held */
	if (!o.keep && action == TEROK_DENY && !o.remove)
		ended = flows_end_said(kernel, guard.id, FLOWS_REFUSED_NAMED);
	else if (!o.keep && action == TEROK_ALLOW && o.remove)
		ended = flows_end_said(kernel, guard.id, FLOWS_REFUSED);
	rule_print(&o, &guard, &rule, ended);
	return 0;
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

static void print_rules(const struct kernel *kernel, const struct guard *guard,
			const struct listing *listing, bool json)
{
	uint16_t ports[PORTS_SHOWN];
	unsigned n = policy_published(kernel, guard->id, ports, PORTS_SHOWN);
	_cleanup_json_ struct json out = {};
	uint64_t now = now_boot_ns();

	if (!json) {
		printf("guard %u (%s), state %s, %zu rule%s\n", guard->id, guard->info.name,
		       terok_state_name(guard->state), listing->n, listing->n == 1 ? "" : "s");
		for (size_t i = 0; i < listing->n; i++)
			rule_text(&listing->rule[i], now);
		for (unsigned i = 0; i < n; i++)
			printf("published  port %u  tcp\n", ports[i]);
		return;
	}
	json_open_object(&out, NULL);
	json_add_uint(&out, "guard", guard->id);
	json_add_string(&out, "name", guard->info.name);
	json_add_string(&out, "state", terok_state_name(guard->state));
	json_open_array(&out, "rules");
	for (size_t i = 0; i < listing->n; i++)
		rule_json(&out, NULL, &listing->rule[i], now);
	json_close_array(&out);
	json_open_array(&out, "published");
	for (unsigned i = 0; i < n; i++)
		json_add_uint(&out, NULL, ports[i]);
	json_close_array(&out);
	json_close_object(&out);
	puts(json_done(&out) ?: "{}");
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
	if (!r)
		r = policy_each(kernel, guard.id, listing_add, &listing);
	if (!r) {
		if (listing.n)
			qsort(listing.rule, listing.n, sizeof(*listing.rule), listing_compare);
		print_rules(kernel, &guard, &listing, json);
	}
	free(listing.rule);
	return r;
}
