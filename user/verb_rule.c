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
#include "control.h"
#include "guard.h"
#include "policy.h"
#include "verbs.h"
#include "terok/names.h"

#define SECOND_NS UINT64_C(1000000000)

static const char *const authors[] = {
	[TEROK_AUTHOR_OPERATOR] = "operator",
	[TEROK_AUTHOR_VERDICT] = "verdict",
	[TEROK_AUTHOR_INFRA] = "infrastructure",
};
_Static_assert(sizeof(authors) / sizeof(authors[0]) == TEROK_AUTHOR_MAX_, "all authors");

static const char *author_name(unsigned author)
{
	return author < TEROK_AUTHOR_MAX_ ? authors[author] : "unknown";
}

static const char *action_name(unsigned action)
{
	return action == TEROK_ALLOW ? "allow" : "deny";
}

/* Seconds from now, 0 for no end, -1 for one that has come. */
static int64_t seconds_left(const struct terok_rule *value, uint64_t now)
{
	if (!value->until_ns)
		return 0;
	if (value->until_ns <= now)
		return -1;
	return (value->until_ns - now + SECOND_NS - 1) / SECOND_NS;
}

static void rule_json(struct json *json, const struct rule *rule, uint64_t now)
{
	char dest[ADDR_TEXT], proto[8];
	int64_t left = seconds_left(&rule->value, now);

	json_open_object(json, NULL);
	json_add_string(json, "action", action_name(rule->value.action));
	json_add_string(json, "dest", dest_format(dest, &rule->dest));
	json_add_uint(json, "port", rule->dest.port);
	json_add_string(json, "proto", proto_name(rule->dest.proto, proto));
	json_add_bool(json, "ended", left < 0);
	json_add_int(json, "seconds_left", left < 0 ? 0 : left);
	json_add_uint(json, "until_ns", rule->value.until_ns);
	json_add_string(json, "author", author_name(rule->value.author));
	json_add_uint(json, "uid", rule->value.uid);
	json_close_object(json);
}

static void rule_text(const struct rule *rule, uint64_t now)
{
	char dest[ADDR_TEXT], proto[8], port[8] = "any", left[32] = "";
	int64_t seconds = seconds_left(&rule->value, now);

	if (rule->dest.port)
		snprintf(port, sizeof(port), "%u", rule->dest.port);
	if (seconds < 0)
		snprintf(left, sizeof(left), "ended");
	else if (seconds)
		snprintf(left, sizeof(left), "%lld s left", (long long)seconds);
	printf("%-5s  %-43s  port %-5s  %-6s  %-14s  %s\n", action_name(rule->value.action),
	       dest_format(dest, &rule->dest), port, proto_name(rule->dest.proto, proto),
	       author_name(rule->value.author), left);
}

struct options {
	const char *port, *proto, *duration;
	bool remove, json;
};

static int rule_parse(const struct options *options, const char *dest, struct rule *rule,
		      struct problem *why)
{
	uint64_t seconds;
	int r = dest_parse(dest, &rule->dest, why);

	if (!r && options->port && rule->dest.port)
		r = problem(why, -EINVAL, "the port is named twice: %s and --port", dest);
	if (!r && options->proto && rule->dest.proto)
		r = problem(why, -EINVAL, "the protocol is named twice: %s and --proto", dest);
	if (!r && options->remove && options->duration)
		r = problem(why, -EINVAL, "--for and --remove exclude each other");
	if (!r && options->port)
		r = port_parse(options->port, &rule->dest.port, why);
	if (!r && options->proto)
		r = proto_parse(options->proto, &rule->dest.proto, why);
	if (!r && options->duration) {
		r = duration_parse(options->duration, &seconds, why);
		if (!r)
			rule->value.until_ns = now_boot_ns() + seconds * SECOND_NS;
	}
	return r;
}

static int rule_verb(int argc, char **argv, enum terok_action action)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_json_ struct json json = {};
	struct options o = {};
	const struct cli_option options[] = {
		{ "port", "N", "only this port", CLI_STRING, &o.port },
		{ "proto", "P", "only tcp, udp, icmp, icmpv6 or a number", CLI_STRING, &o.proto },
		{ "for", "TIME", "for so long: 90, 90s, 10m, 2h, 1d", CLI_STRING, &o.duration },
		{ "remove", NULL, "take that rule away", CLI_FLAG, &o.remove },
		{ "json", NULL, "one JSON object", CLI_FLAG, &o.json },
		{},
	};
	struct rule rule = { .value = { .action = action, .author = TEROK_AUTHOR_OPERATOR } };
	struct problem why = {};
	struct guard guard;
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
	r = o.remove ? policy_remove(kernel, &rule, &why) : policy_add(kernel, &rule, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	if (o.json) {
		rule_json(&json, &rule, now_boot_ns());
		puts(json_done(&json) ?: "{}");
		return 0;
	}
	printf("%sguard %u (%s): ", o.remove ? "removed from " : "", guard.id, guard.info.name);
	rule_text(&rule, now_boot_ns());
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

static void print_rules(const struct guard *guard, const struct listing *listing, bool json)
{
	_cleanup_json_ struct json out = {};
	uint64_t now = now_boot_ns();

	if (!json) {
		printf("guard %u (%s), state %s, %zu rules\n", guard->id, guard->info.name,
		       terok_state_name(guard->state), listing->n);
		for (size_t i = 0; i < listing->n; i++)
			rule_text(&listing->rule[i], now);
		return;
	}
	json_open_object(&out, NULL);
	json_add_uint(&out, "guard", guard->id);
	json_add_string(&out, "name", guard->info.name);
	json_add_string(&out, "state", terok_state_name(guard->state));
	json_open_array(&out, "rules");
	for (size_t i = 0; i < listing->n; i++)
		rule_json(&out, &listing->rule[i], now);
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
		print_rules(&guard, &listing, json);
	}
	free(listing.rule);
	return r;
}
