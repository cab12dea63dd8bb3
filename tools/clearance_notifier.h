/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_notifier.h - the verbs of terok-clearance that speak to a desktop
 *
 * Called by: clearance.c. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_NOTIFIER_H
#define TOOLS_CLEARANCE_NOTIFIER_H

int verb_notifier(int argc, char **argv);
int verb_notify(int argc, char **argv);

#endif
