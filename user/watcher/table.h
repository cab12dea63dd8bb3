/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/table.h - the containers that run, as the core was told of them
 *
 * A round sees each that runs; who was not seen has ended. What the core has not taken yet is
 * kept as what is to be said, never as a queue: so it is as long as there are containers.
 * Threads: none.
 */
#ifndef TEROK_WATCHER_TABLE_H
#define TEROK_WATCHER_TABLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "terok/core_msg.h"
#include "watcher/monitor.h"

#define TABLE_MAX 4096 /* as many as there may be guards */

struct entry {
	struct entry *next;
	struct monitor monitor;
	pid_t monitor_pid, pid;
	bool seen, ended;
	bool untold, unsaid;   /* the core is to be told of it; of what its file says */
	bool annotated, there; /* there: the file can be read */
	char name[TEROK_NAME_LEN];
	struct terok_dossier pairs, file;
};

struct table {
	struct entry *entry;
	unsigned n;
};

/** table_begin() - a round */
void table_begin(struct table *table);

/**
 * table_see() - one that runs; NULL: there are too many
 * @fresh: it is new, or another process than before: its texts are to be read
 */
struct entry *table_see(struct table *table, const struct monitor *monitor, pid_t monitor_pid,
			pid_t pid, bool *fresh);

/** table_end() - those that were not seen have ended */
void table_end(struct table *table);

/** table_say() - say what is to be said, until @say cannot take it; true: all of it */
bool table_say(struct table *table, bool (*say)(struct msg_packet *packet, void *user), void *user);

void table_free(struct table *table);

#endif
