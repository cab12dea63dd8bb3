/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_shield.h - the annotations of containers that other programs make for a shield
 *
 *   terok.shield.profiles        NAME:NAME..., and that it is to be guarded
 *   terok.shield.version         of what made the container: SHIELD_VERSION, or it is refused
 *   terok.shield.name            what it is called
 *   terok.shield.state_dir       a folder of its owner's: the container's short id is written there
 *   terok.shield.loopback_ports  PORT:PORT... of the host, at pasta's and slirp4netns's addresses
 *   terok.shield.upstream_dns    an address; the agent has name servers of its own, and asks those
 *
 * The other ones (audit_enabled, dns_tier) say what is always so here.
 * Called by: hook_created.c. Threads: none.
 */
#ifndef TEROK_HOOK_SHIELD_H
#define TEROK_HOOK_SHIELD_H

#include "base/problem.h"
#include "terok/control_msg.h"

#define SHIELD_KEY     "terok.shield."
#define SHIELD_TRIGGER SHIELD_KEY "profiles"
#define SHIELD_VERSION "12"

struct json_object;

/**
 * shield_parse() - what of @annotations is of this kind, into @word, which has what terok.guard says
 * @folder: of the state, open, the caller's; -1: none is named
 *
 * Without the trigger nothing else is looked at. Return: 0; -EINVAL, -EPERM with @why.
 */
int shield_parse(struct json_object *annotations, struct control_attach *word, int *folder,
		 struct problem *why);

/** shield_folder() - open a state_dir that may be believed: its owner's alone, and no system's */
int shield_folder(const char *path, int *ret, struct problem *why);

/** shield_note() - write the first 12 digits of @id into @folder's container.id; negative errno */
int shield_note(int folder, const char *id);

#endif
