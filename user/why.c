// SPDX-License-Identifier: Apache-2.0
#include "why.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/event.h"
#include "explain.h"
#include "guard.h"
#include "hub/wire_entry.h"
#include "names.h"
#include "rule_text.h"

bool why_hears(const struct why_audience *audience, uint32_t guard, uint32_t owner)
{
	const struct msg_audience *now = &audience->now;

	if (now->n > MSG_AUDIENCE_MAX)
		return true;
	for (unsigned i = 0; i < now->n; i++)
		if ((!now->who[i].uid || now->who[i].uid == owner) &&
		    (!now->who[i].guard || now->who[i].guard == guard))
			return true;
	return false;
}

/* The id that people know it by is made of the container's, which is in the guard's label. */
static void request_of(const struct terok_info *info, const struct asked *asked,
		       struct msg_because *ret)
{
	struct msg_entry entry = { .ask = asked->id };

	if (!asked->question)
		return;
	memcpy(entry.container, info->container, sizeof(entry.container));
	wire_entry_request(ret->request, &entry);
}

/* What the hooks say now; of a name the resolver knows better. */
static void decide_now(const struct kernel *kernel, const struct terok_guard *value,
		       const struct asked *asked, struct msg_because *ret)
{
	const struct terok_record *record = &asked->record;
	struct dest dest = { .bits = 128, .port = record->dst_port, .proto = record->proto };
	char addr[ADDR_TEXT], host[ADDR_TEXT + 8];
	struct explanation now;

	memcpy(dest.addr, record->dst, sizeof(dest.addr));
	now = explain_dest(kernel, value, &dest);
	ret->now_action = now.action;
	ret->now_reason = now.reason;
	if (!now.by_rule)
		return;
	addr_format(addr, now.rule.dest.addr);
	snprintf(host, sizeof(host), now.rule.dest.bits < 128 ? "%s/%u" : "%s", addr,
		 addr_is_v4(now.rule.dest.addr) ? now.rule.dest.bits - 96 : now.rule.dest.bits);
	rule_line(ret->rule, sizeof(ret->rule), now.rule.value.action, host, &now.rule.dest);
	ret->until_ns = now.rule.value.until_ns;
}

static void because_fill(const struct kernel *kernel, const struct terok_info *info,
			 const struct terok_guard *value, const struct asked *asked,
			 struct msg_because *ret)
{
	const struct terok_record *record = &asked->record;

	ret->port = record->dst_port;
	ret->proto = record->proto;
	ret->reason = record->reason;
	ret->count = asked->count;
	ret->last_ns = asked->last_ns;
	memcpy(ret->addr, record->dst, sizeof(ret->addr));
	ret->by_name = *asked->name;
	ret->question = asked->question;
	ret->held = asked->held;
	ret->answered = asked->answered_ns != 0;
	request_of(info, asked, ret);
	memcpy(ret->domain, *asked->name ? asked->name : asked->told, sizeof(ret->domain));
	if (!*asked->name)
		decide_now(kernel, value, asked, ret);
	if (!*ret->domain)
		names_reverse(kernel, record->guard, record->dst, ret->domain);
}

void why_tell(const struct kernel *kernel, const struct asked_table *table,
	      const struct why_audience *audience, const struct msg_why *why, int result,
	      void (*send)(struct msg_packet *packet, void *user), void *user)
{
	const struct asked *last[MSG_BECAUSE_MAX];
	struct msg_packet packet, done = { .type = MSG_BECAUSES };
	struct terok_guard value = {};
	struct terok_info info = {};
	unsigned n = 0;

	if (!result)
		result = guard_value(kernel, why->guard, &info, &value, NULL);
	if (!result)
		n = asked_last(table, why->guard, last, MSG_BECAUSE_MAX);
	for (unsigned i = 0; i < n; i++) {
		packet = (struct msg_packet){ .type = MSG_BECAUSE };
		packet.BECAUSE.token = why->token;
		packet.BECAUSE.guard = why->guard;
		because_fill(kernel, &info, &value, last[i], &packet.BECAUSE);
		send(&packet, user);
	}
	done.BECAUSES.token = why->token;
	done.BECAUSES.guard = why->guard;
	done.BECAUSES.result = result;
	done.BECAUSES.state = result ? 0 : explain_state(&value);
	done.BECAUSES.heard = !result && why_hears(audience, why->guard, info.uid);
	memcpy(done.BECAUSES.name, info.name, sizeof(done.BECAUSES.name));
	send(&done, user);
}
