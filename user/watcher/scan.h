/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/scan.h - the monitors of one user's containers, from /proc
 *
 * Podman is not asked: its answer takes 60 ms and 30 MB, and it says what is on its monitors'
 * command lines. Threads: none.
 */
#ifndef TEROK_WATCHER_SCAN_H
#define TEROK_WATCHER_SCAN_H

#include <sys/types.h>

#include "watcher/monitor.h"

/** scan_monitors() - each of ours that runs in our pid namespace; negative errno */
int scan_monitors(void (*fn)(const struct monitor *monitor, pid_t pid, void *user), void *user);

/** scan_pid() - the number in a pidfile; 0: there is none */
pid_t scan_pid(const char *pidfile);

#endif
