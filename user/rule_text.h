/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rule_text.h - rules between people and policy: options in, lines and JSON out
 *
 * Called by: verbs, verdict.c. Threads: none.
 */
#ifndef TEROK_RULE_TEXT_H
#define TEROK_RULE_TEXT_H

#include "base/event.h"
#include "base/json.h"
#include "domains.h"
#include "policy.h"

struct rule_options {
	const char *port, *proto; /* as typed; NULL: not given */
};

/** rule_dest_parse() - DEST with --port and --proto; naming one of them twice is a mistake */
int rule_dest_parse(const struct rule_options *options, const char *text, struct dest *ret,
		    struct problem *why);

/** rule_entry_parse() - the same, where DEST may be a domain */
int rule_entry_parse(const struct rule_options *options, const char *text,
		     struct profile_entry *ret, struct problem *why);

/** publish_port_parse() - "8080", which is TCP, "8080/tcp" or "53/udp" */
int publish_port_parse(const char *text, struct publish *ret, struct problem *why);

/** rule_line() - "allow 192.0.2.1 port 443 tcp": the columns of `rules` with one space between */
void rule_line(char *buf, size_t size, enum terok_action action, const char *host,
	       const struct dest *dest);

/** rule_json() - one object; @key NULL: in an array. @now: CLOCK_BOOTTIME, nanoseconds */
void rule_json(struct json *json, const char *key, const struct rule *rule, uint64_t now);

/** rule_text() - one line on stdout */
void rule_text(const struct rule *rule, uint64_t now);

/** domain_json(), domain_text() - the same of a domain */
void domain_json(struct json *json, const char *key, const struct domain_rule *name, uint64_t now);
void domain_text(const struct domain_rule *name, uint64_t now);

#endif
