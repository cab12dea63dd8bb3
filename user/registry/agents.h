/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agents.h - the registry: which certificate is which agent in which container, on disk
 *
 * A sqlite file whose table and numbers of layouts are a contract with programs that we do not ship;
 * beside it, in a table of ours, which assertions were used and by whom. What is committed survives
 * a power cut. There is no copy in memory. Malformed rows, which somebody else must have written,
 * are said and are nobody.
 *
 * Owns: the file. Called by: register, reap, verbs. Threads: a handle belongs to one.
 */
#ifndef REGISTRY_AGENTS_H
#define REGISTRY_AGENTS_H

#include "agent_name.h"
#include "base/cleanup.h"
#include "leaf.h"

#define AGENTS_FILE      "controlplane.db"
#define AGENTS_SPENT_MAX (1U << 20) /* assertions that were used and are not over: 100 bytes each */

struct agent {
	uint8_t thumbprint[LEAF_THUMBPRINT];
	char container[AGENT_ID_LEN];
	char project[AGENT_NAME_LEN], name[AGENT_NAME_LEN];
	int64_t registered, seen; /* seconds since 1970; seen 0: as registered */
};

/* An assertion that is used, and the certificate that it is used with. */
struct spent {
	const char *client, *jti;
	const uint8_t *thumbprint;
	int64_t expires;
};

struct agents;

/** agents_path() - the file that is meant: @said, or the default; the caller's, NULL: no memory */
char *agents_path(const char *said);

/**
 * agents_open() - for its one writer; made if it is not there, its folder must be
 *
 * Return: 0; -EINVAL an empty path; -ENOENT no folder; -EPROTO a newer program's; or as db_open();
 * with @why. A table of before there were numbers is dropped, with a warning.
 */
int agents_open(const char *path, struct agents **ret, struct problem *why);

/** agents_open_reader() - only to look, beside the writer; -ENOENT: there is none yet */
int agents_open_reader(const char *path, struct agents **ret, struct problem *why);

void agents_free(struct agents *agents);
DEFINE_CLEANUP(struct agents, agents_free)

/** agents_begin() - what follows is one commit; nothing if that was said already */
int agents_begin(struct agents *agents, struct problem *why);

/** agents_is_begun() - false as well after a failure that took back all that was begun */
bool agents_is_begun(const struct agents *agents);

/** agents_commit() - and durable; otherwise nothing of it happened, with @why */
int agents_commit(struct agents *agents, struct problem *why);

/** agents_add() - 0; -EINVAL it is no whole row; -EEXIST its certificate or container has one */
int agents_add(struct agents *agents, const struct agent *agent, struct problem *why);

/** agents_lookup() - by container; 0, -ENOENT none, -EBADMSG malformed, or another errno with @why */
int agents_lookup(struct agents *agents, const char *container, struct agent *ret,
		  struct problem *why);

/** agents_evict() - the row of a container; 0 as well if there is none */
int agents_evict(struct agents *agents, const char *container, struct problem *why);

/** agents_touch() - it was seen @now; 0 as well if there is no such row */
int agents_touch(struct agents *agents, const char *container, int64_t now, struct problem *why);

/**
 * agents_each() - all rows, by project and name; malformed ones are logged and left out
 *
 * Return: 0; what fn() returned if that is not 0; a negative errno with @why: that is not "none".
 */
int agents_each(struct agents *agents, int (*fn)(const struct agent *agent, void *user), void *user,
		struct problem *why);

/**
 * agents_spend() - an assertion is used, now and by this certificate
 *
 * The same again is no error: a reply may have been lost. Return: 0; -EEXIST: another certificate
 * has used it; -ENOSPC: AGENTS_SPENT_MAX are kept.
 */
int agents_spend(struct agents *agents, const struct spent *spent, int64_t now,
		 struct problem *why);

/** agents_spent() - who has used it? 0 nobody, 1 this certificate, -EEXIST another, or another errno */
int agents_spent(struct agents *agents, const struct spent *spent, struct problem *why);

#endif
