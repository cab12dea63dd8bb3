/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_grant.h - a grant -> the JSON of Grant in org.terok.Firewall1
 *
 * Called by: serve_grants.c. Threads: none.
 */
#ifndef HUB_WIRE_GRANT_H
#define HUB_WIRE_GRANT_H

#include "base/json.h"
#include "wire.h"

/** wire_grant() - one object in an array; @label: of its guard */
void wire_grant(struct json *json, const struct label *label, const struct msg_grant *grant);

/** wire_grant_id() - what Revoke names */
void wire_grant_id(char ret[static 24], const struct msg_grant *grant);

/** wire_grant_number() - of a text that wire_grant_id() made; 0: it did not */
uint64_t wire_grant_number(const char *text);

#endif
