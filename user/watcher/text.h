/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/text.h - podman's JSON, and that of whoever starts containers: bytes in, structs out
 *
 * Nothing here opens a file or believes anything. Threads: none.
 */
#ifndef TEROK_WATCHER_TEXT_H
#define TEROK_WATCHER_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "terok/dossier.h"
#include "watcher/monitor.h"

/* The annotations that ask for a guard. */
#define ANNOTATION_GUARD    "terok.guard"
#define ANNOTATION_PROFILES "terok.shield.profiles"

/**
 * text_config() - a runtime's config.json: does it ask for a guard, and what is its dossier?
 *
 * Return: 0; -EBADMSG: it is no JSON object. Without annotations nothing is asked for.
 */
int text_config(const char *json, size_t size, bool *annotated, struct terok_dossier *ret);

/**
 * text_meta() - the file that stands over a dossier's pairs: an object of texts
 *
 * Numbers and true are taken as texts; whatever is false, 0 or empty is left out. Return: 0;
 * -EBADMSG: it is no JSON object, and says nothing.
 */
int text_meta(const char *json, size_t size, struct terok_dossier *ret);

/**
 * text_event() - one line of podman's events: has anything begun, ended or got another name?
 *
 * Lines of the log, of `podman events --format json` and of the API's stream have the same
 * words here. What cannot be read is true: whoever looks finds out.
 */
bool text_event(const char *json, size_t size);

/**
 * text_names() - what the storage's list of containers calls each
 *
 * Return: 0; -EBADMSG: it is no JSON array.
 */
int text_names(const char *json, size_t size,
	       void (*fn)(const char *id, const char *name, void *user), void *user);

#endif
