/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - what terok-gate can be told to do; gate/main.c has the table
 *
 * Each takes its command line, argv[0] is the verb, and returns as struct cli_verb says.
 */
#ifndef GATE_VERBS_H
#define GATE_VERBS_H

int verb_audit(int argc, char **argv);
int verb_hook(int argc, char **argv);
int verb_policy(int argc, char **argv);
int verb_serve(int argc, char **argv);
int verb_token(int argc, char **argv);
int verb_sync(int argc, char **argv);
int verb_branches(int argc, char **argv);
int verb_apply(int argc, char **argv);
int verb_backups(int argc, char **argv);
int verb_restore(int argc, char **argv);
int verb_last_commit(int argc, char **argv);
int verb_install(int argc, char **argv);
int verb_uninstall(int argc, char **argv);
int verb_start(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_ensure_reachable(int argc, char **argv);

#endif
