/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - one function per verb of terok-bpfd, in verb_<name>.c
 *
 * Each gets its own arguments (argv[0] is the verb) and returns what cli.h says: 0, an
 * exit code of its own, or a negative errno that it has reported already.
 */
#ifndef TEROK_VERBS_H
#define TEROK_VERBS_H

#include "base/problem.h"

int verb_allow(int argc, char **argv);
int verb_attach(int argc, char **argv);
int verb_bypass(int argc, char **argv);
int verb_block(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_deny(int argc, char **argv);
int verb_detach(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_down(int argc, char **argv);
int verb_exec(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_export(int argc, char **argv);
int verb_flush(int argc, char **argv);
int verb_harvest(int argc, char **argv);
int verb_history(int argc, char **argv);
int verb_learn_session(int argc, char **argv);
int verb_load(int argc, char **argv);
int verb_logs(int argc, char **argv);
int verb_names(int argc, char **argv);
int verb_profiles(int argc, char **argv);
int verb_publish(int argc, char **argv);
int verb_resolve(int argc, char **argv);
int verb_rules(int argc, char **argv);
int verb_run(int argc, char **argv);
int verb_setup(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_unload(int argc, char **argv);
int verb_up(int argc, char **argv);
int verb_watch(int argc, char **argv);

#include "terok/abi.h"

struct kernel;
struct guard;

/** verb_fail() - report @why, which says it all; returns @err */
int verb_fail(int err, const struct problem *why);

/** verb_open() - the pinned maps and one guard by what a person calls it; reports */
int verb_open(const char *text, struct kernel **kernel, struct guard *guard);

/**
 * verb_called() - what files call a guard that a person called by its number, or with its user
 * @text: a name or an id is taken as it is: the guard may be gone, and its files are there
 *
 * Return: 0; -ENOENT: USER:NAME of no guard that there is; reported.
 */
int verb_called(const char *text, char ret[static TEROK_PATH_LEN]);

#endif
