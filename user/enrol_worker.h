/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_worker.h - guard one container: terok-bpfd --worker enrol
 *
 * Policy of a new guard comes from files: profiles, the journal. Reading them takes as long as it
 * takes, so the core has this program do it, started anew for each container, and tells it what it
 * has found to be true: whose it is, its cgroup, its network namespace. Here the guard is made,
 * held, and let go when all of its policy is in force; whatever goes wrong before, the core
 * refuses the container. It may have been started long before there was one (standby.h): then the
 * maps, programs and journal are open already.
 *
 * Descriptor 3 is its end of a SOCK_SEQPACKET pair: a struct enrol_task comes, with the cgroup
 * and the network namespace as descriptors; a struct enrol_report goes.
 * Called by: main; started by enrol.c. Threads: none.
 */
#ifndef TEROK_ENROL_WORKER_H
#define TEROK_ENROL_WORKER_H

#include "terok/control_msg.h"

struct enrol_task {
	__u32 uid;
	__u32 pad;
	struct control_attach word;
};

#define ENROL_TASK_FDS 2 /* the cgroup, the network namespace */

struct enrol_report {
	__s32 result;
	__u32 guard;
	char problem[CONTROL_TEXT];
};

/** enrol_worker_main() - exit code */
int enrol_worker_main(void);

#endif
