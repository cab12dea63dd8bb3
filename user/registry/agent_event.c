// SPDX-License-Identifier: Apache-2.0
/* agent_event.c - see agent_event.h */
#include "agent_event.h"

#include <stddef.h>
#include <string.h>

#include "base/event.h"

enum kind { TEXT, RAW, UINT, INT, BOOL, TIME };

/* What an event may have, in the order of its JSON. A duration is nanoseconds, as peers write it. */
static const struct field {
	const char *name;
	enum kind kind;
	size_t at;
} fields[] = {
	{ "container_id", TEXT, offsetof(struct agent_event, container) },
	{ "agent", TEXT, offsetof(struct agent_event, agent) },
	{ "project", TEXT, offsetof(struct agent_event, project) },
	{ "address", TEXT, offsetof(struct agent_event, address) },
	{ "attempts", UINT, offsetof(struct agent_event, attempts) },
	{ "peer_agent_full_name", TEXT, offsetof(struct agent_event, peer_name) },
	{ "peer_thumbprint", TEXT, offsetof(struct agent_event, peer_thumbprint) },
	{ "ok", BOOL, offsetof(struct agent_event, ok) },
	{ "step_count", UINT, offsetof(struct agent_event, step_count) },
	{ "step", TEXT, offsetof(struct agent_event, step) },
	{ "failed_step", TEXT, offsetof(struct agent_event, step) },
	{ "step_index", UINT, offsetof(struct agent_event, step_index) },
	{ "duration", TIME, offsetof(struct agent_event, duration_ns) },
	{ "exit_code", INT, offsetof(struct agent_event, exit_code) },
	{ "reason", TEXT, offsetof(struct agent_event, reason) },
	{ "detail", TEXT, offsetof(struct agent_event, detail) },
	{ "error", TEXT, offsetof(struct agent_event, detail) },
	{ "name", TEXT, offsetof(struct agent_event, name) },
	{ "old_name", TEXT, offsetof(struct agent_event, old_name) },
	{ "labels", RAW, offsetof(struct agent_event, labels) },
	{ "action", TEXT, offsetof(struct agent_event, action) }, /* of no type: its name has it */
};

/* Beside whose it is, a blank around each. */
static const char *const has_fields[AGENT_EVENT_TYPES_] = {
	[AGENT_EVENT_NONE] = "",
	[AGENT_EVENT_CONTAINER] = " name old_name labels ",
	[AGENT_EVENT_CONNECTING] = " address ",
	[AGENT_EVENT_CONNECTED] = " address attempts peer_agent_full_name peer_thumbprint ",
	[AGENT_EVENT_FAILED] = " address reason attempts ",
	[AGENT_EVENT_BROKEN] = " address reason ",
	[AGENT_EVENT_REGISTERED] = " ok reason ",
	[AGENT_EVENT_UNTRUSTED] = " reason detail ",
	[AGENT_EVENT_INIT_STARTED] = " step_count ",
	[AGENT_EVENT_STEP_STARTED] = " step step_index step_count ",
	[AGENT_EVENT_STEP_COMPLETED] = " step step_index duration exit_code ",
	[AGENT_EVENT_STEP_FAILED] = " step step_index duration exit_code reason detail ",
	[AGENT_EVENT_INIT_COMPLETED] = " duration ",
	[AGENT_EVENT_INIT_FAILED] = " failed_step reason detail duration ",
	[AGENT_EVENT_REAP_DEGRADED] = " error ",
	[AGENT_EVENT_CONTAINED] = " ok reason detail ",
};

static bool has(uint32_t type, const char *field)
{
	size_t n = strlen(field);

	for (const char *at = has_fields[type]; (at = strstr(at, field)); at += n)
		if (at[-1] == ' ' && at[n] == ' ')
			return true;
	return false;
}

static const char **text_of(const struct agent_event *event, const struct field *field)
{
	if (field->kind != TEXT && field->kind != RAW)
		return NULL;
	return (const char **)((char *)event + field->at);
}

#define N_FIELDS (sizeof(fields) / sizeof(*fields))

/* Its texts lie behind it: one allocation for each event. */
struct agent_event *agent_event_new(const struct agent_event *wish)
{
	struct agent_event *event;
	size_t n = 0;
	char *at;

	for (size_t i = 0; i < N_FIELDS; i++) {
		const char **text = text_of(wish, &fields[i]);

		n += text && *text ? strlen(*text) + 1 : 0;
	}
	event = malloc(sizeof(*event) + n);
	if (!event)
		return NULL;
	*event = *wish;
	event->refs = 1;
	if (!event->wall_ns)
		event->wall_ns = now_wall_ns();
	at = (char *)(event + 1);
	for (size_t i = 0; i < N_FIELDS; i++) {
		const char **from = text_of(wish, &fields[i]), **to = text_of(event, &fields[i]);

		/* a member with two names is copied by the first of them */
		if (!from || !*from || *to != *from)
			continue;
		*to = at;
		at = stpcpy(at, *from) + 1;
	}
	return event;
}

struct agent_event *agent_event_ref(struct agent_event *event)
{
	event->refs++;
	return event;
}

void agent_event_unref(struct agent_event *event)
{
	if (event && --event->refs == 0)
		free(event);
}

const char *agent_event_name(const struct agent_event *event, char *buf, size_t size)
{
	const char *name = agent_event_type_name(event->type);

	if (event->type != AGENT_EVENT_CONTAINER)
		return name;
	snprintf(buf, size, "%s%s", name, event->action ?: "unknown");
	return buf;
}

static void add(struct json *json, const struct agent_event *event, const struct field *field)
{
	const void *at = (const char *)event + field->at;

	switch (field->kind) {
	case TEXT:
		if (*(const char *const *)at)
			json_add_string(json, field->name, *(const char *const *)at);
		break;
	case RAW:
		if (*(const char *const *)at)
			json_add_raw(json, field->name, *(const char *const *)at,
				     strlen(*(const char *const *)at));
		break;
	case UINT: json_add_uint(json, field->name, *(const uint32_t *)at); break;
	case INT: json_add_int(json, field->name, *(const int32_t *)at); break;
	case BOOL: json_add_bool(json, field->name, *(const bool *)at); break;
	case TIME: json_add_uint(json, field->name, *(const uint64_t *)at); break;
	}
}

void agent_event_json(struct json *json, const char *key, const struct agent_event *event)
{
	char name[64];

	json_open_object(json, key);
	json_add_string(json, "event", agent_event_name(event, name, sizeof(name)));
	json_add_uint(json, "time_unix_ns", event->wall_ns);
	for (size_t i = 0; i < N_FIELDS; i++)
		if (i < 3 || has(event->type, fields[i].name))
			add(json, event, &fields[i]);
	json_close_object(json);
}
