// SPDX-License-Identifier: Apache-2.0
#include "wire_entry.h"

#include <string.h>

#include "base/sanitise.h"
#include "wire.h"

const char *wire_entry_type(const struct msg_entry *entry)
{
	static const char *const names[] = {
		[ENTRY_NONE] = "unknown",
		[ENTRY_REQUEST] = "request",
		[ENTRY_VERDICT] = "verdict",
		[ENTRY_EXPIRED] = "expired",
		[ENTRY_REVOKED] = "revoked",
		[ENTRY_ATTACHED] = "guard_attached",
		[ENTRY_DETACHED] = "guard_detached",
		[ENTRY_MISSED] = "missed",
		[ENTRY_ALARM] = "alarm",
		[ENTRY_CONTAINED] = "contained",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == ENTRY_TYPE_MAX_, "a name for each");
	return names[entry->type < ENTRY_TYPE_MAX_ ? entry->type : ENTRY_NONE];
}

const char *wire_entry_action(const struct msg_entry *entry)
{
	if (entry->type != ENTRY_VERDICT && entry->type != ENTRY_REVOKED)
		return "";
	return entry->action == TEROK_ALLOW ? "allow" : "deny";
}

const char *wire_entry_scope(const struct msg_entry *entry)
{
	static const char *const names[] = { [SCOPE_SESSION] = "session",
					     [SCOPE_ONCE] = "once",
					     [SCOPE_TIME] = "time",
					     [SCOPE_FOREVER] = "forever" };

	_Static_assert(sizeof(names) / sizeof(names[0]) == SCOPE_MAX_, "a name for each");
	return entry->type == ENTRY_VERDICT && entry->scope < SCOPE_MAX_ ? names[entry->scope] : "";
}

void wire_entry_request(char ret[static 32], const struct msg_entry *entry)
{
	struct label label = {};

	*ret = '\0';
	memcpy(label.info.container, entry->container, sizeof(label.info.container));
	if (entry->ask)
		wire_request_id(ret, &label, entry->ask);
}

/* Text that a container may have chosen. */
static void add_safe(struct json *json, const char *key, const char *text, size_t size)
{
	char buf[SANITISE_MAX + 1];

	json_add_string(json, key, sanitise(buf, SANITISE_MAX, text, strnlen(text, size)));
}

#define add_field(json, key, field) add_safe(json, key, field, sizeof(field))

void wire_entry(struct json *json, const char *key, const struct msg_entry *entry)
{
	char request[32];

	wire_entry_request(request, entry);
	json_open_object(json, key);
	json_add_uint(json, "number", entry->number);
	json_add_uint(json, "wall_ns", entry->wall_ns);
	json_add_string(json, "type", wire_entry_type(entry));
	json_add_uint(json, "guard", entry->guard);
	add_field(json, "container", entry->container);
	add_field(json, "name", entry->name);
	if (*entry->request)
		add_field(json, "request_id", entry->request);
	else
		json_add_string(json, "request_id", request);
	add_field(json, "dest", entry->dest);
	json_add_uint(json, "port", entry->port);
	json_add_uint(json, "proto", entry->proto);
	add_field(json, "domain", entry->domain);
	json_add_string(json, "action", wire_entry_action(entry));
	json_add_string(json, "scope", wire_entry_scope(entry));
	json_add_uint(json, "until_ns", entry->until_ns);
	json_add_uint(json, "uid", entry->uid);
	add_field(json, "client", entry->client);
	json_add_bool(json, "ok", entry->ok);
	add_field(json, "process", entry->process);
	json_add_uint(json, "count", entry->count);
	json_close_object(json);
}
