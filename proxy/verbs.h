/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs.h - what terok-proxy can be told to do; proxy/main.c has the table
 *
 * Each takes its command line, argv[0] is the verb, and returns as struct cli_verb says.
 */
#ifndef PROXY_VERBS_H
#define PROXY_VERBS_H

int verb_serve(int argc, char **argv);
int verb_route(int argc, char **argv);
int verb_install(int argc, char **argv);
int verb_uninstall(int argc, char **argv);
int verb_start(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_ensure_reachable(int argc, char **argv);
int verb_env(int argc, char **argv);
int verb_credential(int argc, char **argv);
int verb_token(int argc, char **argv);
int verb_store(int argc, char **argv);
int verb_ssh(int argc, char **argv);

#endif
