/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - policy that outlives its guard: rules, published ports and state, on disk
 *
 * The kernel's maps are the truth while a guard lives; this is what a container finds again
 * when it comes back, and every guard after the machine was. Whoever changes policy for
 * longer than the guard writes here first, then the map: what cannot be written here is
 * refused, and a process killed between the two leaves a change that nobody was told of.
 * Ends are kept in CLOCK_BOOTTIME, which nobody sets, and as wall-clock seconds for the next
 * boot: a rule never lasts longer than it was asked for, whatever the clock was set to.
 *
 * Owns: policy.db in TEROK_STATE (/var/lib/terok), opened at first use.
 * Called by: policy.c, guard.c. Threads: one; the caller holds policy.lock.
 */
#ifndef TEROK_JOURNAL_H
#define TEROK_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/problem.h"
#include "terok/abi.h"
#include "terok/agent_event.h"

struct rule;
struct publish;
struct domain_rule;

#define JOURNAL_KEY_LEN      (TEROK_PATH_LEN + 24)
#define JOURNAL_LAYOUT       6     /* of policy.db, for who reads it beside its writer */
#define JOURNAL_USER_GUARDS  4096  /* kept of one user but root; 256 live at a time */
#define JOURNAL_USER_ENTRIES 65536 /* ... rules, names, addresses and ports of them: some 40 MB */
#define JOURNAL_PROFILES_LEN 1024  /* names of a composition, with a colon between, NUL included */

/**
 * journal_key() - what a guard is called on disk: its container, or its cgroup's path
 *
 * Return: false for a guard that never comes back (exec).
 */
bool journal_key(const struct terok_info *info, char ret[static JOURNAL_KEY_LEN]);

/**
 * journal_begin() - what is written until journal_end() is on disk all of it, or none of it
 *
 * For what is said at once: a write by itself costs as much as a hundred together. May be nested;
 * nobody waits for anything in between but the disk, as all other writers wait for this one.
 */
int journal_begin(struct problem *why);

/** journal_end() - @result of what was done: 0: it is on disk when this returns 0; else nothing is */
int journal_end(int result, struct problem *why);

/** journal_put_rule() - keep it; saying the opposite of the same destination replaces it */
int journal_put_rule(const char *key, const struct rule *rule, struct problem *why);
int journal_drop_rule(const char *key, const struct rule *rule, struct problem *why);

/** journal_get_rule() - the one with the destination of @like; 1: there is, 0: none */
int journal_get_rule(const char *key, const struct rule *like, struct rule *ret,
		     struct problem *why);

/**
 * journal_get_effective() - what all that is kept says of one address, port and protocol
 *
 * The rule of just that destination; else what the domains that had this address say, denies
 * first, as a rule of TEROK_AUTHOR_NAME. 1: there is such a rule, 0: none.
 */
int journal_get_effective(const char *key, const struct rule *like, struct rule *ret,
			  struct problem *why);

/**
 * journal_put_domain() - keep what is said of a domain; the opposite of it is replaced
 *
 * Its addresses are journal_put_answers()'; a domain that is replaced keeps them.
 */
int journal_put_domain(const char *key, const struct domain_rule *name, struct problem *why);

/** journal_drop_domain() - and its addresses; -ENOENT: it says nothing like it */
int journal_drop_domain(const char *key, const struct domain_rule *name, struct problem *why);

/** journal_put_answers() - the addresses that a domain has now, in place of those it had */
int journal_put_answers(const char *key, const struct domain_rule *name, uint8_t addr[][16],
			unsigned n, struct problem *why);

/** journal_each_answer() - the addresses of one domain as exact rules of TEROK_AUTHOR_NAME */
int journal_each_answer(const char *key, const struct domain_rule *name,
			int (*fn)(const struct rule *rule, void *user), void *user,
			struct problem *why);

/** journal_each_domain() - every domain that has not ended */
int journal_each_domain(const char *key, int (*fn)(const struct domain_rule *name, void *user),
			void *user, struct problem *why);

/** journal_put_profiles() - the names of its composition; journal_get_profiles() 1: there is one */
int journal_put_profiles(const char *key, const char *names, struct problem *why);
int journal_get_profiles(const char *key, char ret[static JOURNAL_PROFILES_LEN],
			 struct problem *why);

/** journal_put_names() - how its names are answered: TEROK_NAMES_OFF, TEROK_NAMES_EXACT or 0 */
int journal_put_names(const char *key, uint16_t names, struct problem *why);
int journal_get_names(const char *key, uint16_t *ret, struct problem *why);

/** journal_put_port() - a published port; journal_drop_port() - no longer */
int journal_put_port(const char *key, const struct publish *port, struct problem *why);
int journal_drop_port(const char *key, const struct publish *port, struct problem *why);

/** journal_put_state() - the state it comes back in, and who said so; 0: root */
int journal_put_state(const char *key, enum terok_state state, uint32_t uid, struct problem *why);

/* Why a control plane had it blocked: bytes that a peer may have chosen. */
struct journal_cause {
	char reason[AGENT_REASON], detail[AGENT_DETAIL];
};

/** journal_contain() - state block, and why; another state that is said has no cause */
int journal_contain(const char *key, uint32_t uid, const struct journal_cause *cause,
		    struct problem *why);

/** journal_cause() - why it is contained; 1: it is, 0: it is not */
int journal_cause(const char *key, struct journal_cause *ret, struct problem *why);

/** journal_state_uid() - who said it last; -ENOENT: nobody has said any */
int journal_state_uid(const char *key, uint32_t *ret, struct problem *why);

/** journal_get_state() - NONE if none was kept */
int journal_get_state(const char *key, enum terok_state *ret, struct problem *why);

/** journal_forget() - all of one guard */
int journal_forget(const char *key, struct problem *why);

struct journal_reader {
	/* Each returns 0 to go on. A rule's guard is 0: the reader knows it. */
	int (*rule)(const struct rule *rule, void *user);
	int (*port)(const struct publish *port, void *user);
	void *user;
};

/**
 * journal_read() - what is kept of one guard; rules that have ended are left out
 *
 * Addresses of domains come last, denies before allows: whoever writes them writes no second
 * rule over a first.
 * @state: NONE if none was kept
 */
int journal_read(const char *key, const struct journal_reader *reader, enum terok_state *state,
		 struct problem *why);

/**
 * journal_ahead() - open it now: for who will be in a hurry, and tidies it up afterwards
 *
 * From now on what was written stays in its log until journal_tidy(), as what moves it into the
 * file waits for the disk.
 */
int journal_ahead(struct problem *why);

/** journal_refresh() - if it is another file by now, or of another layout: open it anew at the next use */
void journal_refresh(void);

/** journal_tidy() - move what has gathered in its log into the file, if it is much */
void journal_tidy(void);

/** journal_close() - open it anew at the next use */
void journal_close(void);

#endif
