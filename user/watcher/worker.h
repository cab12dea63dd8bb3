/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/worker.h - one user's containers, as podman has them: terok-bpfd --worker watcher
 *
 * A second source beside the OCI hooks: it sees containers that no hook came with, names that
 * changed and files that say who a container is. All that it reads is that user's, who may write
 * there whatever they like: so it is read as that user, without a capability, and the core takes
 * it as a claim. Root's is root without a capability. It can write to no file and starts no program:
 * podman is not asked. Descriptor 3 is the core.
 * Called by: main; started by watchers.c. Threads: none.
 */
#ifndef TEROK_WATCHER_WORKER_H
#define TEROK_WATCHER_WORKER_H

/** watcher_main() - exit code */
int watcher_main(void);

#endif
