/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner_worker.h - what is done in a user's folder is done by that user: terok-bpfd --worker owner
 *
 * A folder like /run/user/1000 is its user's, who may put there whatever they like, change it
 * at any instant, or mount over it a file system that never answers. So root does nothing in
 * it. For one deed the core starts this program, which becomes the user with no group of
 * theirs, no capability and no descriptor but its own; the worst that it can be led to is what
 * that user can do anyway. It binds sockets that the core made and keeps, or removes the files
 * of those it bound. With a foreign group no process of the user's may trace it; they may stop
 * or end it, and then their sockets are missing: the core waits for nobody.
 *
 * Descriptor 3 is its end of a SOCK_SEQPACKET pair: a struct owner_task comes, a struct
 * owner_report goes. 4 and those above are the sockets.
 * Called by: main; started by owner_child.c. Threads: none.
 */
#ifndef TEROK_OWNER_WORKER_H
#define TEROK_OWNER_WORKER_H

#include <stdint.h>

#include "terok/core_msg.h"

#define OWNER_FOLDER 64 /* bytes of a user's folder's path */

enum owner_deed { OWNER_BIND, OWNER_REMOVE };

/* A socket's file, by what it is and not by its name. */
struct owner_file {
	int32_t result; /* 0: bound there; negative errno: why not, or not yet */
	uint32_t pad;
	uint64_t device, inode;
};

struct owner_task {
	uint32_t uid;
	uint32_t deed; /* enum owner_deed */
	char folder[OWNER_FOLDER];
	struct owner_file file[MSG_PLACES]; /* OWNER_REMOVE: those that are ours */
};

struct owner_report {
	int32_t result; /* of the folder: -EPERM it is not the user's alone */
	uint32_t pad;
	uint64_t device, inode; /* the folder's */
	struct owner_file file[MSG_PLACES];
};

/** owner_place() - where socket @i is below a user's folder, for people */
const char *owner_place(unsigned i);

/** owner_worker_main() - exit code */
int owner_worker_main(void);

#endif
