/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_annotation.h - what a container's annotations say of its guard
 *
 *   terok.guard = [STATE] [profiles=NAME:NAME...] [publish=PORT:PORT...] [host-ports=PORT:PORT...]
 *		   [names=learn|synthetic|off] [resolver=ADDR]... [gateway=ADDR]...
 *   dossier.KEY, dossier.meta_path: who it is, for people (terok/dossier.h)
 *   terok.shield.*: hook_shield.h
 *
 * One annotation has it all. An image may bring annotations, and podman merges them with those
 * of its command line; where both have terok.guard the command line's stands in as a whole, so
 * an image can guard its own container but never add to what the operator said.
 *
 * Called by: hook_created.c. Threads: none.
 */
#ifndef TEROK_HOOK_ANNOTATION_H
#define TEROK_HOOK_ANNOTATION_H

#include "base/problem.h"
#include "terok/control_msg.h"

#define ANNOTATION_KEY       "terok.guard"
#define ANNOTATION_MAX       4096
#define ANNOTATION_PASTA_MAP "169.254.1.2" /* pasta's name for the host's own loopback */

struct json_object;

/**
 * annotation_parse() - the words of @text into @word; "", "1" and "true" are the same as none
 *
 * Return: 0; -EINVAL with @why, which names the word.
 */
int annotation_parse(const char *text, struct control_attach *word, struct problem *why);

/** annotation_host_ports() - "PORT:PORT" of the host, at pasta's address and @gateway (NULL: none) */
int annotation_host_ports(const char *list, const char *gateway, struct control_attach *word,
			  struct problem *why);

/** annotation_dossier() - every dossier.KEY among @annotations; what has no room is left out */
void annotation_dossier(struct json_object *annotations, struct control_attach *word);

#endif
