/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names_text.h - names between the kernel and people: lines and JSON
 *
 * Names came from a container as bytes, and are canonical (dns/name.h), so printable, when
 * they are in a map; printed they pass log_safe() all the same.
 * Called by: verbs. Threads: none.
 */
#ifndef TEROK_NAMES_TEXT_H
#define TEROK_NAMES_TEXT_H

#include "base/json.h"
#include "names_list.h"

#define NAME_WHEN_LEN   32
#define NAME_GRANTS_LEN 400

/** names_mode() - how a guard's names are answered: "learn", "synthetic", "off" */
const char *names_mode(const struct terok_guard *value);

/** name_when() - until when an address holds: "350 s left", "ended", "with its name" */
const char *name_when(char buf[static NAME_WHEN_LEN], const struct name_address *address,
		      uint64_t now_ns);

/** name_grants() - "allow port 443 tcp, deny port 25"; returns @buf */
const char *name_grants(char buf[static NAME_GRANTS_LEN], const struct terok_name *name,
			uint64_t now_ns);

/** name_text() - a name and its addresses, a line each, on stdout */
void name_text(const struct listed_name *name, uint64_t now_ns);

/** name_json() - one object; name_grants_json(), name_address_json() - its parts */
void name_json(struct json *json, const char *key, const struct listed_name *name, uint64_t now_ns);
void name_grants_json(struct json *json, const char *key, const struct terok_name *name,
		      uint64_t now_ns);
void name_address_json(struct json *json, const char *key, const struct name_address *address,
		       uint64_t now_ns);

#endif
