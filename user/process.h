/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - what /proc adds to a record: executable path, command line, ancestors
 *
 * A process is its number and its birth: text is taken only while /proc shows a process
 * of that number that was born when the record says, checked before and after reading.
 * Read once, kept for the next PROCESS_CACHE processes. The bytes are the process's own
 * choice and stay opaque: whoever shows them sanitises them.
 * Called by: core. Threads: none. No allocation.
 */
#ifndef TEROK_PROCESS_H
#define TEROK_PROCESS_H

#include <stdint.h>

#include "terok/abi.h"
#include "terok/core_msg.h"

#define PROCESS_CACHE 64

struct process_text {
	char exe[MSG_TEXT];     /* empty: gone, or not to be seen from our namespace */
	char cmdline[MSG_TEXT]; /* spaces between arguments */
	char parents[MSG_PARENTS][TEROK_COMM_LEN]; /* nearest first; "": no more are known */
};

/** process_name() - text for the process of a record; borrowed until the next call */
const struct process_text *process_name(const struct terok_record *record);

#endif
