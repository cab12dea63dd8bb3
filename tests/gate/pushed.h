/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pushed.h - a mirror, a clone, and pushes between them with a token's environment, for tests
 *
 * One at a time, in a folder of its own: base/p.git, work (a clone with one commit, on main and
 * on start), and receive, which starts git-receive-pack as a server would. The program that uses
 * it is the hook as well: its main gives "hook" to verb_hook().
 * Called by: fixtures and tests of cmocka: what goes wrong is an assertion.
 */
#ifndef TESTS_GATE_PUSHED_H
#define TESTS_GATE_PUSHED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gate/push.h"

extern char pushed_folder[64];
extern char pushed_said[65536]; /* by the last script */

/* cmocka's */
int pushed_setup(void **state);
int pushed_teardown(void **state);

/** pushed_sh() - run a script in the clone; its exit code. It has push, commit, tip, backups */
int pushed_sh(const char *script);

/** pushed_works() - the same, and it ends well */
void pushed_works(const char *script);

/** pushed_refused() - it does not, and the pusher is told @text */
void pushed_refused(const char *script, const char *text);

/** pushed_says() - the last script has printed that; pushed_never_says() - it has not */
void pushed_says(const char *text);
/** pushed_never_says() - see there */
void pushed_never_says(const char *text);

/** pushed_policy() - the project's policy file */
void pushed_policy(const char *text);

/** pushed_try_as() - from now on pushes are this token's; as push_environment() returns */
int pushed_try_as(const struct token *token, bool receives, struct problem *why);

/** pushed_as() - the same, of a token that may push */
void pushed_as(const struct token *token);

#endif
