/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - the hub as a process: terok-bpfd --worker hub
 *
 * Descriptor 3 is its end of the core's SOCK_SEQPACKET pair, 4 the listening socket; those in
 * users' folders come with MSG_OPEN. It
 * has no capability, no uid of root, may open no file and make no call but those it lists.
 * It ends when the core closes its end.
 */
#ifndef HUB_WORKER_H
#define HUB_WORKER_H

/** hub_worker_main() - exit code */
int hub_worker_main(void);

#endif
