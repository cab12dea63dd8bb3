// SPDX-License-Identifier: Apache-2.0
#include "system_log.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/event.h"
#include "base/journald.h"
#include "base/log.h"
#include "budget.h"
#include "terok/names.h"

#define NAME    "terok-bpfd"
#define BUCKETS 256

struct logged { /* a guard */
	struct logged *next;
	uint32_t id;
	struct terok_info info;
	struct budget requests;
};

static struct {
	struct journald journald;
	struct journald_entry entry;
	struct logged *guard[BUCKETS];
	struct budget user[BUDGET_USERS];
	uint64_t lost; /* of journald.lost, what has been told */
} sink = { .journald = { .fd = -1 } };

void system_log_open(const char *place)
{
	if ((place || journald_reads()) && journald_open(place, &sink.journald))
		log_warn(0,
			 "the journal has no place for fields: guards and requests are not in it");
}

static bool is_open(void)
{
	return sink.journald.fd >= 0;
}

static struct logged **slot_of(uint32_t id)
{
	struct logged **slot = &sink.guard[id % BUCKETS];

	while (*slot && (*slot)->id != id)
		slot = &(*slot)->next;
	return slot;
}

static void forget(struct logged **slot)
{
	struct logged *guard = *slot;

	*slot = guard->next;
	free(guard);
}

void system_log_close(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		while (sink.guard[i])
			forget(&sink.guard[i]);
	memset(sink.user, 0, sizeof(sink.user));
	journald_close(&sink.journald);
	sink.lost = 0;
}

/* --- who may be in it how often ------------------------------------------------------------- */

static struct budget *budget_of(const struct logged *guard)
{
	return budget_of_user(sink.user, guard->info.uid);
}

static bool user_affords(const struct logged *guard)
{
	return budget_spend(budget_of(guard), SYSTEM_LOG_USER, SYSTEM_LOG_USER_RATE);
}

/* --- fields --------------------------------------------------------------------------------- */

#define FIELD(name, array) journald_text(&sink.entry, name, array, sizeof(array))
#define TEXT(name, text)   journald_text(&sink.entry, name, text, JOURNALD_VALUE)
#define NUMBER(name, n)    journald_number(&sink.entry, name, n)

/* MESSAGE is for people's eyes; names in fields are as they are. */
static void begin(const struct logged *guard, int priority, const char *id, const char *fmt, ...)
    __attribute__((__format__(__printf__, 4, 5)));

static void begin(const struct logged *guard, int priority, const char *id, const char *fmt, ...)
{
	char text[JOURNALD_VALUE], safe[JOURNALD_VALUE], name[TEROK_NAME_LEN];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "guard %u (%s) ", guard->id,
		     log_safe(name, sizeof(name), guard->info.name));
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	journald_begin(&sink.entry, NAME, priority, id, log_safe(safe, sizeof(safe), text));
	NUMBER("TEROK_GUARD", guard->id);
	FIELD("TEROK_CONTAINER", guard->info.container);
	FIELD("TEROK_NAME", guard->info.name);
	NUMBER("TEROK_UID", guard->info.uid);
}

static void end(struct budget *budget)
{
	uint64_t unlogged = budget->left_out + sink.journald.lost - sink.lost;

	if (unlogged)
		NUMBER("TEROK_UNLOGGED", unlogged);
	if (!journald_send(&sink.journald, &sink.entry))
		return;
	budget->left_out = 0;
	sink.lost = sink.journald.lost;
}

uint64_t system_log_unlogged(void)
{
	uint64_t n = sink.journald.lost - sink.lost;

	for (unsigned i = 0; i < BUDGET_USERS; i++)
		n += sink.user[i].left_out;
	for (unsigned i = 0; i < BUCKETS; i++)
		for (const struct logged *guard = sink.guard[i]; guard; guard = guard->next)
			n += guard->requests.left_out;
	return n;
}

static const char *proto_text(uint8_t proto, char buf[static 8])
{
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP)
		return proto == IPPROTO_TCP ? "tcp" : "udp";
	snprintf(buf, 8, "%u", proto);
	return buf;
}

static void flow_fields(const char *dest, uint16_t port, uint8_t proto)
{
	char buf[8];

	TEXT("TEROK_DEST", dest);
	NUMBER("TEROK_PORT", port);
	TEXT("TEROK_PROTO", proto_text(proto, buf));
}

/* What was asked: people call it by its container and number. */
struct question {
	char dest[TEROK_DOMAIN_LEN], request[32], flow[TEROK_DOMAIN_LEN + 24];
};

static void question_of(const struct logged *guard, const struct asked *asked, struct question *ret)
{
	const struct terok_record *record = &asked->record;
	char text[ADDR_TEXT], proto[8];

	snprintf(ret->dest, sizeof(ret->dest), "%s",
		 *asked->name ? asked->name : addr_format(text, record->dst));
	snprintf(ret->request, sizeof(ret->request), "%.12s:%" PRIu64, guard->info.container,
		 asked->id);
	if (*asked->name && !record->dst_port)
		snprintf(ret->flow, sizeof(ret->flow), "%s", ret->dest);
	else
		snprintf(ret->flow, sizeof(ret->flow), "%s port %u/%s", ret->dest, record->dst_port,
			 proto_text(record->proto, proto));
}

static void question_fields(const struct asked *asked, const struct question *question)
{
	TEXT("TEROK_REQUEST", question->request);
	flow_fields(question->dest, asked->record.dst_port, asked->record.proto);
	TEXT("TEROK_DOMAIN", *asked->name ? asked->name : asked->told);
}

/* --- what happens ---------------------------------------------------------------------------- */

void system_log_guard(uint32_t id, const struct terok_info *info, enum terok_state state,
		      enum guard_news news)
{
	struct logged **slot = slot_of(id), *guard = *slot;

	if (!is_open())
		return;
	if (!guard && !(guard = *slot = calloc(1, sizeof(*guard))))
		return;
	guard->id = id;
	guard->info = *info;
	if (news == GUARD_LISTED || !user_affords(guard))
		return;
	begin(guard, LOG_INFO, news == GUARD_ATTACHED ? SYSTEM_LOG_ATTACHED : SYSTEM_LOG_STATE,
	      news == GUARD_ATTACHED ? "is attached, state %s" : "is in state %s",
	      terok_state_name(state));
	TEXT("TEROK_STATE", terok_state_name(state));
	FIELD("TEROK_CGROUP", guard->info.path);
	end(budget_of(guard));
}

void system_log_gone(uint32_t id, const char *reason)
{
	struct logged **slot = slot_of(id), *guard = *slot;

	if (!guard)
		return;
	if (user_affords(guard)) {
		begin(guard, LOG_INFO, SYSTEM_LOG_GONE, "has ended: %s", reason);
		TEXT("TEROK_REASON", reason);
		end(budget_of(guard));
	}
	forget(slot);
}

void system_log_request(const struct asked *asked, const struct process_text *process)
{
	const struct terok_record *record = &asked->record;
	struct logged *guard = *slot_of(record->guard);
	struct question question;
	char comm[TEROK_COMM_LEN + 1] = "";

	if (!guard ||
	    !budget_spend(&guard->requests, SYSTEM_LOG_REQUESTS, SYSTEM_LOG_REQUESTS_RATE))
		return;
	memcpy(comm, record->comm, TEROK_COMM_LEN);
	question_of(guard, asked, &question);
	begin(guard, LOG_NOTICE, SYSTEM_LOG_REQUEST, "asks for %s: %s[%u], request %s",
	      question.flow, *comm ? comm : "-", record->tgid, question.request);
	question_fields(asked, &question);
	TEXT("TEROK_REASON", terok_reason_name(record->reason));
	FIELD("TEROK_COMM", comm);
	FIELD("TEROK_EXE", process->exe);
	if (record->tgid)
		NUMBER("TEROK_PID", record->tgid);
	end(&guard->requests);
}

static const char *const scopes[] = { [SCOPE_SESSION] = "session",
				      [SCOPE_ONCE] = "once",
				      [SCOPE_TIME] = "time",
				      [SCOPE_FOREVER] = "forever" };
_Static_assert(sizeof(scopes) / sizeof(*scopes) == SCOPE_MAX_, "a name for each scope");

static const char *action_text(uint32_t action)
{
	return action == TEROK_ALLOW ? "allow" : "deny";
}

static void client_fields(uint32_t uid, const char *client, size_t size)
{
	journald_text(&sink.entry, "TEROK_CLIENT", client, size);
	NUMBER("TEROK_CLIENT_UID", uid);
}

void system_log_verdict(const struct asked *asked, const struct msg_verdict *verdict,
			const struct msg_result *result)
{
	struct logged *guard = *slot_of(asked->record.guard);
	struct question question;
	bool ok = !result->result;

	if (!guard || !asked->id || !user_affords(guard))
		return;
	question_of(guard, asked, &question);
	begin(guard, ok ? LOG_NOTICE : LOG_WARNING, SYSTEM_LOG_VERDICT, "%s %s%s, by user %u%s%s",
	      action_text(verdict->action), question.flow, ok ? "" : " was not carried out",
	      verdict->uid, ok ? "" : ": ", ok ? "" : result->problem);
	question_fields(asked, &question);
	TEXT("TEROK_VERDICT", action_text(verdict->action));
	if (verdict->scope < SCOPE_MAX_)
		TEXT("TEROK_SCOPE", scopes[verdict->scope]);
	TEXT("TEROK_OK", ok ? "yes" : "no");
	FIELD("TEROK_RULE", result->rule);
	FIELD("TEROK_PROBLEM", result->problem);
	client_fields(verdict->uid, result->client, sizeof(result->client));
	end(budget_of(guard));
}

void system_log_revoked(uint32_t id, const char *dest, uint16_t port, uint8_t proto,
			enum terok_action action, uint32_t uid, const char *client)
{
	struct logged *guard = *slot_of(id);

	if (!guard || !user_affords(guard))
		return;
	begin(guard, LOG_NOTICE, SYSTEM_LOG_REVOKED, "%s %s was taken back, by user %u",
	      action_text(action), dest, uid);
	flow_fields(dest, port, proto);
	TEXT("TEROK_VERDICT", action_text(action));
	client_fields(uid, client, TEROK_COMM_LEN);
	end(budget_of(guard));
}

void system_log_alarm(uint32_t id, const char *message, const char *field, const char *text)
{
	struct logged *guard = *slot_of(id);
	char safe[96];

	if (!is_open() || !guard) {
		log_warn(0, "guard %u %s%s%.80s", id, message, *text ? ": " : "",
			 log_safe(safe, sizeof(safe), text));
		return;
	}
	if (!budget_spend(&guard->requests, SYSTEM_LOG_REQUESTS, SYSTEM_LOG_REQUESTS_RATE))
		return;
	begin(guard, LOG_WARNING, SYSTEM_LOG_ALARM, "%s%s%.80s", message, *text ? ": " : "", text);
	TEXT(field, text);
	end(&guard->requests);
}
