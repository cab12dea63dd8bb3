// SPDX-License-Identifier: Apache-2.0
/* core_refused.c - the way of a refusal: from the ring, or the resolver, to people and files */
#include "core_within.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/log.h"
#include "flows.h"
#include "guard.h"
#include "process.h"
#include "refused.h"
#include "system_log.h"

/* Refusals that a person may lift by an answer: nobody decided them by name. */
static bool is_question(const struct terok_record *record)
{
	if (record->hook == TEROK_HOOK_SOCK_CREATE || !record->guard)
		return false;
	/* getaddrinfo() sorts addresses by UDP connects to no port: nothing is ever sent */
	if (record->proto == IPPROTO_UDP && (!record->dst_port || record->dst_port == 65535))
		return false;
	/* in down allow rules say nothing about private ranges, so no answer could open one */
	if (record->reason == TEROK_REASON_PRIVATE)
		return record->state != TEROK_STATE_DOWN;
	return record->reason == TEROK_REASON_DEFAULT || record->reason == TEROK_REASON_EXPIRED;
}

/* What asks is told anew when the hub has room; all else is counted, so that it can say so. */
static void send_refused(struct core *core, struct msg_packet *packet, uint64_t count)
{
	uint64_t lost = core->hub.lost;

	worker_send(&core->hub, packet);
	if (core->hub.lost != lost && (!packet->REFUSED.ask || packet->REFUSED.held))
		unheard_note(&core->unheard, packet->REFUSED.record.guard, count);
}

void core_tell_refused(const struct asked *asked, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_REFUSED };

	refused_describe(core->kernel, asked, &packet.REFUSED);
	send_refused(core, &packet, 1);
}

void core_tell_unheard(uint32_t guard, uint64_t count, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_UNHEARD };

	packet.UNHEARD = (struct msg_unheard){ .count = count, .guard = guard };
	worker_send(&core->hub, &packet);
}

/* Of what nobody is asked about people hear how much it is. */
void core_tell_held(const struct asked *last, uint64_t count, void *user)
{
	struct core *core = user;
	struct msg_packet packet = { .type = MSG_REFUSED };

	refused_describe(core->kernel, last, &packet.REFUSED);
	packet.REFUSED.held = true;
	packet.REFUSED.count = count;
	send_refused(core, &packet, count);
}

/* People first, then the files. A question is told again and again, and noted once. */
static void note_refused(struct core *core, const struct asked *asked)
{
	struct terok_info info;

	if (asked->question && asked->count == 1)
		history_request(core->history, asked, process_name(&asked->record));
	if (!guard_info(core->kernel, asked->record.guard, &info))
		audit_refused(core->kernel, &info, &asked->record,
			      *asked->name ? asked->name : NULL, process_name(&asked->record),
			      dossiers_get(core->dossiers, asked->record.guard));
}

/* Its packets go nowhere; both ends should hear of it before they have waited for minutes. */
static void end_flow(struct core *core, const struct terok_record *record)
{
	struct problem why = {};
	int r = flows_end_socket(core->kernel, record->guard, record->sock_cookie, &why);

	if (r < 0)
		log_warn(0, "a flow of guard %u that named somebody else stays open, silent: %s",
			 record->guard, why.text);
}

static void on_asked(struct core *core, const struct asked *asked)
{
	if (!asked)
		return;
	serving_changed(&core->serving);
	/* a guard that a verb attached a moment ago: people hear its name first */
	watched_meet(core->watched, asked->record.guard);
	if (!asked->held)
		core_tell_refused(asked, core);
	else if (asked->count == 1)
		held_note(core->held, asked);
	note_refused(core, asked);
}

void core_on_record(const struct terok_record *record, void *user)
{
	struct core *core = user;
	bool question = is_question(record);
	const char *name = "";

	if (question) /* all addresses of a name are one question */
		name = lately_name(core->lately, core->kernel, record,
				   nameserver_learned(core->nameserver));
	if (record->reason == TEROK_REASON_HELLO)
		end_flow(core, record);
	on_asked(core, asked_note(core->asked, record, NULL, name, question));
}

/* A name that a container asked for and did not get, as if a hook had refused it. */
void core_on_unnamed(const struct msg_unnamed *unnamed, void *user)
{
	struct core *core = user;
	struct terok_record record = { .version = TEROK_ABI_VERSION,
				       .verdict = TEROK_DENY,
				       .reason = unnamed->why == UNNAMED_DENIED
						     ? TEROK_REASON_RULE_DENY
						     : TEROK_REASON_NAME_DENY,
				       .family = unnamed->v6 ? AF_INET6 : AF_INET,
				       .state = TEROK_STATE_UP,
				       .boot_ns = now_boot_ns(),
				       .guard = unnamed->guard };
	bool question = unnamed->why == UNNAMED_POLICY || unnamed->why == UNNAMED_BUDGET;

	if (unnamed->why == UNNAMED_ALARM) {
		system_log_alarm(unnamed->guard, "asks for names that look like data",
				 "TEROK_DOMAIN", unnamed->name);
		return;
	}
	if (unnamed->why == UNNAMED_REBOUND)
		record.reason = TEROK_REASON_PRIVATE;
	on_asked(core, asked_note(core->asked, &record, unnamed->name, NULL, question));
}
