/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_show.h - what a sync came to and what it left, for people and as JSON
 *
 * The names in JSON are those that programs know of the gate before this one. Names of branches
 * are containers' words, and leave as printable ASCII. Threads: none (standard output).
 */
#ifndef GATE_SYNC_SHOW_H
#define GATE_SYNC_SHOW_H

#include "base/json.h"
#include "sync.h"

/** sync_show_json() - the whole result as one object */
void sync_show_json(struct json *json, const struct sync_result *result);

/** sync_show_text() - the same for people, a line for each branch that changed or waits */
void sync_show_text(const struct sync_result *result);

/** sync_add_applied() - one branch that was changed, as an object of an array */
void sync_add_applied(struct json *json, const struct sync_applied *applied);

/** sync_add_pending() - one that waits, the same */
void sync_add_pending(struct json *json, const struct sync_pending *pending);

/** sync_print_pending() - one that waits, as a line */
void sync_print_pending(const struct sync_pending *pending);

/** sync_add_lines() - an array of strings */
void sync_add_lines(struct json *json, const char *key, const struct sync_lines *lines);

/** sync_add_sha() - a string, or null if it is empty */
void sync_add_sha(struct json *json, const char *key, const char *sha);

#endif
