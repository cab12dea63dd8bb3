/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance.h - the faces of terok-clearance: a screen, lines, JSON
 *
 * Each runs a session (clearance_session.h) on a loop of its own until the person, the hub or a
 * signal ends it.
 * Called by: clearance.c. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_H
#define TOOLS_CLEARANCE_H

#include "clearance_session.h"

#define EXIT_INTERRUPTED 130 /* by SIGINT, as a shell has it */

/* Faces: run until the end, return a cli.h result. */
int tui_run(const char *path);
/** tui_can_run() - is there a terminal, and is it known how to write to it? */
bool tui_can_run(void);
int plain_run(const char *path, bool follow, bool reconnect);
int stream_run(const char *path, bool reconnect);

/* Verbs that ask once (clearance_verbs.c, clearance_verb_answer.c), each as cli.h has it. */
int once_list(int argc, char **argv);
int once_guards(int argc, char **argv);
int once_answer(int argc, char **argv);
int once_allow(int argc, char **argv);
int once_deny(int argc, char **argv);
int once_grants(int argc, char **argv);
int once_revoke(int argc, char **argv);
int once_history(int argc, char **argv);
int once_export(int argc, char **argv);

/** verb_web() - the face for browsers: clearance_web.c */
int verb_web(int argc, char **argv);

/* Verbs with a file of their own: clearance_bridge.c, clearance_lines.c. */
int verb_bridge(int argc, char **argv);
int verb_session(int argc, char **argv);

/** plain_format() - for clearance_plain.c and its test: an item as one line, without colours; returns @buf */
const char *plain_format(char *buf, size_t size, const struct item *item);

#endif
