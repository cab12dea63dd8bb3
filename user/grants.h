/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grants.h - what people's answers have made, for people to look at and to take back
 *
 * A grant is a rule, allow or deny, that an answer made and that is in force. The kernel's maps
 * are the truth: this table says only which rules to look for there, what they are called, and
 * in what words they were asked for. Of a guard that had rules before this agent knew it (kept
 * ones come back with their container) they are looked for when somebody asks the first time.
 * What a verb said since, or took away, is no grant any more.
 *
 * A user's grants are found without a look at anybody else's. Their numbers are random, as
 * those of questions: they say nothing of how many others there are.
 * Called by: core. Threads: none.
 */
#ifndef TEROK_GRANTS_H
#define TEROK_GRANTS_H

#include "base/cleanup.h"
#include "kernel.h"
#include "policy.h"
#include "terok/core_msg.h"
#include "verdict.h"

#define GRANTS_MAX   65536 /* remembered of all guards */
#define GRANTS_SHOWN 1024  /* of one call: the core has other things to do */

struct grants;

/* One of them, as it is in the kernel now. */
struct granted {
	uint64_t number;
	uint32_t guard;
	enum scope scope;
	struct terok_rule value; /* made_ns: since when; uid: who answered */
	struct verdict_rule rule;
};

int grants_new(const struct kernel *kernel, struct grants **ret);
void grants_free(struct grants *grants);
DEFINE_CLEANUP(struct grants, grants_free)

/** grants_guard() - a guard of @uid's that is there; again is fine */
void grants_guard(struct grants *grants, uint32_t guard, uint32_t uid);

/** grants_gone() - it ended, and its rules with it */
void grants_gone(struct grants *grants, uint32_t guard);

/** grants_note() - an answer made this rule of a guard that is known */
void grants_note(struct grants *grants, uint32_t guard, const struct verdict_rule *rule,
		 enum terok_action action, enum scope scope);

/**
 * grants_each() - those of one guard, or with @guard 0 of all that @uid may see (0: everything)
 *
 * The newest of a guard first, GRANTS_SHOWN at most. Return: are there more?
 */
bool grants_each(struct grants *grants, uint32_t uid, uint32_t guard,
		 void (*fn)(const struct granted *granted, void *user), void *user);

/**
 * grants_revoke() - take one back: the rule is gone when this returns, also from the journal
 * @ret: what it was
 *
 * Return: 0; -ENOENT: @uid has no such grant (any more); -EPERM: root answered so, and @uid is
 * another; what policy_remove() and domains_drop() say.
 */
int grants_revoke(struct grants *grants, uint32_t uid, uint64_t number, struct granted *ret,
		  struct problem *why);

#endif
