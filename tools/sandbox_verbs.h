/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_verbs.h - verbs of terok-sandbox, as the table in sandbox.c has them
 *
 * Each returns what struct cli_verb wants of it. Threads: none.
 */
#ifndef TEROK_SANDBOX_VERBS_H
#define TEROK_SANDBOX_VERBS_H

int verb_run(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_logs(int argc, char **argv);
int verb_wait(int argc, char **argv);
int verb_state(int argc, char **argv);
int verb_list(int argc, char **argv);
int verb_doctor(int argc, char **argv);
int verb_shield(int argc, char **argv);

#endif
