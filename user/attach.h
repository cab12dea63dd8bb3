/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attach.h - from a cgroup to a guard, with everything around it: load, retry, tell the agent
 *
 * Called by: verb_attach.c for people, verb_hook.c for container runtimes. Threads: none.
 */
#ifndef TEROK_ATTACH_H
#define TEROK_ATTACH_H

#include "guard.h"
#include "profile.h"

/** attach_state_parse() - "up", "down", "down_all", "block"; -EINVAL */
int attach_state_parse(const char *text, enum terok_state *ret, struct problem *why);

/** attach_guard() - guard_attach(), loading what is not loaded; a running agent hears of it */
int attach_guard(const struct guard_spec *spec, struct guard *ret, bool *existing,
		 struct problem *why);

/**
 * attach_profile() - allow and deny the addresses of a composition, which was read before
 *
 * Its denies are in force before its first allow, and win wherever they stand. Its domains are
 * counted and said: no rule can name one yet. Return: 0, or negative errno with @why.
 */
int attach_profile(const struct guard *guard, const struct profile *profile, struct problem *why);

/** attach_publish() - publish ports of a guard; a failure is a warning: closed is safe */
void attach_publish(const struct guard *guard, const uint16_t *ports, unsigned n);

#endif
