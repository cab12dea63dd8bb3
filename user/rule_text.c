// SPDX-License-Identifier: Apache-2.0
#include "rule_text.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char *const authors[] = {
	[TEROK_AUTHOR_OPERATOR] = "operator",
	[TEROK_AUTHOR_VERDICT] = "verdict",
	[TEROK_AUTHOR_INFRA] = "infrastructure",
	[TEROK_AUTHOR_PROFILE] = "profile",
	[TEROK_AUTHOR_NAME] = "name",
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

void rule_line(char *buf, size_t size, enum terok_action action, const char *host,
	       const struct dest *dest)
{
	char proto[8], port[8] = "any";

	if (dest->port)
		snprintf(port, sizeof(port), "%u", dest->port);
	snprintf(buf, size, "%s %s port %s %s", action_name(action), host, port,
		 proto_name(dest->proto, proto));
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

/* Leaves the object open. */
static void line_json(struct json *json, const char *key, const char *host, const struct dest *dest,
		      const struct terok_rule *value, uint64_t now)
{
	int64_t left = seconds_left(value, now);
	char proto[8];

	json_open_object(json, key);
	json_add_string(json, "action", action_name(value->action));
	json_add_string(json, "dest", host);
	json_add_uint(json, "port", dest->port);
	json_add_string(json, "proto", proto_name(dest->proto, proto));
	json_add_bool(json, "ended", left < 0);
	json_add_int(json, "seconds_left", left < 0 ? 0 : left);
	json_add_uint(json, "until_ns", value->until_ns);
	json_add_string(json, "author", author_name(value->author));
	json_add_uint(json, "uid", value->uid);
}

static void line_text(const char *host, const struct dest *dest, const struct terok_rule *value,
		      uint64_t now)
{
	char proto[8], port[8] = "any", left[32] = "";
	int64_t seconds = seconds_left(value, now);

	if (dest->port)
		snprintf(port, sizeof(port), "%u", dest->port);
	if (seconds < 0)
		snprintf(left, sizeof(left), "ended");
	else if (seconds)
		snprintf(left, sizeof(left), "%lld s left", (long long)seconds);
	printf("%-5s  %-43s  port %-5s  %-6s  %-14s  %s\n", action_name(value->action), host, port,
	       proto_name(dest->proto, proto), author_name(value->author), left);
}

void rule_json(struct json *json, const char *key, const struct rule *rule, uint64_t now)
{
	char host[ADDR_TEXT];

	line_json(json, key, dest_format(host, &rule->dest), &rule->dest, &rule->value, now);
	json_close_object(json);
}

void rule_text(const struct rule *rule, uint64_t now)
{
	char host[ADDR_TEXT];

	line_text(dest_format(host, &rule->dest), &rule->dest, &rule->value, now);
}

void domain_json(struct json *json, const char *key, const struct domain_rule *name, uint64_t now)
{
	line_json(json, key, name->domain, &name->dest, &name->value, now);
	json_add_bool(json, "by_name", name->by_name);
	json_add_bool(json, "synthetic", name->value.flags & TEROK_RULE_SYNTHETIC);
	json_add_bool(json, "check", name->value.flags & TEROK_RULE_CHECK);
	json_add_uint(json, "addresses", name->addresses);
	json_close_object(json);
}

void domain_text(const struct domain_rule *name, uint64_t now)
{
	char host[PROFILE_DOMAIN_LEN + 48], how[24];

	if (name->by_name)
		snprintf(how, sizeof(how), "by name");
	else
		snprintf(how, sizeof(how), "%u address%s", name->addresses,
			 name->addresses == 1 ? "" : "es");
	snprintf(host, sizeof(host), "%s (%s%s%s)", name->domain, how,
		 name->value.flags & TEROK_RULE_SYNTHETIC ? ", synthetic" : "",
		 name->value.flags & TEROK_RULE_CHECK ? ", check" : "");
	line_text(host, &name->dest, &name->value, now);
}

static int options_merge(const struct rule_options *options, const char *text, struct dest *dest,
			 struct problem *why)
{
	int r = 0;

	if (options->port && dest->port)
		r = problem(why, -EINVAL, "the port is named twice: %s and --port", text);
	if (!r && options->proto && dest->proto)
		r = problem(why, -EINVAL, "the protocol is named twice: %s and --proto", text);
	if (!r && options->port)
		r = port_parse(options->port, &dest->port, why);
	if (!r && options->proto)
		r = proto_parse(options->proto, &dest->proto, why);
	return r;
}

int rule_dest_parse(const struct rule_options *options, const char *text, struct dest *ret,
		    struct problem *why)
{
	int r = dest_parse(text, ret, why);

	return r ? r : options_merge(options, text, ret, why);
}

int rule_entry_parse(const struct rule_options *options, const char *text,
		     struct profile_entry *ret, struct problem *why)
{
	int r = *text == '!' ? problem(why, -EINVAL, "'!' is for profiles: say deny")
			     : profile_entry_parse(text, ret, why);

	return r ? r : options_merge(options, text, &ret->dest, why);
}

int publish_port_parse(const char *text, struct publish *ret, struct problem *why)
{
	return port_proto_parse(text, &ret->port, &ret->proto, why);
}
