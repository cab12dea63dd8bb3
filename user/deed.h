/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deed.h - what a verb is to do, when all that was typed has been read: numbers and names
 *
 * A verb reads its command line into a deed (terok/control_msg.h), and the deed is done: by root
 * in the same process, with or without an agent; for everybody else by the agent, which is told
 * the deed on its control socket, takes the user's number from the kernel, and starts a child
 * that does it (deeds.h) for guards of that user and no others. So people's text is read by
 * people's own processes, and one function does each deed for all.
 *
 * Called by: verbs; deed_worker_main() by main. Threads: none.
 */
#ifndef TEROK_DEED_H
#define TEROK_DEED_H

#include "base/addr.h"
#include "base/problem.h"
#include "profile.h"
#include "terok/control_msg.h"

/** deed_init() - @guard: NULL, or as typed; -EINVAL: none is called that */
int deed_init(struct control_deed *deed, enum deed_kind kind, const char *guard,
	      struct problem *why);

/** deed_entry() - what it is about, from what was read; deed_dest() - the address of it again */
void deed_entry(struct control_deed *deed, const struct profile_entry *entry);
struct dest deed_dest(const struct control_deed *deed);

/** deed_check() - could a verb have made it? -EBADMSG; for what another process said */
int deed_check(const struct control_deed *deed);

/** deed_do() - do it, or have it done; what a verb returns */
int deed_do(const struct control_deed *deed);

/** deed_run() - do it here, for caller_scope() */
int deed_run(const struct control_deed *deed);

/** deed_show() - a verb that has one guard and --json: read its command line and do it */
int deed_show(enum deed_kind kind, int argc, char **argv);

/** deed_worker_main() - the agent's child: one deed for one user; exit code */
int deed_worker_main(void);

/* One function for each, beside its verb: what a verb returns. */
int deed_status(const struct control_deed *deed);
int deed_state(const struct control_deed *deed);
int deed_bypass(const struct control_deed *deed);
int deed_rule(const struct control_deed *deed);
int deed_publish(const struct control_deed *deed);
int deed_rules(const struct control_deed *deed);
int deed_names(const struct control_deed *deed);
int deed_flush(const struct control_deed *deed);
int deed_explain(const struct control_deed *deed);
int deed_resolve(const struct control_deed *deed);
int deed_detach(const struct control_deed *deed);
int deed_attach(const struct control_deed *deed);

#endif
