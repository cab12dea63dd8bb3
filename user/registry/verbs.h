/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - what terok-cp can be told to do; user/registry/main.c has the table
 *
 * Each takes its command line, argv[0] is the verb, and returns as struct cli_verb says.
 */
#ifndef REGISTRY_VERBS_H
#define REGISTRY_VERBS_H

int verb_agents(int argc, char **argv);
int verb_install(int argc, char **argv);
int verb_pki(int argc, char **argv);
int verb_plan(int argc, char **argv);
int verb_serve(int argc, char **argv);
int verb_start(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_uninstall(int argc, char **argv);
int verb_watch(int argc, char **argv);

#endif
