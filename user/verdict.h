/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verdict.h - an answer of people: the rule that it makes, in force or not at all
 *
 * The destination is what was asked, as asked.c has it: an answer chooses how much of it is
 * meant (an address, its name, everything below that name; the port or all), never another.
 * Called by: core. Threads: none.
 */
#ifndef TEROK_VERDICT_H
#define TEROK_VERDICT_H

#include "asked.h"
#include "base/addr.h"
#include "kernel.h"
#include "terok/core_msg.h"

/* The rule that an answer made. */
struct verdict_rule {
	bool by_name;
	struct dest dest;              /* by name: port and protocol only */
	char domain[TEROK_DOMAIN_LEN]; /* by name; "*.x" for x and all below it */
	uint64_t until_ns;             /* when it ends, CLOCK_BOOTTIME; 0: no end of its own */
};

/**
 * verdict_apply() - make the rule of an answer to @asked
 *
 * Return: 0: it is in force for the next decision; -EINVAL: no such answer to this question;
 * -EPERM: something that stands above rules is against it, and no rule was made; or what
 * policy_add() and domains_put() say.
 */
int verdict_apply(const struct kernel *kernel, const struct asked *asked,
		  const struct msg_verdict *verdict, struct verdict_rule *ret, struct problem *why);

/**
 * verdict_covers() - does that rule, in force, decide this question as well?
 *
 * By what it says; of an address also by what the hooks decide now.
 */
bool verdict_covers(const struct kernel *kernel, const struct verdict_rule *rule,
		    enum terok_action action, const struct asked *asked);

/** verdict_text() - the rule as `terok-bpfd rules` has it: "allow one.example port 443 tcp" */
void verdict_text(char ret[static MSG_RULE], enum terok_action action,
		  const struct verdict_rule *rule);

/** verdict_note() - write it down for people: the audit file, and the lists if it is kept */
void verdict_note(const struct kernel *kernel, uint32_t guard, const struct msg_verdict *verdict,
		  const struct verdict_rule *rule);

#endif
