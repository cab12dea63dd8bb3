/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_entry.h - an entry of the journal -> the JSON of Entry in org.terok.Firewall1
 *
 * One form for History, for `terok-bpfd history --json` and for its export; text that a
 * container chose is sanitised here.
 * Called by: serve_history.c, user/verb_history.c. Threads: none.
 */
#ifndef HUB_WIRE_ENTRY_H
#define HUB_WIRE_ENTRY_H

#include "base/json.h"
#include "terok/core_msg.h"

/** wire_entry() - one object; @key NULL: in an array, or alone */
void wire_entry(struct json *json, const char *key, const struct msg_entry *entry);

/** wire_entry_type() - "request", "verdict", ...; wire_entry_scope() - "" if it has none */
const char *wire_entry_type(const struct msg_entry *entry);
const char *wire_entry_scope(const struct msg_entry *entry);

/** wire_entry_action() - "allow" or "deny"; "" if it has none */
const char *wire_entry_action(const struct msg_entry *entry);

/** wire_entry_request() - the request's id, of what has .ask; "": it is of none */
void wire_entry_request(char ret[static 32], const struct msg_entry *entry);

#endif
