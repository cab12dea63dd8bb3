/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dns/worker.h - the resolver as a process of its own: the agent's executable started again
 *
 * It keeps no privilege: it reads what containers and name servers send. Its listening sockets
 * are the core's gift, made in the containers' namespaces; its questions leave from the host's.
 * Called by: main, with --worker resolver. Threads: none.
 */
#ifndef TEROK_DNS_WORKER_H
#define TEROK_DNS_WORKER_H

/** dns_worker_main() - the whole process; descriptor 3 is the core; its exit code */
int dns_worker_main(void);

#endif
