// SPDX-License-Identifier: Apache-2.0
#include "history_core.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "system_log.h"

static void entry_of_asked(struct msg_entry *entry, const struct asked *asked)
{
	const struct terok_record *record = &asked->record;
	char text[ADDR_TEXT];

	entry->ask = asked->id;
	entry->count = asked->count;
	entry->port = record->dst_port;
	entry->proto = record->proto;
	snprintf(entry->dest, sizeof(entry->dest), "%s",
		 *asked->name ? asked->name : addr_format(text, record->dst));
	memcpy(entry->domain, *asked->name ? asked->name : asked->told, sizeof(entry->domain));
}

void history_request(struct history *history, const struct asked *asked,
		     const struct process_text *process)
{
	struct msg_entry *entry = history_entry(history, asked->record.guard, ENTRY_REQUEST);
	const struct terok_record *record = &asked->record;

	system_log_request(asked, process);
	if (!entry)
		return;
	entry_of_asked(entry, asked);
	if (record->tgid)
		snprintf(entry->process, sizeof(entry->process), "%.*s[%u] %.*s", TEROK_COMM_LEN,
			 record->comm, record->tgid, 128, process->exe);
}

void history_expired(struct history *history, const struct asked *asked)
{
	struct msg_entry *entry = history_entry(history, asked->record.guard, ENTRY_EXPIRED);

	if (entry)
		entry_of_asked(entry, asked);
}

/* A deadline of this boot as one that means something after it. */
static uint64_t wall_of(uint64_t until_ns)
{
	uint64_t now = now_boot_ns();

	if (!until_ns)
		return 0;
	return until_ns > now ? now_wall_ns() + (until_ns - now) : now_wall_ns();
}

void history_verdict(struct history *history, const struct asked *asked,
		     const struct msg_verdict *verdict, const struct msg_result *result)
{
	struct msg_entry *entry = history_entry(history, asked->record.guard, ENTRY_VERDICT);

	system_log_verdict(asked, verdict, result);
	if (!entry)
		return;
	entry_of_asked(entry, asked);
	entry->action = verdict->action;
	entry->scope = verdict->scope;
	entry->until_ns = wall_of(result->until_ns);
	entry->uid = verdict->uid;
	entry->ok = !result->result;
	memcpy(entry->client, result->client, sizeof(result->client));
}

void history_revoked(struct history *history, uint32_t guard, const char *dest, uint16_t port,
		     uint8_t proto, enum terok_action action, uint32_t uid, const char *client)
{
	struct msg_entry *entry = history_entry(history, guard, ENTRY_REVOKED);

	system_log_revoked(guard, dest, port, proto, action, uid, client);
	if (!entry)
		return;
	snprintf(entry->dest, sizeof(entry->dest), "%s", dest);
	snprintf(entry->client, sizeof(entry->client), "%s", client);
	entry->port = port;
	entry->proto = proto;
	entry->action = action;
	entry->uid = uid;
	entry->ok = true;
}

void history_contained(struct history *history, const struct msg_agent *agent)
{
	struct msg_entry *entry = history_entry(history, agent->guard, ENTRY_CONTAINED);

	system_log_alarm(agent->guard, "is contained: nothing leaves it", "TEROK_REASON",
			 agent->told.reason);
	if (!entry)
		return;
	entry->uid = agent->uid;
	entry->action = TEROK_DENY;
	entry->ok = true;
	snprintf(entry->process, sizeof(entry->process), "%.63s: %.90s", agent->told.reason,
		 agent->told.detail);
}

void history_alarm(struct history *history, const struct terok_info *info)
{
	const uint32_t nobody = UINT32_MAX; /* the number of no guard */
	struct msg_entry *entry;

	history_guard(history, nobody, info, false);
	entry = history_entry(history, nobody, ENTRY_ALARM);
	if (entry)
		entry->guard = 0;
}
