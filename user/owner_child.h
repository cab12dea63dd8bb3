/* SPDX-License-Identifier: Apache-2.0 */
/*
 * owner_child.h - start one deed in a user's folder (owner_worker.h) and hear what became of it
 *
 * Nothing here waits but owner_child_await(). Owns: the child and its pair, from start to end.
 * Called by: owners.c. Threads: none.
 */
#ifndef TEROK_OWNER_CHILD_H
#define TEROK_OWNER_CHILD_H

#include <stdbool.h>

#include "errand.h"
#include "owner_worker.h"

struct owner_child {
	struct errand self;
	int fd; /* our end of the pair */
};

/** owner_child_start() - @fd: the sockets to bind, MSG_PLACES of them; negative errno */
int owner_child_start(struct owner_child *child, const struct owner_task *task, const int *fd);

/** owner_child_kill() - it takes too long */
void owner_child_kill(const struct owner_child *child);

/** owner_child_await() - has it ended before @until_ns? */
bool owner_child_await(const struct owner_child *child, uint64_t until_ns);

/**
 * owner_child_end() - it has ended: its report
 *
 * Return: 0 or what went wrong with the folder; -ECHILD: it was ended before it was done.
 */
int owner_child_end(struct owner_child *child, struct owner_report *ret);

#endif
