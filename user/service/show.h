/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.h - how a service stands, for people and as JSON: what status of each says alike
 *
 * Threads: none shared.
 */
#ifndef SERVICE_SHOW_H
#define SERVICE_SHOW_H

#include "base/json.h"
#include "life.h"

/** show_line() - a label and what is there, made safe for a terminal; NULL: no line */
void show_line(const char *label, const char *text);

/** show_end() - the last lines: the process, and what is wrong */
void show_end(const struct life *life);

/** show_add() - a string, or null */
void show_add(struct json *json, const char *key, const char *text);

/** show_add_begin() - mode, running, port */
void show_add_begin(struct json *json, const struct life *life);

/** show_add_end() - pid, installed, unit_version, outdated, unknown */
void show_add_end(struct json *json, const struct life *life);

#endif
