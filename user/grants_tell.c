// SPDX-License-Identifier: Apache-2.0
#include "grants_tell.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/comm.h"
#include "flows.h"
#include "guard.h"
#include "lists.h"
#include "names.h"
#include "process.h"

static void grant_fill(struct msg_grant *grant, const struct granted *granted)
{
	char host[ADDR_TEXT];

	*grant = (struct msg_grant){ .number = granted->number,
				     .until_ns = granted->value.until_ns,
				     .since_ns = granted->value.made_ns,
				     .guard = granted->guard,
				     .uid = granted->value.uid,
				     .port = granted->rule.dest.port,
				     .proto = granted->rule.dest.proto,
				     .action = granted->value.action,
				     .scope = granted->scope,
				     .by_name = granted->rule.by_name };
	snprintf(grant->dest, sizeof(grant->dest), "%s",
		 granted->rule.by_name ? granted->rule.domain
				       : dest_format(host, &granted->rule.dest));
}

struct telling {
	uint64_t token;
	void (*send)(struct msg_packet *packet, void *user);
	void *user;
};

static void tell_one(const struct granted *granted, void *user)
{
	const struct telling *telling = user;
	struct msg_packet packet = { .type = MSG_GRANT };

	grant_fill(&packet.GRANT, granted);
	packet.GRANT.token = telling->token;
	telling->send(&packet, telling->user);
}

void grants_tell(struct grants *grants, const struct msg_grants *wanted,
		 void (*send)(struct msg_packet *packet, void *user), void *user)
{
	struct telling telling = { wanted->token, send, user };
	struct msg_packet done = { .type = MSG_GRANTED };

	done.GRANTED.token = wanted->token;
	done.GRANTED.more = grants_each(grants, wanted->uid, wanted->guard, tell_one, &telling);
	send(&done, user);
}

int grants_take_back(struct grants *grants, const struct msg_revoke *revoke,
		     struct granted *granted, struct msg_revoked *ret)
{
	struct problem why = {};

	*ret = (struct msg_revoked){ .token = revoke->token, .uid = revoke->uid };
	process_comm(revoke->pid, revoke->uid, ret->client);
	ret->result = grants_revoke(grants, revoke->uid, revoke->number, granted, &why);
	snprintf(ret->problem, sizeof(ret->problem), "%.127s", why.text);
	if (ret->result)
		return ret->result;
	grant_fill(&ret->grant, granted);
	verdict_text(ret->rule, granted->value.action, &granted->rule);
	return 0;
}

void grants_note_end(const struct kernel *kernel, const struct granted *granted, uint32_t uid)
{
	const struct verdict_rule *rule = &granted->rule;
	char text[MSG_RULE], detail[MSG_RULE + 16];
	struct audit_deed deed = { .action = "removed",
				   .dest = &rule->dest,
				   .domain = rule->by_name ? rule->domain : NULL,
				   .detail = detail,
				   .uid = uid };
	struct terok_info info;

	if (granted->value.action == TEROK_ALLOW)
		flows_end_said(kernel, granted->guard, FLOWS_REFUSED);
	if (rule->by_name)
		names_prune(kernel, granted->guard);
	if (guard_info(kernel, granted->guard, &info))
		return;
	verdict_text(text, granted->value.action, rule);
	snprintf(detail, sizeof(detail), "revoked: %s", text);
	audit_deed(&info, &deed);
	if (granted->scope == SCOPE_FOREVER)
		lists_write(&info);
}
