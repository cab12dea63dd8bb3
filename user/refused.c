// SPDX-License-Identifier: Apache-2.0
#include "refused.h"

#include <string.h>

#include "domains.h"
#include "explain.h"
#include "guard.h"
#include "names.h"
#include "process.h"
#include "rule_text.h"

static bool say_domain(const struct kernel *kernel, uint32_t guard, const char *name,
		       const struct dest *dest, enum terok_action action, char ret[MSG_RULE])
{
	struct domain_rule rule = { .dest = *dest, .value = { .action = action } };

	if (!names_domain_of(kernel, guard, name, &rule))
		return false;
	rule_line(ret, MSG_RULE, action, rule.domain, &rule.dest);
	return true;
}

/* A deny of the name, as much of it as fits what was refused: the closest first. */
static void denied_by_domain(const struct kernel *kernel, uint32_t guard, const char *name,
			     const struct terok_record *record, char ret[MSG_RULE])
{
	const struct dest dests[] = {
		{ .port = record->dst_port, .proto = record->proto },
		{ .port = record->dst_port },
		{ .proto = record->proto },
		{},
	};

	for (unsigned i = 0; i < sizeof(dests) / sizeof(dests[0]); i++)
		if (say_domain(kernel, guard, name, &dests[i], TEROK_DENY, ret))
			return;
}

/* Something else of that name is allowed: another port, another protocol. */
static void missed_by_domain(const struct kernel *kernel, uint32_t guard, const char *name,
			     char ret[MSG_RULE])
{
	struct terok_name entry;

	if (!names_get(kernel, guard, name, &entry))
		return;
	for (unsigned i = 0; i < entry.n && i < TEROK_GRANTS; i++) {
		struct dest dest = { .port = entry.grant[i].port, .proto = entry.grant[i].proto };

		if (entry.grant[i].action == TEROK_ALLOW &&
		    say_domain(kernel, guard, name, &dest, TEROK_ALLOW, ret))
			return;
	}
}

/* The hooks' decision again: if it is still for that reason, the rule that made it. */
static bool by_rule(const struct kernel *kernel, const struct terok_record *record,
		    char ret[MSG_RULE])
{
	struct dest dest = { .bits = 128, .port = record->dst_port, .proto = record->proto };
	struct terok_guard value;
	struct explanation now;
	struct terok_info info;
	char host[ADDR_TEXT];

	if (guard_value(kernel, record->guard, &info, &value, NULL))
		return false;
	memcpy(dest.addr, record->dst, sizeof(dest.addr));
	now = explain_dest(kernel, &value, &dest);
	if (now.reason != record->reason || !now.by_rule)
		return false;
	rule_line(ret, MSG_RULE, now.rule.value.action, dest_format(host, &now.rule.dest),
		  &now.rule.dest);
	return true;
}

static void describe_rule(const struct kernel *kernel, const struct asked *asked,
			  struct msg_refused *ret)
{
	const struct terok_record *record = &asked->record;
	bool denied = record->reason == TEROK_REASON_RULE_DENY;

	if (!record->guard || record->hook == TEROK_HOOK_SOCK_CREATE)
		return;
	if (!*asked->name && (denied || record->reason == TEROK_REASON_EXPIRED) &&
	    by_rule(kernel, record, ret->rule))
		return;
	if (!*ret->domain)
		return;
	if (denied)
		denied_by_domain(kernel, record->guard, ret->domain, record, ret->rule);
	else if (record->reason == TEROK_REASON_DEFAULT || record->reason == TEROK_REASON_EXPIRED)
		missed_by_domain(kernel, record->guard, ret->domain, ret->rule);
}

void refused_describe(const struct kernel *kernel, const struct asked *asked,
		      struct msg_refused *ret)
{
	const struct process_text *text = process_name(&asked->record);

	*ret = (struct msg_refused){ .ask = asked->question ? asked->id : 0,
				     .count = asked->count,
				     .record = asked->record,
				     .by_name = *asked->name };
	if (*asked->name)
		memcpy(ret->domain, asked->name, sizeof(ret->domain));
	else if (*asked->told)
		memcpy(ret->domain, asked->told, sizeof(ret->domain));
	else
		names_reverse(kernel, asked->record.guard, asked->record.dst, ret->domain);
	if (asked->record.reason == TEROK_REASON_HELLO)
		names_said(kernel, asked->record.sock_cookie, ret->said);
	memcpy(ret->exe, text->exe, sizeof(ret->exe));
	memcpy(ret->cmdline, text->cmdline, sizeof(ret->cmdline));
	memcpy(ret->parents, text->parents, sizeof(ret->parents));
	describe_rule(kernel, asked, ret);
}
