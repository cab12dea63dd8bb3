/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_known.h - what podman has said of this host, kept while nothing that it depends on changes
 *
 * "podman info" takes longer than the start of a container. What it says follows from podman's
 * program, its settings, our environment and who we are; a sum of all that, file by file with its
 * times, is a mark, and what is kept counts for the same mark only, an hour at most. No hook and no
 * agent is kept: those are looked at each time. So what is known can be wrong only in what nobody
 * thought of, and then podman refuses the command line or the container is found without a guard
 * and ended.
 *
 * Owns: RUNTIME/podman.json, the user's alone. Called by: sandbox_host.c. Threads: none.
 */
#ifndef TEROK_SANDBOX_KNOWN_H
#define TEROK_SANDBOX_KNOWN_H

#include "sandbox_host.h"

#define KNOWN_S        3600 /* no longer, whatever stays as it is */

#define KNOWN_MARK_LEN 33

/**
 * known_mark() - a sum of all that podman's answers follow from
 * @now_s: by the wall clock; what changed just now may change again unseen: *@settled is false then
 *
 * Return: false: it cannot be told, and nothing is to be kept.
 */
bool known_mark(int64_t now_s, char ret[static KNOWN_MARK_LEN], bool *settled);

/** known_load() - version, manager, network and folders of hooks; -ENOENT: not known, or no more */
int known_load(const char *mark, int64_t now_s, struct host *ret);

/** known_save() - keep it; what cannot be kept is asked again: no error */
void known_save(const char *mark, int64_t now_s, const struct host *host);

#endif
