// SPDX-License-Identifier: Apache-2.0
/* core_hub.c - what the hub says: answers of people, and what they want to know */
#include "core_within.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/comm.h"
#include "flows.h"
#include "grants_tell.h"
#include "guard.h"
#include "names.h"
#include "plane.h"
#include "process.h"
#include "verdict.h"

int core_tell_contained(const struct guard *guard, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_AGENT };

	if (plane_contained(guard, &packet.AGENT))
		worker_send(&core->hub, &packet);
	return 0;
}

/* The hub (again): every guard, then every question that is still open. */
static void on_hub_ready(void *user)
{
	struct core *core = user;

	dossiers_each(core->dossiers);
	watched_list(core->watched, 0);
	(void)guard_each(core->kernel, core_tell_contained, core);
	unheard_say(&core->unheard, core_tell_unheard, core);
	asked_each(core->asked, core_tell_refused, core);
	owners_tell(core->owners);
	discover_tell(core->discover);
}

static int apply_verdict(struct core *core, const struct msg_verdict *verdict,
			 const struct asked *asked, struct verdict_rule *rule, struct problem *why)
{
	uint32_t guard;
	int r;

	if (!asked)
		return problem(why, -ENOENT, "nothing was asked by that number, or it is answered");
	guard = asked->record.guard;
	r = verdict_apply(core->kernel, asked, verdict, rule, why);
	if (r)
		return r;
	asked_answered(core->asked, verdict->ask);
	serving_changed(&core->serving);
	grants_note(core->grants, guard, rule, verdict->action, verdict->scope);
	if (rule->by_name) /* its resolver answers by it from now on */
		watched_look(core->watched, guard);
	return 0;
}

struct settling {
	struct core *core;
	const struct verdict_rule *rule;
	const struct msg_verdict *verdict;
	const struct msg_result *result;
	struct msg_settled said;
};

static void settle_one(const struct asked *asked, void *user)
{
	struct settling *settling = user;
	struct core *core = settling->core;
	struct msg_packet packet = { .type = MSG_SETTLED, .SETTLED = settling->said };

	if (asked->record.guard != settling->said.guard ||
	    !verdict_covers(core->kernel, settling->rule, settling->said.action, asked))
		return;
	packet.SETTLED.ask = asked->id;
	asked_answered(core->asked, asked->id);
	worker_send(&core->hub, &packet);
	history_verdict(core->history, asked, settling->verdict, settling->result);
}

/* One answer may be of many questions: nobody is to answer the others one by one. */
static void settle_others(struct core *core, uint32_t guard, const struct msg_verdict *verdict,
			  const struct verdict_rule *rule, const struct msg_result *result)
{
	struct settling settling = { .core = core,
				     .rule = rule,
				     .verdict = verdict,
				     .result = result,
				     .said = { .until_ns = result->until_ns,
					       .guard = guard,
					       .uid = verdict->uid,
					       .action = verdict->action,
					       .scope = verdict->scope } };

	memcpy(settling.said.rule, result->rule, sizeof(settling.said.rule));
	memcpy(settling.said.client, result->client, sizeof(settling.said.client));
	asked_each(core->asked, settle_one, &settling);
}

static void on_verdict(struct core *core, const struct msg_verdict *verdict)
{
	struct msg_packet packet = { .type = MSG_RESULT };
	const struct asked *asked = asked_find(core->asked, verdict->ask);
	/* it may be forgotten on the way */
	struct asked question = asked ? *asked : (struct asked){};
	uint32_t guard = question.record.guard;
	struct verdict_rule rule;
	struct problem why = {};

	packet.RESULT.ask = verdict->ask;
	packet.RESULT.token = verdict->token;
	process_comm(verdict->pid, verdict->uid, packet.RESULT.client);
	packet.RESULT.result = apply_verdict(core, verdict, asked, &rule, &why);
	snprintf(packet.RESULT.problem, sizeof(packet.RESULT.problem), "%.127s", why.text);
	if (!packet.RESULT.result) {
		packet.RESULT.until_ns = rule.until_ns;
		verdict_text(packet.RESULT.rule, verdict->action, &rule);
	}
	worker_send(&core->hub, &packet);
	history_verdict(core->history, &question, verdict, &packet.RESULT);
	if (packet.RESULT.result)
		return;
	settle_others(core, guard, verdict, &rule, &packet.RESULT);
	if (verdict->action == TEROK_DENY)
		flows_end_said(core->kernel, guard, FLOWS_REFUSED_NAMED);
	if (rule.by_name && verdict->action == TEROK_DENY)
		names_prune(core->kernel, guard);
	verdict_note(core->kernel, guard, verdict, &rule);
}

struct recall {
	struct core *core;
	uint64_t token;
};

static void send_entry(const struct msg_entry *entry, void *user)
{
	const struct recall *recall = user;
	struct msg_packet packet = { .type = MSG_ENTRY };

	packet.ENTRY = *entry;
	packet.ENTRY.token = recall->token;
	worker_send(&recall->core->hub, &packet);
}

static void on_history(struct core *core, const struct msg_history *asked)
{
	struct history_query query = { .after = asked->after,
				       .uid = asked->uid,
				       .guard = asked->guard,
				       .limit = asked->limit };
	struct recall recall = { core, asked->token };
	struct msg_packet done = { .type = MSG_LISTED };
	int r = 0;

	if (query.limit > MSG_HISTORY_MAX)
		query.limit = MSG_HISTORY_MAX;
	if (query.limit)
		r = history_read(core->history, &query, send_entry, &recall);
	done.LISTED.token = asked->token;
	done.LISTED.result = r < 0 ? r : 0;
	done.LISTED.more = r > 0;
	worker_send(&core->hub, &done);
}

void core_tell_hub(struct msg_packet *packet, void *user)
{
	struct core *core = user;

	worker_send(&core->hub, packet);
}

static void on_revoke(struct core *core, const struct msg_revoke *revoke)
{
	struct msg_packet packet = { .type = MSG_REVOKED };
	struct granted granted;
	int r = grants_take_back(core->grants, revoke, &granted, &packet.REVOKED);

	if (!r) /* its resolver answers without it from now on */
		watched_look(core->watched, granted.guard);
	worker_send(&core->hub, &packet);
	if (r)
		return;
	history_revoked(core->history, granted.guard, packet.REVOKED.grant.dest,
			packet.REVOKED.grant.port, packet.REVOKED.grant.proto,
			packet.REVOKED.grant.action, revoke->uid, packet.REVOKED.client);
	grants_note_end(core->kernel, &granted, revoke->uid);
}

static void on_hub_message(const struct msg_packet *packet, void *user)
{
	struct core *core = user;

	if (packet->type == MSG_VERDICT)
		on_verdict(core, &packet->VERDICT);
	else if (packet->type == MSG_LIST)
		nameserver_tell(core->nameserver, &packet->LIST);
	else if (packet->type == MSG_HISTORY)
		on_history(core, &packet->HISTORY);
	else if (packet->type == MSG_AUDIENCE)
		core->audience.now = packet->AUDIENCE;
	else if (packet->type == MSG_GRANTS)
		grants_tell(core->grants, &packet->GRANTS, core_tell_hub, core);
	else if (packet->type == MSG_REVOKE)
		on_revoke(core, &packet->REVOKE);
}

const struct worker_events core_hub_events = { .ready = on_hub_ready, .message = on_hub_message };
